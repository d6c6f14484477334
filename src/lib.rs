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
mod length;
mod log;
pub mod message;
mod offset;
mod sentinel;
#[cfg(feature = "serde")]
pub mod serde;
mod target;
mod transmit;

pub use agent::{Agent, Call, Command, CommandError, CommandResult, Guest};
pub use client::{Client, Reply};
pub use error::BuildError;
pub use frame::{Decoder, Event};
pub use nb;
pub use sentinel::SENTINEL;

/// Code beyond a limit does not compile. The same code within it does, which shows that the limit is the reason.
///
/// A decoder of at least 1 byte, and at most 65535 where pointers have 32 bits:
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
#[cfg_attr(not(target_pointer_width = "64"), doc = "```compile_fail")]
#[cfg_attr(target_pointer_width = "64", doc = "```")]
/// let _ = guestwire::Decoder::<65536>::new();
/// ```
///
/// An agent that can receive a synchronization and send `guest-info`:
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
#[cfg_attr(not(target_pointer_width = "64"), doc = "```compile_fail")]
#[cfg_attr(target_pointer_width = "64", doc = "```")]
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
#[cfg_attr(not(target_pointer_width = "64"), doc = "```compile_fail")]
#[cfg_attr(target_pointer_width = "64", doc = "```")]
/// let _ = guestwire::Client::<65536, 75>::new();
/// ```
///
/// A guest that answers later and is run, which says when it is worth asking again:
///
/// ```
/// use core::task::{Context, Poll};
/// use guestwire::{Agent, Command, Guest};
/// # struct Port;
/// # impl embedded_io_async::ErrorType for Port {
/// #     type Error = core::convert::Infallible;
/// # }
/// # impl embedded_io_async::Read for Port {
/// #     async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { Ok(0) }
/// # }
/// # impl embedded_io_async::Write for Port {
/// #     async fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> { Ok(0) }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// struct Board;
/// impl Guest for Board {
///     const VERSION: &'static str = "1.0.0";
///     const COMMANDS: &'static [Command<Self>] = &[];
///     const DEFERS: bool = true;
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
///         Poll::Ready(())
///     }
/// }
/// let mut agent: Agent<Board, 256, 512> = Agent::new(Board);
/// let _ = futures::executor::block_on(agent.run(&mut Port, |_| guestwire::io::Fault::Fatal));
/// ```
///
/// ```compile_fail
/// use core::task::{Context, Poll};
/// use guestwire::{Agent, Command, Guest};
/// # struct Port;
/// # impl embedded_io_async::ErrorType for Port {
/// #     type Error = core::convert::Infallible;
/// # }
/// # impl embedded_io_async::Read for Port {
/// #     async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { Ok(0) }
/// # }
/// # impl embedded_io_async::Write for Port {
/// #     async fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> { Ok(0) }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// struct Board;
/// impl Guest for Board {
///     const VERSION: &'static str = "1.0.0";
///     const COMMANDS: &'static [Command<Self>] = &[];
///     const DEFERS: bool = true;
/// }
/// let mut agent: Agent<Board, 256, 512> = Agent::new(Board);
/// let _ = futures::executor::block_on(agent.run(&mut Port, |_| guestwire::io::Fault::Fatal));
/// ```
///
/// The same of a service:
///
/// ```
/// use core::task::{Context, Poll};
/// use guestwire::agent::{AgentLent, Entry, Service};
/// # struct Port;
/// # impl embedded_io_async::ErrorType for Port {
/// #     type Error = core::convert::Infallible;
/// # }
/// # impl embedded_io_async::Read for Port {
/// #     async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { Ok(0) }
/// # }
/// # impl embedded_io_async::Write for Port {
/// #     async fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> { Ok(0) }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// struct Script;
/// impl Service for Script {
///     const DEFERS: bool = true;
///     fn version(&self) -> &str {
///         "1.0.0"
///     }
///     fn command(&self, _: usize) -> Option<&Entry<'_, Self>> {
///         None
///     }
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
///         Poll::Ready(())
///     }
/// }
/// let (mut receive, mut transmit) = ([0; 256], [0; 512]);
/// let mut agent = AgentLent::new(Script, &mut receive, &mut transmit).unwrap();
/// let _ = futures::executor::block_on(agent.run(&mut Port, |_| guestwire::io::Fault::Fatal));
/// ```
///
/// ```compile_fail
/// use core::task::{Context, Poll};
/// use guestwire::agent::{AgentLent, Entry, Service};
/// # struct Port;
/// # impl embedded_io_async::ErrorType for Port {
/// #     type Error = core::convert::Infallible;
/// # }
/// # impl embedded_io_async::Read for Port {
/// #     async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { Ok(0) }
/// # }
/// # impl embedded_io_async::Write for Port {
/// #     async fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> { Ok(0) }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// struct Script;
/// impl Service for Script {
///     const DEFERS: bool = true;
///     fn version(&self) -> &str {
///         "1.0.0"
///     }
///     fn command(&self, _: usize) -> Option<&Entry<'_, Self>> {
///         None
///     }
/// }
/// let (mut receive, mut transmit) = ([0; 256], [0; 512]);
/// let mut agent = AgentLent::new(Script, &mut receive, &mut transmit).unwrap();
/// let _ = futures::executor::block_on(agent.run(&mut Port, |_| guestwire::io::Fault::Fatal));
/// ```
#[cfg(doctest)]
mod limits {}
