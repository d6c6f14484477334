//! The messages by which device and driver speak about ports (virtio 1.2, section 5.3.6.2).

use bytemuck::must_cast_slice;

use crate::Error;
use crate::bus::Bus;
use crate::queue::{Direction, LINE, Queue, Shared};
use crate::transport::Transport;

/// QEMU has as many, and drops what does not fit.
pub(crate) const BUFFERS_IN: usize = 32;
pub(crate) const BUFFERS_OUT: usize = 4;
pub(crate) const HEADER: usize = 8;
pub(crate) const MESSAGE: usize = HEADER + MAX_NAME + 1;
/// The most bytes that the name of a port can have.
pub const MAX_NAME: usize = 39;

/// The numbers of the queues.
const QUEUE_IN: u16 = 2;
const QUEUE_OUT: u16 = 3;
/// Ports have the numbers below. A device has two queues for each, and QEMU up to 1024 queues.
pub(crate) const PORTS: usize = 512;

/// Events, as numbered by the specification.
mod event {
    pub(super) const DEVICE_READY: u16 = 0;
    pub(super) const PORT_ADD: u16 = 1;
    pub(super) const PORT_REMOVE: u16 = 2;
    pub(super) const PORT_READY: u16 = 3;
    pub(super) const PORT_OPEN: u16 = 6;
    pub(super) const PORT_NAME: u16 = 7;
}

/// What the device says about the port of this number.
pub(crate) struct Message {
    pub(crate) id: u32,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// Nothing of interest.
    Other,
    Removed,
    Opened,
    Closed,
    Named(Name),
}

pub(crate) struct Name {
    bytes: [u8; MAX_NAME + 1],
    /// May be more than there are bytes.
    length: usize,
}

impl Name {
    /// The NUL at the end is optional.
    pub(crate) fn is(&self, name: &str) -> bool {
        let Some(bytes) = self.bytes.get(..self.length) else { return false };
        bytes.strip_suffix(&[0]).unwrap_or(bytes) == name.as_bytes()
    }
}

pub(crate) struct Control {
    receive: Queue,
    transmit: Queue,
    /// The ports that were added, but not yet answered, one bit each. QEMU drops messages for which it has no buffer, so an
    /// answer, which brings up to three messages, must wait until it has them back.
    added: [u32; PORTS / 32],
    /// Whether there may be any.
    any_added: bool,
}

impl Control {
    pub(crate) fn new(
        bus: &impl Bus,
        receive: &'static mut Shared<BUFFERS_IN, 62, { MESSAGE / LINE }>,
        transmit: &'static mut Shared<BUFFERS_OUT, 30, 1>,
    ) -> Self {
        let receive = Queue::new(bus, Direction::FromDevice, receive);
        let transmit = Queue::new(bus, Direction::ToDevice, transmit);
        Self { receive, transmit, added: [0; PORTS / 32], any_added: false }
    }

    /// Sets the queues up.
    pub(crate) fn start(&mut self, transport: &mut impl Transport) -> Result<(), Error> {
        (self.added, self.any_added) = ([0; PORTS / 32], false);
        self.receive.start(transport, QUEUE_IN)?;
        self.transmit.start(transport, QUEUE_OUT)
    }

    /// Asks the device for its ports.
    pub(crate) fn ask(&mut self, transport: &mut impl Transport) {
        self.receive.notify(transport);
        self.tell(transport, 0, event::DEVICE_READY);
    }

    /// Tells the device to open its end of a port. There must be room for a message.
    pub(crate) fn open(&mut self, transport: &mut impl Transport, id: u32) {
        self.tell(transport, id, event::PORT_OPEN);
    }

    /// Whether there is room for a message.
    pub(crate) fn can_tell(&mut self) -> Result<bool, Error> {
        self.transmit.has_room()
    }

    /// The next message. If there is none, it answers a port that was added. There must be room for a message.
    pub(crate) fn next(&mut self, transport: &mut impl Transport) -> Result<Option<Message>, Error> {
        let Some((id, event, value, name)) = self.receive(transport)? else {
            if let Some(id) = self.next_added() {
                self.tell(transport, id, event::PORT_READY);
                self.mark(id, false)?;
            }
            return Ok(None);
        };
        let what = match (event, value) {
            (event::PORT_ADD, _) => {
                self.mark(id, true)?;
                What::Other
            }
            (event::PORT_REMOVE, _) => {
                self.mark(id, false)?;
                What::Removed
            }
            (event::PORT_OPEN, 0) => What::Closed,
            (event::PORT_OPEN, _) => What::Opened,
            (event::PORT_NAME, _) => What::Named(name),
            _ => What::Other,
        };
        Ok(Some(Message { id, what }))
    }

    /// The device broke the rules.
    pub(crate) fn error(&self) -> Error {
        Error::Ring(QUEUE_IN)
    }

    fn receive(&mut self, transport: &mut impl Transport) -> Result<Option<(u32, u16, u16, Name)>, Error> {
        let returned = self.receive.returned();
        if returned == self.receive.taken() {
            return Ok(None);
        }
        let mut message = [[0; 2]; MESSAGE / LINE];
        let length = self.receive.read(returned, &mut message).ok_or(self.error())?;
        self.receive.notify(transport);
        let Some((header, name)) = must_cast_slice(&message).split_first_chunk() else { return Err(self.error()) };
        let [id0, id1, id2, id3, event0, event1, value0, value1] = *header;
        // QEMU counts the bytes of a name that it could not write, too.
        let length = length.checked_sub(HEADER).ok_or(self.error())?;
        let mut bytes = [0; MAX_NAME + 1];
        bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Ok(Some((
            u32::from_le_bytes([id0, id1, id2, id3]),
            u16::from_le_bytes([event0, event1]),
            u16::from_le_bytes([value0, value1]),
            Name { bytes, length },
        )))
    }

    fn mark(&mut self, id: u32, added: bool) -> Result<(), Error> {
        let word = self.added.get_mut((id / 32) as usize).ok_or(Error::PortNumber)?;
        let bit = 1 << (id % 32);
        *word = if added { *word | bit } else { *word & !bit };
        self.any_added |= added;
        Ok(())
    }

    fn next_added(&mut self) -> Option<u32> {
        let first = self.added.iter().enumerate().find(|(_, word)| **word != 0);
        self.any_added = first.is_some();
        first.map(|(index, word)| index as u32 * 32 + word.trailing_zeros())
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.receive.returned() == self.receive.taken() && !self.any_added
    }

    fn tell(&mut self, transport: &mut impl Transport, id: u32, event: u16) {
        let [id0, id1, id2, id3] = id.to_le_bytes();
        let [event0, event1] = event.to_le_bytes();
        self.transmit.write(&[id0, id1, id2, id3, event0, event1, 1, 0]);
        self.transmit.notify(transport);
    }
}
