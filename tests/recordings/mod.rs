//! 1478 recorded exchanges with qemu-ga: the same inputs, answered by three of its versions.
#![allow(dead_code, reason = "each test uses what it needs")]

use serde_json::Value;

/// The oldest has answered 1461 of the inputs. The newest is the reference.
pub const VERSIONS: [&str; 3] = ["7.2.22", "10.0.13", NEWEST];
pub const NEWEST: &str = "11.1.3";

pub struct Recording {
    pub name: String,
    /// How the agent was started: default, blocked (some commands disabled) or frozen.
    pub agent: String,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
}

/// The exchanges with the newest version.
pub fn recordings() -> Vec<Recording> {
    recordings_of(NEWEST)
}

/// The exchanges with one of the [`VERSIONS`].
///
/// A line of the file has the member `out` with an answer for each version that answered differently from the one
/// before it. An answer is its lines; a number repeats the line before it. Bytes are the characters U+0000 to U+00FF.
pub fn recordings_of(version: &str) -> Vec<Recording> {
    let newest = VERSIONS.iter().position(|known| *known == version).expect("a version that was recorded");
    let text = |text: &Value| text.as_str().unwrap().to_owned();
    include_str!("qemu-ga.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|record| {
            Some(Recording {
                name: text(&record["name"]),
                agent: text(&record["agent"]),
                input: bytes(record["in"].as_str().unwrap()),
                output: answer(VERSIONS[..=newest].iter().rev().find_map(|version| record["out"].get(version))?),
            })
        })
        .collect()
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|byte| u8::try_from(byte).unwrap()).collect()
}

fn answer(lines: &Value) -> Vec<u8> {
    let (mut answer, mut last) = (Vec::new(), Vec::new());
    for line in lines.as_array().unwrap() {
        match line.as_u64() {
            Some(times) => answer.extend(last.repeat(times as usize)),
            None => {
                last = bytes(line.as_str().unwrap());
                answer.extend_from_slice(&last);
            }
        }
    }
    answer
}
