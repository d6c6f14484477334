//! Two agents of different sizes on two UARTs, one copy of code. Their buffers come from one pool.
#![no_std]
#![no_main]

use cortex_m::singleton;
use cortex_m_guest::mps2::{self, SECOND_UART, UART};
use cortex_m_guest::{halt, poll};
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

/// Takes bytes from the front of a pool. An agent refuses a buffer that is too small.
fn take<'p>(pool: &mut &'p mut [u8], count: usize) -> &'p mut [u8] {
    pool.split_off_mut(..count).unwrap_or_default()
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let Some(pool) = singleton!(: [u8; 2640] = [0; 2640]) else { halt() };
    let mut pool = pool.as_mut_slice();
    let small = AgentLent::over(Board { name: "small" }, take(&mut pool, 80), take(&mut pool, 512));
    let large = AgentLent::over(Board { name: "large" }, take(&mut pool, 1024), take(&mut pool, 1024));
    let (Ok(mut small), Ok(mut large)) = (small, large) else { halt() };
    mps2::start();
    loop {
        poll(&mut small, &UART);
        poll(&mut large, &SECOND_UART);
    }
}
