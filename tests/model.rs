//! Agent, client and line as one machine, all of whose states are visited.
//!
//! Breadth first to a fixpoint: every interleaving of both ends and the line, every place for a fault and every moment
//! for a time-out, within the bounds below. From every state that can be reached, once there are no more faults, one
//! undisturbed synchronize succeeds; and no state takes a stale response for the answer to a request, with ids and
//! without.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use guestwire::{Agent, Client, Command, Guest, Reply};

/// The bounds of the machine.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Bytes in flight each way.
    in_flight: usize,
    /// Faults in a run.
    faults: usize,
    /// Synchronizations in a run, each with another id. All but the first follow a time-out.
    synchronizations: i64,
    /// Requests in a run, each with another id.
    requests: i64,
    /// Whether a time-out may come at any moment, or only when nothing moves any more.
    impatient: bool,
    /// Whether requests carry an id.
    with_ids: bool,
}

/// What a byte may become: one of each kind in the grammar, except digits, which would forge ids.
const CORRUPTED: &[u8] = b"{}\"\\, x\xFF";

/// Returns its argument.
#[derive(Clone, Debug)]
struct Echo;

impl Guest for Echo {
    const VERSION: &'static str = "1";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("p", |_, call| {
        let number = call.arguments.integer("n")?;
        call.respond()?.integer(number)
    })];
}

#[derive(Clone, Debug)]
struct Machine {
    client: Client<34, 75>,
    agent: Agent<Echo, 80, 444>,
    to_agent: VecDeque<u8>,
    to_client: VecDeque<u8>,
    faults: usize,
    synchronizations: i64,
    requests: i64,
}

impl Machine {
    fn new(with_ids: bool) -> Self {
        let mut client = Client::new();
        if !with_ids {
            client.omit_ids();
        }
        Self {
            client,
            agent: Agent::new(Echo),
            to_agent: VecDeque::new(),
            to_client: VecDeque::new(),
            faults: 0,
            synchronizations: 0,
            requests: 0,
        }
    }

