//! Commands that answer later, from a main loop in which a LED goes on blinking.
//!
//! `board-wait` waits for the timer, and returns how often the LED blinked meanwhile. `board-wait-for-button` waits for
//! ever, and the main loop ends that.
#![no_std]
#![no_main]

use cortex_m_guest::mps2::{self, LEDS, MCU, UART};
use cortex_m_guest::poll;
use guest::Board as _;
use guestwire::{Agent, Call, Command, CommandError, CommandResult, Guest};

struct Board {
    blinks: u32,
    /// Since when a command waits, in nanoseconds, and how often the LED had blinked then.
    waiting: Option<(i64, u32)>,
}

impl Guest for Board {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] =
        &[Command::new("board-wait", wait), Command::new("board-wait-for-button", wait_for_button)];
    const DEFERS: bool = true;

    fn cancelled(&mut self) {
        self.waiting = None;
    }
}

impl Board {
    fn waiting_since(&mut self) -> (i64, u32) {
        *self.waiting.get_or_insert((MCU.uptime(), self.blinks))
    }
}

/// It runs from the start each time that it is asked.
fn wait(board: &mut Board, call: Call<'_>) -> CommandResult {
    let milliseconds = call.arguments.integer("milliseconds")?;
    let response = call.respond()?;
    let (since, blinks) = board.waiting_since();
    let waited = MCU.uptime().wrapping_sub(since);
    if waited < milliseconds.saturating_mul(1_000_000) {
        return Err(CommandError::WouldBlock);
    }
    board.waiting = None;
    response.object(|counted| {
        counted.member("nanoseconds").integer(waited)?;
        counted.member("blinks").unsigned(board.blinks.wrapping_sub(blinks).into())
    })
}

/// There is no button.
fn wait_for_button(board: &mut Board, call: Call<'_>) -> CommandResult {
    let _ = call.respond()?;
    board.waiting_since();
    Err(CommandError::WouldBlock)
}

/// How long an answer may be owed.
const LIMIT: i64 = 1_000_000_000;

#[cortex_m_rt::entry]
fn main() -> ! {
    mps2::start();
    let mut agent: Agent<Board, 256, 640> = Agent::new(Board { blinks: 0, waiting: None });
    loop {
        let board = agent.guest_mut();
        board.blinks = board.blinks.wrapping_add(1);
        LEDS.write(0, board.blinks & 1);
        agent.retry();
        if agent.guest().waiting.is_some_and(|(since, _)| MCU.uptime().wrapping_sub(since) > LIMIT) {
            agent.cancel();
        }
        poll(&mut agent, &UART);
    }
}
