//! The types that members have.

use core::fmt::{self, Write};
use core::marker::PhantomData;
use core::num::Saturating;

use super::schema::{Encode, Parse};
use crate::agent::CommandError;
use crate::error::DoesNotFit;
use crate::json::NotBase64;
use crate::json::base64::{self, Decoded};
use crate::json::encoder::{ArrayEncoder, ObjectEncoder, ValueEncoder};
use crate::json::string::Text;
use crate::json::value::Kind;
use crate::message::{Argument, ArgumentError};

/// A string: a `str`, one that was received, or one that a closure writes.
///
/// ```
/// use guestwire::commands::Str;
///
/// let plain: Str<'_> = "toaster".into();
/// let written: Str<'_> = (&|text: &mut dyn core::fmt::Write| write!(text, "toast{}", "er")).into();
/// assert!(plain == "toaster" && written == "toaster");
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Str<'a> {
    /// A `str`.
    Plain(&'a str),
    /// One that was received.
    Received(Text<'a>),
    /// One that the closure writes.
    Written(&'a (dyn Fn(&mut dyn Write) -> fmt::Result + Sync)),
}

impl<'a> Str<'a> {
    /// The string itself, if it is in one piece and was received without escapes. Takes time in its length.
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Plain(plain) => Some(plain),
            Self::Received(text) => text.as_str(),
            Self::Written(_) => None,
        }
    }

    fn write_to(&self, to: &mut dyn Write) -> fmt::Result {
        match self {
            Self::Plain(plain) => to.write_str(plain),
            Self::Received(text) => text.chars().try_for_each(|character| to.write_char(character)),
            Self::Written(write) => write(to),
        }
    }
}

/// Empty.
impl Default for Str<'_> {
    fn default() -> Self {
        Self::Plain("")
    }
}

impl<'a> From<&'a str> for Str<'a> {
    fn from(plain: &'a str) -> Self {
        Self::Plain(plain)
    }
}

impl<'a> From<Text<'a>> for Str<'a> {
    fn from(text: Text<'a>) -> Self {
        Self::Received(text)
    }
}

impl<'a, F: Fn(&mut dyn Write) -> fmt::Result + Sync> From<&'a F> for Str<'a> {
    fn from(write: &'a F) -> Self {
        Self::Written(write)
    }
}

impl PartialEq<str> for Str<'_> {
    fn eq(&self, other: &str) -> bool {
        let mut rest = Rest(other);
        self.write_to(&mut rest).is_ok() && rest.0.is_empty()
    }
}

impl PartialEq<&str> for Str<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// What is left of a string after what was written.
struct Rest<'s>(&'s str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

impl fmt::Display for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.write_to(&mut Escaped(f))?;
        f.write_char('"')
    }
}

/// Escapes what is written, as `Debug` does.
struct Escaped<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.escape_debug().try_for_each(|character| self.0.write_char(character))
    }
}

impl Encode for Str<'_> {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        encoder.text(|text| self.write_to(text))
    }
}

impl<'a> Parse<'a> for Str<'a> {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        argument.string().map(Self::Received)
    }
}

/// An array: one that was received, or one that a closure writes, element by element.
#[derive(Clone, Copy)]
pub struct List<'a, T> {
    source: Source<'a>,
    element: PhantomData<T>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Received(Argument<'a>),
    Written(&'a (dyn Fn(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit> + Sync)),
}

impl<'a, T> List<'a, T> {
    /// The list whose elements the closure writes. It should write elements of `T`.
    ///
    /// A closure that borrows must outlive the list: write it in the expression that uses the list, or bind it first.
    pub const fn of(write: &'a (dyn Fn(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit> + Sync)) -> Self {
        Self { source: Source::Written(write), element: PhantomData }
    }
}

/// Empty.
impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self::of(&|_| Ok(()))
    }
}

impl<'a, T: Parse<'a>> List<'a, T> {
    /// The elements that were received. A list that a closure writes has none.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let elements = match self.source {
            Source::Received(array) => array.array().ok(),
            Source::Written(_) => None,
        };
        elements.into_iter().flatten().filter_map(|element| T::parse(element).ok())
    }
}

impl<T> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::Received(array) => array.value().fmt(f),
            Source::Written(_) => f.write_str("[..]"),
        }
    }
}

impl<T> Encode for List<'_, T> {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        match self.source {
            Source::Received(array) => encoder.received(array.value()),
            Source::Written(write) => encoder.array(write),
        }
    }
}

impl<'a, T: Parse<'a>> Parse<'a> for List<'a, T> {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        argument.array()?.try_for_each(|element| T::parse(element).map(|_| ()))?;
        Ok(Self { source: Source::Received(argument), element: PhantomData })
    }
}

