//! What a command is, what its function is given, and the one response it gives back.

use core::fmt::{self, Write};
use core::marker::PhantomData;

use crate::encoder::{ArrayEncoder, Encoder, ObjectEncoder, TextEncoder, ValueEncoder};
use crate::error::DoesNotFit;
use crate::message::{ArgumentError, Arguments};
use crate::value::Value;

/// The function of a command: given the agent's state and a [`Call`], it responds or says why not.
pub type Handler<S> = for<'q, 't> fn(&mut S, Call<'q, 't>) -> Result<Responded<'t>, CommandError<'q>>;

/// One entry of the table of commands that an [`Agent`](crate::Agent) serves beside its own.
///
/// ```
/// use guestwire::Command;
///
/// struct Board { nanoseconds: i64 }
///
/// const COMMANDS: &[Command<Board>] = &[
///     Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds)),
///     Command::new("guest-set-time", |board: &mut Board, mut call| {
///         let time = call.arguments.optional_integer("time")?;
///         let response = call.respond()?;
///         board.nanoseconds = time.unwrap_or(0);
///         response.empty()
///     }),
/// ];
/// ```
#[derive(Debug)]
pub struct Command<S: 'static> {
    pub(super) name: &'static str,
    pub(super) handler: Handler<S>,
    pub(super) success_response: bool,
    pub(super) allowed_when_frozen: bool,
}

impl<S> Command<S> {
    /// A command that responds.
    pub const fn new(name: &'static str, handler: Handler<S>) -> Self {
        Self { name, handler, success_response: true, allowed_when_frozen: false }
    }

    /// Nothing is sent when the command succeeds, as with `guest-shutdown` and `guest-suspend-*`.
    pub const fn no_success_response(self) -> Self {
        Self { success_response: false, ..self }
    }

    /// The command is served while file systems are frozen, as `guest-fsfreeze-status` and `guest-fsfreeze-thaw`.
    pub const fn allowed_when_frozen(self) -> Self {
        Self { allowed_when_frozen: true, ..self }
    }
}

/// A request that reached its command: arguments to read, then a response to give.
#[derive(Debug)]
pub struct Call<'q, 't> {
    /// The arguments. Read all that the command takes before [`respond`](Self::respond).
    pub arguments: Arguments<'q>,
    responder: Responder<'q, 't>,
}

impl<'q, 't> Call<'q, 't> {
    pub(super) const fn new(arguments: Arguments<'q>, id: Option<Value<'q>>, transmit: &'t mut [u8]) -> Self {
        Self { arguments, responder: Responder { id, transmit } }
    }

    /// Says that all arguments have been read. To be called before the command does anything.
    ///
    /// # Errors
    /// [`ArgumentError::Unexpected`] if there is one that was not read.
    pub fn respond(self) -> Result<Responder<'q, 't>, ArgumentError<'q>> {
        self.arguments.end()?;
        Ok(self.responder)
    }
}

/// Gives the one response to a request. See [`Command`] for an example.
///
/// # Errors
/// Every method gives [`CommandError::DoesNotFit`] if the response does not fit the agent's `TX` bytes. Handed on, it
/// becomes an error response.
#[derive(Debug)]
#[must_use = "a request wants its response"]
pub struct Responder<'q, 't> {
    id: Option<Value<'q>>,
    transmit: &'t mut [u8],
}

