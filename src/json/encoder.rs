//! JSON text into the caller's slice, in the reference agent's spelling.
//!
//! `", "` and `": "` separate, and everything that is not printable ASCII is escaped. A message is written whole or not at
//! all: overflow is a state, and nobody who ignores an error gets half of one.

use core::fmt::{self, Write};
use core::num::Wrapping;

use super::base64;
use super::number;
use super::string::{Chars, ESCAPES, Escapes, WriteText};
use super::value::Value;
use crate::error::DoesNotFit;
use crate::offset::Offset;
use crate::sentinel::SENTINEL;
use crate::target::FLASH_IS_SHORT;

/// Writes a message into a slice.
///
/// Once a value does not fit, the encoder writes nothing more and its output is empty, even if the error is ignored: an
/// encoder returns everything it was asked to write, or nothing.
///
/// ```
/// use guestwire::json::Encoder;
///
/// let mut buffer = [0; 64];
/// let mut encoder = Encoder::new(&mut buffer);
/// encoder.sentinel()?;
/// encoder.value().object(|request| {
///     request.member("execute").string("guest-sync")?;
///     request.member("arguments").object(|arguments| arguments.member("id").integer(7))
/// })?;
/// encoder.line_feed()?;
/// assert_eq!(encoder.as_bytes(), b"\xFF{\"execute\": \"guest-sync\", \"arguments\": {\"id\": 7}}\n");
/// # Ok::<(), guestwire::json::DoesNotFit>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Encoder<'b> {
    buffer: &'b mut [u8],
    written: Written,
}

/// What has come of a message so far.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Written {
    end: Offset,
    /// The first failure. From then on nothing counts as written.
    failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Failure {
    DoesNotFit,
    #[cfg(feature = "serde")]
    Refused(Refusal),
}

/// Why serde's traits lead to no JSON.
#[cfg(feature = "serde")]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Refusal {
    NotFinite,
    TooWide,
    Bytes,
    Name,
    Pairs,
    Type,
}

#[cfg(feature = "serde")]
impl Refusal {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NotFinite => "A number that is not finite has no form in JSON",
            Self::TooWide => "A number of more than 64 bits has no form here",
            Self::Bytes => "Bytes have no form in JSON",
            Self::Name => "A name in a JSON object must be a string",
            Self::Pairs => "A map's names and values do not come in pairs",
            Self::Type => "The value refuses to be serialized",
        }
    }
}

