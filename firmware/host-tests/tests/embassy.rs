//! A task of Embassy's executor serves the agent, beside one that keeps time.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use host_tests::healthy::{PING, PONG, next_client_is_in_step, survives_dead_clients};
use host_tests::{Guest, Line, PATIENCE, SENTINEL, build};

fn elf(program: &str) -> PathBuf {
    build("embassy", "thumbv7m-none-eabi", program, "")
}

/// Boots, and waits until it logs that its port is ready: QEMU may never pass on what was sent before. It logs by
/// defmt, which is not text.
fn boot(program: &str) -> Guest {
    let guest = Guest::start("embassy", &elf(program), "");
    let started = Instant::now();
    while guest.log().is_empty() {
        assert!(started.elapsed() < PATIENCE, "{program} logs nothing");
        sleep(Duration::from_millis(5));
    }
    guest
}

/// What the guest has counted.
#[derive(Debug)]
struct Counts {
    /// How often the other task has run, and how often it should have.
    ticks: u64,
    due: u64,
    /// How often it ran only when it was due again.
    missed: u64,
    /// How many bytes the UART has received.
    bytes: u64,
}

impl Counts {
    fn ask(line: &mut Line) -> Self {
        let counts = line.ask(r#"{"execute":"board-counts"}"#);
        let count = |name: &str| {
            let (_, rest) = counts.split_once(&format!("\"{name}\": ")).unwrap_or_else(|| panic!("{name}: {counts}"));
            rest.split([',', '}']).next().unwrap().parse().unwrap()
        };
        Self { ticks: count("ticks"), due: count("due"), missed: count("missed"), bytes: count("bytes") }
    }

    #[track_caller]
    fn no_tick_is_missing(&self) {
        assert!(self.ticks > 0 && self.due - self.ticks <= 1 && self.missed == 0, "{self:?}");
    }
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn ten_thousand_requests_and_the_other_task_misses_no_tick() {
    let guest = boot("embassy-guest");
    let mut line = guest.connect();
    for _ in 0..1000 {
        line.send(PING.repeat(10).as_bytes());
        (0..10).for_each(|_| assert_eq!(line.receive(), PONG));
    }
    Counts::ask(&mut line).no_tick_is_missing();
    // A command that does not return shows that the guest would have told.
    for (command, milliseconds) in [("block", 50), ("wait", 20)] {
        let request = format!(r#"{{"execute":"board-{command}","arguments":{{"milliseconds":{milliseconds}}}}}"#);
        assert_eq!(line.ask(&request), PONG);
    }
    let blocked = Counts::ask(&mut line);
    assert!(blocked.missed > 0, "{blocked:?}");
}

/// The one that docs/loops.md shows.
#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn the_small_program_answers() {
    assert_eq!(boot("small").connect().ask(r#"{"execute":"guest-get-time"}"#), r#"{"return": 0}"#);
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn an_answer_comes_later_and_the_other_task_goes_on() {
    let guest = boot("embassy-guest");
    let mut line = guest.connect();
    let before = Counts::ask(&mut line);
    line.send(br#"{"execute":"board-wait","arguments":{"milliseconds":200},"id":1}"#);
    line.send(br#"{"execute":"guest-ping","id":2}"#);
    assert_eq!(line.receive(), r#"{"return": {}, "id": 1}"#);
    assert_eq!(line.receive(), r#"{"return": {}, "id": 2}"#);
    let after = Counts::ask(&mut line);
    assert!(after.ticks - before.ticks >= 20, "{before:?}, {after:?}");
    after.no_tick_is_missing();
}

/// While an answer is owed nobody empties the queue. The agent learns where bytes are missing.
#[test]
#[ignore = "needs qemu-system-arm, and defmt-print: cargo install --locked defmt-print"]
fn a_flood_of_64_kib_ends_with_the_next_synchronization() {
    let guest = boot("embassy-guest");
    let mut line = guest.connect();
    line.stream().set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let flooded = Counts::ask(&mut line).bytes + 66_000;
    let mut flood = format!(r#"{{"execute":"board-wait-for-bytes","arguments":{{"count":{flooded}}}}}"#);
    flood += r#"{"execute":""#;
    flood += &"x".repeat(66_000 - flood.len());
    line.send(flood.as_bytes());
    assert_eq!(line.receive(), PONG);
    let lost = r#"{"error": {"class": "GenericError", "desc": "JSON parse error, bytes were lost"}}"#;
    assert_eq!(line.receive(), lost);
    line.send(b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":7}}");
    assert_eq!(line.receive(), format!(r#"{SENTINEL}{{"return": 7}}"#));
    let counts = Counts::ask(&mut line);
    assert!(counts.bytes > flooded, "{counts:?}");
    counts.no_tick_is_missing();

    let mut print = Command::new("defmt-print")
        .arg("-e")
        .arg(elf("embassy-guest"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    print.stdin.take().unwrap().write_all(&guest.log()).unwrap();
    let printed = String::from_utf8(print.wait_with_output().unwrap().stdout).unwrap();
    assert!(
        printed.contains("INFO  the port is ready\n") && printed.contains("WARN  bytes are missing\n"),
        "{printed}"
    );
}

/// It stops the agent, for a client that does not read, but not the other task.
#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn clients_that_die_or_do_not_read() {
    let guest = boot("embassy-guest");
    survives_dead_clients(&guest);
    let mut deaf = guest.connect();
    (0..200).for_each(|_| deaf.send(br#"{"execute":"guest-info"}"#));
    drop(deaf);
    // Its first try may be lost too.
    next_client_is_in_step(&guest, 3);
    Counts::ask(&mut guest.reconnect()).no_tick_is_missing();
}
