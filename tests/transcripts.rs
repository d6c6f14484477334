//! 1461 recorded exchanges with qemu-ga 7.2.22, each answered again.
//!
//! Well-formed input: the recorded bytes, except for differences that docs/wire-format.md lists; each is named and counted.
//! Malformed input: the outcomes of `reference`, with each valid frame answered by the bytes recorded for it.

mod differences;
mod exchange;
mod recordings;
mod reference;

use std::collections::BTreeMap;

use differences::{Tally, lines, show, why_different, why_different_response};
use exchange::{error, exchange};
use guestwire::{Agent, Command, Guest};
use recordings::{Recording, recordings};
use reference::{Due, Fault};

const N: usize = 65535;
type TestAgent<G> = Box<Agent<G, N, N>>;

/// Only what guestwire builds in.
/// With the version of the agent that was recorded.
struct BuiltIn;

impl Guest for BuiltIn {
    const VERSION: &'static str = "7.2.22";
    const COMMANDS: &'static [Command<Self>] = &[];
}

fn built_in() -> TestAgent<BuiltIn> {
    Box::new(Agent::new(BuiltIn))
}

fn frames(input: &[u8]) -> Option<Vec<Vec<u8>>> {
    let frame = |(_, due)| if let Due::Frame(frame) = due { Some(frame) } else { None };
    reference::due_bytes(input, N).into_iter().map(frame).collect()
}

#[test]
fn well_formed_input_is_answered_with_the_recorded_bytes() {
    let mut tally = Tally::default();
    for recording in recordings().iter().filter(|recording| recording.agent == "default") {
        let Some(frames) = frames(&recording.input) else { continue };
        let ours = exchange(&mut *built_in(), &recording.input);
        match why_different(&frames, &ours, &recording.output) {
            Some(rule) => tally.count(rule),
            None => tally.unexplained.push(format!(
                "{}\n   in     {}\n   ours   {}\n   theirs {}",
                recording.name,
                show(&recording.input),
                show(&ours),
                show(&recording.output)
            )),
        }
    }
    tally.finish();
}

/// What the reference agent answered to a frame that came alone.
fn answers_to_frames() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let alone = |recording: &Recording| match frames(&recording.input)?.as_slice() {
        [frame] => Some((frame.clone(), recording.output.clone())),
        _ => None,
    };
    recordings().iter().filter(|recording| recording.agent == "default").filter_map(alone).collect()
}

#[test]
fn malformed_input_is_answered_as_the_rules_say() {
    let answers = answers_to_frames();
    let mut tally = Tally::default();
    for recording in recordings().iter().filter(|recording| recording.agent == "default") {
        if frames(&recording.input).is_some() {
            continue;
        }
        let ours = exchange(&mut *built_in(), &recording.input);
        let mut lines = lines(&ours).into_iter();
        let mut check = |due: Due| -> Option<&'static str> {
            match due {
                Due::Sentinel => Some("sentinels, in silence"),
                Due::Error(fault) => {
                    let desc = match fault {
                        Fault::Noise => "JSON parse error, expecting value",
                        Fault::Syntax => "JSON parse error, invalid syntax",
                        Fault::TooDeep => "JSON nesting depth limit exceeded",
                        Fault::Overflow => "JSON token size limit exceeded",
                        Fault::Lost => return None,
                    };
                    (lines.next()? == error("GenericError", desc).as_bytes()).then_some("errors, one each")
                }
                Due::Frame(frame) => {
                    let line = lines.next()?;
                    let is_object = frame.starts_with(b"{");
                    // Anything but an object has the same answer.
                    let recorded = answers.get(if is_object { &frame[..] } else { b"null" });
                    if recorded.is_some_and(|recorded| recorded == line) {
                        return Some("good frames, with the bytes recorded for them");
                    }
                    if recording.output.split_inclusive(|byte| *byte == b'\n').any(|recorded| recorded == line) {
                        return Some("good frames, with bytes recorded here");
                    }
                    why_different_response(&frame, line, recorded?)
                }
            }
        };
        let due = reference::due_bytes(&recording.input, N);
        let found: Option<Vec<_>> = due.iter().map(|(_, due)| check(due.clone())).collect();
        match found {
            Some(found) if lines.next().is_none() => {
                tally.count("recordings");
                found.into_iter().for_each(|what| tally.count(what));
            }
            _ => tally.unexplained.push(format!(
                "{}\n   in     {}\n   due    {due:?}\n   ours   {}\n   theirs {}",
                recording.name,
                show(&recording.input),
                show(&ours),
                show(&recording.output)
            )),
        }
    }
    tally.finish();
}

/// As the recorded agent was started: in the frozen state, or with some commands blocked.
enum Recorded {
    Frozen,
    Blocked,
}

impl Guest for Recorded {
    const VERSION: &'static str = "7.2.22";

    /// Some of those that qemu-ga 7.2.22 has beside those built in.
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-exec", |_, call| call.respond()?.done()),
        Command::new("guest-get-time", |_, call| call.respond()?.done()),
        Command::new("guest-get-osinfo", |_, call| call.respond()?.done()),
        Command::new("guest-get-host-name", |_, call| call.respond()?.done()),
        Command::new("guest-network-get-interfaces", |_, call| call.respond()?.done()),
        Command::new("guest-shutdown", |_, call| call.respond()?.done()).no_success_response(),
        Command::new("guest-suspend-ram", |_, call| call.respond()?.done()).no_success_response(),
        Command::new("guest-fsfreeze-thaw", |_, call| call.respond()?.done()).allowed_when_frozen(),
        Command::new("guest-fsfreeze-status", |guest: &mut Self, call| {
            call.respond()?.string(if guest.is_frozen() { "frozen" } else { "thawed" })
        })
        .allowed_when_frozen(),
    ];

    fn is_frozen(&self) -> bool {
        matches!(self, Self::Frozen)
    }

    fn is_disabled(&self, command: &str) -> bool {
        let blocked = ["guest-exec", "guest-shutdown", "guest-suspend-ram", "guest-get-time"];
        matches!(self, Self::Blocked) && blocked.contains(&command)
    }
}

#[test]
fn frozen_and_disabled_commands_are_answered_with_the_recorded_bytes() {
    let mut tally = Tally::default();
    for recording in recordings().iter().filter(|recording| recording.agent != "default") {
        let guest = if recording.agent == "frozen" { Recorded::Frozen } else { Recorded::Blocked };
        let mut agent: TestAgent<Recorded> = Box::new(Agent::new(guest));
        let ours = exchange(&mut *agent, &recording.input);
        let frames = frames(&recording.input).unwrap();
        let what = why_different(&frames, &ours, &recording.output).filter(|what| !what.contains("not built in"));
        match what {
            Some(what) => tally.count(&format!("{}: {what}", recording.agent)),
            None => tally.unexplained.push(format!(
                "{}\n   ours   {}\n   theirs {}",
                recording.name,
                show(&ours),
                show(&recording.output)
            )),
        }
    }
    tally.finish();
}
