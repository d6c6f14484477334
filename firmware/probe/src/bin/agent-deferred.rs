//! The agent with its own four commands and the same three, one of which answers later.
#![no_std]
#![no_main]

use guestwire::{Command, CommandError, Guest};

struct Board {
    nanoseconds: i64,
    is_busy: bool,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds)),
        Command::new("guest-set-time", |board: &mut Self, call| {
            let time = call.arguments.optional_integer("time")?;
            let response = call.respond()?;
            if board.is_busy {
                return Err(CommandError::WouldBlock);
            }
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
    const DEFERS: bool = true;

    fn cancelled(&mut self) {
        self.is_busy = false;
    }
}

probe::program! {
    static AGENT: guestwire::Agent<Board, 256, 640> = guestwire::Agent::new(Board { nanoseconds: 0, is_busy: false });
    |agent| loop {
        agent.guest_mut().is_busy = probe::read().is_err();
        agent.retry();
        let _ = agent.read_from(probe::read);
        let _ = agent.write_to(probe::write);
    }
}
