//! Whole numbers as decimal digits, and as other spellings of RFC 8259.

use core::fmt;
use core::num::Wrapping;

use super::string::WriteText;
use crate::offset::Offset;

/// Writes a number with its minus, if it has one.
pub(crate) fn write_signed(to: &mut impl WriteText, value: i64) -> fmt::Result {
    if value < 0 {
        to.write_char('-')?;
    }
    write(to, value.unsigned_abs())
}

/// Writes the digits of a number, most significant first.
///
/// By subtraction where registers have 32 bits: there a division of 64 costs 900 bytes of flash, a table of all powers
/// 160.
pub(crate) fn write(to: &mut impl WriteText, value: u64) -> fmt::Result {
    if cfg!(target_pointer_width = "64") { by_division(to, value) } else { by_subtraction(to, value) }
}

/// Two at a time.
fn by_division(to: &mut impl WriteText, value: u64) -> fmt::Result {
    let mut digits = [b'0'; 20];
    let mut start = Offset::end(&digits);
    let mut rest = value;
    for pair in digits.rchunks_exact_mut(2) {
        let two = (rest % 100) as u8;
        rest /= 100;
        if let [ten, one] = pair {
            *ten |= two / 10;
            *one |= two % 10;
        }
        start = start.minus(2);
        if rest == 0 {
            start = start.plus(usize::from(two < 10));
            break;
        }
    }
    to.write_digits(digits.get(start.index()..).unwrap_or_default())
}

fn by_subtraction(to: &mut impl WriteText, value: u64) -> fmt::Result {
    const FIRST: u64 = 10_000_000_000_000_000_000;
    const SECOND: u64 = FIRST / 10;
    let mut rest = value;
    let mut written = false;
    // Of 20 digits the first is 1.
    if let Some(less) = rest.checked_sub(FIRST) {
        to.write_char('1')?;
        (rest, written) = (less, true);
    }
    for left in (0..19).rev() {
        let (mut digit, mut part) = (0, 8 * SECOND);
        for _ in 0..4 {
            digit <<= 1;
            if let Some(less) = rest.checked_sub(part) {
                rest = less;
                digit |= 1;
            }
            part >>= 1;
        }
        written |= digit != 0 || left == 0;
        if written {
            to.write_char(char::from(b'0' | digit))?;
        }
        rest = rest.wrapping_mul(10);
    }
    Ok(())
}

/// *DIGIT, if it fits.
pub(crate) fn parse(digits: &[u8]) -> Option<u64> {
    const ALWAYS_FIT: usize = 19;
    if cfg!(target_pointer_width = "64") && digits.len() <= ALWAYS_FIT {
        let mut number = Wrapping(0_u64);
        for &byte in digits {
            number = number * Wrapping(10) + Wrapping(char::from(byte).to_digit(10)?.into());
        }
        return Some(number.0);
    }
    let mut number = 0_u64;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10)?;
        if number > u64::MAX / 10 {
            return None;
        }
        number = number.wrapping_mul(10).checked_add(digit.into())?;
    }
    Some(number)
}

/// A number with this magnitude, if it fits.
pub(crate) fn signed(is_negative: bool, magnitude: u64) -> Option<i64> {
    let limit = if is_negative { i64::MIN } else { i64::MAX };
    if magnitude > limit.unsigned_abs() {
        return None;
    }
    let value = magnitude.cast_signed();
    Some(if is_negative { value.wrapping_neg() } else { value })
}

/// The same for numbers from 0 on.
pub(crate) fn unsigned(is_negative: bool, magnitude: u64) -> Option<u64> {
    (!is_negative || magnitude == 0).then_some(magnitude)
}

/// A whole number in any spelling of RFC 8259, such as `1.5e+3`: whether it has a minus, and its magnitude.
pub(crate) fn whole(text: &[u8]) -> Option<(bool, u64)> {
    let (rest, is_negative) = match text {
        [b'-', rest @ ..] => (rest, true),
        rest => (rest, false),
    };
    // The exponent of 10 that the magnitude has still to be multiplied by.
    let (mut magnitude, mut power, mut in_fraction) = (0_u64, Wrapping(0_i64), false);
    let mut zeros = Wrapping(0_u32);
    let mut bytes = rest.iter();
    for &byte in bytes.by_ref() {
        match byte {
            b'0' => zeros += 1,
            b'1'..=b'9' => {
                magnitude =
                    scaled(magnitude, i64::from(zeros.0).checked_add(1)?)?.checked_add(u64::from(byte & 0xF))?;
                zeros.0 = 0;
            }
            b'.' => {
                in_fraction = true;
                continue;
            }
            b'e' | b'E' => break,
            _ => return None,
        }
        power -= i64::from(in_fraction);
    }
    if magnitude == 0 {
        return Some((is_negative, 0));
    }
    let exponent = core::str::from_utf8(bytes.as_slice()).ok()?;
    let exponent: i64 = if exponent.is_empty() { 0 } else { exponent.parse().ok()? };
    let power = power.0.checked_add(exponent)?.checked_add(zeros.0.into())?;
    Some((is_negative, scaled(magnitude, power)?))
}

/// Times a power of 10, if that is whole and fits.
fn scaled(magnitude: u64, power: i64) -> Option<u64> {
    if magnitude == 0 {
        return Some(0);
    }
    magnitude.checked_mul(10_u64.checked_pow(power.try_into().ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, read back.
    #[derive(Debug, Default, PartialEq)]
    struct Digits {
        value: u64,
        count: u32,
    }

    impl fmt::Write for Digits {
        fn write_str(&mut self, digits: &str) -> fmt::Result {
            digits.chars().try_for_each(|digit| self.write_char(digit))
        }

        fn write_char(&mut self, digit: char) -> fmt::Result {
            let digit = digit.to_digit(10).ok_or(fmt::Error)?;
            let value = self.value.checked_mul(10).and_then(|value| value.checked_add(digit.into()));
            self.value = value.ok_or(fmt::Error)?;
            self.count = self.count.checked_add(1).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    impl WriteText for Digits {}

    /// Of the two ways a target takes only one.
    #[test]
    fn both_ways_write_a_number_without_leading_zeros() {
        let powers = (0..20).filter_map(|exponent| 10_u64.checked_pow(exponent));
        let around = powers.flat_map(|power| [power.checked_sub(1), Some(power), power.checked_mul(9), Some(!power)]);
        for value in around.flatten().chain([u64::MAX]) {
            for way in [by_division, by_subtraction] {
                let mut digits = Digits::default();
                assert_eq!(way(&mut digits, value), Ok(()));
                assert_eq!(digits.value, value);
                assert_eq!(digits.count.checked_sub(1), Some(value.checked_ilog10().unwrap_or(0)));
            }
        }
    }
}
