//! Files.

use super::schema::{Encode, Parse};
use super::values::{Bytes, Done, Str};
use crate::agent::{CommandResult, Responder};
use crate::encoder::ValueEncoder;
use crate::error::DoesNotFit;
use crate::message::{Argument, ArgumentError};
use crate::value::Kind;

command! {
    /// opens a file. Returns a handle.
    "guest-file-open" FileOpen<'a> {
        path: Str<'a> = "path",
        /// As fopen(3) takes it, `r` if nothing is said.
        mode: Option<Str<'a>> = "mode",
    } -> i64
}

command! {
    /// closes a file.
    "guest-file-close" FileClose {
        handle: i64 = "handle",
    } -> Done
}

command! {
    /// reads from a file.
    "guest-file-read" FileRead {
        handle: i64 = "handle",
        /// How many bytes at most. See [`FileRead::wanted`].
        count: Option<i64> = "count",
    } -> FileContent<'a>
}

impl FileRead {
    /// How many bytes are asked for, 4096 if nothing is said. `None` if it is less than none or more than 48 MiB: the
    /// reference agent answers with `value '-1' is invalid for argument count`.
    pub fn wanted(&self) -> Option<usize> {
        let count = usize::try_from(self.count.unwrap_or(4096)).ok()?;
        (count <= 48 << 20).then_some(count)
    }
}

object! {
    /// What was read.
    FileContent<'a> {
        /// How many bytes: fewer than asked for is no error.
        count: i64 = "count",
        buf_b64: Bytes<'a> = "buf-b64",
        eof: bool = "eof",
    }
}

/// What stands around the digits.
const AROUND_CONTENT: usize = r#"{"count": 2147483647, "buf-b64": "", "eof": false}"#.len();

impl<'q, 't> Responder<'q, 't> {
    /// Where to put the bytes that [`file_content`](Self::file_content) returns: up to `wanted`, or as many as still fit
    /// the response. It is a part of the agent's `TX` bytes, and holds whatever was there.
    ///
    /// ```
    /// use guestwire::Command;
    /// use guestwire::commands::FileRead;
    ///
    /// struct Board { log: &'static [u8] }
    ///
    /// const COMMANDS: &[Command<Board>] = &[FileRead::command(|board: &mut Board, call| {
    ///     let (file, mut response): (FileRead, _) = call.parse()?;
    ///     let space = response.content_space(file.wanted().unwrap_or(0));
    ///     let count = space.len().min(board.log.len());
    ///     let (read, rest) = board.log.split_at(count);
    ///     space[..count].copy_from_slice(read);
    ///     board.log = rest;
    ///     response.file_content(count, board.log.is_empty())
    /// })];
    /// ```
    pub fn content_space(&mut self, wanted: usize) -> &mut [u8] {
        let (_, tail) = self.tail(self.content_room());
        let length = wanted.min(tail.len());
        tail.get_mut(..length).unwrap_or_default()
    }

    /// Returns a [`FileContent`]: the first `count` bytes of [`content_space`](Self::content_space).
    ///
    /// # Errors
    /// [`CommandError::DoesNotFit`](crate::CommandError::DoesNotFit) if there are not as many.
    pub fn file_content(mut self, count: usize, eof: bool) -> CommandResult<'q, 't> {
        let room = self.content_room();
        if count > room {
            return Err(DoesNotFit.into());
        }
        // They stand at the end of the buffer: what is written has room for all digits before it comes to the last.
        let (start, _) = self.tail(room);
        self.object(|content| {
            content.member("count").unsigned(count as u64)?;
            content.member("buf-b64").base64_of(start, count)?;
            content.member("eof").boolean(eof)
        })
    }

    /// How many bytes fit a response as base64.
    fn content_room(&self) -> usize {
        (self.room().saturating_sub(AROUND_CONTENT) / 4).saturating_mul(3)
    }
}

command! {
    /// writes to a file.
    "guest-file-write" FileWrite<'a> {
        handle: i64 = "handle",
        buf_b64: Bytes<'a> = "buf-b64",
        /// How many of the bytes to write, all if nothing is said.
        count: Option<i64> = "count",
    } -> FileWritten
}

object! {
    /// What was written.
    FileWritten {
        /// How many bytes.
        count: i64 = "count",
        eof: bool = "eof",
    }
}

command! {
    /// moves to another position in a file.
    "guest-file-seek" FileSeek {
        handle: i64 = "handle",
        /// Bytes from there.
        offset: i64 = "offset",
        whence: Whence = "whence",
    } -> FilePosition
}

object! {
    /// A position in a file.
    FilePosition {
        eof: bool = "eof",
        /// Bytes from its start.
        position: i64 = "position",
    }
}

/// What an offset counts from: on the wire `set`, `cur` or `end`, or 0, 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Whence {
    /// The file's start.
    Set,
    /// The current position.
    Cur,
    /// The file's end.
    End,
    /// Another number. The reference agent answers with `invalid whence code 3`.
    Unknown(i64),
}

impl Encode for Whence {
    fn encode(self, place: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        match self {
            Self::Set => place.string("set"),
            Self::Cur => place.string("cur"),
            Self::End => place.string("end"),
            Self::Unknown(number) => place.integer(number),
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
    "guest-file-flush" FileFlush {
        handle: i64 = "handle",
    } -> Done
}
