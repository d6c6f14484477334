//! The text of a JSON string: unescape, compare, copy.

use core::fmt::{self, Write};

use crate::error::DoesNotFit;

/// What stands between the quotes of a JSON string that a [`Decoder`](crate::Decoder) has passed, escapes and all.
///
/// It compares with `str`, and prints, as what the string means.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let Ok(Some(Event::Frame(frame))) = decoder.push_slice(&mut &br#""caf\u00e9 \ud83d\ude00""#[..]) else {
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
    pub(crate) const fn new(escaped: &'a [u8]) -> Self {
        Self { escaped }
    }

    /// The text as it came over the wire, with its escapes.
    pub const fn as_escaped_bytes(&self) -> &'a [u8] {
        self.escaped
    }

    /// The text itself, if it came without escapes. Takes time in its length.
    pub fn as_str(&self) -> Option<&'a str> {
        if self.has_escapes() {
            return None;
        }
        core::str::from_utf8(self.escaped).ok()
    }

    /// The characters that the text means.
    pub const fn chars(&self) -> Chars<'a> {
        Chars { rest: self.escaped }
    }

    /// Writes what the text means to the start of `buffer`. Unescaping never makes a text longer.
    ///
    /// # Errors
    /// [`DoesNotFit`] if `buffer` is too short. Its content is then unspecified.
    pub fn copy_to<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b str, DoesNotFit> {
        let mut length = 0_usize;
        for character in self.chars() {
            let mut utf8 = [0; 4];
            // Encoded on its own first: into the buffer itself, not every target's compiler sees that it cannot panic.
            for byte in character.encode_utf8(&mut utf8).bytes() {
                *buffer.get_mut(length).ok_or(DoesNotFit)? = byte;
                length = length.saturating_add(1);
            }
        }
        buffer.get(..length).and_then(|text| core::str::from_utf8(text).ok()).ok_or(DoesNotFit)
    }

    pub(crate) fn write_to(&self, to: &mut impl Write) -> fmt::Result {
        self.chars().try_for_each(|character| to.write_char(character))
    }

    #[expect(clippy::manual_contains, reason = "contains() is unrolled: 112 bytes of flash more")]
    fn has_escapes(&self) -> bool {
        self.escaped.iter().any(|byte| *byte == b'\\')
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        // An escape is longer than what it means, six times at the most.
        match self.escaped.len() {
            length if length == other.len() => self.escaped == other.as_bytes() && !self.has_escapes(),
            length if length < other.len() || length > other.len().saturating_mul(6) => false,
            _ => self.has_escapes() && self.chars().eq(other.chars()),
        }
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// Two texts are equal if they mean the same, however each is escaped.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.chars().eq(other.chars())
    }
}

impl Eq for Text<'_> {}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.chars().flat_map(char::escape_debug).try_for_each(|character| f.write_char(character))?;
        f.write_char('"')
    }
}

/// The characters of a [`Text`].
///
/// The lexer has refused what is not one: broken UTF-8, unknown escapes, half surrogate pairs.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let Ok(Some(Event::Frame(frame))) = decoder.push_slice(&mut &br#""a\tb""#[..]) else { panic!("a frame was sent") };
/// let text = frame.value().string().expect("it is a string");
/// assert!(text.chars().eq(['a', '\t', 'b']));
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chars<'a> {
    rest: &'a [u8],
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let code = match self.byte()? {
            b'\\' => match self.byte()? {
                b'b' => 0x08,
                b't' => 0x09,
                b'n' => 0x0A,
                b'f' => 0x0C,
                b'r' => 0x0D,
                b'u' => self.utf16()?,
                quoted => u32::from(quoted),
            },
            ascii @ 0..=0x7F => u32::from(ascii),
            two @ 0..=0xDF => self.tail(two & 0x1F, 1)?,
            three @ 0..=0xEF => self.tail(three & 0x0F, 2)?,
            four => self.tail(four & 0x07, 3)?,
        };
        char::from_u32(code)
    }
}

impl Chars<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// UTF-8: six bits in each byte after the first (RFC 3629 section 3).
    fn tail(&mut self, lead: u8, count: usize) -> Option<u32> {
        let mut code = u32::from(lead);
        for _ in 0..count {
            code = code << 6 | u32::from(self.byte()? & 0x3F);
        }
        Some(code)
    }

    /// What follows `\u`: four digits, or a surrogate pair with the second `\u` in it (RFC 8259 section 7).
    fn utf16(&mut self) -> Option<u32> {
        let unit = self.hex4()?;
        if unit & 0xF800 != 0xD800 {
            return Some(unit);
        }
        self.byte()?;
        self.byte()?;
        Some(((unit & 0x3FF) << 10 | self.hex4()? & 0x3FF).wrapping_add(0x1_0000))
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.byte()?).to_digit(16)?;
        }
        Some(unit)
    }
}
