//! What can go wrong on a stream.

use core::error::Error;
use core::fmt;

/// Why a stream gives or takes no more bytes.
///
/// ```
/// use guestwire::io::IoError;
///
/// fn is_worth_another_try<E>(error: &IoError<E>) -> bool {
///     matches!(error, IoError::Ended)
/// }
/// # assert!(is_worth_another_try(&IoError::<()>::Ended));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IoError<E> {
    /// The stream ended: a read or a write of no bytes. It may begin again, as a virtio port does when a host connects.
    Ended,
    /// The port's own error.
    Port(E),
}

impl<E: fmt::Display> fmt::Display for IoError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the stream ended"),
            Self::Port(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for IoError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Ended => None,
            Self::Port(error) => error.source(),
        }
    }
}

/// How many bytes were read or written. None is the end of the stream (embedded-io 0.7).
pub(super) fn some<E>(count: Result<usize, E>) -> Result<usize, IoError<E>> {
    match count {
        Ok(0) => Err(IoError::Ended),
        Ok(count) => Ok(count),
        Err(error) => Err(IoError::Port(error)),
    }
}
