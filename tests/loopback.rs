//! Client and agent over a line that drops, duplicates, corrupts, delays and splits bytes: seeded conversations.
//!
//! With ids, no response is ever taken for another request's; without, none is after an undisturbed synchronize and an
//! undisturbed request. After the first undisturbed synchronize both ends are in step, every time.

mod random;

use std::collections::VecDeque;

use guestwire::{Agent, Client, Execute, Reply};
use random::Random;

const CONVERSATIONS: u64 = 100_000;

type TestAgent = Agent<(), 160, 400>;
type TestClient = Client<160, 160>;

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
            match random.below(5) {
                0 => {}
                1 => self.bytes.extend([*byte, *byte]),
                2 => self.bytes.push_back(byte ^ 1 << random.below(8)),
                3 => self.bytes.push_back(random.pick(b"{}[]\",:\\0 \xFF\n\x00x")),
                // The last bytes of the line, again.
                _ => {
                    self.bytes.push_back(*byte);
                    let length = self.bytes.len().min(1 + random.below(64));
                    let again: Vec<u8> = self.bytes.range(self.bytes.len() - length..).copied().collect();
                    self.bytes.extend(again);
                }
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

/// What was sent, whole, and what is due for it.
struct Sent {
    request: Vec<u8>,
    payload: i64,
    /// What the agent sent when exactly these bytes had arrived.
    response: Option<Vec<u8>>,
}

struct Line {
    client: Box<TestClient>,
    agent: Box<TestAgent>,
    to_agent: Wire,
    to_client: Wire,
    random: Random,
    sent: Vec<Sent>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Seen {
    Synchronized,
    Return(Option<i64>),
    Error,
    Failed,
}

impl Line {
    fn new(seed: u64) -> Self {
        Self {
            client: Box::new(Client::new()),
            agent: Box::new(Agent::new(())),
            to_agent: Wire::default(),
            to_client: Wire::default(),
            random: Random(seed),
            sent: Vec::new(),
        }
    }

    fn transmit_request(&mut self, rate: usize) {
        let request = self.client.transmit().to_vec();
        self.client.transmitted(request.len());
        self.to_agent.put(&request, rate, &mut self.random);
    }

    /// Bytes go to the agent one by one, so that each response can be told from which request it came.
    fn serve(&mut self, bytes: &[u8], rate: usize) {
        let before = self.to_agent.taken.len() - bytes.len();
        for (at, byte) in bytes.iter().enumerate() {
            while self.agent.push(*byte).is_err() {
                self.transmit_response(rate);
            }
            if !self.agent.transmit().is_empty() {
                let arrived = &self.to_agent.taken[..=before + at];
                if let Some(sent) = self.sent.iter_mut().find(|sent| arrived.ends_with(sent.request.trim_ascii_end())) {
                    sent.response = Some(self.agent.transmit().to_vec());
                }
                self.transmit_response(rate);
            }
        }
    }

    fn transmit_response(&mut self, rate: usize) {
        let response = self.agent.transmit().to_vec();
        assert!(!response.is_empty(), "an agent that takes no byte has something to say");
        self.agent.transmitted(response.len());
        self.to_client.put(&response, rate, &mut self.random);
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<Seen> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let seen = match self.client.push_slice(&mut rest) {
                Ok(None) => continue,
                Ok(Some(Reply::Synchronized)) => Seen::Synchronized,
                Ok(Some(Reply::Return(value))) => Seen::Return(value.integer()),
                Ok(Some(Reply::Error(_) | Reply::Unattributed(_))) => Seen::Error,
                Err(_) => Seen::Failed,
            };
            // What is behind the reply comes to the client first when it listens again.
            let heard = self.to_client.taken.len() - rest.len();
            self.to_client.taken.truncate(heard);
            for byte in rest.iter().rev() {
                self.to_client.bytes.push_front(*byte);
            }
            return Some(seen);
        }
        None
    }

    /// Runs the line until the client has something, or nothing more comes.
    fn wait(&mut self, rate: usize) -> Option<Seen> {
        for _ in 0..12 {
            let bytes = self.to_agent.take(&mut self.random);
            self.serve(&bytes, rate);
            let bytes = self.to_client.take(&mut self.random);
            if let Some(seen) = self.hear(&bytes) {
                return Some(seen);
            }
        }
        None
    }

    /// The same without any delay.
    fn wait_undisturbed(&mut self) -> Option<Seen> {
        loop {
            let bytes = self.to_agent.take_all();
            self.serve(&bytes, 0);
            let bytes = self.to_client.take_all();
            if let Some(seen) = self.hear(&bytes) {
                return Some(seen);
            }
            if bytes.is_empty() {
                return None;
            }
        }
    }

    fn synchronize(&mut self, rate: usize) {
        let id = self.fresh();
        self.client.synchronize(id);
        self.transmit_request(rate);
    }

    /// Asks for a number that belongs to this request alone, and returns it.
    fn execute(&mut self, with_id: bool, rate: usize) -> i64 {
        let (id, payload) = (self.fresh(), self.fresh());
        let request = Execute::new("guest-sync");
        let request = if with_id { request.id(id) } else { request };
        self.client.execute_with(request, |arguments| arguments.member("id").integer(payload)).expect("in step");
        self.sent.push(Sent { request: self.client.transmit().to_vec(), payload, response: None });
        self.transmit_request(rate);
        payload
    }

    fn fresh(&mut self) -> i64 {
        (self.random.next() >> 1) as i64
    }
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

/// The disturbed part of a conversation: a few requests, each after a synchronize where one is needed.
fn disturbed(line: &mut Line, with_id: bool, rate: usize, counts: &mut Counts) {
    for _ in 0..1 + line.random.below(6) {
        if !line.client.is_in_step() {
            line.synchronize(rate);
            if line.wait(rate) != Some(Seen::Synchronized) {
                line.client.timed_out();
                continue;
            }
        }
        let payload = line.execute(with_id, rate);
        counts.requests += 1;
        match line.wait(rate) {
            Some(Seen::Return(Some(number))) if number == payload => counts.right += 1,
            Some(Seen::Return(number)) => {
                let other = line.sent.iter().find(|sent| Some(sent.payload) == number);
                match other {
                    None => counts.contents_corrupted += 1,
                    Some(other) => {
                        // Taken for another request's. If the frame is what the agent sent, and sent for what the
                        // client sent, the client was wrong; otherwise the line made it up.
                        let genuine = other
                            .response
                            .as_ref()
                            .is_some_and(|response| line.to_client.taken.ends_with(response.trim_ascii_end()));
                        assert!(!(with_id && genuine), "a response was taken for another request's");
                        counts.forged += 1;
                    }
                }
            }
            Some(Seen::Synchronized) => panic!("nobody asked to synchronize"),
            Some(Seen::Error | Seen::Failed) => counts.failed += 1,
            None => {
                counts.silent += 1;
                line.client.timed_out();
            }
        }
    }
    counts.faults += line.to_agent.faults + line.to_client.faults;
}

#[test]
fn conversations_over_an_adversarial_line() {
    for with_id in [true, false] {
        let mut counts = Counts::default();
        for seed in 0..CONVERSATIONS / 2 {
            let mut line = Line::new(seed << 1 | u64::from(with_id));
            let rate = line.random.pick(&[8, 20, 50, 200]);
            disturbed(&mut line, with_id, rate, &mut counts);
            // From here on the line is clean, and what is still on it arrives.
            line.client.timed_out();
            line.synchronize(0);
            assert_eq!(line.wait_undisturbed(), Some(Seen::Synchronized), "seed {seed}");
            for _ in 0..2 {
                let payload = line.execute(with_id, 0);
                assert_eq!(line.wait_undisturbed(), Some(Seen::Return(Some(payload))), "seed {seed}");
            }
        }
        println!("{} conversations, ids: {with_id}: {counts:?}", CONVERSATIONS / 2);
        assert!(
            counts.right > 1000 && counts.failed > 1000 && counts.silent > 1000,
            "the line is neither dead nor clean"
        );
    }
}
