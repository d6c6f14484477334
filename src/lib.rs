#![no_std]
#![warn(missing_docs, unreachable_pub)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects
)]
#![doc = include_str!("../README.md")]

mod agent;
mod base64;
mod client;
pub mod commands;
mod decimal;
mod decoder;
mod encoder;
mod error;
#[cfg(feature = "defmt")]
mod format;
mod io;
mod lexer;
mod log;
mod marks;
mod message;
mod nesting;
#[cfg(feature = "serde")]
mod serde;
mod text;
mod transmit;
mod value;

pub use agent::{
    Agent, Call, Command, CommandError, CommandResult, Guest, Handler, Responded, Responder, guest_info_size,
};
pub use client::{Client, ClientError, Execute, ExecuteError, Reply};
pub use decoder::{Decoder, Event, Frame};
pub use encoder::{ArrayEncoder, Encoder, ObjectEncoder, ValueEncoder};
pub use error::{DoesNotFit, FrameError, PollError};
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub use io::IoError;
pub use lexer::SENTINEL;
pub use message::{Argument, ArgumentError, Arguments, ErrorResponse, Request, RequestError, RequestFault, Response};
pub use nb;
pub use nesting::MAX_DEPTH;
#[cfg(feature = "serde")]
pub use serde::SerializeError;
pub use text::{Chars, Text};
pub use value::{Elements, Kind, Members, Value};
