//! One virtqueue, with one buffer for each descriptor (virtio 1.1, section 2.6).

use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use crate::transport::Transport;

/// Shared by driver and device: `N` descriptors, a power of two up to 32, and as many buffers of `B` bytes.
#[repr(C, align(64))]
pub(crate) struct Shared<const N: usize, const B: usize> {
    descriptors: [Descriptor; N],
    available: Available<N>,
    used: Used<N>,
    buffers: [[u8; B]; N],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

/// Descriptors that the driver gives to the device.
#[repr(C)]
struct Available<const N: usize> {
    flags: u16,
    index: u16,
    ring: [u16; N],
}

/// Those that the device returns. A legacy device expects it at the next multiple of its alignment, here 64.
#[repr(C, align(64))]
struct Used<const N: usize> {
    flags: u16,
    index: u16,
    ring: [UsedElement; N],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct UsedElement {
    id: u32,
    length: u32,
}

impl<const N: usize, const B: usize> Shared<N, B> {
    pub(crate) const fn new() -> Self {
        assert!(N.is_power_of_two() && N <= 32);
        Self {
            descriptors: [Descriptor { address: 0, length: 0, flags: 0, next: 0 }; N],
            available: Available { flags: 0, index: 0, ring: [0; N] },
            used: Used { flags: 0, index: 0, ring: [UsedElement { id: 0, length: 0 }; N] },
            buffers: [[0; B]; N],
        }
    }
}

/// The direction of a queue's bytes.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(crate) enum Direction {
    ToDevice = 0,
    /// The flag of a buffer that the device writes.
    FromDevice = 2,
}

pub(crate) struct Queue<const N: usize, const B: usize> {
    shared: NonNull<Shared<N, B>>,
    transport: Transport,
    number: u32,
    direction: Direction,
    /// The buffers that the device has, one bit each.
    given: u32,
    available: u16,
    used: u16,
}

/// A buffer that the device has returned.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    id: u16,
    pub(crate) length: usize,
}

impl<const N: usize, const B: usize> Queue<N, B> {
    pub(crate) fn new(
        transport: Transport,
        number: u32,
        direction: Direction,
        shared: &'static mut Shared<N, B>,
    ) -> Self {
        let (descriptors, available, used) =
            (&raw const shared.descriptors, &raw const shared.available, &raw const shared.used);
        transport.start_queue(number, N as u32, [descriptors as u64, available as u64, used as u64]);
        let shared = NonNull::from(shared);
        Self { shared, transport, number, direction, given: 0, available: 0, used: 0 }
    }

    /// A buffer that the device does not have.
    pub(crate) fn free(&mut self) -> Option<Buffer> {
        while self.take().is_some() {}
        let id = self.given.trailing_ones() as u16;
        (usize::from(id) < N).then_some(Buffer { id, length: 0 })
    }

    /// Gives all buffers of a new queue to the device to fill.
    pub(crate) fn give_all(&mut self) {
        (0..N as u16).for_each(|id| self.give(Buffer { id, length: 0 }, usize::MAX));
    }

    /// All buffers are free again, whatever the device does.
    pub(crate) fn forget(&mut self) {
        while self.take().is_some() {}
        self.given = 0;
    }

    /// Gives a buffer to the device, to read `length` bytes from or to fill.
    pub(crate) fn give(&mut self, buffer: Buffer, length: usize) {
        let slot = usize::from(buffer.id) % N;
        let shared = self.shared.as_ptr();
        self.given |= 1 << slot;
        self.available = self.available.wrapping_add(1);
        // SAFETY: `shared` points to a static, and is the only pointer to it. The device reads a descriptor only after the
        // index that passes it on, which is written last.
        unsafe {
            let address = &raw const (*shared).buffers[slot];
            let flags = self.direction as u16;
            let descriptor = Descriptor { address: address as u64, length: length.min(B) as u32, flags, next: 0 };
            (&raw mut (*shared).descriptors[slot]).write_volatile(descriptor);
            let next = usize::from(self.available.wrapping_sub(1)) % N;
            (&raw mut (*shared).available.ring[next]).write_volatile(slot as u16);
            fence(Ordering::SeqCst);
            (&raw mut (*shared).available.index).write_volatile(self.available);
        }
        fence(Ordering::SeqCst);
        self.notify();
    }

    /// Notifies the device.
    pub(crate) fn notify(&self) {
        self.transport.notify(self.number);
    }

    /// The next buffer that the device returned.
    pub(crate) fn take(&mut self) -> Option<Buffer> {
        if self.used == self.device_index() {
            return None;
        }
        fence(Ordering::SeqCst);
        let shared = self.shared.as_ptr();
        // SAFETY: as in `give`; the device has written this element before its index.
        let element = unsafe { (&raw const (*shared).used.ring[usize::from(self.used) % N]).read_volatile() };
        self.used = self.used.wrapping_add(1);
        let id = element.id as usize % N;
        self.given &= !(1 << id);
        Some(Buffer { id: id as u16, length: (element.length as usize).min(B) })
    }

    /// How many buffers the device has returned so far, modulo 2^16.
    pub(crate) fn device_index(&self) -> u16 {
        // SAFETY: as in `give`. The device may write at any time, hence the volatile access.
        unsafe { (&raw const (*self.shared.as_ptr()).used.index).read_volatile() }
    }

    /// How many of those were taken.
    pub(crate) fn taken(&self) -> u16 {
        self.used
    }

    /// The bytes of a buffer that is the driver's.
    pub(crate) fn bytes(&mut self, buffer: Buffer) -> &mut [u8; B] {
        // SAFETY: the device does not touch a buffer while the driver has it, and the borrow of `self` prevents `give`.
        unsafe { &mut (*self.shared.as_ptr()).buffers[usize::from(buffer.id) % N] }
    }
}
