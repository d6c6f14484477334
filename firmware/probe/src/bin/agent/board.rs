//! The three measured commands: flash here, stack in `firmware/on-target`.

#[path = "commands.rs"]
mod commands;

use commands::{get_time, set_time, shutdown};
use guestwire::{Command, Guest};

pub struct Board {
    pub nanoseconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board: &mut Self, call| get_time(&mut board.nanoseconds, call)),
        Command::new("guest-set-time", |board: &mut Self, call| set_time(&mut board.nanoseconds, call)),
        Command::new("guest-shutdown", |board: &mut Self, call| shutdown(&mut board.nanoseconds, call))
            .no_success_response(),
    ];
}
