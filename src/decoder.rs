//! Tokens into a fixed buffer, frames out of it.

use core::fmt;

use crate::error::{FrameError, PollError};
use crate::lexer::{Lexer, Recovery, Step};
use crate::value::Value;

/// Cuts a byte stream into frames: pushes go in, at most one [`Event`] comes out of each byte.
///
/// `N` is the longest frame in bytes, whitespace between tokens not counted, and at most 65535. The decoder takes
/// `N` bytes and, on a 32-bit target, 32 more. The work of one [`push`](Self::push) does not depend on `N` or on what
/// came before.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let mut bytes: &[u8] = b"{\"stale\": \"half\xFF { \"execute\": \"guest-ping\" }\n";
/// assert_eq!(decoder.push_slice(&mut bytes), Ok(Some(Event::Sentinel)));
/// let Ok(Some(Event::Frame(frame))) = decoder.push_slice(&mut bytes) else { panic!("a frame was sent") };
/// assert_eq!(frame.as_bytes(), b"{\"execute\":\"guest-ping\"}");
/// ```
#[derive(Clone)]
pub struct Decoder<const N: usize> {
    parser: Parser<[u8; N]>,
}

/// What a decoder saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'a> {
    /// The sentinel: whatever was pending has been dropped.
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
/// if let Ok(Some(Event::Frame(frame))) = decoder.push_slice(&mut &b"[1, 2]"[..]) {
///     assert_eq!(frame.as_bytes(), b"[1,2]");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    text: &'a [u8],
    separators: &'a Separators,
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

    /// Where its members stand, if it is an object with few of them.
    pub(crate) const fn separators(&self) -> &'a Separators {
        self.separators
    }
}

/// Where the colons and commas between the first members of a frame stand. Seven hold four members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Separators {
    at: [u16; Self::MAX],
    count: u8,
}

impl Separators {
    const MAX: usize = 7;

    const fn new() -> Self {
        Self { at: [0; Self::MAX], count: 0 }
    }

    fn note(&mut self, at: u16) {
        match self.at.get_mut(usize::from(self.count)) {
            Some(next) => {
                *next = at;
                self.count = self.count.wrapping_add(1);
            }
            None => self.count = u8::MAX,
        }
    }

    /// The colons and commas in their order. `None`: there are more than were noted.
    pub(crate) fn all(&self) -> Option<&[u16]> {
        self.at.get(..usize::from(self.count))
    }
}

/// What a byte led to. It borrows nothing, so that a loop can hand it on; [`Decoder::event`] makes an event of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)] // so that nothing is 0, and an agent's memory starts as zeros
pub(crate) enum Signal {
    Nothing,
    Sentinel,
    Frame,
    Error(FrameError),
}

/// Whether the frame still fits. One that does not is lexed on to its end, or its tail would pass for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    Exceeded,
}

/// The decoder without its size, so that there is one copy of its code for all of them.
#[derive(Clone)]
struct Parser<B: ?Sized> {
    lexer: Lexer,
    room: Room,
    separators: Separators,
    length: u16,
    buffer: B,
}

/// What a decoder takes beside its `N` bytes, on the targets that it is made for.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Decoder<64>>() <= 64 + 32 && size_of::<Decoder<65535>>() <= 65535 + 33);

impl<const N: usize> Decoder<N> {
    /// An empty decoder. `N` from 1 to 65535, checked at compile time.
    pub const fn new() -> Self {
        const { assert!(N >= 1 && N <= u16::MAX as usize, "a Decoder holds 1 to 65535 bytes") };
        Self {
            parser: Parser {
                lexer: Lexer::new(),
                room: Room::Enough,
                separators: Separators::new(),
                length: 0,
                buffer: [0; N],
            },
        }
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// What became of a frame that cannot be delivered. The byte is taken all the same; just go on.
    pub fn push(&mut self, byte: u8) -> Result<Option<Event<'_>>, FrameError> {
        let signal = self.step(byte);
        self.event(signal)
    }

