//! I6: wherever a request was cut, both ends are soon in step again. And rule 7: two agents on a line fall silent.

mod exchange;
#[cfg(unix)]
mod programs;

use std::io::{Read, Write};

use exchange::exchange;
use guestwire::{Agent, Command, Guest};

type TestAgent = Agent<Shutdowns, 256, 512>;

/// Counts shutdown requests.
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

/// The requests that a dying client cut off. An object inside one must never run.
const CUT: [&str; 2] = [
    r#"{"execute":"guest-sync","arguments":{"id":5},"id":{"a":[1,-2.5e3,true,"\u00e9\\"],"b":"x"}}"#,
    r#"{"execute":"guest-exec","arguments":{"path":"/bin/true","env":["A=B"],"x":{"execute":"guest-shutdown"}},"id":[1,-2.5e3,true]}"#,
];

const TRIES: usize = 30;

/// How a client retries: what it sends at each try, and what it waits for.
struct Strategy {
    name: &'static str,
    request: fn(usize) -> String,
    sentinel: bool,
    response: fn(usize) -> Vec<u8>,
    /// How many of the 91 cut points of the first request leave it in step by its first request, by its second, and
    /// never.
    guestwire: [usize; 3],
    /// The same, with qemu-ga 7.2, 10.0 and 11.1.
    qemu_ga: [usize; 3],
}

