//! Strings in pieces, at both ends: what is served and returned is what it would be in one piece.

use std::convert::Infallible;

use guestwire::agent::AgentLent;
use guestwire::client::{ClientError, ClientLent, Execute, ExecuteError};
use guestwire::frame::{DecoderLent, Piece};
use guestwire::json::Unescape;
use guestwire::{Call, Command, CommandResult, Event, Guest, Reply};

use crate::line::{Op, ops};
use crate::reference::{self, Due, Input};
use crate::tree::{Tree, members};

pub const STREAMED: &[&str] = &["s", "t"];
const TX: usize = 1024;
const IN_PIECES: Execute<'_> = WHOLE.pieces(STREAMED);
const WHOLE: Execute<'_> = Execute::new("c");

/// The first byte says which end it is and how it is driven, the second how large its buffer is.
pub fn pieces(bytes: &[u8]) {
    let [mode, size, rest @ ..] = bytes else { return };
    let mode = usize::from(*mode);
    let larger = if *size == 0xFF { 64 << 10 } else { usize::from(*size) };
    let chunk = 1 + mode / 18;
    if mode % 2 == 0 {
        agent(rest, 74 + larger, [1, 7, usize::MAX][mode / 2 % 3], [0, 2, 3][mode / 6 % 3], chunk);
    } else {
        client(rest, 34 + larger, chunk);
    }
}

/// A string that comes in pieces.
pub struct Staged {
    member: &'static str,
    escaped: Vec<u8>,
    text: Vec<u8>,
    unescape: Unescape,
}

/// Takes a piece of a string, that which is begun or a new one.
pub fn stage(staged: &mut Vec<Staged>, piece: Piece<'_>) {
    if piece.is_first {
        let (escaped, text, unescape) = (Vec::new(), Vec::new(), Unescape::new());
        staged.push(Staged { member: piece.member, escaped, text, unescape });
    }
    let string = staged.last_mut().expect("the first piece says so");
    assert_eq!(string.member, piece.member);
    string.escaped.extend(piece.content);
    string.text.extend(string.unescape.read(piece.content));
}

/// What serde_json makes of the pieces, and we too.
pub fn strings(staged: Vec<Staged>) -> Vec<(&'static str, String)> {
    let string = |Staged { member, escaped, text, .. }| {
        let content = String::from_utf8(escaped).expect("it is UTF-8");
        let string: String = serde_json::from_str(&format!("\"{content}\"")).expect("it is a string's content");
        assert_eq!(text, string.as_bytes());
        (member, string)
    };
    staged.into_iter().map(string).collect()
}

/// A frame's length without the content of the strings that come in pieces.
pub fn length(frame: &[u8], parent: &str) -> usize {
    let frame = std::str::from_utf8(frame).expect("it is UTF-8");
    let mut length = frame.len();
    for (_, object) in members(frame).into_iter().flatten().filter(|(name, _)| name == parent) {
        for (name, value) in members(object.get()).into_iter().flatten() {
            if STREAMED.contains(&&*name) && value.get().starts_with('"') {
                length -= value.get().len() - 2;
            }
        }
    }
    length
}

/// What a command was called with.
type Run = (String, Option<String>, Option<i64>);

#[derive(Default)]
struct Board<const IN_PIECES: bool> {
    staged: Vec<Staged>,
    runs: Vec<Run>,
    /// All that it was told, in order.
    heard: Vec<String>,
    /// The guest does not take each piece at the first call: not at every so many.
    blocks: usize,
    calls: usize,
}