impl<'b> Encoder<'b> {
    /// An encoder that starts at the start of `buffer`.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, written: Written { end: Offset::START, failure: None } }
    }

    /// What has been written.
    pub fn as_bytes(&self) -> &[u8] {
        self.buffer.get(..self.length()).unwrap_or_default()
    }

    /// What has been written, for as long as the slice lives.
    pub fn into_bytes(self) -> &'b [u8] {
        self.buffer.get(..self.length()).unwrap_or_default()
    }

    /// Writes 0xFF.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the slice is full.
    pub fn sentinel(&mut self) -> Result<(), DoesNotFit> {
        self.value().finish(&[SENTINEL])
    }

    /// Writes the LF that ends a message. Clients that read lines wait for it.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the slice is full.
    pub fn line_feed(&mut self) -> Result<(), DoesNotFit> {
        self.value().finish(b"\n")
    }

    /// A value to be written. Nothing separates it from what is there: one message holds one.
    pub fn value(&mut self) -> ValueEncoder<'_> {
        let encoder = Encoder { buffer: self.buffer, written: self.written };
        ValueEncoder { encoder, whole: &mut self.written }
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// The whole slice, written or not.
    pub(crate) const fn buffer(&mut self) -> &mut [u8] {
        self.buffer
    }

    const fn length(&self) -> usize {
        match self.written.failure {
            None => self.written.end.index(),
            Some(_) => 0,
        }
    }

    /// From here on nothing counts as written. The first failure is kept.
    #[cold]
    pub(crate) fn fail(&mut self) {
        self.written.failure.get_or_insert(Failure::DoesNotFit);
    }

    /// The same, for something that has no form.
    #[cfg(feature = "serde")]
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        self.written.failure.get_or_insert(Failure::Refused(refusal));
    }

    /// The text of [`refusal`](Self::refusal). Without serde nothing is refused.
    pub(crate) fn refusal_text(&self) -> Option<&'static str> {
        #[cfg(feature = "serde")]
        return self.refusal().map(Refusal::text);
        #[cfg(not(feature = "serde"))]
        None
    }

    /// Why nothing counts as written, if it is not that something did not fit.
    #[cfg(feature = "serde")]
    pub(crate) const fn refusal(&self) -> Option<Refusal> {
        match self.written.failure {
            Some(Failure::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Writes bytes as they are, or fails.
    ///
    /// One by one where flash is short: a `memcpy` takes more of it than this module.
    #[cfg_attr(target_os = "none", inline(never))] // or each piece of a message has its own check for room
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if cfg!(target_pointer_width = "64") {
            let start = self.written.end;
            let end = start.plus(bytes.len());
            match self.buffer.get_mut(start.index()..end.index()) {
                Some(place) => {
                    place.copy_from_slice(bytes);
                    self.written.end = end;
                }
                None => self.fail(),
            }
        } else {
            bytes.iter().for_each(|byte| self.put_byte(*byte));
        }
    }

    /// The four digits of base64: their number is known here, which spares a call.
    fn put_group(&mut self, digits: [u8; 4]) {
        let start = self.written.end;
        match self.buffer.get_mut(start.index()..).and_then(<[u8]>::first_chunk_mut) {
            Some(place) => {
                *place = digits;
                self.written.end = start.plus(4);
            }
            None => self.fail(),
        }
    }

    fn put_byte(&mut self, byte: u8) {
        match self.buffer.get_mut(self.written.end.index()) {
            Some(place) => {
                *place = byte;
                self.written.end = self.written.end.plus(1);
            }
            None => self.fail(),
        }
    }

    /// Writes the printable ASCII that a text begins with, as far as there is room, and returns how much that is.
    fn put_printable(&mut self, text: &[u8]) -> usize {
        let start = self.written.end;
        let mut end = start;
        let mut rest = text;
        // A word is written as a whole; what follows its printable bytes does not count.
        while let (false, Some(word), Some(place)) =
            (FLASH_IS_SHORT, rest.first_chunk(), self.buffer.get_mut(end.index()..).and_then(<[u8]>::first_chunk_mut))
        {
            *place = *word;
            let count = printable_in(*word);
            end = end.plus(count);
            rest = rest.get(count..).unwrap_or_default();
            if count < word.len() {
                self.written.end = end;
                return end.minus(start.index()).index();
            }
        }
        let room = self.buffer.get_mut(end.index()..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(rest) {
            if !is_printable(u32::from(*byte)) {
                break;
            }
            *place = *byte;
            end = end.plus(1);
        }
        self.written.end = end;
        end.minus(start.index()).index()
    }

    /// Writes the text of a string, between quotes that have been or will be put.
    pub(crate) fn put_text(&mut self, text: &str) {
        self.text().write_chars(text.as_bytes(), Escapes::None);
    }

    /// The same for a text in pieces.
    pub(crate) const fn text(&mut self) -> TextEncoder<'_, 'b> {
        TextEncoder(self)
    }

    /// The next value of a container. The first directly follows the bracket.
    #[doc(hidden)] // the C library's, beside this module's
    pub fn element(&mut self) -> ValueEncoder<'_> {
        let is_first = matches!(self.written.end.minus(1).byte(self.buffer), Some(b'{' | b'['));
        let mut value = self.value();
        value.encoder.put(if is_first { b"" } else { b", " });
        value
    }

    #[doc(hidden)] // the C library's, beside this module's
    pub fn member(&mut self, name: &str) -> ValueEncoder<'_> {
        let mut value = self.element();
        value.encoder.put(b"\"");
        value.encoder.put_text(name);
        value.encoder.put(b"\": ");
        value
    }
}

