//! virtio-mmio, legacy and modern (virtio 1.2, section 4.2).

use super::{Rings, Transport};
use crate::Error;
use crate::bus::{Bus, Registers};

/// The registers' offsets.
mod register {
    pub(super) const MAGIC: usize = 0x000;
    pub(super) const VERSION: usize = 0x004;
    pub(super) const DEVICE_ID: usize = 0x008;
    pub(super) const FEATURES: usize = 0x010;
    pub(super) const FEATURES_SELECT: usize = 0x014;
    pub(super) const DRIVER_FEATURES: usize = 0x020;
    pub(super) const DRIVER_FEATURES_SELECT: usize = 0x024;
    pub(super) const GUEST_PAGE_SIZE: usize = 0x028;
    pub(super) const QUEUE_SELECT: usize = 0x030;
    pub(super) const QUEUE_SIZE_MAX: usize = 0x034;
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
    pub(super) const END: usize = 0x100;
}

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
/// The device ID of a console, which virtio-serial is.
const CONSOLE: u32 = 3;
/// Legacy devices count in pages of the driver's choice.
const PAGE: u32 = 64;

/// A device on virtio-mmio.
///
/// ```
/// use virtio_serial::{Bus, Mmio};
///
/// /// The virtio-serial devices of QEMU's aarch64 `virt`.
/// fn devices<B: Bus>(bus: &B) -> impl Iterator<Item = Mmio<B::Registers>> {
///     (0x0A00_0000..0x0A00_4000).step_by(0x200).filter_map(|slot| Mmio::new(bus, slot).ok())
/// }
/// ```
#[derive(Debug)]
pub struct Mmio<R> {
    registers: R,
    legacy: bool,
}

impl<R: Registers> Mmio<R> {
    /// Looks at the slot at this address: [`Error::NoDevice`] if it holds no virtio-serial device.
    pub fn new<B: Bus<Registers = R>>(bus: &B, address: u64) -> Result<Self, Error> {
        // SAFETY: the only addresses that go there are those of `start_queue`.
        let registers = unsafe { bus.map(address, register::END) }.ok_or(Error::Registers)?;
        if registers.read_32(register::MAGIC) != MAGIC {
            return Err(Error::NoDevice);
        }
        let legacy = match registers.read_32(register::VERSION) {
            1 => true,
            2 => false,
            _ => return Err(Error::NoDevice),
        };
        if registers.read_32(register::DEVICE_ID) != CONSOLE {
            return Err(Error::NoDevice);
        }
        Ok(Self { registers, legacy })
    }
}

impl<R: Registers> Transport for Mmio<R> {
    fn is_legacy(&self) -> bool {
        self.legacy
    }

    fn status(&self) -> u8 {
        self.registers.read_32(register::STATUS) as u8
    }

    fn set_status(&mut self, status: u8) {
        self.registers.write_32(register::STATUS, status.into());
        if status == 0 && self.legacy {
            self.registers.write_32(register::GUEST_PAGE_SIZE, PAGE);
        }
    }

    fn features(&mut self) -> u64 {
        let [low, high] = [0, 1].map(|half| {
            self.registers.write_32(register::FEATURES_SELECT, half);
            u64::from(self.registers.read_32(register::FEATURES))
        });
        high << 32 | low
    }

    fn set_features(&mut self, features: u64) {
        for (half, features) in [(0, features), (1, features >> 32)] {
            self.registers.write_32(register::DRIVER_FEATURES_SELECT, half);
            self.registers.write_32(register::DRIVER_FEATURES, features as u32);
        }
    }

    unsafe fn start_queue(&mut self, number: u16, size: u16, rings: Rings) -> Result<usize, Error> {
        let registers = &self.registers;
        let in_use = if self.legacy { register::QUEUE_PAGE } else { register::QUEUE_READY };
        registers.write_32(register::QUEUE_SELECT, number.into());
        if registers.read_32(in_use) != 0 || registers.read_32(register::QUEUE_SIZE_MAX) < size.into() {
            return Err(Error::Queue(number));
        }
        registers.write_32(register::QUEUE_SIZE, size.into());
        if self.legacy {
            let page = u32::try_from(rings.descriptors / u64::from(PAGE)).map_err(|_| Error::Memory)?;
            registers.write_32(register::QUEUE_ALIGN, PAGE);
            registers.write_32(register::QUEUE_PAGE, page);
        } else {
            let addresses = [rings.descriptors, rings.available, rings.used];
            for (offset, address) in register::QUEUE_ADDRESSES.into_iter().zip(addresses) {
                registers.write_32(offset, address as u32);
                registers.write_32(offset + 4, (address >> 32) as u32);
            }
            registers.write_32(register::QUEUE_READY, 1);
        }
        if registers.read_32(in_use) == 0 {
            return Err(Error::Queue(number));
        }
        Ok(0)
    }

    fn notify(&mut self, number: u16, _: usize) {
        self.registers.write_32(register::QUEUE_NOTIFY, number.into());
    }

    fn acknowledge_interrupt(&mut self) -> bool {
        let pending = self.registers.read_32(register::INTERRUPT_STATUS);
        if pending != 0 {
            self.registers.write_32(register::INTERRUPT_ACKNOWLEDGE, pending);
        }
        pending != 0
    }
}
