//! One virtqueue, with one buffer for each descriptor (virtio 1.2, section 2.7).
//!
//! All memory that the device can write consists of atomics, and nothing that was read from it is used unchecked.

use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicUsize, Ordering, fence};

use crate::Error;
use crate::bus::Bus;
use crate::transport::{Rings, Transport};

/// Bytes in a word, the unit in which buffers are copied.
pub(crate) const WORD: usize = size_of::<usize>();

/// Shared by driver and device: `N` descriptors, a power of two from 4 to 32, and as many buffers of `WORDS` words.
///
/// A legacy device expects what it returns at the next multiple of 64 after what it is given. `RING`, 30 or 62, fills the
/// space between, so that the device may write to every byte: none is padding.
#[repr(C, align(64))]
pub(crate) struct Shared<const N: usize, const RING: usize, const WORDS: usize> {
    descriptors: [Descriptor; N],
    available: Available<RING>,
    used: Used<N>,
    buffers: [[AtomicUsize; WORDS]; N],
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

impl<const N: usize, const RING: usize, const WORDS: usize> Shared<N, RING, WORDS> {
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
            buffers: [const { [const { AtomicUsize::new(0) }; WORDS] }; N],
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

/// A buffer that the device does not have.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    index: u16,
    /// How many bytes the device wrote, it says, or is to read. No buffer has as many as fit here.
    pub(crate) length: u16,
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
    buffers: &'static [AtomicUsize],
    words: usize,
    /// The buffers that the device has, one bit each.
    given: u32,
    /// Those that it had when the host closed the port: QEMU (7.2) does not return a buffer that it had partly read.
    stale: u32,
    next_available: u16,
    next_used: u16,
}

impl Queue {
    pub(crate) fn new<const N: usize, const RING: usize, const WORDS: usize>(
        bus: &impl Bus,
        direction: Direction,
        shared: &'static mut Shared<N, RING, WORDS>,
    ) -> Self {
        let shared: &'static Shared<N, RING, WORDS> = shared;
        let (start, first) = (NonNull::from(shared).cast::<u8>(), offset_of!(Shared<N, RING, WORDS>, buffers));
        let address = bus.address(NonNull::slice_from_raw_parts(start, first + size_of_val(&shared.buffers)));
        let rings = address.filter(|address| address % 64 == 0).map(|descriptors| {
            let at = |offset: usize| descriptors.wrapping_add(offset as u64);
            Rings {
                descriptors,
                available: at(offset_of!(Shared<N, RING, WORDS>, available)),
                used: at(offset_of!(Shared<N, RING, WORDS>, used)),
            }
        });
        for (index, descriptor) in shared.descriptors.iter().enumerate() {
            let offset = (first + index * WORDS * WORD) as u64;
            let address = rings.map_or(0, |rings| rings.descriptors.wrapping_add(offset));
            let [low, high] = &descriptor.address;
            low.store(address as u32, Ordering::Relaxed);
            high.store((address >> 32) as u32, Ordering::Relaxed);
            descriptor.length.store((WORDS * WORD) as u32, Ordering::Relaxed);
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
            words: WORDS,
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
            (0..self.descriptors.len() as u16).for_each(|index| self.give(Buffer { index, length: 0 }));
        }
        fence(Ordering::SeqCst);
        // SAFETY: the bus has said that these are the addresses of `Shared`, which is lent for good. All that the device can
        // write there are atomics, and its buffers are among them.
        self.doorbell = unsafe { transport.start_queue(number, self.descriptors.len() as u16, rings) }?;
        Ok(())
    }

    /// The size of each buffer.
    pub(crate) fn size(&self) -> usize {
        self.words.wrapping_mul(WORD)
    }

    /// A buffer that the device does not have. If there is none, an interrupt says when there is one.
    pub(crate) fn free(&mut self) -> Result<Option<Buffer>, Error> {
        let count = self.descriptors.len();
        let is_free = |index: u32| (index as usize) < count;
        if !is_free(self.given.trailing_ones()) {
            self.collect(|given| is_free(given.trailing_ones()))?;
        }
        let index = self.given.trailing_ones();
        Ok(is_free(index).then_some(Buffer { index: index as u16, length: 0 }))
    }

