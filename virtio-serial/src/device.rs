use crate::Error;
use crate::bus::Bus;
use crate::control::{Control, MAX_NAME, Message, What};
use crate::memory::Memory;
use crate::port::{Port, State};
use crate::transport::Transport;

/// Bits of the status.
const ACKNOWLEDGE: u8 = 1;
const DRIVER: u8 = 2;
const DRIVER_OK: u8 = 4;
const FEATURES_OK: u8 = 8;
const FAILED: u8 = 128;

/// Feature: the console has named ports.
const MULTIPORT: u64 = 1 << 1;
/// Feature: the device is not legacy.
const VERSION_1: u64 = 1 << 32;

/// How often to look whether a device has come out of reset.
const RESET_LOOKS: usize = 1000;

/// The most messages and answers without an event. A device with all the ports that there can be needs fewer.
const MESSAGES: usize = 4096;

/// What happened to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The device has the port: it can be used. The host's end may be open or not.
    Found,
    /// The host has opened its end.
    Opened,
    /// The host has closed its end. What it had sent and was not read is dropped, and so is what was sent to it.
    Closed,
    /// The port was unplugged. It can be found again.
    Removed,
}

/// A virtio-serial device, and those of its ports that have one of `PORTS` names.
///
/// Nothing waits. Call [`poll`](Self::poll) until it returns `None`, then read and write. A port is called by its index in
/// the list of names. One that the device does not have yet has no bytes, and takes none.
///
/// After an error all methods return that error, until [`restart`](Self::restart).
///
/// ```
/// use virtio_serial::{Device, Error, Transport};
///
/// /// Sends back what comes, as far as there is room.
/// fn echo<T: Transport>(device: &mut Device<T, 1>) -> Result<(), Error> {
///     while device.poll()?.is_some() {}
///     let mut copy = [0; 256];
///     let received = device.received(0)?;
///     let bytes = &mut copy[..received.len()];
///     bytes.copy_from_slice(received);
///     let sent = device.send(0, bytes)?;
///     device.consume(0, sent);
///     Ok(())
/// }
/// ```
pub struct Device<T, const PORTS: usize> {
    transport: T,
    control: Control,
    ports: [Port; PORTS],
    error: Option<Error>,
}

impl<T: Transport, const PORTS: usize> Device<T, PORTS> {
    /// Resets the device, and asks it for its ports.
    ///
    /// The memory is gone even if this fails, for the device may have been told of it.
    pub fn start<B: Bus, const BUFFERS: usize>(
        transport: T,
        bus: &B,
        names: [&'static str; PORTS],
        memory: &'static mut Memory<PORTS, BUFFERS>,
    ) -> Result<Self, Error> {
        if names.iter().any(|name| name.len() > MAX_NAME) {
            return Err(Error::NameTooLong);
        }
        let Memory { control_in, control_out, ports } = memory;
        let mut names = names.into_iter();
        let ports = ports.each_mut().map(|memory| Port::new(bus, names.next().unwrap_or_default(), memory));
        let control = Control::new(bus, control_in, control_out);
        let mut device = Self { transport, control, ports, error: None };
        device.restart()?;
        Ok(device)
    }

    /// Resets the device, and asks it for its ports. Each is [`Event::Found`] anew.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.error = None;
        let result = self.try_restart();
        if result.is_err() {
            self.transport.set_status(FAILED);
        }
        self.note(result)
    }

    fn try_restart(&mut self) -> Result<(), Error> {
        let transport = &mut self.transport;
        transport.set_status(0);
        if (0..RESET_LOOKS).all(|_| transport.status() != 0) {
            return Err(Error::Reset);
        }
        self.ports.iter_mut().for_each(Port::forget);
        let mut status = ACKNOWLEDGE | DRIVER;
        transport.set_status(status);
        let features = if transport.is_legacy() { MULTIPORT } else { MULTIPORT | VERSION_1 };
        if transport.features() & features != features {
            return Err(Error::Features);
        }
        transport.set_features(features);
        if !transport.is_legacy() {
            status |= FEATURES_OK;
            transport.set_status(status);
            if transport.status() & FEATURES_OK == 0 {
                return Err(Error::Features);
            }
        }
        self.control.start(transport)?;
        transport.set_status(status | DRIVER_OK);
        self.control.ask(transport);
        Ok(())
    }

    /// The next event, and the index of its port.
    ///
    /// Keeps apart what two clients at the host's end sent: until `poll` returns `None`, only those bytes can be read that
    /// had come before. The driver cannot tell them apart if the second sends before `poll` is called.
    pub fn poll(&mut self) -> Result<Option<(usize, Event)>, Error> {
        self.check()?;
        self.ports.iter_mut().for_each(Port::look);
        if !self.control.is_idle() {
            let result = self.handle_messages();
            if !matches!(self.note(result), Ok(None)) || !self.control.is_idle() {
                return result;
            }
        }
        let result = self.ports.iter_mut().try_for_each(|port| port.settle(&mut self.transport));
        self.note(result).map(|()| None)
    }

