//! Serial ports of embedded-hal-nb 1.0.

use embedded_hal_nb::serial::{Error as _, ErrorKind, Read, Write};

use crate::agent::{Agent, Guest};
use crate::client::{Client, ClientError, Reply, Verdict};
use crate::error::PollError;

/// How many errors in a row a port may report before that is an error itself: no FIFO holds as many.
const MOST_ERRORS: u16 = 256;

/// What an error of the line means for the bytes.
#[derive(Clone, Copy)]
enum Fault {
    /// Bytes are missing.
    Lost,
    /// A byte is wrong.
    Corrupted,
}

/// `None`: it is not the line's error.
const fn fault(kind: ErrorKind) -> Option<Fault> {
    match kind {
        ErrorKind::Overrun => Some(Fault::Lost),
        ErrorKind::FrameFormat | ErrorKind::Parity | ErrorKind::Noise => Some(Fault::Corrupted),
        _ => None,
    }
}

impl<G: Guest, const RX: usize, const TX: usize> Agent<G, RX, TX> {
    /// Reads and writes until neither can go on before the port is ready again: then it is safe to sleep until it
    /// interrupts. Feature `embedded-hal-nb`.
    ///
    /// An overrun is [`lost`](Self::lost), a framing, parity or noise error [`corrupted`](Self::corrupted).
    ///
    /// ```
    /// use embedded_hal_nb::serial;
    /// use guestwire::{Agent, Guest};
    ///
    /// fn serve<G: Guest, U: serial::Read + serial::Write>(guest: G, uart: &mut U) -> Result<(), U::Error> {
    ///     let mut agent: Agent<G, 256, 1024> = Agent::new(guest);
    ///     loop {
    ///         agent.poll(uart)?;
    ///         // ...what else the firmware does, or wfi.
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The port's error of another kind, or one that it reports 256 times in a row.
    pub fn poll<U: Read + Write>(&mut self, uart: &mut U) -> Result<(), U::Error> {
        enum Stop<E> {
            Line(Fault),
            Port(E),
        }
        let mut left = MOST_ERRORS;
        let mut read = |uart: &mut U| match uart.read() {
            Err(nb::Error::Other(error)) => Err(nb::Error::Other(match fault(error.kind()) {
                Some(fault) if left > 0 => {
                    left = left.saturating_sub(1);
                    Stop::Line(fault)
                }
                _ => Stop::Port(error),
            })),
            Err(nb::Error::WouldBlock) => Err(nb::Error::WouldBlock),
            Ok(byte) => {
                left = MOST_ERRORS;
                Ok(byte)
            }
        };
        let write = |uart: &mut U, byte| uart.write(byte).map_err(|error| error.map(Stop::Port));
        loop {
            match self.poll_with(uart, &mut read, write) {
                Ok(()) => return Ok(()),
                Err(Stop::Line(Fault::Lost)) => self.lost(),
                Err(Stop::Line(Fault::Corrupted)) => self.corrupted(),
                Err(Stop::Port(error)) => return Err(error),
            }
        }
    }
}

impl<const RX: usize, const TX: usize> Client<RX, TX> {
    /// Writes what is to be sent and reads until there is a reply. Feature `embedded-hal-nb`.
    ///
    /// An overrun is [`lost`](Self::lost), a framing, parity or noise error [`corrupted`](Self::corrupted).
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] while there is no reply, the port's error of another kind, or one that it reports 256
    /// times in a row, or [`ClientError`].
    pub fn poll<U: Read + Write>(&mut self, uart: &mut U) -> nb::Result<Reply<'_>, PollError<ClientError, U::Error>> {
        self.poll_write(|byte| uart.write(byte)).map_err(PollError::Port)?;
        let mut left = MOST_ERRORS;
        let verdict = loop {
            let verdict = match uart.read() {
                Ok(byte) => {
                    left = MOST_ERRORS;
                    self.step(byte)
                }
                Err(nb::Error::Other(error)) => match fault(error.kind()) {
                    Some(fault) if left > 0 => {
                        left = left.saturating_sub(1);
                        match fault {
                            Fault::Lost => self.step_lost(),
                            Fault::Corrupted => self.step_corrupted(),
                        }
                    }
                    _ => return Err(nb::Error::Other(PollError::Port(error))),
                },
                Err(nb::Error::WouldBlock) => return Err(nb::Error::WouldBlock),
            };
            if verdict != Verdict::GoOn {
                break verdict;
            }
        };
        self.polled(verdict)
    }
}
