//! Ports with the traits of embedded Rust, each behind its own feature, and their errors.

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod error;

#[cfg(feature = "embedded-hal-nb")]
mod embedded_hal_nb;
#[cfg(feature = "embedded-io")]
mod embedded_io;
#[cfg(feature = "embedded-io-async")]
mod embedded_io_async;

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub use error::IoError;

pub use crate::error::LineError;
