//! The agent with its own four commands and three more, without serde.
#![no_std]
#![no_main]

use core::mem::MaybeUninit;

use guestwire::{Agent, Command, CommandError};

struct Board {
    nanoseconds: i64,
}

const COMMANDS: &[Command<Board>] = &[
    Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds)),
    Command::new("guest-set-time", |board: &mut Board, mut call| {
        let time = call.arguments.optional_integer("time")?;
        let response = call.respond()?;
        board.nanoseconds = time.unwrap_or(0);
        response.empty()
    }),
    Command::new("guest-shutdown", |board: &mut Board, mut call| {
        let mode = call.arguments.optional_string("mode")?;
        let response = call.respond()?;
        match mode {
            None => board.nanoseconds = 0,
            Some(mode) if mode == "powerdown" => board.nanoseconds = 1,
            Some(_) => return Err(CommandError::Failed("mode is invalid")),
        }
        response.empty()
    })
    .no_success_response(),
];

#[unsafe(no_mangle)]
static mut AGENT: MaybeUninit<Agent<Board, 256, 640>> = MaybeUninit::uninit();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let Ok(agent) = Agent::new(Board { nanoseconds: 0 }, "1.0.0", COMMANDS) else { loop {} };
    // SAFETY: the only mention of it.
    let agent = unsafe { (*(&raw mut AGENT)).write(agent) };
    loop {
        let _ = agent.poll_read(probe::read);
        let _ = agent.poll_write(probe::write);
    }
}
