//! The evaluation board of the Stellaris LM3S6965: a Cortex-M3, and UARTs that are PL011s.
#![no_std]
#![no_main]

use cortex_m_guest::{Pl011, serve};
use registers::Registers;

// SAFETY: the board's UART 0, and nothing else uses it.
static UART: Pl011 = Pl011(unsafe { Registers::at(0x4000_C000) });
// SAFETY: the board's UART 1, and nothing else uses it.
static LOG: Pl011 = Pl011(unsafe { Registers::at(0x4000_D000) });
const UART_INTERRUPT: u16 = 5;

#[cortex_m_rt::entry]
fn main() -> ! {
    serve(&UART, UART_INTERRUPT, &LOG, 80)
}
