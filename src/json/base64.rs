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
    let value = match digit {
        'A'..='Z' => digit as u32 & 0x1F,
        'a'..='z' => (digit as u32 & 0x1F).wrapping_add(26),
        '0'..='9' => (digit as u32 & 0x0F).wrapping_add(52),
        '+' => 62,
        '/' => 63,
        _ => return None,
    };
    Some(match digit {
        'A'..='z' => value.wrapping_sub(1) as u8,
        _ => value as u8,
    })
}

/// Whether a text is nothing but groups of four digits, padded or not, with line feeds anywhere, as the reference agent's
/// decoder has it. That one takes any `=` for a digit, too, and leaves out a last group that is not whole.
pub(crate) fn is_valid(text: Text<'_>) -> bool {
    let (mut length, mut is_padded) = (0_usize, false);
    for digit in text.chars().filter(|digit| *digit != '\n') {
        match (digit, length & 3) {
            ('=', 2..) => is_padded = true,
            ('=', _) => return false,
            (_, 3) if is_padded => return false,
            (digit, _) if six_bits(digit).is_some() => is_padded = false,
            _ => return false,
        }
        length = length.wrapping_add(1);
    }
    length & 3 == 0
}

/// The bytes that a valid text encodes.
#[derive(Clone, Debug)]
pub(crate) struct Decoded<'a> {
    digits: Chars<'a>,
    bits: u16,
    count: u8,
}

impl<'a> Decoded<'a> {
    pub(crate) const fn new(text: Text<'a>) -> Self {
        Self { digits: text.chars(), bits: 0, count: 0 }
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.count < 8 {
            match (self.digits.next()?, &mut self.count) {
                ('\n', _) => {}
                // What is left of a group is fewer than eight bits.
                ('=', count) => *count = 0,
                (digit, count) => {
                    self.bits = self.bits << 6 | u16::from(six_bits(digit)?);
                    *count = count.wrapping_add(6);
                }
            }
        }
        self.count = self.count.wrapping_sub(8);
        Some((self.bits >> self.count) as u8)
    }
}
