//! The agent with the built-in commands and the same three, one of which answers later.
#![no_std]
#![no_main]

#[path = "agent/commands.rs"]
mod commands;

use commands::{get_time, set_time, shutdown};
use guestwire::{Command, CommandError, Guest};

struct Board {
    nanoseconds: i64,
    is_busy: bool,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board: &mut Self, call| get_time(&mut board.nanoseconds, call)),
        Command::new("guest-set-time", |board: &mut Self, call| match board.is_busy {
            true => Err(CommandError::WouldBlock),
            false => set_time(&mut board.nanoseconds, call),
        }),
        Command::new("guest-shutdown", |board: &mut Self, call| shutdown(&mut board.nanoseconds, call))
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
