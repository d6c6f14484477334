//! The host end: get in step, ask, and know which answer is whose.

mod client;

#[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io-async"))]
pub(crate) use client::Verdict;
pub use client::{Client, ClientError, Execute, ExecuteError, Reply};
