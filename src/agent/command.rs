//! What a command is, and how it can fail.

use core::fmt;

use super::call::{Call, Form, Responded};
use crate::error::DoesNotFit;
use crate::message::{ArgumentError, Description};

/// What a command's function gives back: the proof that it responded, or why not.
///
/// ```
/// use guestwire::{Call, CommandResult};
///
/// /// A command's function, written out.
/// fn ping<'q, 't>(_: &mut (), call: Call<'q, 't>) -> CommandResult<'q, 't> {
///     call.respond()?.done()
/// }
/// # let _: guestwire::agent::Handler<()> = ping;
/// ```
pub type CommandResult<'q, 't> = Result<Responded<'t>, CommandError<'q>>;

/// The function of a command: given the [`Guest`](crate::Guest) and a [`Call`], it responds or says why not.
///
/// It runs inside whatever call completes the request: [`push`](crate::Agent::push) and its kin, or, where the response
/// before had to go out first, [`transmitted`](crate::Agent::transmitted) and [`poll_write`](crate::Agent::poll_write).
///
/// ```
/// use guestwire::agent::Handler;
///
/// const PING: Handler<()> = |_, call| call.respond()?.done();
/// ```
pub type Handler<G> = for<'q, 't> fn(&mut G, Call<'q, 't>) -> CommandResult<'q, 't>;

/// One entry of the table of commands that a [`Guest`](crate::Guest) has beside the agent's own.
///
/// ```
/// use guestwire::Command;
///
/// struct Board { nanoseconds: i64 }
///
/// const COMMANDS: &[Command<Board>] = &[
///     Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds)),
///     Command::new("guest-set-time", |board: &mut Board, call| {
///         let time = call.arguments.optional_integer("time")?;
///         let response = call.respond()?;
///         board.nanoseconds = time.unwrap_or(0);
///         response.done()
///     }),
/// ];
/// ```
#[derive(Debug)]
pub struct Command<G> {
    pub(super) name: &'static str,
    pub(super) handler: Handler<G>,
    pub(super) form: Form,
    pub(super) standing: Standing,
}

/// When a command is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Unless file systems are frozen, or it is disabled.
    Ordinary,
    /// Unless it is disabled.
    AllowedWhenFrozen,
    /// Always.
    BuiltIn,
}

impl<G> Command<G> {
    /// A command that responds.
    pub const fn new(name: &'static str, handler: Handler<G>) -> Self {
        Self { name, handler, form: Form::Plain, standing: Standing::Ordinary }
    }

    pub(super) const fn built_in(name: &'static str, handler: Handler<G>, form: Form) -> Self {
        Self { name, handler, form, standing: Standing::BuiltIn }
    }

    /// Nothing is sent when the command succeeds, as with `guest-shutdown` and `guest-suspend-*`.
    pub const fn no_success_response(self) -> Self {
        Self { form: Form::Silent, ..self }
    }

    /// The command is served while file systems are frozen, as `guest-fsfreeze-status` and `guest-fsfreeze-thaw`.
    pub const fn allowed_when_frozen(self) -> Self {
        Self { standing: Standing::AllowedWhenFrozen, ..self }
    }

    /// The command's name, as in `execute`.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<G> Clone for Command<G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for Command<G> {}

/// Why a command did not do what it was asked to. The agent answers with it, class `GenericError`.
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
pub enum CommandError<'q> {
    /// Its arguments are wrong.
    Argument(ArgumentError<'q>),
    /// The command itself failed: the description to answer with.
    Failed(&'q str),
    /// The response does not fit the agent's `TX` bytes.
    DoesNotFit,
}

impl<'q> CommandError<'q> {
    pub(super) const fn description(&self) -> Description<'q> {
        match self {
            Self::Argument(error) => error.description(),
            Self::Failed(description) => Description { template: "$", path: b"", word: description.as_bytes() },
            Self::DoesNotFit => Description::fixed(DOES_NOT_FIT),
        }
    }
}

pub(super) const DOES_NOT_FIT: &str = "Response does not fit the transmit buffer";

impl fmt::Display for CommandError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.description().write(f)
    }
}

impl core::error::Error for CommandError<'_> {}

impl<'q> From<ArgumentError<'q>> for CommandError<'q> {
    fn from(error: ArgumentError<'q>) -> Self {
        Self::Argument(error)
    }
}

impl From<DoesNotFit> for CommandError<'_> {
    fn from(_: DoesNotFit) -> Self {
        Self::DoesNotFit
    }
}
