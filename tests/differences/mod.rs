//! What may differ between our responses and qemu-ga's: the table of differences in docs/wire-format.md, as a
//! comparison.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() > 300 { format!("{}...", &text[..300]) } else { text }
}

/// 11.1 counts from where it was started, so that no client can know the place.
const NO_PLACE: &str = "a syntax error's place is left out";

/// How often each thing was seen, and what nothing explains.
#[derive(Default)]
pub struct Tally {
    counts: BTreeMap<String, usize>,
    pub unexplained: Vec<String>,
}

impl Tally {
    pub fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    pub fn finish(self) {
        finish_side_by_side([self]);
    }
}

/// Prints a column of counts for each tally.
pub fn finish_side_by_side<const N: usize>(tallies: [Tally; N]) {
    let all: BTreeSet<&String> = tallies.iter().flat_map(|tally| tally.counts.keys()).collect();
    for what in all {
        let counts = tallies.each_ref().map(|tally| format!("{:6}", tally.counts.get(what).unwrap_or(&0)));
        println!("{}  {what}", counts.concat());
    }
    let unexplained: Vec<_> = tallies.iter().flat_map(|tally| &tally.unexplained).map(String::as_str).collect();
    assert!(unexplained.is_empty(), "{} unexplained:\n{}", unexplained.len(), unexplained.join("\n"));
}

/// One response for each frame, where that is what `bytes` holds.
pub fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The rule that lets these responses to good frames differ, if they do.
pub fn why_different(frames: &[Vec<u8>], ours: &[u8], theirs: &[u8]) -> Option<&'static str> {
    if ours == theirs {
        return Some("the same bytes");
    }
    let (mut ours, theirs) = (lines(ours).into_iter(), lines(theirs));
    let is_stray = |line: &&[u8]| line.ends_with(b"stray '\\uFFFD'\"}}\n");
    let expected = theirs.iter().filter(|line| !is_stray(line)).count();
    let mut theirs = theirs.into_iter().peekable();
    let mut rule = None;
    for frame in frames {
        while theirs.next_if(is_stray).is_some() {
            rule = Some("a byte order mark is skipped");
        }
        if is_response(frame) {
            theirs.next().filter(|line| line.starts_with(b"{\"error\"") || line.starts_with(b"{\"id\""))?;
            rule = Some("a response is never answered");
            continue;
        }
        let (ours, theirs) = (ours.next()?, theirs.next());
        if theirs != Some(ours) {
            rule = match theirs.and_then(|theirs| why_different_response(frame, ours, theirs)) {
                None => return why_out_of_line(frames, expected).or(rule.filter(|rule| rule.contains("byte order"))),
                explained => explained,
            };
        }
    }
    while theirs.next_if(is_stray).is_some() {
        rule = Some("a byte order mark is skipped");
    }
    let over = ours.next().is_none() && theirs.next().is_none();
    if over { rule } else { why_out_of_line(frames, expected) }
}

/// The rule by which the reference agent sees another number of messages in the same bytes.
fn why_out_of_line(frames: &[Vec<u8>], theirs: usize) -> Option<&'static str> {
    let is_keyword = |frame: &Vec<u8>| matches!(&frame[..], b"true" | b"false" | b"null");
    if frames.iter().any(|frame| zero_with_exponent(frame)) {
        Some("0e5 is a number")
    } else if frames.iter().any(is_keyword) && theirs < frames.len() {
        Some("a keyword at top level is complete with its last letter")
    } else {
        None
    }
}

fn is_response(frame: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(frame).unwrap();
    value.get("return").or(value.get("error")).is_some() && value.get("execute").is_none()
}

/// A number without a digit before the exponent but a zero.
pub fn zero_with_exponent(frame: &[u8]) -> bool {
    let behind = |at: usize| at.checked_sub(1).and_then(|before| frame.get(before));
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'E' | b'e' | b'"' | b'a'..=b'd' | b'f');
    let is_zero = |(at, pair): (usize, &[u8])| matches!(pair, b"0e" | b"0E") && !behind(at).is_some_and(is_part);
    frame.windows(2).enumerate().any(is_zero)
}

pub fn why_different_response(frame: &[u8], ours: &[u8], theirs: &[u8]) -> Option<&'static str> {
    if zero_with_exponent(frame) && theirs.starts_with(b"{\"error\"") {
        return Some("0e5 is a number");
    }
    let frame: Value = serde_json::from_slice(frame).ok()?;
    let command = frame["execute"].as_str().unwrap_or_default();
    let ours_text = String::from_utf8_lossy(ours);
    let theirs_text = String::from_utf8_lossy(theirs);
    if theirs_text.contains("is not a valid Unicode character")
        || theirs_text.contains("JSON parse error, invalid UTF-8")
    {
        return Some("non-characters are accepted");
    }
    if without_place(theirs) == ours {
        return Some(NO_PLACE);
    }
    if theirs_text.contains("JSON parse error, duplicate key") {
        return Some("duplicate members are refused in the envelope and in arguments that are read");
    }
    let built_in = ["guest-sync", "guest-sync-delimited", "guest-ping", "guest-info"].contains(&command);
    let is_unknown = |text: &str| text.contains("\"The command ") && text.ends_with(" has not been found\"}}\n");
    if command.starts_with("guest-") && !built_in && is_unknown(&ours_text) && !is_unknown(&theirs_text) {
        let named = ours_text.contains(&format!("The command {command} has"));
        return named.then_some("commands that are not built in");
    }
    if command == "guest-info" {
        return info_is_right(ours, theirs).then_some("guest-info lists what there is");
    }
    let is_disabled = |text: &str| text.contains("\"Command ") && text.contains(" has been disabled");
    if is_same_json(ours, theirs) {
        return Some("the id is echoed as received, the same JSON");
    }
    if is_disabled(&ours_text) && is_disabled(&theirs_text) {
        return Some("a command that is disabled, or that must wait for the thaw, has one text");
    }
    let objects = |text: &str, ends: &[&str]| ends.iter().any(|end| text.ends_with(&format!("{end}\"}}}}\n")));
    if objects(&theirs_text, &["is unexpected"])
        && objects(&ours_text, &["is unexpected", "'execute' must be a string", "'arguments' must be an object"])
    {
        return Some(
            "the member objected to is execute, arguments, or the first one received, not the first in hash order",
        );
    }
    if theirs_text.contains(r#""id": "#) && theirs_text.contains("inf") {
        return Some("the id is echoed as received, not as inf, which is no JSON");
    }
    None
}

