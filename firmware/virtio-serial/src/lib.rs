//! A driver for one named port of a virtio-serial device on virtio-mmio, legacy or modern: four queues in static memory,
//! no allocation, no blocking.
//!
//! The port is the device's first, port 1. (Port 0 is for consoles.)
#![no_std]

mod queue;
mod transport;

use queue::{Buffer, Direction, Queue, Shared};
use transport::Transport;

/// The numbers of the port and its queues: each port has two, those of port 0 first, then those for control messages.
const PORT: u32 = 1;
const CONTROL_RECEIVE: u32 = 2;
const CONTROL_TRANSMIT: u32 = 3;
const RECEIVE: u32 = 4;
const TRANSMIT: u32 = 5;

/// Events in control messages, as numbered by the specification.
mod event {
    pub(super) const DEVICE_READY: u16 = 0;
    pub(super) const PORT_ADD: u16 = 1;
    pub(super) const PORT_READY: u16 = 3;
    pub(super) const PORT_OPEN: u16 = 6;
    pub(super) const PORT_NAME: u16 = 7;
}

/// The memory that the driver shares with the device. Make it a static.
///
/// The host's control messages have eight bytes, and a name of up to 31 with a NUL after it.
pub struct Memory {
    control_receive: Shared<16, 40>,
    control_transmit: Shared<4, 8>,
    receive: Shared<4, 256>,
    transmit: Shared<4, 256>,
}

impl Memory {
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            control_receive: Shared::new(),
            control_transmit: Shared::new(),
            receive: Shared::new(),
            transmit: Shared::new(),
        }
    }
}

/// What happened at the host's end of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortEvent {
    Opened,
    Closed,
}

/// A port, open at the guest's end.
///
/// Poll [`event`](Self::event) until it returns `None`, then read the bytes.
pub struct Port {
    transport: Transport,
    name: &'static str,
    control_receive: Queue<16, 40>,
    control_transmit: Queue<4, 8>,
    receive: Queue<4, 256>,
    transmit: Queue<4, 256>,
    /// The buffer being read, and how many of its bytes have been consumed.
    reading: Option<(Buffer, usize)>,
    /// The count of buffers received when last no event was pending. Only those may be read: later ones may be another
    /// client's, whose event has not been seen yet.
    readable: u16,
    host_closed: bool,
}

impl Port {
    /// Uses the first of these virtio-mmio slots that holds a device with ports, and waits for the port of this name.
    ///
    /// # Safety
    /// Each is the address of a virtio-mmio slot that nothing else uses. The device sees memory at the addresses that
    /// the driver sees, and what the driver has written (no cache between them).
    pub unsafe fn find(
        mut slots: impl Iterator<Item = usize>,
        name: &'static str,
        memory: &'static mut Memory,
    ) -> Option<Self> {
        // SAFETY: promised by the caller.
        let transport = slots.find_map(|base| unsafe { Transport::start(base) })?;
        let Memory { control_receive, control_transmit, receive, transmit } = memory;
        let mut port = Self {
            transport,
            name,
            control_receive: Queue::new(transport, CONTROL_RECEIVE, Direction::FromDevice, control_receive),
            control_transmit: Queue::new(transport, CONTROL_TRANSMIT, Direction::ToDevice, control_transmit),
            receive: Queue::new(transport, RECEIVE, Direction::FromDevice, receive),
            transmit: Queue::new(transport, TRANSMIT, Direction::ToDevice, transmit),
            reading: None,
            readable: 0,
            host_closed: false,
        };
        transport.finish();
        port.control_receive.give_all();
        port.receive.give_all();
        port.tell(0, event::DEVICE_READY, 1);
        Some(port)
    }

    /// The slot that the device is in.
    pub fn slot(&self) -> usize {
        self.transport.base()
    }

    /// Call this before you poll the port: an interrupt after that means that there is more to poll.
    pub fn acknowledge_interrupt(&mut self) {
        self.transport.acknowledge_interrupt();
    }

