//! Files.

use super::schema::{Encode, Parse};
use super::values::{Bytes, Done, Str};
use crate::agent::{CommandResult, Responder};
use crate::error::DoesNotFit;
use crate::json::encoder::ValueEncoder;
use crate::json::value::Kind;
use crate::message::{Argument, ArgumentError};
use crate::offset::Offset;

command! {
    /// opens a file. Returns a handle.
    pub struct FileOpen<'a> = "guest-file-open" {
        path: Str<'a> = "path",
        /// As fopen(3) takes it, `r` if nothing is said.
        mode: Option<Str<'a>> = "mode",
        ..
    } -> i64
}

command! {
    /// closes a file.
    #[derive(PartialEq, Eq)]
    pub struct FileClose = "guest-file-close" {
        handle: i64 = "handle",
        ..
    } -> Done
}

command! {
    /// reads from a file.
    #[derive(PartialEq, Eq)]
    pub struct FileRead = "guest-file-read" {
        handle: i64 = "handle",
        /// How many bytes at most. See [`FileRead::wanted`].
        count: Option<i64> = "count",
        ..
    } -> FileContent<'a>, pieces: ["buf-b64"]
}

impl FileRead {
    /// How many bytes are asked for, 4096 if nothing is said. `None` if it is negative or more than 48 MiB: the
    /// reference agent answers with `value '-1' is invalid for argument count`.
    pub fn wanted(&self) -> Option<usize> {
        let count = usize::try_from(self.count.unwrap_or(4096)).ok()?;
        (count <= 48 << 20).then_some(count)
    }
}

object! {
    /// What was read.
    pub struct FileContent<'a> {
        /// How many bytes: fewer than asked for is no error.
        count: i64 = "count",
        buf_b64: Bytes<'a> = "buf-b64",
        eof: bool = "eof",
        ..
    }
}

/// The response around the base64 digits.
const AROUND_CONTENT: usize = r#"{"count": 2147483647, "buf-b64": "", "eof": false}"#.len();

impl<'c> Responder<'c> {
    /// To return a [`FileContent`] of up to `wanted` bytes, or of as many as fit the response.
    ///
    /// ```
    /// use guestwire::Command;
    /// use guestwire::commands::FileRead;
    ///
    /// struct Board { log: &'static [u8] }
    ///
    /// const COMMANDS: &[Command<Board>] = &[FileRead::command(|board: &mut Board, call| {
    ///     let (file, response): (FileRead, _) = call.parse()?;
    ///     let mut content = response.file_content(file.wanted().unwrap_or(0));
    ///     let space = content.space();
    ///     let count = space.len().min(board.log.len());
    ///     let (read, rest) = board.log.split_at(count);
    ///     space[..count].copy_from_slice(read);
    ///     board.log = rest;
    ///     content.respond(count, board.log.is_empty())
    /// })];
    /// ```
    pub fn file_content(mut self, wanted: usize) -> ContentResponder<'c> {
        // The bytes are at the end of the buffer: the digits written before them never overtake them.
        let room = self.content_room();
        let start = Offset::end(self.buffer()).minus(room);
        let space = wanted.min(room);
        ContentResponder { response: self, start, space }
    }

    /// How many bytes fit a response as base64.
    fn content_room(&self) -> usize {
        let groups = self.room().saturating_sub(AROUND_CONTENT) / 4;
        groups.checked_mul(3).unwrap_or_default()
    }
}

/// A response with a file's content, which is read into the agent's `TX` bytes. See [`Responder::file_content`].
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "every request needs a response"]
pub struct ContentResponder<'c> {
    /// For another response, where the file cannot be read.
    pub response: Responder<'c>,
    start: Offset,
    space: usize,
}

impl ContentResponder<'_> {
    /// Where to put what is read. It holds whatever was there.
    pub fn space(&mut self) -> &mut [u8] {
        let Self { response, start, space } = self;
        response.buffer().get_mut(start.index()..start.plus(*space).index()).unwrap_or_default()
    }

    /// Returns the first `count` bytes of the space, and whether the file ends there.
    ///
    /// # Errors
    /// [`CommandError::DoesNotFit`](crate::CommandError::DoesNotFit) if there are not as many.
    pub fn respond(self, count: usize, eof: bool) -> CommandResult {
        if count > self.space {
            return Err(DoesNotFit.into());
        }
        self.response.object(|content| {
            content.member("count").unsigned(count as u64)?;
            content.member("buf-b64").base64_of(self.start, count)?;
            content.member("eof").boolean(eof)
        })
    }
}

command! {
    /// writes to a file.
    pub struct FileWrite<'a> = "guest-file-write" {
        handle: i64 = "handle",
        buf_b64: Bytes<'a> = "buf-b64",
        /// How many of the bytes to write, all if nothing is said.
        count: Option<i64> = "count",
        ..
    } -> FileWritten
}

impl FileWrite<'_> {
    /// For [`Guest::STREAMED`](crate::Guest::STREAMED): `buf-b64` comes in pieces, and is empty when the command runs.
    pub const STREAMED: &'static [&'static str] = &["buf-b64"];
}

object! {
    /// What was written.
    #[derive(PartialEq, Eq)]
    pub struct FileWritten {
        /// How many bytes.
        count: i64 = "count",
        eof: bool = "eof",
        ..
    }
}

command! {
    /// moves to another position in a file.
    #[derive(PartialEq, Eq)]
    pub struct FileSeek = "guest-file-seek" {
        handle: i64 = "handle",
        /// Bytes from there.
        offset: i64 = "offset",
        whence: Whence = "whence",
        ..
    } -> FilePosition
}

object! {
    /// A position in a file.
    #[derive(PartialEq, Eq)]
    pub struct FilePosition {
        eof: bool = "eof",
        /// Bytes from its start.
        position: i64 = "position",
        ..
    }
}

/// What an offset counts from: on the wire `set`, `cur` or `end`, or 0, 1 or 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Whence {
    /// The file's start.
    #[default]
    Set,
    /// The current position.
    Cur,
    /// The file's end.
    End,
    /// Another number. The reference agent answers with `invalid whence code 3`.
    Unknown(i64),
}

impl Encode for Whence {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        match self {
            Self::Set => encoder.string("set"),
            Self::Cur => encoder.string("cur"),
            Self::End => encoder.string("end"),
            Self::Unknown(number) => encoder.integer(number),
        }
    }
}

impl<'a> Parse<'a> for Whence {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        match argument.value().kind() {
            Kind::Number => Ok(match argument.integer()? {
                0 => Self::Set,
                1 => Self::Cur,
                2 => Self::End,
                other => Self::Unknown(other),
            }),
            Kind::String => argument.one_of([("set", Self::Set), ("cur", Self::Cur), ("end", Self::End)]),
            _ => Err(argument.type_error("GuestFileWhence")),
        }
    }
}

command! {
    /// writes out what is buffered.
    #[derive(PartialEq, Eq)]
    pub struct FileFlush = "guest-file-flush" {
        handle: i64 = "handle",
        ..
    } -> Done
}
