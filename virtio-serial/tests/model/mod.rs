//! A virtio-serial device as QEMU has it, in memory: what it does depends on nothing in the driver but the specification.
//! With [`Model::turn_hostile`] it breaks the rules at random.
#![allow(dead_code, reason = "each test uses a part")]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ptr::NonNull;
use std::rc::Rc;

use virtio_serial::{Bus, Device, Error, Memory, Mmio, Pci, Registers, Rings, Transport, pci};

/// Where the device usually sees what the driver shares, and its own registers.
const MEMORY: u64 = 0x8000_0000;
const MEMORY_STEP: u64 = 0x10_0000;
const SLOT: u64 = 0x0A00_0000;
const FUNCTION: pci::Function = pci::Function(0x0118);

const MULTIPORT: u64 = 1 << 1;
const VERSION_1: u64 = 1 << 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Legacy,
    Modern,
    Pci,
}

pub const KINDS: [Kind; 3] = [Kind::Legacy, Kind::Modern, Kind::Pci];

/// A port at the host's end.
#[derive(Default)]
pub struct Port {
    pub name: String,
    pub host_open: bool,
    pub guest_open: bool,
    /// What the host has sent, and the guest has not received.
    pub to_guest: VecDeque<u8>,
    /// What the guest has sent.
    pub to_host: Vec<u8>,
    /// The host does not read.
    pub full: bool,
}

#[derive(Clone, Copy, Default)]
struct Queue {
    size: u16,
    enabled: bool,
    rings: [u64; 3],
    next: u16,
    returned: u16,
}

/// Changes what a device says.
pub type Lie = fn(&mut Returned);

/// What a device says of a buffer that it returns.
pub struct Returned {
    pub id: u64,
    pub length: u64,
    /// How many it has returned, modulo 2^16.
    pub count: u16,
}

/// A hostile device's decisions: numbers, and one in how many lets it break a rule.
type Chaos = (Box<dyn FnMut() -> u64>, u64);

/// Random numbers (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

pub struct Model {
    kind: Kind,
    pub ports: BTreeMap<u32, Port>,
    /// The sizes of queues. QEMU's control queues have 32 entries.
    pub queue_size: u16,
    /// Whether it keeps the buffers of messages for now, as QEMU's other thread may: it returns them after it has answered.
    pub keeps_messages: bool,
    kept: Vec<u16>,
    pub features: u64,
    pub refuses_features: bool,
    pub stays_in_reset: bool,
    /// Bit 0: a queue's, bit 1: the configuration has changed.
    pub interrupts: u8,
    /// Messages for which the driver had no buffer.
    pub dropped: usize,
    pub notifications: usize,
    /// Where the device sees the memory that the driver shares.
    pub memory: u64,
    /// Where its registers are on PCI, and what the lowest bits say of that.
    pub bar: (u64, u32),
    /// What it does to each buffer of this queue that it returns.
    pub lie: Option<(u16, Lie)>,
    regions: Vec<(NonNull<u8>, usize)>,
    /// Few, and those that are used most come first.
    queues: Vec<(u16, Queue)>,
    status: u8,
    driver_features: u64,
    features_select: u32,
    driver_features_select: u32,
    queue_select: u16,
    page: u64,
    chaos: Option<Chaos>,
    /// How many rules it broke.
    pub broken: u64,
}

/// The model's registers, and its way to memory.
#[derive(Clone)]
pub struct Host(pub Rc<RefCell<Model>>);

impl Host {
    pub fn new(kind: Kind, names: &[(u32, &str)]) -> Self {
        let port = |name: &str| Port { name: name.into(), ..Port::default() };
        Self(Rc::new(RefCell::new(Model {
            kind,
            ports: names.iter().map(|(id, name)| (*id, port(name))).collect(),
            queue_size: 32,
            keeps_messages: false,
            kept: Vec::new(),
            features: MULTIPORT | if kind == Kind::Legacy { 0 } else { VERSION_1 },
            refuses_features: false,
            stays_in_reset: false,
            interrupts: 0,
            dropped: 0,
            notifications: 0,
            memory: MEMORY,
            bar: (0xFEB0_0000, 0b1100),
            lie: None,
            regions: Vec::new(),
            queues: Vec::new(),
            status: 0,
            driver_features: 0,
            features_select: 0,
            driver_features_select: 0,
            queue_select: 0,
            page: 0,
            chaos: None,
            broken: 0,
        })))
    }

