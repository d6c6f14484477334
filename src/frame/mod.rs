//! Splits the byte stream into frames: RFC 8259's grammar, the sentinel, and recovery after a broken frame.

mod check;
mod decoder;
mod lexer;
mod nesting;

pub(crate) use decoder::Signal;
pub use decoder::{Decoder, Event, Frame};
pub use nesting::MAX_DEPTH;

pub use crate::error::FrameError;
