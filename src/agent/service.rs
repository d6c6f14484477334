//! What an agent serves when its commands are known at run time only.

use core::convert::Infallible;
use core::task::{Context, Poll};

use super::command::{Entry, Handler};
use super::guest::Guest;
use crate::frame::Piece;

/// Commands that are known at run time: a table that is read, lent or put together while the program runs.
///
/// Every [`Guest`] is a service; implement that where the table is known when the program is compiled. A service is served by
/// an [`AgentLent`](super::AgentLent).
///
/// ```
/// use guestwire::agent::{AgentLent, Entry, Service};
/// use guestwire::{Call, CommandResult};
///
/// struct Script<'t> {
///     commands: &'t [Entry<'t, Self>],
///     enabled: bool,
/// }
///
/// impl Service for Script<'_> {
///     fn version(&self) -> &str {
///         "1.0.0"
///     }
///
///     fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
///         self.commands.get(index).copied()
///     }
///
///     fn is_disabled(&self, _: &str) -> bool {
///         !self.enabled
///     }
/// }
///
/// fn hello(_: &mut Script<'_>, call: Call<'_>) -> CommandResult {
///     call.respond()?.string("hello")
/// }
///
/// let name = String::from("script-hello");
/// let commands = [Entry::new(&name, hello)];
/// let (mut receive, mut transmit) = ([0; 256], [0; 512]);
/// let script = Script { commands: &commands, enabled: true };
/// let mut agent = AgentLent::new(script, &mut receive, &mut transmit)?;
/// let _ = agent.push_slice(b"{\"execute\": \"script-hello\"}");
/// assert_eq!(agent.transmit(), b"{\"return\": \"hello\"}\n");
/// # Ok::<(), guestwire::BuildError>(())
/// ```
pub trait Service: Sized {
    /// As [`Guest::CATCH_ALL`].
    const CATCH_ALL: Option<Handler<Self>> = None;

    /// As [`Guest::DEFERS`].
    const DEFERS: bool = false;

    /// As [`Guest::STREAMED`].
    const STREAMED: &'static [&'static str] = &[];

    /// Shown by `guest-info`. Clients expect the form "1.2.3".
    fn version(&self) -> &str;

    /// The command at an index, counted from 0, or `None` after the last.
    ///
    /// A command that owes its answer is looked up by its name at each retry. If it is gone, the
    /// [`CATCH_ALL`](Self::CATCH_ALL) is called in its place, and only without one is it [`cancelled`](Self::cancelled).
    fn command(&self, index: usize) -> Option<Entry<'_, Self>>;

    /// As [`Guest::is_frozen`].
    fn is_frozen(&self) -> bool {
        false
    }

    /// As [`Guest::is_disabled`].
    fn is_disabled(&self, command: &str) -> bool {
        let _ = command;
        false
    }

    /// As [`Guest::piece`].
    ///
    /// # Errors
    /// As there.
    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        let _ = piece;
        Ok(())
    }

    /// As [`Guest::discarded`].
    fn discarded(&mut self) {}

    /// As [`Guest::cancelled`].
    fn cancelled(&mut self) {}

    /// As [`Guest::poll_ready`].
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        const { assert!(!Self::DEFERS, "a service that DEFERS and is run needs poll_ready") };
        let _ = context;
        Poll::Pending
    }
}

impl<G: Guest> Service for G {
    const CATCH_ALL: Option<Handler<Self>> = G::CATCH_ALL;
    const DEFERS: bool = G::DEFERS;
    const STREAMED: &'static [&'static str] = G::STREAMED;

    fn version(&self) -> &str {
        G::VERSION
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        G::COMMANDS.get(index).copied()
    }

    fn is_frozen(&self) -> bool {
        Guest::is_frozen(self)
    }

    fn is_disabled(&self, command: &str) -> bool {
        Guest::is_disabled(self, command)
    }

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        Guest::piece(self, piece)
    }

    fn discarded(&mut self) {
        Guest::discarded(self);
    }

    fn cancelled(&mut self) {
        Guest::cancelled(self);
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Guest::poll_ready(self, context)
    }
}
