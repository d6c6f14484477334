//! Tokens into a fixed buffer, frames out of it.

use core::fmt;

use super::lexer::{Lexer, Step, is_plain, is_ws, plain_from, whole_from};
use crate::error::{FrameError, LineError};
use crate::json::marks::{Marks, Separators};
use crate::json::value::Value;
use crate::length::Length;
use crate::offset::Offset;
use crate::sentinel::SENTINEL;
use crate::target::FLASH_IS_SHORT;

/// Cuts a byte stream into frames: pushes go in, at most one [`Event`] comes out of each byte.
///
/// `N` is the longest frame in bytes, whitespace between tokens not counted; on a target whose pointers have 32 bits it
/// is at most 65535. There the decoder takes `N` bytes and 15 or 16 more. The work of one [`push`](Self::push) does not depend on `N` or on
/// what came before.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let bytes = b"{\"stale\": \"half\xFF { \"execute\": \"guest-ping\" }\n";
/// let (taken, event) = decoder.push_slice(bytes);
/// assert_eq!(event, Ok(Some(Event::Sentinel)));
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(&bytes[taken..]) else { panic!("a frame was sent") };
/// assert_eq!(frame.as_bytes(), b"{\"execute\":\"guest-ping\"}");
/// ```
pub type Decoder<const N: usize> = DecoderOver<[u8; N]>;

/// A [`Decoder`] over a buffer that is lent to it: one copy of its code serves all sizes.
///
/// ```
/// use guestwire::{Event, frame::DecoderLent};
///
/// let mut buffer = [0; 64];
/// let mut decoder = DecoderLent::new(&mut buffer);
/// assert!(matches!(decoder.push_slice(b"[1, 2]"), (6, Ok(Some(Event::Frame(_))))));
/// ```
pub type DecoderLent<'b> = DecoderOver<&'b mut [u8]>;

/// The decoder itself, over an array of its own ([`Decoder`]) or a slice that is lent to it ([`DecoderLent`]).
#[derive(Clone)]
pub struct DecoderOver<B> {
    parser: Parser<B>,
}

/// Where a decoder, an agent or a client keeps bytes: an array of its own, or a slice that is lent to it.
///
/// This trait is sealed.
pub trait Buffer: Sealed {}

impl<const N: usize> Buffer for [u8; N] {}

impl Buffer for &mut [u8] {}

pub trait Sealed: AsRef<[u8]> + AsMut<[u8]> + Sized {
    /// The same without its size.
    type Erased: AsRef<[u8]> + AsMut<[u8]> + ?Sized;

    fn erase(parser: &mut Parser<Self>) -> &mut Parser<Self::Erased>;
}

impl<const N: usize> Sealed for [u8; N] {
    type Erased = [u8];

    fn erase(parser: &mut Parser<Self>) -> &mut Parser<[u8]> {
        parser
    }
}

impl Sealed for &mut [u8] {
    type Erased = Self;

    fn erase(parser: &mut Parser<Self>) -> &mut Parser<Self> {
        parser
    }
}

/// What a decoder saw.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// assert_eq!(decoder.push(0xFF), Ok(Some(Event::Sentinel)));
/// assert_eq!(decoder.push(b'['), Ok(None));
/// assert!(matches!(decoder.push(b']'), Ok(Some(Event::Frame(frame))) if frame.as_bytes() == b"[]"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'a> {
    /// The sentinel: an open frame has been dropped.
    Sentinel,
    /// A whole frame.
    Frame(Frame<'a>),
}

/// One JSON value as it came over the wire: valid RFC 8259, valid UTF-8, without the whitespace between its tokens.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// if let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(b"[1, 2]") {
///     assert_eq!(frame.as_bytes(), b"[1,2]");
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    text: &'a [u8],
    marks: Marks<'a>,
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&self.value()).finish()
    }
}

impl<'a> Frame<'a> {
    /// The frame's text.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.text
    }

    /// The frame's value.
    pub const fn value(&self) -> Value<'a> {
        Value::new(self.text)
    }

    /// Where its members are, if it is an object with few of them.
    pub(crate) const fn marks(&self) -> Marks<'a> {
        self.marks
    }
}

/// What a byte led to. It borrows nothing, so that a loop can hand it on; [`Decoder::event`] makes an event of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)] // so that `Nothing` is 0 and an agent's memory starts as zeros
pub(crate) enum Signal {
    Nothing,
    /// Of a string that is handed out in pieces: see [`DecoderOver::piece`].
    Piece,
    Sentinel,
    Frame,
    Error(FrameError),
}

