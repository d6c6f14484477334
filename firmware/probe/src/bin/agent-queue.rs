//! The agent with the built-in commands and three, over a queue that an interrupt handler fills.
#![no_std]
#![no_main]

#[path = "agent/board.rs"]
mod board;

use board::Board;
use guestwire::Agent;
use guestwire::io::{Halves, RxConsumer, RxEntry, RxProducer};
use heapless::spsc::Queue;
use probe::LineError;
use probe::port::Port;

probe::program! {
    static MEMORY: (Agent<Board, 256, 640>, Queue<RxEntry, 257>) =
        (Agent::new(Board { nanoseconds: 0 }), Queue::new());
    |memory| {
        let (agent, queue) = memory;
        let (producer, consumer) = queue.split();
        let (mut handler, mut port) = (RxProducer::new(producer), Halves { reader: RxConsumer::new(consumer), writer: Port });
        loop {
            // Stands for the handler.
            match probe::read_or_err() {
                Ok(byte) => handler.push(byte),
                Err(nb::Error::Other(LineError::Overrun)) => handler.lost(),
                Err(nb::Error::Other(LineError::Framing)) => handler.corrupted(),
                Err(nb::Error::WouldBlock) => {}
            }
            let _ = agent.poll_nb(&mut port);
        }
    }
}
