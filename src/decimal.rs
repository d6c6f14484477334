//! Whole numbers as decimal digits.

use core::fmt::{self, Write};

/// Writes a number with its minus, if it has one.
pub(crate) fn write_signed(to: &mut impl Write, value: i64) -> fmt::Result {
    if value < 0 {
        to.write_char('-')?;
    }
    write(to, value.unsigned_abs())
}

/// Writes the digits of a number, most significant first.
///
/// By subtraction: a division of 64 bits costs a 32-bit target 900 bytes of flash, a table of all powers 160.
pub(crate) fn write(to: &mut impl Write, value: u64) -> fmt::Result {
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
    let mut number = 0_u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || number > u64::MAX / 10 {
            return None;
        }
        number = number.wrapping_mul(10).checked_add(digit.into())?;
    }
    Some(number)
}
