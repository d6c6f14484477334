//! What an error of a port means.

/// What an error of a port means for the conversation over it.
///
/// Each port has errors of its own, so the loops on streams take a function that says which fault an error is. Then they
/// know how to go on: a UART that loses bytes is no reason to stop.
///
/// ```
/// use guestwire::io::Fault;
///
/// enum UartError { Overrun, Framing, Parity, Unplugged }
///
/// fn fault(error: &UartError) -> Fault {
///     match error {
///         UartError::Overrun => Fault::Lost,
///         UartError::Framing | UartError::Parity => Fault::Corrupted,
///         UartError::Unplugged => Fault::Closed,
///     }
/// }
/// # assert_eq!(fault(&UartError::Overrun), Fault::Lost);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    /// Nothing is missing or wrong: the loop tries again.
    Interrupted,
    /// A byte is wrong: a framing, parity or noise error, or a break. In a write it is fatal.
    Corrupted,
    /// Bytes are missing: an overrun, a full queue. In a write it is fatal.
    Lost,
    /// The other end has gone: the loop ends with `IoError::Closed`.
    Closed,
    /// The caller has to decide: the loop ends with this error.
    Fatal,
}

impl Fault {
    /// What an error's kind in embedded-io says.
    ///
    /// Many UART drivers report all their errors as `Other`, so that is [`Lost`](Self::Lost), the safe choice.
    /// `InvalidData` is [`Corrupted`](Self::Corrupted). `BrokenPipe`, `ConnectionAborted`, `ConnectionReset`,
    /// `NotConnected` and `WriteZero` are [`Closed`](Self::Closed). All others but `Interrupted` are
    /// [`Fatal`](Self::Fatal), `TimedOut` among them.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    pub fn by_kind(error: &impl embedded_io::Error) -> Self {
        use embedded_io::ErrorKind;
        match error.kind() {
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::InvalidData => Self::Corrupted,
            ErrorKind::Other => Self::Lost,
            ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::WriteZero => Self::Closed,
            _ => Self::Fatal,
        }
    }
}
