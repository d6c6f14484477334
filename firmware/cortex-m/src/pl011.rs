//! ARM's PL011 UART.

use core::convert::Infallible;

use guestwire::io::Fault;
use registers::Registers;

use crate::Uart;

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
const RECEIVE_INTERRUPTS: u32 = 1 << 4 | 1 << 6; // a byte, and a time-out after one
// Next to the byte in the data register:
const CORRUPTED: u32 = 0b111 << 8; // a framing error, a parity error, a break
const OVERRUN: u32 = 1 << 11; // bytes are missing here

pub struct Pl011(pub Registers);

impl Uart for Pl011 {
    fn start(&self) {
        self.0.write(LINE_CONTROL, EIGHT_BITS_NO_FIFO);
        self.0.write(INTERRUPT_MASK, RECEIVE_INTERRUPTS);
        self.0.write(CONTROL, ENABLE);
    }

    fn receive(&self) -> nb::Result<u8, Fault> {
        self.0.write(INTERRUPT_CLEAR, RECEIVE_INTERRUPTS);
        if self.0.read(FLAGS) & RECEIVE_EMPTY != 0 {
            return Err(nb::Error::WouldBlock);
        }
        let received = self.0.read(0);
        match received {
            _ if received & OVERRUN != 0 => Err(nb::Error::Other(Fault::Lost)),
            _ if received & CORRUPTED != 0 => Err(nb::Error::Other(Fault::Corrupted)),
            _ => Ok(received as u8),
        }
    }

    fn transmit(&self, byte: u8) -> nb::Result<(), Infallible> {
        if self.0.read(FLAGS) & TRANSMIT_FULL != 0 {
            return Err(nb::Error::WouldBlock);
        }
        self.0.write(0, byte.into());
        Ok(())
    }

    fn has_transmitted(&self) -> bool {
        self.0.read(FLAGS) & BUSY == 0
    }
}
