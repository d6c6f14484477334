//! Tests for every board's agent.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Guest, Line, SENTINEL, client, succeeds};

pub const PING: &str = r#"{"execute":"guest-ping"}"#;
pub const PONG: &str = r#"{"return": {}}"#;

/// Sends every command that does not change the guest.
#[track_caller]
pub fn answers_all_commands(line: &mut Line, machine: &str) {
    let mut answers = |request: &str, response: &str| assert_eq!(line.ask(request), response, "{request}");
    answers(PING, PONG);
    answers(r#"{"execute":"guest-sync","arguments":{"id":1795441277004}}"#, r#"{"return": 1795441277004}"#);
    answers(r#"{"execute":"guest-sync-delimited","arguments":{"id":-1}}"#, &format!(r#"{SENTINEL}{{"return": -1}}"#));
    let system = format!(
        r#"{{"return": {{"id": "guestwire", "name": "guestwire firmware", "pretty-name": "guestwire firmware 1.0.0", "version-id": "1.0.0", "machine": "{machine}"}}}}"#
    );
    answers(r#"{"execute":"guest-get-osinfo"}"#, &system);
    answers(r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name": "guestwire"}}"#);
    answers(r#"{"execute":"guest-get-timezone"}"#, r#"{"return": {"zone": "UTC", "offset": 0}}"#);
    for list in ["get-users", "get-fsinfo", "get-disks", "network-get-interfaces"] {
        answers(&format!(r#"{{"execute":"guest-{list}"}}"#), r#"{"return": []}"#);
    }
    answers(
        r#"{"execute":"guest-get-vcpus"}"#,
        r#"{"return": [{"logical-id": 0, "online": true, "can-offline": false}]}"#,
    );
    let load = line.ask(r#"{"execute":"guest-get-load"}"#);
    assert!(load.starts_with(r#"{"return": {"load1m": 0."#), "{load}");
    let mut answers = |request: &str, response: &str| assert_eq!(line.ask(request), response, "{request}");
    let set_vcpus = |vcpus: &str| format!(r#"{{"execute":"guest-set-vcpus","arguments":{{"vcpus":[{vcpus}]}}}}"#);
    let (on, off, other) = (
        r#"{"logical-id":0,"online":true}"#,
        r#"{"logical-id":0,"online":false}"#,
        r#"{"logical-id":1,"online":false,"can-offline":true}"#,
    );
    let failed = |desc: &str| format!(r#"{{"error": {{"class": "GenericError", "desc": "{desc}"}}}}"#);
    answers(&set_vcpus(""), r#"{"return": 0}"#);
    answers(&set_vcpus(on), r#"{"return": 1}"#);
    answers(&set_vcpus(&[on, off].join(",")), r#"{"return": 1}"#);
    answers(&set_vcpus(off), &failed("a logical processor can't be offlined"));
    answers(&set_vcpus(other), &failed("there is no such logical processor"));
    let text = r#"{"logical-id":0,"online":"x"}"#;
    answers(&set_vcpus(text), &failed("Invalid parameter type for 'vcpus[0].online', expected: boolean"));
    let trim = r#"{"execute":"guest-fstrim","arguments":{"minimum":0}}"#;
    answers(trim, r#"{"return": {"paths": []}}"#);

    let status = r#"{"execute":"guest-fsfreeze-status"}"#;
    let thaw = r#"{"execute":"guest-fsfreeze-thaw"}"#;
    let list = r#"{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":["/"]}}"#;
    answers(status, r#"{"return": "thawed"}"#);
    for freeze in [r#"{"execute":"guest-fsfreeze-freeze"}"#, list] {
        answers(freeze, r#"{"return": 0}"#);
        answers(status, r#"{"return": "frozen"}"#);
        answers(PING, PONG);
        answers(
            trim,
            r#"{"error": {"class": "CommandNotFound", "desc": "Command guest-fstrim has been disabled: the command is not allowed"}}"#,
        );
        answers(thaw, r#"{"return": 0}"#);
        answers(status, r#"{"return": "thawed"}"#);
    }
    answers(
        r#"{"execute":"guest-shutdown","arguments":{"mode":"up"}}"#,
        &failed("mode is invalid (valid values are: halt|powerdown|reboot"),
    );
    answers(
        r#"{"execute":"guest-exec"}"#,
        r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-exec has not been found"}}"#,
    );
    let info = line.ask(r#"{"execute":"guest-info"}"#);
    assert!(info.starts_with(r#"{"return": {"version": "1.0.0", "supported_commands": [{"enabled": true,"#), "{info}");
    assert_eq!(info.matches(r#""enabled": true"#).count(), count_commands(machine), "{info}");
    assert_eq!(info.matches(r#""success-response": false"#).count(), 1, "{info}");
}

/// How many the guest on this machine has: on aarch64 those for users, too.
pub fn count_commands(machine: &str) -> usize {
    if machine == "aarch64" { 26 } else { 22 }
}

/// A client dies at each byte of a request, and the next one is in step at its first try.
pub fn survives_dead_clients(guest: &Guest) {
    let request = "\u{e9}{\"execute\":\"guest-set-time\",\"arguments\":{\"time\":0},\"id\":\"\\u00e9\"}\n";
    for cut in 0..=request.len() {
        let mut dying = guest.connect();
        dying.send(&request.as_bytes()[..cut]);
        drop(dying);
        next_client_is_in_step(guest, 1);
    }
}

/// Asks as Proxmox does: a connection for each command, synchronization and command in one write, and of what comes
/// back it takes `^.*\xff([^\n]+}\r?\n[^\n]+})\r?\n`. Returns the command's response.
#[track_caller]
pub fn asks_as_proxmox(guest: &Guest, command: &str) -> String {
    static SEQUENCE: AtomicU32 = AtomicU32::new(1);
    let id = format!("{}0{}", std::process::id(), SEQUENCE.fetch_add(1, Ordering::Relaxed));
    let mut line = guest.connect();
    line.send(
        format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{id}}}}}\n{{\"arguments\":{{}},\"execute\":\"{command}\"}}\n")
            .as_bytes(),
    );
    let answer = loop {
        // What is in front of the sentinel may be another client's.
        if let Some((_, answer)) = line.receive().rsplit_once(SENTINEL) {
            break answer.to_owned();
        }
    };
    assert_eq!(answer, format!(r#"{{"return": {id}}}"#));
    line.receive()
}

/// `examples/client`, which may synchronize this often.
#[track_caller]
pub fn next_client_is_in_step(guest: &Guest, tries: u32) {
    static CLIENT: LazyLock<PathBuf> = LazyLock::new(client);
    let mut next = Command::new(&*CLIENT);
    next.args(["--retries", &tries.to_string()]).arg(guest.socket()).arg("guest-ping");
    assert_eq!(succeeds(&mut next).stdout, b"{}\n");
}

pub fn is_healthy(guest: &Guest, machine: &str) {
    let mut line = guest.connect();
    answers_all_commands(&mut line, machine);
    keeps_time(&mut line);
    drop(line);
    survives_dead_clients(guest);
    survives_clients_that_do_not_read(guest);
    answers_back_to_back(guest, 10_000);
}

pub fn shuts_down_and_reboots(mut guest: Guest) {
    let mut line = guest.connect();
    assert_eq!(line.ask(r#"{"execute":"guest-fsfreeze-freeze"}"#), r#"{"return": 0}"#);
    line.send(br#"{"execute":"guest-fsfreeze-thaw"}{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#);
    assert_eq!(line.receive(), r#"{"return": 0}"#);
    guest.wait_for_log("the agent is ready", 2);
    assert_eq!(line.ask(PING), PONG);
    line.send(br#"{"execute":"guest-shutdown"}"#);
    assert!(guest.ends_well());
}

/// The host's time at first, then the time that was set.
fn keeps_time(line: &mut Line) {
    let host = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    let guest = time(line);
    assert!((guest - host).abs() < 5_000_000_000, "the host's clock says {host}, the guest's {guest}");
    assert!(time(line) > guest);
    let set = 1_700_000_000_123_456_789;
    assert_eq!(line.ask(&format!(r#"{{"execute":"guest-set-time","arguments":{{"time":{set}}}}}"#)), PONG);
    let guest = time(line);
    assert!((set..set + 5_000_000_000).contains(&guest), "{guest}");
    // From the real-time clock, which was set too, to the second or better.
    assert_eq!(line.ask(r#"{"execute":"guest-set-time"}"#), PONG);
    let guest = time(line);
    assert!((set - 1_000_000_000..set + 5_000_000_000).contains(&guest), "{guest}");
}

pub fn time(line: &mut Line) -> i64 {
    let said = line.ask(r#"{"execute":"guest-get-time"}"#);
    said.strip_prefix(r#"{"return": "#).unwrap().strip_suffix('}').unwrap().parse().unwrap()
}

/// Requests back to back, in chunks of any size: each response is right.
fn answers_back_to_back(guest: &Guest, count: usize) {
    let mut line = guest.reconnect();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut requests, mut due) = (String::new(), Vec::new());
    for id in 0..count {
        let (request, response) = match random.u8(..6) {
            0 => (r#"{"execute":"guest-ping"}"#.into(), PONG.into()),
            1 => (
                format!(r#"{{"execute": "guest-sync", "arguments": {{"id": {id}}}}}"#),
                format!(r#"{{"return": {id}}}"#),
            ),
            2 => (
                format!(r#"{{"execute":"guest-sync-delimited","arguments":{{"id":{id}}},"id":"é"}}"#),
                format!(r#"{SENTINEL}{{"return": {id}, "id": "é"}}"#),
            ),
            3 => (
                format!(r#"{{"id":[{id}],"execute":"guest-get-host-name"}}"#),
                format!(r#"{{"return": {{"host-name": "guestwire"}}, "id": [{id}]}}"#),
            ),
            4 => (
                format!(r#"{{"execute":"no-{id}","id":{id}}}"#),
                format!(
                    r#"{{"id": {id}, "error": {{"class": "CommandNotFound", "desc": "The command no-{id} has not been found"}}}}"#
                ),
            ),
            _ => (
                format!(r#"{{"execute":{id}}}"#),
                r#"{"error": {"class": "GenericError", "desc": "QMP input member 'execute' must be a string"}}"#.into(),
            ),
        };
        requests += &request;
        requests += ["", "\n", "\r\n", " "][random.usize(..4)];
        due.push(response);
    }
    let mut sending = line.stream();
    let sender = std::thread::spawn(move || {
        let mut left = requests.as_bytes();
        while !left.is_empty() {
            let (now, later) = left.split_at(random.usize(1..=300).min(left.len()));
            sending.write_all(now).unwrap();
            left = later;
        }
    });
    for response in due {
        assert_eq!(line.receive(), response);
    }
    sender.join().unwrap();
}

/// A client that sends and does not read fills every buffer on the way. The next one is served, more often than the
/// driver has transmit buffers: QEMU does not return the buffer that it had partly written.
pub fn survives_clients_that_do_not_read(guest: &Guest) {
    for _ in 0..6 {
        let deaf = guest.connect().stream();
        deaf.set_nonblocking(true).unwrap();
        let mut last_sent = Instant::now();
        while last_sent.elapsed() < Duration::from_millis(100) {
            if (&deaf).write_all(br#"{"execute":"guest-info"}"#).is_ok() {
                last_sent = Instant::now();
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        drop(deaf);
        next_client_is_in_step(guest, 1);
    }
}
