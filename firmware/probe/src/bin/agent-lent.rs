//! The agent with the built-in commands and the same three, over buffers that are lent to it.
#![no_std]
#![no_main]

#[path = "agent/board.rs"]
mod board;

use board::Board;
use guestwire::agent::AgentLent;

probe::program! {
    static BUFFERS: ([u8; 256], [u8; 640]) = ([0; 256], [0; 640]);
    |buffers| {
        let (receive, transmit) = buffers;
        let Ok(mut agent) = AgentLent::new(Board { nanoseconds: 0 }, receive, transmit) else { probe::stop() };
        probe::poll(&mut agent)
    }
}
