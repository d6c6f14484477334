//! What a command is.

use super::call::{Call, CommandResult, Success};

/// The function of a command: given the [`Guest`](crate::Guest) and a [`Call`], it responds or says why not.
///
/// It runs inside the call that completes the request: [`push`](crate::Agent::push) or one like it. If the previous response
/// had to be sent first, that is [`transmitted`](crate::Agent::transmitted) or [`write_to`](crate::Agent::write_to).
///
/// ```
/// use guestwire::agent::Handler;
///
/// const PING: Handler<()> = |_, call| call.respond()?.done();
/// ```
pub type Handler<G> = fn(&mut G, Call<'_>) -> CommandResult;

/// One entry of a [`Guest`](crate::Guest)'s table of commands.
///
/// ```
/// use guestwire::Command;
///
/// struct Board { nanoseconds: i64 }
///
/// const COMMANDS: &[Command<Board>] = &[
///     Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds)),
///     Command::new("guest-set-time", |board: &mut Board, call| {
///         let time = call.arguments.optional_integer("time")?;
///         let response = call.respond()?;
///         board.nanoseconds = time.unwrap_or(0);
///         response.done()
///     }),
/// ];
/// ```
pub type Command<G> = Entry<'static, G>;

/// A [`Command`] whose name may be put together at run time: see [`Service`](super::Service).
#[derive(Debug)]
pub struct Entry<'n, S> {
    pub(super) name: &'n str,
    pub(super) handler: Handler<S>,
    pub(super) success: Success,
    pub(super) availability: Availability,
}

/// When a command is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// Unless file systems are frozen, or it is disabled.
    UnlessFrozen,
    /// Unless it is disabled.
    AlsoFrozen,
    /// Always.
    Always,
}

impl<'n, S> Entry<'n, S> {
    /// A command that responds.
    pub const fn new(name: &'n str, handler: Handler<S>) -> Self {
        Self { name, handler, success: Success::Response, availability: Availability::UnlessFrozen }
    }

    pub(super) const fn built_in(name: &'n str, handler: Handler<S>, success: Success) -> Self {
        Self { name, handler, success, availability: Availability::Always }
    }

    /// Nothing is sent when the command succeeds, as with `guest-shutdown` and `guest-suspend-*`.
    pub const fn no_success_response(self) -> Self {
        Self { success: Success::Nothing, ..self }
    }

    /// The command is served while file systems are frozen, as `guest-fsfreeze-status` and `guest-fsfreeze-thaw`.
    pub const fn allowed_when_frozen(self) -> Self {
        Self { availability: Availability::AlsoFrozen, ..self }
    }

    /// The command's name, as in `execute`.
    pub const fn name(&self) -> &'n str {
        self.name
    }
}

impl<S> Clone for Entry<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Entry<'_, S> {}

#[cfg(feature = "defmt")]
impl<S> defmt::Format for Entry<'_, S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Command({=str})", self.name());
    }
}
