//! The guest of docs/loops.md, on Embassy.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_guest::uart::{Rx, Tx};
use guestwire::io::{Fault, Halves};
use guestwire::{Agent, Command, Guest};

struct Board {
    nanoseconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] =
        &[Command::new("guest-get-time", |board, call| call.respond()?.integer(board.nanoseconds))];
}

#[embassy_executor::task]
async fn serve(rx: Rx, tx: Tx) {
    let mut agent: Agent<Board, 256, 640> = Agent::new(Board { nanoseconds: 0 });
    let mut port = Halves { reader: rx, writer: tx };
    let Err(_) = agent.run(&mut port, Fault::by_kind).await; // a UART does not close
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let Some((rx, tx)) = embassy_guest::start() else { return };
    spawner.spawn(serve(rx, tx).unwrap());
}
