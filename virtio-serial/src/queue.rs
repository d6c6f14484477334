//! One virtqueue, with one buffer for each descriptor (virtio 1.2, section 2.7).
//!
//! All memory that the device can write consists of atomics, and nothing that was read from it is used unchecked.

use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicUsize, Ordering, fence};

use crate::Error;
use crate::bus::Bus;
use crate::transport::{Rings, Transport};

/// The unit in which buffers are copied.
pub(crate) type Line = [usize; 2];

/// A line that the device can write.
type SharedLine = [AtomicUsize; 2];

/// Bytes in a line.
pub(crate) const LINE: usize = size_of::<Line>();

/// Shared by driver and device: `N` descriptors, a power of two from 4 to 32, and as many buffers of `LINES` lines.
///
/// A legacy device expects what it returns at the next multiple of 64 after what it is given. `RING`, 30 or 62, fills the
/// space between, so that the device may write to every byte: none is padding.
#[repr(C, align(64))]
pub(crate) struct Shared<const N: usize, const RING: usize, const LINES: usize> {
    descriptors: [Descriptor; N],
    available: Available<RING>,
    used: Used<N>,
    buffers: [[SharedLine; LINES]; N],
}

#[repr(C)]
struct Descriptor {
    /// Low and high half.
    address: [AtomicU32; 2],
    length: AtomicU32,
    flags: AtomicU16,
    next: AtomicU16,
}

/// Descriptors that the driver gives to the device.
#[repr(C)]
struct Available<const RING: usize> {
    flags: AtomicU16,
    index: AtomicU16,
    ring: [AtomicU16; RING],
}

/// Those that the device returns.
#[repr(C)]
struct Used<const N: usize> {
    flags: AtomicU16,
    index: AtomicU16,
    ring: [UsedElement; N],
    /// So that buffers begin at a multiple of 8.
    filler: AtomicU32,
}

#[repr(C)]
struct UsedElement {
    id: AtomicU32,
    length: AtomicU32,
}

impl Descriptor {
    const fn new() -> Self {
        Self {
            address: [AtomicU32::new(0), AtomicU32::new(0)],
            length: AtomicU32::new(0),
            flags: AtomicU16::new(0),
            next: AtomicU16::new(0),
        }
    }
}

impl UsedElement {
    const fn new() -> Self {
        Self { id: AtomicU32::new(0), length: AtomicU32::new(0) }
    }
}

impl<const N: usize, const RING: usize, const LINES: usize> Shared<N, RING, LINES> {
    pub(crate) const fn new() -> Self {
        const {
            assert!(N.is_power_of_two() && N <= 32, "the number of buffers is a power of two");
            let used = offset_of!(Self, used);
            assert!(used == (N * 16 + 6 + N * 2).next_multiple_of(64), "there are from 4 to 16 buffers");
            assert!(offset_of!(Self, buffers) == used + 4 + N * 8 + 4);
        }
        Self {
            descriptors: [const { Descriptor::new() }; N],
            available: Available {
                flags: AtomicU16::new(0),
                index: AtomicU16::new(0),
                ring: [const { AtomicU16::new(0) }; RING],
            },
            used: Used {
                flags: AtomicU16::new(0),
                index: AtomicU16::new(0),
                ring: [const { UsedElement::new() }; N],
                filler: AtomicU32::new(0),
            },
            buffers: [const { [const { [AtomicUsize::new(0), AtomicUsize::new(0)] }; LINES] }; N],
        }
    }
}

/// The direction of a queue's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Direction {
    ToDevice = 0,
    /// The flag of a buffer that the device writes.
    FromDevice = 2,
}

pub(crate) struct Queue {
    number: u16,
    doorbell: usize,
    direction: Direction,
    /// None: the device cannot see the memory.
    rings: Option<Rings>,
    descriptors: &'static [Descriptor],
    /// What the driver tells the device: 1 for no interrupts.
    flags: &'static AtomicU16,
    available: &'static AtomicU16,
    available_ring: &'static [AtomicU16],
    used: &'static AtomicU16,
    used_ring: &'static [UsedElement],
    buffers: &'static [SharedLine],
    /// The size of each buffer.
    lines: usize,
    /// The buffers, one bit each.
    all: u32,
    /// Those that the device has to read.
    given: u32,
    /// Those that it had when the host closed the port: QEMU (7.2) does not return a buffer that it had partly read.
    stale: u32,
    next_available: u16,
    next_used: u16,
}

