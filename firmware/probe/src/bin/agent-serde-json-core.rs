//! The agent with the built-in commands and the same three as types with serde's traits, read and written by
//! serde-json-core.
#![no_std]
#![no_main]

use guestwire::agent::Responder;
use guestwire::message::Arguments;
use guestwire::{Command, CommandError, CommandResult, Guest};
use serde::{Deserialize, Serialize};

struct Board {
    nanoseconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board, call| {
            let NoArguments {} = read(call.arguments)?;
            write(call.respond()?, &board.nanoseconds)
        }),
        Command::new("guest-set-time", |board, call| {
            let SetTime { time } = read(call.arguments)?;
            board.nanoseconds = time.unwrap_or(0);
            write(call.respond()?, &Done {})
        }),
        Command::new("guest-shutdown", |board: &mut Self, call| {
            let Shutdown { mode } = read(call.arguments)?;
            board.nanoseconds = mode.unwrap_or(Mode::Powerdown) as i64;
            write(call.respond()?, &Done {})
        })
        .no_success_response(),
    ];
}

fn read<'a, T: Deserialize<'a>>(arguments: &mut Arguments<'a>) -> Result<T, CommandError> {
    // The longest string with escapes in it.
    let mut scratch = [0; 16];
    match serde_json_core::from_slice_escaped(arguments.value().as_bytes(), &mut scratch) {
        Ok((read, _)) => Ok(read),
        Err(_) => Err(CommandError::Failed("The arguments are wrong")),
    }
}

fn write<T: Serialize>(response: Responder<'_>, value: &T) -> CommandResult {
    let mut text = [0; 32];
    let length = serde_json_core::to_slice(value, &mut text).map_err(|_| CommandError::DoesNotFit)?;
    response.json(text.get(..length).unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetTime {
    time: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shutdown {
    mode: Option<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Powerdown,
    Halt,
    Reboot,
}

#[derive(Serialize)]
struct Done {}

probe::agent!(Board { nanoseconds: 0 });