impl<const IN_PIECES: bool> Guest for Board<IN_PIECES> {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("w", write),
        Command::new("e", |_, call| {
            let number = call.arguments.integer("n")?;
            call.respond()?.integer(number)
        }),
        Command::new("d", |_, call| call.respond()?.done()),
    ];
    const STREAMED: &'static [&'static str] = if IN_PIECES { STREAMED } else { &[] };
    const DEFERS: bool = true;

    fn is_disabled(&self, command: &str) -> bool {
        command == "d"
    }

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        self.calls += 1;
        if self.blocks > 0 && self.calls.is_multiple_of(self.blocks) {
            return Err(nb::Error::WouldBlock);
        }
        self.heard.push(format!("{piece:?}"));
        stage(&mut self.staged, piece);
        Ok(())
    }

    fn discarded(&mut self) {
        assert!(!self.staged.is_empty(), "there is something to discard");
        self.staged.clear();
        self.heard.push("discarded".into());
    }
}

fn write<const IN_PIECES: bool>(board: &mut Board<IN_PIECES>, call: Call<'_>) -> CommandResult {
    let (first, second);
    if IN_PIECES {
        call.arguments.streamed("s")?;
        call.arguments.optional_streamed("t")?;
        (first, second) = (String::new(), None);
    } else {
        first = call.arguments.string("s")?.to_string();
        second = call.arguments.optional_string("t")?.map(|text| text.to_string());
    }
    let number = call.arguments.optional_integer("n")?;
    let response = call.respond()?;
    let mut run = (first, second, number);
    for (member, string) in strings(std::mem::take(&mut board.staged)) {
        if member == "s" { run.0 = string } else { run.1 = Some(string) }
    }
    board.heard.push("ran".into());
    board.runs.push(run);
    response.done()
}

/// `R` resets, `L` loses bytes, `C` corrupts one.
fn agent(bytes: &[u8], rx: usize, at_once: usize, blocks: usize, chunk: usize) {
    for session in ops(bytes).split(|op| *op == Op::Call(b'R')) {
        let heard = serve(session, rx, at_once, 0, 1);
        assert_eq!(serve(session, rx, at_once, 0, chunk), heard);
        if blocks > 0 {
            serve(session, rx, at_once, blocks, chunk);
        }
    }
}

/// What an agent makes of all that, which has to be what one makes of it that sees each frame whole.
fn serve(session: &[Op<'_>], rx: usize, at_once: usize, blocks: usize, chunk: usize) -> Vec<String> {
    let (mut receive, mut transmit) = (vec![0; rx], [0; TX]);
    let mut agent = AgentLent::new(Board::<true>::default(), &mut receive, &mut transmit).expect("it is large enough");
    // A session before this one leaves nothing behind.
    let _ =
        agent.push_slice(b"{\"execute\":\"w\",\"arguments\":{\"s\":\"of the session before this one, and more of it");
    agent.reset();
    assert!(agent.guest().staged.is_empty());
    *agent.guest_mut() = Board { blocks, ..Board::default() };
    let (mut inputs, mut sent) = (Vec::new(), Vec::new());
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
                    bytes = if chunk == 1 {
                        &bytes[usize::from(agent.push(bytes[0]))..]
                    } else {
                        &bytes[agent.push_slice(&bytes[..chunk.min(before)])..]
                    };
                    let owes = agent.owes();
                    let moves = answer(&mut agent, at_once, &mut sent);
                    assert!(bytes.len() < before || owes || moves, "neither end can go on");
                }
            }
        }
        assert!(
            agent.is_receiving() || agent.owes() || !agent.transmit().is_empty() || agent.guest().staged.is_empty()
        );
    }
    while answer(&mut agent, at_once, &mut sent) {}
    assert!(agent.is_receiving() || agent.guest().staged.is_empty());

    let mut runs = Vec::new();
    let mut lines = sent.split_inclusive(|byte| *byte == b'\n');
    for (_, due) in reference::due(&inputs, usize::MAX) {
        match due {
            Due::Sentinel => {}
            Due::Error(_) => is_error(lines.next()),
            Due::Frame(frame) if length(&frame, "arguments") > rx => {
                let line = lines.next();
                is_error(line);
                assert!(line.is_some_and(|line| line.windows(5).any(|word| word == b"limit")));
            }
            Due::Frame(frame) => {
                let (line, run) = answer_whole(&frame);
                if !line.is_empty() {
                    assert_eq!(lines.next(), Some(&line[..]), "{}", frame.escape_ascii());
                }
                runs.extend(run);
            }
        }
    }
    assert_eq!(lines.next(), None, "nobody asked for this");
    assert_eq!(agent.guest().runs, runs);
    std::mem::take(&mut agent.guest_mut().heard)
}

