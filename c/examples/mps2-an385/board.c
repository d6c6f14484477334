/* ARM's MPS2 board with the AN385 image: UARTs of the Cortex-M System Design Kit, a clock of 25 MHz. */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define UART_DATA REGISTER(0x40004000)
#define UART_STATE REGISTER(0x40004004)
#define UART_CONTROL REGISTER(0x40004008)
#define UART_INTERRUPT REGISTER(0x4000400C)
#define UART_DIVISOR REGISTER(0x40004010)
#define LOG_DATA REGISTER(0x40005000)
#define LOG_STATE REGISTER(0x40005004)
#define LOG_CONTROL REGISTER(0x40005008)
#define LOG_DIVISOR REGISTER(0x40005010)
#define LEDS REGISTER(0x40028000)
#define TIMER_CONTROL REGISTER(0xE000E010)
#define TIMER_RELOAD REGISTER(0xE000E014)
#define INTERRUPT_ENABLE REGISTER(0xE000E100)

/* Of UART_STATE. An overrun is cleared by writing it. */
#define TRANSMIT_FULL (1u << 0)
#define RECEIVE_FULL (1u << 1)
#define RECEIVE_OVERRUN (1u << 3)
/* Of UART_CONTROL. */
#define TRANSMIT_ENABLE (1u << 0)
#define RECEIVE_ENABLE (1u << 1)
#define RECEIVE_INTERRUPT_ENABLE (1u << 3)
/* Of UART_INTERRUPT. */
#define RECEIVE_INTERRUPT (1u << 1)

/* The interrupt handler writes at `head`, the main loop reads at `tail`. Both count on for ever, so the size is a power of 2. */
#define RING_SIZE 1024u
static volatile uint8_t ring[RING_SIZE];
static volatile uint32_t head, tail;
/* Bytes are missing after those in the ring. Until the main loop has seen that, none is added: it must know where. */
static volatile bool overrun;

static volatile uint32_t ticks;

void board_start(void)
{
    TIMER_RELOAD = 25000 - 1;
    TIMER_CONTROL = 7; /* the processor's clock, interrupt, on */
    LOG_DIVISOR = 16;
    LOG_CONTROL = TRANSMIT_ENABLE;
    UART_DIVISOR = 16;
    UART_CONTROL = TRANSMIT_ENABLE | RECEIVE_ENABLE | RECEIVE_INTERRUPT_ENABLE;
    INTERRUPT_ENABLE = 1u << 0;
}

void uart_interrupt(void)
{
    uint32_t state;
    UART_INTERRUPT = RECEIVE_INTERRUPT;
    while (((state = UART_STATE) & (RECEIVE_FULL | RECEIVE_OVERRUN)) != 0) {
        if ((state & RECEIVE_OVERRUN) != 0) {
            UART_STATE = RECEIVE_OVERRUN;
            overrun = true;
        }
        if ((state & RECEIVE_FULL) != 0) {
            uint8_t byte = (uint8_t)UART_DATA;
            if (overrun || head - tail == RING_SIZE) {
                overrun = true;
            } else {
                ring[head % RING_SIZE] = byte;
                head = head + 1;
            }
        }
    }
}

bool uart_peek(uint8_t *byte)
{
    if (head == tail) {
        return false;
    }
    *byte = ring[tail % RING_SIZE];
    return true;
}

void uart_next(void)
{
    tail = tail + 1;
}

bool uart_lost(void)
{
    /* In this order: after an overrun nothing is added. */
    if (!overrun || head != tail) {
        return false;
    }
    overrun = false;
    return true;
}

bool uart_write(uint8_t byte)
{
    if ((UART_STATE & TRANSMIT_FULL) != 0) {
        return false;
    }
    UART_DATA = byte;
    return true;
}

void log_text(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((LOG_STATE & TRANSMIT_FULL) != 0) {
        }
        LOG_DATA = (uint8_t)*text;
    }
}

void clock_interrupt(void)
{
    ticks = ticks + 1;
}

uint32_t milliseconds(void)
{
    return ticks;
}

uint32_t leds(void)
{
    return LEDS;
}

void set_leds(uint32_t on)
{
    LEDS = on;
}

void board_sleep(void)
{
    __asm__ volatile("wfi");
}