    /// The state in 16 bytes. `Debug` shows all of it.
    fn key(&self) -> u128 {
        let mut text = String::with_capacity(1024);
        write!(text, "{self:?}").unwrap();
        let hash = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &text).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        hash(0) << 64 | hash(1)
    }

    /// All that can happen next.
    fn successors(&self, bounds: Bounds) -> Vec<Self> {
        let mut next = Vec::new();
        let quiet = self.to_agent.is_empty()
            && self.to_client.is_empty()
            && self.client.transmit().is_empty()
            && self.agent.transmit().is_empty();
        if self.synchronizations < bounds.synchronizations && (quiet || bounds.impatient) {
            let mut machine = self.clone();
            machine.synchronizations += 1;
            machine.client.reset();
            machine.client.synchronize(100 + machine.synchronizations);
            next.push(machine);
        }
        if self.requests < bounds.requests {
            let mut machine = self.clone();
            machine.requests += 1;
            if machine.execute(machine.requests).is_ok() {
                next.push(machine);
            }
        }
        if let (Some(&byte), true) = (self.client.transmit().first(), self.to_agent.len() < bounds.in_flight) {
            let mut machine = self.clone();
            machine.client.transmitted(1);
            machine.put(byte, bounds.faults, |machine| &mut machine.to_agent, &mut next);
        }
        if let (Some(&byte), true) = (self.agent.transmit().first(), self.to_client.len() < bounds.in_flight) {
            let mut machine = self.clone();
            machine.agent.transmitted(1);
            machine.put(byte, bounds.faults, |machine| &mut machine.to_client, &mut next);
        }
        let mut machine = self.clone();
        if machine.deliver_to_agent() {
            next.push(machine);
        }
        let mut machine = self.clone();
        if machine.deliver_to_client().is_some() {
            next.push(machine);
        }
        next
    }

    /// A byte goes onto the line: as it is, or not at all, twice, or as another one.
    fn put(self, byte: u8, faults: usize, wire: fn(&mut Self) -> &mut VecDeque<u8>, next: &mut Vec<Self>) {
        let mut with = |fault: usize, bytes: &[u8]| {
            let mut machine = self.clone();
            machine.faults += fault;
            wire(&mut machine).extend(bytes);
            next.push(machine);
        };
        with(0, &[byte]);
        if self.faults < faults {
            with(1, &[]);
            with(1, &[byte, byte]);
            for corrupted in CORRUPTED.iter().filter(|corrupted| **corrupted != byte) {
                with(1, &[*corrupted]);
            }
        }
    }

    fn execute(&mut self, number: i64) -> Result<(), guestwire::client::ExecuteError> {
        self.client.execute_with("p", |arguments| arguments.member("n").integer(number))
    }

    fn deliver_to_agent(&mut self) -> bool {
        let Some(&byte) = self.to_agent.front() else { return false };
        let taken = self.agent.push(byte);
        if taken {
            self.to_agent.pop_front();
        }
        taken
    }

    /// The inner value: a reply, if the byte made one.
    fn deliver_to_client(&mut self) -> Option<Option<Answer>> {
        let byte = self.to_client.pop_front()?;
        Some(match self.client.push(byte) {
            Ok(Some(Reply::Synchronized)) => Some(Answer::Synchronized),
            Ok(Some(Reply::Return(value))) => {
                let stale = value.integer().is_some_and(|number| (1..self.requests).contains(&number));
                assert!(!stale, "a stale response was taken for the answer");
                Some(Answer::Returned)
            }
            Ok(_) | Err(_) => None,
        })
    }

    /// Everything moves, without faults, until the client has an answer or nothing moves any more.
    fn run(&mut self) -> Option<Answer> {
        loop {
            let sent = self.client.transmit().to_vec();
            self.client.transmitted(sent.len());
            self.to_agent.extend(&sent);
            let delivered = self.deliver_to_agent();
            let responses = self.agent.transmit().to_vec();
            self.agent.transmitted(responses.len());
            self.to_client.extend(&responses);
            match self.deliver_to_client() {
                Some(Some(answer)) => return Some(answer),
                Some(None) => {}
                None if !delivered => return None,
                None => {}
            }
        }
    }

    /// From here on the line is clean.
    fn recovers(&self) -> bool {
        let mut machine = self.clone();
        machine.client.reset();
        machine.client.synchronize(999);
        if machine.run() != Some(Answer::Synchronized) {
            return false;
        }
        machine.requests = 99;
        machine.execute(99).is_ok() && machine.run() == Some(Answer::Returned)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Synchronized,
    Returned,
}

fn visit(bounds: Bounds) {
    let mut seen = HashSet::from([Machine::new(bounds.with_ids).key()]);
    let mut frontier = vec![Machine::new(bounds.with_ids)];
    let mut depth = 0;
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for machine in &frontier {
            assert!(machine.recovers(), "never in step again: {machine:?}");
            next.extend(machine.successors(bounds).into_iter().filter(|successor| seen.insert(successor.key())));
        }
        depth += 1;
        frontier = next;
    }
    println!("{} states, {depth} steps deep: {bounds:?}", seen.len());
}

const CLEAN: Bounds =
    Bounds { in_flight: 2, faults: 0, synchronizations: 2, requests: 2, impatient: true, with_ids: true };

const FAULTY: Bounds =
    Bounds { in_flight: 1, faults: 1, synchronizations: 2, requests: 2, impatient: false, with_ids: true };

#[test]
fn an_impatient_client_on_a_clean_line() {
    visit(CLEAN);
}

#[test]
fn an_impatient_client_without_ids_on_a_clean_line() {
    visit(Bounds { with_ids: false, ..CLEAN });
}

#[test]
fn a_patient_client_on_a_faulty_line() {
    visit(FAULTY);
}

#[test]
fn a_patient_client_without_ids_on_a_faulty_line() {
    visit(Bounds { with_ids: false, ..FAULTY });
}
