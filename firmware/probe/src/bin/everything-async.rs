//! Every async function, over a port with errors, and over one that comes in halves. The only panic is that of a future
//! that is polled after its end: `firmware/measure` fails if there is another.
#![no_std]
#![no_main]

use core::future::Future;
use core::hint::black_box;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use guestwire::io::{Fault, Halves};
use guestwire::{Agent, Client, Command, CommandError, Guest};
use probe::port::Port;

struct Board;

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("wait", |_, call| {
        let response = call.respond()?;
        if black_box(true) { Err(CommandError::WouldBlock) } else { response.done() }
    })];
    const DEFERS: bool = true;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        black_box(Poll::Pending)
    }
}

async fn everything() {
    let mut agent: Agent<Board, 256, 640> = Agent::new(Board);
    let mut client: Client<256, 256> = Client::new();
    let mut halves = Halves { reader: Port, writer: Port };
    loop {
        let _ = agent.run(&mut Port, Fault::by_kind).await;
        let _ = agent.run(&mut halves, Fault::by_kind).await;
        let _ = agent.run_buffered(&mut Port, Fault::by_kind).await;
        let _ = agent.run_buffered(&mut halves, Fault::by_kind).await;
        let _ = client.exchange(&mut Port, &mut Port, Fault::by_kind).await;
        let _ = client.exchange_buffered(&mut Port, &mut Port, Fault::by_kind).await;
    }
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let mut everything = pin!(everything());
    loop {
        let _ = everything.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}
