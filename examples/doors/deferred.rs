//! A command that answers later, from a main loop that has other things to do: it counts.
//!
//! `wait` returns what was counted meanwhile. `wait-for-button` waits for ever, and the main loop ends that.

use std::error::Error;
use std::io::{BufReader, Read, Write, stdin, stdout};
use std::sync::mpsc::{TryRecvError, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use guestwire::{Agent, Call, Command, CommandError, CommandResult, Guest, nb};

#[derive(Default)]
struct Board {
    count: u64,
    /// Since when a command waits, and what the count was then.
    waiting: Option<(Instant, u64)>,
}

impl Guest for Board {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] =
        &[Command::new("wait", wait), Command::new("wait-for-button", wait_for_button)];
    const DEFERS: bool = true;

    fn cancelled(&mut self) {
        self.waiting = None;
    }
}

impl Board {
    fn waiting_since(&mut self) -> (Instant, u64) {
        *self.waiting.get_or_insert((Instant::now(), self.count))
    }
}

/// It runs from the start each time that it is asked.
fn wait(board: &mut Board, call: Call<'_>) -> CommandResult {
    let milliseconds = call.arguments.unsigned("milliseconds")?;
    let response = call.respond()?;
    let (since, count) = board.waiting_since();
    if since.elapsed() < Duration::from_millis(milliseconds) {
        return Err(CommandError::WouldBlock);
    }
    board.waiting = None;
    response.unsigned(board.count - count)
}

/// There is no button.
fn wait_for_button(board: &mut Board, call: Call<'_>) -> CommandResult {
    let _ = call.respond()?;
    board.waiting_since();
    Err(CommandError::WouldBlock)
}

/// How long an answer may be owed.
const LIMIT: Duration = Duration::from_secs(2);

pub fn run() -> Result<(), Box<dyn Error>> {
    let (sender, receiver) = channel();
    spawn(move || BufReader::new(stdin()).bytes().map_while(Result::ok).try_for_each(|byte| sender.send(byte)));
    let mut agent: Agent<Board, 256, 640> = Agent::new(Board::default());
    loop {
        agent.guest_mut().count += 1;
        let read = agent.read_from(|| match receiver.try_recv() {
            Ok(byte) => Ok(byte),
            Err(TryRecvError::Empty) => Err(nb::Error::WouldBlock),
            Err(TryRecvError::Disconnected) => Err(nb::Error::Other("the input has ended")),
        });
        agent.retry();
        if agent.guest().waiting.is_some_and(|(since, _)| since.elapsed() > LIMIT) {
            agent.cancel();
        }
        agent.write_to(|byte| stdout().write_all(&[byte]).map_err(nb::Error::Other))?;
        if read.is_err() {
            return Ok(());
        }
        sleep(Duration::from_millis(1));
    }
}
