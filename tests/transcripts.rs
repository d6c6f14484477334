//! 1461 recorded exchanges with qemu-ga 7.2.22, each answered again.
//!
//! Well-formed input: the recorded bytes, but for differences that design lists; each is named and counted here.
//! Malformed input: what `reference` says is due, with each good frame answered by the bytes recorded for it.

mod exchange;
mod reference;

use std::collections::BTreeMap;

use exchange::{error, exchange};
use guestwire::{Agent, Command};
use reference::{Due, Fault};
use serde_json::Value;

struct Recording {
    name: String,
    agent: String,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// One JSON object a line; the bytes of `in` and `out` are the characters U+0000 to U+00FF.
fn recordings() -> Vec<Recording> {
    let bytes = |text: &Value| text.as_str().unwrap().chars().map(|byte| byte as u8).collect();
    let text = |text: &Value| text.as_str().unwrap().to_owned();
    include_str!("transcripts/qemu-ga-7.2.22.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|record| Recording {
            name: text(&record["name"]),
            agent: text(&record["agent"]),
            input: bytes(&record["in"]),
            output: bytes(&record["out"]),
        })
        .collect()
}

const N: usize = 65535;
type TestAgent = Agent<(), N, N>;

/// Only what guestwire builds in.
fn built_in() -> Box<TestAgent> {
    Box::new(Agent::new((), "7.2.22", &[]).unwrap())
}

fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() > 300 { format!("{}...", &text[..300]) } else { text }
}

/// How often each thing was seen.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    fn print(&self) {
        for (what, count) in &self.0 {
            println!("{count:6}  {what}");
        }
    }
}

/// The frames of an input that has nothing else in it.
fn frames(input: &[u8]) -> Option<Vec<Vec<u8>>> {
    reference::due_bytes(input, N)
        .into_iter()
        .map(|(_, due)| match due {
            Due::Frame(frame) => Some(frame),
            _ => None,
        })
        .collect()
}

#[test]
fn well_formed_input_is_answered_with_the_recorded_bytes() {
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    for recording in recordings().iter().filter(|recording| recording.agent == "default") {
        let Some(frames) = frames(&recording.input) else { continue };
        let ours = exchange(&mut *built_in(), &recording.input);
        match compare(&frames, &ours, &recording.output) {
            Ok(same) => tally.count(same),
            Err(difference) => {
                differences.push(format!(
                    "{} {difference}\n   in     {}\n   ours   {}\n   theirs {}",
                    recording.name,
                    show(&recording.input),
                    show(&ours),
                    show(&recording.output)
                ));
            }
        }
    }
    tally.print();
    assert!(differences.is_empty(), "{} unexplained:\n{}", differences.len(), differences.join("\n"));
}
fn compare(_frames: &[Vec<u8>], ours: &[u8], theirs: &[u8]) -> Result<&'static str, &'static str> {
    if ours == theirs { return Ok("same") }
    Err("x")
}
