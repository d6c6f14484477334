//! The agent with its own four commands and the same three as types of `guestwire::commands`.
#![no_std]
#![no_main]

use guestwire::commands::{Done, GetTime, SetTime, Shutdown, ShutdownMode};
use guestwire::{Agent, Command, Guest};

struct Board {
    nanoseconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        GetTime::command(|board, call| {
            let (GetTime {}, response) = call.parse()?;
            response.encode(board.nanoseconds)
        }),
        SetTime::command(|board: &mut Self, call| {
            let (SetTime { time }, response) = call.parse()?;
            board.nanoseconds = time.unwrap_or(0);
            response.encode(Done)
        }),
        Shutdown::command(|board: &mut Self, call| {
            let (shutdown, response): (Shutdown<'_>, _) = call.parse()?;
            board.nanoseconds = match shutdown.mode()? {
                ShutdownMode::Powerdown => 0,
                ShutdownMode::Halt => 1,
                ShutdownMode::Reboot => 2,
            };
            response.encode(Done)
        }),
    ];
}

#[unsafe(no_mangle)]
static mut AGENT: Agent<Board, 256, 640> = Agent::new(Board { nanoseconds: 0 });

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let agent = &raw mut AGENT;
    // SAFETY: the only mention of it.
    let agent = unsafe { &mut *agent };
    loop {
        let _ = agent.poll_read(probe::read);
        let _ = agent.poll_write(probe::write);
    }
}
