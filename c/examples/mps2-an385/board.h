/* A Cortex-M3 board: two UARTs, a clock, LEDs. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void board_start(void);

/* The next byte that the agent's UART has received. False if there is none. */
bool uart_peek(uint8_t *byte);
/* Goes on to the byte after it. */
void uart_next(void);
/* Whether bytes are missing after all that were read. True once. */
bool uart_lost(void);
/* False if the byte was not taken. */
bool uart_write(uint8_t byte);

/* To the other UART. */
void log_text(const char *text);

/* Since the start; it wraps around. */
uint32_t milliseconds(void);

/* The LEDs that are on, one bit each. */
uint32_t leds(void);
void set_leds(uint32_t on);

/* Sleeps until an interrupt: the clock's within a millisecond, if not the UART's. */
void board_sleep(void);

/* Interrupt handlers. */
void clock_interrupt(void);
void uart_interrupt(void);

#endif
