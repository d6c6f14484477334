//! PCI's configuration space, by ports (configuration mechanism 1).

use virtio_serial::pci::{Configuration, Function};

use crate::io_ports::IoPorts;

// SAFETY: the host bridge's, which nothing else uses. Only the driver writes, and it answers for what it lets a device do.
const PORTS: IoPorts = unsafe { IoPorts::at(0xCF8) };
const VALUE: u16 = 4;
/// The register whose lowest byte says which interrupt the BIOS has given to the function.
const INTERRUPT: u8 = 0x3C;

pub struct ConfigurationPorts;

impl Configuration for ConfigurationPorts {
    fn read(&mut self, function: Function, offset: u8) -> u32 {
        select(function, offset);
        PORTS.read32(VALUE)
    }

    fn write(&mut self, function: Function, offset: u8, value: u32) {
        select(function, offset);
        PORTS.write32(VALUE, value);
    }
}

pub fn interrupt(function: Function) -> u8 {
    ConfigurationPorts.read(function, INTERRUPT) as u8
}

fn select(function: Function, offset: u8) {
    PORTS.write32(0, 1 << 31 | u32::from(function.0) << 8 | u32::from(offset));
}
