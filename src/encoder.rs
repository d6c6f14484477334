//! JSON text into the caller's slice, in the reference agent's spelling.
//!
//! `", "` and `": "` separate, everything that is not printable ASCII is escaped, and each value is written whole or
//! not at all: a slice never holds half of one.

use core::fmt::{self, Write};

use crate::base64;
use crate::decimal;
use crate::error::DoesNotFit;
use crate::lexer::SENTINEL;
use crate::value::Value;

/// Writes a message into a slice.
///
/// Where a value does not fit, the earlier ones stay.
///
/// ```
/// use guestwire::Encoder;
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
/// # Ok::<(), guestwire::DoesNotFit>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Encoder<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> Encoder<'b> {
    /// An encoder that starts at the start of `buffer`.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// What has been written.
    pub fn as_bytes(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// What has been written, for as long as the slice lives.
    pub fn into_bytes(self) -> &'b [u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// Writes 0xFF.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the slice is full.
    pub fn sentinel(&mut self) -> Result<(), DoesNotFit> {
        self.put(&[SENTINEL])
    }

    /// Writes the LF that ends a message. Clients that read lines wait for it.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the slice is full.
    pub fn line_feed(&mut self) -> Result<(), DoesNotFit> {
        self.put(b"\n")
    }

    /// A value to be written.
    pub fn value(&mut self) -> ValueEncoder<'_> {
        ValueEncoder { output: self.output(), place: Place::Top }
    }

    /// Writes bytes as they are.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), DoesNotFit> {
        self.output().put(bytes)
    }

    /// The text of a string, between quotes that have been or will be put.
    pub(crate) fn text(&mut self) -> TextEncoder<'_> {
        TextEncoder { output: self.output() }
    }

    fn output(&mut self) -> Output<'_> {
        Output { buffer: self.buffer, length: &mut self.length }
    }
}

