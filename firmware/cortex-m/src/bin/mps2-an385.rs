//! ARM's MPS2 board with the AN385 image: a Cortex-M3, and UARTs of the CMSDK.
#![no_std]
#![no_main]

use cortex_m_guest::mps2::{LOG, MCU, UART, UART_INTERRUPT};
use cortex_m_guest::serve;

#[cortex_m_rt::entry]
fn main() -> ! {
    serve(&UART, UART_INTERRUPT, &LOG, MCU.nanoseconds_per_tick)
}