    /// From now on, one in so many things that the device does breaks the rules.
    pub fn turn_hostile(&self, seed: u64, one_in: u64) {
        let mut random = Random(seed | 1);
        self.turn_hostile_by(move || random.next() >> 8, one_in);
    }

    /// The same by other numbers.
    pub fn turn_hostile_by(&self, numbers: impl FnMut() -> u64 + 'static, one_in: u64) {
        self.0.borrow_mut().chaos = Some((Box::new(numbers), one_in));
    }

    /// The driver's side of the device.
    pub fn transport(&self) -> Result<AnyTransport, Error> {
        let kind = self.0.borrow().kind;
        match kind {
            Kind::Pci => Pci::new(self, &mut self.clone(), FUNCTION).map(AnyTransport::Pci),
            _ => Mmio::new(self, SLOT).map(AnyTransport::Mmio),
        }
    }

    pub fn start<const PORTS: usize>(
        &self,
        names: [&'static str; PORTS],
    ) -> Result<Device<AnyTransport, PORTS>, Error> {
        Device::start(self.transport()?, self, names, Box::leak(Box::new(Memory::<PORTS>::new())))
    }

    pub fn port<R>(&self, id: u32, act: impl FnOnce(&mut Port) -> R) -> R {
        act(self.0.borrow_mut().ports.get_mut(&id).unwrap())
    }

    /// The host opens or closes its end.
    pub fn open(&self, id: u32, open: bool) {
        let mut model = self.0.borrow_mut();
        let port = model.ports.get_mut(&id).unwrap();
        port.host_open = open;
        if !open {
            port.to_guest.clear();
        }
        model.tell(id, 6, open.into(), "");
    }

    pub fn send(&self, id: u32, bytes: &[u8]) {
        let mut model = self.0.borrow_mut();
        model.ports.get_mut(&id).unwrap().to_guest.extend(bytes);
        model.receive(id);
    }

    pub fn sent(&self, id: u32) -> Vec<u8> {
        self.port(id, |port| std::mem::take(&mut port.to_host))
    }

    /// What the device has kept, and from now on at once.
    pub fn return_messages(&self) {
        let mut model = self.0.borrow_mut();
        model.keeps_messages = false;
        let kept = std::mem::take(&mut model.kept);
        kept.into_iter().for_each(|descriptor| model.give(3, descriptor, 0));
    }

    pub fn plug(&self, id: u32, name: &str) {
        let mut model = self.0.borrow_mut();
        model.ports.insert(id, Port { name: name.into(), ..Port::default() });
        model.tell(id, 1, 1, "");
    }

    pub fn unplug(&self, id: u32) {
        let mut model = self.0.borrow_mut();
        model.ports.remove(&id);
        model.tell(id, 2, 1, "");
    }

    /// The host closes its end while it does not read: as in QEMU 7.2, one buffer never comes back, and the others do.
    pub fn close_while_full(&self, id: u32) {
        let mut model = self.0.borrow_mut();
        let queue = queue_of(id) | 1;
        model.take(queue);
        while let Some((descriptor, ..)) = model.take(queue) {
            model.give(queue, descriptor, 0);
        }
        model.ports.get_mut(&id).unwrap().full = false;
        drop(model);
        self.open(id, false);
    }

    /// The host reads on.
    pub fn read_on(&self, id: u32) {
        let mut model = self.0.borrow_mut();
        model.ports.get_mut(&id).unwrap().full = false;
        let queue = queue_of(id) | 1;
        model.notified(queue);
    }
}

fn queue_of(id: u32) -> u16 {
    if id == 0 { 0 } else { (2 * (id + 1)) as u16 }
}

impl Model {
    /// Whether to break a rule.
    fn strikes(&mut self) -> bool {
        let strikes = self.chaos.as_mut().is_some_and(|(number, one_in)| number() % *one_in == 0);
        self.broken += u64::from(strikes);
        strikes
    }

