//! A guest agent on a UART: interrupts receive, the main loop transmits.
#![no_std]

mod cmsdk;
mod mcu;
pub mod mps2;
mod pl011;

use core::cell::Cell;
use core::convert::Infallible;

use cortex_m::asm::wfi;
use cortex_m::interrupt::{self, Mutex};
use cortex_m::singleton;
use cortex_m_rt::exception;
#[cfg(feature = "defmt")]
use defmt_semihosting as _;
use guest::Firmware;
use guestwire::agent::{AgentOver, Service, guest_info_size};
use guestwire::io::{Fault, RxConsumer, RxEntry, RxProducer};
use guestwire::{Agent, frame::Buffer};
use heapless::spsc::Queue;

pub use cmsdk::Cmsdk;
pub use mcu::{Mcu, halt, start_timer};
pub use pl011::Pl011;

pub trait Uart: Sync {
    /// Enables the UART and its receive interrupt.
    fn start(&self);
    /// [`Fault::Lost`] after an overrun, [`Fault::Corrupted`] for a framing or parity error, or a break.
    fn receive(&self) -> nb::Result<u8, Fault>;
    fn transmit(&self, byte: u8) -> nb::Result<(), Infallible>;
    /// Whether all bytes have left.
    fn has_transmitted(&self) -> bool;
}

/// The interrupt handler's state.
struct Inbox {
    uart: &'static dyn Uart,
    queue: RxProducer<'static>,
}

static INBOX: Mutex<Cell<Option<Inbox>>> = Mutex::new(Cell::new(None));

/// The UART's interrupt: no other is enabled.
#[exception]
unsafe fn DefaultHandler(_: i16) {
    let Some(mut inbox) = interrupt::free(|free| INBOX.borrow(free).take()) else { return };
    loop {
        match inbox.uart.receive() {
            Ok(byte) => inbox.queue.push(byte),
            Err(nb::Error::Other(Fault::Lost)) => inbox.queue.lost(),
            Err(nb::Error::Other(_)) => inbox.queue.corrupted(),
            Err(nb::Error::WouldBlock) => break,
        }
    }
    interrupt::free(|free| INBOX.borrow(free).set(Some(inbox)));
}

/// Serves the agent on `uart`, whose interrupt has this number, and logs to `log_uart`. A tick is one cycle of the
/// processor's clock.
pub fn serve(uart: &'static dyn Uart, interrupt: u16, log_uart: &'static dyn Uart, nanoseconds_per_tick: u64) -> ! {
    // Room for the longest request: QEMU's UARTs are faster than any line.
    let Some(queue) = singleton!(: Queue<RxEntry, 513> = Queue::new()) else { halt() };
    let (producer, consumer) = queue.split();
    let mut received = RxConsumer::new(consumer);
    interrupt::free(|free| INBOX.borrow(free).set(Some(Inbox { uart, queue: RxProducer::new(producer) })));
    let log = |text: &str| write_log(log_uart, text);
    log_uart.start();
    uart.start();
    start_timer();
    mcu::unmask(interrupt);
    let mut agent: Agent<_, 512, { guest_info_size::<Firmware<Mcu>>() }> =
        Agent::new(Firmware::new(Mcu { nanoseconds_per_tick }));
    log("the agent is ready\n");
    loop {
        match agent.read_from(|| received.read()) {
            Ok(()) => {}
            Err(Fault::Lost) => {
                log("bytes are missing\n");
                agent.lost();
            }
            Err(_) => {
                log("a byte is corrupted\n");
                agent.corrupted();
            }
        }
        let Ok(()) = agent.write_to(|byte| uart.transmit(byte));
        let is_sent = agent.transmit().is_empty() && uart.has_transmitted();
        if agent.guest_mut().shuts_down(is_sent) {
            continue;
        }
        // Mask interrupts, test, then `wfi`: a pending interrupt ends the sleep although it is masked.
        interrupt::free(|_| {
            if agent.transmit().is_empty() && received.is_empty() {
                agent.guest_mut().sleep(wfi);
            }
        });
    }
}

/// Serves an agent from a main loop without interrupts. QEMU's UART waits for the loop; on a board without a FIFO the
/// loop has to be faster than the bytes.
pub fn poll(agent: &mut AgentOver<impl Service, impl Buffer, impl Buffer>, uart: &dyn Uart) {
    match agent.read_from(|| uart.receive()) {
        Ok(()) => {}
        Err(Fault::Lost) => agent.lost(),
        Err(_) => agent.corrupted(),
    }
    let Ok(()) = agent.write_to(|byte| uart.transmit(byte));
}

#[cfg(not(feature = "defmt"))]
fn write_log(uart: &dyn Uart, text: &str) {
    for byte in text.bytes() {
        while uart.transmit(byte).is_err() {}
    }
}

#[cfg(feature = "defmt")]
fn write_log(_: &dyn Uart, text: &str) {
    defmt::info!("{=str}", text.trim_end());
}

#[cfg(any(debug_assertions, feature = "defmt"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}

/// A release build links only if nothing can panic: there is no such function.
#[cfg(not(any(debug_assertions, feature = "defmt")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn panic_is_reachable() -> !;
    }
    panic_is_reachable()
}
