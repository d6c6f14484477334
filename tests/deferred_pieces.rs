//! Pieces of a string that the guest does not take yet, and commands that answer later once they have all of them.

mod exchange;
mod random;

use std::collections::VecDeque;
use std::convert::Infallible;

use exchange::{error, error_with_id, exchange};
use guestwire::agent::guest_info_size;
use guestwire::frame::Piece;
use guestwire::{Agent, Command, CommandError, Decoder, Event, Guest};
use random::Random;

/// What it is given in the wrong order, twice, or not at all fails here.
#[derive(Debug, Default)]
struct Flash {
    /// How often it takes a piece or answers before it would block again.
    ready: usize,
    /// The pieces of the request that is being received or has begun.
    staged: Option<String>,
    /// Whether the staged string has ended.
    is_whole: bool,
    begun: Option<i64>,
    written: Vec<i64>,
    discarded: usize,
    cancelled: usize,
    frozen: bool,
}

impl Flash {
    fn is_ready(&mut self) -> bool {
        let is_ready = self.ready > 0;
        self.ready = self.ready.saturating_sub(1);
        is_ready
    }
}

/// What the request with that number writes.
fn content(number: i64) -> String {
    format!("{number}:{}", "0123456789".repeat(number as usize % 23))
}

impl Guest for Flash {
    const VERSION: &'static str = "1.0.0";
    const DEFERS: bool = true;
    const STREAMED: &'static [&'static str] = &["text"];
    const COMMANDS: &'static [Command<Self>] = &[Command::new("write", |flash: &mut Self, call| {
        let number = call.arguments.integer("n")?;
        call.arguments.streamed("text")?;
        let response = call.respond()?;
        assert_eq!(flash.staged, Some(content(number)));
        assert!(flash.is_whole && flash.begun.is_none_or(|begun| begun == number));
        flash.begun = Some(number);
        if !flash.is_ready() {
            return Err(CommandError::WouldBlock);
        }
        (flash.begun, flash.staged) = (None, None);
        flash.written.push(number);
        response.integer(number)
    })];

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        assert_eq!(self.begun, None, "a command has begun");
        if !self.is_ready() {
            return Err(nb::Error::WouldBlock);
        }
        if piece.is_first {
            assert_eq!(self.staged.replace(String::new()), None, "it was not told that these are discarded");
        } else {
            assert!(!self.is_whole, "a piece after the last one");
        }
        let staged = self.staged.as_mut().expect("the first piece comes first");
        staged.push_str(std::str::from_utf8(piece.content).unwrap());
        self.is_whole = piece.is_last;
        Ok(())
    }

    fn discarded(&mut self) {
        assert_eq!(self.begun, None, "it was not told that the command is cancelled");
        assert!(self.staged.take().is_some(), "there is nothing to discard");
        self.discarded += 1;
    }

    fn cancelled(&mut self) {
        assert!(self.begun.take().is_some(), "no command has begun");
        assert!(self.staged.is_some(), "they are discarded after that");
        self.cancelled += 1;
    }
}

const RX: usize = 80;

type Writing = Agent<Flash, RX, { guest_info_size::<Flash>() }>;

const PING: &[u8] = b"{\"execute\":\"guest-ping\"}\n";
const PONG: &[u8] = b"{\"return\": {}}\n";
const CANCELLED: &str = "The command was cancelled";

fn request(number: i64, random: &mut Random) -> String {
    let text = format!("\"text\":\"{}\"", content(number));
    let arguments = if random.one_in(2) { format!("{text},\"n\":{number}") } else { format!("\"n\":{number},{text}") };
    match random.below(3) {
        0 => format!("{{\"arguments\":{{{arguments}}},\"execute\":\"write\",\"id\":{number}}}\n"),
        1 => format!("{{\"id\":{number},\"execute\":\"write\",\"arguments\":{{{arguments}}}}}\n"),
        _ => format!("{{\"execute\":\"write\",\"arguments\":{{{arguments}}},\"id\":{number}}}\n"),
    }
}

