//! PCI's configuration space, by ports (configuration mechanism 1).

use crate::io_ports::IoPorts;

// SAFETY: the host bridge's, which nothing else uses. What a device is told by it is the caller's responsibility.
const CONFIGURATION: IoPorts = unsafe { IoPorts::at(0xCF8) };
const VALUE: u16 = 4;

/// A function of a device on a bus.
#[derive(Clone, Copy)]
pub struct Function {
    pub bus: u8,
    pub device: u8,
    pub function: u8,
}

impl Function {
    /// A word of its configuration space, at a multiple of 4.
    pub fn read(self, offset: u8) -> u32 {
        self.select(offset);
        CONFIGURATION.read32(VALUE)
    }

    fn select(self, offset: u8) {
        let function = u32::from(self.bus) << 8 | u32::from(self.device & 31) << 3 | u32::from(self.function & 7);
        CONFIGURATION.write32(0, 1 << 31 | function << 8 | u32::from(offset & !3));
    }
}
