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

/// What is beyond a limit does not compile. The same within it does, so that nothing else can be what is wrong.
///
/// A decoder of 1 to 65535 bytes:
///
/// ```
/// let _ = guestwire::Decoder::<1>::new();
/// ```
///
/// ```compile_fail
/// let _ = guestwire::Decoder::<0>::new();
/// ```
///
/// ```
/// let _ = guestwire::Decoder::<65535>::new();
/// ```
///
/// ```compile_fail
/// let _ = guestwire::Decoder::<65536>::new();
/// ```
///
/// An agent that can receive a synchronization, and say what it is:
///
/// ```
/// use guestwire::{Agent, guest_info_size};
/// let _ = Agent::<(), 74, { guest_info_size::<()>() }>::new(());
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, guest_info_size};
/// let _ = Agent::<(), 73, { guest_info_size::<()>() }>::new(());
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, guest_info_size};
/// let _ = Agent::<(), 74, { guest_info_size::<()>() - 1 }>::new(());
/// ```
///
/// ```
/// use guestwire::{Agent, guest_info_size};
/// let _ = Agent::<(), 65535, { guest_info_size::<()>() }>::new(());
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, guest_info_size};
/// let _ = Agent::<(), 65536, { guest_info_size::<()>() }>::new(());
/// ```
///
/// Commands with names of their own:
///
/// ```
/// use guestwire::{Agent, Command, Guest};
/// struct Board;
/// impl Guest for Board {
///     const VERSION: &'static str = "1.0.0";
///     const COMMANDS: &'static [Command<Self>] = &[
///         Command::new("guest-a", |_, call| call.respond()?.done()),
///         Command::new("guest-b", |_, call| call.respond()?.done()),
///         Command::new("guest-c", |_, call| call.respond()?.done()),
///     ];
/// }
/// let _ = Agent::<Board, 256, 1024>::new(Board);
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, Command, Guest};
/// struct Board;
/// impl Guest for Board {
///     const VERSION: &'static str = "1.0.0";
///     const COMMANDS: &'static [Command<Self>] = &[
///         Command::new("guest-a", |_, call| call.respond()?.done()),
///         Command::new("guest-b", |_, call| call.respond()?.done()),
///         Command::new("guest-a", |_, call| call.respond()?.done()),
///     ];
/// }
/// let _ = Agent::<Board, 256, 1024>::new(Board);
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, Command, Guest};
/// struct Board;
/// impl Guest for Board {
///     const VERSION: &'static str = "1.0.0";
///     const COMMANDS: &'static [Command<Self>] = &[
///         Command::new("guest-a", |_, call| call.respond()?.done()),
///         Command::new("guest-b", |_, call| call.respond()?.done()),
///         Command::new("guest-info", |_, call| call.respond()?.done()),
///     ];
/// }
/// let _ = Agent::<Board, 256, 1024>::new(Board);
/// ```
///
/// A client that can send and receive a synchronization:
///
/// ```
/// let _ = guestwire::Client::<34, 75>::new();
/// ```
///
/// ```compile_fail
/// let _ = guestwire::Client::<33, 75>::new();
/// ```
///
/// ```compile_fail
/// let _ = guestwire::Client::<34, 74>::new();
/// ```
///
/// ```
/// let _ = guestwire::Client::<65535, 75>::new();
/// ```
///
/// ```compile_fail
/// let _ = guestwire::Client::<65536, 75>::new();
/// ```
#[cfg(doctest)]
mod limits {}