/// Whether the frame still fits. One that does not is lexed on to its end, or its tail would pass for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    Exceeded,
}

/// Of a frame with 4 members: 4 colons, and 3 commas. A request has at most three, and a response too.
const NOTED: usize = 4 + 3;

/// The decoder without its size, so that there is one copy of its code for all of them.
#[derive(Clone)]
pub struct Parser<B: ?Sized> {
    pub(super) lexer: Lexer,
    pub(super) room: Room,
    separators: Separators<NOTED>,
    pub(super) length: Length,
    pub(super) buffer: B,
}

/// What a decoder takes beside its `N` bytes, on the targets that it is made for.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Decoder<64>>() == 64 + 16 && size_of::<Decoder<65535>>() == 65535 + 15);

impl<const N: usize> DecoderOver<[u8; N]> {
    /// An empty decoder. `N` is checked when the program is built (by `cargo build`, not by `cargo check`).
    pub const fn new() -> Self {
        const { assert!(N >= 1, "a Decoder holds at least 1 byte") };
        const { assert!(N == Length::at_most(N).get(), "a Decoder holds at most 65535 bytes where pointers have 32 bits") };
        Self { parser: Parser::new([0; N]) }
    }
}

impl<'b> DecoderOver<&'b mut [u8]> {
    /// An empty decoder over a buffer, whose length is that of the longest frame. On a target whose pointers have 32
    /// bits, what is beyond 65535 bytes is left alone.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        let usable = Length::at_most(buffer.len()).get();
        Self { parser: Parser::new(buffer.get_mut(..usable).unwrap_or_default()) }
    }
}

