//! ARM's MPS2 board with the AN385 image: a Cortex-M3, and UARTs of the CMSDK.
#![no_std]
#![no_main]

use cortex_m_guest::{Cmsdk, serve};
use registers::Registers;

// SAFETY: the board's UART 0, and nothing else uses it.
static UART: Cmsdk = Cmsdk(unsafe { Registers::at(0x4000_4000) });
// SAFETY: the board's UART 1, and nothing else uses it.
static LOG: Cmsdk = Cmsdk(unsafe { Registers::at(0x4000_5000) });
const UART_INTERRUPT: u16 = 0;

#[cortex_m_rt::entry]
fn main() -> ! {
    serve(&UART, UART_INTERRUPT, &LOG, 40)
}
