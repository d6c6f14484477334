//! The text of a JSON string: unescape, compare, copy.

use core::fmt::{self, Write};

use crate::error::DoesNotFit;
use crate::offset::Offset;

/// The content of a JSON string that a [`Decoder`](crate::Decoder) has accepted, escapes included.
///
/// It compares with `str`, and prints, as what the string means.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(br#""caf\u00e9 \ud83d\ude00""#) else {
///     panic!("a frame was sent")
/// };
/// let text = frame.value().string().expect("it is a string");
/// assert_eq!(text, "café 😀");
/// assert_eq!(text.copy_to(&mut [0; 16]), Ok("café 😀"));
/// ```
#[derive(Clone, Copy)]
pub struct Text<'a> {
    escaped: &'a [u8],
}

impl<'a> Text<'a> {
    #[doc(hidden)] // the C library's, beside this crate's
    pub const fn new(escaped: &'a [u8]) -> Self {
        Self { escaped }
    }

    /// The text as it came over the wire, with its escapes.
    pub const fn as_escaped_bytes(&self) -> &'a [u8] {
        self.escaped
    }

    /// The text itself, if it came without escapes. Looks at every byte: time grows with the length.
    pub fn as_str(&self) -> Option<&'a str> {
        if self.has_escapes() {
            return None;
        }
        core::str::from_utf8(self.escaped).ok()
    }

    /// The characters that the text means.
    pub const fn chars(&self) -> Chars<'a> {
        Chars::new(self.escaped, Escapes::Json)
    }

    /// Writes what the text means to the start of `buffer`. Unescaping never makes a text longer.
    ///
    /// # Errors
    /// [`DoesNotFit`] if `buffer` is too short. Its content is then unspecified.
    pub fn copy_to<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b str, DoesNotFit> {
        let mut end = Offset::START;
        for character in self.chars() {
            let mut utf8 = [0; 4];
            // Encoded apart first: not every target's compiler sees that encoding into the buffer cannot panic.
            for byte in character.encode_utf8(&mut utf8).bytes() {
                *buffer.get_mut(end.index()).ok_or(DoesNotFit)? = byte;
                end = end.plus(1);
            }
        }
        Offset::START.until(end, buffer).and_then(|text| core::str::from_utf8(text).ok()).ok_or(DoesNotFit)
    }

    /// All bytes at once, which becomes vector instructions where there are any.
    fn has_escapes(&self) -> bool {
        self.escaped.iter().fold(false, |found, byte| found | (*byte == b'\\'))
    }
}

impl PartialEq<str> for Text<'_> {
    #[cfg_attr(all(target_pointer_width = "64", not(target_os = "none")), inline)] // elsewhere flash is short
    fn eq(&self, other: &str) -> bool {
        // An escape is longer than the character it means, and most strings have none.
        if self.escaped.len() < other.len() {
            return false;
        }
        if cfg!(target_pointer_width = "64") && self.escaped.len() == other.len() {
            return self.escaped == other.as_bytes() && !self.has_escapes();
        }
        for (byte, expected) in self.escaped.iter().zip(other.as_bytes()) {
            if *byte == b'\\' {
                return is_same(self.chars(), Chars::new(other.as_bytes(), Escapes::None));
            }
            if byte != expected {
                return false;
            }
        }
        // What is longer means more.
        self.escaped.len() == other.len()
    }
}

impl PartialEq<&str> for Text<'_> {
    #[cfg_attr(all(target_pointer_width = "64", not(target_os = "none")), inline)] // as above
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// Two texts are equal if they mean the same, however each is escaped.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        is_same(self.chars(), other.chars())
    }
}

impl Eq for Text<'_> {}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_text(self.escaped, Escapes::Json)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.chars().flat_map(char::escape_debug).try_for_each(|character| f.write_char(character))?;
        f.write_char('"')
    }
}

/// Whether the characters are the same.
fn is_same(mut one: Chars<'_>, mut other: Chars<'_>) -> bool {
    while !one.is_empty() && !other.is_empty() {
        if one.code() != other.code() {
            return false;
        }
    }
    one.is_empty() && other.is_empty()
}

/// A [`Write`] that also takes bytes.
pub(crate) trait WriteText: Write {
    /// Writes the characters that UTF-8 means.
    fn write_text(&mut self, text: &[u8], escapes: Escapes) -> fmt::Result {
        Chars::new(text, escapes).try_for_each(|character| self.write_char(character))
    }

