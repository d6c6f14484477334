//! How a frame becomes a response.

use core::marker::PhantomData;

use super::call::{Call, CommandResult, Response, Success};
use super::command::{Availability, Command};
use super::error::{CommandError, ErrorClass, error_response};
use super::guest::Guest;
use crate::error::FrameError;
use crate::json::string::Text;
use crate::json::value::Value;
use crate::log::{debug, trace, warn};
use crate::message::{Description, Envelope};

/// The commands that every agent has. They come first, and cannot be disabled, so that no guest can
/// prevent a resynchronization.
struct BuiltIn<G>(PhantomData<G>);

impl<G: Guest> BuiltIn<G> {
    const COMMANDS: &'static [Command<G>] = &[
        Command::built_in("guest-sync-delimited", sync, Success::DelimitedResponse),
        Command::built_in("guest-sync", sync, Success::Response),
        Command::built_in("guest-ping", |_, call| call.respond()?.done(), Success::Response),
        Command::built_in("guest-info", info, Success::Response),
    ];
}

/// The agent's own commands come first.
#[cfg_attr(target_pointer_width = "32", inline(never))] // 28 bytes of flash less
fn command_at<G: Guest>(index: usize) -> Option<&'static Command<G>> {
    let own = BuiltIn::<G>::COMMANDS;
    own.get(index).or_else(|| G::COMMANDS.get(index.wrapping_sub(own.len())))
}

fn all_commands<G: Guest>() -> impl Iterator<Item = &'static Command<G>> {
    (0..).map_while(command_at)
}

/// Answers a frame, or that it is broken, and returns the length of the response, 0 for none.
pub(super) fn answer<G: Guest>(
    guest: &mut G,
    envelope: &Envelope<'_>,
    error: Option<FrameError>,
    transmit: &mut [u8],
) -> usize {
    let mut id = envelope.id();
    let (class, description) = match (error, envelope.check()) {
        (Some(error), _) => (ErrorClass::GenericError, Description::fixed(error.desc())),
        (None, Err(fault)) => (ErrorClass::GenericError, fault.description()),
        (None, Ok(command)) => match execute(guest, command, envelope, &mut id, transmit) {
            Ok(length) => return length,
            Err(error) => error,
        },
    };
    error_response(transmit, id, class, &description)
}

fn execute<'q, G: Guest>(
    guest: &mut G,
    name: Text<'q>,
    envelope: &Envelope<'q>,
    id: &mut Option<Value<'q>>,
    transmit: &mut [u8],
) -> Result<usize, (ErrorClass, Description<'q>)> {
    let refusal = |template| {
        let word = name.as_escaped_bytes();
        Err((ErrorClass::CommandNotFound, Description { template, path: b"", word }))
    };
    let Some(command) = all_commands::<G>().find(|command| name == command.name) else {
        return refusal("The command # has not been found");
    };
    if let Some(template) = objection(guest, command) {
        debug!("{} is not to be run now", command.name);
        return refusal(template);
    }
    trace!("{}", command.name);
    let mut arguments = envelope.arguments();
    let mut response = Response::begin(command.success, *id, transmit);
    match (command.handler)(guest, Call { arguments: &mut arguments, response: &mut response }) {
        Ok(response) => Ok(if response.is_error || command.success != Success::Nothing { response.length } else { 0 }),
        Err(error) => {
            match error {
                CommandError::DoesNotFit => warn!("{}: response too long", command.name),
                CommandError::Argument(fault) if fault.is_duplicate_key() => *id = None,
                _ => {}
            }
            Err((ErrorClass::GenericError, error.description(envelope.argument_value())))
        }
    }
}

/// Why a command is not to be run now.
fn objection<G: Guest>(guest: &G, command: &Command<G>) -> Option<&'static str> {
    if guest.is_frozen() && command.availability == Availability::UnlessFrozen {
        Some("Command # has been disabled: the agent is in frozen state")
    } else if command.availability != Availability::Always && guest.is_disabled(command.name) {
        Some("Command # has been disabled")
    } else {
        None
    }
}

fn sync<G>(_: &mut G, call: Call<'_>) -> CommandResult {
    let id = call.arguments.integer("id")?;
    call.respond()?.integer(id)
}

fn info<G: Guest>(guest: &mut G, call: Call<'_>) -> CommandResult {
    let word = |value| if value { b"true".as_slice() } else { b"false" };
    call.respond()?.write(|encoder| {
        encoder.put(b"{\"version\": \"");
        encoder.put_text(G::VERSION);
        let mut separator: &[u8] = b"\", \"supported_commands\": [";
        for command in all_commands::<G>() {
            encoder.put(separator);
            encoder.put(b"{\"enabled\": ");
            encoder.put(word(objection(guest, command).is_none()));
            encoder.put(b", \"name\": \"");
            encoder.put_text(command.name);
            encoder.put(b"\", \"success-response\": ");
            encoder.put(word(command.success != Success::Nothing));
            separator = b"}, ";
        }
        encoder.put(b"}]}");
    })
}

/// Whether no two commands have the same name.
pub(super) const fn names_are_unique<G: Guest>() -> bool {
    let mut table = G::COMMANDS;
    while let Some((command, rest)) = table.split_first() {
        table = rest;
        if is_among(command.name, rest) || is_among(command.name, BuiltIn::<G>::COMMANDS) {
            return false;
        }
    }
    true
}

const fn is_among<G>(name: &str, mut commands: &[Command<G>]) -> bool {
    while let Some((command, rest)) = commands.split_first() {
        commands = rest;
        if is_same(name, command.name) {
            return true;
        }
    }
    false
}

const fn is_same(one: &str, other: &str) -> bool {
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
    let mut size = r#"{"return": {"version": "", "supported_commands": []}, "id": -9223372036854775808}_"#.len();
    size = size.saturating_add(encoded_size(G::VERSION));
    size = size.saturating_add(entries_size(BuiltIn::<G>::COMMANDS));
    size = size.saturating_add(entries_size(G::COMMANDS));
    size.saturating_sub(", ".len())
}

const fn entries_size<G>(mut commands: &[Command<G>]) -> usize {
    let mut size = 0_usize;
    while let Some((command, rest)) = commands.split_first() {
        commands = rest;
        size = size
            .saturating_add(r#"{"enabled": , "name": "", "success-response": }, "#.len())
            .saturating_add(encoded_size(command.name))
            .saturating_add(word_size(matches!(command.availability, Availability::Always)))
            .saturating_add(word_size(!matches!(command.success, Success::Nothing)));
    }
    size
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
        size = size.saturating_add(match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
            b' '..=b'~' => 1,
            // Bytes after the first of a character, and characters beyond \uFFFF.
            0x80..=0xBF => 0,
            0xF0..=0xFF => 12,
            _ => 6,
        });
    }
    size
}

#[cfg(test)]
mod tests {
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
