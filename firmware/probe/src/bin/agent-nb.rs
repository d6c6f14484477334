//! The agent with the built-in commands and three, over a port of embedded-hal-nb with errors.
#![no_std]
#![no_main]

#[path = "agent/board.rs"]
mod board;

use board::Board;
use guestwire::Agent;
use probe::port::Port;

probe::program! {
    static AGENT: Agent<Board, 256, 640> = Agent::new(Board { nanoseconds: 0 });
    |agent| loop {
        let _ = agent.poll_nb(&mut Port);
    }
}