    /// Takes bytes from `read` until one of them leads to an event or an error, or there are none.
    ///
    /// `embedded_hal_nb::serial::Read` fits: `decoder.poll(|| uart.read())`. Every byte that `read` gives is taken.
    ///
    /// ```
    /// use guestwire::{Decoder, Event};
    ///
    /// let mut decoder: Decoder<64> = Decoder::new();
    /// let mut uart = b"{} ".iter();
    /// let mut read = || uart.next().copied().ok_or(nb::Error::<()>::WouldBlock);
    /// assert!(matches!(decoder.poll(&mut read), Ok(Event::Frame(_))));
    /// assert_eq!(decoder.poll(&mut read), Err(nb::Error::WouldBlock));
    /// ```
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] when `read` does, the port's error, or that of a frame: just go on after those.
    pub fn poll<E>(
        &mut self,
        mut read: impl FnMut() -> nb::Result<u8, E>,
    ) -> nb::Result<Event<'_>, PollError<FrameError, E>> {
        let signal = loop {
            match self.step(read().map_err(|error| error.map(PollError::Port))?) {
                Signal::Nothing => {}
                signal => break signal,
            }
        };
        match self.event(signal) {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(nb::Error::WouldBlock),
            Err(error) => Err(nb::Error::Other(PollError::Protocol(error))),
        }
    }

    /// Takes bytes until one of them leads to an event or an error, and moves the start of the slice past it.
    ///
    /// # Errors
    /// As [`push`](Self::push). Call again while bytes are left.
    pub fn push_slice(&mut self, bytes: &mut &[u8]) -> Result<Option<Event<'_>>, FrameError> {
        let signal = self.step_slice(bytes);
        self.event(signal)
    }

    /// For a port that was closed or opened: a new peer, a new decoder.
    pub fn reset(&mut self) {
        // Not `Self::new()`: N bytes would cross the stack. What is left in the buffer is dead without an open frame.
        self.parser.lexer = Lexer::new();
    }

    /// For bytes known to be missing (an overrun, a framing error, a break, a time-out in mid-frame).
    ///
    /// The next byte may stand in the middle of a request, so everything is dropped up to the sentinel or the next
    /// `}{`, as after a broken frame.
    ///
    /// # Errors
    /// [`FrameError::Lost`] if a frame was open.
    pub fn lost(&mut self) -> Result<(), FrameError> {
        let open = self.parser.lexer.is_open();
        self.parser.lexer.lost();
        if open { Err(FrameError::Lost) } else { Ok(()) }
    }

    pub(crate) fn step(&mut self, byte: u8) -> Signal {
        let parser: &mut Parser<[u8]> = &mut self.parser;
        parser.step(byte)
    }

    pub(crate) fn step_slice(&mut self, bytes: &mut &[u8]) -> Signal {
        let parser: &mut Parser<[u8]> = &mut self.parser;
        parser.step_slice(bytes)
    }

    /// Whether a frame has begun and neither ended nor broken.
    pub(crate) const fn is_open(&self) -> bool {
        self.parser.lexer.is_open()
    }

    /// Whether the last frame ended, so that the next byte may begin another.
    pub(crate) const fn is_between(&self) -> bool {
        self.parser.lexer.is_between()
    }

    /// The frame, or as much of it as has come and fits.
    pub(crate) fn text(&self) -> &[u8] {
        self.parser.buffer.get(..usize::from(self.parser.length)).unwrap_or_default()
    }

    /// The event that a signal stands for. That of a frame stays until the next byte is taken.
    pub(crate) fn event(&self, signal: Signal) -> Result<Option<Event<'_>>, FrameError> {
        match signal {
            Signal::Nothing => Ok(None),
            Signal::Sentinel => Ok(Some(Event::Sentinel)),
            Signal::Frame => Ok(Some(Event::Frame(Frame { text: self.text(), separators: &self.parser.separators }))),
            Signal::Error(error) => Err(error),
        }
    }
}

impl<const N: usize> Default for Decoder<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows what the decoder's behaviour depends on: its state, and the frame that is open.
impl<const N: usize> fmt::Debug for Decoder<N> {
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

impl Parser<[u8]> {
    #[inline]
    fn step(&mut self, byte: u8) -> Signal {
        match self.lexer.step(byte) {
            Step::Inside => self.store(byte),
            Step::Skip => {}
            Step::Separator => {
                self.separators.note(self.length);
                self.store(byte);
            }
            Step::Begin => self.begin(byte),
            Step::End => {
                self.store(byte);
                return self.frame();
            }
            Step::EndBefore => return self.frame(),
            Step::Misfit => return self.recover(byte),
        }
        Signal::Nothing
    }

    /// The same for each byte, with the lexer in registers, and the frame's bytes stored a run at a time.
    fn step_slice(&mut self, bytes: &mut &[u8]) -> Signal {
        let mut lexer = self.lexer;
        let mut rest = *bytes;
        // Of the rest, how many bytes are known to be the frame's, and not stored yet.
        let mut run = 0;
        let signal = loop {
            run = lexer.skip_run(rest, run);
            let Some((stored, &[byte, ref behind @ ..])) = rest.split_at_checked(run) else {
                self.store_run(rest);
                self.lexer = lexer;
                rest = &[];
                break Signal::Nothing;
            };
            match lexer.step(byte) {
                Step::Inside => run = run.wrapping_add(1),
                Step::Skip => {
                    self.store_run(stored);
                    (rest, run) = (behind, 0);
                }
                Step::Separator => {
                    self.separators.note(self.length.wrapping_add(run as u16));
                    run = run.wrapping_add(1);
                }
                Step::Begin => {
                    self.begin(byte);
                    (rest, run) = (behind, 0);
                }
                step => {
                    self.store_run(stored);
                    self.lexer = lexer;
                    rest = behind;
                    break match step {
                        Step::End => {
                            self.store(byte);
                            self.frame()
                        }
                        Step::EndBefore => self.frame(),
                        _ => self.recover(byte),
                    };
                }
            }
        };
        *bytes = rest;
        signal
    }

    #[cold]
    fn recover(&mut self, byte: u8) -> Signal {
        match self.lexer.recover(byte) {
            Recovery::Sentinel => Signal::Sentinel,
            Recovery::Broken(error) => self.broken(error),
            Recovery::BrokenBegin(error) => {
                let signal = self.broken(error);
                self.begin(byte);
                signal
            }
        }
    }

    fn store_run(&mut self, run: &[u8]) {
        let start = usize::from(self.length);
        match self.buffer.get_mut(start..start.wrapping_add(run.len())) {
            Some(place) => {
                place.iter_mut().zip(run).for_each(|(place, byte)| *place = *byte);
                self.length = self.length.wrapping_add(run.len() as u16);
            }
            None => self.room = Room::Exceeded,
        }
    }

    fn clear(&mut self) {
        self.room = Room::Enough;
        self.separators = Separators::new();
        self.length = 0;
    }

    fn begin(&mut self, byte: u8) {
        self.clear();
        self.store(byte);
    }

    fn store(&mut self, byte: u8) {
        match self.buffer.get_mut(usize::from(self.length)) {
            Some(place) => {
                *place = byte;
                self.length = self.length.wrapping_add(1);
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

    fn broken(&self, error: FrameError) -> Signal {
        match (self.room, error) {
            (Room::Exceeded, FrameError::Syntax | FrameError::TooDeep) => Signal::Error(FrameError::Overflow),
            _ => Signal::Error(error),
        }
    }
}
