//! The boards with a virtio-serial port, in plain QEMU.

use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use host_tests::healthy::{PING, PONG, answers_all_commands, next_client_is_in_step, survives_dead_clients};
use host_tests::{Guest, Line, SENTINEL, build};

/// The bus of `-device virtserialport`.
const OLD: &str = "-global virtio-mmio.force-legacy=true";
const NEW: &str = "-global virtio-mmio.force-legacy=false";

fn aarch64(qemu_options: &str) -> Guest {
    let elf = build("virt-aarch64", "aarch64-unknown-none", "virt-aarch64", "");
    Guest::boot("virt-aarch64", &elf, qemu_options)
}

fn riscv(qemu_options: &str) -> Guest {
    let elf = build("virt-riscv", "riscv32imac-unknown-none-elf", "virt-riscv", "");
    Guest::boot("virt-riscv", &elf, qemu_options)
}

#[test]
#[ignore = "needs qemu-system-aarch64: apt install qemu-system-arm"]
fn aarch64_is_healthy() {
    [OLD, NEW].into_iter().for_each(|device| is_healthy(&aarch64(device), "aarch64"));
}

#[test]
#[ignore = "needs qemu-system-riscv32: apt install qemu-system-misc"]
fn riscv_is_healthy() {
    [OLD, NEW].into_iter().for_each(|device| is_healthy(&riscv(device), "riscv32"));
}

#[test]
#[ignore = "needs qemu-system-aarch64: apt install qemu-system-arm"]
fn aarch64_shuts_down_and_reboots() {
    shuts_down_and_reboots(aarch64(OLD));
}

#[test]
#[ignore = "needs qemu-system-riscv32: apt install qemu-system-misc"]
fn riscv_shuts_down_and_reboots() {
    shuts_down_and_reboots(riscv(OLD));
}

fn is_healthy(guest: &Guest, machine: &str) {
    let mut line = guest.connect();
    answers_all_commands(&mut line, machine);
    keeps_time(&mut line);
    drop(line);
    survives_dead_clients(guest);
    survives_clients_that_do_not_read(guest);
    answers_back_to_back(guest, 10_000);
}

fn shuts_down_and_reboots(mut guest: Guest) {
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

fn time(line: &mut Line) -> i64 {
    let said = line.ask(r#"{"execute":"guest-get-time"}"#);
    said.strip_prefix(r#"{"return": "#).unwrap().strip_suffix('}').unwrap().parse().unwrap()
}

/// Requests back to back, in chunks of any size: each response is right.
fn answers_back_to_back(guest: &Guest, count: usize) {
    let mut line = guest.connect();
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
fn survives_clients_that_do_not_read(guest: &Guest) {
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
