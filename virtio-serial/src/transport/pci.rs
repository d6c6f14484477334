//! virtio-pci, modern and transitional (virtio 1.2, section 4.1).

use super::{Rings, Transport};
use crate::Error;
use crate::bus::{Bus, Registers};

/// The configuration space of PCI.
///
/// ```
/// use virtio_serial::{Registers, Window, pci::{Configuration, Function}};
///
/// /// ECAM: all of it is in memory, 4 KiB for each function.
/// struct Ecam(Window);
///
/// impl Configuration for Ecam {
///     fn read(&mut self, function: Function, offset: u8) -> u32 {
///         self.0.read_32((usize::from(function.0) << 12) + usize::from(offset))
///     }
///
///     fn write(&mut self, function: Function, offset: u8, value: u32) {
///         self.0.write_32((usize::from(function.0) << 12) + usize::from(offset), value);
///     }
/// }
/// ```
pub trait Configuration {
    /// Reads the 32 bits at this offset, a multiple of 4, from a function's registers. All ones: there is no such function.
    fn read(&mut self, function: Function, offset: u8) -> u32;

    /// Writes 32 bits.
    fn write(&mut self, function: Function, offset: u8, value: u32);
}

/// Where a PCI function is: bus, device (5 bits), function (3 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Function(pub u16);

/// The functions that are virtio consoles, on all buses. Firmware must have numbered the buses, and assigned addresses.
pub fn find<C: Configuration>(configuration: &mut C) -> impl Iterator<Item = Function> {
    let mut absent = false;
    (0..=u16::MAX).map(Function).filter(move |function| {
        let is_first = function.0 % 8 == 0;
        // A device has a function 0, or none.
        if absent && !is_first {
            return false;
        }
        let id = configuration.read(*function, register::ID);
        absent = is_first && id == u32::MAX;
        is_console(id)
    })
}

fn is_console(id: u32) -> bool {
    // Transitional and modern.
    matches!(id, 0x1003_1AF4 | 0x1043_1AF4)
}

/// Offsets in the configuration space.
mod register {
    pub(super) const ID: u8 = 0x00;
    pub(super) const COMMAND: u8 = 0x04;
    pub(super) const ADDRESSES: u8 = 0x10;
    pub(super) const CAPABILITIES: u8 = 0x34;
}

/// Bits of the command register and of the status above it.
const MEMORY: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;
const HAS_CAPABILITIES: u32 = 1 << 20;

/// The capability ID of virtio, and the parts of the registers that it describes.
const VENDOR: u8 = 0x09;
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const INTERRUPT: u8 = 3;

/// Offsets in the common part.
mod common {
    pub(super) const FEATURES_SELECT: usize = 0;
    pub(super) const FEATURES: usize = 4;
    pub(super) const DRIVER_FEATURES_SELECT: usize = 8;
    pub(super) const DRIVER_FEATURES: usize = 12;
    pub(super) const STATUS: usize = 20;
    pub(super) const QUEUE_SELECT: usize = 22;
    pub(super) const QUEUE_SIZE: usize = 24;
    pub(super) const QUEUE_ENABLE: usize = 28;
    pub(super) const QUEUE_NOTIFY_OFFSET: usize = 30;
    /// Low and high halves of the addresses of descriptors, available ring and used ring.
    pub(super) const QUEUE_ADDRESSES: [usize; 3] = [32, 40, 48];
    pub(super) const END: usize = 56;
}

/// A device on virtio-pci.
///
/// ```
/// use virtio_serial::{Bus, Error, Pci, pci};
///
/// /// The first virtio-serial device on any bus.
/// fn first<B: Bus>(bus: &B, configuration: &mut impl pci::Configuration) -> Result<Pci<B::Registers>, Error> {
///     let function = pci::find(configuration).next().ok_or(Error::NoDevice)?;
///     Pci::new(bus, configuration, function)
/// }
/// ```
#[derive(Debug)]
pub struct Pci<R> {
    common: R,
    notify: R,
    notify_length: usize,
    notify_multiplier: u32,
    interrupt: R,
}

impl<R: Registers> Pci<R> {
    /// Uses the device at this function: [`Error::NoDevice`] if it is no virtio-serial device. Lets it access memory.
    pub fn new<B, C>(bus: &B, configuration: &mut C, function: Function) -> Result<Self, Error>
    where
        B: Bus<Registers = R>,
        C: Configuration,
    {
        if !is_console(configuration.read(function, register::ID)) {
            return Err(Error::NoDevice);
        }
        let command = configuration.read(function, register::COMMAND);
        if command & HAS_CAPABILITIES == 0 {
            return Err(Error::Registers);
        }
        configuration.write(function, register::COMMAND, command & 0xFFFF | MEMORY | BUS_MASTER);
        let (mut common, mut notify, mut interrupt) = (None, None, None);
        for part in parts(configuration, function) {
            // The first of each kind counts, unless its registers are out of reach.
            // SAFETY: the only addresses that go there are those of `start_queue`.
            let map = |length| unsafe { bus.map(part.address, length) };
            match part.kind {
                COMMON if common.is_none() && part.length >= common::END => common = map(common::END),
                NOTIFY if notify.is_none() => {
                    notify = map(part.length).map(|registers| (registers, part.length, part.multiplier));
                }
                INTERRUPT if interrupt.is_none() && part.length >= 1 => interrupt = map(1),
                _ => {}
            }
        }
        match (common, notify, interrupt) {
            (Some(common), Some((notify, notify_length, notify_multiplier)), Some(interrupt)) => {
                Ok(Self { common, notify, notify_length, notify_multiplier, interrupt })
            }
            _ => Err(Error::Registers),
        }
    }
}

