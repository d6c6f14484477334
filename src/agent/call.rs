//! What a command's function is given, and the one response it gives back.

use core::fmt::{self, Write};
use core::marker::PhantomData;

use super::command::{CommandError, CommandResult};
use super::error_response::{Describe, ErrorClass, error_response};
use crate::error::DoesNotFit;
use crate::json::encoder::{ArrayEncoder, Encoder, ObjectEncoder, TextEncoder, ValueEncoder};
use crate::json::number;
use crate::json::value::Value;
use crate::message::Arguments;
use crate::sentinel::SENTINEL;

/// A request that reached its command: arguments to read, then a response to give.
///
/// ```
/// use guestwire::{Call, Command, CommandResult};
///
/// struct Board { threshold: i64 }
///
/// fn set_threshold<'q, 't>(board: &mut Board, call: Call<'q, 't>) -> CommandResult<'q, 't> {
///     let threshold = call.arguments.integer("threshold")?;
///     let response = call.respond()?; // nothing has been done up to here
///     board.threshold = threshold;
///     response.done()
/// }
///
/// const COMMANDS: &[Command<Board>] = &[Command::new("board-set-threshold", set_threshold)];
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Call<'q, 't> {
    /// The arguments. Read all that the command takes before [`respond`](Self::respond).
    pub arguments: &'t mut Arguments<'q>,
    pub(super) draft: &'t mut Draft<'q, 't>,
}

impl<'q, 't> Call<'q, 't> {
    /// Says that all arguments have been read. To be called before the command does anything.
    ///
    /// # Errors
    /// [`ArgumentError`](crate::message::ArgumentError) if there is one that was not read, and [`CommandError::DoesNotFit`] if
    /// the request's `id` is so long that no response with it fits.
    pub fn respond(self) -> Result<Responder<'q, 't>, CommandError<'q>> {
        self.arguments.end()?;
        let id = self.draft.id.map_or(0, |id| id.as_bytes().len());
        if id > self.draft.encoder.capacity().saturating_sub(SHORTEST_WITH_ID) {
            return Err(CommandError::DoesNotFit);
        }
        Ok(Responder { draft: self.draft })
    }
}

/// What stands around a return value and an `id`, sentinel and LF counted.
const AROUND: usize = r#"_{"return": , "id": }_"#.len();

const SHORTEST_WITH_ID: usize = r#"_{"return": {}, "id": }_"#.len();

/// A successful response that is being written.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Draft<'q, 't> {
    encoder: Encoder<'t>,
    id: Option<Value<'q>>,
}

impl<'q, 't> Draft<'q, 't> {
    /// All that goes in front of the value. It fits: `TX` is checked.
    pub(super) fn begin(form: Form, id: Option<Value<'q>>, transmit: &'t mut [u8]) -> Self {
        let mut encoder = Encoder::new(transmit);
        if form == Form::Delimited {
            encoder.put(&[SENTINEL]);
        }
        encoder.put(b"{\"return\": ");
        Self { encoder, id }
    }

    /// Ends a response whose value a command has written, or has not.
    fn end_written(&mut self, written: Result<(), DoesNotFit>) -> CommandResult<'q, 't> {
        if written.is_err() {
            self.encoder.fail();
        }
        // What comes before a value ends in a space, and no value does.
        if self.encoder.as_bytes().last() == Some(&b' ') {
            return Err(CommandError::Failed("The command returns no value"));
        }
        self.end()
    }

    fn end(&mut self) -> CommandResult<'q, 't> {
        if let Some(id) = self.id {
            self.encoder.put(b", \"id\": ");
            self.encoder.put(id.as_bytes());
        }
        self.encoder.put(b"}\n");
        match self.encoder.as_bytes().len() {
            0 => Err(self.encoder.refusal_text().map_or(CommandError::DoesNotFit, CommandError::Failed)),
            length => Ok(Responded { length, is_error: false, transmit: PhantomData }),
        }
    }
}

/// How a successful response goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Form {
    Plain,
    /// With the sentinel in front.
    Delimited,
    /// Not at all.
    Silent,
}

