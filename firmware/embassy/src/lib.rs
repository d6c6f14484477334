//! ARM's MPS2 board with the AN385 image, for Embassy: a UART and the time.
//!
//! The UART's interrupt handler fills a queue that also holds where bytes are missing, so that the agent drops the
//! right request. Embassy's own `Pipe` holds only bytes.
#![no_std]

mod timer;
pub mod uart;

use core::panic::PanicInfo;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use defmt_semihosting as _;

use uart::{Rx, Tx};

/// Starts the time and the UART, once.
pub fn start() -> Option<(Rx, Tx)> {
    let halves = uart::split()?;
    timer::start();
    for interrupt in [uart::RECEIVE, uart::TRANSMIT, timer::CLOCK_INTERRUPT, timer::ALARM_INTERRUPT] {
        // SAFETY: nothing relies on this interrupt being masked.
        unsafe { NVIC::unmask(Interrupt(interrupt)) }
    }
    defmt::info!("the port is ready");
    Some(halves)
}

/// Every interrupt.
#[exception]
unsafe fn DefaultHandler(interrupt: i16) {
    critical_section::with(|section| match interrupt.cast_unsigned() {
        uart::RECEIVE => uart::on_receive(section),
        uart::TRANSMIT => uart::on_transmit(),
        timer::CLOCK_INTERRUPT => timer::on_clock(section),
        timer::ALARM_INTERRUPT => timer::on_alarm(section),
        _ => defmt::error!("nobody handles interrupt {=i16}", interrupt),
    });
}

#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: always the number it was made with.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

/// Unlike the other guests, this one can panic: Embassy's executor can.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    semihosting::process::exit(1)
}
