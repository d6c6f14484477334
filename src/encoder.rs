//! JSON text into the caller's slice, in the reference agent's spelling.
//!
//! `", "` and `": "` separate, everything that is not printable ASCII is escaped, and each value is written whole or
//! not at all: a slice never holds half of one.

use core::fmt::{self, Write};

use crate::error::DoesNotFit;
use crate::lexer::SENTINEL;
use crate::value::Value;

/// Writes a message into a slice.
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

    /// Writes 0xFF.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the slice is full.
    pub fn sentinel(&mut self) -> Result<(), DoesNotFit> {
        self.output().put(&[SENTINEL])
    }

    /// Writes the LF that ends a message. Clients that read lines wait for it.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the slice is full.
    pub fn line_feed(&mut self) -> Result<(), DoesNotFit> {
        self.output().put(b"\n")
    }

    /// A value to be written.
    pub fn value(&mut self) -> ValueEncoder<'_> {
        ValueEncoder { output: self.output(), place: Place::Top }
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
#[derive(Debug)]
#[must_use = "nothing is written before a method says what"]
pub struct ValueEncoder<'e> {
    output: Output<'e>,
    place: Place<'e>,
}

#[derive(Debug)]
enum Place<'e> {
    Top,
    Element,
    Member(&'e str),
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl ValueEncoder<'_> {
    /// Writes `null`.
    pub fn null(self) -> Result<(), DoesNotFit> {
        self.write(|output| output.put(b"null"))
    }

    /// Writes `true` or `false`.
    pub fn boolean(self, value: bool) -> Result<(), DoesNotFit> {
        self.write(|output| output.put(if value { b"true" } else { b"false" }))
    }

    /// Writes a whole number.
    pub fn integer(self, value: i64) -> Result<(), DoesNotFit> {
        self.write(|output| {
            if value < 0 {
                output.put(b"-")?;
            }
            output.decimal(value.unsigned_abs())
        })
    }

    /// Writes a whole number that is not negative.
    pub fn unsigned(self, value: u64) -> Result<(), DoesNotFit> {
        self.write(|output| output.decimal(value))
    }

    /// Writes a string.
    pub fn string(self, value: &str) -> Result<(), DoesNotFit> {
        self.write(|output| output.string(|text| text.write_str(value)))
    }

    /// Writes what `value` prints as a string.
    pub fn display(self, value: impl fmt::Display) -> Result<(), DoesNotFit> {
        self.write(|output| output.string(|text| write!(text, "{value}")))
    }

    /// Writes a value of a frame as it was received.
    pub fn received(self, value: Value<'_>) -> Result<(), DoesNotFit> {
        self.write(|output| output.put(value.as_bytes()))
    }

    /// Writes an object with the members that the closure writes.
    pub fn object(
        self,
        members: impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), DoesNotFit> {
        self.write(|output| {
            output.put(b"{")?;
            members(&mut ObjectEncoder { output: output.reborrow() })?;
            output.put(b"}")
        })
    }

    /// Writes an array with the elements that the closure writes.
    pub fn array(
        self,
        elements: impl FnOnce(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), DoesNotFit> {
        self.write(|output| {
            output.put(b"[")?;
            elements(&mut ArrayEncoder { output: output.reborrow() })?;
            output.put(b"]")
        })
    }

    /// Writes a string in pieces.
    pub(crate) fn text(self, write: impl FnOnce(&mut TextEncoder<'_>) -> fmt::Result) -> Result<(), DoesNotFit> {
        self.write(|output| output.string(write))
    }

    /// Whole or not at all.
    fn write(mut self, value: impl FnOnce(&mut Output<'_>) -> Result<(), DoesNotFit>) -> Result<(), DoesNotFit> {
        let start = *self.output.length;
        let result = self.output.place(&self.place).and_then(|()| value(&mut self.output));
        if result.is_err() {
            *self.output.length = start;
        }
        result
    }
}

/// The members of an object being written. See [`Encoder`] for an example.
#[derive(Debug)]
pub struct ObjectEncoder<'e> {
    output: Output<'e>,
}

impl ObjectEncoder<'_> {
    /// The member of that name, to be written.
    pub fn member<'m>(&'m mut self, name: &'m str) -> ValueEncoder<'m> {
        ValueEncoder { output: self.output.reborrow(), place: Place::Member(name) }
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
struct Output<'e> {
    buffer: &'e mut [u8],
    length: &'e mut usize,
}

impl Output<'_> {
    fn reborrow(&mut self) -> Output<'_> {
        Output { buffer: self.buffer, length: self.length }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), DoesNotFit> {
        let end = self.length.saturating_add(bytes.len());
        self.buffer.get_mut(*self.length..end).ok_or(DoesNotFit)?.copy_from_slice(bytes);
        *self.length = end;
        Ok(())
    }

    /// What goes in front of a value. The first one of its container stands right behind the bracket.
    fn place(&mut self, place: &Place<'_>) -> Result<(), DoesNotFit> {
        let before = self.length.checked_sub(1).and_then(|last| self.buffer.get(last));
        if !matches!((place, before), (Place::Top, _) | (_, Some(b'{' | b'['))) {
            self.put(b", ")?;
        }
        match place {
            Place::Member(name) => {
                self.string(|text| text.write_str(name))?;
                self.put(b": ")
            }
            Place::Top | Place::Element => Ok(()),
        }
    }

    fn string(&mut self, text: impl FnOnce(&mut TextEncoder<'_>) -> fmt::Result) -> Result<(), DoesNotFit> {
        self.put(b"\"")?;
        text(&mut TextEncoder { output: self.reborrow() }).map_err(|fmt::Error| DoesNotFit)?;
        self.put(b"\"")
    }

    fn decimal(&mut self, value: u64) -> Result<(), DoesNotFit> {
        decimal(value, |digit| self.put(&[digit]))
    }
}

/// The digits of a number, most significant first.
///
/// By subtraction: a division of 64 bits costs a 32-bit target 900 bytes of flash, these powers 160.
pub(crate) fn decimal<E>(mut value: u64, mut digit: impl FnMut(u8) -> Result<(), E>) -> Result<(), E> {
    let mut leading = true;
    for (place, power) in POWERS_OF_TEN.iter().enumerate() {
        let mut count = b'0';
        while let Some(rest) = value.checked_sub(*power) {
            value = rest;
            count = count.wrapping_add(1);
        }
        leading &= count == b'0' && place.wrapping_add(1) < POWERS_OF_TEN.len();
        if !leading {
            digit(count)?;
        }
    }
    Ok(())
}

#[rustfmt::skip]
const POWERS_OF_TEN: [u64; 20] = [
    10_000_000_000_000_000_000,
    1_000_000_000_000_000_000,
    100_000_000_000_000_000,
    10_000_000_000_000_000,
    1_000_000_000_000_000,
    100_000_000_000_000,
    10_000_000_000_000,
    1_000_000_000_000,
    100_000_000_000,
    10_000_000_000,
    1_000_000_000,
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
    1,
];

/// The text of a string being written, between its quotes.
pub(crate) struct TextEncoder<'e> {
    output: Output<'e>,
}

impl Write for TextEncoder<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_plain = |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
        let mut rest = text;
        loop {
            let plain = rest.trim_start_matches(is_plain);
            let run = rest.len().saturating_sub(plain.len());
            self.output.put(rest.as_bytes().get(..run).unwrap_or_default()).map_err(|DoesNotFit| fmt::Error)?;
            let mut characters = plain.chars();
            match characters.next() {
                Some(character) => self.write_char(character)?,
                None => return Ok(()),
            }
            rest = characters.as_str();
        }
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
