//! I6: wherever a request was cut, both ends are soon in step again. And rule 7: two agents on a line fall silent.

mod exchange;

use exchange::exchange;
use guestwire::{Agent, Command, Guest};

type TestAgent = Agent<Shutdowns, 256, 512>;

/// Counts how often it was asked to shut down.
struct Shutdowns(usize);

impl Guest for Shutdowns {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("guest-shutdown", |shutdowns: &mut Self, call| {
        let response = call.respond()?;
        shutdowns.0 += 1;
        response.done()
    })
    .no_success_response()];
}

fn agent() -> TestAgent {
    Agent::new(Shutdowns(0))
}

/// The request that a client died in. An object in it must never run.
const CUT: &str = r#"{"execute":"guest-exec","arguments":{"path":"/bin/true","env":["A=B"],"x":{"execute":"guest-shutdown"}},"id":[1,-2.5e3,true]}"#;

const TRIES: usize = 30;

/// How a client that finds no answer goes on: what it sends at each try, and what it waits for.
struct Strategy {
    name: &'static str,
    request: fn(usize) -> String,
    sentinel: bool,
    response: fn(usize) -> Vec<u8>,
}

fn sync(id: usize) -> String {
    format!(r#"{{"execute":"guest-sync", "arguments":{{"id":{id}}}}}"#)
}

fn delimited(id: usize) -> String {
    format!(r#"{{"execute":"guest-sync-delimited", "arguments":{{"id":{id}}}}}"#)
}

fn delimited_response(id: usize) -> Vec<u8> {
    [b"\xFF", format!("{{\"return\": {id}}}\n").as_bytes()].concat()
}

const STRATEGIES: &[Strategy] = &[
    Strategy {
        name: "guest-sync LF (libvirt, vmtest, qemu-ga-client)",
        request: |id| sync(id) + "\n",
        sentinel: false,
        response: |id| format!("{{\"return\": {id}}}\n").into_bytes(),
    },
    Strategy {
        name: "guest-sync",
        request: sync,
        sentinel: false,
        response: |id| format!("{{\"return\": {id}}}\n").into_bytes(),
    },
    Strategy {
        name: "guest-sync-delimited LF guest-ping LF (Proxmox)",
        request: |id| delimited(id) + "\n{\"execute\":\"guest-ping\"}\n",
        sentinel: false,
        response: |id| [delimited_response(id), b"{\"return\": {}}\n".to_vec()].concat(),
    },
    Strategy {
        name: "0xFF guest-sync LF",
        request: |id| sync(id) + "\n",
        sentinel: true,
        response: |id| format!("{{\"return\": {id}}}\n").into_bytes(),
    },
    Strategy { name: "0xFF guest-sync-delimited", request: delimited, sentinel: true, response: delimited_response },
];

/// The first try that is answered, and the error responses drawn on the way.
fn tries(strategy: &Strategy, agent: &mut TestAgent) -> (Option<usize>, usize) {
    let mut errors = 0;
    for attempt in 1..=TRIES {
        let mut sent = if strategy.sentinel { vec![0xFF] } else { vec![] };
        sent.extend((strategy.request)(attempt).bytes());
        let received = exchange(agent, &sent);
        errors += received.windows(10).filter(|bytes| bytes == b"{\"error\": ").count();
        if received.ends_with(&(strategy.response)(attempt)) {
            return (Some(attempt), errors);
        }
    }
    (None, errors)
}

#[test]
fn i6_a_request_cut_at_each_byte() {
    println!("{} cut points: in step by the first request, by the second, later", CUT.len());
    for strategy in STRATEGIES {
        let mut by = [0; 3];
        for cut in 1..=CUT.len() {
            let mut agent = agent();
            let stale = exchange(&mut agent, &CUT.as_bytes()[..cut]);
            let (attempt, errors) = tries(strategy, &mut agent);
            // The whole request, the last point, has its own answer.
            assert!(stale.is_empty() || cut == CUT.len());
            assert!(errors <= 1, "{} at {cut}: {errors} errors", strategy.name);
            assert_eq!(agent.guest().0, 0, "an object of the cut request was run");
            by[attempt.map_or(2, |attempt| (attempt - 1).min(2))] += 1;
        }
        println!("{by:?}  {}", strategy.name);
        assert_eq!(by[2], 0, "{}", strategy.name);
        if strategy.sentinel {
            assert_eq!(by[0], CUT.len(), "{}", strategy.name);
        }
    }
}

#[test]
fn i6_a_transport_that_reports_the_reconnect() {
    for strategy in STRATEGIES {
        for cut in 1..=CUT.len() {
            let mut agent = agent();
            exchange(&mut agent, &CUT.as_bytes()[..cut]);
            agent.reset();
            assert_eq!(tries(strategy, &mut agent), (Some(1), 0), "{} at {cut}", strategy.name);
        }
    }
}

/// I5: bytes are missing in mid-request, of any number, and the line says so.
#[test]
fn i5_nothing_runs_of_a_request_that_lost_bytes() {
    let bytes = CUT.as_bytes();
    for from in 1..bytes.len() {
        for to in from..=bytes.len() {
            let mut agent = agent();
            exchange(&mut agent, &bytes[..from]);
            agent.lost();
            let answered = exchange(&mut agent, &[&bytes[to..], b"\n"].concat());
            assert_eq!(answered.iter().filter(|byte| **byte == b'\n').count(), 1, "one error for one request");
            assert_eq!(agent.guest().0, 0, "{from}..{to} lost, and the rest was run");
            let (attempt, _) = tries(&STRATEGIES[0], &mut agent);
            assert!(attempt.is_some_and(|attempt| attempt <= 2), "{from}..{to}");
        }
    }
}

/// The agent's own output as its input, or two agents wired to each other.
#[test]
fn rule_7_agents_on_a_line_fall_silent_after_a_noise_byte() {
    for noise in 0..=u8::MAX {
        let mut echoed = agent();
        let mut line = vec![noise, b'\n'];
        for round in 0.. {
            line = exchange(&mut echoed, &line);
            if line.is_empty() {
                break;
            }
            assert!(round < 2, "0x{noise:02X} still echoes: {}", line.escape_ascii());
        }
        let mut ends = [agent(), agent()];
        let mut line = vec![noise, b'\n'];
        for round in 0.. {
            line = exchange(&mut ends[round % 2], &line);
            if line.is_empty() {
                break;
            }
            assert!(round < 2, "0x{noise:02X} still goes to and fro: {}", line.escape_ascii());
        }
    }
}
