//! The client: which answers it takes, against a second implementation of the rules on top of `reference`.

use guestwire::{
    Client, Reply,
    client::{ClientError, ExecuteError},
};

use crate::line::{Op, ops};
use crate::reference::{self, Due, Fault, Input};
use crate::tree::Tree;

const RX: usize = 48;
const TX: usize = 96;

/// Received bytes, and calls between them: `S` synchronize, `P` the same with guest-sync, `E` execute, `I` the same
/// with arguments, `O` ids are omitted from here on, `W` everything was sent, `B` one byte was, `L` bytes were lost,
/// `C` one is corrupted, anything else a reset.
pub fn client(bytes: &[u8]) {
    let mut client: Client<RX, TX> = Client::new();
    let mut rules =
        Rules { state: State::OutOfStep, last: Some(0), unsent: Vec::new(), line: Vec::new(), handled: 0, calls: 0 };
    for op in ops(bytes) {
        match op {
            Op::Bytes(bytes) => {
                let due = rules.receive(bytes);
                let mut by_byte = client.clone();
                let replies: Vec<_> =
                    (0..).zip(bytes).filter_map(|(at, byte)| Some((at, shown(by_byte.push(*byte))?))).collect();
                assert_eq!(replies, due, "by byte");
                let mut replies = Vec::new();
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (taken, reply) = client.push_slice(rest);
                    rest = &rest[taken..];
                    replies.extend(shown(reply).map(|reply| (bytes.len() - rest.len() - 1, reply)));
                }
                assert_eq!(replies, due, "by slice");
                assert_eq!(by_byte.is_ready(), client.is_ready());
            }
            Op::Call(call) => {
                let was_in_step = matches!(rules.state, State::InStep | State::Waiting(_));
                let outcome = rules.call(call);
                let number = i64::from(rules.calls);
                let mut did = Ok(());
                match call {
                    b'S' => client.synchronize(number),
                    b'P' => client.synchronize_plain(number),
                    b'E' => did = client.execute("c"),
                    b'O' => client.omit_ids(),
                    b'I' => did = client.execute_with("c", |_| Ok(())),
                    b'W' => client.transmitted(usize::MAX),
                    b'B' => client.transmitted(1),
                    b'L' => assert_eq!(client.lost().is_err(), was_in_step),
                    b'C' => assert_eq!(client.corrupted().is_err(), was_in_step),
                    _ => assert!(!client.reset(), "every command here has a response"),
                }
                assert_eq!(did, outcome, "{}", call as char);
            }
        }
        assert_eq!(client.transmit(), rules.unsent);
        assert_eq!(client.is_ready(), matches!(rules.state, State::InStep));
    }
}

fn shown(reply: Result<Option<Reply<'_>>, ClientError>) -> Option<String> {
    match reply {
        Ok(None) => None,
        Ok(Some(Reply::Synchronized)) => Some("synchronized".to_owned()),
        Ok(Some(Reply::Return(value))) => Some(format!("return {value}")),
        Ok(Some(Reply::Error(error))) => Some(format!("error {error}")),
        Ok(Some(Reply::Unattributed(error))) => Some(format!("unattributed {error}")),
        Ok(Some(other)) => panic!("{other:?}"),
        Err(error) => Some(format!("{error:?}")),
    }
}

#[derive(Clone, Copy)]
enum State {
    OutOfStep,
    /// Nothing counts before a sentinel.
    Sentinel(i64),
    /// The next frame has the id, or it waits for a sentinel again.
    Id(i64),
    /// Nothing counts before the id.
    PlainId(i64),
    InStep,
    /// For the response with an id, or for the next one without.
    Waiting(Option<i64>),
}

enum Piece {
    Bytes(Vec<u8>),
    Corrupted,
    Lost,
}

struct Rules {
    state: State,
    /// The last number of a synchronization or id of a request, unless ids are omitted.
    last: Option<i64>,
    unsent: Vec<u8>,
    /// Bytes received since the decoder was new.
    line: Vec<Piece>,
    /// How many of the outcomes due for that have been dealt with.
    handled: usize,
    calls: u8,
}

