//! The same on virtio-pci.
#![no_std]
#![no_main]

use virtio_serial::pci::{Configuration, Function};
use virtio_serial::{Error, Pci, Registers, Window, pci};

probe::port! { Pci<Window>, |bus| {
    // SAFETY: probes are not run.
    let mut ecam = Ecam(unsafe { Window::new(0x1000_0000, 0x1000_0000) });
    let function = pci::find(&mut ecam).next().ok_or(Error::NoDevice);
    function.and_then(|function| Pci::new(bus, &mut ecam, function))
} }

struct Ecam(Window);

impl Configuration for Ecam {
    fn read(&mut self, function: Function, offset: u8) -> u32 {
        self.0.read_32((usize::from(function.0) << 12) + usize::from(offset))
    }

    fn write(&mut self, function: Function, offset: u8, value: u32) {
        self.0.write_32((usize::from(function.0) << 12) + usize::from(offset), value);
    }
}