pub fn is_error(line: Option<&[u8]>) {
    let line = std::str::from_utf8(line.expect("an error is answered")).expect("it is ASCII");
    let error = Tree::parse(line).expect("it is JSON");
    assert!(error.member("id").is_none() && error.member("error").is_some(), "{line}");
}

/// Transmits and asks the guest again. Returns whether it did either.
fn answer(agent: &mut AgentLent<'_, Board<true>>, at_once: usize, sent: &mut Vec<u8>) -> bool {
    let owed = agent.owes();
    agent.retry();
    let count = agent.transmit().len().min(at_once);
    sent.extend_from_slice(&agent.transmit()[..count]);
    agent.transmitted(count);
    owed || count > 0
}

/// What an agent does with that frame for which nothing is too long.
fn answer_whole(frame: &[u8]) -> (Vec<u8>, Vec<Run>) {
    let (mut receive, mut transmit) = (vec![0; frame.len() + 74], [0; TX]);
    let mut agent = AgentLent::new(Board::<false>::default(), &mut receive, &mut transmit).expect("it is large enough");
    assert_eq!(agent.push_slice(frame), frame.len());
    let _ = agent.push(b'\n'); // a number ends there
    let line = agent.transmit().to_vec();
    agent.transmitted(usize::MAX);
    (line, std::mem::take(&mut agent.guest_mut().runs))
}

/// `S` synchronizes, `L` loses bytes, `C` corrupts one, anything else resets. There is always a request that waits.
fn client(bytes: &[u8], rx: usize, chunk: usize) {
    let ops = ops(bytes);
    let by_byte = listen(&ops, rx, bytes.len() + 34);
    let (mut receive, mut transmit) = (vec![0; rx], [0; 256]);
    let mut client = ClientLent::new(&mut receive, &mut transmit).expect("it is large enough");
    ask(&mut client, IN_PIECES);
    let mut heard = Vec::new();
    for op in ops {
        match op {
            Op::Bytes(mut bytes) => {
                while !bytes.is_empty() && heard.len() < by_byte.len() {
                    let (taken, reply) = client.push_slice(&bytes[..chunk.min(bytes.len())]);
                    bytes = &bytes[taken..];
                    heard.extend(shown(&reply));
                    ask(&mut client, IN_PIECES);
                }
            }
            Op::Call(call) => drop(act(&mut client, call, IN_PIECES)),
        }
    }
    assert_eq!(heard.get(..by_byte.len()), Some(&by_byte[..]));
}