/// One value to be written: each method writes it and what belongs in front of it (comma, name), or nothing.
///
/// Dropped without being written, it leaves no trace. See [`Encoder`] for an example.
///
/// # Errors
/// Every method gives [`DoesNotFit`] if the value does not fit.
///
/// ```
/// use guestwire::{DoesNotFit, Encoder, ValueEncoder};
///
/// fn temperature(place: ValueEncoder<'_>, millidegrees: Option<i64>) -> Result<(), DoesNotFit> {
///     match millidegrees {
///         Some(millidegrees) => place.thousandths(millidegrees),
///         None => place.null(),
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
    output: Output<'e>,
    place: Place<'e>,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Place<'e> {
    Top,
    Element,
    Member(&'e str),
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl ValueEncoder<'_> {
    /// Writes `null`.
    pub fn null(self) -> Result<(), DoesNotFit> {
        self.json(b"null")
    }

    /// Writes `true` or `false`.
    pub fn boolean(self, value: bool) -> Result<(), DoesNotFit> {
        self.json(if value { b"true" } else { b"false" })
    }

    /// Writes a whole number.
    pub fn integer(self, value: i64) -> Result<(), DoesNotFit> {
        self.in_pieces(b"", |text| decimal::write_signed(text, value), b"")
    }

    /// Writes a whole number that is not negative.
    pub fn unsigned(self, value: u64) -> Result<(), DoesNotFit> {
        self.in_pieces(b"", |text| decimal::write(text, value), b"")
    }

    /// Writes so many thousandths, `-1.250` for -1250: a number with a fraction, without floating point.
    pub fn thousandths(self, value: i64) -> Result<(), DoesNotFit> {
        let magnitude = value.unsigned_abs();
        let (whole, fraction) = (magnitude / 1000, magnitude % 1000);
        self.in_pieces(
            if value < 0 { b"-" } else { b"" },
            |text| {
                decimal::write(text, whole)?;
                text.write_str(match fraction {
                    0..10 => ".00",
                    10..100 => ".0",
                    _ => ".",
                })?;
                decimal::write(text, fraction)
            },
            b"",
        )
    }

    /// Writes a string.
    pub fn string(self, value: &str) -> Result<(), DoesNotFit> {
        self.in_pieces(b"\"", |text| text.write_str(value), b"\"")
    }

    /// Writes what `value` prints as a string.
    pub fn display(self, value: impl fmt::Display) -> Result<(), DoesNotFit> {
        self.in_pieces(b"\"", |text| write!(text, "{value}"), b"\"")
    }

    /// Writes a string, which is whatever the closure writes.
    pub fn text(self, write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> Result<(), DoesNotFit> {
        self.in_pieces(b"\"", |text| write(text), b"\"")
    }

    /// Writes a value of a frame as it was received.
    pub fn received(self, value: Value<'_>) -> Result<(), DoesNotFit> {
        self.json(value.as_bytes())
    }

    /// Writes an object with the members that the closure writes.
    pub fn object(
        mut self,
        members: impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), DoesNotFit> {
        let start = *self.output.length;
        let written = self.open(b"{").and_then(|()| members(&mut ObjectEncoder { output: self.output.reborrow() }));
        self.close(start, written, b"}")
    }

    /// Writes an array with the elements that the closure writes.
    pub fn array(
        mut self,
        elements: impl FnOnce(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), DoesNotFit> {
        let start = *self.output.length;
        let written = self.open(b"[").and_then(|()| elements(&mut ArrayEncoder { output: self.output.reborrow() }));
        self.close(start, written, b"]")
    }

    /// Writes as base64 the `count` bytes at `from`, further on in the same slice. Three of them make four, so they must
    /// start so far behind that what is written does not catch up.
    pub(crate) fn base64_of(mut self, from: usize, count: usize) -> Result<(), DoesNotFit> {
        let start = *self.output.length;
        let written = self.open(b"\"").and_then(|()| {
            let end = from.saturating_add(count);
            (from..end).step_by(3).try_for_each(|at| {
                let group = self.output.buffer.get(at..end.min(at.saturating_add(3))).unwrap_or_default();
                let digits = base64::digits(group);
                self.output.put(&digits)
            })
        });
        self.close(start, written, b"\"")
    }

    /// Writes a number that prints as JSON.
    #[cfg(feature = "serde")]
    pub(crate) fn number(self, value: impl fmt::Debug) -> Result<(), DoesNotFit> {
        self.in_pieces(b"", |text| write!(text, "{value:?}"), b"")
    }

    /// Writes the start of a value, which whoever asks for it ends.
    #[cfg(feature = "serde")]
    pub(crate) fn raw(mut self, text: &[u8]) -> Result<(), DoesNotFit> {
        self.open(text)
    }

    fn json(mut self, text: &[u8]) -> Result<(), DoesNotFit> {
        let start = *self.output.length;
        let written = self.open(text);
        self.close(start, written, b"")
    }

    fn in_pieces(
        mut self,
        first: &[u8],
        write: impl FnOnce(&mut TextEncoder<'_>) -> fmt::Result,
        last: &[u8],
    ) -> Result<(), DoesNotFit> {
        let start = *self.output.length;
        let written = self
            .open(first)
            .and_then(|()| write(&mut TextEncoder { output: self.output.reborrow() }).map_err(|fmt::Error| DoesNotFit));
        self.close(start, written, last)
    }

    /// What goes in front of the value, and its first bytes.
    fn open(&mut self, text: &[u8]) -> Result<(), DoesNotFit> {
        self.output.place(self.place)?;
        self.output.put(text)
    }

    /// Its last bytes; or, where it did not fit, nothing of it.
    fn close(mut self, start: usize, written: Result<(), DoesNotFit>, text: &[u8]) -> Result<(), DoesNotFit> {
        let written = written.and_then(|()| self.output.put(text));
        if written.is_err() {
            *self.output.length = start;
        }
        written
    }
}

/// An array or an object that is begun and ended by separate calls, as serde wants it. Dropped, it stays half written.
#[cfg(feature = "serde")]
pub(crate) struct ContainerEncoder<'e> {
    output: Output<'e>,
    close: &'static [u8],
}

#[cfg(feature = "serde")]
impl<'e> ContainerEncoder<'e> {
    pub(crate) fn begin(mut place: ValueEncoder<'e>, open: &[u8], close: &'static [u8]) -> Result<Self, DoesNotFit> {
        place.open(open)?;
        Ok(Self { output: place.output, close })
    }

    pub(crate) fn element(&mut self) -> ValueEncoder<'_> {
        ValueEncoder { output: self.output.reborrow(), place: Place::Element }
    }

    pub(crate) fn member<'m>(&'m mut self, name: &'m str) -> ValueEncoder<'m> {
        ValueEncoder { output: self.output.reborrow(), place: Place::Member(name) }
    }

    /// Writes a member's name, which is whatever `write` writes, and tells whether that is a string.
    pub(crate) fn name<E: From<DoesNotFit>>(
        &mut self,
        write: impl FnOnce(ValueEncoder<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.output.place(Place::Element)?;
        let start = *self.output.length;
        write(self.value())?;
        let is_string = self.output.buffer.get(start) == Some(&b'"');
        self.output.put(b": ")?;
        Ok(is_string)
    }

    /// The value behind a name.
    pub(crate) fn value(&mut self) -> ValueEncoder<'_> {
        ValueEncoder { output: self.output.reborrow(), place: Place::Top }
    }

    pub(crate) fn end(mut self) -> Result<(), DoesNotFit> {
        self.output.put(self.close)
    }
}

/// The members of an object being written. See [`Encoder`] for an example.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ObjectEncoder<'e> {
    output: Output<'e>,
}

impl ObjectEncoder<'_> {
    /// The member of that name, to be written.
    pub fn member<'m>(&'m mut self, name: &'m str) -> ValueEncoder<'m> {
        ValueEncoder { output: self.output.reborrow(), place: Place::Member(name) }
    }

    /// Writes the members of an object of a frame as they were received; of another value, none.
    ///
    /// # Errors
    /// [`DoesNotFit`]; none of them is written then.
    pub fn received(&mut self, object: Value<'_>) -> Result<(), DoesNotFit> {
        match object.as_bytes() {
            [b'{', members @ .., b'}'] if !members.is_empty() => {
                ValueEncoder { output: self.output.reborrow(), place: Place::Element }.json(members)
            }
            _ => Ok(()),
        }
    }
}

