//! How a frame becomes a response.

use super::call::{Call, CommandResult, ResponseEncoder, Success};
use super::command::{Availability, Entry};
use super::error::{CommandError, ErrorClass, error_response};
use super::guest::Guest;
use super::service::Service;
use crate::error::{BuildError, FrameError};
use crate::frame::Piece;
use crate::json::string::Text;
use crate::json::value::Value;
use crate::log::{debug, trace, warn};
use crate::message::{Description, Envelope};
use crate::target::FLASH_IS_SHORT;

/// Why a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It has just come.
    First,
    /// Its command owes the answer, and is called again.
    Again,
    /// Its command owes the answer, and is not called again.
    Cancel,
    /// It has just come, but its command must not run: its pieces were refused.
    Refused,
}

/// What became of the pieces of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)] // so that `None` is 0 and an agent's memory starts as zeros
pub(super) enum Pieces {
    /// There are none, or the command has taken them.
    None,
    /// The guest has been given some.
    Given,
    /// The guest does not want them, so the command is not run.
    Refused,
}

/// Whether a piece is for a command that cannot be run, as far as the frame tells yet.
pub(super) fn refuses<S: Service>(service: &S, piece: &Piece<'_>) -> bool {
    let Some(name) = piece.command() else { return service.is_frozen() };
    match find(service, name) {
        // Built in, and without streamed arguments: it answers with its own argument error.
        Some(command) if command.availability == Availability::Always => service.is_frozen(),
        Some(command) => !is_allowed(service, &command, Attempt::First),
        None => S::CATCH_ALL.is_none() || service.is_frozen(),
    }
}

/// The commands that every agent has. They come first, and cannot be disabled, so that no guest can
/// prevent a resynchronization.
const fn built_in<'s, S: Service>() -> &'s [Entry<'static, S>] {
    const {
        &[
            Entry::built_in("guest-sync-delimited", sync, Success::DelimitedResponse),
            Entry::built_in("guest-sync", sync, Success::Response),
            Entry::built_in("guest-ping", |_, call| call.respond()?.done(), Success::Response),
            Entry::built_in("guest-info", info, Success::Response),
        ]
    }
}

/// The built-in commands come first.
#[inline(never)] // entries are returned by value: one copy of that
fn command_at<S: Service>(service: &S, index: usize) -> Option<Entry<'_, S>> {
    let own = built_in();
    if let Some(command) = own.get(index) {
        return Some(*command);
    }
    service.command(index.wrapping_sub(own.len()))
}

fn all_commands<S: Service>(service: &S) -> impl Iterator<Item = Entry<'_, S>> {
    (0..).map_while(|index| command_at(service, index))
}

/// The command of that name.
fn find<'s, S: Service>(service: &'s S, name: Text<'_>) -> Option<Entry<'s, S>> {
    if FLASH_IS_SHORT {
        return all_commands(service).find(|command| name == command.name);
    }
    // Without a copy of each entry.
    let own = built_in().iter().find(|command| name == command.name);
    let others = || (0..).map_while(|index| service.command(index)).find(|command| name == command.name);
    own.copied().or_else(others)
}

/// Answers a frame, or that it is broken, and returns the length of the response, 0 for none. `None`: the answer is owed.
pub(super) fn answer<S: Service>(
    service: &mut S,
    envelope: &Envelope<'_>,
    error: Option<FrameError>,
    attempt: Attempt,
    pieces: &mut Pieces,
    transmit: &mut [u8],
) -> Option<usize> {
    let mut id = envelope.id();
    let (class, description) = match (error, envelope.check()) {
        (Some(error), _) => (ErrorClass::GenericError, Description::fixed(error.desc())),
        (None, Err(fault)) => (ErrorClass::GenericError, fault.description()),
        (None, Ok(command)) => match execute(service, command, envelope, &mut id, attempt, pieces, transmit) {
            Ok(length) => return length,
            Err(error) => error,
        },
    };
    Some(error_response(transmit, id, class, &description))
}

