//! Why there is no reply, and why a request was not sent.

use core::error::Error;
use core::fmt;

use crate::error::{FrameError, JsonError, NOT_JSON};

/// Why there is no reply.
///
/// ```
/// use guestwire::{Client, client::ClientError};
///
/// # let mut client: Client<1024, 256> = Client::new();
/// # client.synchronize(7);
/// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
/// let (taken, reply) = client.push_slice(b"{\"return\": 5} and more");
/// assert_eq!(reply, Err(ClientError::Unexpected), "nobody asked");
/// assert_eq!(taken, b"{\"return\": 5}".len());
/// assert!(!client.is_ready(), "synchronize first");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClientError {
    /// A response is longer than `RX`. The request is over, and the client stays in step, unless it
    /// [omits ids](crate::Client::omit_ids) and the response is an error.
    ///
    /// Its `id` was not seen: it may answer an earlier request whose response was given up.
    ResponseTooLong,
    /// A broken frame, noise, or bytes that are missing or wrong. The client is out of step.
    Broken(FrameError),
    /// A response that was not asked for, or a sentinel. The client is out of step.
    Unexpected,
    /// A return value without the `id` that the request had: see [`Client::omit_ids`](crate::Client::omit_ids). The client is out of step.
    IdMissing,
    /// There is nothing to wait for: call `synchronize` or `execute` first.
    NothingAsked,
}

/// Why a request was not sent.
///
/// ```
/// use guestwire::{Client, client::ExecuteError};
///
/// let mut client: Client<1024, 256> = Client::new();
/// assert_eq!(client.execute("guest-ping"), Err(ExecuteError::OutOfStep));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ExecuteError {
    /// The client is out of step: synchronize first.
    OutOfStep,
    /// The response to the previous request has not come: wait for it, or synchronize.
    Waiting,
    /// The request is longer than `TX`.
    DoesNotFit,
    /// An argument has no form in JSON, such as NaN, its type refuses to be serialized, or the text given for it is not
    /// JSON: the reason.
    Refused(&'static str),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseTooLong => f.write_str("the response does not fit the receive buffer"),
            Self::Broken(error) => write!(f, "a broken frame: {error}"),
            Self::Unexpected => f.write_str("a response that was not asked for"),
            Self::IdMissing => f.write_str("a return value without the id of its request"),
            Self::NothingAsked => f.write_str("nothing was asked: synchronize or execute first"),
        }
    }
}

impl Error for ClientError {}

impl fmt::Display for ExecuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfStep => "out of step: synchronize first",
            Self::Waiting => "the response to the request before has not come",
            Self::DoesNotFit => "the request does not fit the transmit buffer",
            Self::Refused(reason) => reason,
        })
    }
}

impl Error for ExecuteError {}

impl From<JsonError> for ExecuteError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::DoesNotFit => Self::DoesNotFit,
            JsonError::NotJson => Self::Refused(NOT_JSON),
        }
    }
}
