//! JSON values: read from a frame without copying, written into a slice.

pub(crate) mod base64;
pub(crate) mod encoder;
pub(crate) mod marks;
pub(crate) mod number;
mod pieces;
pub(crate) mod string;
pub(crate) mod value;

pub use base64::NotBase64;
pub use encoder::{ArrayEncoder, Encoder, ObjectEncoder, ValueEncoder};
pub use pieces::{Base64, Unescape};
pub use string::{Chars, Text};
pub use value::{Elements, Kind, Members, Value};

pub use crate::error::{DoesNotFit, JsonError};