/// Bytes, base64 on the wire: a slice, or what was received.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Bytes<'a> {
    /// A slice.
    Plain(&'a [u8]),
    /// Base64 that was received.
    Received(Text<'a>),
}

impl<'a> Bytes<'a> {
    /// The bytes, one by one: no buffer is needed.
    ///
    /// # Errors
    /// [`NotBase64`] if what was received is not groups of four digits, where need be padded (RFC 4648), with line feeds
    /// anywhere.
    pub fn decoded(&self) -> Result<impl Iterator<Item = u8> + Clone + use<'a>, NotBase64> {
        let (plain, received): (&[u8], Text<'_>) = match *self {
            Self::Plain(bytes) => (bytes, Text::new(b"")),
            Self::Received(text) if base64::is_valid(text) => (&[], text),
            Self::Received(_) => return Err(NotBase64),
        };
        Ok(plain.iter().copied().chain(Decoded::new(received)))
    }
}

/// None.
impl Default for Bytes<'_> {
    fn default() -> Self {
        Self::Plain(&[])
    }
}

impl From<NotBase64> for CommandError {
    fn from(_: NotBase64) -> Self {
        Self::Failed("Base64 data contains invalid characters")
    }
}

impl Encode for Bytes<'_> {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        match self {
            Self::Plain(bytes) => encoder.base64(bytes),
            Self::Received(received) => {
                encoder.text(|text| received.chars().try_for_each(|digit| text.write_char(digit)))
            }
        }
    }
}

impl<'a> Parse<'a> for Bytes<'a> {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        argument.string().map(Self::Received)
    }
}

/// So many thousandths: a number with a fraction, without floating point. Digits beyond the third decimal are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Thousandths(pub i64);

impl Encode for Thousandths {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        encoder.thousandths(self.0)
    }
}

impl<'a> Parse<'a> for Thousandths {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        if argument.value().kind() != Kind::Number {
            return Err(argument.type_error("number"));
        }
        thousandths(argument.value().as_bytes()).map(Self).ok_or(argument.type_error("number"))
    }
}

/// A number of RFC 8259, times 1000. `None` if that does not fit.
fn thousandths(text: &[u8]) -> Option<i64> {
    let (magnitude, is_negative) = match text.strip_prefix(b"-") {
        Some(magnitude) => (magnitude, true),
        None => (text, false),
    };
    let (mut digits, mut power, mut in_fraction) = (0_u64, Saturating(3_i64), false);
    let mut bytes = magnitude.iter();
    for byte in bytes.by_ref() {
        let digit = match byte {
            b'.' => {
                in_fraction = true;
                continue;
            }
            b'0'..=b'9' => u64::from(byte & 0xF),
            _ => break, // the exponent
        };
        // After a digit that does not fit it makes no difference whether one is counted: either each is less than a
        // thousandth, or the number is too large anyway.
        match digits.checked_mul(10).and_then(|digits| digits.checked_add(digit)) {
            Some(more) => {
                digits = more;
                power -= i64::from(in_fraction);
            }
            None => power += i64::from(!in_fraction),
        }
    }
    let exponent = core::str::from_utf8(bytes.as_slice()).ok()?;
    if !exponent.is_empty() {
        let most = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
        power += exponent.parse::<i64>().unwrap_or(most);
    }
    while power.0 > 0 && digits != 0 {
        digits = digits.checked_mul(10)?;
        power -= 1;
    }
    while power.0 < 0 && digits != 0 {
        digits /= 10;
        power += 1;
    }
    if is_negative { 0_i64.checked_sub_unsigned(digits) } else { digits.try_into().ok() }
}

/// What a command returns that has nothing to say: `{}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Done;

impl Encode for Done {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        encoder.object(|_| Ok(()))
    }
}

impl<'a> Parse<'a> for Done {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        argument.object(|_| Ok(Self))
    }
}

/// An optional member.
impl<T: Encode> Encode for Option<T> {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        match self {
            Some(value) => value.encode(encoder),
            None => encoder.null(),
        }
    }

    fn encode_member(self, name: &str, object: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit> {
        self.map_or(Ok(()), |value| value.encode_member(name, object))
    }
}

impl<'a, T: Parse<'a>> Parse<'a> for Option<T> {
    const ABSENT: Option<Self> = Some(None);

    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        if argument.is_absent() { Ok(None) } else { T::parse(argument).map(Some) }
    }
}

macro_rules! scalars {
    ($($type:ty: $method:ident, $read:ident;)*) => {$(
        impl Encode for $type {
            fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
                encoder.$method(self)
            }
        }

        impl<'a> Parse<'a> for $type {
            fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
                argument.$read()
            }
        }
    )*};
}

scalars! {
    bool: boolean, boolean;
    i64: integer, whole;
    u64: unsigned, whole_unsigned;
}

impl Encode for u16 {
    fn encode(self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        encoder.unsigned(self.into())
    }
}

impl<'a> Parse<'a> for u16 {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        argument.whole_unsigned()?.try_into().map_err(|_| argument.range_error("uint16"))
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Str<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", defmt::Display2Format(self));
    }
}

#[cfg(feature = "defmt")]
impl<T> defmt::Format for List<'_, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", defmt::Debug2Format(self));
    }
}
