//! The agent with the built-in commands and the same three as types with serde's traits.
#![no_std]
#![no_main]

use guestwire::{Command, Guest};
use serde::{Deserialize, Serialize};

struct Board {
    nanoseconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board, call| {
            let (NoArguments {}, response) = call.deserialize()?;
            response.serialize(&board.nanoseconds)
        }),
        Command::new("guest-set-time", |board, call| {
            let (SetTime { time, .. }, response) = call.deserialize()?;
            board.nanoseconds = time.unwrap_or(0);
            response.serialize(&Done {})
        }),
        Command::new("guest-shutdown", |board: &mut Self, call| {
            let (Shutdown { mode }, response) = call.deserialize()?;
            board.nanoseconds = mode.unwrap_or(Mode::Powerdown) as i64;
            response.serialize(&Done {})
        })
        .no_success_response(),
    ];
}

#[derive(Deserialize)]
struct NoArguments {}

#[derive(Deserialize)]
struct SetTime {
    time: Option<i64>,
}

#[derive(Deserialize)]
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
