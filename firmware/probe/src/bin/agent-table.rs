//! The agent with its own four commands and the same three, in a table that is put together at run time.
#![no_std]
#![no_main]

use guestwire::agent::{AgentLent, Entry, Service};
use guestwire::{Call, CommandError, CommandResult};

struct Board<'t> {
    commands: &'t [Entry<'t, Self>],
    nanoseconds: i64,
}

impl Service for Board<'_> {
    fn version(&self) -> &str {
        "1.0.0"
    }

    fn command(&self, index: usize) -> Option<&Entry<'_, Self>> {
        self.commands.get(index)
    }
}

fn get_time(board: &mut Board<'_>, call: Call<'_>) -> CommandResult {
    call.respond()?.integer(board.nanoseconds)
}

fn set_time(board: &mut Board<'_>, call: Call<'_>) -> CommandResult {
    let time = call.arguments.optional_integer("time")?;
    let response = call.respond()?;
    board.nanoseconds = time.unwrap_or(0);
    response.done()
}

fn shutdown(board: &mut Board<'_>, call: Call<'_>) -> CommandResult {
    let mode = call.arguments.optional_string("mode")?;
    let response = call.respond()?;
    board.nanoseconds = match mode {
        None => 0,
        Some(mode) if mode == "powerdown" => 1,
        Some(_) => return Err(CommandError::Failed("mode is invalid")),
    };
    response.done()
}

probe::program! {
    static MEMORY: ([&'static str; 3], [u8; 256], [u8; 640]) =
        (["guest-get-time", "guest-set-time", "guest-shutdown"], [0; 256], [0; 640]);
    |memory| {
        let ([first, second, third], receive, transmit) = memory;
        let commands = [
            Entry::new(first, get_time),
            Entry::new(second, set_time),
            Entry::new(third, shutdown).no_success_response(),
        ];
        let board = Board { commands: &commands, nanoseconds: 0 };
        let Ok(mut agent) = AgentLent::over(board, receive, transmit) else { loop {} };
        probe::poll(&mut agent)
    }
}
