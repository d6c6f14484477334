//! 1461 recorded exchanges with qemu-ga 7.2.22.
#![allow(dead_code, reason = "each test uses what it needs")]

use serde_json::Value;

pub struct Recording {
    pub name: String,
    /// How the agent was started: default, blocked (some commands disabled) or frozen.
    pub agent: String,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
}

/// One JSON object a line; the bytes of `in` and `out` are the characters U+0000 to U+00FF.
pub fn recordings() -> Vec<Recording> {
    let bytes = |text: &Value| text.as_str().unwrap().chars().map(|byte| byte as u8).collect();
    let text = |text: &Value| text.as_str().unwrap().to_owned();
    include_str!("qemu-ga-7.2.22.jsonl")
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