/// An agent that has been given the first `taken` pieces of a request and does not take the next. And what is left of
/// it.
fn blocked(taken: usize) -> (Writing, Vec<u8>) {
    let mut agent: Writing = Agent::new(Flash { ready: taken, ..Flash::default() });
    let mut request = request(20, &mut Random(0)).into_bytes();
    let count = agent.push_slice(&request);
    assert!(agent.owes() && count < request.len(), "{count}");
    assert_eq!(agent.guest().staged.is_some(), taken > 0);
    (agent, request.split_off(count))
}

#[test]
fn a_piece_that_is_not_taken_is_given_again() {
    for taken in [0, 1, 2] {
        let (mut agent, rest) = blocked(taken);
        agent.retry();
        assert!(agent.owes() && !agent.push(b'x') && agent.push_slice(&rest) == 0);
        agent.guest_mut().ready = 1000;
        agent.retry();
        assert_eq!(exchange(&mut agent, &rest), b"{\"return\": 20, \"id\": 20}\n");
        let flash = agent.guest();
        assert_eq!((flash.written.as_slice(), flash.discarded, flash.cancelled), (&[20][..], 0, 0));
    }
}

#[test]
fn a_reset_discards_what_was_taken_once() {
    for taken in [0, 1, 2] {
        let (mut agent, _) = blocked(taken);
        agent.reset();
        agent.reset();
        assert!(!agent.owes());
        assert_eq!((agent.guest().discarded, agent.guest().cancelled), (taken.min(1), 0));
        assert_eq!(exchange(&mut agent, PING), PONG);
    }
}

/// A command has begun with them, and does not end: the guest is told of both.
#[test]
fn a_command_that_is_dropped_leaves_its_pieces_to_be_discarded() {
    for end in [Writing::reset as fn(&mut Writing), Writing::cancel] {
        // As many as there are, so that none is left for the command.
        let mut agent: Writing = Agent::new(Flash::default());
        let request = request(20, &mut Random(0)).into_bytes();
        let mut rest = request.trim_ascii();
        while !rest.is_empty() {
            rest = &rest[agent.push_slice(rest)..];
            while agent.owes() && agent.guest().begun.is_none() {
                agent.guest_mut().ready = 1;
                agent.retry();
            }
        }
        assert!(agent.owes());
        agent.retry();
        assert_eq!(agent.guest().discarded, 0, "it may still answer");
        end(&mut agent);
        agent.reset();
        assert_eq!((agent.guest().discarded, agent.guest().cancelled), (1, 1));
        assert_eq!(exchange(&mut agent, PING), PONG);
    }
}

/// The rest of it is taken and dropped, and then it is answered.
#[test]
fn a_cancel_refuses_the_rest_of_it() {
    for taken in [0, 1, 2] {
        let (mut agent, rest) = blocked(taken);
        agent.cancel();
        assert!(!agent.owes() && agent.transmit().is_empty());
        assert_eq!((agent.guest().discarded, agent.guest().cancelled), (taken.min(1), 0));
        agent.guest_mut().ready = 1000;
        let answer = String::from_utf8(exchange(&mut agent, &rest)).unwrap();
        assert_eq!(answer, error_with_id("20", "GenericError", CANCELLED));
        assert_eq!((agent.guest().written.len(), agent.guest().discarded), (0, taken.min(1)));
        assert_eq!(exchange(&mut agent, PING), PONG);
    }
}

#[test]
fn a_gap_breaks_it() {
    for taken in [0, 1, 2] {
        for (gap, desc) in [
            (Writing::lost as fn(&mut Writing), "JSON parse error, bytes were lost"),
            (Writing::corrupted, "JSON parse error, invalid syntax"),
        ] {
            let (mut agent, rest) = blocked(taken);
            gap(&mut agent);
            assert!(!agent.owes());
            assert_eq!((agent.guest().discarded, agent.guest().cancelled), (taken.min(1), 0));
            agent.guest_mut().ready = 1000;
            let answers = String::from_utf8(exchange(&mut agent, &[&rest, PING].concat())).unwrap();
            assert_eq!(answers, error("GenericError", desc) + std::str::from_utf8(PONG).unwrap());
            assert_eq!((agent.guest().written.len(), agent.guest().discarded), (0, taken.min(1)));
        }
    }
}

