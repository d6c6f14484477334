//! ARM's MPS2 board with the AN385 image: UARTs of the CMSDK, LEDs, a clock of 25 MHz.

use registers::Registers;

use crate::{Cmsdk, Mcu, Uart, start_timer, write_log};

// SAFETY: the board's UART 0, and nothing else uses it.
pub static UART: Cmsdk = Cmsdk(unsafe { Registers::at(0x4000_4000) });
pub const UART_INTERRUPT: u16 = 0;
// SAFETY: the board's UART 1, and nothing else uses it.
pub static LOG: Cmsdk = Cmsdk(unsafe { Registers::at(0x4000_5000) });
// SAFETY: the board's UART 2, and nothing else uses it.
pub static SECOND_UART: Cmsdk = Cmsdk(unsafe { Registers::at(0x4000_6000) });
// SAFETY: the LEDs, one bit each, and nothing else uses them.
pub static LEDS: Registers = unsafe { Registers::at(0x4002_8000) };

pub const MCU: Mcu = Mcu { nanoseconds_per_tick: 40 };

/// Starts a board whose main loop polls.
pub fn start() {
    start_timer();
    LOG.start();
    UART.start();
    SECOND_UART.start();
    write_log(&LOG, "the agent is ready\n");
}
