//! Power off and reset, of QEMU's two PC chipsets.

use virtio_serial::pci::{Configuration, Function};

use crate::io_ports::IoPorts;
use crate::pci::ConfigurationPorts;

// SAFETY: the keyboard controller, which nothing else uses.
const KEYBOARD_CONTROLLER: IoPorts = unsafe { IoPorts::at(0x64) };
/// Enters the sleep of type 0, which is S5 in QEMU: off.
const SLEEP: u16 = 1 << 13;

/// Where a chipset's ACPI registers are, by the host bridge's vendor and device: the function and register that tell it.
const CHIPSETS: [(u32, Function, u16); 2] = [
    // pc: 440FX and PIIX4
    (0x1237_8086, Function(1 << 3 | 3), 0xFFC0),
    // q35: Q35 and ICH9
    (0x29C0_8086, Function(31 << 3), 0xFF80),
];
const ACPI_BASE: u8 = 0x40;
const ACPI_CONTROL: u16 = 4;

pub fn off() {
    let bridge = ConfigurationPorts.read(Function(0), 0);
    for (_, function, mask) in CHIPSETS.into_iter().filter(|chipset| chipset.0 == bridge) {
        let base = ConfigurationPorts.read(function, ACPI_BASE) as u16 & mask;
        // SAFETY: the chipset's registers for power, which nothing else uses.
        unsafe { IoPorts::at(base) }.write16(ACPI_CONTROL, SLEEP);
    }
}

pub fn reset() {
    KEYBOARD_CONTROLLER.write(0, 0xFE);
}