/// What a request or an error is due.
#[derive(Debug, PartialEq)]
enum Due {
    Answer(i64),
    Error,
}

/// Each request that was taken has one answer, in order, or was reset; only what was whole is written, and what was
/// staged of the rest is discarded, once.
#[test]
fn any_order_of_events() {
    let (mut written, mut discarded, mut cancelled) = (0, 0, 0);
    for seed in 0..10_000 {
        let mut random = Random(seed);
        let mut agent: Writing = Agent::new(Flash::default());
        // It holds any request as a whole, and tells what the agent was sent.
        let mut decoder: Decoder<1000> = Decoder::new();
        let mut due = VecDeque::new();
        let (mut input, mut line) = (Vec::new(), Vec::new());
        let mut number = 0;
        for turn in 0..300 {
            let is_end = turn >= 280;
            match if is_end { [10, 14][turn % 2] } else { random.below(24) } {
                0..8 => {
                    if input.len() < 40 {
                        number += 1;
                        let request = request(number, &mut random);
                        input.extend_from_slice(match random.below(12) {
                            0 => &request.as_bytes()[..random.below(request.len())],
                            1 => b"\xFF",
                            2 => PING,
                            _ => request.as_bytes(),
                        });
                    }
                    let most = random.below(input.len() + 1);
                    let taken = if random.one_in(2) {
                        input[..most].iter().take_while(|byte| agent.push(**byte)).count()
                    } else {
                        agent.push_slice(&input[..most])
                    };
                    for byte in input.drain(..taken) {
                        match decoder.push(byte) {
                            Ok(Some(Event::Frame(frame))) => {
                                let request: serde_json::Value = serde_json::from_slice(frame.as_bytes()).unwrap();
                                due.push_back(request["id"].as_i64().map_or(Due::Error, Due::Answer));
                            }
                            Ok(_) => {}
                            Err(_) => due.push_back(Due::Error),
                        }
                    }
                }
                8..14 => {
                    let count = if is_end { usize::MAX } else { random.pick(&[1, 10, usize::MAX]) };
                    let count = count.min(agent.transmit().len());
                    line.extend_from_slice(&agent.transmit()[..count]);
                    agent.transmitted(count);
                    if line.ends_with(b"\n") {
                        let answer: serde_json::Value = serde_json::from_slice(&line).unwrap();
                        let id = answer["id"].as_i64();
                        assert_eq!(due.pop_front(), Some(id.map_or(Due::Error, Due::Answer)), "{seed}: {answer}");
                        line.clear();
                    }
                }
                14..18 => {
                    agent.guest_mut().ready = if is_end { 1000 } else { random.below(4) };
                    agent.retry();
                }
                18 => agent.cancel(),
                19 | 20 => {
                    let room = 2 + usize::from(!agent.transmit().is_empty());
                    let error = if random.one_in(2) {
                        agent.lost();
                        decoder.lost()
                    } else {
                        agent.corrupted();
                        decoder.corrupted()
                    };
                    if error.is_err() {
                        // An error takes the place of another where two outcomes wait already.
                        if due.len() == room {
                            assert_eq!(due.pop_back(), Some(Due::Error));
                        }
                        due.push_back(Due::Error);
                    }
                }
                21 if random.one_in(3) => {
                    agent.reset();
                    decoder.reset();
                    due.clear();
                    line.clear();
                    assert_eq!(agent.guest().staged, None);
                }
                22 => agent.guest_mut().frozen = !agent.guest().frozen,
                _ => agent.guest_mut().ready = random.below(30),
            }
        }
        assert_eq!(due, [], "{seed}: each has had its answer");
        let flash = agent.guest();
        assert!(flash.begun.is_none() && flash.written.is_sorted());
        written += flash.written.len();
        discarded += flash.discarded;
        cancelled += flash.cancelled;
    }
    println!("{written} written, {discarded} discarded, {cancelled} cancelled");
    assert!(written > 1000 && discarded > 1000 && cancelled > 100, "{written} {discarded} {cancelled}");
}