fn execute<'q, S: Service>(
    service: &mut S,
    name: Text<'q>,
    envelope: &Envelope<'q>,
    id: &mut Option<Value<'q>>,
    attempt: Attempt,
    pieces: &mut Pieces,
    transmit: &mut [u8],
) -> Result<Option<usize>, (ErrorClass, Description<'q>)> {
    let refusal = |template| {
        let word = name.as_escaped_bytes();
        Err((ErrorClass::CommandNotFound, Description { template, path: b"", word }))
    };
    let cancelled = || Err((ErrorClass::GenericError, Description::fixed("The command was cancelled")));
    if attempt == Attempt::Cancel {
        return cancelled();
    }
    let found = find(service, name);
    let (handler, success) = match found {
        Some(command) => {
            if !is_allowed(service, &command, attempt) {
                debug!("{} is not to be run now", command.name);
                return refusal(NOT_ALLOWED);
            }
            trace!("{}", command.name);
            (command.handler, command.success)
        }
        None => match S::CATCH_ALL {
            Some(_) if attempt != Attempt::Again && service.is_frozen() => return refusal(NOT_ALLOWED),
            Some(handler) => (handler, Success::Response),
            None => {
                if attempt == Attempt::Again {
                    service.cancelled();
                }
                return refusal(NOT_FOUND);
            }
        },
    };
    if attempt == Attempt::Refused {
        return cancelled();
    }
    let mut arguments = envelope.arguments();
    let mut response = ResponseEncoder::new(name, *id, transmit);
    response.begin(success);
    match handler(service, Call { arguments: &mut arguments, response: &mut response }) {
        Ok(response) => {
            if !S::STREAMED.is_empty() {
                *pieces = Pieces::None; // the command has taken them
            }
            Ok(Some(if response.is_error || success != Success::Nothing { response.length } else { 0 }))
        }
        Err(CommandError::WouldBlock) if S::DEFERS => Ok(None),
        Err(CommandError::NotFound) if S::CATCH_ALL.is_some() => refusal(NOT_FOUND),
        Err(error) => {
            match error {
                CommandError::DoesNotFit => warn!("response too long"),
                CommandError::Argument(fault) if fault.is_duplicate_key() => *id = None,
                _ => {}
            }
            Err((ErrorClass::GenericError, error.description(envelope.argument_value())))
        }
    }
}

const NOT_FOUND: &str = "The command # has not been found";
/// While frozen, too.
const NOT_ALLOWED: &str = "Command # has been disabled: the command is not allowed";

/// Whether a command may run now.
fn is_allowed<S: Service>(service: &S, command: &Entry<'_, S>, attempt: Attempt) -> bool {
    attempt == Attempt::Again // it has begun
        || match command.availability {
            Availability::Always => true,
            Availability::UnlessFrozen if service.is_frozen() => false,
            _ => !service.is_disabled(command.name),
        }
}

fn sync<S>(_: &mut S, call: Call<'_>) -> CommandResult {
    let id = call.arguments.integer("id")?;
    call.respond()?.integer(id)
}

fn info<S: Service>(service: &mut S, call: Call<'_>) -> CommandResult {
    let word = |value| if value { b"true".as_slice() } else { b"false" };
    call.respond()?.write(|encoder| {
        encoder.put(b"{\"version\": \"");
        encoder.put_text(service.version());
        let mut separator: &[u8] = b"\", \"supported_commands\": [";
        for command in all_commands(service) {
            encoder.put(separator);
            encoder.put(b"{\"enabled\": ");
            encoder.put(word(is_allowed(service, &command, Attempt::First)));
            encoder.put(b", \"name\": \"");
            encoder.put_text(command.name);
            encoder.put(b"\", \"success-response\": ");
            encoder.put(word(command.success != Success::Nothing));
            separator = b"}, ";
        }
        encoder.put(b"}]}");
    })
}

/// Whether all names are different.
pub(super) const fn names_are_unique<G: Guest>() -> bool {
    let mut table = G::COMMANDS;
    while let Some((command, rest)) = table.split_first() {
        table = rest;
        if is_among(command.name, rest) || is_among(command.name, built_in::<G>()) {
            return false;
        }
    }
    true
}

