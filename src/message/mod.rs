//! What a frame says: a request with its arguments, or a response.

mod arguments;
mod request;
mod response;

pub use arguments::{Argument, ArgumentError, ArgumentFault, Arguments};
pub(crate) use request::Envelope;
pub use request::{Request, RequestError, RequestFault};
pub(crate) use response::RawResponse;
pub use response::{ErrorResponse, OwnedErrorResponse, Response};

use core::fmt;

use crate::frame::Frame;
use crate::json::string::{Escapes, WriteText};
use crate::json::value::{MemberIter, write_path};

/// The members of a frame that is an object, found where the decoder noted them. More than it can note are looked for.
fn members<'a>(frame: &Frame<'a>) -> MemberIter<'a, 'a> {
    frame.value().member_iter(frame.marks())
}

const DUPLICATE_KEY: &str = "JSON parse error, duplicate key";

/// The text of an error.
pub(crate) struct Description<'a> {
    /// With `%` for the path, `&` for a dot after it, `$` for the word, and `#` for a word with escapes.
    pub(crate) template: &'static str,
    /// The text before the value whose path it is.
    pub(crate) path: &'a [u8],
    pub(crate) word: &'a [u8],
}

impl<'a> Description<'a> {
    /// A text without the characters that a template replaces.
    pub(crate) const fn fixed(text: &'static str) -> Self {
        Self { template: text, path: b"", word: b"" }
    }

    /// Any text.
    pub(crate) const fn text(text: &'a str) -> Self {
        Self { template: "$", path: b"", word: text.as_bytes() }
    }

    pub(crate) fn write(&self, to: &mut impl WriteText) -> fmt::Result {
        for byte in self.template.bytes() {
            match byte {
                b'%' => write_path(to, self.path)?,
                b'&' if self.path.is_empty() => {}
                b'&' => to.write_char('.')?,
                b'$' => to.write_text(self.word, Escapes::None)?,
                b'#' => to.write_text(self.word, Escapes::Json)?,
                _ => to.write_char(char::from(byte))?,
            }
        }
        Ok(())
    }
}
