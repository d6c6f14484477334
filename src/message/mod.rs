//! What a frame says: a request with its arguments, or a response.

mod arguments;
mod request;
mod response;

use core::fmt::{self, Write};

pub use arguments::{Argument, ArgumentError, Arguments, Parameter};
pub use request::{Request, RequestError, RequestFault};
pub use response::{Outcome, Response};

use crate::decoder::Frame;
use crate::text::Text;
use crate::value::Members;

const DUPLICATE_KEY: &str = "JSON parse error, duplicate key";

/// The members of a frame, found where the decoder noted them. More than it can note are looked for.
fn members<'a>(frame: &Frame<'a>) -> Option<Members<'a>> {
    match frame.separators().all() {
        Some(separators) => frame.value().members_between(separators),
        None => frame.value().members(),
    }
}

fn write_text(to: &mut impl Write, text: Text<'_>) -> fmt::Result {
    text.chars().try_for_each(|character| to.write_char(character))
}