    /// Until there is an event, no message, or no room to answer.
    #[inline(never)] // Usually there is none.
    fn handle_messages(&mut self) -> Result<Option<(usize, Event)>, Error> {
        for _ in 0..MESSAGES {
            // It takes a message to open or to answer a port. The device returns their buffers soon.
            if self.control.is_idle() || !self.control.can_tell()? {
                return Ok(None);
            }
            let Some(message) = self.control.next(&mut self.transport)? else { continue };
            if let Some(event) = self.handle(&message)? {
                return Ok(Some(event));
            }
        }
        Err(self.control.error())
    }

    fn handle(&mut self, message: &Message) -> Result<Option<(usize, Event)>, Error> {
        let (id, transport) = (message.id, &mut self.transport);
        let mut ports = self.ports.iter_mut().enumerate();
        if let Some((index, port)) = ports.find(|(_, port)| port.is(id)) {
            let event = match message.what {
                What::Removed => {
                    port.removed(transport, id)?;
                    Event::Removed
                }
                What::Opened => {
                    port.opened();
                    Event::Opened
                }
                What::Closed => {
                    port.closed(transport)?;
                    Event::Closed
                }
                What::Named(_) | What::Other => return Ok(None),
            };
            return Ok(Some((index, event)));
        }
        let What::Named(name) = &message.what else { return Ok(None) };
        let named = |port: &Port| !matches!(port.state, State::Found(_)) && name.is(port.name);
        let Some(index) = self.ports.iter().position(named) else { return Ok(None) };
        let has_other_queues = |(other, port): (usize, &Port)| match port.state {
            State::Removed(before) => (other == index) != (before == id),
            _ => false,
        };
        if self.ports.iter().enumerate().any(has_other_queues) {
            // A queue cannot be disabled in every transport.
            self.try_restart()?;
            return Ok(None);
        }
        let Some(port) = self.ports.get_mut(index) else { return Ok(None) };
        port.found(transport, id)?;
        self.control.open(transport, id);
        port.notify(transport);
        Ok(Some((index, Event::Found)))
    }

    /// Whether the device has this port.
    pub fn is_found(&self, port: usize) -> bool {
        self.ports.get(port).is_some_and(|port| matches!(port.state, State::Found(_)))
    }

    /// Bytes from the host, or none. It returns the same until they are [`consumed`](Self::consume).
    ///
    /// Before you wait for an interrupt, read until there are none: the device may send no more until then.
    pub fn received(&mut self, port: usize) -> Result<&[u8], Error> {
        self.with(port, Port::fetch)?;
        Ok(self.ports.get(port).map(Port::received).unwrap_or_default())
    }

    /// Drops the first bytes of [`received`](Self::received).
    pub fn consume(&mut self, port: usize, count: usize) {
        if let Some(port) = self.ports.get_mut(port) {
            port.consume(count);
        }
    }

    /// Sends as many bytes as there is room for, and returns how many. While the host does not read, that may be 0.
    pub fn send(&mut self, port: usize, bytes: &[u8]) -> Result<usize, Error> {
        self.with(port, |port, transport| port.send(transport, bytes))
    }

    /// Whether there is room for bytes to send.
    pub fn can_send(&mut self, port: usize) -> Result<bool, Error> {
        self.with(port, |port, _| port.can_send())
    }

    /// Whether the host has taken all that was sent, or has closed its end. Wait for it before you power the machine off.
    pub fn is_sent(&mut self, port: usize) -> Result<bool, Error> {
        // Where there is no port, nothing is left to send.
        self.with(port, |port, _| Ok(!port.is_sent()?)).map(|unsent| !unsent)
    }

    /// Ends the device's interrupt, if there is one, and returns whether there was. Do this before you poll: an interrupt
    /// after that means that there is more to do.
    ///
    /// Wakes the tasks that wait for a stream (feature `embedded-io-async`).
    pub fn acknowledge_interrupt(&mut self) -> bool {
        let interrupted = self.transport.acknowledge_interrupt();
        #[cfg(feature = "embedded-io-async")]
        if interrupted {
            self.ports.iter_mut().for_each(Port::wake);
        }
        interrupted
    }

    #[cfg(feature = "embedded-io")]
    pub(crate) fn has_ended(&self, port: usize) -> bool {
        self.ports.get(port).is_some_and(Port::has_ended)
    }

    #[cfg(any(feature = "embedded-io", feature = "embedded-hal-nb"))]
    pub(crate) fn take_end(&mut self, port: usize) -> bool {
        self.ports.get_mut(port).is_some_and(Port::take_end)
    }

    #[cfg(feature = "embedded-io-async")]
    pub(crate) fn wake_later(&mut self, port: usize, wait: crate::port::Wait, waker: &core::task::Waker) {
        if let Some(port) = self.ports.get_mut(port) {
            port.wake_later(wait, waker);
        }
    }

    /// A port that the device has, otherwise nothing.
    fn with<R: Default>(
        &mut self,
        port: usize,
        act: impl FnOnce(&mut Port, &mut T) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.check()?;
        let result = match self.ports.get_mut(port) {
            Some(port) if matches!(port.state, State::Found(_)) => act(port, &mut self.transport),
            _ => Ok(R::default()),
        };
        self.note(result)
    }

    fn check(&self) -> Result<(), Error> {
        self.error.map_or(Ok(()), Err)
    }

    fn note<R>(&mut self, result: Result<R, Error>) -> Result<R, Error> {
        if let Err(error) = result {
            self.error = Some(error);
        }
        result
    }
}
