//! How a type of the schema is written and read.

use crate::agent::{Call, CommandError, CommandResult, Responder};
use crate::client::{ClientOver, Execute, ExecuteError};
use crate::error::DoesNotFit;
use crate::frame::Buffer;
use crate::json::encoder::{ObjectEncoder, ValueEncoder};
use crate::json::value::Value;
use crate::message::{Argument, ArgumentError, Arguments};

/// What writes itself as a JSON value.
pub trait Encode: Sized {
    /// Writes the value.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit>;

    /// Writes the value as a member, or nothing if it is absent.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    fn encode_member(self, name: &str, object: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit> {
        self.encode(object.member(name))
    }
}

/// What reads itself from a JSON value: an argument, or what a command returned.
pub trait Parse<'a>: Sized {
    /// The value of an absent member. `None` if it is required.
    const ABSENT: Option<Self> = None;

    /// Reads the value.
    ///
    /// # Errors
    /// [`ArgumentError`], in the reference agent's words.
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>>;
}

/// A command, and a request for it: the type's fields are its arguments.
pub trait Schema<'a>: Sized {
    /// The command's name, as in `execute`.
    const NAME: &'static str;

    /// The request, without its arguments.
    const EXECUTE: Execute<'static>;

    /// The members of the return value that may be long strings: see [`Execute::pieces`].
    const PIECES: &'static [&'static str] = &[];

    /// What it returns.
    type Return: Parse<'a>;

    /// Reads the arguments, in the schema's order.
    ///
    /// # Errors
    /// [`ArgumentError`], in the reference agent's words.
    fn read(arguments: &mut Arguments<'a>) -> Result<Self, ArgumentError<'a>>;

    /// Writes the arguments.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    fn write(self, arguments: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>;

    /// Reads what the command returned.
    ///
    /// # Errors
    /// [`ArgumentError`], which names the place in the value. Members that this schema does not have are ignored.
    fn returned(value: Value<'a>) -> Result<Self::Return, ArgumentError<'a>> {
        Self::Return::parse(Argument::returned(value))
    }
}

/// The hidden member of each type here: whoever builds one writes `..Default::default()`, so that members can be added.
/// (`#[non_exhaustive]` would forbid that, too.)
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct More(());

impl More {
    pub(super) const NONE: Self = Self(());
}

#[cfg(feature = "defmt")]
impl defmt::Format for More {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "..");
    }
}

impl<'c> Call<'c> {
    /// Reads a command's arguments, and ends reading, as `respond()` does. See [`commands`](crate::commands).
    ///
    /// # Errors
    /// [`CommandError::Argument`], and those of [`respond`](Self::respond).
    pub fn parse<C: Schema<'c>>(self) -> Result<(C, Responder<'c>), CommandError> {
        let command = C::read(self.arguments)?;
        Ok((command, self.respond()?))
    }
}

impl<'c> Responder<'c> {
    /// Returns a value of the schema. See [`commands`](crate::commands).
    ///
    /// # Errors
    /// [`CommandError::DoesNotFit`].
    pub fn encode(self, value: impl Encode) -> CommandResult {
        self.value(|encoder| value.encode(encoder))
    }
}

impl ValueEncoder<'_> {
    /// Writes a value of the schema. See [`commands`](crate::commands).
    ///
    /// # Errors
    /// [`DoesNotFit`].
    pub fn encode(self, value: impl Encode) -> Result<(), DoesNotFit> {
        value.encode(self)
    }
}

impl<'a> Arguments<'a> {
    /// The member of that name, as a type of the schema.
    ///
    /// # Errors
    /// As all methods.
    pub fn parse<T: Parse<'a>>(&mut self, name: &'static str) -> Result<T, ArgumentError<'a>> {
        match self.get(name)? {
            Some(argument) => T::parse(argument),
            None => T::ABSENT.ok_or(self.missing(name)),
        }
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Sends a request of the schema.
    ///
    /// ```
    /// use guestwire::commands::{FileRead, Schema};
    /// use guestwire::{Client, Reply};
    ///
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.request(FileRead { handle: 1000, count: Some(512), ..Default::default() })?;
    /// # client.transmitted(usize::MAX);
    /// let received = br#"{"return": {"count": 2, "buf-b64": "aGk=", "eof": true}, "id": 8}"#;
    /// let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(received) else { panic!("it was answered") };
    /// let content = FileRead::returned(value).expect("a file's content");
    /// assert!(content.buf_b64.decoded().expect("base64").eq(*b"hi"));
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn request<'a, C: Schema<'a>>(&mut self, command: C) -> Result<(), ExecuteError> {
        self.execute_with(C::EXECUTE, |arguments| command.write(arguments))
    }

    /// Sends a request of the schema, of whose return value the long strings come in pieces.
    ///
    /// ```
    /// use guestwire::commands::{FileRead, Schema};
    /// use guestwire::{Client, Reply};
    ///
    /// # let mut client: Client<64, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.request_in_pieces(FileRead { handle: 1000, count: Some(4096), ..Default::default() })?;
    /// # client.transmitted(usize::MAX);
    /// # let received = [br#"{"return": {"count": 90, "buf-b64": ""#, &[b'A'; 120][..], br#"", "eof": true}, "id": 8}"#].concat();
    /// # let mut received = &received[..];
    /// let mut digits = 0;
    /// while !received.is_empty() {
    ///     let (taken, reply) = client.push_slice(received);
    ///     received = &received[taken..];
    ///     match reply {
    ///         Ok(Some(Reply::Piece(piece))) => digits += piece.content.len(),
    ///         Ok(Some(Reply::Return(value))) => {
    ///             let read = FileRead::returned(value).expect("what guest-file-read returns");
    ///             assert_eq!((read.count, digits), (90, 120));
    ///         }
    ///         other => panic!("{other:?}"),
    ///     }
    /// }
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn request_in_pieces<'a, C: Schema<'a>>(&mut self, command: C) -> Result<(), ExecuteError> {
        self.execute_with(C::EXECUTE.pieces(C::PIECES), |arguments| command.write(arguments))
    }
}
