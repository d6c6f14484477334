//! 1461 recorded exchanges with qemu-ga 7.2.22, each answered again.
//!
//! Well-formed input: the recorded bytes, but for differences that the front page lists; each is named and counted.
//! Malformed input: what `reference` says is due, with each good frame answered by the bytes recorded for it.

mod exchange;
mod recordings;
mod reference;

use std::collections::BTreeMap;

use exchange::{error, exchange};
use guestwire::{Agent, Command, Guest};
use recordings::{Recording, recordings};
use reference::{Due, Fault};
use serde_json::Value;

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

fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() > 300 { format!("{}...", &text[..300]) } else { text }
}

/// How often each thing was seen, and what nothing explains.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, usize>,
    unexplained: Vec<String>,
}

impl Tally {
    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    fn finish(self) {
        for (what, count) in &self.counts {
            println!("{count:6}  {what}");
        }
        assert!(
            self.unexplained.is_empty(),
            "{} unexplained:\n{}",
            self.unexplained.len(),
            self.unexplained.join("\n")
        );
    }
}

fn frames(input: &[u8]) -> Option<Vec<Vec<u8>>> {
    let frame = |(_, due)| if let Due::Frame(frame) = due { Some(frame) } else { None };
    reference::due_bytes(input, N).into_iter().map(frame).collect()
}

/// One response for each frame, where that is what `bytes` holds.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
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
                    // What is no object has one answer, whatever it is.
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

/// The rule that lets these responses differ, if they do.
fn why_different(frames: &[Vec<u8>], ours: &[u8], theirs: &[u8]) -> Option<&'static str> {
    if ours == theirs {
        return Some("the same bytes");
    }
    let (ours, theirs) = (lines(ours), lines(theirs));
    let is_response = |frame: &Vec<u8>| {
        let value: Value = serde_json::from_slice(frame).unwrap();
        (value.get("return").is_some() || value.get("error").is_some()) && value.get("execute").is_none()
    };
    if frames.iter().all(is_response) {
        return ours.is_empty().then_some("a response is never answered");
    }
    if ours.len() != frames.len() {
        return None;
    }
    if theirs.len() != frames.len() {
        return match frames {
            [.., last] if matches!(&last[..], b"true" | b"false" | b"null") && theirs.len() < ours.len() => {
                Some("a keyword at top level is complete with its last letter")
            }
            [frame, ..] if zero_with_exponent(frame) => Some("0e5 is a number"),
            _ => theirs[0].ends_with(b"stray '\\uFFFD'\"}}\n").then_some("a byte order mark is skipped"),
        };
    }
    let mut rule = None;
    for ((frame, ours), theirs) in frames.iter().zip(ours).zip(theirs) {
        if ours != theirs {
            rule = Some(why_different_response(frame, ours, theirs)?);
        }
    }
    rule
}

fn zero_with_exponent(frame: &[u8]) -> bool {
    frame.starts_with(b"0e") || frame.windows(3).any(|bytes| matches!(bytes, b":0e" | b":0E"))
}

fn why_different_response(frame: &[u8], ours: &[u8], theirs: &[u8]) -> Option<&'static str> {
    if zero_with_exponent(frame) && theirs.starts_with(b"{\"error\"") {
        return Some("0e5 is a number");
    }
    let frame: Value = serde_json::from_slice(frame).ok()?;
    let command = frame["execute"].as_str().unwrap_or_default();
    let ours_text = String::from_utf8_lossy(ours);
    let theirs_text = String::from_utf8_lossy(theirs);
    let built_in = ["guest-sync", "guest-sync-delimited", "guest-ping", "guest-info"].contains(&command);
    if command.starts_with("guest-") && !built_in {
        let not_found = format!("The command {command} has not been found");
        return ours_text.contains(&not_found).then_some("commands that are not built in");
    }
    if command == "guest-info" {
        return info_is_right(ours, theirs).then_some("guest-info lists what there is");
    }
    let unexpected = "is unexpected\"}}\n";
    if ours_text.ends_with(unexpected) && theirs_text.ends_with(unexpected) {
        return Some("the unexpected member named is the first one received, not the first in hash order");
    }
    if theirs_text.contains("JSON parse error, duplicate key") {
        return Some("duplicate members are refused in the envelope and in arguments that are read");
    }
    if theirs_text.contains("is not a valid Unicode character")
        || theirs_text.contains("JSON parse error, invalid UTF-8")
    {
        return Some("non-characters are accepted");
    }
    if theirs_text.contains(r#""id": "#) && theirs_text.contains("inf") {
        return Some("the id is echoed as received, not as inf, which is no JSON");
    }
    let parsed = |line: &[u8]| serde_json::from_slice::<Value>(line.strip_prefix(b"\xFF").unwrap_or(line)).ok();
    (ours[0] == theirs[0] && same_json(&parsed(ours)?, &parsed(theirs)?))
        .then_some("the id is echoed as received, the same JSON")
}

/// The same value. A number that is no 64-bit integer is a double to the reference agent.
fn same_json(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            let integer = |text: &str| text.parse::<i64>().map(i128::from).or(text.parse::<u64>().map(i128::from)).ok();
            match (integer(&ours.to_string()), integer(&theirs.to_string())) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => ours.as_f64() == theirs.as_f64(),
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same_json(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(name, ours)| theirs.get(name).is_some_and(|theirs| same_json(ours, theirs)))
        }
        _ => ours == theirs,
    }
}

/// The same version, and of the commands that we have the same is said.
fn info_is_right(ours: &[u8], theirs: &[u8]) -> bool {
    let [ours, theirs]: [Value; 2] = [ours, theirs].map(|line| serde_json::from_slice(line).unwrap());
    let listed = |info: &Value| info["return"]["supported_commands"].as_array().unwrap().clone();
    ours["id"] == theirs["id"]
        && ours["return"]["version"] == theirs["return"]["version"]
        && listed(&ours).len() >= 4
        && listed(&ours).iter().all(|entry| listed(&theirs).contains(entry))
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
