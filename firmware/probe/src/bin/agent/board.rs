//! The three measured commands: flash here, stack in `firmware/on-target`.

use guestwire::{Command, CommandError, Guest};

pub struct Board {
    pub nanoseconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds)),
        Command::new("guest-set-time", |board, call| {
            let time = call.arguments.optional_integer("time")?;
            let response = call.respond()?;
            board.nanoseconds = time.unwrap_or(0);
            response.done()
        }),
        Command::new("guest-shutdown", |board: &mut Self, call| {
            let mode = call.arguments.optional_string("mode")?;
            let response = call.respond()?;
            board.nanoseconds = match mode {
                None => 0,
                Some(mode) if mode == "powerdown" => 1,
                Some(_) => return Err(CommandError::Failed("mode is invalid")),
            };
            response.done()
        })
        .no_success_response(),
    ];
}