/// One value to be written: each method writes it and what belongs in front of it (comma, name), or nothing.
///
/// Dropped without being written, it leaves no trace: there is no such member or element. A response without a value is
/// an error response. See [`Encoder`] for an example.
///
/// # Errors
/// Every method gives [`DoesNotFit`] if the value does not fit.
///
/// ```
/// use guestwire::json::{DoesNotFit, Encoder, ValueEncoder};
///
/// fn temperature(encoder: ValueEncoder<'_>, millidegrees: Option<i64>) -> Result<(), DoesNotFit> {
///     match millidegrees {
///         Some(millidegrees) => encoder.thousandths(millidegrees),
///         None => encoder.null(),
///     }
/// }
///
/// let mut buffer = [0; 16];
/// let mut encoder = Encoder::new(&mut buffer);
/// temperature(encoder.value(), Some(21_500))?;
/// assert_eq!(encoder.as_bytes(), b"21.500");
/// # Ok::<(), DoesNotFit>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "nothing is written before a method says what"]
pub struct ValueEncoder<'e> {
    /// Writes after what has been written.
    pub(crate) encoder: Encoder<'e>,
    /// Moves past the value once it is complete.
    whole: &'e mut Written,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'e> ValueEncoder<'e> {
    /// Writes `null`.
    pub fn null(self) -> Result<(), DoesNotFit> {
        self.finish(b"null")
    }

    /// Writes `true` or `false`.
    pub fn boolean(self, value: bool) -> Result<(), DoesNotFit> {
        self.finish(if value { b"true" } else { b"false" })
    }

    /// Writes a whole number.
    pub fn integer(mut self, value: i64) -> Result<(), DoesNotFit> {
        let _ = number::write_signed(&mut self.encoder.text(), value);
        self.finish(b"")
    }

    /// Writes a whole number that is not negative.
    pub fn unsigned(mut self, value: u64) -> Result<(), DoesNotFit> {
        let _ = number::write(&mut self.encoder.text(), value);
        self.finish(b"")
    }

    /// Writes so many thousandths, `-1.250` for -1250: a number with a fraction, without floating point.
    pub fn thousandths(mut self, value: i64) -> Result<(), DoesNotFit> {
        let magnitude = value.unsigned_abs();
        let (whole, fraction) = (magnitude / 1000, magnitude % 1000);
        self.encoder.put(if value < 0 { b"-" } else { b"" });
        let _ = number::write(&mut self.encoder.text(), whole);
        self.encoder.put(match fraction {
            0..10 => b".00",
            10..100 => b".0",
            _ => b".",
        });
        let _ = number::write(&mut self.encoder.text(), fraction);
        self.finish(b"")
    }

    /// Writes a string.
    pub fn string(mut self, value: &str) -> Result<(), DoesNotFit> {
        self.encoder.put(b"\"");
        self.encoder.put_text(value);
        self.finish(b"\"")
    }

    /// Writes what `value` prints as a string.
    pub fn display(self, value: impl fmt::Display) -> Result<(), DoesNotFit> {
        self.text(|text| write!(text, "{value}"))
    }

    /// Writes a string, which is whatever the closure writes.
    pub fn text(mut self, write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> Result<(), DoesNotFit> {
        self.encoder.put(b"\"");
        let written = write(&mut self.encoder.text());
        self.end(written.is_ok(), b"\"")
    }

    /// Writes a value of a frame as it was received.
    pub fn received(self, value: Value<'_>) -> Result<(), DoesNotFit> {
        self.finish(value.as_bytes())
    }

    /// Writes an object with the members that the closure writes.
    pub fn object(
        mut self,
        members: impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), DoesNotFit> {
        self.encoder.put(b"{");
        let mut object = ObjectEncoder { object: self };
        let written = members(&mut object);
        object.object.end(written.is_ok(), b"}")
    }

    /// Writes an array with the elements that the closure writes.
    pub fn array(
        mut self,
        elements: impl FnOnce(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), DoesNotFit> {
        self.encoder.put(b"[");
        let mut array = ArrayEncoder { array: self };
        let written = elements(&mut array);
        array.array.end(written.is_ok(), b"]")
    }

    /// Writes bytes as base64.
    pub(crate) fn base64(mut self, bytes: &[u8]) -> Result<(), DoesNotFit> {
        self.encoder.put(b"\"");
        bytes.chunks(3).for_each(|group| self.encoder.put_group(base64::digits(group)));
        self.finish(b"\"")
    }

    /// Writes as base64 the `count` bytes at `from`, further on in the same slice. Three of them make four, so they must
    /// start far enough ahead that the writing does not catch up with them.
    pub(crate) fn base64_of(mut self, from: Offset, count: usize) -> Result<(), DoesNotFit> {
        self.encoder.put(b"\"");
        let (mut at, end) = (from, from.plus(count));
        while at < end {
            let after = at.plus(3);
            let digits = base64::digits(at.until(after.min(end), self.encoder.buffer).unwrap_or_default());
            self.encoder.put_group(digits);
            at = after;
        }
        self.finish(b"\"")
    }

    /// Writes a number that prints as JSON.
    #[cfg(feature = "serde")]
    pub(crate) fn number(mut self, value: impl fmt::Debug) -> Result<(), DoesNotFit> {
        let written = write!(self.encoder.text(), "{value:?}");
        self.end(written.is_ok(), b"")
    }

    /// The same value, for another who may fail to write it.
    #[cfg(feature = "serde")]
    pub(crate) const fn reborrow(&mut self) -> ValueEncoder<'_> {
        let encoder = Encoder { buffer: self.encoder.buffer, written: self.encoder.written };
        ValueEncoder { encoder, whole: self.whole }
    }

    /// Writes nothing, and what is around it fails: with the refusal, if there is one.
    #[cfg(feature = "serde")]
    pub(crate) fn fail(mut self, refusal: Option<Refusal>) {
        self.encoder.written = *self.whole; // what failed inside has told why
        match refusal {
            Some(refusal) => self.encoder.refuse(refusal),
            None => self.encoder.fail(),
        }
        *self.whole = self.encoder.written;
    }

    /// Writes one byte of the value.
    pub(crate) fn put(&mut self, byte: u8) {
        self.encoder.put_byte(byte);
    }

    /// Ends a value of which all but the last has been written, or has failed to be.
    pub(crate) fn end(mut self, is_written: bool, last: &[u8]) -> Result<(), DoesNotFit> {
        if !is_written {
            self.encoder.fail();
        }
        self.finish(last)
    }

    /// Writes the last of the value, which is whole then. What is around it fails with it.
    #[doc(hidden)] // the C library's, beside this crate's
    pub fn finish(mut self, last: &[u8]) -> Result<(), DoesNotFit> {
        self.encoder.put(last);
        *self.whole = self.encoder.written;
        if self.encoder.written.failure.is_some() { Err(DoesNotFit) } else { Ok(()) }
    }
}