impl Rules {
    fn call(&mut self, call: u8) -> Result<(), ExecuteError> {
        self.calls = self.calls.wrapping_add(1) % 8;
        let number = i64::from(self.calls);
        match call {
            b'S' | b'P' => {
                let (command, state) = match call {
                    b'S' => ("guest-sync-delimited", State::Sentinel(number)),
                    _ => ("guest-sync", State::PlainId(number)),
                };
                if call == b'P' {
                    self.renew();
                }
                self.state = state;
                self.last = self.last.map(|last| last.max(number));
                self.unsent = b"\xFF".to_vec();
                self.unsent
                    .extend(format!("{{\"execute\": \"{command}\", \"arguments\": {{\"id\": {number}}}}}\n").bytes());
            }
            b'E' | b'I' => match self.state {
                State::InStep if self.is_open() => {
                    self.out_of_step();
                    return Err(ExecuteError::OutOfStep);
                }
                State::InStep => {
                    self.last = self.last.map(|last| last + 1);
                    self.state = State::Waiting(self.last);
                    let arguments = if call == b'I' { ", \"arguments\": {}" } else { "" };
                    let id = self.last.map(|id| format!(", \"id\": {id}")).unwrap_or_default();
                    self.unsent = format!("{{\"execute\": \"c\"{arguments}{id}}}\n").into_bytes();
                }
                State::Waiting(_) => return Err(ExecuteError::Waiting),
                _ => return Err(ExecuteError::OutOfStep),
            },
            b'O' => self.last = None,
            b'W' => self.unsent.clear(),
            b'B' => drop(self.unsent.drain(..self.unsent.len().min(1))),
            b'L' | b'C' => {
                self.line.push(if call == b'L' { Piece::Lost } else { Piece::Corrupted });
                self.handled = self.due(RX).len();
                match self.state {
                    State::Id(id) => self.state = State::Sentinel(id),
                    State::InStep | State::Waiting(_) => self.out_of_step(),
                    _ => {}
                }
            }
            _ => self.out_of_step(),
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &[u8]) -> Vec<(usize, String)> {
        let mut replies = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::OutOfStep => break,
                State::Sentinel(id) => match bytes[at..].iter().position(|byte| *byte == 0xFF) {
                    None => break,
                    Some(skipped) => {
                        at += skipped + 1;
                        self.renew();
                        self.state = State::Id(id);
                    }
                },
                _ => at = self.decode(bytes, at, &mut replies),
            }
        }
        replies
    }

    /// The bytes from `at` on, up to a sentinel, as far as the state wants frames.
    fn decode(&mut self, bytes: &[u8], at: usize, replies: &mut Vec<(usize, String)>) -> usize {
        let length_of = |piece: &Piece| if let Piece::Bytes(bytes) = piece { bytes.len() } else { 0 };
        let before: usize = self.line.iter().map(length_of).sum();
        let handled = self.handled;
        let length =
            bytes[at..].iter().position(|byte| *byte == 0xFF).map_or(bytes.len() - at, |sentinel| sentinel + 1);
        self.line.push(Piece::Bytes(bytes[at..at + length].to_vec()));
        for (index, due) in self.due(RX).into_iter().skip(handled) {
            let end = index - before + at;
            self.handled += 1;
            // What is too long, if it was whole.
            let longer = if due == Due::Error(Fault::Overflow) { self.due(before + length) } else { Vec::new() };
            let whole = longer.into_iter().find_map(|(other, due)| match due {
                Due::Frame(text) if other == index => Some(text),
                _ => None,
            });
            replies.extend(self.judge(due, whole).map(|reply| (end, reply)));
            if matches!(self.state, State::OutOfStep | State::Sentinel(_)) {
                return end + 1;
            }
        }
        at + length
    }

    fn judge(&mut self, due: Due, whole: Option<Vec<u8>>) -> Option<String> {
        let response = match &due {
            Due::Frame(text) => Response::parse(text),
            _ => None,
        };
        match (self.state, response, due) {
            (State::Id(id) | State::PlainId(id), Some(response), _) if response.synchronizes(id) => {
                self.state = State::InStep;
                Some("synchronized".to_owned())
            }
            (State::Id(_), _, Due::Sentinel) | (State::PlainId(_), ..) => None,
            (State::Id(id), ..) => {
                self.state = State::Sentinel(id);
                None
            }
            (State::Waiting(Some(id)), Some(response), _) if response.id_number() == Some(id) => {
                self.state = State::InStep;
                Some(response.outcome)
            }
            (_, Some(response), _) if response.id.is_some() => None,
            // Not before the request has gone, but for its LF.
            (State::Waiting(None), Some(response), _) if self.unsent.len() <= 1 => {
                self.state = State::InStep;
                // It may be the request's answer, or that to a broken frame.
                if response.is_error() && !response.is_command_not_found() {
                    self.out_of_step();
                }
                Some(response.outcome)
            }
            (State::InStep, Some(response), _) if response.is_error() && self.last.is_some() => None,
            (State::Waiting(Some(_)), Some(response), _) if response.is_error() => {
                Some(format!("unattributed {}", response.outcome.trim_start_matches("error ")))
            }
            (State::Waiting(Some(_)), Some(_), _) => self.fail("IdMissing".to_owned()),
            (_, Some(_), _) | (_, _, Due::Sentinel) => self.fail("Unexpected".to_owned()),
            (_, None, Due::Frame(_)) => None,
            (State::Waiting(id), _, Due::Error(Fault::Overflow)) if whole.is_some() => {
                let starts = ["{\"return\"", "{\"error\"", "{\"id\""];
                let is_start = |start: &&str| whole.as_ref().is_some_and(|text| text.starts_with(start.as_bytes()));
                if !starts.iter().any(is_start) {
                    return None;
                }
                // Nor this one, with or without an id: it is cut off before that is known.
                if self.unsent.len() > 1 {
                    return self.fail("Unexpected".to_owned());
                }
                self.state = State::InStep;
                // Without ids an error may answer noise, and the answer to the request may follow.
                if id.is_none() && whole.is_some_and(|text| text.starts_with(b"{\"error\"")) {
                    self.out_of_step();
                }
                Some("ResponseTooLong".to_owned())
            }
            (_, _, Due::Error(fault)) => self.fail(format!("Broken({fault:?})")),
        }
    }

    fn fail(&mut self, error: String) -> Option<String> {
        self.out_of_step();
        Some(error)
    }

    fn out_of_step(&mut self) {
        self.state = State::OutOfStep;
        self.unsent.clear();
    }

    fn renew(&mut self) {
        self.line.clear();
        self.handled = 0;
    }

    fn due(&self, capacity: usize) -> Vec<(usize, Due)> {
        reference::due(&self.inputs(), capacity)
    }

    /// Whether losing bytes now would lose a frame.
    fn is_open(&self) -> bool {
        let inputs = self.inputs();
        let with_loss = [&inputs[..], &[Input::Lost]].concat();
        reference::due(&with_loss, RX).len() > reference::due(&inputs, RX).len()
    }

    fn inputs(&self) -> Vec<Input<'_>> {
        fn input(piece: &Piece) -> Input<'_> {
            match piece {
                Piece::Bytes(bytes) => Input::Bytes(bytes),
                Piece::Corrupted => Input::Corrupted,
                Piece::Lost => Input::Lost,
            }
        }
        self.line.iter().map(input).collect()
    }
}

