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

pub mod agent;
pub mod client;
pub mod commands;
mod error;
pub mod frame;
pub mod io;
pub mod json;
mod log;
pub mod message;
mod offset;
mod sentinel;
#[cfg(feature = "serde")]
pub mod serde;
mod transmit;

pub use agent::{Agent, Call, Command, CommandError, CommandResult, Guest};
pub use client::{Client, Reply};
pub use frame::{Decoder, Event};
pub use nb;
pub use sentinel::SENTINEL;

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
/// use guestwire::{Agent, agent::guest_info_size};
/// let _ = Agent::<(), 74, { guest_info_size::<()>() }>::new(());
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, agent::guest_info_size};
/// let _ = Agent::<(), 73, { guest_info_size::<()>() }>::new(());
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, agent::guest_info_size};
/// let _ = Agent::<(), 74, { guest_info_size::<()>() - 1 }>::new(());
/// ```
///
/// ```
/// use guestwire::{Agent, agent::guest_info_size};
/// let _ = Agent::<(), 65535, { guest_info_size::<()>() }>::new(());
/// ```
///
/// ```compile_fail
/// use guestwire::{Agent, agent::guest_info_size};
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