/// The members of an object being written. See [`Encoder`] for an example.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ObjectEncoder<'e> {
    object: ValueEncoder<'e>,
}

impl<'e> ObjectEncoder<'e> {
    /// For the C library, which writes an object in steps.
    #[doc(hidden)]
    pub const fn encoder(&mut self) -> &mut Encoder<'e> {
        &mut self.object.encoder
    }

    /// The member of that name, to be written.
    pub fn member(&mut self, name: &str) -> ValueEncoder<'_> {
        self.object.encoder.member(name)
    }

    /// Writes the members of an object of a frame as they were received; of another value, none.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    pub fn received(&mut self, object: Value<'_>) -> Result<(), DoesNotFit> {
        match object.as_bytes() {
            [b'{', members @ .., b'}'] if !members.is_empty() => self.object.encoder.element().finish(members),
            _ => Ok(()),
        }
    }
}

/// The elements of an array being written.
///
/// ```
/// use guestwire::json::Encoder;
///
/// let mut buffer = [0; 16];
/// let mut encoder = Encoder::new(&mut buffer);
/// encoder.value().array(|list| (1..4).try_for_each(|number| list.element().integer(number)))?;
/// assert_eq!(encoder.as_bytes(), b"[1, 2, 3]");
/// # Ok::<(), guestwire::json::DoesNotFit>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ArrayEncoder<'e> {
    array: ValueEncoder<'e>,
}