    fn random(&mut self) -> u64 {
        self.chaos.as_mut().map_or(0, |(number, _)| {
            let value = number();
            // Small numbers and those near a limit get further than others.
            match number() % 4 {
                0 => value % 40,
                1 => value % 1100,
                2 => 1 << (value % 33),
                _ => value,
            }
        })
    }

    /// Nothing, beyond what the driver has shared.
    fn memory(&self, address: u64, length: usize) -> Option<NonNull<u8>> {
        let region = usize::try_from(address.checked_sub(self.memory)? / MEMORY_STEP).ok()?;
        let offset = (address % MEMORY_STEP) as usize;
        let (start, size) = *self.regions.get(region)?;
        // SAFETY: inside of what the driver has shared.
        (offset + length <= size).then(|| unsafe { start.add(offset) })
    }

    fn load(&self, address: u64, length: usize) -> u64 {
        let mut bytes = [0; 8];
        self.load_bytes(address, &mut bytes[..length]);
        u64::from_le_bytes(bytes)
    }

    fn load_bytes(&self, address: u64, bytes: &mut [u8]) {
        if let Some(memory) = self.memory(address, bytes.len()) {
            // SAFETY: the memory is shared for good, and the driver is not using it now.
            unsafe { memory.copy_to_nonoverlapping(NonNull::from(&mut *bytes).cast(), bytes.len()) }
        }
    }

    fn store(&self, address: u64, value: u64, length: usize) {
        self.store_bytes(address, &value.to_le_bytes()[..length]);
    }

    fn store_bytes(&self, address: u64, bytes: &[u8]) {
        if let Some(memory) = self.memory(address, bytes.len()) {
            // SAFETY: as above.
            unsafe { memory.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) }
        }
    }

    /// Takes the next buffer of a queue: its descriptor, address and length.
    fn take(&mut self, number: u16) -> Option<(u16, u64, u32)> {
        let queue = *self.queue_at(number);
        let [descriptors, available, _] = queue.rings;
        let waiting = (self.load(available + 2, 2) as u16).wrapping_sub(queue.next);
        // More than there can be: QEMU stops here, too.
        if !queue.enabled || waiting == 0 || waiting > queue.size {
            assert!(self.chaos.is_some() || waiting <= queue.size);
            return None;
        }
        let place = u64::from(queue.next % queue.size);
        let id = self.load(available + 4 + 2 * place, 2) as u16;
        self.queue_at(number).next = queue.next.wrapping_add(1);
        let descriptor = descriptors + 16 * u64::from(id);
        let flags = self.load(descriptor + 12, 2);
        // The driver lets the device write only what it is to write.
        assert!(self.chaos.is_some() || flags == if number & 1 == 0 { 2 } else { 0 });
        let (address, length) = (self.load(descriptor, 8), self.load(descriptor + 8, 4) as u32);
        // And it has shared all of it.
        assert!(self.chaos.is_some() || self.memory(address, length as usize).is_some());
        Some((id, address, length))
    }

    fn give(&mut self, number: u16, id: u16, length: u32) {
        let queue = *self.queue_at(number);
        if queue.size == 0 {
            return;
        }
        let used = queue.rings[2];
        let element = used + 4 + 8 * u64::from(queue.returned % queue.size);
        let mut returned = Returned { id: id.into(), length: length.into(), count: queue.returned.wrapping_add(1) };
        if self.strikes() {
            returned.id = self.random();
        }
        if self.strikes() {
            returned.length = self.random();
        }
        if self.strikes() {
            returned.count = returned.count.wrapping_add(self.random() as u16);
        }
        if let Some((_, lie)) = self.lie.filter(|(queue, _)| *queue == number) {
            lie(&mut returned);
        }
        self.store(element, returned.id, 4);
        self.store(element + 4, returned.length, 4);
        self.queue_at(number).returned = returned.count;
        self.store(used + 2, returned.count.into(), 2);
        // Unless the driver wants none.
        self.interrupts |= u8::from(self.load(queue.rings[1], 2) & 1 == 0);
    }

