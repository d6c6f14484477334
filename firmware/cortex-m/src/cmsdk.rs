//! The UART of ARM's Cortex-M System Design Kit.

use core::convert::Infallible;

use crate::{Lost, Uart};

const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const INTERRUPT: usize = 0x0C;
const DIVISOR: usize = 0x10;

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
const RECEIVE_OVERRUN: u32 = 1 << 3;
const ENABLE: u32 = 0b1011; // transmit, receive, the receive interrupt
const RECEIVE_INTERRUPT: u32 = 1 << 1;

#[derive(Clone, Copy)]
pub struct Cmsdk(usize);

impl Cmsdk {
    /// # Safety
    /// There is such a UART at this address, and nothing else uses it.
    pub const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    fn read(self, offset: usize) -> u32 {
        // SAFETY: promised to `at`.
        unsafe { ((self.0 + offset) as *const u32).read_volatile() }
    }

    fn write(self, offset: usize, value: u32) {
        // SAFETY: promised to `at`.
        unsafe { ((self.0 + offset) as *mut u32).write_volatile(value) }
    }
}

impl Uart for Cmsdk {
    fn start(self) {
        self.write(DIVISOR, 16);
        self.write(CONTROL, ENABLE);
    }

    fn receive(self) -> nb::Result<u8, Lost> {
        self.write(INTERRUPT, RECEIVE_INTERRUPT);
        let state = self.read(STATE);
        if state & RECEIVE_OVERRUN != 0 {
            self.write(STATE, RECEIVE_OVERRUN);
            return Err(nb::Error::Other(Lost));
        }
        if state & RECEIVE_FULL == 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(self.read(0) as u8)
    }

    fn transmit(self, byte: u8) -> nb::Result<(), Infallible> {
        if self.read(STATE) & TRANSMIT_FULL != 0 {
            return Err(nb::Error::WouldBlock);
        }
        self.write(0, byte.into());
        Ok(())
    }
}