struct Response {
    id: Option<Tree>,
    returned: Option<i64>,
    outcome: String,
}

impl Response {
    /// An object with `return` or `error` and without `execute`, and none of what counts twice.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).expect("frames are UTF-8");
        let frame = Tree::parse(text).expect("frames are JSON");
        let count =
            |name: &str| frame.members().map(|members| members.iter().filter(|(other, _)| other == name).count());
        if !frame.is_response() || ["return", "error", "id"].iter().any(|name| count(name) > Some(1)) {
            return None;
        }
        let (returned, error) = (frame.member("return"), frame.member("error"));
        let part = |name| error.and_then(|error| error.member(name)?.text()).unwrap_or_default();
        let outcome = match error {
            Some(_) => format!("error {}: {}", part("class"), part("desc")),
            None => format!("return {}", raw_member(text, "return")?),
        };
        let returned = returned.filter(|_| error.is_none()).and_then(Tree::integer);
        Some(Self { id: frame.member("id").cloned(), returned, outcome })
    }

    fn synchronizes(&self, id: i64) -> bool {
        self.id.is_none() && self.returned == Some(id)
    }

    fn id_number(&self) -> Option<i64> {
        self.id.as_ref().and_then(Tree::integer)
    }

    fn is_error(&self) -> bool {
        self.outcome.starts_with("error ")
    }

    fn is_command_not_found(&self) -> bool {
        self.outcome.starts_with("error CommandNotFound: ")
    }
}

/// A member's text as in the frame.
fn raw_member(frame: &str, name: &str) -> Option<String> {
    let mut members: std::collections::HashMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(frame).ok()?;
    members.remove(name).map(|value| value.get().to_owned())
}
