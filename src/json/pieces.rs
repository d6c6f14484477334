//! Strings that come in pieces: unescape and decode base64 across the cuts.

use super::base64::{Group, NotBase64};
use super::string::{hex_digit, short_escape, surrogate_pair};

/// Unescapes a JSON string that comes in pieces.
///
/// The pieces are those of a string that a [`Decoder`](crate::Decoder) has accepted, with its escapes. They may be cut
/// anywhere: inside an escape, a surrogate pair or a character. The bytes that come out are UTF-8.
///
/// ```
/// use guestwire::json::Unescape;
///
/// let mut unescape = Unescape::new();
/// let mut text = Vec::new();
/// for piece in [br"caf\u00".as_slice(), br"e9 \ud83d\", br"ude00"] {
///     text.extend(unescape.read(piece));
/// }
/// assert_eq!(text, "café 😀".as_bytes());
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unescape {
    /// The hexadecimal digits of the open escape: four, or eight of a surrogate pair.
    digits: u32,
    /// The bytes of the open escape so far, 0 if none is open.
    length: u8,
}

impl Unescape {
    /// For a new string.
    pub const fn new() -> Self {
        Self { digits: 0, length: 0 }
    }

    /// The UTF-8 that the next piece means. Read all of it before the next piece.
    ///
    /// An escape that is cut comes out with the piece that completes it, so nothing is left after the last piece.
    pub fn read(&mut self, piece: &[u8]) -> impl Iterator<Item = u8> {
        piece.iter().flat_map(|byte| self.step(*byte))
    }

    fn step(&mut self, byte: u8) -> impl Iterator<Item = u8> + use<> {
        let mut utf8 = [byte, 0, 0, 0];
        let length = match self.character(byte) {
            Some(character) => character.encode_utf8(&mut utf8).len(),
            None => usize::from(self.length == 0),
        };
        utf8.into_iter().take(length)
    }

    /// The character of the escape that a byte completes.
    fn character(&mut self, byte: u8) -> Option<char> {
        let code = match (self.length, byte) {
            (0, b'\\') => None,
            (0, _) => return None,
            (1, b'u') => None,
            (1, _) => Some(short_escape(byte)),
            // The backslash and the `u` between the two halves of a pair.
            (6 | 7, _) => None,
            (length, _) => {
                self.digits = self.digits << 4 | hex_digit(byte);
                match length {
                    5 if self.digits & 0xF800 != 0xD800 => Some(self.digits & 0xFFFF),
                    11.. => Some(surrogate_pair(self.digits >> 16, self.digits)),
                    _ => None,
                }
            }
        };
        self.length = if code.is_some() { 0 } else { self.length.saturating_add(1) };
        code.and_then(char::from_u32)
    }
}

/// Decodes base64 in a JSON string that comes in pieces.
///
/// It takes what [`Bytes::decoded`](crate::commands::Bytes::decoded) takes: groups of four digits, padded if necessary, with
/// line feeds anywhere. The pieces are as for [`Unescape`]: digits may be escaped.
///
/// ```
/// use guestwire::json::Base64;
///
/// let mut base64 = Base64::new();
/// let mut bytes = Vec::new();
/// for piece in [br"aGVsb".as_slice(), br"G8gd29ybGQ\u0", br"03d\n"] {
///     for byte in base64.read(piece) {
///         bytes.push(byte?);
///     }
/// }
/// base64.end()?;
/// assert_eq!(bytes, b"hello world");
/// # Ok::<(), guestwire::json::NotBase64>(())
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Base64 {
    unescape: Unescape,
    group: Group,
}

impl Base64 {
    /// For a new string.
    pub const fn new() -> Self {
        Self { unescape: Unescape::new(), group: Group::Empty }
    }

    /// The bytes that the next piece encodes. Read all of it before the next piece.
    ///
    /// The last bytes of a piece come with the next one, if it cuts a group.
    ///
    /// # Errors
    /// [`NotBase64`] for the first wrong digit and for everything after it. The bytes of all digits before it have been
    /// given, up to two of them from the broken group.
    pub fn read(&mut self, piece: &[u8]) -> impl Iterator<Item = Result<u8, NotBase64>> {
        let Self { unescape, group } = self;
        piece.iter().filter_map(|byte| {
            let digit = match unescape.character(*byte) {
                Some(digit) => digit,
                // No byte beyond ASCII is a digit.
                None if unescape.length == 0 => char::from(*byte),
                None => return None,
            };
            group.take(digit).transpose()
        })
    }

    /// Checks, after the last piece, that all of it was base64.
    ///
    /// # Errors
    /// [`NotBase64`] if a digit was wrong or the last group is not whole. Up to two bytes of that group have been given.
    pub const fn end(&self) -> Result<(), NotBase64> {
        match self.group {
            Group::Empty => Ok(()),
            _ => Err(NotBase64),
        }
    }
}
