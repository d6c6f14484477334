//! Base64 (RFC 4648 section 4), bytes to digits and back, without a buffer.

use core::error::Error;
use core::fmt;

use super::string::{Chars, Text};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The four digits of up to three bytes.
pub(crate) fn digits(group: &[u8]) -> [u8; 4] {
    let byte = |index: usize| group.get(index).copied().unwrap_or(0);
    let digit = |six: u8| DIGITS.get(usize::from(six & 0x3F)).copied().unwrap_or(b'=');
    let (first, second, third) = (byte(0), byte(1), byte(2));
    [
        digit(first >> 2),
        digit(first << 4 | second >> 4),
        if group.len() > 1 { digit(second << 2 | third >> 6) } else { b'=' },
        if group.len() > 2 { digit(third) } else { b'=' },
    ]
}

/// The value of a digit.
fn six_bits(digit: char) -> Option<u8> {
    let (first, value) = match digit {
        'A'..='Z' => ('A', 0),
        'a'..='z' => ('a', 26),
        '0'..='9' => ('0', 52),
        '+' => ('+', 62),
        '/' => ('/', 63),
        _ => return None,
    };
    (digit as u8).checked_sub(first as u8)?.checked_add(value)
}

/// Whether a text is nothing but groups of four digits, padded or not, with line feeds anywhere, as the reference agent's
/// decoder has it. That one also takes `=` for a digit anywhere, and drops an incomplete last group.
pub(crate) fn is_valid(text: Text<'_>) -> bool {
    let mut group = Group::Empty;
    text.chars().all(|digit| group.take(digit).is_ok()) && group == Group::Empty
}

/// The open group of four digits: how many there are, with the bits that no byte has yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Group {
    #[default]
    Empty,
    One(u8),
    Two(u8),
    Three(u8),
    /// Two digits and a padding character.
    Padded,
    Invalid,
}

impl Group {
    /// Takes a digit, and gives the byte that it completes.
    pub(super) fn take(&mut self, digit: char) -> Result<Option<u8>, NotBase64> {
        let value = six_bits(digit);
        let (group, byte) = match (*self, digit, value) {
            (group, '\n', _) => (group, None),
            (Self::Empty, _, Some(value)) => (Self::One(value), None),
            (Self::One(bits), _, Some(value)) => (Self::Two(value), Some(bits << 2 | value >> 4)),
            (Self::Two(bits), _, Some(value)) => (Self::Three(value), Some(bits << 4 | value >> 2)),
            (Self::Three(bits), _, Some(value)) => (Self::Empty, Some(bits << 6 | value)),
            (Self::Two(_), '=', _) => (Self::Padded, None),
            (Self::Three(_) | Self::Padded, '=', _) => (Self::Empty, None),
            _ => (Self::Invalid, None),
        };
        *self = group;
        if matches!(group, Self::Invalid) { Err(NotBase64) } else { Ok(byte) }
    }
}

/// What was received is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotBase64;

impl fmt::Display for NotBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Base64 data contains invalid characters")
    }
}

impl Error for NotBase64 {}

/// The bytes that a valid text encodes.
#[derive(Clone, Debug)]
pub(crate) struct Decoded<'a> {
    digits: Chars<'a>,
    group: Group,
}

impl<'a> Decoded<'a> {
    pub(crate) const fn new(text: Text<'a>) -> Self {
        Self { digits: text.chars(), group: Group::Empty }
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let Self { digits, group } = self;
        digits.find_map(|digit| group.take(digit).ok().flatten())
    }
}
