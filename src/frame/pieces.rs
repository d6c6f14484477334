//! Strings handed out in pieces, so that a frame may be longer than its buffer.
//!
//! The caller names members. Of their strings the frame keeps `""`; the content goes into the rest of the buffer and is
//! handed out whenever that is full, and at the string's end.

use core::fmt;

use super::decoder::{Buffer, DecoderOver, Parser, Room, Signal};
use super::lexer::{Step, plain_from};
use crate::json::string::Text;
use crate::json::value::string_end;
use crate::length::Length;
use crate::offset::Offset;

/// A piece of a string: of an argument that is [`STREAMED`](crate::Guest::STREAMED), or of a member of a return value that
/// was asked for [in pieces](crate::client::Execute::pieces).
///
/// The pieces of a string, put together, are what is between its quotation marks, with its escapes. They may be cut
/// anywhere, in the middle of an escape or a character. How long they are depends on the buffer and on what the frame
/// holds before them, never on how the bytes arrived.
///
/// They are provisional: the frame may still break, or turn out to be the response to another request.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Piece<'a> {
    /// The member's name.
    pub member: &'static str,
    /// The content, escapes included. Empty if the string is, and mostly in the last piece of a long one.
    pub content: &'a [u8],
    /// Whether it is the string's first piece.
    pub is_first: bool,
    /// Whether it is the string's last piece. It may be the first, too.
    pub is_last: bool,
    /// The frame up to here, but for the string.
    frame: &'a [u8],
}

impl<'a> Piece<'a> {
    /// The command of the request, if its `execute` came before everything else.
    pub fn command(&self) -> Option<Text<'a>> {
        let name = self.frame.strip_prefix(b"{\"execute\":\"")?;
        let end = string_end(name, Offset::START).minus(1);
        Some(Text::new(Offset::START.until(end, name)?))
    }
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("member", &self.member)
            .field("content", &format_args!("{}", self.content.escape_ascii()))
            .field("is_first", &self.is_first)
            .field("is_last", &self.is_last)
            .finish()
    }
}

/// Which strings are handed out in pieces: those with one of these names in the object that is a frame's `parent`.
#[derive(Clone, Copy)]
pub(crate) struct Streamed {
    pub(crate) parent: &'static str,
    pub(crate) members: &'static [&'static str],
}

impl Streamed {
    /// Which of them a frame ends in, given what has come of the string.
    fn member(self, frame: &[u8], value: &[u8]) -> Option<&'static str> {
        let name = name_before(frame, value)?;
        self.members.iter().copied().find(|member| name == *member)
    }
}

/// Where in a frame the decoder is, as far as its strings in pieces are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)] // so that `Outside` is 0 and an agent's memory starts as zeros
enum Place {
    /// Outside of the parent.
    Outside,
    /// Inside it, and not in a string that is handed out.
    Parent,
    /// In a string that is handed out, before its first piece.
    Start,
    /// Directly after the first piece.
    FirstPiece,
    /// After the string's only piece.
    OnlyPiece,
    /// Further on in the string.
    String,
    /// Directly after a further piece.
    Piece,
    /// After the last piece of a string.
    LastPiece,
}

/// A string that is handed out.
///
/// Packed, so that an agent has room for one byte more beside it.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub(crate) struct Stream {
    place: Place,
    /// Where in the buffer its piece begins.
    start: Length,
}

impl Stream {
    pub(crate) const fn new() -> Self {
        Self { place: Place::Outside, start: Length::at_most(0) }
    }
}

impl<B: Buffer> DecoderOver<B> {
    /// Takes one byte, with strings in pieces.
    pub(crate) fn step_in_pieces(&mut self, stream: &mut Stream, streamed: Streamed, byte: u8) -> Signal {
        B::erase(self.parser()).step_in_pieces(stream, streamed, byte)
    }

    /// Takes bytes up to one that leads to a signal.
    pub(crate) fn step_slice_in_pieces(
        &mut self,
        stream: &mut Stream,
        streamed: Streamed,
        bytes: &mut &[u8],
    ) -> Signal {
        B::erase(self.parser()).step_slice_in_pieces(stream, streamed, bytes)
    }

