//! What an agent serves.

use core::convert::Infallible;
use core::task::{Context, Poll};

use super::command::{Command, Handler};
use crate::frame::Piece;

/// A guest: its commands, and the state that they work on.
///
/// ```
/// use guestwire::{Agent, Command, Guest};
///
/// struct Board { frozen: bool }
///
/// impl Guest for Board {
///     const VERSION: &'static str = "1.0.0";
///     const COMMANDS: &'static [Command<Self>] = &[
///         Command::new("guest-fsfreeze-status", |board: &mut Board, call| {
///             call.respond()?.string(if board.frozen { "frozen" } else { "thawed" })
///         })
///         .allowed_when_frozen(),
///     ];
///
///     fn is_frozen(&self) -> bool {
///         self.frozen
///     }
/// }
///
/// static AGENT: Agent<Board, 256, 512> = Agent::new(Board { frozen: false });
/// ```
///
/// A guest is `'static`, because its table of commands is.
pub trait Guest: Sized + 'static {
    /// Shown by `guest-info`. Clients expect the form "1.2.3".
    const VERSION: &'static str;

    /// The commands that it has beside the agent's own `guest-sync-delimited`, `guest-sync`, `guest-ping` and
    /// `guest-info`. No name may appear twice: `cargo build` checks that, `cargo check` does not.
    const COMMANDS: &'static [Command<Self>];

    /// Called for every name that no command has. It can look at [`Call::command`](crate::Call::command), and refuse with
    /// [`CommandError::NotFound`](crate::CommandError::NotFound). It is not called while file systems are frozen.
    const CATCH_ALL: Option<Handler<Self>> = None;

    /// Whether commands may answer later: see [`CommandError::WouldBlock`](crate::CommandError::WouldBlock).
    const DEFERS: bool = false;

    /// The arguments whose strings are handed to [`piece`](Self::piece), whatever their length, so that a request may be
    /// longer than `RX`. In the request they are `""` then.
    const STREAMED: &'static [&'static str] = &[];

    /// Whether file systems are frozen. Then only the agent's own commands and those
    /// [`allowed_when_frozen`](Command::allowed_when_frozen) are served.
    fn is_frozen(&self) -> bool {
        false
    }

    /// Whether a command of the table is not to be served now: the place for an allow or a block list.
    fn is_disabled(&self, command: &str) -> bool {
        let _ = command;
        false
    }

    /// Takes a piece of an argument that is [`STREAMED`](Self::STREAMED).
    ///
    /// Its command runs only when the request is whole: until then keep what the pieces say apart from what counts. Members
    /// of a request come in any order, so a command reads what else it takes when it runs, with
    /// [`streamed`](crate::message::Arguments::streamed) for this one. Pieces are dropped while file systems are frozen, and
    /// where the request began with the name of a command that cannot be run.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] from a guest that [`DEFERS`](Self::DEFERS): the piece is given again by
    /// [`retry`](crate::agent::AgentOver::retry), and no byte is taken before that.
    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        let _ = piece;
        Ok(())
    }

    /// The command that pieces were given for is not run. Called once for each request that gave any.
    fn discarded(&mut self) {}

    /// The command that owes its answer is not asked again: its request was dropped or answered with an error.
    fn cancelled(&mut self) {}

    /// Waits until the command that owes its answer is worth asking again, for [`run`](crate::agent::AgentOver::run).
    ///
    /// A guest that [`DEFERS`](Self::DEFERS) and is `run` has to say it, or the program is not built.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        const { assert!(!Self::DEFERS, "a guest that DEFERS and is run needs poll_ready") };
        let _ = context;
        Poll::Pending
    }
}

/// A guest with the agent's own commands and no others. Its version is this crate's.
impl Guest for () {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] = &[];
}
