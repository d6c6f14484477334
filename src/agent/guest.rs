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

    /// The guest's commands. The agent adds its own: `guest-sync-delimited`, `guest-sync`, `guest-ping` and `guest-info`.
    /// No name may appear twice: `cargo build` checks that, `cargo check` does not.
    const COMMANDS: &'static [Command<Self>];

    /// Called for every command that is not in the table. It can look at [`Call::command`](crate::Call::command), and refuse with
    /// [`CommandError::NotFound`](crate::CommandError::NotFound). It is not called while file systems are frozen.
    const CATCH_ALL: Option<Handler<Self>> = None;

    /// Whether commands may answer later: see [`CommandError::WouldBlock`](crate::CommandError::WouldBlock).
    const DEFERS: bool = false;

    /// Names of arguments, strings, whose content goes to [`piece`](Self::piece) and not into the `RX` bytes: a request
    /// with them may be longer than `RX`. The command sees them as `""`.
    const STREAMED: &'static [&'static str] = &[];

    /// Whether file systems are frozen. Then only the built-in commands and those
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
    /// Pieces are provisional: stage them, and commit them in the command, which runs only if the whole request is valid.
    /// The other arguments may come before or after the pieces; the command reads them when it runs, and this one with
    /// [`streamed`](crate::message::Arguments::streamed).
    ///
    /// If the request begins with its command's name, pieces for a command that is unknown, disabled or not allowed while
    /// file systems are frozen are dropped. Otherwise they are dropped while file systems are frozen, whatever the command.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] from a guest that [`DEFERS`](Self::DEFERS): the whole piece is given again by
    /// [`retry`](crate::agent::AgentOver::retry), and no byte is taken before that. So find out whether you can take it
    /// before you decode it. If the request ends before its first piece was taken, [`discarded`](Self::discarded) is not
    /// called.
    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        let _ = piece;
        Ok(())
    }

    /// The pieces so far belong to a request that is not run, or whose command returned a
    /// [`CommandError`](crate::CommandError). Called once for each such request.
    fn discarded(&mut self) {}

    /// The command that owes its answer is not called again: its request was dropped or answered with an error.
    fn cancelled(&mut self) {}

    /// `Ready` when the command that owes its answer may succeed if it is called again. Otherwise registers the waker of
    /// `context` and returns `Pending`. For the loops `run` and `run_buffered`.
    ///
    /// A guest that [`DEFERS`](Self::DEFERS) and is `run` must implement it, or the program does not build.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        const { assert!(!Self::DEFERS, "a guest that DEFERS and is run needs poll_ready") };
        let _ = context;
        Poll::Pending
    }
}

/// A guest with the built-in commands and no others. Its version is this crate's.
impl Guest for () {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] = &[];
}