impl Queue {
    pub(crate) fn new<const N: usize, const RING: usize, const LINES: usize>(
        bus: &impl Bus,
        direction: Direction,
        shared: &'static mut Shared<N, RING, LINES>,
    ) -> Self {
        let shared: &'static Shared<N, RING, LINES> = shared;
        let (start, first) = (NonNull::from(shared).cast::<u8>(), offset_of!(Shared<N, RING, LINES>, buffers));
        let address = bus.address(NonNull::slice_from_raw_parts(start, first + size_of_val(&shared.buffers)));
        let rings = address.filter(|address| address % 64 == 0).map(|descriptors| {
            let at = |offset: usize| descriptors.wrapping_add(offset as u64);
            Rings {
                descriptors,
                available: at(offset_of!(Shared<N, RING, LINES>, available)),
                used: at(offset_of!(Shared<N, RING, LINES>, used)),
            }
        });
        for (index, descriptor) in shared.descriptors.iter().enumerate() {
            let offset = (first + index * LINES * LINE) as u64;
            let address = rings.map_or(0, |rings| rings.descriptors.wrapping_add(offset));
            let [low, high] = &descriptor.address;
            low.store(address as u32, Ordering::Relaxed);
            high.store((address >> 32) as u32, Ordering::Relaxed);
            descriptor.length.store((LINES * LINE) as u32, Ordering::Relaxed);
            descriptor.flags.store(direction as u16, Ordering::Relaxed);
        }
        Self {
            number: 0,
            doorbell: 0,
            direction,
            rings,
            descriptors: &shared.descriptors,
            flags: &shared.available.flags,
            available: &shared.available.index,
            available_ring: &shared.available.ring,
            used: &shared.used.index,
            used_ring: &shared.used.ring,
            buffers: shared.buffers.as_flattened(),
            lines: LINES,
            all: u32::MAX >> (32 - N),
            given: 0,
            stale: 0,
            next_available: 0,
            next_used: 0,
        }
    }

    /// Enables the queue in a device that has just been reset, or that has not used the queue since.
    pub(crate) fn start(&mut self, transport: &mut impl Transport, number: u16) -> Result<(), Error> {
        let rings = self.rings.ok_or(Error::Memory)?;
        self.number = number;
        (self.given, self.stale, self.next_available, self.next_used) = (0, 0, 0, 0);
        self.flags.store((self.direction == Direction::ToDevice).into(), Ordering::Relaxed);
        self.available.store(0, Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
        if self.direction == Direction::FromDevice {
            (0..self.descriptors.len() as u16).for_each(|index| self.offer(index));
            self.publish();
        }
        fence(Ordering::SeqCst);
        // SAFETY: the bus has said that these are the addresses of `Shared`, which is lent for good. All that the device can
        // write there are atomics, and its buffers are among them.
        self.doorbell = unsafe { transport.start_queue(number, self.descriptors.len() as u16, rings) }?;
        Ok(())
    }

    /// Whether there is a buffer that the device does not have. If not, an interrupt says when there is.
    pub(crate) fn has_room(&mut self) -> Result<bool, Error> {
        let has_room = |queue: &Self| queue.given != queue.all;
        if has_room(self) { Ok(true) } else { self.collect(has_room) }
    }

    /// Whether the device has read all that it was given. If it has not, an interrupt says when it has.
    pub(crate) fn is_drained(&mut self) -> Result<bool, Error> {
        self.collect(|queue| queue.given & !queue.stale == 0)
    }

    /// Takes what the device has returned. An interrupt comes only for what is missing.
    #[inline(never)]
    fn collect(&mut self, is_enough: fn(&Self) -> bool) -> Result<bool, Error> {
        self.take_all()?;
        let mut enough = is_enough(self);
        self.flags.store(enough.into(), Ordering::Relaxed);
        if !enough {
            fence(Ordering::SeqCst);
            // It may have returned something before it knew.
            self.take_all()?;
            enough = is_enough(self);
        }
        Ok(enough)
    }

    fn take_all(&mut self) -> Result<(), Error> {
        let returned = self.returned();
        while self.next_used != returned {
            let id = self.next(returned).map(|element| element.id.load(Ordering::Relaxed));
            let bit = id.and_then(|id| 1u32.checked_shl(id)).unwrap_or(0);
            if self.given & bit == 0 {
                return Err(self.error());
            }
            self.given ^= bit;
            if self.stale != 0 {
                self.pass_stale(bit);
            }
        }
        Ok(())
    }

    /// The device may never return what it has.
    pub(crate) fn doubt(&mut self) {
        self.stale = self.given;
    }

    /// Puts a buffer into the available ring. The device sees it when that is [published](Self::publish).
    #[inline(always)]
    fn offer(&mut self, index: u16) {
        if let Some(element) = self.available_ring.get(self.place(self.next_available)) {
            element.store(index, Ordering::Relaxed);
        }
        self.next_available = self.next_available.wrapping_add(1);
    }

    #[inline(always)]
    fn publish(&self) {
        self.available.store(self.next_available, Ordering::Release);
    }

    /// The device broke the rules.
    #[cold]
    pub(crate) fn error(&self) -> Error {
        Error::Ring(self.number)
    }

    /// Tells the device to look at the queue.
    #[inline(never)] // For flash.
    pub(crate) fn notify(&self, transport: &mut impl Transport) {
        fence(Ordering::SeqCst);
        transport.notify(self.number, self.doorbell);
    }

    /// How many buffers the device has returned so far, modulo 2^16.
    pub(crate) fn returned(&self) -> u16 {
        self.used.load(Ordering::Acquire)
    }

    /// How many of those were taken.
    pub(crate) fn taken(&self) -> u16 {
        self.next_used
    }

    /// The next of the buffers that the device has [returned](Self::returned), it says.
    #[inline(always)]
    fn next(&mut self, returned: u16) -> Option<&'static UsedElement> {
        if usize::from(returned.wrapping_sub(self.next_used)) > self.descriptors.len() {
            return None;
        }
        let element = self.used_ring.get(self.place(self.next_used))?;
        self.next_used = self.next_used.wrapping_add(1);
        Some(element)
    }