impl<B: Buffer> DecoderOver<B> {
    /// Takes one byte.
    ///
    /// # Errors
    /// [`FrameError`], if a frame cannot be delivered. The byte was taken; go on with the next.
    pub fn push(&mut self, byte: u8) -> Result<Option<Event<'_>>, FrameError> {
        if self.takes_plain(byte) {
            return Ok(None);
        }
        let signal = self.step(byte);
        self.event(signal)
    }

    /// Takes bytes from `read` until one of them leads to an event or an error, or `read` has no more.
    ///
    /// `embedded_hal_nb::serial::Read` fits: `decoder.read_from(|| uart.read())`. Every byte that `read` gives is taken.
    ///
    /// ```
    /// use guestwire::{Decoder, Event};
    ///
    /// let mut decoder: Decoder<64> = Decoder::new();
    /// let mut uart = b"{} ".iter();
    /// let mut read = || uart.next().copied().ok_or(nb::Error::<()>::WouldBlock);
    /// assert!(matches!(decoder.read_from(&mut read), Ok(Event::Frame(_))));
    /// assert_eq!(decoder.read_from(&mut read), Err(nb::Error::WouldBlock));
    /// ```
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] when `read` does, the port's error, or [`FrameError`]. Call it again after any of them.
    pub fn read_from<E>(
        &mut self,
        mut read: impl FnMut() -> nb::Result<u8, E>,
    ) -> nb::Result<Event<'_>, LineError<FrameError, E>> {
        let signal = loop {
            match self.step(read().map_err(|error| error.map(LineError::Port))?) {
                Signal::Nothing => {}
                signal => break signal,
            }
        };
        match self.event(signal) {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(nb::Error::WouldBlock),
            Err(error) => Err(nb::Error::Other(LineError::Protocol(error))),
        }
    }

    /// Takes bytes from the start of a slice until one of them leads to an event or an error. Returns how many it has
    /// taken, and what they led to: all of them if that is `Ok(None)`.
    ///
    /// ```
    /// use guestwire::{Decoder, Event};
    ///
    /// let mut decoder: Decoder<64> = Decoder::new();
    /// let mut bytes: &[u8] = b"[1] [2] [3";
    /// let mut frames = 0;
    /// while !bytes.is_empty() {
    ///     let (taken, event) = decoder.push_slice(bytes);
    ///     bytes = &bytes[taken..];
    ///     if let Ok(Some(Event::Frame(_))) = event {
    ///         frames += 1;
    ///     }
    /// }
    /// assert_eq!(frames, 2);
    /// ```
    ///
    /// # Errors
    /// As [`push`](Self::push). Call again with the bytes that are left.
    #[must_use = "bytes that were not taken have to be pushed again"]
    pub fn push_slice(&mut self, bytes: &[u8]) -> (usize, Result<Option<Event<'_>>, FrameError>) {
        let mut rest = bytes;
        let signal = loop {
            let signal = self.step_slice(&mut rest);
            if signal != Signal::Nothing || rest.is_empty() {
                break signal;
            }
        };
        (Offset::of_rest(rest, bytes).index(), self.event(signal))
    }

    /// For a port that was closed or opened: a new peer, a new decoder.
    pub fn reset(&mut self) {
        // Not `Self::new()`: N bytes would cross the stack. What is left in the buffer is dead without an open frame.
        self.parser.lexer = Lexer::new();
    }

    /// Takes note that bytes are missing here: an overrun, a full queue, a time-out in mid-frame.
    ///
    /// The next byte may be in the middle of a request, so everything is dropped up to the sentinel or the next place
    /// where a frame may begin, as after a broken frame; a line break directly after the missing bytes is no such place.
    /// If no frame was open, the next printable byte that is dropped gives [`FrameError::Lost`], because a request may
    /// have begun among the missing bytes. In the middle of a broken frame there is no further error.
    ///
    /// # Errors
    /// [`FrameError::Lost`] if a frame was open.
    pub fn lost(&mut self) -> Result<(), FrameError> {
        self.parser.lexer.lost()
    }

    /// Takes a byte that is known to be wrong: a framing, parity or noise error, or a break.
    ///
    /// It breaks an open frame. Between frames it may have been the first byte of one: if a member's name follows, the rest
    /// of that frame is dropped, and otherwise it is noise.
    ///
    /// # Errors
    /// If a frame was open [`FrameError::Syntax`], or [`FrameError::Overflow`] if it did not fit. On an idle line
    /// [`FrameError::Noise`]. No error while noise or the rest of a broken frame is being dropped.
    pub fn corrupted(&mut self) -> Result<(), FrameError> {
        let result = self.parser.lexer.corrupted();
        result.map_err(|error| self.parser.outcome(error))
    }

    /// Whether a frame has begun and neither ended nor broken.
    ///
    /// A caller with a clock may call [`lost`](Self::lost) when that lasts too long.
    pub const fn is_receiving(&self) -> bool {
        self.parser.lexer.is_open()
    }

    /// Takes the byte if it is a plain character of a string: the quick way, which does all that [`step`](Self::step) does.
    pub(crate) fn takes_plain(&mut self, byte: u8) -> bool {
        let is_plain = self.parser.lexer.is_plain(byte);
        if is_plain {
            B::erase(&mut self.parser).store(byte);
        }
        is_plain
    }

    pub(super) const fn parser(&mut self) -> &mut Parser<B> {
        &mut self.parser
    }

    #[cfg_attr(target_pointer_width = "64", inline(never))] // the same code however often a program calls it
    pub(crate) fn step(&mut self, byte: u8) -> Signal {
        B::erase(&mut self.parser).step(byte)
    }

    pub(crate) fn step_slice(&mut self, bytes: &mut &[u8]) -> Signal {
        B::erase(&mut self.parser).step_slice(bytes)
    }

    /// Whether the last frame ended, so that the next byte may begin another.
    pub(crate) const fn is_between(&self) -> bool {
        self.parser.lexer.is_between()
    }

    /// The frame, or as much of it as has come and fits.
    pub(crate) fn text(&self) -> &[u8] {
        self.parser.buffer.as_ref().get(..self.parser.length.get()).unwrap_or_default()
    }

    /// The event for a signal. A frame is valid until the next byte is taken.
    pub(crate) fn event(&self, signal: Signal) -> Result<Option<Event<'_>>, FrameError> {
        match signal {
            Signal::Nothing | Signal::Piece => Ok(None),
            Signal::Sentinel => Ok(Some(Event::Sentinel)),
            Signal::Frame => Ok(Some(Event::Frame(self.frame()))),
            Signal::Error(error) => Err(error),
        }
    }

    /// The frame that [`Signal::Frame`] announced.
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame { text: self.text(), marks: self.parser.separators.marks() }
    }
}

