//! Serial ports of embedded-hal-nb 1.0.

use embedded_hal_nb::serial::{Error as _, ErrorKind, Read, Write};

use crate::agent::{Agent, Guest};
use crate::client::{Client, ClientError, Reply, Verdict};
use crate::error::PollError;

/// How many errors in a row a port may report before that is an error itself: no FIFO holds as many.
const MOST_ERRORS: u16 = 256;

/// Whether the error means that a byte is missing or wrong, and that the next one may be right again.
fn is_lost_byte(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Overrun | ErrorKind::FrameFormat | ErrorKind::Parity | ErrorKind::Noise)
}

impl<G: Guest, const RX: usize, const TX: usize> Agent<G, RX, TX> {
    /// Reads and writes until neither can go on before the port is ready again: then it is safe to sleep until it
    /// interrupts. Feature `embedded-hal-nb`.
    ///
    /// An overrun, framing, parity or noise error of the port is [`lost`](Self::lost).
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
        enum Fault<E> {
            Lost,
            Port(E),
        }
        let mut left = MOST_ERRORS;
        let mut read = |uart: &mut U| match uart.read() {
            Err(nb::Error::Other(error)) if left > 0 && is_lost_byte(error.kind()) => {
                left = left.saturating_sub(1);
                Err(nb::Error::Other(Fault::Lost))
            }
            Err(error) => Err(error.map(Fault::Port)),
            Ok(byte) => {
                left = MOST_ERRORS;
                Ok(byte)
            }
        };
        let write = |uart: &mut U, byte| uart.write(byte).map_err(|error| error.map(Fault::Port));
        loop {
            match self.poll_with(uart, &mut read, write) {
                Ok(()) => return Ok(()),
                Err(Fault::Lost) => self.lost(),
                Err(Fault::Port(error)) => return Err(error),
            }
        }
    }
}

impl<const RX: usize, const TX: usize> Client<RX, TX> {
    /// Writes what is to be sent and reads until there is a reply. Feature `embedded-hal-nb`.
    ///
    /// An overrun, framing, parity or noise error of the port is [`lost`](Self::lost).
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
                Err(nb::Error::Other(error)) if left > 0 && is_lost_byte(error.kind()) => {
                    left = left.saturating_sub(1);
                    self.step_lost()
                }
                Err(error) => return Err(error.map(PollError::Port)),
            };
            if verdict != Verdict::GoOn {
                break verdict;
            }
        };
        self.polled(verdict)
    }
}
