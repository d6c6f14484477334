//! Messages on the line, and mutations as by a bad line.
#![allow(dead_code, reason = "each test uses what it needs")]

use crate::random::Random;
use crate::recordings::recordings;

/// Requests and other messages to mutate.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        recordings().into_iter().map(|recording| recording.input).filter(|input| input.len() <= 160).collect();
    for more in [
        &br#"{"a":{"b":[{}, [], ""]},"c":[{"d":{}}]}{"e":{}}"#[..],
        br#"{"return": 5}{"error": {"class": "x", "desc": "}{"}}"#,
        "\u{feff}{\"x\":\"\\ud83d\\ude00 \u{1F600}\u{4e2d}\u{e9}\"} 1 -0.5e+7 true false null \"s\"".as_bytes(),
        b"[[[[[[[[[[]]]]]]]]]]{}{{{}}}}[]{]}{}",
    ] {
        seeds.push(more.to_vec());
    }
    seeds
}

/// Bytes of every kind that the grammar tells apart.
const BYTES: &[u8] =
    b"{}[]\"\\:,-+.019eEtrufalsn \t\n\r/bDdCcx!~\x00\x1F\x7F\x80\x9F\xA0\xBF\xC1\xC3\xE0\xED\xEF\xBB\xF0\xF4\xF5\xFE\xFF";

pub fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.below(5) {
        let at = random.below(bytes.len() + 1);
        let length = random.below(12).min(bytes.len() - at);
        match random.below(6) {
            0 => drop(bytes.drain(at..at + length)),
            1 => bytes.insert(at, random.pick(BYTES)),
            2 if at < bytes.len() => bytes[at] = random.pick(BYTES),
            3 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let deep = b"{[".map(|open| vec![open; random.below(70)]).concat();
                if random.one_in(8) {
                    bytes.splice(at..at, deep);
                }
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
}