/// The elements of an array being written.
///
/// ```
/// use guestwire::Encoder;
///
/// let mut buffer = [0; 16];
/// let mut encoder = Encoder::new(&mut buffer);
/// encoder.value().array(|list| (1..4).try_for_each(|number| list.element().integer(number)))?;
/// assert_eq!(encoder.as_bytes(), b"[1, 2, 3]");
/// # Ok::<(), guestwire::DoesNotFit>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ArrayEncoder<'e> {
    output: Output<'e>,
}

impl ArrayEncoder<'_> {
    /// The next element, to be written.
    pub fn element(&mut self) -> ValueEncoder<'_> {
        ValueEncoder { output: self.output.reborrow(), place: Place::Element }
    }
}

/// The slice and how much of it is written.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Output<'e> {
    buffer: &'e mut [u8],
    length: &'e mut usize,
}

impl Output<'_> {
    fn reborrow(&mut self) -> Output<'_> {
        Output { buffer: self.buffer, length: self.length }
    }

    /// All of them or none. One by one, for a `memcpy` costs firmware more flash than all of this room.
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) -> Result<(), DoesNotFit> {
        let mut end = *self.length;
        for byte in bytes {
            *self.buffer.get_mut(end).ok_or(DoesNotFit)? = *byte;
            end = end.wrapping_add(1);
        }
        *self.length = end;
        Ok(())
    }

    /// What goes in front of a value. The first one of its container stands right behind the bracket.
    fn place(&mut self, place: Place<'_>) -> Result<(), DoesNotFit> {
        let before = self.length.checked_sub(1).and_then(|last| self.buffer.get(last));
        if !matches!((place, before), (Place::Top, _) | (_, Some(b'{' | b'['))) {
            self.put(b", ")?;
        }
        match place {
            Place::Member(name) => {
                self.put(b"\"")?;
                self.text(name)?;
                self.put(b"\": ")
            }
            Place::Top | Place::Element => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), DoesNotFit> {
        TextEncoder { output: self.reborrow() }.write_str(text).map_err(|fmt::Error| DoesNotFit)
    }
}

/// The text of a string being written, between its quotes.
pub(crate) struct TextEncoder<'e> {
    output: Output<'e>,
}

impl Write for TextEncoder<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| self.write_char(character))
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        let escape: &[u8] = match character {
            '"' => b"\\\"",
            '\\' => b"\\\\",
            '\u{8}' => b"\\b",
            '\u{C}' => b"\\f",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '\t' => b"\\t",
            ' '..='~' => &[character as u8],
            _ => return self.utf16(character),
        };
        self.output.put(escape).map_err(|DoesNotFit| fmt::Error)
    }
}

impl TextEncoder<'_> {
    /// `\uXXXX`, twice where the character takes a surrogate pair.
    fn utf16(&mut self, character: char) -> fmt::Result {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let digit = |shift: u32| {
                let nibble = (*unit >> shift & 0xF) as u8;
                if nibble < 10 { b'0' | nibble } else { b'A'.wrapping_add(nibble).wrapping_sub(10) }
            };
            let escape = [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)];
            self.output.put(&escape).map_err(|DoesNotFit| fmt::Error)?;
        }
        Ok(())
    }
}
