//! Ports with the traits of embedded Rust, each behind its own feature, and their errors.
//!
//! | loop | agent | client | feature |
//! |---|---|---|---|
//! | a main loop, a serial port | `poll_nb` | `exchange_nb` | `embedded-hal-nb` |
//! | a main loop, a stream | `poll_io` | `exchange_io` | `embedded-io` |
//! | a thread, a stream that blocks | `run_blocking` | `exchange_blocking` | `embedded-io` |
//! | an async task | `run` | `exchange` | `embedded-io-async` |
//! | the same, a stream that has a buffer | `run_buffered` | `exchange_buffered` | `embedded-io-async` |
//!
//! Each goes on after a line error; a [`Fault`] is what an error means. But a port that is stuck reports errors without
//! end, so a loop ends with the 257th error in a row: no byte was read or written between them, and the task did not wait.
//!
//! [`Halves`] makes one port of a reader and a writer.

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod error;
#[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io", feature = "embedded-io-async", feature = "heapless"))]
mod fault;
#[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io", feature = "embedded-io-async"))]
mod halves;
#[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io", feature = "embedded-io-async"))]
mod policy;
#[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io"))]
mod poll;
#[cfg(feature = "heapless")]
mod queue;

#[cfg(feature = "embedded-hal-nb")]
mod embedded_hal_nb;
#[cfg(feature = "embedded-io")]
mod embedded_io;
#[cfg(feature = "embedded-io-async")]
mod embedded_io_async;

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub use error::IoError;
#[cfg(any(
    feature = "embedded-hal-nb",
    feature = "embedded-io",
    feature = "embedded-io-async",
    feature = "heapless"
))]
pub use fault::Fault;
#[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io", feature = "embedded-io-async"))]
pub use halves::{Halves, HalvesError};
#[cfg(feature = "heapless")]
pub use queue::{RxConsumer, RxEntry, RxProducer};

pub use crate::error::LineError;
