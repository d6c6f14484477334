//! The evaluation board of the Stellaris LM3S6965: a Cortex-M3, and UARTs that are PL011s.
#![no_std]
#![no_main]

use cortex_m_guest::{Pl011, received, serve, tick};
use cortex_m_rt::{entry, exception};

// SAFETY: the board's UART 0, and nothing else uses it.
const UART: Pl011 = unsafe { Pl011::at(0x4000_C000) };
// SAFETY: the board's UART 1, and nothing else uses it.
const LOG: Pl011 = unsafe { Pl011::at(0x4000_D000) };
const UART_INTERRUPT: u16 = 5;

#[entry]
fn main() -> ! {
    serve(UART, UART_INTERRUPT, LOG, 80)
}

#[exception]
fn SysTick() {
    tick();
}

/// The only interrupt that is not masked.
#[exception]
unsafe fn DefaultHandler(_: i16) {
    received(UART);
}