    /// Writes ASCII digits.
    fn write_digits(&mut self, digits: &[u8]) -> fmt::Result {
        digits.iter().try_for_each(|digit| self.write_char(char::from(*digit)))
    }
}

impl WriteText for fmt::Formatter<'_> {}

/// Whether a backslash in a text begins an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Escapes {
    Json,
    None,
}

/// The characters of a [`Text`].
///
/// The lexer has refused what is not one: broken UTF-8, unknown escapes, half surrogate pairs.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(br#""a\tb""#) else { panic!("a frame was sent") };
/// let text = frame.value().string().expect("it is a string");
/// assert!(text.chars().eq(['a', '\t', 'b']));
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chars<'a> {
    rest: &'a [u8],
    escapes: Escapes,
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if self.is_empty() { None } else { char::from_u32(self.code()) }
    }
}

/// What follows the backslash, for U+0008 to U+000D: at the code point with bit 3 turned. U+000B has no escape.
pub(crate) const ESCAPES: [u8; 6] = *b"btn\0fr";

impl<'a> Chars<'a> {
    pub(crate) const fn new(text: &'a [u8], escapes: Escapes) -> Self {
        Self { rest: text, escapes }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn pass(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next character's code point. There must be one.
    pub(crate) fn code(&mut self) -> u32 {
        match self.byte() {
            b'\\' if self.escapes == Escapes::Json => self.escaped(),
            ascii @ 0..0x80 => ascii.into(),
            lead => self.utf8(lead),
        }
    }

    /// The next byte. The lexer has seen to it that there is one where there has to be.
    fn byte(&mut self) -> u8 {
        match self.rest {
            [byte, rest @ ..] => {
                self.rest = rest;
                *byte
            }
            [] => 0,
        }
    }

    /// RFC 3629 section 3: the first byte begins with a one for each byte, those after it hold six bits each.
    fn utf8(&mut self, lead: u8) -> u32 {
        let count = lead.leading_ones();
        let mut code = u32::from(lead) & 0x7F_u32.unbounded_shr(count);
        for _ in 1..count {
            code = code << 6 | u32::from(self.byte() & 0x3F);
        }
        code
    }

    /// What follows a backslash (RFC 8259 section 7). `\u` has four digits, or a surrogate pair with a second `\u` in it.
    fn escaped(&mut self) -> u32 {
        let quoted = self.byte();
        if quoted != b'u' {
            return short_escape(quoted);
        }
        let unit = self.hex4();
        if unit & 0xF800 != 0xD800 {
            return unit;
        }
        self.byte();
        self.byte();
        surrogate_pair(unit, self.hex4())
    }

    fn hex4(&mut self) -> u32 {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | hex_digit(self.byte());
        }
        unit
    }
}

/// What a backslash and this byte mean, unless it is `u`.
pub(super) fn short_escape(quoted: u8) -> u32 {
    match ESCAPES.iter().position(|escape| *escape == quoted) {
        Some(index) => 0x08 | index as u32,
        None => quoted.into(),
    }
}

/// The code point of two surrogates.
pub(super) const fn surrogate_pair(high: u32, low: u32) -> u32 {
    ((high & 0x3FF) << 10 | low & 0x3FF).wrapping_add(0x1_0000)
}

/// The value of a hexadecimal digit.
pub(super) const fn hex_digit(digit: u8) -> u32 {
    // The letters are 0x41 to 0x46 and 0x61 to 0x66.
    let ten = if digit > b'9' { 9 } else { 0 };
    (digit as u32 & 0xF).wrapping_add(ten)
}

#[cfg(feature = "defmt")]
impl defmt::Format for Text<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.as_escaped_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_by_what_they_mean() {
        for (escaped, meaning, same) in [
            ("", "", true),
            ("a", "", false),
            ("", "a", false),
            (r"\u0061", "a", true),
            (r"a\u0062c", "abc", true),
            (r"ab\u0063", "abd", false),
            (r"a\\b", r"a\b", true),
            (r"a\nb", r"a\nb", false),
            (r"\u00e9", "é", true),
            ("é", "è", false),
            (r"a\ud83d\ude00", "a😀", true),
            ("😀", "😁", false),
        ] {
            assert_eq!(Text::new(escaped.as_bytes()) == meaning, same, "{escaped} {meaning}");
        }
        for (one, other, same) in
            [("é", r"\u00E9", true), (r"\/", "/", true), (r"\\", r"\u005c", true), (r"\b", "b", false)]
        {
            assert_eq!(Text::new(one.as_bytes()) == Text::new(other.as_bytes()), same, "{one} {other}");
        }
    }
}
