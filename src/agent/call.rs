//! What a command's function is given, and the one response it gives.

use core::fmt::{self, Write};

use super::error::{CommandError, Describe, ErrorClass, error_response};
use crate::error::DoesNotFit;
use crate::json::encoder::{ArrayEncoder, Encoder, ObjectEncoder, TextEncoder, ValueEncoder};
use crate::json::number;
use crate::json::string::Text;
use crate::json::value::Value;
use crate::message::{Arguments, Description};
use crate::sentinel::SENTINEL;

/// What a command's function returns: the proof that it responded, or why it failed.
///
/// ```
/// use guestwire::{Call, CommandResult};
///
/// fn ping(_: &mut (), call: Call<'_>) -> CommandResult {
///     call.respond()?.done()
/// }
/// # let _: guestwire::agent::Handler<()> = ping;
/// ```
pub type CommandResult = Result<Responded, CommandError>;

/// A request that reached its command: arguments to read, then a response to give.
///
/// ```
/// use guestwire::{Call, Command, CommandResult};
///
/// struct Board { threshold: i64 }
///
/// fn set_threshold(board: &mut Board, call: Call<'_>) -> CommandResult {
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
pub struct Call<'c> {
    /// The arguments. Read all of them before you [`respond`](Self::respond).
    pub arguments: &'c mut Arguments<'c>,
    pub(super) response: &'c mut ResponseEncoder<'c>,
}

impl<'c> Call<'c> {
    /// The command's name, as the request has it.
    pub const fn command(&self) -> Text<'c> {
        self.response.command
    }

    /// Ends reading the arguments: any that was not read is unexpected. Call it before the command does anything.
    ///
    /// # Errors
    /// [`ArgumentError`](crate::message::ArgumentError) if one was not read, and [`CommandError::DoesNotFit`] if the
    /// request's `id` is so long that no response with it fits.
    pub fn respond(self) -> Result<Responder<'c>, CommandError> {
        self.arguments.end()?;
        if self.response.room(SHORTEST_WITH_ID).is_none() {
            return Err(CommandError::DoesNotFit);
        }
        Ok(Responder { response: self.response })
    }

    /// As [`Responder::failed`].
    #[doc(hidden)]
    pub fn failed(self, description: &str) -> CommandResult {
        self.response.failed(description)
    }
}

/// What surrounds a return value and an `id`, sentinel and LF counted.
const AROUND: usize = r#"_{"return": , "id": }_"#.len();

const SHORTEST_WITH_ID: usize = r#"_{"return": {}, "id": }_"#.len();

/// What is sent when a command succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Success {
    Response,
    /// With the sentinel before it.
    DelimitedResponse,
    Nothing,
}

/// Gives the one response to a request. See [`Call`] and [`Command`](crate::Command) for examples.
///
/// # Errors
/// Every method gives [`CommandError::DoesNotFit`] if the response does not fit the agent's `TX` bytes. Returned from the
/// command's function, it becomes an error response.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "every request needs a response"]
pub struct Responder<'c> {
    response: &'c mut ResponseEncoder<'c>,
}

/// A successful response that is being written.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct ResponseEncoder<'c> {
    encoder: Encoder<'c>,
    /// What the request asks for. Not in [`Call`], which two references fit into registers.
    command: Text<'c>,
    id: Option<Value<'c>>,
}

/// The proof that a response was given.
///
/// Only a [`Responder`] makes one, so that a command's function cannot forget to respond.
///
/// ```
/// use guestwire::agent::Responded;
/// use guestwire::{Call, CommandResult};
///
/// fn version(_: &mut (), call: Call<'_>) -> CommandResult {
///     let responded: Responded = call.respond()?.string("1.0.0")?;
///     Ok(responded)
/// }
/// # let _: guestwire::agent::Handler<()> = version;
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Responded {
    pub(super) length: usize,
    pub(super) is_error: bool,
}

impl<'c> ResponseEncoder<'c> {
    /// Begin it before the command is called.
    pub(super) const fn new(command: Text<'c>, id: Option<Value<'c>>, transmit: &'c mut [u8]) -> Self {
        Self { encoder: Encoder::new(transmit), command, id }
    }

    /// Writes everything before the value. It fits: `TX` is checked.
    pub(super) fn begin(&mut self, success: Success) {
        if success == Success::DelimitedResponse {
            self.encoder.put(&[SENTINEL]);
        }
        self.encoder.put(b"{\"return\": ");
    }

    /// The bytes that are left after the `id` and `others`.
    fn room(&self, others: usize) -> Option<usize> {
        let id = self.id.map_or(0, |id| id.as_bytes().len());
        self.encoder.capacity().checked_sub(others)?.checked_sub(id)
    }

