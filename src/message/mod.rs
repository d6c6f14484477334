//! What a frame says: a request with its arguments, or a response.

mod arguments;
mod request;
mod response;

pub use arguments::{Argument, ArgumentError, Arguments, Parameter};
pub use request::{Request, RequestError, RequestFault};
pub use response::{ErrorResponse, Response};

use crate::decoder::Frame;
use crate::value::{Kind, Members};

const DUPLICATE_KEY: &str = "JSON parse error, duplicate key";

/// The members of a frame, found where the decoder noted them. More than it can note are looked for.
fn members<'a>(frame: &Frame<'a>) -> Option<Members<'a>> {
    match frame.separators().all() {
        Some(separators) if frame.value().kind() == Kind::Object => Some(frame.value().members_between(separators)),
        _ => frame.value().members(),
    }
}
