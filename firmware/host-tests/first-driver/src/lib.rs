//! The driver that virtio-serial replaced, for today's guest: with one port on one device, and no errors.
#![no_std]

use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::with_exposed_provenance;

pub trait Bus {}

pub struct Identity;

impl Bus for Identity {}

impl Identity {
    /// # Safety
    /// As for the driver of today.
    pub const unsafe fn new(_registers: Range<u64>) -> Self {
        Self
    }
}

pub struct Window;

pub struct Mmio<R> {
    slot: usize,
    registers: PhantomData<R>,
}

impl Mmio<Window> {
    pub fn new(_bus: &Identity, slot: u64) -> Result<Self, Error> {
        let slot = slot as usize;
        // SAFETY: the guest said that there are such slots.
        let id = unsafe { with_exposed_provenance::<u32>(slot + 8).read_volatile() };
        if id == 3 { Ok(Self { slot, registers: PhantomData }) } else { Err(Error::NoDevice) }
    }
}

pub trait Transport {
    fn slot(&self) -> usize;
}

impl Transport for Mmio<Window> {
    fn slot(&self) -> usize {
        self.slot
    }
}

#[derive(Clone, Copy)]
pub enum Error {
    NoDevice,
    Features,
    Ring(u16),
}

pub enum Event {
    Found,
    Opened,
    Closed,
    Removed,
}

pub struct Memory<const PORTS: usize>(first::Memory);

impl Memory<1> {
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self(first::Memory::new())
    }
}

pub struct Device<T, const PORTS: usize> {
    port: first::Port,
    transport: PhantomData<T>,
}

impl<T: Transport> Device<T, 1> {
    pub fn start<B: Bus>(
        transport: T,
        _bus: &B,
        [name]: [&'static str; 1],
        memory: &'static mut Memory<1>,
    ) -> Result<Self, Error> {
        // SAFETY: the guest said that this is a slot.
        let port = unsafe { first::Port::find(core::iter::once(transport.slot()), name, &mut memory.0) };
        Ok(Self { port: port.ok_or(Error::Features)?, transport: PhantomData })
    }

    pub fn restart(&mut self) -> Result<(), Error> {
        Err(Error::Ring(0))
    }

    pub fn acknowledge_interrupt(&mut self) -> bool {
        self.port.acknowledge_interrupt();
        true
    }

    pub fn poll(&mut self) -> Result<Option<(usize, Event)>, Error> {
        Ok(self.port.event().map(|event| match event {
            first::PortEvent::Opened => (0, Event::Opened),
            first::PortEvent::Closed => (0, Event::Closed),
        }))
    }

    pub fn is_found(&self, _port: usize) -> bool {
        true
    }

    pub fn received(&mut self, _port: usize) -> Result<&[u8], Error> {
        Ok(self.port.received())
    }

    pub fn consume(&mut self, _port: usize, count: usize) {
        self.port.consumed(count);
    }

    pub fn send(&mut self, _port: usize, bytes: &[u8]) -> Result<usize, Error> {
        Ok(self.port.send(bytes))
    }

    pub fn is_sent(&mut self, _port: usize) -> Result<bool, Error> {
        Ok(true)
    }
}
