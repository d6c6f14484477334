//! What an agent serves.

use super::command::Command;

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
}

/// A guest with the agent's own commands and no others. Its version is this crate's.
impl Guest for () {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] = &[];
}
