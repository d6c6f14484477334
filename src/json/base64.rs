//! Base64 (RFC 4648 section 4), bytes to digits and back, without a buffer.

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
pub(super) fn six_bits(digit: char) -> Option<u8> {
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
/// decoder has it. That one takes any `=` for a digit, too, and leaves out a last group that is not whole.
pub(crate) fn is_valid(text: Text<'_>) -> bool {
    let (mut is_whole, mut is_padded) = (true, false);
    for (digit, place) in text.chars().filter(|digit| *digit != '\n').zip((0..4).cycle()) {
        match (digit, place) {
            ('=', 2..) => is_padded = true,
            ('=', _) => return false,
            (_, 3) if is_padded => return false,
            (digit, _) if six_bits(digit).is_some() => is_padded = false,
            _ => return false,
        }
        is_whole = place == 3;
    }
    is_whole
}

/// The bytes that a valid text encodes.
#[derive(Clone, Debug)]
pub(crate) struct Decoded<'a> {
    digits: Chars<'a>,
    bits: u16,
    /// How many of the bits are of no byte yet: 0, 2, 4 or 6.
    left: u8,
}

impl<'a> Decoded<'a> {
    pub(crate) const fn new(text: Text<'a>) -> Self {
        Self { digits: text.chars(), bits: 0, left: 0 }
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            match self.digits.next()? {
                '\n' => {}
                // What is left of the group is fewer than eight bits.
                '=' => self.left = 0,
                digit => {
                    self.bits = self.bits << 6 | u16::from(six_bits(digit)?);
                    self.left = match self.left {
                        0 => {
                            self.left = 6;
                            continue;
                        }
                        6 => 4,
                        4 => 2,
                        _ => 0,
                    };
                    return Some((self.bits >> self.left) as u8);
                }
            }
        }
    }
}
