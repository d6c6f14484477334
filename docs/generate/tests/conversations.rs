//! Holds the documentation's conversations with an agent: sends each `>` line, expects the `<` lines.

mod page;

use guestwire::{Agent, Command, Guest};

struct Board;

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("guest-set-time", |_, call| {
        call.arguments.optional_integer("time")?;
        call.respond()?.done()
    })];
}

/// `[FF]` is one byte; everything else is itself.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        if let [b'[', high @ (b'0'..=b'9' | b'A'..=b'F'), low @ (b'0'..=b'9' | b'A'..=b'F'), b']', ..] = *rest {
            let byte = u8::from_str_radix(str::from_utf8(&[high, low]).unwrap(), 16).unwrap();
            bytes.splice(at..at + 4, [byte]);
        }
        at += 1;
    }
    bytes
}

fn shown(bytes: &[u8]) -> Vec<String> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| String::from_utf8_lossy(line).trim_end().replace('\u{FFFD}', "[FF]")).collect()
}

fn answers(agent: &mut Agent<Board, 256, 640>, mut sent: &[u8]) -> Vec<u8> {
    let mut answers = Vec::new();
    while !sent.is_empty() {
        sent = &sent[agent.push_slice(sent)..];
        while !agent.transmit().is_empty() {
            answers.extend_from_slice(agent.transmit());
            agent.transmitted(usize::MAX);
        }
    }
    answers
}

/// Each `>` line with the `<` lines that follow it.
fn turns(text: &str) -> Vec<(&str, Vec<String>)> {
    let mut turns: Vec<(&str, Vec<String>)> = Vec::new();
    for line in text.lines() {
        match line.split_at_checked(2) {
            Some(("> ", sent)) => turns.push((sent, Vec::new())),
            Some(("< ", due)) => turns.last_mut().expect("a > line comes first").1.push(due.into()),
            _ => panic!("neither > nor <: {line}"),
        }
    }
    turns
}

#[test]
fn every_conversation_goes_as_written() {
    let mut count = 0;
    for name in page::all() {
        for block in page::blocks(&page::read(&name)).into_iter().filter(|block| block.text.starts_with("> ")) {
            let mut agent = Agent::new(Board);
            for (sent, due) in turns(&block.text) {
                let mut bytes = bytes(sent);
                bytes.push(b'\n');
                assert_eq!(shown(&answers(&mut agent, &bytes)), due, "{name}, line {}: {sent}", block.line);
                count += 1;
            }
        }
    }
    assert!(count >= 25, "{count} > lines were found");
}

#[test]
fn bytes_in_hex() {
    assert_eq!(bytes("a[FF][0A]{[1,2]}é"), b"a\xFF\n{[1,2]}\xC3\xA9");
    assert_eq!(shown(b"\xFF{}\nx\n"), ["[FF]{}", "x"]);
}
