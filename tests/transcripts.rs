//! 1478 recorded exchanges with qemu-ga 7.2.22, 10.0.13 and 11.1.3, each answered again.
//!
//! Well-formed input: the recorded bytes, except for differences that docs/wire-format.md lists; each is named and
//! counted for each version. Malformed input: the outcomes of `reference`, with each valid frame answered by the bytes
//! recorded for it, and what the recorded answer differs in is named and counted, too.

mod differences;
mod exchange;
mod recordings;
mod reference;

use std::collections::BTreeMap;

use differences::{Tally, finish_side_by_side, lines, show, why_broken_differs, why_different, why_different_response};
use exchange::{error, exchange};
use guestwire::{Agent, Command, Guest};
use recordings::{NEWEST, Recording, VERSIONS, recordings_of};
use reference::{Due, Fault};

const N: usize = 65535;
type TestAgent<G> = Box<Agent<G, N, N>>;

/// Only what guestwire builds in.
struct BuiltIn;

impl Guest for BuiltIn {
    const VERSION: &'static str = NEWEST;
    const COMMANDS: &'static [Command<Self>] = &[];
}

fn built_in() -> TestAgent<BuiltIn> {
    Box::new(Agent::new(BuiltIn))
}

fn frames(input: &[u8]) -> Option<Vec<Vec<u8>>> {
    let frame = |(_, due)| if let Due::Frame(frame) = due { Some(frame) } else { None };
    reference::due_bytes(input, N).into_iter().map(frame).collect()
}

/// Names the rule by which our answer and the recorded one differ, for each recording, and counts it for each version.
fn tally(selected: fn(&Recording) -> bool, rule: impl Fn(&Recording, &Answers) -> Result<String, String>) {
    println!("{}  (qemu-ga)", VERSIONS.map(|version| format!("{version:>8}")).concat());
    finish_side_by_side(VERSIONS.map(|version| {
        let recordings = recordings_of(version);
        let answers = answers_to_frames(&recordings);
        let mut tally = Tally::default();
        for recording in recordings.iter().filter(|recording| selected(recording)) {
            tally.count("recordings");
            match rule(recording, &answers) {
                Ok(rule) => tally.count(&rule),
                Err(why) => tally.unexplained.push(format!(
                    "{version}, {}: {why}\n   in     {}\n   theirs {}",
                    recording.name,
                    show(&recording.input),
                    show(&recording.output)
                )),
            }
        }
        tally
    }));
}

type Answers = BTreeMap<Vec<u8>, Vec<u8>>;

/// What the reference agent answered to a frame that came alone.
fn answers_to_frames(recordings: &[Recording]) -> Answers {
    let alone = |recording: &Recording| match frames(&recording.input)?.as_slice() {
        [frame] => Some((frame.clone(), recording.output.clone())),
        _ => None,
    };
    recordings.iter().filter(|recording| recording.agent == "default").filter_map(alone).collect()
}

fn is_well_formed(recording: &Recording) -> bool {
    recording.agent == "default" && frames(&recording.input).is_some()
}

fn is_malformed(recording: &Recording) -> bool {
    recording.agent == "default" && frames(&recording.input).is_none()
}

#[test]
fn well_formed_input_is_answered_with_the_recorded_bytes() {
    tally(is_well_formed, |recording, _| {
        let ours = exchange(&mut *built_in(), &recording.input);
        let frames = frames(&recording.input).unwrap();
        let rule = why_different(&frames, &ours, &recording.output);
        rule.map(str::to_owned).ok_or_else(|| format!("ours {}", show(&ours)))
    });
}

#[test]
fn malformed_input_is_answered_as_the_rules_say() {
    tally(is_malformed, |recording, answers| {
        let ours = exchange(&mut *built_in(), &recording.input);
        let wrong = |what: String| format!("{what}\n   ours   {}", show(&ours));
        let mut our_lines = lines(&ours).into_iter();
        let mut next = || our_lines.next().unwrap_or_default();
        for (_, due) in reference::due_bytes(&recording.input, N) {
            match due {
                Due::Sentinel => {}
                Due::Error(fault) => {
                    let due = error("GenericError", desc(fault));
                    if next() != due.as_bytes() {
                        return Err(wrong(format!("due is {due}")));
                    }
                }
                Due::Frame(frame) => {
                    let line = next();
                    // Anything but an object has the same answer.
                    let alone = answers.get(if frame.starts_with(b"{") { &frame[..] } else { b"null" });
                    let here = lines(&recording.output).contains(&line);
                    let differs =
                        |alone: &Vec<u8>| alone != line && why_different_response(&frame, line, alone).is_none();
                    if !here && alone.is_none_or(differs) {
                        return Err(wrong(format!("the answer to {}", show(&frame))));
                    }
                }
            }
        }
        if !next().is_empty() {
            return Err(wrong("an answer that is not due".to_owned()));
        }
        let rule = why_broken_differs(&recording.input, &ours, &recording.output);
        rule.map(str::to_owned).ok_or_else(|| wrong("another answer".to_owned()))
    });
}

fn desc(fault: Fault) -> &'static str {
    match fault {
        Fault::Noise => "JSON parse error, expecting value",
        Fault::Syntax => "JSON parse error, invalid syntax",
        Fault::TooDeep => "JSON nesting depth limit exceeded",
        Fault::Overflow => "JSON token size limit exceeded",
        Fault::Lost => "JSON parse error, bytes were lost",
    }
}

/// As the recorded agent was started: in the frozen state, or with some commands blocked.
enum Recorded {
    Frozen,
    Blocked,
}

impl Guest for Recorded {
    const VERSION: &'static str = NEWEST;

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
    tally(
        |recording| recording.agent != "default",
        |recording, _| {
            let guest = if recording.agent == "frozen" { Recorded::Frozen } else { Recorded::Blocked };
            let mut agent: TestAgent<Recorded> = Box::new(Agent::new(guest));
            let ours = exchange(&mut *agent, &recording.input);
            let frames = frames(&recording.input).unwrap();
            let is_returned = |answer: &[u8]| answer.starts_with(b"{\"return\": ");
            let rule = match why_different(&frames, &ours, &recording.output) {
                None if is_returned(&ours) && is_returned(&recording.output) => {
                    Some("another value, of another machine")
                }
                rule => rule.filter(|rule| !rule.contains("not built in")),
            };
            rule.map(|rule| format!("{}: {rule}", recording.agent)).ok_or_else(|| format!("ours {}", show(&ours)))
        },
    );
}
