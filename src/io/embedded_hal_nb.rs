//! Serial ports of embedded-hal-nb 1.0.

use embedded_hal_nb::serial::{Error as _, ErrorKind, Read, Write};

use crate::agent::{AgentOver, Service};
use crate::client::{ClientError, ClientOver, Reply, Verdict};
use crate::error::LineError;
use crate::frame::Buffer;

/// How many errors in a row are taken for line errors. No FIFO holds more, so after that the port itself is broken.
const MOST_ERRORS: u16 = 256;

/// Why a read failed.
enum UartError<E> {
    /// Bytes are missing.
    Lost,
    /// A byte is wrong.
    Corrupted,
    Port(E),
}

/// One byte. `left` is how many more errors in a row are taken for line errors.
fn read<U: Read>(uart: &mut U, left: &mut u16) -> nb::Result<u8, UartError<U::Error>> {
    let error = match uart.read() {
        Ok(byte) => {
            *left = MOST_ERRORS;
            return Ok(byte);
        }
        Err(nb::Error::WouldBlock) => return Err(nb::Error::WouldBlock),
        Err(nb::Error::Other(error)) => error,
    };
    let error = match error.kind() {
        _ if *left == 0 => UartError::Port(error),
        ErrorKind::Overrun => UartError::Lost,
        ErrorKind::FrameFormat | ErrorKind::Parity | ErrorKind::Noise => UartError::Corrupted,
        _ => UartError::Port(error),
    };
    *left = left.saturating_sub(1);
    Err(nb::Error::Other(error))
}

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
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
    ///         agent.poll_nb(uart)?;
    ///         // ...what else the firmware does, or wfi.
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The port's error of another kind, or one that it reports 256 times in a row.
    pub fn poll_nb<U: Read + Write>(&mut self, uart: &mut U) -> Result<(), U::Error> {
        let mut left = MOST_ERRORS;
        let write = |uart: &mut U, byte| uart.write(byte).map_err(|error| error.map(UartError::Port));
        loop {
            match self.poll(uart, |uart| read(uart, &mut left), write) {
                Ok(()) => return Ok(()),
                Err(UartError::Lost) => self.lost(),
                Err(UartError::Corrupted) => self.corrupted(),
                Err(UartError::Port(error)) => return Err(error),
            }
        }
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Writes what is to be sent and reads until there is a reply. Feature `embedded-hal-nb`.
    ///
    /// An overrun is [`lost`](Self::lost), a framing, parity or noise error [`corrupted`](Self::corrupted).
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] while there is no reply, the port's error of another kind, or one that it reports 256
    /// times in a row, or [`ClientError`].
    pub fn exchange_nb<U: Read + Write>(
        &mut self,
        uart: &mut U,
    ) -> nb::Result<Reply<'_>, LineError<ClientError, U::Error>> {
        self.write_to(|byte| uart.write(byte)).map_err(LineError::Port)?;
        let mut left = MOST_ERRORS;
        let verdict = loop {
            let verdict = match read(uart, &mut left) {
                Ok(byte) => self.step(byte),
                Err(nb::Error::WouldBlock) => return Err(nb::Error::WouldBlock),
                Err(nb::Error::Other(UartError::Lost)) => self.step_lost(),
                Err(nb::Error::Other(UartError::Corrupted)) => self.step_corrupted(),
                Err(nb::Error::Other(UartError::Port(error))) => return Err(nb::Error::Other(LineError::Port(error))),
            };
            if verdict != Verdict::Nothing {
                break verdict;
            }
        };
        self.reply_nb(verdict)
    }
}
