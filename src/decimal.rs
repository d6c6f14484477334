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
/// By subtraction: a division of 64 bits costs a 32-bit target 900 bytes of flash, these powers 160.
pub(crate) fn write(to: &mut impl Write, value: u64) -> fmt::Result {
    let mut rest = value;
    for power in POWERS_OF_TEN {
        let mut digit = b'0';
        while let Some(less) = rest.checked_sub(*power) {
            rest = less;
            digit = digit.wrapping_add(1);
        }
        if value >= *power || *power == 1 {
            to.write_char(char::from(digit))?;
        }
    }
    Ok(())
}

#[rustfmt::skip]
const POWERS_OF_TEN: &[u64] = &[
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

/// *DIGIT, if it fits.
pub(crate) fn parse(digits: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}