    fn tell(&mut self, id: u32, event: u16, value: u16, name: &str) {
        let (mut id, mut event, mut value, mut name) = (id, event, value, name.to_owned());
        if self.strikes() {
            id = self.random() as u32;
        }
        if self.strikes() {
            event = self.random() as u16 % 9;
        }
        if self.strikes() {
            value = self.random() as u16;
        }
        if self.strikes() {
            let length = self.random() as usize % 80;
            name = "org.qemu.guest_agent.0".repeat(4)[..length].to_owned();
        }
        let Some((descriptor, address, room)) = self.take(2) else {
            self.dropped += 1;
            return;
        };
        self.store(address, id.into(), 4);
        self.store(address + 4, event.into(), 2);
        self.store(address + 6, value.into(), 2);
        let mut length = 8;
        // As QEMU does: the length is that of the whole name, however much fits.
        if !name.is_empty() {
            let bytes = [name.as_bytes(), &[0]].concat();
            self.store_bytes(address + 8, &bytes[..bytes.len().min(room.saturating_sub(8) as usize)]);
            length += bytes.len() as u32;
        }
        self.give(2, descriptor, length);
    }

    fn receive(&mut self, id: u32) {
        let queue = queue_of(id);
        while self.ports.get(&id).is_some_and(|port| port.guest_open && !port.to_guest.is_empty()) {
            let Some((descriptor, address, room)) = self.take(queue) else { break };
            let port = self.ports.get_mut(&id).unwrap();
            let count = port.to_guest.len().min(room as usize);
            let bytes: Vec<u8> = port.to_guest.drain(..count).collect();
            self.store_bytes(address, &bytes);
            self.give(queue, descriptor, count as u32);
        }
    }

    fn notified(&mut self, queue: u16) {
        self.notifications += 1;
        if self.strikes() {
            return;
        }
        match queue {
            3 => {
                while let Some((descriptor, address, length)) = self.take(3) {
                    assert!(self.chaos.is_some() || length == 8);
                    let id = self.load(address, 4) as u32;
                    let (event, value) = (self.load(address + 4, 2), self.load(address + 6, 2));
                    if self.keeps_messages {
                        self.kept.push(descriptor);
                    } else {
                        self.give(3, descriptor, 0);
                    }
                    self.told(id, event, value);
                }
            }
            2 => {}
            _ => {
                let id = if queue < 2 { 0 } else { u32::from(queue) / 2 - 1 };
                if queue & 1 == 0 {
                    return self.receive(id);
                }
                while self.ports.get(&id).is_some_and(|port| !port.full) {
                    let Some((descriptor, address, length)) = self.take(queue) else { break };
                    let mut bytes = vec![0; length.min(512) as usize];
                    self.load_bytes(address, &mut bytes);
                    self.ports.get_mut(&id).unwrap().to_host.extend(bytes);
                    self.give(queue, descriptor, 0);
                }
            }
        }
    }

    fn told(&mut self, id: u32, event: u64, value: u64) {
        match event {
            0 => {
                let ids: Vec<u32> = self.ports.keys().copied().collect();
                ids.into_iter().for_each(|id| self.tell(id, 1, 1, ""));
            }
            3 => {
                // QEMU complains of an unexpected port.
                assert!(self.chaos.is_some() || self.ports.contains_key(&id), "there is no port {id}");
                let Some(port) = self.ports.get(&id) else { return };
                let (name, open) = (port.name.clone(), port.host_open);
                self.tell(id, 7, 1, &name);
                if open {
                    self.tell(id, 6, 1, "");
                }
            }
            6 => {
                if let Some(port) = self.ports.get_mut(&id) {
                    port.guest_open = value != 0;
                }
            }
            _ => {}
        }
    }