/// The proof that a response was given.
#[derive(Debug)]
pub struct Responded<'t> {
    pub(super) length: usize,
    pub(super) success: bool,
    transmit: PhantomData<&'t mut [u8]>,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'q, 't> Responder<'q, 't> {
    /// Returns `{}`: done, and nothing to say.
    pub fn empty(self) -> Result<Responded<'t>, CommandError<'q>> {
        self.object(|_| Ok(()))
    }

    /// Returns `true` or `false`.
    pub fn boolean(self, value: bool) -> Result<Responded<'t>, CommandError<'q>> {
        self.success(|place| place.boolean(value))
    }

    /// Returns a whole number.
    pub fn integer(self, value: i64) -> Result<Responded<'t>, CommandError<'q>> {
        self.success(|place| place.integer(value))
    }

    /// Returns a whole number that is not negative.
    pub fn unsigned(self, value: u64) -> Result<Responded<'t>, CommandError<'q>> {
        self.success(|place| place.unsigned(value))
    }

    /// Returns a string.
    pub fn string(self, value: &str) -> Result<Responded<'t>, CommandError<'q>> {
        self.success(|place| place.string(value))
    }

    /// Returns an object with the members that the closure writes.
    pub fn object(
        self,
        members: impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<Responded<'t>, CommandError<'q>> {
        self.success(|place| place.object(members))
    }

    /// Returns an array with the elements that the closure writes.
    pub fn array(
        self,
        elements: impl FnOnce(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<Responded<'t>, CommandError<'q>> {
        self.success(|place| place.array(elements))
    }

    /// Responds with an error of class `GenericError`, for a description that has to be put together.
    ///
    /// For one that is fixed, return [`CommandError::Failed`].
    pub fn error(self, description: impl fmt::Display) -> Result<Responded<'t>, CommandError<'q>> {
        let length = error(self.transmit, self.id, ErrorClass::GenericError, |text| write!(text, "{description}"));
        Ok(Responded { length, success: false, transmit: PhantomData })
    }

    fn success(
        self,
        value: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<Responded<'t>, CommandError<'q>> {
        Self::write(Encoder::new(self.transmit), self.id, value)
    }

    /// The response to `guest-sync-delimited`, with the sentinel in front.
    pub(super) fn delimited(self, value: i64) -> Result<Responded<'t>, CommandError<'q>> {
        let mut encoder = Encoder::new(self.transmit);
        encoder.sentinel()?;
        Self::write(encoder, self.id, |place| place.integer(value))
    }

    fn write(
        mut encoder: Encoder<'t>,
        id: Option<Value<'q>>,
        value: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<Responded<'t>, CommandError<'q>> {
        encoder.value().object(|response| {
            value(response.member("return"))?;
            match id {
                Some(id) => response.member("id").received(id),
                None => Ok(()),
            }
        })?;
        encoder.line_feed()?;
        Ok(Responded { length: encoder.as_bytes().len(), success: true, transmit: PhantomData })
    }
}

/// Why a command did not do what it was asked to. The agent answers with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError<'q> {
    /// Its arguments are wrong.
    Argument(ArgumentError<'q>),
    /// The command itself failed: the description to answer with.
    Failed(&'q str),
    /// The response does not fit the agent's `TX` bytes.
    DoesNotFit,
}

impl CommandError<'_> {
    pub(super) fn describe(&self, text: &mut impl Write) -> fmt::Result {
        match self {
            Self::Argument(error) => error.describe(text),
            Self::Failed(description) => text.write_str(description),
            Self::DoesNotFit => text.write_str(DOES_NOT_FIT),
        }
    }
}

impl fmt::Display for CommandError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
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

const DOES_NOT_FIT: &str = "Response does not fit the transmit buffer";

/// The reference agent's error classes. libvirt skips what it asked for, without complaint, on `CommandNotFound`.
#[derive(Clone, Copy, Debug)]
pub(super) enum ErrorClass {
    GenericError,
    CommandNotFound,
}

/// Writes an error response and returns its length: as it should be, or as much of it as fits, the `id` first.
pub(super) fn error(
    transmit: &mut [u8],
    id: Option<Value<'_>>,
    class: ErrorClass,
    description: impl Fn(&mut TextEncoder<'_>) -> fmt::Result,
) -> usize {
    let fixed = |text: &mut TextEncoder<'_>| text.write_str(DOES_NOT_FIT);
    write_error(transmit, id, class, &description)
        .or_else(|DoesNotFit| write_error(transmit, id, class, fixed))
        .or_else(|DoesNotFit| write_error(transmit, None, class, &description))
        .or_else(|DoesNotFit| write_error(transmit, None, class, fixed))
        .unwrap_or(0)
}

fn write_error(
    transmit: &mut [u8],
    id: Option<Value<'_>>,
    class: ErrorClass,
    description: impl FnOnce(&mut TextEncoder<'_>) -> fmt::Result,
) -> Result<usize, DoesNotFit> {
    let mut encoder = Encoder::new(transmit);
    encoder.value().object(|response| {
        if let Some(id) = id {
            response.member("id").received(id)?;
        }
        response.member("error").object(|error| {
            error.member("class").string(match class {
                ErrorClass::GenericError => "GenericError",
                ErrorClass::CommandNotFound => "CommandNotFound",
            })?;
            error.member("desc").text(description)
        })
    })?;
    encoder.line_feed()?;
    Ok(encoder.as_bytes().len())
}
