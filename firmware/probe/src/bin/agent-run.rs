//! The agent with the built-in commands and three, as a future over a port of embedded-io-async with errors.
#![no_std]
#![no_main]

#[path = "agent/board.rs"]
mod board;

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};

use board::Board;
use guestwire::Agent;
use guestwire::io::Fault;
use probe::port::Port;

probe::program! {
    static AGENT: Agent<Board, 256, 640> = Agent::new(Board { nanoseconds: 0 });
    |agent| {
        let mut port = Port;
        let mut run = pin!(agent.run(&mut port, Fault::by_kind));
        while run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
        probe::stop()
    }
}