impl<const N: usize> Default for DecoderOver<[u8; N]> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows what the decoder's behaviour depends on: its state, and the frame that is open.
impl<B: Buffer> fmt::Debug for DecoderOver<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parser { lexer, room, separators, .. } = &self.parser;
        let mut shown = f.debug_struct("Decoder");
        shown.field("lexer", lexer);
        if lexer.is_open() {
            shown
                .field("room", room)
                .field("separators", separators)
                .field("text", &format_args!("{}", self.text().escape_ascii()));
        }
        shown.finish()
    }
}

impl<B> Parser<B> {
    const fn new(buffer: B) -> Self {
        Self {
            lexer: Lexer::new(),
            room: Room::Enough,
            separators: Separators::new(),
            length: Length::at_most(0),
            buffer,
        }
    }
}

impl<B: ?Sized> Parser<B> {
    /// The one error of a frame that broke: that it does not fit came first.
    fn outcome(&self, error: FrameError) -> FrameError {
        match (self.room, error) {
            (Room::Exceeded, FrameError::Syntax | FrameError::TooDeep) => FrameError::Overflow,
            _ => error,
        }
    }
}

impl<B: AsMut<[u8]> + ?Sized> Parser<B> {
    #[cfg_attr(target_pointer_width = "64", inline(always))] // spares a call for each byte
    pub(super) fn step(&mut self, byte: u8) -> Signal {
        match self.lexer.step(byte) {
            Step::Inside | Step::Quote | Step::Plain | Step::Digit => self.store(byte),
            Step::Skip => {}
            Step::Separator => {
                if self.lexer.depth() == 1 {
                    self.separators.note(Offset::new(self.length.get()));
                }
                self.store(byte);
            }
            Step::Begin => self.begin(byte),
            Step::End => {
                self.store(byte);
                if !self.lexer.is_open() {
                    return self.frame();
                }
            }
            Step::EndBefore => return self.frame(),
            Step::Dropping | Step::Misfit => return self.recover(byte),
        }
        Signal::Nothing
    }

    /// Steps through bytes up to one that leads to a signal or is dropped, with a copy of the lexer (in registers, if
    /// there are many), and stores the frame's bytes a run at a time.
    ///
    /// At each turn of the loop, every byte of the run has gone through the lexer, belongs to the frame, and is not
    /// stored yet. A byte that does not belong to it ends the run, and the next run starts after that byte.
    fn step_slice(&mut self, bytes: &mut &[u8]) -> Signal {
        let mut lexer = self.lexer;
        let mut run = Run::new(bytes);
        let step = loop {
            let Some(byte) = run.next() else { break Step::Inside };
            let step = match lexer.step(byte) {
                opening @ (Step::Quote | Step::Plain) => {
                    run.skip_plain(opening);
                    let Some(mut byte) = run.next() else { break Step::Inside };
                    if !FLASH_IS_SHORT && byte != b'"' {
                        run.length = run.before;
                        run.skip(whole_from(run.bytes, run.length));
                        let Some(next) = run.next() else { break Step::Inside };
                        byte = next;
                    }
                    lexer.string(byte)
                }
                step => step,
            };
            match step {
                Step::Inside | Step::Quote | Step::Plain => {}
                Step::Digit => run.skip_digits(),
                Step::End if lexer.is_open() => {}
                Step::Begin => self.clear(),
                Step::Separator => {
                    if lexer.depth() == 1 {
                        self.separators.note(Offset::new(self.length.plus(run.before).get()));
                    }
                    if run.peek() == Some(b' ') {
                        self.store_run(run.bytes, run.length);
                        run.next();
                        run = Run::new(run.rest());
                    }
                }
                Step::Skip => {
                    // Where flash is short whitespace comes one by one: there is nothing to store before it.
                    if !FLASH_IS_SHORT || run.before > 0 {
                        self.store_run(run.bytes, run.before);
                    }
                    run = Run::new(run.rest());
                    if !FLASH_IS_SHORT && run.peek() == Some(b' ') && lexer.is_open() {
                        run = Run::new(after_ws(run.bytes));
                    }
                }
                step => break step,
            }
        };
        self.lexer = lexer;
        let length = if matches!(step, Step::Inside | Step::End) { run.length } else { run.before };
        self.store_run(run.bytes, length);
        *bytes = run.rest();
        match step {
            Step::End | Step::EndBefore => self.frame(),
            Step::Dropping | Step::Misfit => self.recover(run.bytes.get(length).copied().unwrap_or_default()),
            _ => Signal::Nothing,
        }
    }