    /// What a hostile device does at any time.
    fn strike(&mut self) {
        if !self.strikes() {
            return;
        }
        match self.random() % 4 {
            0 => {
                // Anything anywhere in the memory that it was told of.
                let region = self.random() % self.regions.len().max(1) as u64;
                let Some((_, size)) = self.regions.get(region as usize).copied() else { return };
                let (address, value) =
                    (self.memory + region * MEMORY_STEP + self.random() % size as u64, self.random());
                self.store(address, value, 2);
            }
            1 => {
                let (id, event) = (self.random() as u32 % 40, self.random() as u16);
                self.tell(id, event % 9, 1, "org.qemu.guest_agent.0");
            }
            2 => {
                let number = (self.random() % 16) as u16;
                let id = (self.random() % 40) as u16;
                let length = self.random() as u32;
                self.give(number, id, length);
            }
            _ => {
                let number = (self.random() % 16) as u16;
                self.notified(number);
            }
        }
    }

    fn set_status(&mut self, status: u8) {
        self.status = status;
        if status == 0 {
            self.queues.clear();
            self.driver_features = 0;
            self.interrupts = 0;
            self.page = 0;
            self.ports.values_mut().for_each(|port| port.guest_open = false);
        } else if status & 8 != 0 && (self.refuses_features || self.driver_features & !self.features != 0) {
            self.status &= !8;
        }
    }

    fn read_status(&mut self) -> u8 {
        if self.stays_in_reset { 1 } else { self.status }
    }

    fn features_word(&self) -> u32 {
        (self.features >> (32 * (self.features_select & 1))) as u32
    }

    fn set_features_word(&mut self, word: u32) {
        self.driver_features |= u64::from(word) << (32 * (self.driver_features_select & 1));
    }

    fn queue(&mut self) -> &mut Queue {
        self.queue_at(self.queue_select)
    }

    fn queue_at(&mut self, number: u16) -> &mut Queue {
        let found = self.queues.iter().position(|(known, _)| *known == number);
        let index = found.unwrap_or_else(|| {
            self.queues.push((number, Queue::default()));
            self.queues.len() - 1
        });
        &mut self.queues[index].1
    }

    fn max_size(&self) -> u16 {
        let exists = u32::from(self.queue_select) < 2 * 512;
        if exists { self.queue_size } else { 0 }
    }

    /// No driver uses this register but on a hostile device, where registers may be others.
    fn is_strange<T: Default>(&self, offset: usize) -> T {
        assert!(self.chaos.is_some(), "uses register {offset:#x}");
        T::default()
    }

    fn read_mmio(&mut self, offset: usize) -> u32 {
        match offset {
            0x00 => u32::from_le_bytes(*b"virt"),
            0x04 => {
                if self.kind == Kind::Legacy {
                    1
                } else {
                    2
                }
            }
            0x08 => 3,
            0x10 => self.features_word(),
            0x34 => self.max_size().into(),
            0x40 => (self.queue().rings[0] / self.page.max(1)) as u32,
            0x44 => self.queue().enabled.into(),
            0x60 => self.interrupts.into(),
            0x70 => self.read_status().into(),
            _ => self.is_strange(offset),
        }
    }

    fn write_mmio(&mut self, offset: usize, value: u32) {
        match offset {
            0x14 => self.features_select = value,
            0x20 => self.set_features_word(value),
            0x24 => self.driver_features_select = value,
            0x28 => self.page = value.into(),
            0x30 => self.queue_select = value as u16,
            0x38 => self.queue().size = value as u16,
            0x3C => assert!(self.chaos.is_some() || value == 64),
            0x40 => {
                let start = u64::from(value) * self.page;
                let size = u64::from(self.queue().size);
                let available = start + 16 * size;
                let used = (available + 6 + 2 * size).next_multiple_of(64);
                *self.queue() =
                    Queue { size: size as u16, enabled: true, rings: [start, available, used], ..Queue::default() };
            }
            0x44 => self.queue().enabled = value == 1,
            0x50 => self.notified((value % 1024) as u16),
            0x64 => self.interrupts &= !(value as u8),
            0x70 => self.set_status(value as u8),
            0x80..0xB0 => self.set_ring(offset - 0x80, 16, value),
            _ => self.is_strange(offset),
        }
    }

    fn set_ring(&mut self, offset: usize, step: usize, value: u32) {
        let shift = 8 * (offset % step) as u32;
        let ring = &mut self.queue().rings[offset / step];
        *ring = *ring & !(0xFFFF_FFFF << shift) | u64::from(value) << shift;
    }

