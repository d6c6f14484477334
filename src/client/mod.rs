//! The host end: get in step, ask, and know which answer is whose.

#[expect(clippy::module_inception, reason = "the state machine is what the folder is about")]
mod client;
mod error;
mod request;

#[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io-async"))]
pub(crate) use client::Verdict;
pub use client::{Client, Reply};
pub use error::{ClientError, ExecuteError};
pub use request::Execute;
