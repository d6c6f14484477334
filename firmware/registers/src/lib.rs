//! A device's registers in memory, of 32 bits each.
#![no_std]

/// The registers of one device, by their offsets.
#[derive(Clone, Copy)]
pub struct Registers(usize);

impl Registers {
    /// # Safety
    /// The device is at this address, and every offset that is read or written is one of its registers. Nothing else
    /// uses them, or memory that a register tells the device to use.
    pub const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    pub fn address(self) -> usize {
        self.0
    }

    pub fn read(self, offset: usize) -> u32 {
        // SAFETY: promised to `at`.
        unsafe { ((self.0 + offset) as *const u32).read_volatile() }
    }

    pub fn write(self, offset: usize, value: u32) {
        // SAFETY: promised to `at`.
        unsafe { ((self.0 + offset) as *mut u32).write_volatile(value) }
    }
}
