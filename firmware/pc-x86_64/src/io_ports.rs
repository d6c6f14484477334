//! A device's I/O ports.

use core::arch::asm;

/// The ports of one device, by their offsets.
#[derive(Clone, Copy)]
pub struct IoPorts(u16);

impl IoPorts {
    /// # Safety
    /// Every offset that is read or written is a port of one device, or of none. Nothing else uses them, and none makes
    /// the device write to memory.
    pub const unsafe fn at(first: u16) -> Self {
        Self(first)
    }

    pub fn read(self, offset: u16) -> u8 {
        let value;
        // SAFETY: promised to `at`.
        unsafe {
            asm!("in al, dx", in("dx") self.0 + offset, out("al") value, options(nomem, nostack, preserves_flags))
        }
        value
    }

    pub fn write(self, offset: u16, value: u8) {
        // SAFETY: promised to `at`.
        unsafe {
            asm!("out dx, al", in("dx") self.0 + offset, in("al") value, options(nomem, nostack, preserves_flags))
        }
    }

    pub fn write16(self, offset: u16, value: u16) {
        // SAFETY: promised to `at`.
        unsafe {
            asm!("out dx, ax", in("dx") self.0 + offset, in("ax") value, options(nomem, nostack, preserves_flags))
        }
    }

    pub fn read32(self, offset: u16) -> u32 {
        let value;
        // SAFETY: promised to `at`.
        unsafe {
            asm!("in eax, dx", in("dx") self.0 + offset, out("eax") value, options(nomem, nostack, preserves_flags))
        }
        value
    }

    pub fn write32(self, offset: u16, value: u32) {
        // SAFETY: promised to `at`.
        unsafe {
            asm!("out dx, eax", in("dx") self.0 + offset, in("eax") value, options(nomem, nostack, preserves_flags))
        }
    }
}
