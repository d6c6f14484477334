//! The serial ports of a PC, which are 16550s.

use core::convert::Infallible;
use core::mem::take;

use crate::io_ports::IoPorts;

/// The registers' offsets.
mod register {
    pub(super) const DATA: u16 = 0;
    pub(super) const INTERRUPT_ENABLE: u16 = 1;
    pub(super) const FIFO_CONTROL: u16 = 2;
    pub(super) const LINE_CONTROL: u16 = 3;
    pub(super) const MODEM_CONTROL: u16 = 4;
    pub(super) const LINE_STATUS: u16 = 5;
    pub(super) const SCRATCH: u16 = 7;
}

/// Line status.
const RECEIVED: u8 = 1 << 0;
const OVERRUN: u8 = 1 << 1;
/// A parity or framing error or a break, of the byte to be read next.
const CORRUPTED: u8 = 0b11100;
const MAY_TRANSMIT: u8 = 1 << 5;
const HAS_TRANSMITTED: u8 = 1 << 6;

/// What a UART reports instead of a byte.
pub enum LineFault {
    /// An overrun: bytes are missing here.
    Lost,
    /// A framing or parity error, or a break: this byte is wrong.
    Corrupted,
}

#[derive(Clone, Copy)]
pub struct Uart {
    ports: IoPorts,
    interrupt: u8,
    /// Those of the line status that no byte received has told yet: reading the status clears them in it.
    errors: u8,
}

impl Uart {
    // SAFETY: the first serial port, which nothing else uses.
    pub const COM1: Self = Self { ports: unsafe { IoPorts::at(0x3F8) }, interrupt: 4, errors: 0 };
    // SAFETY: the second serial port, which nothing else uses.
    pub const COM2: Self = Self { ports: unsafe { IoPorts::at(0x2F8) }, interrupt: 3, errors: 0 };

    /// Whether there is one: 115200 baud, 8 data bits, no parity, with FIFOs and without interrupts.
    pub fn start(self) -> bool {
        for (offset, value) in [
            (register::SCRATCH, 0x5A),
            (register::LINE_CONTROL, 0x80), // then the first two are the divisor
            (register::DATA, 1),
            (register::INTERRUPT_ENABLE, 0),
            (register::LINE_CONTROL, 0b11),
            (register::INTERRUPT_ENABLE, 0),
            (register::FIFO_CONTROL, 0b111),
            (register::MODEM_CONTROL, 0b1011), // DTR, RTS, and OUT2 that lets interrupts through
        ] {
            self.ports.write(offset, value);
        }
        self.ports.read(register::SCRATCH) == 0x5A
    }

    /// The number of its interrupt.
    pub fn interrupt(self) -> u8 {
        self.interrupt
    }

    /// Interrupts when a byte is received, or when one may be transmitted. An interrupt that is due already occurs now.
    pub fn enable_interrupt(self, of_transmitter: bool) {
        self.ports.write(register::INTERRUPT_ENABLE, if of_transmitter { 0b10 } else { 0b01 });
    }

    pub fn disable_interrupts(self) {
        self.ports.write(register::INTERRUPT_ENABLE, 0);
    }

    pub fn receive(&mut self) -> nb::Result<u8, LineFault> {
        let status = self.line_status();
        if self.errors & OVERRUN != 0 {
            self.errors &= !OVERRUN;
            return Err(nb::Error::Other(LineFault::Lost));
        }
        if status & RECEIVED == 0 {
            return Err(nb::Error::WouldBlock);
        }
        let byte = self.ports.read(register::DATA);
        if take(&mut self.errors) == 0 { Ok(byte) } else { Err(nb::Error::Other(LineFault::Corrupted)) }
    }

    pub fn transmit(&mut self, byte: u8) -> nb::Result<(), Infallible> {
        if self.line_status() & MAY_TRANSMIT == 0 {
            return Err(nb::Error::WouldBlock);
        }
        self.ports.write(register::DATA, byte);
        Ok(())
    }

    /// Whether all bytes have left.
    pub fn has_transmitted(&mut self) -> bool {
        self.line_status() & HAS_TRANSMITTED != 0
    }

    fn line_status(&mut self) -> u8 {
        let status = self.ports.read(register::LINE_STATUS);
        self.errors |= status & (OVERRUN | CORRUPTED);
        status
    }
}
