//! Client and agent over a line that drops, inserts, flips, delays and splits bytes: seeded conversations.
//!
//! With ids and without, no answer is ever taken for another request's, unless the bytes that arrived form a valid
//! message that nobody sent. After the first undisturbed synchronize both ends are in step, every time.

#[cfg(unix)]
mod programs;
mod random;

use std::collections::VecDeque;

use guestwire::commands::{FileSeek, Schema, Whence};
use guestwire::{Agent, Client, Command, Decoder, Event, Guest, Reply, client::ExecuteError};
use random::Random;

type TestAgent = Agent<Echo, 160, 480>;
type TestClient = Client<160, 160>;

/// Returns a handle as the position in it.
struct Echo;

impl Guest for Echo {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("guest-file-seek", |_, call| {
        let handle = call.arguments.integer("handle")?;
        let (_, _) = (call.arguments.integer("offset")?, call.arguments.string("whence")?);
        call.respond()?.object(|object| {
            object.member("position").integer(handle)?;
            object.member("eof").boolean(false)
        })
    })];
}

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    typed: bool,
    with_id: bool,
}

const KINDS: [Kind; 4] = [
    Kind { typed: false, with_id: true },
    Kind { typed: false, with_id: false },
    Kind { typed: true, with_id: true },
    Kind { typed: true, with_id: false },
];

impl Kind {
    /// The answer to a request that arrived intact.
    fn response(self, request: &[u8], number: i64, by_error: bool) -> Vec<u8> {
        let request = std::str::from_utf8(request).expect("requests are ASCII").trim_end();
        // `, "id": N}`, or the bracket alone.
        let end = if self.with_id { &request[request.rfind(", ").expect("it has an id")..] } else { "}" };
        match (self.typed, by_error) {
            (false, _) => format!("{{\"return\": {number}{end}"),
            (true, false) => format!("{{\"return\": {{\"position\": {number}, \"eof\": false}}{end}"),
            (true, true) => {
                let id = end.trim_start_matches(", ").trim_end_matches('}');
                let comma = if self.with_id { ", " } else { "" };
                let desc = format!("handle '{number}' has not been found");
                format!("{{{id}{comma}\"error\": {{\"class\": \"GenericError\", \"desc\": \"{desc}\"}}}}")
            }
        }
        .into_bytes()
    }

    /// Sends a request for a number.
    fn ask(self, client: &mut TestClient, number: i64) -> Result<(), ExecuteError> {
        match self.typed {
            true => client.request(FileSeek { handle: number, offset: 0, whence: Whence::Set, ..Default::default() }),
            false => client.execute_with("guest-sync", |arguments| arguments.member("id").integer(number)),
        }
    }
}

const INSERTED: &[u8] = b"{}[]\",:\\0 \xFF\n\x00x";

/// One direction of a line.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    /// What the receiving end has taken.
    taken: Vec<u8>,
    faults: usize,
}

impl Wire {
    /// Puts bytes on the line. `rate`: one fault in so many bytes, 0 for none.
    fn put(&mut self, bytes: &[u8], rate: usize, random: &mut Random) {
        for byte in bytes {
            if rate == 0 || !random.one_in(rate) {
                self.bytes.push_back(*byte);
                continue;
            }
            self.faults += 1;
            match random.below(3) {
                0 => {}
                1 => self.bytes.extend([random.pick(INSERTED), *byte]),
                _ => self.bytes.push_back(byte ^ 1 << random.below(8)),
            }
        }
    }

    /// Takes some of the bytes, or, delayed, none.
    fn take(&mut self, random: &mut Random) -> Vec<u8> {
        let count = random.below(self.bytes.len() + 1);
        let bytes: Vec<u8> = self.bytes.drain(..count).collect();
        self.taken.extend(&bytes);
        bytes
    }

    fn take_all(&mut self) -> Vec<u8> {
        let bytes: Vec<u8> = self.bytes.drain(..).collect();
        self.taken.extend(&bytes);
        bytes
    }
}

/// What was sent, and whether it has arrived.
struct Sent {
    request: Vec<u8>,
    number: i64,
    arrived: bool,
}

