//! ARM's PL011 UART, without its FIFO.

use core::convert::Infallible;
use core::panic::PanicInfo;

use embedded_hal_nb::nb;
use embedded_hal_nb::serial::{ErrorType, Write};
use guestwire::io::RxProducer;
use registers::Registers;

const FLAGS: usize = 0x18;
const LINE_CONTROL: usize = 0x2C;
const CONTROL: usize = 0x30;
const INTERRUPT_MASK: usize = 0x38;
const INTERRUPT_CLEAR: usize = 0x44;

const BUSY: u32 = 1 << 3;
const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;
const EIGHT_BITS_NO_FIFO: u32 = 0b11 << 5;
const ENABLE: u32 = 1 << 0 | 1 << 8 | 1 << 9; // the UART, transmit, receive
const INTERRUPTS: u32 = 1 << 4 | 1 << 5; // received, transmitted
// Next to the byte in the data register:
const CORRUPTED: u32 = 0b111 << 8; // a framing error, a parity error, a break
const OVERRUN: u32 = 1 << 11; // bytes are missing here

// SAFETY: the board's UART 0, and nothing else uses it.
static UART: Registers = unsafe { Registers::at(0x4000_C000) };

pub fn start() {
    UART.write(LINE_CONTROL, EIGHT_BITS_NO_FIFO);
    UART.write(INTERRUPT_MASK, INTERRUPTS);
    UART.write(CONTROL, ENABLE);
}

/// What the interrupt does.
pub fn receive(queue: &mut RxProducer<'_>) {
    UART.write(INTERRUPT_CLEAR, INTERRUPTS);
    while UART.read(FLAGS) & RECEIVE_EMPTY == 0 {
        let received = UART.read(0);
        if received & OVERRUN != 0 {
            queue.lost();
        }
        if received & CORRUPTED != 0 { queue.corrupted() } else { queue.push(received as u8) }
    }
}

pub struct Tx;

impl ErrorType for Tx {
    type Error = Infallible;
}

impl Write for Tx {
    fn write(&mut self, byte: u8) -> nb::Result<(), Infallible> {
        if UART.read(FLAGS) & TRANSMIT_FULL != 0 {
            return Err(nb::Error::WouldBlock);
        }
        UART.write(0, byte.into());
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), Infallible> {
        if UART.read(FLAGS) & BUSY != 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(())
    }
}

#[cfg(debug_assertions)]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}

/// A release build links only if nothing can panic: there is no such function.
#[cfg(not(debug_assertions))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn panic_is_reachable() -> !;
    }
    panic_is_reachable()
}