/// Gives the one response to a request. See [`Call`] and [`Command`](crate::Command) for examples.
///
/// # Errors
/// Every method gives [`CommandError::DoesNotFit`] if the response does not fit the agent's `TX` bytes. Handed on, it
/// becomes an error response.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a request wants its response"]
pub struct Responder<'q, 't> {
    draft: &'t mut Draft<'q, 't>,
}

/// The proof that a response was given.
///
/// Nothing but a [`Responder`] makes one, so that a command's function cannot forget to respond.
///
/// ```
/// use guestwire::{Call, CommandResult, agent::Responded};
///
/// fn version<'q, 't>(_: &mut (), call: Call<'q, 't>) -> CommandResult<'q, 't> {
///     let responded: Responded<'t> = call.respond()?.string("1.0.0")?;
///     Ok(responded)
/// }
/// # let _: guestwire::agent::Handler<()> = version;
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Responded<'t> {
    pub(super) length: usize,
    pub(super) is_error: bool,
    transmit: PhantomData<&'t mut [u8]>,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'q, 't> Responder<'q, 't> {
    /// The bytes that a return value may take.
    pub fn room(&self) -> usize {
        let id = self.draft.id.map_or(0, |id| id.as_bytes().len());
        self.draft.encoder.capacity().saturating_sub(AROUND).saturating_sub(id)
    }

    /// All of the transmit buffer, with the start of the response in it.
    pub(crate) const fn buffer(&mut self) -> &mut [u8] {
        self.draft.encoder.buffer()
    }

    /// Says that it is done: returns `{}`, or nothing where the command has no success response.
    pub fn done(self) -> CommandResult<'q, 't> {
        self.write(|encoder| encoder.put(b"{}"))
    }

    /// Returns `true` or `false`.
    pub fn boolean(self, value: bool) -> CommandResult<'q, 't> {
        self.value(|place| place.boolean(value))
    }

    /// Returns a whole number.
    pub fn integer(self, value: i64) -> CommandResult<'q, 't> {
        let _ = number::write_signed(&mut self.draft.encoder.text(), value);
        self.draft.end()
    }

    /// Returns a whole number that is not negative.
    pub fn unsigned(self, value: u64) -> CommandResult<'q, 't> {
        self.value(|place| place.unsigned(value))
    }

    /// Returns a string.
    pub fn string(self, value: &str) -> CommandResult<'q, 't> {
        self.value(|place| place.string(value))
    }

    /// Returns an object with the members that the closure writes.
    pub fn object(
        self,
        members: impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> CommandResult<'q, 't> {
        self.value(|place| place.object(members))
    }

    /// Returns an array with the elements that the closure writes, one by one: none has to be in memory.
    pub fn array(
        self,
        elements: impl FnOnce(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> CommandResult<'q, 't> {
        self.value(|place| place.array(elements))
    }

    /// Returns what the closure writes.
    pub fn value(self, value: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>) -> CommandResult<'q, 't> {
        let written = value(self.draft.encoder.value());
        self.draft.end_written(written)
    }

    /// The same, where the text is known.
    pub(super) fn write(self, write: impl FnOnce(&mut Encoder<'_>)) -> CommandResult<'q, 't> {
        write(&mut self.draft.encoder);
        self.draft.end()
    }

    /// Responds with an error of class `GenericError`, for a description that has to be put together.
    ///
    /// For one that is fixed, return [`CommandError::Failed`].
    pub fn error(self, description: impl fmt::Display) -> CommandResult<'q, 't> {
        let Draft { encoder, id } = self.draft;
        let length = error_response(encoder.buffer(), *id, ErrorClass::GenericError, &Printed(description));
        Ok(Responded { length, is_error: true, transmit: PhantomData })
    }
}

struct Printed<D>(D);

impl<D: fmt::Display> Describe for Printed<D> {
    fn write(&self, to: &mut TextEncoder<'_, '_>) {
        let _ = write!(to, "{}", self.0);
    }
}
