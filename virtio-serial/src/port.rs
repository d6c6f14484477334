//! One port: its two queues, and the bytes received.

use bytemuck::must_cast_slice;

use crate::Error;
use crate::bus::Bus;
use crate::queue::{Direction, LINE, Line, Queue, Shared};
use crate::transport::Transport;

/// The size of a buffer.
const BUFFER: usize = 256;
/// How many bytes are fetched at once, at most.
const FETCHED: usize = 2 * BUFFER;

/// The memory of a port with this many buffers in each direction.
pub(crate) struct PortMemory<const BUFFERS: usize> {
    receive: Shared<BUFFERS, 30, { BUFFER / LINE }>,
    transmit: Shared<BUFFERS, 30, { BUFFER / LINE }>,
    /// What was received: only the driver writes there.
    received: [Line; FETCHED / LINE],
}

impl<const BUFFERS: usize> PortMemory<BUFFERS> {
    pub(crate) const fn new() -> Self {
        Self { receive: Shared::new(), transmit: Shared::new(), received: [[0; 2]; FETCHED / LINE] }
    }
}

pub(crate) struct Port {
    pub(crate) name: &'static str,
    pub(crate) state: State,
    receive: Queue,
    transmit: Queue,
    received: &'static mut [Line; FETCHED / LINE],
    /// Those of `received` that are still to be consumed.
    unread: core::ops::Range<usize>,
    /// How many buffers had come when `poll` was called last.
    arrived: u16,
    /// How many had when last no event was pending. Only those may be read: later ones may be another client's, whose event
    /// has not been seen yet.
    readable: u16,
    host_closed: bool,
    /// Bytes have gone one way or the other since the last end.
    used: bool,
    /// There is another client, or none, and nobody was told.
    ended: bool,
    #[cfg(feature = "embedded-io-async")]
    wakers: [Option<core::task::Waker>; 2],
}

/// What a task waits for.
#[cfg(feature = "embedded-io-async")]
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Read,
    Write,
}

/// Where a port is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The device has not named it.
    Unknown,
    /// It has this number, and its queues are enabled.
    Found(u32),
    /// It had, and its queues still are.
    Removed(u32),
}

impl Port {
    pub(crate) fn new<const N: usize>(bus: &impl Bus, name: &'static str, memory: &'static mut PortMemory<N>) -> Self {
        let PortMemory { receive, transmit, received } = memory;
        Self {
            name,
            state: State::Unknown,
            receive: Queue::new(bus, Direction::FromDevice, receive),
            transmit: Queue::new(bus, Direction::ToDevice, transmit),
            received,
            unread: 0..0,
            arrived: 0,
            readable: 0,
            host_closed: false,
            used: false,
            ended: false,
            #[cfg(feature = "embedded-io-async")]
            wakers: [None, None],
        }
    }

    /// The device has been reset.
    pub(crate) fn forget(&mut self) {
        self.state = State::Unknown;
        self.unread = 0..0;
        self.arrived = self.receive.taken();
        self.readable = self.arrived;
        self.host_closed = false;
        self.end();
    }

    fn end(&mut self) {
        self.ended |= self.used;
        self.used = false;
    }

    #[cfg(feature = "embedded-io")]
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    #[cfg(any(feature = "embedded-io", feature = "embedded-hal-nb"))]
    pub(crate) fn take_end(&mut self) -> bool {
        core::mem::take(&mut self.ended)
    }

    #[cfg(feature = "embedded-io-async")]
    pub(crate) fn wake_later(&mut self, wait: Wait, waker: &core::task::Waker) {
        let [reader, writer] = &mut self.wakers;
        let waiting = match wait {
            Wait::Read => reader,
            Wait::Write => writer,
        };
        match waiting {
            Some(waiting) => waiting.clone_from(waker),
            None => *waiting = Some(waker.clone()),
        }
    }

    #[cfg(feature = "embedded-io-async")]
    pub(crate) fn wake(&mut self) {
        self.wakers.iter_mut().filter_map(Option::take).for_each(core::task::Waker::wake);
    }

    pub(crate) fn is(&self, id: u32) -> bool {
        self.state == State::Found(id)
    }