    /// The next event at the host's end. Bytes received before [`PortEvent::Closed`], and until [`PortEvent::Opened`], are
    /// dropped: no client waits for an answer.
    pub fn event(&mut self) -> Option<PortEvent> {
        let received = self.receive.device_index();
        while let Some(buffer) = self.control_receive.take() {
            let message = *self.control_receive.bytes(buffer);
            self.control_receive.give(buffer, usize::MAX);
            let [id0, id1, id2, id3, event0, event1, value0, value1, name @ ..] = message;
            if u32::from_le_bytes([id0, id1, id2, id3]) != PORT {
                continue;
            }
            match (u16::from_le_bytes([event0, event1]), u16::from_le_bytes([value0, value1])) {
                (event::PORT_ADD, _) => self.tell(PORT, event::PORT_READY, 1),
                (event::PORT_NAME, _) if self.is_named(&name) => self.open(),
                (event::PORT_OPEN, 0) => {
                    self.host_closed = true;
                    self.drop_received();
                    return Some(PortEvent::Closed);
                }
                (event::PORT_OPEN, _) => {
                    self.host_closed = false;
                    // QEMU (7.2) does not return a buffer that it had partly written when the host closed.
                    self.transmit.forget();
                    return Some(PortEvent::Opened);
                }
                _ => {}
            }
        }
        self.readable = received;
        if self.host_closed {
            self.drop_received();
        }
        None
    }

    /// Bytes from the host, or none. It returns the same bytes until they are [`consumed`](Self::consumed).
    pub fn received(&mut self) -> &[u8] {
        let Some((buffer, consumed)) = self.reading.or_else(|| Some((self.next()?, 0))) else { return &[] };
        self.reading = Some((buffer, consumed));
        self.receive.bytes(buffer).get(consumed..buffer.length).unwrap_or_default()
    }

    /// Drops the first `count` bytes of [`received`](Self::received).
    pub fn consumed(&mut self, count: usize) {
        if let Some((buffer, consumed)) = &mut self.reading {
            *consumed = consumed.saturating_add(count);
            if *consumed >= buffer.length {
                self.receive.give(*buffer, usize::MAX);
                self.reading = None;
            }
        }
    }

    /// Sends as many bytes as there is room for, and returns how many. While the host does not read, that may be 0.
    pub fn send(&mut self, mut bytes: &[u8]) -> usize {
        let mut sent = 0;
        while !bytes.is_empty() {
            let Some(buffer) = self.transmit.free() else { break };
            let room = self.transmit.bytes(buffer);
            let length = bytes.len().min(room.len());
            let (now, later) = bytes.split_at(length);
            room[..length].copy_from_slice(now);
            self.transmit.give(buffer, length);
            bytes = later;
            sent += length;
        }
        sent
    }

    fn open(&mut self) {
        self.tell(PORT, event::PORT_OPEN, 1);
        // While the port was closed, its buffers did not make QEMU read what the host may have sent.
        self.receive.notify();
    }

    fn next(&mut self) -> Option<Buffer> {
        if self.receive.taken() == self.readable { None } else { self.receive.take() }
    }

    fn drop_received(&mut self) {
        self.consumed(usize::MAX);
        while let Some(buffer) = self.next() {
            self.receive.give(buffer, usize::MAX);
        }
    }

    fn is_named(&self, name: &[u8]) -> bool {
        name.strip_prefix(self.name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }

    fn tell(&mut self, id: u32, event: u16, value: u16) {
        // The device returns a message at once, so there is always room.
        let Some(buffer) = self.control_transmit.free() else { return };
        let [id0, id1, id2, id3] = id.to_le_bytes();
        let ([event0, event1], [value0, value1]) = (event.to_le_bytes(), value.to_le_bytes());
        *self.control_transmit.bytes(buffer) = [id0, id1, id2, id3, event0, event1, value0, value1];
        self.control_transmit.give(buffer, 8);
    }
}