/// A part of the registers, as a capability describes it.
struct Part {
    kind: u8,
    address: u64,
    length: usize,
    /// Of [`NOTIFY`].
    multiplier: u32,
}

fn parts<C: Configuration>(configuration: &mut C, function: Function) -> impl Iterator<Item = Part> {
    let mut next = configuration.read(function, register::CAPABILITIES) as u8;
    // A list longer than the configuration space is a circle.
    let list = (0..48).map_while(move |_| {
        let capability = next & 0xFC;
        if capability < 0x40 {
            return None;
        }
        let mut read = |offset: u8| configuration.read(function, capability.wrapping_add(offset));
        let ([id, following, _, kind], bar) = (read(0).to_le_bytes(), read(4) as u8);
        let (offset, length, multiplier) = (read(8), read(12), read(16));
        next = following;
        let part = base(configuration, function, bar).and_then(|base| {
            let (address, length) = (base.checked_add(offset.into())?, usize::try_from(length).ok()?);
            (id == VENDOR).then_some(Part { kind, address, length, multiplier })
        });
        Some(part)
    });
    list.flatten()
}

/// The base address of this number, if it is one of memory.
fn base<C: Configuration>(configuration: &mut C, function: Function, bar: u8) -> Option<u64> {
    let mut read = |bar: u8| (bar < 6).then(|| configuration.read(function, register::ADDRESSES + 4 * bar));
    let low = read(bar)?;
    let high = match low & 0b111 {
        0b000 => 0,
        0b100 => read(bar + 1)?,
        _ => return None,
    };
    Some(u64::from(high) << 32 | u64::from(low & !0xF)).filter(|base| *base != 0)
}

impl<R: Registers> Transport for Pci<R> {
    fn is_legacy(&self) -> bool {
        false
    }

    fn status(&self) -> u8 {
        self.common.read_8(common::STATUS)
    }

    fn set_status(&mut self, status: u8) {
        self.common.write_8(common::STATUS, status);
    }

    fn features(&mut self) -> u64 {
        let [low, high] = [0, 1].map(|half| {
            self.common.write_32(common::FEATURES_SELECT, half);
            u64::from(self.common.read_32(common::FEATURES))
        });
        high << 32 | low
    }

    fn set_features(&mut self, features: u64) {
        for (half, features) in [(0, features), (1, features >> 32)] {
            self.common.write_32(common::DRIVER_FEATURES_SELECT, half);
            self.common.write_32(common::DRIVER_FEATURES, features as u32);
        }
    }

    unsafe fn start_queue(&mut self, number: u16, size: u16, rings: Rings) -> Result<usize, Error> {
        let (registers, error) = (&self.common, Error::Queue(number));
        registers.write_16(common::QUEUE_SELECT, number);
        // A missing queue has size 0.
        if registers.read_16(common::QUEUE_SIZE) < size || registers.read_16(common::QUEUE_ENABLE) != 0 {
            return Err(error);
        }
        registers.write_16(common::QUEUE_SIZE, size);
        if registers.read_16(common::QUEUE_SIZE) != size {
            return Err(error);
        }
        let offset = u32::from(registers.read_16(common::QUEUE_NOTIFY_OFFSET)).checked_mul(self.notify_multiplier);
        let doorbell = offset.and_then(|offset| usize::try_from(offset).ok()).ok_or(error)?;
        if doorbell.checked_add(2).is_none_or(|end| end > self.notify_length) {
            return Err(error);
        }
        let addresses = [rings.descriptors, rings.available, rings.used];
        for (offset, address) in common::QUEUE_ADDRESSES.into_iter().zip(addresses) {
            registers.write_32(offset, address as u32);
            registers.write_32(offset + 4, (address >> 32) as u32);
        }
        registers.write_16(common::QUEUE_ENABLE, 1);
        if registers.read_16(common::QUEUE_ENABLE) != 1 {
            return Err(error);
        }
        Ok(doorbell)
    }

    fn notify(&mut self, number: u16, doorbell: usize) {
        self.notify.write_16(doorbell, number);
    }

    fn acknowledge_interrupt(&mut self) -> bool {
        // Reading clears it.
        self.interrupt.read_8(0) != 0
    }
}