/// What a client hears byte by byte, which has to be what one hears that sees each response whole.
fn listen(ops: &[Op<'_>], rx: usize, longest: usize) -> Vec<String> {
    let (mut receive, mut transmit) = (vec![0; rx], [0; 256]);
    let mut client = ClientLent::new(&mut receive, &mut transmit).expect("it is large enough");
    let (mut receive, mut transmit) = (vec![0; longest], [0; 256]);
    let mut whole = ClientLent::new(&mut receive, &mut transmit).expect("it is large enough");
    let mut frames = vec![0; longest];
    let mut frames = DecoderLent::new(&mut frames);
    let (mut heard, mut staged) = (Vec::new(), Vec::new());
    ask(&mut client, IN_PIECES);
    ask(&mut whole, WHOLE);
    for op in ops {
        match *op {
            Op::Bytes(bytes) => {
                for byte in bytes {
                    let frame = match frames.push(*byte) {
                        Ok(Some(Event::Frame(frame))) => Some(length(frame.as_bytes(), "return")),
                        _ => None,
                    };
                    let (reply, expected) = (client.push(*byte), whole.push(*byte));
                    if frame.is_some_and(|length| length > rx) || matches!(reply, Err(ClientError::ResponseTooLong)) {
                        return heard;
                    }
                    heard.extend(shown(&reply));
                    let ends = !matches!(reply, Ok(None | Some(Reply::Piece(_))));
                    match (reply, expected) {
                        (Ok(Some(Reply::Piece(piece))), Ok(None)) => stage(&mut staged, piece),
                        (Ok(Some(Reply::Discarded)), Ok(None | Some(Reply::Unattributed(_)))) => {
                            assert!(!std::mem::take(&mut staged).is_empty(), "there is something to discard");
                        }
                        (Ok(Some(Reply::Return(value))), Ok(Some(Reply::Return(expected)))) => {
                            let [value, expected] =
                                [value, expected].map(|value| Tree::parse(&value.to_string()).expect("it is JSON"));
                            let (rest, expected) = apart(expected);
                            assert_eq!((&value, strings(std::mem::take(&mut staged))), (&rest, expected));
                        }
                        (Ok(Some(Reply::Error(error))), Ok(Some(Reply::Error(expected)))) => {
                            assert_eq!(error, expected)
                        }
                        (Ok(Some(Reply::Unattributed(error))), Ok(Some(Reply::Unattributed(expected)))) => {
                            assert_eq!(error, expected);
                            assert!(staged.is_empty(), "they are not discarded");
                        }
                        (Ok(None), Ok(None)) => assert!(frame.is_none() || staged.is_empty(), "they are not discarded"),
                        (Err(_), Err(_)) => {}
                        (reply, expected) => panic!("{reply:?} instead of {expected:?}"),
                    }
                    if ends {
                        staged.clear();
                    }
                    assert_eq!(client.is_ready(), whole.is_ready());
                    if ask(&mut client, IN_PIECES) {
                        frames.reset();
                    }
                    ask(&mut whole, WHOLE);
                }
            }
            Op::Call(call) => {
                if act(&mut client, call, IN_PIECES) {
                    staged.clear();
                    frames.reset();
                } else {
                    let _ = frames.corrupted();
                }
                act(&mut whole, call, WHOLE);
            }
        }
    }
    heard
}

/// What is left of a return value, and what came in pieces.
fn apart(mut value: Tree) -> (Tree, Vec<(&'static str, String)>) {
    let mut strings = Vec::new();
    if let Tree::Object(members) = &mut value {
        for (name, value) in members {
            if let (Some(name), Tree::String(text)) = (STREAMED.iter().find(|one| *one == name), value) {
                strings.push((*name, std::mem::take(text)));
            }
        }
    }
    (value, strings)
}

/// Gets in step if need be, and sends a request if none waits. Returns whether it had to get in step.
fn ask(client: &mut ClientLent<'_>, request: Execute<'_>) -> bool {
    let is_out_of_step = client.execute(request) == Err(ExecuteError::OutOfStep);
    if is_out_of_step {
        client.synchronize(7);
        client.transmitted(usize::MAX);
        let response = b"\xFF{\"return\": 7}";
        assert_eq!(client.push_slice(response), (response.len(), Ok(Some(Reply::Synchronized))));
        client.execute(request).expect("it is in step");
    }
    client.transmitted(usize::MAX);
    is_out_of_step
}

/// Returns whether it had to get in step.
fn act(client: &mut ClientLent<'_>, call: u8, request: Execute<'_>) -> bool {
    match call {
        b'S' => client.synchronize(7),
        b'L' => assert!(client.lost().is_err()),
        b'C' => drop(client.corrupted()),
        _ => assert!(!client.reset(), "every command here has a response"),
    }
    ask(client, request)
}

fn shown(reply: &Result<Option<Reply<'_>>, ClientError>) -> Option<String> {
    reply.map(|reply| reply.map(|reply| format!("{reply:?}"))).unwrap_or_else(|error| Some(format!("{error:?}")))
}
