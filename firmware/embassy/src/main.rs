//! A guest agent as a task of Embassy's executor, beside one that keeps time, on ARM's MPS2 board with the AN385 image.
//!
//! An interrupt handler fills a queue that also holds where bytes are missing, so that the agent drops the right request.
//! Embassy's own `Pipe` holds only bytes.
#![no_std]
#![no_main]

mod board;
mod timer;
mod uart;

use core::panic::PanicInfo;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use defmt_semihosting as _;
use embassy_executor::Spawner;
use guestwire::Agent;
use guestwire::agent::guest_info_size;
use guestwire::io::{Fault, Halves, IoError};

use board::Board;
use uart::{Rx, Tx};

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let Some((rx, tx)) = uart::split() else { return };
    timer::start();
    for interrupt in [uart::RECEIVE, uart::TRANSMIT, timer::CLOCK_INTERRUPT, timer::ALARM_INTERRUPT] {
        // SAFETY: nothing relies on this interrupt being masked.
        unsafe { NVIC::unmask(Interrupt(interrupt)) }
    }
    let (Ok(serve), Ok(tick)) = (serve(rx, tx), board::tick()) else { return };
    spawner.spawn(serve);
    spawner.spawn(tick);
    defmt::info!("the agent is ready");
}

#[embassy_executor::task]
async fn serve(rx: Rx, tx: Tx) {
    let mut agent: Agent<_, 512, { guest_info_size::<Board>() }> = Agent::new(Board::default());
    let mut port = Halves { reader: rx, writer: tx };
    let fault = |error: &_| {
        defmt::warn!("bytes are missing");
        Fault::by_kind(error)
    };
    match agent.run(&mut port, fault).await {
        Err(IoError::Closed) => defmt::error!("a UART does not close"),
        Err(IoError::Port(_)) => defmt::error!("the UART is broken"),
    }
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