    fn read_common(&mut self, offset: usize) -> u32 {
        match offset {
            4 => self.features_word(),
            20 => self.read_status().into(),
            24 => match self.queue().size {
                0 => self.max_size().into(),
                size => size.into(),
            },
            28 => self.queue().enabled.into(),
            30 => self.queue_select.into(),
            _ => self.is_strange(offset),
        }
    }

    fn write_common(&mut self, offset: usize, value: u32) {
        match offset {
            0 => self.features_select = value,
            8 => self.driver_features_select = value,
            12 => self.set_features_word(value),
            20 => self.set_status(value as u8),
            22 => self.queue_select = value as u16,
            24 => self.queue().size = value as u16,
            28 => self.queue().enabled = value == 1,
            32..56 => self.set_ring(offset - 32, 8, value),
            _ => self.is_strange(offset),
        }
    }
}

// SAFETY: the model uses memory through the addresses that it hands out, and checks their bounds. Its registers are not
// memory.
unsafe impl Bus for Host {
    type Registers = Part;

    unsafe fn map(&self, address: u64, length: usize) -> Option<Part> {
        let mut model = self.0.borrow_mut();
        if model.strikes() {
            return None;
        }
        let (bar, _) = model.bar;
        let base = match address {
            SLOT if length == 0x100 => Base::Mmio,
            _ if address == bar + 0x1000 && length == 56 => Base::Common,
            _ if address == bar + 0x2000 => Base::Notify,
            _ if address == bar + 0x3001 && length == 1 => Base::Interrupt,
            _ if model.chaos.is_some() => return None,
            _ => panic!("maps {length} bytes at {address:#x}"),
        };
        Some(Part { model: self.0.clone(), base, length })
    }

    fn address(&self, memory: NonNull<[u8]>) -> Option<u64> {
        let mut model = self.0.borrow_mut();
        model.regions.push((memory.cast(), memory.len()));
        let strange = if model.strikes() { model.random() } else { 0 };
        (strange % 8 != 1).then(|| model.memory + (model.regions.len() as u64 - 1) * MEMORY_STEP + strange % 8)
    }
}

#[derive(Clone, Copy, Debug)]
enum Base {
    Mmio,
    Common,
    Notify,
    Interrupt,
}

/// A part of the registers.
pub struct Part {
    model: Rc<RefCell<Model>>,
    base: Base,
    length: usize,
}

impl Part {
    /// A hostile device may say that registers are where others are.
    fn is_hostile(&self) -> bool {
        self.model.borrow().chaos.is_some()
    }

    fn read(&self, offset: usize, length: usize) -> u32 {
        assert!(offset + length <= self.length, "reads beyond the registers");
        let mut model = self.model.borrow_mut();
        model.strike();
        let value = match self.base {
            Base::Mmio => model.read_mmio(offset),
            Base::Common => model.read_common(offset),
            Base::Notify => {
                assert!(model.chaos.is_some(), "reads from where it notifies");
                0
            }
            Base::Interrupt => std::mem::take(&mut model.interrupts).into(),
        };
        if model.strikes() { model.random() as u32 } else { value }
    }

    fn write(&self, offset: usize, length: usize, value: u32) {
        assert!(offset + length <= self.length, "writes beyond the registers");
        let mut model = self.model.borrow_mut();
        model.strike();
        match self.base {
            Base::Mmio => model.write_mmio(offset, value),
            Base::Common => model.write_common(offset, value),
            // The doorbells are 4 bytes apart.
            Base::Notify => {
                assert!(model.chaos.is_some() || offset == 4 * value as usize, "{offset} {value}");
                model.notified(value as u16 % 1024);
            }
            Base::Interrupt => assert!(model.chaos.is_some(), "writes to the interrupt status"),
        }
    }
}

impl Registers for Part {
    fn read_8(&self, offset: usize) -> u8 {
        assert!(self.is_hostile() || !matches!(self.base, Base::Common) || offset == 20);
        self.read(offset, 1) as u8
    }

    fn read_16(&self, offset: usize) -> u16 {
        assert!(self.is_hostile() || matches!(self.base, Base::Common) && (22..32).contains(&offset));
        self.read(offset, 2) as u16
    }