impl ArrayEncoder<'_> {
    /// The next element, to be written.
    pub fn element(&mut self) -> ValueEncoder<'_> {
        self.array.encoder.element()
    }
}

/// Whether a character is written without an escape.
const fn is_printable(code: u32) -> bool {
    matches!(code, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

/// How many bytes of a word are written without an escape, up to the first that is not.
fn printable_in(word: [u8; 8]) -> usize {
    const EACH: Wrapping<u64> = Wrapping(u64::MAX / 0xFF);
    let word = Wrapping(u64::from_le_bytes(word));
    let below = |limit: u64, word: Wrapping<u64>| word - EACH * Wrapping(limit);
    // What is less than a space, and the quote, are 0x20 and less once bit 1 is turned.
    let odd = word
        | below(0x21, word ^ (EACH << 1))
        | below(1, word ^ (EACH * Wrapping(b'\\' as u64)))
        | below(1, word ^ (EACH * Wrapping(0x7F)));
    (odd & (EACH << 7)).0.trailing_zeros() as usize / 8
}

/// The text of a string being written, between its quotes.
pub(crate) struct TextEncoder<'t, 'b>(&'t mut Encoder<'b>);

/// What does not fit shows when all is written.
impl Write for TextEncoder<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put_text(text);
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        self.write_code(u32::from(character));
        Ok(())
    }
}

impl WriteText for TextEncoder<'_, '_> {
    fn write_digits(&mut self, digits: &[u8]) -> fmt::Result {
        self.0.put(digits);
        Ok(())
    }

    fn write_text(&mut self, text: &[u8], escapes: Escapes) -> fmt::Result {
        self.write_chars(text, escapes);
        Ok(())
    }
}

impl TextEncoder<'_, '_> {
    fn write_chars(&mut self, text: &[u8], escapes: Escapes) {
        let mut chars = Chars::new(text, escapes);
        loop {
            // A run at once, where flash is not short.
            if cfg!(target_pointer_width = "64") {
                chars.pass(self.0.put_printable(chars.rest()));
            }
            if chars.is_empty() {
                return;
            }
            self.write_code(chars.code());
        }
    }

    fn write_code(&mut self, code: u32) {
        if is_printable(code) { self.0.put_byte(code as u8) } else { self.escape(code) }
    }

    fn escape(&mut self, code: u32) {
        let escape = match code {
            0x22 | 0x5C => code as u8,
            _ => match ESCAPES.get(0x08 ^ code as usize) {
                Some(escape) if *escape != 0 => *escape,
                _ => return self.utf16(code),
            },
        };
        self.0.put(&[b'\\', escape]);
    }

    /// `\uXXXX`, twice where the character takes a surrogate pair (RFC 8259 section 7).
    fn utf16(&mut self, code: u32) {
        match code.checked_sub(0x1_0000) {
            Some(beyond) => {
                self.unit(0xD800 | beyond >> 10);
                self.unit(0xDC00 | beyond & 0x3FF);
            }
            None => self.unit(code),
        }
    }

    fn unit(&mut self, unit: u32) {
        self.0.put(b"\\u");
        for shift in (0..16_u32).step_by(4).rev() {
            let digit = (unit >> shift & 0xF) as u8;
            let zero = if digit < 10 { b'0' } else { b'A' - 10 };
            self.0.put_byte(zero.wrapping_add(digit));
        }
    }
}
