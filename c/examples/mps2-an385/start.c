/* What runs before main, and the table of interrupts. */
#include <stdint.h>

#include "board.h"

int main(void);

/* From the linker script. */
extern uint32_t data_start[], data_end[], bss_start[], bss_end[];
extern const uint32_t data_source[];

void reset(void);

void reset(void)
{
    const uint32_t *from = data_source;
    for (uint32_t *to = data_start; to < data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end;) {
        *to++ = 0;
    }
    (void)main();
    for (;;) {
    }
}

static void halt(void)
{
    for (;;) {
    }
}

/* Interrupts follow the 15 exceptions of the processor. The linker script has put the stack in front. */
__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    reset, halt, halt, halt, halt, halt, 0, 0, 0, 0, halt, halt, 0, halt, clock_interrupt,
    uart_interrupt,
};
