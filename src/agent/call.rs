//! What a command's function is given, and the one response it gives back.

use core::fmt::{self, Write};
use core::marker::PhantomData;

use super::command::{CommandError, CommandResult, DOES_NOT_FIT};
use crate::encoder::{ArrayEncoder, Encoder, ObjectEncoder, TextEncoder, ValueEncoder};
use crate::error::DoesNotFit;
use crate::message::Arguments;
use crate::value::Value;

/// A request that reached its command: arguments to read, then a response to give.
///
/// ```
/// use guestwire::{Call, Command, CommandResult};
///
/// struct Board { threshold: i64 }
///
/// fn set_threshold<'q, 't>(board: &mut Board, mut call: Call<'q, 't>) -> CommandResult<'q, 't> {
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
    pub arguments: Arguments<'q>,
    responder: Responder<'q, 't>,
}

impl<'q, 't> Call<'q, 't> {
    pub(super) const fn new(
        arguments: Arguments<'q>,
        id: Option<Value<'q>>,
        form: Form,
        transmit: &'t mut [u8],
    ) -> Self {
        Self { arguments, responder: Responder { id, form, transmit } }
    }

    /// Says that all arguments have been read. To be called before the command does anything.
    ///
    /// # Errors
    /// [`ArgumentError::Unexpected`](crate::ArgumentError::Unexpected) if there is one that was not read, and
    /// [`CommandError::DoesNotFit`] if the request's `id` is so long that no response with it fits.
    pub fn respond(self) -> Result<Responder<'q, 't>, CommandError<'q>> {
        self.arguments.end()?;
        let id = self.responder.id.map_or(0, |id| id.as_bytes().len());
        if id > self.responder.transmit.len().saturating_sub(SHORTEST_WITH_ID) {
            return Err(CommandError::DoesNotFit);
        }
        Ok(self.responder)
    }
}

/// What stands around a return value and an `id`, sentinel and LF counted.
const AROUND: usize = r#"_{"return": , "id": }_"#.len();

const SHORTEST_WITH_ID: usize = r#"_{"return": {}, "id": }_"#.len();

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
    id: Option<Value<'q>>,
    form: Form,
    transmit: &'t mut [u8],
}

/// The proof that a response was given.
///
/// Nothing but a [`Responder`] makes one, so that a command's function cannot forget to respond.
///
/// ```
/// use guestwire::{Call, CommandResult, Responded};
///
/// fn version<'q, 't>(_: &mut (), call: Call<'q, 't>) -> CommandResult<'q, 't> {
///     let responded: Responded<'t> = call.respond()?.string("1.0.0")?;
///     Ok(responded)
/// }
/// # let _: guestwire::Handler<()> = version;
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Responded<'t> {
    pub(super) length: usize,
    transmit: PhantomData<&'t mut [u8]>,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'q, 't> Responder<'q, 't> {
    /// The bytes that a return value may take.
    pub fn room(&self) -> usize {
        let id = self.id.map_or(0, |id| id.as_bytes().len());
        self.transmit.len().saturating_sub(AROUND).saturating_sub(id)
    }

    /// The last bytes of the transmit buffer, and where they start.
    pub(crate) fn tail(&mut self, length: usize) -> (usize, &mut [u8]) {
        let start = self.transmit.len().saturating_sub(length);
        (start, self.transmit.get_mut(start..).unwrap_or_default())
    }

    /// Says that it is done: returns `{}`, or nothing where the command has no success response.
    pub fn done(self) -> CommandResult<'q, 't> {
        self.object(|_| Ok(()))
    }

    /// Returns `true` or `false`.
    pub fn boolean(self, value: bool) -> CommandResult<'q, 't> {
        self.value(|place| place.boolean(value))
    }

    /// Returns a whole number.
    pub fn integer(self, value: i64) -> CommandResult<'q, 't> {
        self.value(|place| place.integer(value))
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
        let mut encoder = Encoder::new(self.transmit);
        if self.form != Form::Silent {
            begin(&mut encoder, self.form)?;
            value(encoder.value())?;
            end(&mut encoder, self.id)?;
        }
        Ok(Responded { length: encoder.as_bytes().len(), transmit: PhantomData })
    }

    /// Responds with an error of class `GenericError`, for a description that has to be put together.
    ///
    /// For one that is fixed, return [`CommandError::Failed`].
    pub fn error(self, description: impl fmt::Display) -> CommandResult<'q, 't> {
        let length =
            error_response(self.transmit, self.id, ErrorClass::GenericError, &|text| write!(text, "{description}"));
        Ok(Responded { length, transmit: PhantomData })
    }
}

#[inline(never)] // once for all kinds of values
fn begin(encoder: &mut Encoder<'_>, form: Form) -> Result<(), DoesNotFit> {
    if form == Form::Delimited {
        encoder.sentinel()?;
    }
    encoder.put(b"{\"return\": ")
}

#[inline(never)]
fn end(encoder: &mut Encoder<'_>, id: Option<Value<'_>>) -> Result<(), DoesNotFit> {
    if let Some(id) = id {
        encoder.put(b", \"id\": ")?;
        encoder.put(id.as_bytes())?;
    }
    encoder.put(b"}\n")
}

/// The reference agent's error classes. libvirt skips what it asked for, without complaint, on `CommandNotFound`.
#[derive(Clone, Copy, Debug)]
pub(super) enum ErrorClass {
    GenericError,
    CommandNotFound,
}

/// What writes a description. By reference, so that there is one copy of what uses it.
pub(super) type Describe<'d> = &'d dyn Fn(&mut TextEncoder<'_>) -> fmt::Result;

/// Writes an error response and returns its length: as it should be, or as much of it as fits, the `id` first.
pub(super) fn error_response(
    transmit: &mut [u8],
    id: Option<Value<'_>>,
    class: ErrorClass,
    description: Describe<'_>,
) -> usize {
    let fixed: Describe<'_> = &|text| text.write_str(DOES_NOT_FIT);
    write_error(transmit, id, class, description)
        .or_else(|DoesNotFit| write_error(transmit, id, class, fixed))
        .or_else(|DoesNotFit| write_error(transmit, None, class, description))
        .or_else(|DoesNotFit| write_error(transmit, None, class, fixed))
        .unwrap_or(0)
}

#[inline(never)] // it is called four times
fn write_error(
    transmit: &mut [u8],
    id: Option<Value<'_>>,
    class: ErrorClass,
    description: Describe<'_>,
) -> Result<usize, DoesNotFit> {
    let mut encoder = Encoder::new(transmit);
    encoder.put(b"{")?;
    if let Some(id) = id {
        encoder.put(b"\"id\": ")?;
        encoder.put(id.as_bytes())?;
        encoder.put(b", ")?;
    }
    encoder.put(b"\"error\": {\"class\": \"")?;
    encoder.put(match class {
        ErrorClass::GenericError => b"GenericError",
        ErrorClass::CommandNotFound => b"CommandNotFound",
    })?;
    encoder.put(b"\", \"desc\": \"")?;
    description(&mut encoder.text()).map_err(|fmt::Error| DoesNotFit)?;
    encoder.put(b"\"}}\n")?;
    Ok(encoder.as_bytes().len())
}