    #[cold] // keeps it, and the errors of the lexer that it calls, out of the loops
    pub(super) fn recover(&mut self, byte: u8) -> Signal {
        if byte == SENTINEL {
            self.lexer = Lexer::new();
            return Signal::Sentinel;
        }
        let error = self.lexer.recover(byte).map(|error| self.outcome(error));
        if self.lexer.is_open() {
            self.begin(byte);
        }
        error.map_or(Signal::Nothing, Signal::Error)
    }

    /// A short run is copied as one piece of fixed size, where both slices are long enough.
    pub(super) fn store_run(&mut self, bytes: &[u8], run: usize) {
        const SHORT: usize = 32;
        let place = self.buffer.as_mut().get_mut(self.length.get()..).and_then(<[u8]>::first_chunk_mut::<SHORT>);
        match (bytes.first_chunk::<SHORT>(), place) {
            (Some(piece), Some(place)) if run <= SHORT => {
                copy(place, piece);
                self.grow(run);
            }
            _ => self.store_long(bytes.get(..run).unwrap_or_default()),
        }
    }

    /// As much of it as fits, as byte by byte.
    #[inline(never)] // the caller's loop wants all registers
    fn store_long(&mut self, run: &[u8]) {
        let room = self.buffer.as_mut().get_mut(self.length.get()..).unwrap_or_default();
        if run.len() > room.len() {
            self.room = Room::Exceeded;
        }
        let stored = run.len().min(room.len());
        room.iter_mut().zip(run).for_each(|(place, byte)| *place = *byte);
        self.grow(stored);
    }

    /// Counts bytes that have been stored. There are no more than `N`.
    fn grow(&mut self, stored: usize) {
        self.length = self.length.plus(stored);
    }

    fn clear(&mut self) {
        self.room = Room::Enough;
        self.separators.clear();
        self.length = Length::at_most(0);
    }

    fn begin(&mut self, byte: u8) {
        self.clear();
        self.store(byte);
    }

    pub(super) fn store(&mut self, byte: u8) {
        match self.buffer.as_mut().get_mut(self.length.get()) {
            Some(place) => {
                *place = byte;
                self.grow(1);
            }
            None => self.room = Room::Exceeded,
        }
    }

    fn frame(&self) -> Signal {
        match self.room {
            Room::Enough => Signal::Frame,
            Room::Exceeded => Signal::Error(FrameError::Overflow),
        }
    }
}

/// The first `length` bytes have been stepped through, and `before` of them before the last one.
struct Run<'a> {
    bytes: &'a [u8],
    before: usize,
    length: usize,
}

impl<'a> Run<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, before: 0, length: 0 }
    }

    #[inline(always)] // opt-level z would keep calls that are longer than it
    fn next(&mut self) -> Option<u8> {
        self.before = self.length;
        let byte = self.peek()?;
        self.skip(1);
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.length).copied()
    }

    fn skip(&mut self, count: usize) {
        self.length = Offset::new(self.length).plus(count).index();
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.length..).unwrap_or_default()
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.skip(1);
        }
    }

    /// After an escape the next one is mostly near: whole words pay from the fourth plain character on.
    #[inline(always)] // most strings are short
    fn skip_plain(&mut self, step: Step) {
        if step == Step::Plain {
            for _ in 0..4 {
                if !self.peek().is_some_and(is_plain) {
                    return;
                }
                self.skip(1);
            }
        }
        self.skip(plain_from(self.bytes, self.length));
    }
}

#[inline(never)] // the caller's loop wants all registers
fn after_ws(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        if !is_ws(*byte) {
            break;
        }
        rest = after;
    }
    rest
}

/// Through two registers: `*to = *from` would link memcpy on small targets.
fn copy(to: &mut [u8; 32], from: &[u8; 32]) {
    if let (Some(from), Some(to)) = (from.first_chunk(), to.first_chunk_mut()) {
        *to = u128::from_ne_bytes(*from).to_ne_bytes();
    }
    if let (Some(from), Some(to)) = (from.last_chunk(), to.last_chunk_mut()) {
        *to = u128::from_ne_bytes(*from).to_ne_bytes();
    }
}

#[cfg(feature = "defmt")]
impl<B: Buffer> defmt::Format for DecoderOver<B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let open = if self.is_receiving() { self.text() } else { b"" };
        defmt::write!(f, "Decoder {{ open: {=[u8]:a} }}", open);
    }
}
