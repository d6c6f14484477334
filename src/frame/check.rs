//! JSON text from elsewhere, which the lexer checks while it is written.

use super::lexer::{Lexer, Step};
use crate::error::JsonError;
use crate::json::encoder::ValueEncoder;

impl ValueEncoder<'_> {
    /// Writes JSON text that another encoder made: the way to serialize with a library of your own choice.
    ///
    /// It is checked as a received frame is: one value by RFC 8259, in UTF-8, at most [`MAX_DEPTH`](super::MAX_DEPTH)
    /// deep, without a byte order mark. Whitespace between tokens is left out, so that the message stays on one line.
    /// Strings and numbers go out as they are, characters beyond ASCII too. Inside a message, a peer with the same limit
    /// takes one level less.
    ///
    /// ```
    /// use guestwire::json::{Encoder, JsonError};
    ///
    /// let mut buffer = [0; 32];
    /// let mut encoder = Encoder::new(&mut buffer);
    /// encoder.value().object(|object| Ok(object.member("sensor").json("{\n  \"celsius\": 21.5\n}")?))?;
    /// assert_eq!(encoder.as_bytes(), br#"{"sensor": {"celsius":21.5}}"#);
    ///
    /// let mut encoder = Encoder::new(&mut buffer);
    /// assert_eq!(encoder.value().json("{celsius: 21.5}"), Err(JsonError::NotJson));
    /// assert_eq!(encoder.as_bytes(), b"");
    /// # Ok::<(), guestwire::json::DoesNotFit>(())
    /// ```
    ///
    /// # Errors
    /// [`JsonError`]. It goes up through the closures around it as [`DoesNotFit`](crate::json::DoesNotFit), and an agent
    /// answers that the response does not fit. [`Responder::json`](crate::agent::Responder::json) and
    /// [`Client::execute_json`](crate::Client::execute_json) tell the two apart.
    pub fn json(mut self, text: impl AsRef<[u8]>) -> Result<(), JsonError> {
        let is_json = put_checked(&mut self, text.as_ref());
        let written = self.end(is_json, b"");
        if is_json { Ok(written?) } else { Err(JsonError::NotJson) }
    }
}

/// Puts the text as far as it is JSON, and returns whether all of it is.
#[inline] // only into programs that call it: otherwise `Lexer::step` is compiled differently in all decoders
fn put_checked(encoder: &mut ValueEncoder<'_>, text: &[u8]) -> bool {
    let mut lexer = Lexer::new();
    let mut has_begun = false;
    // A number ends at the byte after it.
    for byte in text.iter().copied().chain([b'\n']) {
        match lexer.step(byte) {
            Step::Begin if !has_begun => has_begun = true,
            Step::EndBefore => continue,
            // The lexer skips a byte order mark, too.
            Step::Skip if byte.is_ascii() => continue,
            Step::Begin | Step::Skip | Step::Dropping | Step::Misfit => return false,
            Step::Inside | Step::Plain | Step::Quote | Step::Digit | Step::Separator | Step::End => {}
        }
        encoder.put(byte);
    }
    has_begun && lexer.is_between()
}
