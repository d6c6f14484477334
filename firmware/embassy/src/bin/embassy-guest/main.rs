//! A guest agent as a task of Embassy's executor, beside one that keeps time.
#![no_std]
#![no_main]

mod board;

use board::Board;
use embassy_executor::Spawner;
use embassy_guest::uart::{Rx, Tx};
use guestwire::Agent;
use guestwire::agent::guest_info_size;
use guestwire::io::{Fault, Halves, IoError};

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let Some((rx, tx)) = embassy_guest::start() else { return };
    let (Ok(serve), Ok(tick)) = (serve(rx, tx), board::tick()) else { return };
    spawner.spawn(serve);
    spawner.spawn(tick);
}

#[embassy_executor::task]
async fn serve(rx: Rx, tx: Tx) {
    let mut agent: Agent<_, 512, { guest_info_size::<Board>() }> = Agent::new(Board::default());
    let mut port = Halves { reader: rx, writer: tx };
    let fault = |error: &_| {
        defmt::warn!("bytes are missing");
        Fault::by_kind(error)
    };
    match agent.run(&mut port, fault).await {
        Err(IoError::Closed) => defmt::error!("a UART does not close"),
        Err(IoError::Port(_)) => defmt::error!("the UART is broken"),
    }
}