    fn read_32(&self, offset: usize) -> u32 {
        self.read(offset, 4)
    }

    fn write_8(&self, offset: usize, value: u8) {
        assert!(self.is_hostile() || matches!(self.base, Base::Common) && offset == 20);
        self.write(offset, 1, value.into());
    }

    fn write_16(&self, offset: usize, value: u16) {
        assert!(self.is_hostile() || !matches!(self.base, Base::Mmio));
        self.write(offset, 2, value.into());
    }

    fn write_32(&self, offset: usize, value: u32) {
        self.write(offset, 4, value);
    }
}

/// Configuration space: vendor capabilities in an order that no device has, among others.
impl pci::Configuration for Host {
    fn read(&mut self, function: pci::Function, offset: u8) -> u32 {
        let mut model = self.0.borrow_mut();
        if model.strikes() {
            return model.random() as u32;
        }
        if function != FUNCTION {
            // A bridge with two functions.
            return if function.0 <= 1 { 0x1237_8086 } else { u32::MAX };
        }
        let capability = |id: u8, next: u8, length: u8, kind: u8| u32::from_le_bytes([id, next, length, kind]);
        match offset {
            0x00 => 0x1043_1AF4,
            0x04 => 0x0010_0000,
            0x18 => model.bar.0 as u32 | model.bar.1,
            0x1C => (model.bar.0 >> 32) as u32,
            0x34 => 0x98,
            0x98 => capability(0x11, 0x40, 12, 0x80), // MSI-X
            0x40 => capability(9, 0x50, 16, 5),       // access by the configuration space
            0x50 => capability(9, 0x64, 20, 2),
            0x64 => capability(9, 0x74, 16, 3),
            0x74 => capability(9, 0x84, 16, 1),
            0x84 => capability(9, 0xA0, 16, 4),
            // Once more, elsewhere: the first counts.
            0xA0 => capability(9, 0xB0, 16, 1),
            0xB0 => capability(9, 0, 16, 3),
            0xA8 | 0xB8 => 0x7000,
            0xAC | 0xBC => 0x1000,
            // Offsets and lengths.
            0x58 => 0x2000,
            0x5C => 0x1000,
            0x60 => 4,
            0x6C => 0x3001,
            0x70 => 1,
            0x7C => 0x1000,
            0x80 => 0x1000,
            // The number of the base address.
            0x44 | 0x54 | 0x68 | 0x78 | 0x88 | 0xA4 | 0xB4 => 2,
            _ => 0,
        }
    }

    fn write(&mut self, function: pci::Function, offset: u8, value: u32) {
        let hostile = self.0.borrow().chaos.is_some();
        assert!(hostile || (function == FUNCTION && offset == 4 && value == 0b110), "{function:?} {offset} {value:#x}");
    }
}

pub enum AnyTransport {
    Mmio(Mmio<Part>),
    Pci(Pci<Part>),
}

macro_rules! either {
    ($self:ident, $transport:ident => $value:expr) => {
        match $self {
            AnyTransport::Mmio($transport) => $value,
            AnyTransport::Pci($transport) => $value,
        }
    };
}

impl Transport for AnyTransport {
    fn is_legacy(&self) -> bool {
        either!(self, transport => transport.is_legacy())
    }

    fn status(&self) -> u8 {
        either!(self, transport => transport.status())
    }

    fn set_status(&mut self, status: u8) {
        either!(self, transport => transport.set_status(status))
    }

    fn features(&mut self) -> u64 {
        either!(self, transport => transport.features())
    }

    fn set_features(&mut self, features: u64) {
        either!(self, transport => transport.set_features(features))
    }

    unsafe fn start_queue(&mut self, number: u16, size: u16, rings: Rings) -> Result<usize, Error> {
        // SAFETY: promised by the caller.
        either!(self, transport => unsafe { transport.start_queue(number, size, rings) })
    }

    fn notify(&mut self, number: u16, doorbell: usize) {
        either!(self, transport => transport.notify(number, doorbell))
    }

    fn acknowledge_interrupt(&mut self) -> bool {
        either!(self, transport => transport.acknowledge_interrupt())
    }
}
