//! How a loop goes on after an error.

#[cfg(feature = "embedded-io-async")]
use core::task::Poll;

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
use super::error::IoError;
use super::fault::Fault;
use crate::agent::{AgentOver, Service};
use crate::client::{ClientOver, Verdict};
use crate::frame::Buffer;

/// How many errors in a row, without a byte or a wait in between, a loop goes on after. More than a UART's FIFO usually holds, so after that
/// the port itself is broken.
const MOST_ERRORS: u16 = 256;

/// Decides how a loop goes on after an error, and which errors end it.
pub(super) struct Policy<F> {
    fault: F,
    /// How many more errors in a row may come.
    left: u16,
}

impl<F> Policy<F> {
    pub(super) const fn new(fault: F) -> Self {
        Self { fault, left: MOST_ERRORS }
    }

    /// A byte has come or gone, or the port has made the loop wait: the next error begins another row.
    pub(super) const fn forget_errors(&mut self) {
        self.left = MOST_ERRORS;
    }

    /// Looks on as the port is polled. An error after a wait begins another row: a task that waits does not spin.
    #[cfg(feature = "embedded-io-async")]
    pub(super) fn watch<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() {
            self.forget_errors();
        }
        polled
    }

    /// Counts an error. Returns whether it is one too many.
    const fn count_error(&mut self) -> bool {
        let is_one_too_many = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_one_too_many
    }

    /// After an agent's read that failed.
    pub(super) fn agent_read<E, S: Service, R: Buffer, T: Buffer>(
        &mut self,
        agent: &mut AgentOver<S, R, T>,
        mut error: E,
    ) -> Result<(), E>
    where
        F: FnMut(&mut E) -> Fault,
    {
        match (self.fault)(&mut error) {
            Fault::Interrupted => {}
            Fault::Corrupted => agent.corrupted(),
            Fault::Lost => agent.lost(),
            Fault::Closed => {
                agent.reset();
                return Err(error);
            }
            Fault::Fatal => return Err(error),
        }
        if self.count_error() { Err(error) } else { Ok(()) }
    }

    /// After an agent's write or flush that failed.
    pub(super) fn agent_wrote<E, S: Service, R: Buffer, T: Buffer>(
        &mut self,
        agent: &mut AgentOver<S, R, T>,
        mut error: E,
    ) -> Result<(), E>
    where
        F: FnMut(&mut E) -> Fault,
    {
        match (self.fault)(&mut error) {
            Fault::Interrupted if !self.count_error() => return Ok(()),
            Fault::Closed => agent.reset(),
            Fault::Interrupted | Fault::Corrupted | Fault::Lost | Fault::Fatal => {}
        }
        Err(error)
    }

    /// After a client's read that failed. The client is not reset: that would tell whether silence meant success.
    pub(super) fn client_read<E, R: Buffer, T: Buffer>(
        &mut self,
        client: &mut ClientOver<R, T>,
        mut error: E,
    ) -> Result<Option<Verdict>, E>
    where
        F: FnMut(&mut E) -> Fault,
    {
        let verdict = match (self.fault)(&mut error) {
            Fault::Interrupted => None,
            Fault::Corrupted => client.step_corrupted(),
            Fault::Lost => client.step_lost(),
            Fault::Closed | Fault::Fatal => return Err(error),
        };
        if self.count_error() && verdict.is_none() { Err(error) } else { Ok(verdict) }
    }

    /// After a client's write or flush that failed.
    pub(super) fn client_wrote<E>(&mut self, mut error: E) -> Result<(), E>
    where
        F: FnMut(&mut E) -> Fault,
    {
        match (self.fault)(&mut error) {
            Fault::Interrupted if !self.count_error() => Ok(()),
            Fault::Interrupted | Fault::Corrupted | Fault::Lost | Fault::Closed | Fault::Fatal => Err(error),
        }
    }
}

/// What an error of a stream means, where `fault` tells for those of the port. Whichever way it closed, the caller hears
/// [`IoError::Closed`].
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub(super) fn of_stream<E>(mut fault: impl FnMut(&E) -> Fault) -> impl FnMut(&mut IoError<E>) -> Fault {
    move |error| {
        let fault = match error {
            IoError::Closed => Fault::Closed,
            IoError::Port(error) => fault(error),
        };
        if fault == Fault::Closed {
            *error = IoError::Closed;
        }
        fault
    }
}