    /// The piece that [`Signal::Piece`] announced.
    pub(crate) fn piece(&self, stream: &Stream, streamed: Streamed) -> Piece<'_> {
        let start = stream.start;
        let (frame, content) = self.text().split_at_checked(start.get()).unwrap_or_default();
        Piece {
            member: streamed.member(frame, b"\"\"").unwrap_or_default(),
            content,
            is_first: matches!(stream.place, Place::FirstPiece | Place::OnlyPiece),
            is_last: matches!(stream.place, Place::OnlyPiece | Place::LastPiece),
            frame,
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]> + ?Sized> Parser<B> {
    fn step_in_pieces(&mut self, stream: &mut Stream, streamed: Streamed, byte: u8) -> Signal {
        match stream.place {
            Place::Outside | Place::Parent => {}
            Place::Start | Place::String => return self.step_in_string(stream, byte),
            Place::FirstPiece | Place::Piece => {
                self.length = stream.start;
                stream.place = Place::String;
                return self.step_in_string(stream, byte);
            }
            Place::OnlyPiece | Place::LastPiece => {
                self.length = stream.start;
                stream.place = Place::Parent;
            }
        }
        let signal = self.step(byte);
        if self.room == Room::Enough && self.lexer.depth() == 2 {
            if byte == b'{' && !self.lexer.is_in_string() {
                let is_parent = name_before(self.text(), b"{").is_some_and(|name| name == streamed.parent);
                stream.place = if is_parent { Place::Parent } else { Place::Outside };
            } else if byte == b'"'
                && stream.place == Place::Parent
                && self.lexer.is_in_string()
                && streamed.member(self.text(), b"\"").is_some()
            {
                self.begin_string(stream);
            }
        }
        signal
    }

    /// Its closing quotation mark is stored at once, and its content after that.
    fn begin_string(&mut self, stream: &mut Stream) {
        self.store(b'"');
        if self.is_full() {
            self.room = Room::Exceeded;
        } else {
            *stream = Stream { place: Place::Start, start: self.length };
        }
    }

    fn step_in_string(&mut self, stream: &mut Stream, byte: u8) -> Signal {
        match self.lexer.step(byte) {
            Step::Inside | Step::Plain => {
                self.store(byte);
                if !self.is_full() {
                    return Signal::Nothing;
                }
                stream.place = if stream.place == Place::Start { Place::FirstPiece } else { Place::Piece };
            }
            Step::End => {
                stream.place = if stream.place == Place::Start { Place::OnlyPiece } else { Place::LastPiece };
            }
            _ => {
                stream.place = Place::Outside;
                return self.recover(byte);
            }
        }
        Signal::Piece
    }

    fn step_slice_in_pieces(&mut self, stream: &mut Stream, streamed: Streamed, bytes: &mut &[u8]) -> Signal {
        while let Some((byte, rest)) = bytes.split_first() {
            let signal = self.step_in_pieces(stream, streamed, *byte);
            *bytes = rest;
            if signal != Signal::Nothing {
                return signal;
            }
            if matches!(stream.place, Place::Start | Place::String) && self.lexer.is_in_string() {
                // All but the last byte that there is room for: that one makes a piece.
                let room = self.buffer.as_ref().get(self.length.get()..).and_then(<[u8]>::split_first);
                let run = plain_from(rest, 0).min(room.map_or(0, |(_, room)| room.len()));
                self.store_run(rest, run);
                *bytes = rest.get(run..).unwrap_or_default();
            }
        }
        Signal::Nothing
    }

    fn text(&self) -> &[u8] {
        self.buffer.as_ref().get(..self.length.get()).unwrap_or_default()
    }

    fn is_full(&self) -> bool {
        self.length.get() >= self.buffer.as_ref().len()
    }
}

/// The name of the member that a frame, as far as it has come, ends in, given what has come of its value.
fn name_before<'a>(frame: &'a [u8], value: &[u8]) -> Option<Text<'a>> {
    let frame = frame.strip_suffix(value)?.strip_suffix(b"\":")?;
    // Inside a name a quotation mark comes after a backslash.
    let begins = |pair: &[u8]| matches!(pair, [b'{' | b',', b'"']);
    let start = frame.windows(2).rposition(begins)?;
    frame.get(start..)?.get(2..).map(Text::new)
}