    /// The device has named the port.
    pub(crate) fn found(&mut self, transport: &mut impl Transport, id: u32) -> Result<(), Error> {
        if self.state == State::Removed(id) {
            self.arrived = self.receive.returned();
            self.readable = self.arrived;
            self.drop_received(transport)?;
        } else {
            let first = id.checked_add(1).and_then(|place| u16::try_from(place.checked_mul(2)?).ok());
            // Port 0 has the queues before the control queues.
            let first = if id == 0 { 0 } else { first.ok_or(Error::PortNumber)? };
            self.receive.start(transport, first)?;
            self.transmit.start(transport, first | 1)?;
            (self.arrived, self.readable) = (0, 0);
        }
        self.state = State::Found(id);
        self.host_closed = false;
        Ok(())
    }

    /// The driver has opened its end: the device can read what the host has sent until now, and return what it still had
    /// when the port was removed.
    pub(crate) fn notify(&mut self, transport: &mut impl Transport) {
        self.receive.notify(transport);
        self.transmit.notify(transport);
    }

    pub(crate) fn removed(&mut self, transport: &mut impl Transport, id: u32) -> Result<(), Error> {
        self.closed(transport)?;
        self.state = State::Removed(id);
        Ok(())
    }

    pub(crate) fn opened(&mut self) {
        self.end();
        self.host_closed = false;
    }

    pub(crate) fn closed(&mut self, transport: &mut impl Transport) -> Result<(), Error> {
        self.host_closed = true;
        self.end();
        self.transmit.doubt();
        self.drop_received(transport)
    }

    /// Notes what has come until now.
    pub(crate) fn look(&mut self) {
        if let State::Found(_) = self.state {
            self.arrived = self.receive.returned();
        }
    }

    /// What had come by the last [`look`](Self::look) can be read, or is dropped while the host's end is closed.
    pub(crate) fn settle(&mut self, transport: &mut impl Transport) -> Result<(), Error> {
        self.readable = self.arrived;
        if self.host_closed { self.drop_received(transport) } else { Ok(()) }
    }

    fn drop_received(&mut self, transport: &mut impl Transport) -> Result<(), Error> {
        self.unread = 0..0;
        if self.is_readable() {
            while self.is_readable() {
                self.receive.read(self.readable, &mut []).ok_or_else(|| self.receive.error())?;
            }
            self.receive.notify(transport);
        }
        Ok(())
    }

    fn is_readable(&self) -> bool {
        self.receive.taken() != self.readable
    }

    /// Fetches bytes, if there are none.
    pub(crate) fn fetch(&mut self, transport: &mut impl Transport) -> Result<(), Error> {
        if !self.unread.is_empty() || !self.is_readable() {
            return Ok(());
        }
        let mut end = 0;
        // Whole lines are copied: after a buffer that is not full, the next would leave a gap.
        while self.is_readable() && end % BUFFER == 0 && end < FETCHED {
            let target = self.received.get_mut(end / LINE..).unwrap_or_default();
            let length = self.receive.read(self.readable, target).filter(|length| *length <= BUFFER);
            end += length.ok_or_else(|| self.receive.error())?;
        }
        self.unread = 0..end;
        // Once for all: a notification is slow.
        if !self.is_readable() {
            self.receive.notify(transport);
        }
        Ok(())
    }

    pub(crate) fn received(&self) -> &[u8] {
        must_cast_slice(self.received).get(self.unread.clone()).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.used |= count > 0;
        self.unread.start = self.unread.start.saturating_add(count);
    }

    pub(crate) fn send(&mut self, transport: &mut impl Transport, bytes: &[u8]) -> Result<usize, Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = self.transmit.write(rest);
            if count > 0 {
                rest = rest.get(count..).unwrap_or_default();
                self.used = true;
                self.transmit.notify(transport);
            } else if !self.transmit.has_room()? {
                // Many devices return buffers at once, but this one does not.
                break;
            }
        }
        Ok(bytes.len().wrapping_sub(rest.len()))
    }

    pub(crate) fn can_send(&mut self) -> Result<bool, Error> {
        self.transmit.has_room()
    }

    pub(crate) fn is_sent(&mut self) -> Result<bool, Error> {
        self.transmit.is_drained()
    }
}