/// The guest end of the line.
trait Peer {
    /// Takes bytes, and returns its answers so far.
    fn give(&mut self, bytes: &[u8]) -> Vec<u8>;
    /// All other answers to what was given.
    fn settle(&mut self) -> Vec<u8>;
    /// Waits for an answer. Empty: none will arrive.
    fn wait(&mut self) -> Vec<u8>;
}

impl Peer for TestAgent {
    fn give(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        while !bytes.is_empty() {
            bytes = &bytes[self.push_slice(bytes)..];
            while !self.transmit().is_empty() {
                answers.extend_from_slice(self.transmit());
                self.transmitted(self.transmit().len());
            }
        }
        answers
    }

    fn settle(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn wait(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

struct Line<'p> {
    client: Box<TestClient>,
    peer: &'p mut dyn Peer,
    kind: Kind,
    /// Whether the peer answers a typed request with an error that names the number.
    by_error: bool,
    to_peer: Wire,
    to_client: Wire,
    random: Random,
    sent: Vec<Sent>,
    /// All answers of the peer.
    answers: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Seen {
    Synchronized,
    /// The number in a return value.
    Return(Option<i64>),
    /// The number in an error's text.
    Error(Option<i64>),
    Failed,
}

impl<'p> Line<'p> {
    fn new(seed: u64, kind: Kind, peer: &'p mut dyn Peer) -> Self {
        let mut client = Box::new(Client::new());
        if !kind.with_id {
            client.omit_ids();
        }
        Self {
            client,
            peer,
            kind,
            by_error: false,
            to_peer: Wire::default(),
            to_client: Wire::default(),
            random: Random(seed),
            sent: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn transmit_request(&mut self, rate: usize) {
        let request = self.client.transmit().to_vec();
        self.client.transmitted(request.len());
        self.to_peer.put(&request, rate, &mut self.random);
    }

    fn serve(&mut self, bytes: &[u8], rate: usize) {
        let before = self.to_peer.taken.len() - bytes.len();
        for end in before + 1..=self.to_peer.taken.len() {
            let taken = &self.to_peer.taken[..end];
            for sent in self.sent.iter_mut().filter(|sent| taken.ends_with(&sent.request)) {
                sent.arrived = true;
            }
        }
        let answers = self.peer.give(bytes);
        self.answer(&answers, rate);
    }

    fn answer(&mut self, answers: &[u8], rate: usize) {
        self.answers.extend_from_slice(answers);
        self.to_client.put(answers, rate, &mut self.random);
    }

    /// Whether the line has made up a message since the client was in step: one that is valid, and that nobody sent.
    fn has_forged(&self) -> bool {
        let since = self.to_client.taken.split(|byte| *byte == 0xFF).next_back().unwrap_or_default();
        let answered = frames(&self.answers);
        frames(since).iter().any(|frame| !answered.contains(frame))
    }

    /// Gives the client bytes until it has something.
    fn hear(&mut self, bytes: &[u8]) -> Option<Seen> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (taken, reply) = self.client.push_slice(rest);
            rest = &rest[taken..];
            let seen = match reply {
                // The answer may still come.
                Ok(None | Some(Reply::Unattributed(_))) => continue,
                Ok(Some(Reply::Synchronized)) => Seen::Synchronized,
                Ok(Some(Reply::Return(value))) => {
                    let position = FileSeek::returned(value).ok().map(|seek| seek.position);
                    Seen::Return(value.integer().or(position))
                }
                Ok(Some(Reply::Error(error))) => {
                    Seen::Error(error.to_string().split('\'').nth(1).and_then(|number| number.parse().ok()))
                }
                Ok(Some(other)) => panic!("{other:?}"),
                Err(_) => Seen::Failed,
            };
            // The client gets the bytes after the reply first when it listens again.
            let heard = self.to_client.taken.len() - rest.len();
            self.to_client.taken.truncate(heard);
            for byte in rest.iter().rev() {
                self.to_client.bytes.push_front(*byte);
            }
            return Some(seen);
        }
        None
    }

    /// Runs the line until the client has an outcome, or nothing more arrives.
    fn wait(&mut self, rate: usize) -> Option<Seen> {
        for _ in 0..12 {
            let bytes = self.to_peer.take(&mut self.random);
            self.serve(&bytes, rate);
            let bytes = self.to_client.take(&mut self.random);
            let seen = self.hear(&bytes);
            if seen.is_some() {
                return seen;
            }
        }
        if self.to_peer.bytes.is_empty() {
            let answers = self.peer.settle();
            self.answer(&answers, rate);
            let bytes = self.to_client.take_all();
            return self.hear(&bytes);
        }
        None
    }

    /// The same without any delay or fault.
    fn wait_undisturbed(&mut self) -> Option<Seen> {
        loop {
            let bytes = self.to_peer.take_all();
            self.serve(&bytes, 0);
            if self.to_client.bytes.is_empty() {
                let answers = self.peer.wait();
                self.answer(&answers, 0);
            }
            let bytes = self.to_client.take_all();
            if bytes.is_empty() {
                return None;
            }
            let seen = self.hear(&bytes);
            if seen.is_some() {
                return seen;
            }
        }
    }

    fn synchronize(&mut self, rate: usize) {
        let number = self.fresh();
        self.client.synchronize(number);
        self.transmit_request(rate);
    }

    /// Sends a request with a unique number, and returns the number.
    fn execute(&mut self, rate: usize) -> i64 {
        let number = self.fresh();
        self.kind.ask(&mut self.client, number).expect("in step");
        let request = self.client.transmit().trim_ascii_end().to_vec();
        self.sent.push(Sent { request, number, arrived: false });
        self.transmit_request(rate);
        number
    }

    fn fresh(&mut self) -> i64 {
        (self.random.next() >> 1) as i64
    }

    /// A few requests on a bad line, each after a synchronize where one is needed.
    fn disturbed(&mut self, rate: usize, counts: &mut Counts) {
        for _ in 0..1 + self.random.below(6) {
            if !self.client.is_ready() {
                self.synchronize(rate);
                if self.wait(rate) != Some(Seen::Synchronized) {
                    self.client.reset();
                    continue;
                }
            }
            let own = self.execute(rate);
            counts.requests += 1;
            match self.wait(rate) {
                Some(Seen::Return(Some(number)) | Seen::Error(Some(number))) if number == own => counts.right += 1,
                Some(Seen::Return(number) | Seen::Error(number @ Some(_))) => {
                    let of_another = self.sent.iter().find(|sent| Some(sent.number) == number);
                    match of_another {
                        None => counts.contents_corrupted += 1,
                        Some(other) => {
                            let response = self.kind.response(&other.request, other.number, self.by_error);
                            let as_sent = other.arrived && self.to_client.taken.ends_with(&response);
                            assert!(
                                !as_sent || self.has_forged(),
                                "an answer was taken for another request's:\nto the agent {}\nto the client {}",
                                self.to_peer.taken.escape_ascii(),
                                self.to_client.taken.escape_ascii()
                            );
                            counts.forged += 1;
                        }
                    }
                }
                Some(Seen::Synchronized) => panic!("nobody asked to synchronize"),
                Some(Seen::Error(None) | Seen::Failed) => counts.failed += 1,
                None => {
                    counts.silent += 1;
                    self.client.reset();
                }
            }
        }
        counts.faults += self.to_peer.faults + self.to_client.faults;
    }

    /// From here on the line is clean, and what is still on it arrives.
    fn recover(&mut self) {
        self.client.reset();
        self.synchronize(0);
        assert_eq!(self.wait_undisturbed(), Some(Seen::Synchronized));
        for _ in 0..2 {
            if !self.client.is_ready() {
                self.synchronize(0);
                assert_eq!(self.wait_undisturbed(), Some(Seen::Synchronized));
            }
            let number = Some(self.execute(0));
            let due = if self.kind.typed && self.by_error { Seen::Error(number) } else { Seen::Return(number) };
            assert_eq!(self.wait_undisturbed(), Some(due));
        }
    }
}

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = Box::new(Decoder::<480>::new());
    let frame = |byte| match decoder.push(byte) {
        Ok(Some(Event::Frame(frame))) => Some(frame.as_bytes().to_vec()),
        _ => None,
    };
    bytes.iter().copied().filter_map(frame).collect()
}

#[derive(Default, Debug)]
struct Counts {
    faults: usize,
    requests: usize,
    right: usize,
    failed: usize,
    silent: usize,
    contents_corrupted: usize,
    forged: usize,
}

impl Counts {
    fn print(&self, conversations: u64, kind: Kind) {
        println!("{conversations} conversations, {kind:?}: {self:?}");
        let few = conversations as usize / 50;
        assert!(self.right > few && self.failed > few && self.silent > few, "the line is neither dead nor clean");
    }
}

fn rate(line: &mut Line<'_>) -> usize {
    line.random.pick(&[20, 50, 200, 1000])
}

fn converse(seeds: std::ops::Range<u64>) {
    for kind in KINDS {
        let mut counts = Counts::default();
        for seed in seeds.clone() {
            let mut agent: Box<TestAgent> = Box::new(Agent::new(Echo));
            let mut line =
                Line::new(seed << 2 | u64::from(kind.typed) << 1 | u64::from(kind.with_id), kind, &mut *agent);
            let rate = rate(&mut line);
            line.disturbed(rate, &mut counts);
            line.recover();
        }
        counts.print(seeds.end - seeds.start, kind);
    }
}

#[test]
fn conversations_over_an_adversarial_line() {
    converse(0..25_000);
}

#[test]
#[ignore = "takes half a minute: cargo test --release --test loopback -- --ignored"]
fn half_a_million_conversations_over_an_adversarial_line() {
    converse(25_000..150_000);
}

#[cfg(unix)]
mod qemu_ga {
    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::programs::qemu_ga::QemuGa;

    const CONVERSATIONS: u64 = 2000;

    /// Commands that could do harm if a flipped bit named them.
    const BLOCKED: &str = "guest-shutdown,guest-suspend-disk,guest-suspend-ram,guest-suspend-hybrid,guest-exec,\
        guest-set-time,guest-set-vcpus,guest-set-user-password,guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,\
        guest-fstrim,guest-file-open,guest-set-memory-blocks";

    struct Real {
        port: UnixStream,
        settled: u64,
    }

    impl Real {
        fn read(&mut self) -> std::io::Result<Vec<u8>> {
            let mut buffer = [0; 65536];
            let count = self.port.read(&mut buffer)?;
            assert_ne!(count, 0, "qemu-ga is still there");
            Ok(buffer[..count].to_vec())
        }
    }

    impl Peer for Real {
        fn give(&mut self, bytes: &[u8]) -> Vec<u8> {
            self.port.write_all(bytes).unwrap();
            self.port.set_nonblocking(true).unwrap();
            let answers = match self.read() {
                Ok(answers) => answers,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Vec::new(),
                Err(error) => panic!("{error}"),
            };
            self.port.set_nonblocking(false).unwrap();
            answers
        }

        /// The test's own synchronization: every answer before its response belongs to the stream.
        fn settle(&mut self) -> Vec<u8> {
            self.settled += 1;
            let number = self.settled;
            let sync = format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{number}}}}}\n");
            self.port.write_all(&[b"\xFF", sync.as_bytes()].concat()).unwrap();
            let end = [b"\xFF", format!("{{\"return\": {number}}}\n").as_bytes()].concat();
            let mut answers = Vec::new();
            while !answers.ends_with(&end) {
                answers.extend(self.wait());
            }
            answers.truncate(answers.len() - end.len());
            // The last line is the error that the sentinel draws.
            let last = answers.iter().rev().skip(1).position(|byte| *byte == b'\n').unwrap_or(answers.len() - 1);
            answers.truncate(answers.len() - 1 - last);
            answers
        }

        fn wait(&mut self) -> Vec<u8> {
            self.read().expect("an answer")
        }
    }

    #[test]
    #[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
    fn conversations_with_qemu_ga_over_an_adversarial_line() {
        let qemu_ga = QemuGa::start(BLOCKED);
        let mut real = Real { port: qemu_ga.connect(), settled: 0 };
        for kind in KINDS {
            let mut counts = Counts::default();
            for seed in 0..CONVERSATIONS / 4 {
                real.settle();
                let mut line = Line::new(seed, kind, &mut real);
                line.by_error = true;
                let rate = rate(&mut line);
                line.disturbed(rate, &mut counts);
                line.recover();
            }
            counts.print(CONVERSATIONS / 4, kind);
        }
    }
}
