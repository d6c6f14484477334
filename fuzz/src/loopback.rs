//! Client and agent over a line that the fuzzer disturbs.

use std::collections::VecDeque;

use guestwire::{Agent, Client, Reply};

type TestClient = Client<96, 128>;

struct Line {
    client: TestClient,
    agent: Agent<(), 128, 400>,
    to_agent: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// Every byte that either end has taken, to tell genuine messages from those that the line made up.
    heard: Vec<u8>,
    responses: Vec<Vec<u8>>,
    calls: i64,
}

/// Each byte is one thing that happens: bytes move, get lost, come twice or as others, and the client acts.
pub fn loopback(bytes: &[u8]) {
    let mut line = Line {
        client: Client::new(),
        agent: Agent::new(()),
        to_agent: VecDeque::new(),
        to_client: VecDeque::new(),
        heard: Vec::new(),
        responses: Vec::new(),
        calls: 0,
    };
    for byte in bytes {
        let count = usize::from(byte >> 4) * 4 + 1;
        match byte & 15 {
            0..=2 => drop(line.deliver(usize::MAX)),
            3..=5 => drop(line.deliver(count)),
            6 => drop(line.to_agent.drain(..count.min(line.to_agent.len()))),
            7 => drop(line.to_client.drain(..count.min(line.to_client.len()))),
            8 => corrupt(&mut line.to_agent, byte >> 4),
            9 => corrupt(&mut line.to_client, byte >> 4),
            10 => repeat(&mut line.to_agent),
            11 => repeat(&mut line.to_client),
            12 => line.synchronize(),
            13 => drop(line.execute()),
            14 if byte >> 4 & 1 == 0 => line.agent.lost(),
            14 => line.agent.corrupted(),
            _ if byte >> 4 & 3 == 0 => line.client.lost().unwrap_or_default(),
            _ if byte >> 4 & 3 == 1 => line.client.corrupted().unwrap_or_default(),
            _ => _ = line.client.reset(),
        }
    }
    // From here on the line is clean, and what is still on it arrives.
    line.client.reset();
    line.synchronize();
    assert_eq!(line.deliver(usize::MAX), Some(Heard::Synchronized));
    for _ in 0..2 {
        let payload = line.execute().expect("in step");
        assert_eq!(line.deliver(usize::MAX), Some(Heard::Return(Some(payload))));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Synchronized,
    Return(Option<i64>),
    Other,
}

/// What is on the line comes twice.
fn repeat(wire: &mut VecDeque<u8>) {
    if wire.len() < 400 {
        wire.extend(wire.clone());
    }
}

/// One byte becomes another.
fn corrupt(wire: &mut VecDeque<u8>, how: u8) {
    let at = usize::from(how) * 3 % wire.len().max(1);
    if let Some(byte) = wire.get_mut(at) {
        *byte = b"{}[]\",:\\0 \xFF\n\x00x1\x80"[usize::from(how)];
    }
}

impl Line {
    fn synchronize(&mut self) {
        let id = self.fresh();
        self.client.synchronize(id);
        self.send();
    }

    /// Sends a request with a unique number.
    fn execute(&mut self) -> Option<i64> {
        let payload = self.fresh();
        self.client.execute_with("guest-sync", |arguments| arguments.member("id").integer(payload)).ok()?;
        let request = std::str::from_utf8(self.client.transmit()).expect("it is ASCII");
        let (_, id) = request.trim_end().rsplit_once(", ").expect("it has an id");
        self.responses.push(format!("{{\"return\": {payload}, {id}").into_bytes());
        self.send();
        Some(payload)
    }

    fn send(&mut self) {
        self.to_agent.extend(self.client.transmit());
        self.client.transmitted(usize::MAX);
    }

    /// Large and far apart, so that a corrupted number does not equal another.
    fn fresh(&mut self) -> i64 {
        self.calls += 1;
        self.calls.wrapping_mul(0x1E37_79B9_7F4A_7C15) & i64::MAX
    }

    /// So many bytes move each way, or all, until nothing moves or the client has something.
    fn deliver(&mut self, count: usize) -> Option<Heard> {
        for _ in 0..count {
            let mut moved = false;
            if self.to_agent.front().is_some_and(|byte| self.agent.push(*byte)) {
                self.to_agent.pop_front();
                moved = true;
            }
            if let [byte, ..] = *self.agent.transmit() {
                self.to_client.push_back(byte);
                self.agent.transmitted(1);
                moved = true;
            }
            let Some(byte) = self.to_client.pop_front() else { if moved { continue } else { return None } };
            self.heard.push(byte);
            let heard = match self.client.push(byte) {
                Ok(None) => continue,
                Ok(Some(Reply::Synchronized)) => Heard::Synchronized,
                Ok(Some(Reply::Return(value))) => Heard::Return(value.integer()),
                // The answer may still come.
                Ok(Some(Reply::Unattributed(_))) => continue,
                Ok(Some(_)) | Err(_) => Heard::Other,
            };
            // A reply is either the newest request's, or forged by the line.
            let last = self.responses.len().saturating_sub(1);
            let stale = self.responses[..last].iter().any(|response| self.heard.ends_with(response));
            assert!(!(stale && matches!(heard, Heard::Return(_))), "a response was taken for another request's");
            return Some(heard);
        }
        None
    }
}
