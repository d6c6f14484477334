//! The boards with a UART: nothing reports that a client connects or disconnects, and bytes can be lost.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use host_tests::healthy::{PING, PONG, answers_all_commands, next_client_is_in_step, survives_dead_clients};
use host_tests::{Guest, Line, SENTINEL, build};

fn boot(machine: &str) -> Guest {
    Guest::boot("cortex-m", &build("cortex-m", "thumbv7m-none-eabi", machine, ""), "")
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn mps2_is_healthy() {
    is_healthy("mps2-an385");
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn lm3s_is_healthy() {
    is_healthy("lm3s6965evb");
}

fn is_healthy(machine: &str) {
    let mut guest = boot(machine);
    let mut line = guest.connect();
    answers_all_commands(&mut line, "armv7m");
    let no_clock = r#"{"error": {"class": "GenericError", "desc": "There is no real-time clock"}}"#;
    assert_eq!(line.ask(r#"{"execute":"guest-set-time"}"#), no_clock);
    let set = 1_700_000_000_000_000_000_i64;
    assert_eq!(line.ask(&format!(r#"{{"execute":"guest-set-time","arguments":{{"time":{set}}}}}"#)), PONG);
    std::thread::sleep(Duration::from_millis(100));
    let time = line.ask(r#"{"execute":"guest-get-time"}"#);
    let time: i64 = time.strip_prefix(r#"{"return": "#).unwrap().strip_suffix('}').unwrap().parse().unwrap();
    assert!((100_000_000..20_000_000_000).contains(&(time - set)), "{time}");
    drop(line);

    survives_dead_clients(&guest);
    if machine == "mps2-an385" {
        loses_bytes_and_regains_step(&guest); // QEMU's PL011 loses none: it stops the machine until the host reads.
    }

    let mut line = guest.reconnect();
    line.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#);
    guest.wait_for_log("the agent is ready", 2);
    assert_eq!(line.ask(PING), PONG);
    line.send(br#"{"execute":"guest-shutdown"}"#);
    assert!(guest.ends_well());
}

/// A client sends and does not read. First the responses fill their buffers, then the requests.
fn loses_bytes_and_regains_step(guest: &Guest) {
    let mut deaf = guest.connect();
    for _ in 0..2000 {
        deaf.send(br#"{"execute":"guest-info"}"#);
    }
    deaf.wait_until_read();
    drop(deaf);
    // Its first try may be lost too.
    next_client_is_in_step(guest, 3);
    guest.wait_for_log("bytes are missing", 1);
}

/// A break mid-request: the agent answers with an error and drops the rest of the request.
#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn a_break_mid_request_is_a_corrupted_byte() {
    let guest = boot("lm3s6965evb");
    let mut line = guest.connect();
    line.send(br#"{"execute":"guest-set-time","argu"#);
    send_break(&guest, &line);
    let error = line.receive();
    assert_eq!(error, r#"{"error": {"class": "GenericError", "desc": "JSON parse error, invalid syntax"}}"#);
    guest.wait_for_log("a byte is corrupted", 1);
    line.send(br#"ments":{"time":1}}"#);
    line.send(b"\xFF{\"execute\":\"guest-ping\"}");
    assert_eq!(line.receive(), PONG);
}

fn send_break(guest: &Guest, line: &Line) {
    // The flags of the PL011: both FIFOs are empty.
    guest.send_break(line, "xp /1wx 0x4000c018", ": 0x00000090");
}

/// What the agent logs by defmt, decoded, shows that step was lost and regained.
#[test]
#[ignore = "needs qemu-system-arm, and defmt-print: cargo install --locked defmt-print"]
fn defmt_shows_a_lost_and_regained_step() {
    let elf = build("cortex-m", "thumbv7m-none-eabi", "lm3s6965evb", "defmt");
    let mut guest = Guest::start("cortex-m", &elf, "");
    let mut line = guest.connect();
    assert_eq!(line.ask(PING), PONG);
    line.send(br#"{"execute":"guest-set-time","argu"#);
    send_break(&guest, &line);
    line.receive();
    line.send(b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":7}}");
    assert_eq!(line.receive(), format!(r#"{SENTINEL}{{"return": 7}}"#));
    line.send(br#"{"execute":"guest-shutdown"}"#);
    assert!(guest.ends_well());

    let mut print =
        Command::new("defmt-print").arg("-e").arg(&elf).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    print.stdin.take().unwrap().write_all(&guest.log()).unwrap();
    let printed = String::from_utf8(print.wait_with_output().unwrap().stdout).unwrap();
    let due = [
        "INFO  the agent is ready",
        "TRACE guest-ping",
        "INFO  a byte is corrupted",
        "WARN  Syntax after 33 bytes", // of `{"execute":"guest-set-time","argu`
        "TRACE guest-sync-delimited",
        "TRACE guest-shutdown",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), due);
}
