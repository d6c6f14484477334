//! The agent: whatever it receives, it sends exactly one line of JSON for each expected outcome.

use guestwire::{Agent, Command, Guest, agent::guest_info_size};

use crate::line::{Op, ops};
use crate::reference::{self, Due, Input};
use crate::tree::Tree;

/// Counts what was run.
struct Board {
    runs: usize,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("q", |board: &mut Self, call| {
            let response = call.respond()?;
            board.runs += 1;
            response.done()
        })
        .no_success_response(),
        Command::new("e", |_, call| {
            let text = call.arguments.optional_string("s")?;
            let number = call.arguments.integer("n")?;
            call.respond()?.object(|object| {
                object.member("n").integer(number)?;
                match text {
                    Some(text) => object.member("s").display(text),
                    None => object.member("s").null(),
                }
            })
        }),
        Command::new("f", |_, call| call.respond()?.error("it failed")),
    ];
}

/// The first byte says how large the buffers are and how much is transmitted at once. `R` resets, `L` loses
/// bytes, `C` corrupts one.
pub fn agent(bytes: &[u8]) {
    let [size, rest @ ..] = bytes else { return };
    let at_once = [1, 7, usize::MAX][usize::from(size / 4 % 3)];
    for session in ops(rest).split(|op| *op == Op::Call(b'R')) {
        match size % 4 {
            0 => serve::<74, { guest_info_size::<Board>() }>(session, at_once),
            1 => serve::<90, 640>(session, at_once),
            _ if *size == 0xFF => serve::<4096, 8192>(session, at_once),
            _ => serve::<400, 900>(session, at_once),
        }
    }
}

fn serve<const RX: usize, const TX: usize>(session: &[Op<'_>], at_once: usize) {
    let mut agent: Agent<Board, RX, TX> = Agent::new(Board { runs: 0 });
    // Nothing remains of an earlier session.
    let _ = agent.push_slice(b"{\"execute\":\"q\"}{\"execute\":\"guest-ping\"}{\"execute\":\"guest-ping\"}{\"a\":[{");
    agent.reset();
    agent.guest_mut().runs = 0;
    let mut inputs = Vec::new();
    let mut sent = Vec::new();
    for op in session {
        match *op {
            Op::Call(b'C') => {
                agent.corrupted();
                inputs.push(Input::Corrupted);
            }
            Op::Call(_) => {
                agent.lost();
                inputs.push(Input::Lost);
            }
            Op::Bytes(mut bytes) => {
                inputs.push(Input::Bytes(bytes));
                while !bytes.is_empty() {
                    let before = bytes.len();
                    if at_once == 1 {
                        if agent.push(bytes[0]) {
                            bytes = &bytes[1..];
                        }
                    } else {
                        bytes = &bytes[agent.push_slice(bytes)..];
                    }
                    let transmitted = transmit(&mut agent, at_once, &mut sent);
                    assert!(bytes.len() < before || transmitted, "neither end can go on");
                }
            }
        }
    }
    while transmit(&mut agent, at_once, &mut sent) {}

    let mut runs = 0;
    let mut lines = sent.split_inclusive(|byte| *byte == b'\n');
    for (_, due) in reference::due(&inputs, RX) {
        match due {
            Due::Sentinel => {}
            Due::Error(_) => {
                let line = std::str::from_utf8(lines.next().expect("an error is answered")).expect("it is ASCII");
                let error = Tree::parse(line).expect("it is JSON");
                assert!(error.member("id").is_none() && error.member("error").is_some(), "{line}");
            }
            Due::Frame(frame) => runs += usize::from(check_answer(&frame, TX, &mut lines)),
        }
    }
    assert_eq!(lines.next(), None, "an answer without a request");
    assert_eq!(agent.guest().runs, runs, "commands run");
}

fn transmit<const RX: usize, const TX: usize>(
    agent: &mut Agent<Board, RX, TX>,
    at_once: usize,
    sent: &mut Vec<u8>,
) -> bool {
    let count = agent.transmit().len().min(at_once);
    sent.extend_from_slice(&agent.transmit()[..count]);
    agent.transmitted(count);
    count > 0
}

/// Takes the line that answers a frame, if one is due, and says whether the silent command was run.
fn check_answer<'a>(frame: &[u8], tx: usize, lines: &mut impl Iterator<Item = &'a [u8]>) -> bool {
    let frame = Tree::parse(std::str::from_utf8(frame).expect("it is UTF-8")).expect("it is JSON");
    if frame.is_response() {
        return false;
    }
    let is_request = is_request(&frame);
    let command = frame.member("execute").and_then(Tree::text).unwrap_or_default();
    let no_arguments = frame.member("arguments").is_none_or(|arguments| arguments.members() == Some(&[]));
    // Every id that fits RX fits the response.
    if is_request && command == "q" && no_arguments {
        return true;
    }
    let line = lines.next().expect("a frame is answered");
    assert!(line.len() <= tx && line.ends_with(b"\n"));
    let text = line.strip_prefix(b"\xFF");
    let delimited = text.is_some();
    let text = text.unwrap_or(line);
    assert!(text[..text.len() - 1].iter().all(|byte| matches!(byte, b' '..=b'~')) || frame.member("id").is_some());
    let answer = Tree::parse(std::str::from_utf8(text).expect("it is UTF-8")).expect("it is JSON");
    let returned = answer.member("return");
    assert_eq!(returned.is_some(), answer.member("error").is_none());
    assert_eq!(delimited, command == "guest-sync-delimited" && returned.is_some());
    if let Some(id) = answer.member("id") {
        assert_eq!(Some(id), frame.member("id"), "the id is that of the request");
    }
    if returned.is_some() {
        assert!(is_request && answer.member("id") == frame.member("id"));
        let argument = |name| frame.member("arguments").and_then(|arguments| arguments.member(name));
        match command {
            "guest-sync" | "guest-sync-delimited" => {
                assert_eq!(returned.and_then(Tree::integer), argument("id").and_then(Tree::integer));
            }
            "e" => {
                assert_eq!(
                    returned.and_then(|object| object.member("n")?.integer()),
                    argument("n").and_then(Tree::integer)
                );
                assert_eq!(returned.and_then(|object| object.member("s")?.text()), argument("s").and_then(Tree::text));
            }
            "guest-ping" => assert!(no_arguments && returned == Some(&Tree::Object(vec![]))),
            "guest-info" => assert!(no_arguments),
            _ => panic!("{command} does not return"),
        }
    }
    false
}

/// An object with a string `execute` and, at most, an object `arguments` and an `id`, none of them twice.
fn is_request(frame: &Tree) -> bool {
    let Some(members) = frame.members() else { return false };
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let once = |name: &str| names.iter().filter(|other| **other == name).count() <= 1;
    names.iter().all(|name| once(name) && ["execute", "arguments", "id"].contains(name))
        && frame.member("execute").is_some_and(|execute| execute.text().is_some())
        && frame.member("arguments").is_none_or(|arguments| arguments.members().is_some())
}
