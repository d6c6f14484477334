//! ARM's MPS2 board with the AN385 image: a Cortex-M3, and UARTs of the CMSDK.
#![no_std]
#![no_main]

use cortex_m_guest::{Cmsdk, received, serve, tick};
use cortex_m_rt::{entry, exception};

// SAFETY: the board's UART 0, and nothing else uses it.
const UART: Cmsdk = unsafe { Cmsdk::at(0x4000_4000) };
// SAFETY: the board's UART 1, and nothing else uses it.
const LOG: Cmsdk = unsafe { Cmsdk::at(0x4000_5000) };
const UART_INTERRUPT: u16 = 0;

#[entry]
fn main() -> ! {
    serve(UART, UART_INTERRUPT, LOG, 40)
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
