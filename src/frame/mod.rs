//! Splits the byte stream into frames: RFC 8259's grammar, the sentinel, and recovery after a broken frame.

mod check;
mod decoder;
mod lexer;
mod nesting;
mod pieces;

pub(crate) use decoder::Signal;
pub use decoder::{Buffer, Decoder, DecoderLent, DecoderOver, Event, Frame};
pub use nesting::MAX_DEPTH;
pub use pieces::Piece;
pub(crate) use pieces::{Stream, Streamed};

pub use crate::error::FrameError;