fn is_same_json(ours: &[u8], theirs: &[u8]) -> bool {
    let parsed = |line: &[u8]| serde_json::from_slice::<Value>(line.strip_prefix(b"\xFF").unwrap_or(line));
    let (Ok(one), Ok(other)) = (parsed(ours), parsed(theirs)) else { return false };
    ours[0] == theirs[0] && same_json(&one, &other)
}

/// The same value. A number that is no 64-bit integer is a double to the reference agent.
pub fn same_json(ours: &Value, theirs: &Value) -> bool {
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

/// A version, and of the commands that we have the same is said.
fn info_is_right(ours: &[u8], theirs: &[u8]) -> bool {
    let [ours, theirs]: [Value; 2] = [ours, theirs].map(|line| serde_json::from_slice(line).unwrap());
    let listed = |info: &Value| info["return"]["supported_commands"].as_array().unwrap().clone();
    ours["id"] == theirs["id"]
        && ours["return"]["version"].is_string()
        && listed(&ours).len() >= 4
        && listed(&ours).iter().all(|entry| listed(&theirs).contains(entry))
}

/// The rule that lets the answers to malformed input differ, if they do.
pub fn why_broken_differs(input: &[u8], ours: &[u8], theirs: &[u8]) -> Option<&'static str> {
    if ours == theirs {
        return Some("the same bytes");
    }
    let (ours, theirs) = (lines(ours), lines(theirs));
    let without_place: Vec<u8> = theirs.iter().flat_map(|line| without_place(line)).collect();
    if ours.concat() == without_place {
        return Some(NO_PLACE);
    }
    let alike = |theirs: &[&[u8]]| ours.iter().zip(theirs).take_while(|(ours, theirs)| is_alike(ours, theirs)).count();
    let most = |theirs: &[&[u8]]| ours.len().max(theirs.len());
    if alike(&theirs) == most(&theirs) {
        return Some("a syntax error has one text");
    }
    let is_sentinels = |line: &&[u8]| input.contains(&0xFF) && line.ends_with(b"\\uFFFD'\"}}\n");
    let theirs: Vec<_> = theirs.into_iter().filter(|line| !is_sentinels(line)).collect();
    let alike = alike(&theirs);
    if alike == most(&theirs) {
        return Some("a sentinel draws no error");
    }
    let is_broken = |line: &&[u8]| is_syntax_error(line) || line.ends_with(b"limit exceeded\"}}\n");
    if ours[..alike].iter().any(is_broken) {
        return Some("the rest of a broken frame is dropped");
    }
    let is_ended_by_sentinel = |pair: &[u8]| pair[1] == 0xFF && pair[0].is_ascii_alphanumeric();
    let goes_on = |pair: &[u8]| pair[0] == 0xFF && !b"{[\n".contains(&pair[1]);
    if input.windows(2).any(|pair| is_ended_by_sentinel(pair) || goes_on(pair)) {
        return Some("a sentinel discards what is before it, and nothing after it");
    }
    let theirs = theirs.get(alike).copied();
    match ours.get(alike)? {
        _ if input.contains(&b'\'') => Some("strings are not in '...'"),
        _ if input.windows(2).any(|pair| pair == b"\xC0\x80") => Some("C0 80 is not UTF-8"),
        ours if ours.ends_with(b"JSON nesting depth limit exceeded\"}}\n") => Some("brackets nest 64 deep"),
        ours if ours.ends_with(b"JSON token size limit exceeded\"}}\n") => {
            Some("a frame has as many bytes as the buffer")
        }
        _ if input.starts_with(b"truex") => Some("a keyword at top level ends with its last letter"),
        _ if input[0].is_ascii_digit() && theirs.is_some() => Some("a number ends at whitespace"),
        ours if is_broken(ours) && theirs.is_none() => Some("an error is reported where the frame breaks"),
        _ => None,
    }
}

/// Errors have other texts, and an `id` another spelling.
fn is_alike(ours: &[u8], theirs: &[u8]) -> bool {
    ours == theirs || is_syntax_error(ours) && is_syntax_error(theirs) || is_same_json(ours, theirs)
}

/// A response of 11.1, without the line and column in front of its text.
fn without_place(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let Some((before, after)) = text.split_once("JSON parse error, ") else { return line.to_vec() };
    let before = before.trim_end_matches(|place: char| place.is_ascii_digit() || place == ':' || place == ' ');
    format!("{before}JSON parse error, {after}").into_bytes()
}

pub fn is_syntax_error(line: &[u8]) -> bool {
    line.windows(18).any(|bytes| bytes == b"JSON parse error, ")
}
