//! The UART of ARM's Cortex-M System Design Kit.

use core::convert::Infallible;

use guestwire::io::Fault;
use registers::Registers;

use crate::Uart;

const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const INTERRUPT: usize = 0x0C;
const DIVISOR: usize = 0x10;

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
const RECEIVE_OVERRUN: u32 = 1 << 3;
const ENABLE: u32 = 0b1011; // transmit, receive, the receive interrupt
const RECEIVE_INTERRUPT: u32 = 1 << 1;

pub struct Cmsdk(pub Registers);

impl Uart for Cmsdk {
    fn start(&self) {
        self.0.write(DIVISOR, 16);
        self.0.write(CONTROL, ENABLE);
    }

    fn receive(&self) -> nb::Result<u8, Fault> {
        self.0.write(INTERRUPT, RECEIVE_INTERRUPT);
        let state = self.0.read(STATE);
        if state & RECEIVE_OVERRUN != 0 {
            self.0.write(STATE, RECEIVE_OVERRUN);
            return Err(nb::Error::Other(Fault::Lost));
        }
        if state & RECEIVE_FULL == 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(self.0.read(0) as u8)
    }

    fn transmit(&self, byte: u8) -> nb::Result<(), Infallible> {
        if self.0.read(STATE) & TRANSMIT_FULL != 0 {
            return Err(nb::Error::WouldBlock);
        }
        self.0.write(0, byte.into());
        Ok(())
    }

    fn has_transmitted(&self) -> bool {
        self.0.read(STATE) & TRANSMIT_FULL == 0
    }
}
