//! The registers of a virtio-mmio slot (virtio 1.1, section 4.2), of legacy and modern devices.

use registers::Registers;

/// The registers' offsets.
mod register {
    pub(super) const MAGIC: usize = 0x000;
    pub(super) const VERSION: usize = 0x004;
    pub(super) const DEVICE_ID: usize = 0x008;
    pub(super) const DEVICE_FEATURES: usize = 0x010;
    pub(super) const DEVICE_FEATURES_SELECT: usize = 0x014;
    pub(super) const DRIVER_FEATURES: usize = 0x020;
    pub(super) const DRIVER_FEATURES_SELECT: usize = 0x024;
    pub(super) const GUEST_PAGE_SIZE: usize = 0x028;
    pub(super) const QUEUE_SELECT: usize = 0x030;
    pub(super) const QUEUE_SIZE: usize = 0x038;
    pub(super) const QUEUE_ALIGN: usize = 0x03C;
    pub(super) const QUEUE_PAGE: usize = 0x040;
    pub(super) const QUEUE_READY: usize = 0x044;
    pub(super) const QUEUE_NOTIFY: usize = 0x050;
    pub(super) const INTERRUPT_STATUS: usize = 0x060;
    pub(super) const INTERRUPT_ACKNOWLEDGE: usize = 0x064;
    pub(super) const STATUS: usize = 0x070;
    /// Low and high halves of the addresses of descriptors, available ring and used ring.
    pub(super) const QUEUE_ADDRESSES: [usize; 3] = [0x080, 0x090, 0x0A0];
}

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
/// The device ID of a console, which virtio-serial is.
const CONSOLE: u32 = 3;
/// Feature bit: the console has named ports.
const MULTIPORT: u32 = 1 << 1;
/// Feature bit in the second word: the device is not legacy.
const VERSION_1: u32 = 1 << 0;

const ACKNOWLEDGE: u32 = 1;
const DRIVER: u32 = 2;
const DRIVER_OK: u32 = 4;
const FEATURES_OK: u32 = 8;

#[derive(Clone, Copy)]
pub(crate) struct Transport {
    registers: Registers,
    legacy: bool,
}

impl Transport {
    /// Uses the slot at this address if it holds a console with ports.
    ///
    /// # Safety
    /// `base` is the address of a virtio-mmio slot that nothing else uses.
    pub(crate) unsafe fn start(base: usize) -> Option<Self> {
        // SAFETY: promised by the caller.
        let registers = unsafe { Registers::at(base) };
        let legacy = match registers.read(register::VERSION) {
            1 => true,
            2 => false,
            _ => return None,
        };
        if registers.read(register::MAGIC) != MAGIC || registers.read(register::DEVICE_ID) != CONSOLE {
            return None;
        }
        registers.write(register::STATUS, 0);
        registers.write(register::STATUS, ACKNOWLEDGE | DRIVER);
        registers.write(register::DEVICE_FEATURES_SELECT, 0);
        if registers.read(register::DEVICE_FEATURES) & MULTIPORT == 0 {
            return None;
        }
        for (word, features) in [(0, MULTIPORT), (1, if legacy { 0 } else { VERSION_1 })] {
            registers.write(register::DRIVER_FEATURES_SELECT, word);
            registers.write(register::DRIVER_FEATURES, features);
        }
        if legacy {
            registers.write(register::GUEST_PAGE_SIZE, 64);
        } else {
            registers.write(register::STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
        }
        Some(Self { registers, legacy })
    }

    /// Sets the addresses of a queue's descriptors, available ring and used ring. A legacy device derives the second and
    /// third from the first.
    pub(crate) fn start_queue(self, number: u32, size: u32, addresses: [u64; 3]) {
        self.registers.write(register::QUEUE_SELECT, number);
        self.registers.write(register::QUEUE_SIZE, size);
        if self.legacy {
            self.registers.write(register::QUEUE_ALIGN, 64);
            self.registers.write(register::QUEUE_PAGE, (addresses[0] / 64) as u32);
        } else {
            for (offset, address) in register::QUEUE_ADDRESSES.into_iter().zip(addresses) {
                self.registers.write(offset, address as u32);
                self.registers.write(offset + 4, (address >> 32) as u32);
            }
            self.registers.write(register::QUEUE_READY, 1);
        }
    }

    /// The queues are set up.
    pub(crate) fn finish(self) {
        let status = self.registers.read(register::STATUS);
        self.registers.write(register::STATUS, status | DRIVER_OK);
    }

    pub(crate) fn base(self) -> usize {
        self.registers.address()
    }

    pub(crate) fn notify(self, queue: u32) {
        self.registers.write(register::QUEUE_NOTIFY, queue);
    }

    pub(crate) fn acknowledge_interrupt(self) {
        let pending = self.registers.read(register::INTERRUPT_STATUS);
        self.registers.write(register::INTERRUPT_ACKNOWLEDGE, pending);
    }
}
