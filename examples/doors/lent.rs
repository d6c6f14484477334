//! Two agents of different sizes, one copy of code: their buffers come from one pool. Each hears every line.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::sync::{Mutex, PoisonError};

use guestwire::agent::AgentLent;
use guestwire::{Command, Guest};

struct Board {
    name: &'static str,
}

impl Guest for Board {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] =
        &[Command::new("board-name", |board, call| call.respond()?.string(board.name))];
}

static POOL: Mutex<[u8; 4096]> = Mutex::new([0; 4096]);

pub fn run() -> Result<(), Box<dyn Error>> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let (for_small, for_large) = pool.split_at_mut(80 + 512);
    let (receive, transmit) = for_small.split_at_mut(80);
    let small = AgentLent::over(Board { name: "small" }, receive, transmit)?;
    let (receive, transmit) = for_large.split_at_mut(1024);
    let large = AgentLent::over(Board { name: "large" }, receive, transmit)?;
    let mut agents = [small, large];
    for line in stdin().lock().lines() {
        let line = line?;
        for agent in &mut agents {
            write!(stdout(), "{}: ", agent.guest().name)?;
            crate::answer(agent, line.as_bytes(), &mut stdout())?;
        }
    }
    Ok(())
}
