//! What can go wrong on a stream.

use core::error::Error;
use core::fmt;

/// Why a stream gives or takes no more bytes.
///
/// ```
/// use guestwire::io::IoError;
///
/// fn is_worth_another_try<E>(error: &IoError<E>) -> bool {
///     matches!(error, IoError::Closed)
/// }
/// # assert!(is_worth_another_try(&IoError::<()>::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IoError<E> {
    /// The other end has gone: a read or a write of no bytes, or an error that [means](super::Fault::Closed) that. It may
    /// come back, as it does on a virtio port when a host connects.
    Closed,
    /// The port's own error.
    Port(E),
}

impl<E: fmt::Display> fmt::Display for IoError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the port is closed"),
            Self::Port(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for IoError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed => None,
            Self::Port(error) => error.source(),
        }
    }
}

/// How many bytes were read or written. 0 is the end of the stream (embedded-io 0.7).
pub(super) fn some<E>(count: Result<usize, E>) -> Result<usize, IoError<E>> {
    match count {
        Ok(0) => Err(IoError::Closed),
        Ok(count) => Ok(count),
        Err(error) => Err(IoError::Port(error)),
    }
}
