//! Values of a fixed capacity, which outlive the frame that they were read from.

use heapless::{String, Vec};

use super::schema::Parse;
use super::values::Bytes;
use crate::message::{Argument, ArgumentError};

/// A string of at most `N` bytes, escapes resolved.
impl<'a, const N: usize> Parse<'a> for String<N> {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        let mut string = Self::new();
        for character in argument.string()?.chars() {
            string.push(character).map_err(|_| argument.range_error("a shorter string"))?;
        }
        Ok(string)
    }
}

/// Base64 of at most `N` bytes.
impl<'a, const N: usize> Parse<'a> for Vec<u8, N> {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        let bytes = Bytes::parse(argument)?.decoded().map_err(|_| argument.range_error("base64"))?;
        collect(bytes.map(Ok), argument.range_error("fewer bytes"))
    }
}

/// An array of at most `N` elements.
impl<'a, T: Parse<'a>, const N: usize> Parse<'a> for Vec<T, N> {
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
        collect(argument.array()?.map(T::parse), argument.range_error("fewer elements"))
    }
}

fn collect<T, E, const N: usize>(from: impl Iterator<Item = Result<T, E>>, too_long: E) -> Result<Vec<T, N>, E> {
    let mut values = Vec::new();
    for value in from {
        if values.push(value?).is_err() {
            return Err(too_long);
        }
    }
    Ok(values)
}
