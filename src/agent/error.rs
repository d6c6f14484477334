//! Why a command failed, and the error response that says so.

use core::fmt;

use crate::error::{DoesNotFit, JsonError, NOT_JSON};
use crate::json::encoder::{Encoder, TextEncoder};
use crate::json::value::Value;
use crate::message::{ArgumentError, ArgumentFault, Description};

/// Why a command failed. The agent answers with it, class `GenericError`.
///
/// ```
/// use guestwire::{Command, CommandError};
///
/// struct Board { has_clock: bool }
///
/// const COMMANDS: &[Command<Board>] = &[Command::new("guest-get-time", |board: &mut Board, call| {
///     let response = call.respond()?;
///     if !board.has_clock {
///         return Err(CommandError::Failed("This board has no clock"));
///     }
///     response.integer(0)
/// })];
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CommandError {
    /// Its arguments are wrong. The response says which one, and how.
    Argument(ArgumentFault),
    /// The command itself failed: the description to answer with. For one that has to be put together, see
    /// [`Responder::error`](super::Responder::error).
    Failed(&'static str),
    /// The response does not fit the agent's `TX` bytes.
    DoesNotFit,
    /// The command cannot answer yet. [`retry`](crate::agent::AgentOver::retry) calls it again, with the same request. Only
    /// for a guest that [`DEFERS`](crate::Guest::DEFERS).
    ///
    /// The agent takes no byte until the command has answered: everything else, the sentinel too, waits in the port.
    /// [`reset`](crate::agent::AgentOver::reset) drops the request, and [`cancel`](crate::agent::AgentOver::cancel) answers
    /// it with an error.
    ///
    /// ```
    /// use guestwire::{Call, CommandError, CommandResult, Guest};
    ///
    /// struct Board { temperature: Option<i64> }
    ///
    /// fn temperature(board: &mut Board, call: Call<'_>) -> CommandResult {
    ///     let response = call.respond()?;
    ///     response.integer(board.temperature.take().ok_or(CommandError::WouldBlock)?)
    /// }
    /// # impl Guest for Board {
    /// #     const VERSION: &'static str = "1.0.0";
    /// #     const COMMANDS: &'static [guestwire::Command<Self>] = &[guestwire::Command::new("board-temperature", temperature)];
    /// #     const DEFERS: bool = true;
    /// # }
    /// # let mut agent: guestwire::Agent<Board, 256, 512> = guestwire::Agent::new(Board { temperature: None });
    /// let _ = agent.push_slice(b"{\"execute\": \"board-temperature\"}");
    /// assert!(agent.owes());
    /// agent.guest_mut().temperature = Some(21);
    /// agent.retry();
    /// assert_eq!(agent.transmit(), b"{\"return\": 21}\n");
    /// ```
    WouldBlock,
    /// The [`CATCH_ALL`](crate::Guest::CATCH_ALL) does not know the command: an error of class `CommandNotFound`.
    NotFound,
}

impl CommandError {
    /// What to answer, given the command's arguments.
    pub(super) fn description<'a>(&self, arguments: Value<'a>) -> Description<'a> {
        Description::text(match self {
            Self::Argument(fault) => return fault.description(arguments),
            Self::Failed(text) => text,
            Self::DoesNotFit => DOES_NOT_FIT,
            Self::WouldBlock | Self::NotFound => NOT_MEANT,
        })
    }
}

/// For `WouldBlock` from a guest without `DEFERS`, and `NotFound` from one without a catch-all.
const NOT_MEANT: &str = "No answer";
const DOES_NOT_FIT: &str = "Response does not fit the transmit buffer";

/// Without the arguments, so without the place of a wrong one.
impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argument(_) => "an argument is missing or wrong",
            Self::Failed(description) => description,
            Self::DoesNotFit => DOES_NOT_FIT,
            Self::WouldBlock => "the command has no answer yet",
            Self::NotFound => "there is no such command",
        })
    }
}

impl core::error::Error for CommandError {}

impl From<ArgumentError<'_>> for CommandError {
    fn from(error: ArgumentError<'_>) -> Self {
        Self::Argument(error.fault())
    }
}

impl From<DoesNotFit> for CommandError {
    fn from(_: DoesNotFit) -> Self {
        Self::DoesNotFit
    }
}

impl From<JsonError> for CommandError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::DoesNotFit => Self::DoesNotFit,
            JsonError::NotJson => Self::Failed(NOT_JSON),
        }
    }
}

/// The reference agent's error classes. On `CommandNotFound` libvirt does without the command and does not complain.
#[derive(Clone, Copy)]
pub(super) enum ErrorClass {
    GenericError,
    CommandNotFound,
}

/// What writes a description. Used as `dyn`, so that `error_response` is compiled once.
pub(super) trait Describe {
    fn write(&self, to: &mut TextEncoder<'_, '_>);
}

impl Describe for Description<'_> {
    fn write(&self, to: &mut TextEncoder<'_, '_>) {
        let _ = Description::write(self, to);
    }
}

/// Writes an error response and returns its length. If it does not fit: with a shorter text, or else without the `id`, or
/// else 0.
pub(super) fn error_response(
    transmit: &mut [u8],
    mut id: Option<Value<'_>>,
    class: ErrorClass,
    description: &dyn Describe,
) -> usize {
    loop {
        let mut length = write_error(transmit, id, class, description);
        if length == 0 {
            length = write_error(transmit, id, class, const { &Description::fixed(DOES_NOT_FIT) });
        }
        if length > 0 || id.is_none() {
            return length;
        }
        id = None;
    }
}

/// 0 if it does not fit.
fn write_error(transmit: &mut [u8], id: Option<Value<'_>>, class: ErrorClass, description: &dyn Describe) -> usize {
    let mut encoder = Encoder::new(transmit);
    encoder.put(b"{");
    if let Some(id) = id {
        encoder.put(b"\"id\": ");
        encoder.put(id.as_bytes());
        encoder.put(b", ");
    }
    encoder.put(b"\"error\": {\"class\": \"");
    encoder.put(match class {
        ErrorClass::GenericError => b"GenericError",
        ErrorClass::CommandNotFound => b"CommandNotFound",
    });
    encoder.put(b"\", \"desc\": \"");
    description.write(&mut encoder.text());
    encoder.put(b"\"}}\n");
    encoder.as_bytes().len()
}
