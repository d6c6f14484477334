//! Errors that more than one module returns. All others are next to the code that returns them.

use core::error::Error;
use core::fmt;

/// Why a frame was not delivered. A broken frame gives one error, however broken it is.
///
/// ```
/// use guestwire::{Decoder, frame::FrameError};
///
/// let mut decoder: Decoder<8> = Decoder::new();
/// assert!(decoder.push(b'{').is_ok());
/// assert_eq!(decoder.push(b','), Err(FrameError::Syntax));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FrameError {
    /// Bytes between frames that cannot start a value, or are `corrupted()`. One error for the whole run, however long.
    Noise,
    /// The frame broke RFC 8259 or its UTF-8, at the first byte after which nothing valid could follow; or a byte of it
    /// was `corrupted()`.
    Syntax,
    /// The frame nests deeper than [`MAX_DEPTH`](crate::frame::MAX_DEPTH) arrays and objects.
    TooDeep,
    /// The frame, whitespace between its tokens left out, is longer than the decoder's buffer.
    Overflow,
    /// The caller reported missing bytes with `lost()`, inside a frame or where one may have begun.
    Lost,
}

impl FrameError {
    /// The description an agent answers with, in the reference agent's words where it has any.
    pub const fn desc(self) -> &'static str {
        match self {
            Self::Noise => "JSON parse error, expecting value",
            Self::Syntax => "JSON parse error, invalid syntax",
            Self::TooDeep => "JSON nesting depth limit exceeded",
            Self::Overflow => "JSON token size limit exceeded",
            Self::Lost => "JSON parse error, bytes were lost",
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.desc())
    }
}

impl Error for FrameError {}

/// What went wrong on the line: in the port or in the protocol.
///
/// ```
/// use guestwire::{Decoder, frame::FrameError, io::LineError};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let broken = decoder.read_from(|| Ok::<u8, nb::Error<&str>>(b'?'));
/// assert_eq!(broken, Err(nb::Error::Other(LineError::Protocol(FrameError::Noise))));
/// let unplugged = decoder.read_from(|| Err(nb::Error::Other("unplugged")));
/// assert_eq!(unplugged, Err(nb::Error::Other(LineError::Port("unplugged"))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LineError<Protocol, Port> {
    /// The port's own error.
    Port(Port),
    /// What is wrong with the bytes that it gave.
    Protocol(Protocol),
}

impl<Protocol: fmt::Display, Port: fmt::Display> fmt::Display for LineError<Protocol, Port> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

impl<Protocol: Error + 'static, Port: Error + 'static> Error for LineError<Protocol, Port> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Port(error) => error.source(),
            Self::Protocol(error) => error.source(),
        }
    }
}

/// Why an agent or a client was not built over buffers that were lent to it.
///
/// ```
/// use guestwire::{BuildError, client::ClientLent};
///
/// assert!(matches!(ClientLent::new(&mut [0; 8], &mut [0; 256]), Err(BuildError::ReceiveTooSmall)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BuildError {
    /// The buffer for what is received is too small to synchronize.
    ReceiveTooSmall,
    /// The buffer for what is transmitted is too small: a client's to synchronize, an agent's for `guest-info`.
    TransmitTooSmall,
    /// A command's name is there twice, or is that of a built-in command.
    DuplicateName,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReceiveTooSmall => "the receive buffer is too small",
            Self::TransmitTooSmall => "the transmit buffer is too small",
            Self::DuplicateName => "a command's name is there twice, or is built in",
        })
    }
}

impl Error for BuildError {}

/// What was to be written does not fit the slice it was to be written to.
///
/// ```
/// use guestwire::json::{DoesNotFit, Encoder};
///
/// let mut encoder = Encoder::new(&mut []);
/// assert_eq!(encoder.line_feed(), Err(DoesNotFit));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DoesNotFit;

impl fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("does not fit the buffer")
    }
}

impl Error for DoesNotFit {}

/// Why JSON text was not written.
///
/// ```
/// use guestwire::json::{Encoder, JsonError};
///
/// let mut buffer = [0; 8];
/// assert_eq!(Encoder::new(&mut buffer).value().json("[1, 2"), Err(JsonError::NotJson));
/// assert_eq!(Encoder::new(&mut buffer).value().json("[1, 2, 3, 4]"), Err(JsonError::DoesNotFit));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JsonError {
    /// It does not fit the buffer.
    DoesNotFit,
    /// It is not one JSON value, or nests deeper than [`MAX_DEPTH`](crate::frame::MAX_DEPTH).
    NotJson,
}

pub(crate) const NOT_JSON: &str = "What was to be sent is not JSON";

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotFit => DoesNotFit.fmt(f),
            Self::NotJson => f.write_str(NOT_JSON),
        }
    }
}

impl Error for JsonError {}

impl From<DoesNotFit> for JsonError {
    fn from(_: DoesNotFit) -> Self {
        Self::DoesNotFit
    }
}

/// For the closures that write objects and arrays.
impl From<JsonError> for DoesNotFit {
    fn from(_: JsonError) -> Self {
        Self
    }
}