    /// Whether the device has read all that it was given. If it has not, an interrupt says when it has.
    pub(crate) fn is_drained(&mut self) -> Result<bool, Error> {
        let stale = self.stale;
        self.collect(|given| given & !stale == 0)?;
        Ok(self.given & !self.stale == 0)
    }

    /// Takes what the device has returned. An interrupt comes only for what is missing.
    fn collect(&mut self, is_enough: impl Fn(u32) -> bool) -> Result<(), Error> {
        while self.take()?.is_some() {}
        let enough = is_enough(self.given);
        self.flags.store(enough.into(), Ordering::Relaxed);
        if !enough {
            fence(Ordering::SeqCst);
            // It may have returned something before it knew.
            while self.take()?.is_some() {}
        }
        Ok(())
    }

    /// The device may never return what it has.
    pub(crate) fn doubt(&mut self) {
        self.stale = self.given;
    }

    /// Gives a buffer to the device, to fill or to read `buffer.length` bytes from.
    pub(crate) fn give(&mut self, buffer: Buffer) {
        let length = match self.direction {
            Direction::FromDevice => self.size() as u32,
            Direction::ToDevice => buffer.length.into(),
        };
        if let Some(descriptor) = self.descriptors.get(usize::from(buffer.index)) {
            descriptor.length.store(length, Ordering::Relaxed);
        }
        if let Some(element) = self.available_ring.get(self.place(self.next_available)) {
            element.store(buffer.index, Ordering::Relaxed);
        }
        self.given |= 1u32.wrapping_shl(buffer.index.into());
        self.next_available = self.next_available.wrapping_add(1);
        self.available.store(self.next_available, Ordering::Release);
    }

    /// The device broke the rules.
    #[cold]
    pub(crate) fn error(&self) -> Error {
        Error::Ring(self.number)
    }

    /// Tells the device to look at the queue.
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

    /// The next buffer that the device returned.
    pub(crate) fn take(&mut self) -> Result<Option<Buffer>, Error> {
        let count = self.returned().wrapping_sub(self.next_used);
        if count == 0 {
            return Ok(None);
        }
        let Some(element) = self.used_ring.get(self.place(self.next_used)) else { return Err(self.error()) };
        let id = element.id.load(Ordering::Relaxed);
        let bit = 1u32.wrapping_shl(id);
        if usize::from(count) > self.descriptors.len() || id >= 32 || self.given & bit == 0 {
            return Err(self.error());
        }
        self.next_used = self.next_used.wrapping_add(1);
        self.given ^= bit;
        if self.stale != 0 {
            self.pass_stale(bit);
        }
        Ok(Some(Buffer { index: id as u16, length: element.length.load(Ordering::Relaxed).min(0xFFFF) as u16 }))
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

    /// The words of a buffer.
    #[inline(always)]
    fn buffer(&self, buffer: Buffer) -> &'static [AtomicUsize] {
        let start = usize::from(buffer.index).wrapping_mul(self.words);
        self.buffers.get(start..start.wrapping_add(self.words)).unwrap_or_default()
    }

    /// Copies a buffer that the device has filled.
    pub(crate) fn read(&self, buffer: Buffer, target: &mut [usize]) {
        let count = usize::from(buffer.length).div_ceil(WORD);
        for (to, from) in target.iter_mut().zip(self.buffer(buffer)).take(count) {
            *to = from.load(Ordering::Relaxed);
        }
    }

    /// Gives as many bytes as fit to the device, in a buffer that it does not have, and returns how many.
    pub(crate) fn write(&mut self, buffer: Buffer, bytes: &[u8]) -> usize {
        let target = self.buffer(buffer);
        let length = bytes.len().min(size_of_val(target));
        // SAFETY: both are as long, and only this module has references to the words, which are atomics and need no `&mut`.
        // The driver has the buffer, so a device does not touch it. If it does, it only harms itself: nobody else reads it.
        unsafe { bytes.as_ptr().copy_to_nonoverlapping(target.as_ptr().cast::<u8>().cast_mut(), length) }
        self.give(Buffer { length: length as u16, ..buffer });
        length
    }
}