const fn is_among<S>(name: &str, mut commands: &[Entry<'_, S>]) -> bool {
    while let Some((command, rest)) = commands.split_first() {
        commands = rest;
        if is_equal(name, command.name) {
            return true;
        }
    }
    false
}

const fn is_equal(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([first, rest @ ..], [first_of_other, rest_of_other @ ..]) = (one, other) {
        if *first != *first_of_other {
            return false;
        }
        (one, other) = (rest, rest_of_other);
    }
    one.is_empty() && other.is_empty()
}

/// The bytes of `TX` that the response to a guest's `guest-info` takes at most, with a number of 64 bits as `id`.
///
/// ```
/// use guestwire::{Agent, agent::guest_info_size};
///
/// let agent: Agent<(), 256, { guest_info_size::<()>() }> = Agent::new(());
/// assert_eq!(guest_info_size::<()>(), 363);
/// # let _ = agent;
/// ```
pub const fn guest_info_size<G: Guest>() -> usize {
    sum([AROUND_INFO, encoded_size(G::VERSION), entries_size(built_in::<G>()), entries_size(G::COMMANDS)])
}

/// What surrounds the version and the commands, with a number of 64 bits as `id`. After the last command is no comma.
const AROUND_INFO: usize =
    r#"{"return": {"version": "", "supported_commands": []}, "id": -9223372036854775808}_"#.len() - ", ".len();

const fn entries_size<S>(mut commands: &[Entry<'_, S>]) -> usize {
    let mut size = 0_usize;
    while let Some((command, rest)) = commands.split_first() {
        commands = rest;
        size = sum([size, entry_size(command)]);
    }
    size
}

const fn entry_size<S>(command: &Entry<'_, S>) -> usize {
    sum([
        r#"{"enabled": , "name": "", "success-response": }, "#.len(),
        encoded_size(command.name),
        word_size(matches!(command.availability, Availability::Always)),
        word_size(!matches!(command.success, Success::Nothing)),
    ])
}

/// Whether names are unique and `guest-info` fits, for a table that is known at run time only.
pub(super) fn check<S: Service>(service: &S, transmit: usize) -> Result<(), BuildError> {
    let mut size = sum([AROUND_INFO, encoded_size(service.version())]);
    for (index, command) in all_commands(service).enumerate() {
        if all_commands(service).take(index).any(|other| other.name == command.name) {
            return Err(BuildError::DuplicateName);
        }
        size = sum([size, entry_size(&command)]);
    }
    if size > transmit { Err(BuildError::TransmitTooSmall) } else { Ok(()) }
}

const fn sum<const N: usize>(sizes: [usize; N]) -> usize {
    let mut sum = 0_usize;
    let mut sizes = sizes.as_slice();
    while let Some((size, rest)) = sizes.split_first() {
        sizes = rest;
        sum = sum.saturating_add(*size);
    }
    sum
}

const fn word_size(value: bool) -> usize {
    if value { "true".len() } else { "false".len() }
}

/// The bytes that a text takes in a JSON string of ours: printable ASCII, escapes of two and of six bytes.
const fn encoded_size(text: &str) -> usize {
    let mut size = 0_usize;
    let mut bytes = text.as_bytes();
    while let Some((byte, rest)) = bytes.split_first() {
        bytes = rest;
        let encoded = match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
            b' '..=b'~' => 1,
            // Bytes after the first of a character, and characters beyond \uFFFF.
            0x80..=0xBF => 0,
            0xF0..=0xFF => 12,
            _ => 6,
        };
        size = sum([size, encoded]);
    }
    size
}

#[cfg(test)]
mod tests {
    use super::super::command::Command;
    use super::*;

    /// A guest with two commands, named by its parameters.
    macro_rules! named {
        ($guest:ident $one:literal $other:literal) => {
            struct $guest;

            impl Guest for $guest {
                const VERSION: &'static str = "1.0.0";
                const COMMANDS: &'static [Command<Self>] = &[
                    Command::new($one, |_, call| call.respond()?.done()),
                    Command::new($other, |_, call| call.respond()?.done()),
                ];
            }
        };
    }

    #[test]
    fn a_name_is_there_once() {
        named!(Different "guest-a" "guest-b");
        named!(Longer "guest-a" "guest-ab");
        named!(Shorter "guest-ab" "guest-a");
        assert!(names_are_unique::<()>());
        assert!(names_are_unique::<Different>());
        assert!(names_are_unique::<Longer>());
        assert!(names_are_unique::<Shorter>());
        named!(Twice "guest-a" "guest-a");
        named!(BuiltIn "guest-a" "guest-info");
        assert!(!names_are_unique::<Twice>());
        assert!(!names_are_unique::<BuiltIn>());
    }
}
