//! What the loops over ports that do not wait have in common.

use super::fault::Fault;
use super::policy::Policy;
use crate::agent::{AgentOver, Service};
use crate::client::{ClientError, ClientOver, Reply};
use crate::error::LineError;
use crate::frame::Buffer;

/// A port that says when it is not ready.
pub(super) trait PollPort {
    type Error;

    fn read(&mut self) -> nb::Result<u8, Self::Error>;
    fn write(&mut self, byte: u8) -> nb::Result<(), Self::Error>;
    fn flush(&mut self) -> nb::Result<(), Self::Error>;
}

enum Failure<E> {
    Read(E),
    Write(E),
}

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
    pub(super) fn poll_port<P: PollPort>(
        &mut self,
        port: P,
        fault: impl FnMut(&mut P::Error) -> Fault,
    ) -> Result<(), P::Error> {
        let mut both = (port, Policy::new(fault));
        loop {
            let polled = self.poll(
                &mut both,
                |(port, policy)| {
                    let byte = port.read().map_err(|error| error.map(Failure::Read))?;
                    policy.forget_errors();
                    Ok(byte)
                },
                |(port, policy), byte| {
                    port.write(byte).map_err(|error| error.map(Failure::Write))?;
                    policy.forget_errors();
                    Ok(())
                },
            );
            let (port, policy) = &mut both;
            // Also after an error: what was written must reach a peer that has closed only its own half.
            let flushed = if self.transmit().is_empty() { port.flush() } else { Ok(()) };
            match (polled, flushed) {
                (Err(Failure::Read(error)), _) => policy.agent_read(self, error)?,
                (Err(Failure::Write(error)), _) => policy.agent_wrote(self, error)?,
                (Ok(()), Err(nb::Error::Other(error))) => policy.agent_wrote(self, error)?,
                (Ok(()), Ok(()) | Err(nb::Error::WouldBlock)) => return Ok(()),
            }
        }
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    pub(super) fn exchange_port<P: PollPort>(
        &mut self,
        mut port: P,
        fault: impl FnMut(&mut P::Error) -> Fault,
    ) -> nb::Result<Reply<'_>, LineError<ClientError, P::Error>> {
        if !self.is_waiting() {
            return Err(nb::Error::Other(LineError::Protocol(ClientError::NothingAsked)));
        }
        let mut policy = Policy::new(fault);
        while let Err(error) = self.send(&mut port, &mut policy) {
            policy.client_wrote(error).map_err(LineError::Port)?;
        }
        let verdict = loop {
            let verdict = match port.read() {
                Ok(byte) => {
                    policy.forget_errors();
                    self.step(byte)
                }
                Err(nb::Error::WouldBlock) => return Err(nb::Error::WouldBlock),
                Err(nb::Error::Other(error)) => policy.client_read(self, error).map_err(LineError::Port)?,
            };
            if let Some(verdict) = verdict {
                break verdict;
            }
        };
        Ok(self.reply(verdict).map_err(LineError::Protocol)?)
    }

    /// Writes what the port takes, and flushes once that is all.
    fn send<P: PollPort, F>(&mut self, port: &mut P, policy: &mut Policy<F>) -> Result<(), P::Error> {
        self.write_to(|byte| {
            port.write(byte)?;
            policy.forget_errors();
            Ok(())
        })?;
        if !self.transmit().is_empty() {
            return Ok(()); // a stream's flush blocks, and an agent may have to send a response before it takes the rest
        }
        match port.flush() {
            Err(nb::Error::Other(error)) => Err(error),
            Ok(()) | Err(nb::Error::WouldBlock) => Ok(()),
        }
    }
}
