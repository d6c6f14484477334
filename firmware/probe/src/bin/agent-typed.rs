//! The agent with the built-in commands and the same three as types of `guestwire::commands`.
#![no_std]
#![no_main]

use guestwire::commands::{Done, GetTime, SetTime, Shutdown, ShutdownMode};
use guestwire::{Command, Guest};

struct Board {
    nanoseconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        GetTime::command(|board, call| {
            let (GetTime { .. }, response) = call.parse()?;
            response.encode(board.nanoseconds)
        }),
        SetTime::command(|board: &mut Self, call| {
            let (SetTime { time, .. }, response) = call.parse()?;
            board.nanoseconds = time.unwrap_or(0);
            response.encode(Done)
        }),
        Shutdown::command(|board: &mut Self, call| {
            let (shutdown, response): (Shutdown<'_>, _) = call.parse()?;
            board.nanoseconds = match shutdown.mode()? {
                ShutdownMode::Halt => 1,
                ShutdownMode::Reboot => 2,
                _ => 0, // power down
            };
            response.encode(Done)
        }),
    ];
}

probe::agent!(Board { nanoseconds: 0 });