    /// Ports are streams: when a buffer comes back, the device has gone past those that it had before.
    #[cold]
    fn pass_stale(&mut self, bit: u32) {
        if self.stale & bit == 0 {
            self.given &= !self.stale;
            self.stale = 0;
        }
        self.stale &= !bit;
    }

    fn place(&self, index: u16) -> usize {
        usize::from(index) & self.descriptors.len().wrapping_sub(1)
    }

    /// The lines of a buffer, and of those after it.
    #[inline(always)]
    fn buffer(&self, index: usize) -> Option<&'static [SharedLine]> {
        self.buffers.get(index.wrapping_mul(self.lines)..)
    }

    /// Copies the next of the buffers that the device has [returned](Self::returned) to `target`, as far as that goes, and
    /// gives it back. Returns how many bytes the device wrote, it says: there may be fewer.
    pub(crate) fn read(&mut self, returned: u16, target: &mut [Line]) -> Option<usize> {
        let element = self.next(returned)?;
        let id = element.id.load(Ordering::Relaxed) as usize;
        if id >= self.descriptors.len() {
            return None;
        }
        let length = element.length.load(Ordering::Relaxed) as usize;
        for (to, [first, second]) in target.iter_mut().zip(self.buffer(id)?).take(length.div_ceil(LINE)) {
            *to = [first.load(Ordering::Relaxed), second.load(Ordering::Relaxed)];
        }
        self.offer(id as u16);
        self.publish();
        Some(length)
    }

    /// Gives bytes to the device, as many as there is known to be room for, and returns how many.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let index = self.given.trailing_ones();
            let Some(descriptor) = self.descriptors.get(index as usize) else { break };
            let Some(target) = self.buffer(index as usize) else { break };
            let size = size_of_val(target).min(self.lines.wrapping_mul(LINE));
            let (now, later) = rest.split_at(rest.len().min(size));
            // SAFETY: `target` is at least as long, and only this module has references to its words, which are atomics and
            // need no `&mut`. The driver has the buffer, so a device does not touch it. If it does, it only harms itself:
            // nobody else reads it.
            unsafe { now.as_ptr().copy_to_nonoverlapping(target.as_ptr().cast::<u8>().cast_mut(), now.len()) }
            descriptor.length.store(now.len() as u32, Ordering::Relaxed);
            self.offer(index as u16);
            self.given |= 1u32.wrapping_shl(index);
            rest = later;
        }
        self.publish();
        bytes.len().wrapping_sub(rest.len())
    }
}
