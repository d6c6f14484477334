//! The agent with the built-in commands and the same three, in a table that is put together at run time.
#![no_std]
#![no_main]

#[path = "agent/commands.rs"]
mod commands;

use commands::{get_time, set_time, shutdown};
use guestwire::agent::{AgentLent, Entry, Service};

struct Board<'t> {
    commands: &'t [Entry<'t, Self>],
    nanoseconds: i64,
}

impl Service for Board<'_> {
    fn version(&self) -> &str {
        "1.0.0"
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }
}

probe::program! {
    static MEMORY: ([&'static str; 3], [u8; 256], [u8; 640]) =
        (["guest-get-time", "guest-set-time", "guest-shutdown"], [0; 256], [0; 640]);
    |memory| {
        let ([first, second, third], receive, transmit) = memory;
        let commands = [
            Entry::new(first, |board: &mut Board<'_>, call| get_time(&mut board.nanoseconds, call)),
            Entry::new(second, |board: &mut Board<'_>, call| set_time(&mut board.nanoseconds, call)),
            Entry::new(third, |board: &mut Board<'_>, call| shutdown(&mut board.nanoseconds, call)).no_success_response(),
        ];
        let board = Board { commands: &commands, nanoseconds: 0 };
        let Ok(mut agent) = AgentLent::new(board, receive, transmit) else { probe::stop() };
        probe::poll(&mut agent)
    }
}