    fn failed(&mut self, description: &str) -> CommandResult {
        let description = Description::text(description);
        let length = error_response(self.encoder.buffer(), self.id, ErrorClass::GenericError, &description);
        Ok(Responded { length, is_error: true })
    }

    /// Ends it after a value that another has written, has failed to write, or has not written.
    fn end_value(&mut self, is_written: bool) -> CommandResult {
        if !is_written {
            self.encoder.fail();
        }
        // What comes before a value ends in a space, and no value does.
        if self.encoder.as_bytes().last() == Some(&b' ') {
            return Err(CommandError::Failed("The command returns no value"));
        }
        self.end()
    }

    fn end(&mut self) -> CommandResult {
        if let Some(id) = self.id {
            self.encoder.put(b", \"id\": ");
            self.encoder.put(id.as_bytes());
        }
        self.encoder.put(b"}\n");
        match self.encoder.as_bytes().len() {
            0 => Err(self.encoder.refusal_text().map_or(CommandError::DoesNotFit, CommandError::Failed)),
            length => Ok(Responded { length, is_error: false }),
        }
    }
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'c> Responder<'c> {
    /// For the C library, which writes the return value in steps.
    #[doc(hidden)]
    pub const fn encoder(&mut self) -> &mut Encoder<'c> {
        &mut self.response.encoder
    }

    /// The return value is written.
    #[doc(hidden)]
    pub fn end(self) -> CommandResult {
        self.response.end()
    }

    /// Responds with an error whose description need not outlive this call.
    #[doc(hidden)]
    pub fn failed(self, description: &str) -> CommandResult {
        self.response.failed(description)
    }

    /// The bytes that a return value may take.
    pub fn room(&self) -> usize {
        self.response.room(AROUND).unwrap_or(0)
    }

    /// All of the transmit buffer, with the start of the response in it.
    pub(crate) const fn buffer(&mut self) -> &mut [u8] {
        self.response.encoder.buffer()
    }

    /// Says that it is done: returns `{}`, or nothing where the command has no success response.
    pub fn done(self) -> CommandResult {
        self.write(|encoder| encoder.put(b"{}"))
    }

    /// Returns `true` or `false`.
    pub fn boolean(self, value: bool) -> CommandResult {
        self.value(|encoder| encoder.boolean(value))
    }

    /// Returns a whole number.
    pub fn integer(self, value: i64) -> CommandResult {
        let _ = number::write_signed(&mut self.response.encoder.text(), value);
        self.response.end()
    }

    /// Returns a whole number that is not negative.
    pub fn unsigned(self, value: u64) -> CommandResult {
        self.value(|encoder| encoder.unsigned(value))
    }

    /// Returns a string.
    pub fn string(self, value: &str) -> CommandResult {
        self.value(|encoder| encoder.string(value))
    }

    /// Returns an object with the members that the closure writes.
    pub fn object(self, members: impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>) -> CommandResult {
        self.value(|encoder| encoder.object(members))
    }

    /// Returns an array with the elements that the closure writes, one by one: none has to be in memory.
    pub fn array(self, elements: impl FnOnce(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit>) -> CommandResult {
        self.value(|encoder| encoder.array(elements))
    }

    /// Returns what the closure writes.
    pub fn value(self, value: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>) -> CommandResult {
        let written = value(self.response.encoder.value());
        self.response.end_value(written.is_ok())
    }

    /// The same, where the text is known.
    pub(super) fn write(self, write: impl FnOnce(&mut Encoder<'_>)) -> CommandResult {
        write(&mut self.response.encoder);
        self.response.end()
    }

    /// Returns the value whose JSON text another encoder made. See [`ValueEncoder::json`].
    ///
    /// # Errors
    /// Beside [`CommandError::DoesNotFit`], [`CommandError::Failed`] for what is not one JSON value.
    pub fn json(self, text: impl AsRef<[u8]>) -> CommandResult {
        self.response.encoder.value().json(text)?;
        self.response.end()
    }

    /// Responds with an error of class `GenericError`, for a description that has to be put together.
    ///
    /// For one that is fixed, return [`CommandError::Failed`].
    pub fn error(self, description: impl fmt::Display) -> CommandResult {
        let length = error_response(
            self.response.encoder.buffer(),
            self.response.id,
            ErrorClass::GenericError,
            &Printed(description),
        );
        Ok(Responded { length, is_error: true })
    }
}

struct Printed<D>(D);

impl<D: fmt::Display> Describe for Printed<D> {
    fn write(&self, to: &mut TextEncoder<'_, '_>) {
        let _ = write!(to, "{}", self.0);
    }
}
