//! Serial ports of embedded-hal-nb 1.0.

use embedded_hal_nb::serial::{Error, ErrorKind, Read, Write};

use super::fault::Fault;
use super::poll::PollPort;
use crate::agent::{AgentOver, Service};
use crate::client::{ClientError, ClientOver, Reply};
use crate::error::LineError;
use crate::frame::Buffer;

struct Uart<'u, U>(&'u mut U);

impl<U: Read + Write> PollPort for Uart<'_, U> {
    type Error = U::Error;

    fn read(&mut self) -> nb::Result<u8, U::Error> {
        self.0.read()
    }

    fn write(&mut self, byte: u8) -> nb::Result<(), U::Error> {
        self.0.write(byte)
    }

    fn flush(&mut self) -> nb::Result<(), U::Error> {
        self.0.flush()
    }
}

fn fault(error: &mut impl Error) -> Fault {
    match error.kind() {
        ErrorKind::Overrun => Fault::Lost,
        ErrorKind::FrameFormat | ErrorKind::Parity | ErrorKind::Noise => Fault::Corrupted,
        _ => Fault::Fatal,
    }
}

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
    /// Reads and writes until neither can go on before the port is ready again. Feature `embedded-hal-nb`.
    ///
    /// Sleep until the port interrupts with `wfe`, or with `wfi` while interrupts are masked: an interrupt that comes
    /// before a plain `wfi` does not end it.
    ///
    /// An overrun is [`lost`](Self::lost), a framing, parity or noise error [`corrupted`](Self::corrupted), and it goes on.
    ///
    /// ```
    /// use embedded_hal_nb::serial;
    /// use guestwire::{Agent, Guest};
    ///
    /// fn serve<G: Guest, U: serial::Read + serial::Write>(guest: G, uart: &mut U) -> Result<(), U::Error> {
    ///     let mut agent: Agent<G, 256, 1024> = Agent::new(guest);
    ///     loop {
    ///         agent.poll_nb(uart)?;
    ///         // What else the firmware does, or wfe.
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The port's error, if it is of another kind or one of [too many in a row](crate::io). Call [`reset`](Self::reset) if
    /// it means that the port has closed.
    pub fn poll_nb<U: Read + Write>(&mut self, uart: &mut U) -> Result<(), U::Error> {
        self.poll_port(Uart(uart), fault)
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Writes what is to be sent and reads until there is a reply. Feature `embedded-hal-nb`.
    ///
    /// An overrun is [`lost`](Self::lost), a framing, parity or noise error [`corrupted`](Self::corrupted).
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] while there is no reply, [`ClientError`], or the port's error, if it is of another kind or
    /// one of [too many in a row](crate::io).
    pub fn exchange_nb<U: Read + Write>(
        &mut self,
        uart: &mut U,
    ) -> nb::Result<Reply<'_>, LineError<ClientError, U::Error>> {
        self.exchange_port(Uart(uart), fault)
    }
}