fn sync(id: usize) -> String {
    format!(r#"{{"execute":"guest-sync", "arguments":{{"id":{id}}}}}"#)
}

fn delimited(id: usize) -> String {
    format!(r#"{{"execute":"guest-sync-delimited", "arguments":{{"id":{id}}}}}"#)
}

fn sync_response(id: usize) -> Vec<u8> {
    format!("{{\"return\": {id}}}\n").into_bytes()
}

fn delimited_response(id: usize) -> Vec<u8> {
    [b"\xFF", format!("{{\"return\": {id}}}\n").as_bytes()].concat()
}

const STRATEGIES: &[Strategy] = &[
    Strategy {
        name: "guest-sync LF (libvirt, vmtest, qemu-ga-client)",
        request: |id| sync(id) + "\n",
        sentinel: false,
        response: sync_response,
        guestwire: [4, 87, 0],
        qemu_ga: [1, 53, 37],
    },
    Strategy {
        name: "guest-sync CR LF",
        request: |id| sync(id) + "\r\n",
        sentinel: false,
        response: sync_response,
        guestwire: [4, 87, 0],
        qemu_ga: [1, 53, 37],
    },
    Strategy {
        name: "guest-sync",
        request: sync,
        sentinel: false,
        response: sync_response,
        guestwire: [4, 87, 0],
        qemu_ga: [1, 53, 37],
    },
    Strategy {
        name: "LF guest-sync LF",
        request: |id| format!("\n{}\n", sync(id)),
        sentinel: false,
        response: sync_response,
        guestwire: [60, 31, 0],
        qemu_ga: [54, 0, 37],
    },
    Strategy {
        name: "guest-sync LF, over several lines",
        request: |id| {
            format!("{{\n    \"execute\": \"guest-sync\",\n    \"arguments\": {{\n        \"id\": {id}\n    }}\n}}\n")
        },
        sentinel: false,
        response: sync_response,
        guestwire: [4, 87, 0],
        qemu_ga: [1, 53, 37],
    },
    Strategy {
        name: "guest-sync-delimited LF guest-ping LF (Proxmox)",
        request: |id| delimited(id) + "\n{\"execute\":\"guest-ping\"}\n",
        sentinel: false,
        response: |id| [delimited_response(id), b"{\"return\": {}}\n".to_vec()].concat(),
        guestwire: [4, 87, 0],
        qemu_ga: [1, 53, 37],
    },
    Strategy {
        name: "0xFF guest-sync LF",
        request: |id| sync(id) + "\n",
        sentinel: true,
        response: sync_response,
        guestwire: [91, 0, 0],
        qemu_ga: [91, 0, 0],
    },
    Strategy {
        name: "0xFF guest-sync-delimited",
        request: delimited,
        sentinel: true,
        response: delimited_response,
        guestwire: [91, 0, 0],
        qemu_ga: [91, 0, 0],
    },
];

impl Strategy {
    fn sent(&self, attempt: usize) -> Vec<u8> {
        [if self.sentinel { &b"\xFF"[..] } else { b"" }, (self.request)(attempt).as_bytes()].concat()
    }
}

/// The first try that is answered, and the error responses drawn on the way.
fn tries(strategy: &Strategy, agent: &mut TestAgent) -> (Option<usize>, usize) {
    let mut errors = 0;
    for attempt in 1..=TRIES {
        let received = exchange(agent, &strategy.sent(attempt));
        errors += count_errors(&received);
        if received.ends_with(&(strategy.response)(attempt)) {
            return (Some(attempt), errors);
        }
    }
    (None, errors)
}

fn count_errors(received: &[u8]) -> usize {
    received.windows(10).filter(|bytes| bytes == b"{\"error\": ").count()
}

/// Cut points by the request that is answered first: the first, the second, none.
fn by_request(cut: &str, first_answered: impl Fn(&[u8]) -> Option<usize>) -> [usize; 3] {
    let mut by = [0; 3];
    for length in 1..=cut.len() {
        let half = &cut.as_bytes()[..length];
        match first_answered(half) {
            Some(attempt @ 1..=2) => by[attempt - 1] += 1,
            Some(attempt) => panic!("{}: only answered at try {attempt}", half.escape_ascii()),
            None => by[2] += 1,
        }
    }
    by
}

const HEAD: &str = "in step by the first request, by the second, never";

/// The row of docs/line-faults.md, and of README.md.
fn row(strategy: &Strategy) -> String {
    let cells = [strategy.qemu_ga, strategy.guestwire].concat().iter().map(usize::to_string).collect::<Vec<_>>();
    format!("| {} | {} |", strategy.name, cells.join(" | "))
}

#[test]
fn i6_a_request_cut_at_each_byte() {
    for cut in CUT {
        println!("{} cut points: {HEAD}", cut.len());
        for strategy in STRATEGIES {
            let by = by_request(cut, |half| {
                let mut agent = agent();
                let stale = exchange(&mut agent, half);
                let (attempt, errors) = tries(strategy, &mut agent);
                // The whole request, the last point, has its own answer.
                assert!(stale.is_empty() || half.len() == cut.len());
                assert!(errors <= 1, "{} at {}: {errors} errors", strategy.name, half.len());
                assert_eq!(agent.guest().0, 0, "an object of the cut request was run");
                attempt
            });
            println!("{by:?}  {}", strategy.name);
            assert_eq!(by[2], 0, "{}", strategy.name);
            if cut == CUT[0] {
                assert_eq!(by, strategy.guestwire, "{}", strategy.name);
            }
            if strategy.sentinel {
                assert_eq!(by[0], cut.len(), "{}", strategy.name);
            }
        }
    }
}

#[test]
fn the_tables_of_the_docs_are_what_is_measured() {
    let rows: Vec<String> = STRATEGIES.iter().map(row).collect();
    let page = include_str!("../docs/line-faults.md");
    for row in &rows {
        assert!(page.contains(row), "docs/line-faults.md lacks {row}");
    }
    let section = include_str!("../README.md").split("\n## ").find(|section| section.starts_with("How it recovers"));
    let table = section.expect("README.md has the section").lines().filter(|line| line.starts_with("| ")).skip(1);
    let wrong: Vec<_> = table.filter(|line| !rows.iter().any(|row| row == line)).collect();
    assert_eq!(wrong, [""; 0], "README.md");
}

/// QEMU's agent beside ours, after the same bytes. 7.2, 10.0 and 11.1 are the same here.
#[cfg(unix)]
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn i6_what_qemu_ga_does() {
    let qemu_ga = programs::qemu_ga::QemuGa::start("guest-exec,guest-shutdown");
    println!("qemu-ga {}", programs::qemu_ga::version());
    let port = qemu_ga.connect();
    let marks = std::cell::Cell::new(1_000_000);
    // All that is answered, up to the answer to a synchronization that always comes.
    let answered = |sent: &[u8]| -> Vec<u8> {
        marks.set(marks.get() + 1);
        let end = delimited_response(marks.get());
        let mut received = Vec::new();
        (&port).write_all(&[sent, b"\xFF", delimited(marks.get()).as_bytes(), b"\n"].concat()).unwrap();
        while !received.ends_with(&end) {
            let mut buffer = [0; 65536];
            let count = (&port).read(&mut buffer).expect("an answer");
            assert_ne!(count, 0, "qemu-ga is still there");
            received.extend_from_slice(&buffer[..count]);
        }
        received
    };
    for cut in CUT {
        println!("{} cut points: {HEAD}", cut.len());
        for strategy in STRATEGIES {
            let theirs = by_request(cut, |half| {
                // A client tries again whatever comes, so that all tries can be sent at once.
                let tries: Vec<u8> = (1..=TRIES).flat_map(|attempt| strategy.sent(attempt)).collect();
                let received = answered(&[half, &tries].concat());
                let is_answered = |attempt: &usize| {
                    let response = (strategy.response)(*attempt);
                    received.windows(response.len()).any(|bytes| bytes == response)
                };
                (1..=TRIES).find(is_answered)
            });
            let ours = by_request(cut, |half| {
                let mut agent = agent();
                exchange(&mut agent, half);
                tries(strategy, &mut agent).0
            });
            println!("{ours:?}, qemu-ga {theirs:?}  {}", strategy.name);
            if cut == CUT[0] {
                assert_eq!(theirs, strategy.qemu_ga, "{}", strategy.name);
            }
            assert!(ours[2] <= theirs[2] && ours[0] >= theirs[0], "{}", strategy.name);
        }
    }
}

#[test]
fn i6_a_transport_that_reports_the_reconnect() {
    for strategy in STRATEGIES {
        for cut in CUT {
            for length in 1..=cut.len() {
                let mut agent = agent();
                exchange(&mut agent, &cut.as_bytes()[..length]);
                agent.reset();
                assert_eq!(tries(strategy, &mut agent), (Some(1), 0), "{} at {length}", strategy.name);
            }
        }
    }
}

/// I5: any number of bytes is missing mid-request, and the line reports it.
#[test]
fn i5_nothing_runs_of_a_request_that_lost_bytes() {
    let bytes = CUT[1].as_bytes();
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

const LOST: &[u8] = b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, bytes were lost\"}}\n";

const GLITCHES: usize = 1000;

const PING: &str = r#"{"execute":"guest-ping"}"#;

/// A line that glitches before every transmission, and reports missing bytes: every request gets an answer, whatever
/// was on the line before.
#[test]
fn bytes_lost_before_each_request_leave_none_unanswered() {
    for before in ["", "{\"execute\":\"guest-ping\"}\n", "login: ", "[root@vm ~]# "] {
        for end in ["\n", "\r\n", ""] {
            let mut agent = agent();
            exchange(&mut agent, before.as_bytes());
            let (mut served, mut refused) = (0, 0);
            for glitch in 1..=GLITCHES {
                agent.lost();
                match exchange(&mut agent, format!("{PING}{end}").as_bytes()).as_slice() {
                    b"{\"return\": {}}\n" => served += 1,
                    LOST => refused += 1,
                    other => panic!("{before:?}, then {glitch} of {GLITCHES}: {}", other.escape_ascii()),
                }
            }
            println!("{before:?}, {GLITCHES} times bytes lost and {end:?} behind: {served} served, {refused} refused");
            assert_eq!(exchange(&mut agent, PING.as_bytes()), b"{\"return\": {}}\n", "the next is served");
        }
    }
}

/// The same line reports a wrong byte.
#[test]
fn a_corrupted_byte_before_each_request_leaves_all_served() {
    for end in ["\n", "\r\n", ""] {
        let mut agent = agent();
        for _ in 0..GLITCHES {
            agent.corrupted();
            let answer = exchange(&mut agent, format!("{PING}{end}").as_bytes());
            assert!(answer.ends_with(b"{\"return\": {}}\n"), "{}", answer.escape_ascii());
        }
    }
}

/// An error's own transmission may cause the next overrun.
#[test]
fn bytes_lost_before_each_byte_draw_one_error() {
    for words in [&b"all work and no play "[..], b"word\n", b"{\"execute\":\"guest-pi", b"login: \r\n", b"a\"b\":c,"] {
        for before in [&b""[..], b"{\"execute\":\"guest-ping\"}\n", b"{\"execute\":", b"{,", b"{,x\n", b"{,}", b"{,}\n"]
        {
            let mut agent = agent();
            exchange(&mut agent, before);
            let mut errors = 0;
            for byte in words.iter().cycle().take(64 * 1024) {
                agent.lost();
                errors += count_errors(&exchange(&mut agent, &[*byte]));
            }
            assert!(errors <= 1, "{errors} errors: {} {}", before.escape_ascii(), words.escape_ascii());
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
