//! Streams of embedded-io 0.7: those that can say whether they are ready, and those that only block.

use core::convert::Infallible;

use embedded_io::{Read, ReadReady, Write, WriteReady};

use super::error::{IoError, some};
use super::fault::Fault;
use super::policy::{Policy, of_stream};
use super::poll::PollPort;
use crate::agent::{AgentOver, Service};
use crate::client::{ClientError, ClientOver, Reply};
use crate::error::LineError;
use crate::frame::Buffer;

struct Stream<'p, P>(&'p mut P);

/// A stream that is ready does not block for one byte.
impl<P: Read + ReadReady + Write + WriteReady> PollPort for Stream<'_, P> {
    type Error = IoError<P::Error>;

    fn read(&mut self) -> nb::Result<u8, Self::Error> {
        if !self.0.read_ready().map_err(IoError::Port)? {
            return Err(nb::Error::WouldBlock);
        }
        let mut byte = [0];
        some(self.0.read(&mut byte))?;
        let [byte] = byte;
        Ok(byte)
    }

    fn write(&mut self, byte: u8) -> nb::Result<(), Self::Error> {
        if !self.0.write_ready().map_err(IoError::Port)? {
            return Err(nb::Error::WouldBlock);
        }
        some(self.0.write(&[byte]))?;
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), Self::Error> {
        Ok(self.0.flush().map_err(IoError::Port)?)
    }
}

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
    /// Reads and writes until neither can go on before the port is ready again, and flushes. Feature `embedded-io`.
    ///
    /// `fault` says what an error of the port means; [`Fault::by_kind`] fits many ports. After a line error it goes on.
    ///
    /// For a port that hands out its own buffer (`BufRead`), give that to [`push_slice`](Self::push_slice), and the number
    /// of bytes that it took to `consume`.
    ///
    /// # Errors
    /// [`IoError::Closed`] when the other end has gone: the agent has been reset, for the next one. The port's error, if
    /// it is fatal or one of [too many in a row](crate::io).
    pub fn poll_io<P>(&mut self, port: &mut P, fault: impl FnMut(&P::Error) -> Fault) -> Result<(), IoError<P::Error>>
    where
        P: Read + ReadReady + Write + WriteReady,
    {
        self.poll_port(Stream(port), of_stream(fault))
    }

    /// Serves a port that only blocks, in a thread of its own, for as long as it works. Feature `embedded-io`.
    ///
    /// `fault` says what an error of the port means; [`Fault::by_kind`] fits many ports. After a line error it goes on.
    ///
    /// It reads a byte at a time, so wrap a port whose reads are system calls in a buffer. A guest that
    /// [answers later](crate::agent::Guest::DEFERS) does not compile here: in a thread of its own, a handler can wait.
    ///
    /// ```no_run
    /// use embedded_io::{Error, ErrorKind, Read, Write};
    /// use guestwire::{Agent, Guest, io::{Fault, IoError}};
    ///
    /// fn thread<G: Guest, P: Read + Write>(guest: G, port: &mut P) -> Result<(), P::Error> {
    ///     let mut agent: Agent<G, 256, 1024> = Agent::new(guest);
    ///     loop {
    ///         match agent.run_blocking(port, Fault::by_kind) {
    ///             Err(IoError::Closed) => {} // wait here for the port to open
    ///             // For ports whose reads time out. The rest of a request is overdue.
    ///             Err(IoError::Port(error)) if error.kind() == ErrorKind::TimedOut => {
    ///                 if agent.is_receiving() {
    ///                     agent.lost();
    ///                 }
    ///             }
    ///             Err(IoError::Port(error)) => return Err(error),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`IoError::Closed`] when the other end has gone: the agent has been reset, for the next one. The port's error, if
    /// it is fatal or one of [too many in a row](crate::io); nothing is lost by calling it again.
    pub fn run_blocking<P: Read + Write>(
        &mut self,
        port: &mut P,
        fault: impl FnMut(&P::Error) -> Fault,
    ) -> Result<Infallible, IoError<P::Error>> {
        const { assert!(!S::DEFERS, "run_blocking does not retry a command that would block: wait in its handler") };
        let mut policy = Policy::new(of_stream(fault));
        let mut is_flushed = false;
        loop {
            while !self.transmit().is_empty() {
                is_flushed = false;
                match some(port.write(self.transmit())) {
                    Ok(count) => {
                        policy.forget_errors();
                        self.transmitted(count);
                    }
                    Err(error) => policy.agent_wrote(self, error)?,
                }
            }
            while !is_flushed {
                match port.flush() {
                    Ok(()) => is_flushed = true,
                    Err(error) => policy.agent_wrote(self, IoError::Port(error))?,
                }
            }
            let mut byte = [0];
            match some(port.read(&mut byte)) {
                Ok(_) => {
                    policy.forget_errors();
                    // Nothing waits, for all has been sent.
                    let [byte] = byte;
                    self.step(byte);
                }
                Err(error) => policy.agent_read(self, error)?,
            }
        }
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Writes what is to be sent, flushes, and reads until there is a reply. Feature `embedded-io`.
    ///
    /// `fault` says what an error of the port means; [`Fault::by_kind`] fits many ports.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] while there is no reply, [`IoError`], or [`ClientError`]. When the port is closed,
    /// [`reset`](Self::reset) tells whether that is what success looks like.
    pub fn exchange_io<P>(
        &mut self,
        port: &mut P,
        fault: impl FnMut(&P::Error) -> Fault,
    ) -> nb::Result<Reply<'_>, LineError<ClientError, IoError<P::Error>>>
    where
        P: Read + ReadReady + Write + WriteReady,
    {
        self.exchange_port(Stream(port), of_stream(fault))
    }

    /// Writes what is to be sent to a port that only blocks, flushes, and waits for the reply. Feature `embedded-io`.
    ///
    /// `fault` says what an error of the port means; [`Fault::by_kind`] fits many ports. A deadline is the port's: a read that
    /// times out ends this with its error. Then [`reset`](Self::reset) and synchronize.
    ///
    /// It does not read while it writes. That is safe if the port, or what is behind it, has room for a response of the
    /// agent that nobody has read.
    ///
    /// # Errors
    /// [`IoError`] or [`ClientError`]. When the port is closed, [`reset`](Self::reset) tells whether that is what success
    /// looks like.
    pub fn exchange_blocking<P: Read + Write>(
        &mut self,
        port: &mut P,
        fault: impl FnMut(&P::Error) -> Fault,
    ) -> Result<Reply<'_>, LineError<ClientError, IoError<P::Error>>> {
        if !self.is_waiting() {
            return Err(LineError::Protocol(ClientError::NothingAsked));
        }
        let mut policy = Policy::new(of_stream(fault));
        while let Err(error) = self.send_blocking(port, &mut policy) {
            policy.client_wrote(error).map_err(LineError::Port)?;
        }
        let mut byte = [0];
        loop {
            let verdict = match some(port.read(&mut byte)) {
                Ok(_) => {
                    policy.forget_errors();
                    let [byte] = byte;
                    self.step(byte)
                }
                Err(error) => policy.client_read(self, error).map_err(LineError::Port)?,
            };
            if let Some(verdict) = verdict {
                return self.reply(verdict).map_err(LineError::Protocol);
            }
        }
    }

    fn send_blocking<P: Write, F>(&mut self, port: &mut P, policy: &mut Policy<F>) -> Result<(), IoError<P::Error>> {
        while !self.transmit().is_empty() {
            let count = some(port.write(self.transmit()))?;
            policy.forget_errors();
            self.transmitted(count);
        }
        port.flush().map_err(IoError::Port)
    }
}
