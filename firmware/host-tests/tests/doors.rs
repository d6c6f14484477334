//! A program for each way to build an agent that docs/doors.md shows, on a Cortex-M3.

use base64::Engine;
use host_tests::healthy::{PING, PONG};
use host_tests::{Folder, Guest, Line, build};

fn boot(program: &str, qemu_options: &str) -> Guest {
    Guest::boot("cortex-m", &build("cortex-m", "thumbv7m-none-eabi", program, ""), qemu_options)
}

fn error(class: &str, desc: &str) -> String {
    format!(r#"{{"error": {{"class": "{class}", "desc": "{desc}"}}}}"#)
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn a_table_is_put_together_at_run_time() {
    let guest = boot("table", "");
    let mut line = guest.connect();
    let mut answers = |request: &str, response: &str| assert_eq!(line.ask(request), response, "{request}");
    let switch = |led, on| format!(r#"{{"execute":"led-{led}","arguments":{{"on":{on}}}}}"#);
    let enable =
        |led, enabled| format!(r#"{{"execute":"led-enable","arguments":{{"name":"led-{led}","enabled":{enabled}}}}}"#);
    answers(&switch(0, true), r#"{"return": 1}"#);
    answers(&switch(1, true), r#"{"return": 3}"#);
    answers(&switch(2, true), &error("CommandNotFound", "The command led-2 has not been found"));
    answers(&enable(1, false), PONG);
    answers(
        &switch(1, false),
        &error("CommandNotFound", "Command led-1 has been disabled: the command is not allowed"),
    );
    answers(&switch(0, false), r#"{"return": 2}"#);
    let command = |enabled, name| format!(r#"{{"enabled": {enabled}, "name": "{name}", "success-response": true}}"#);
    let commands = [
        command(true, "guest-sync-delimited"),
        command(true, "guest-sync"),
        command(true, "guest-ping"),
        command(true, "guest-info"),
        command(true, "led-enable"),
        command(true, "led-0"),
        command(false, "led-1"),
    ];
    let info = format!(r#"{{"return": {{"version": "1.0.0", "supported_commands": [{}]}}}}"#, commands.join(", "));
    answers(r#"{"execute":"guest-info"}"#, &info);
    answers(&enable(1, true), PONG);
    answers(&switch(1, false), r#"{"return": 0}"#);
    answers(&enable(7, false), &error("GenericError", "This board has no such LED"));
    answers(r#"{"execute":"echo-here"}"#, r#"{"return": "here"}"#);
    answers(r#"{"execute":"nothing"}"#, &error("CommandNotFound", "The command nothing has not been found"));
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn two_agents_over_lent_buffers() {
    let folder = Folder::new();
    let socket = folder.path("second");
    let guest = boot("lent", &format!("-serial unix:{},server=on,wait=off", socket.display()));
    let (mut small, mut large) = (guest.connect(), Line::connect(&socket));
    let long = format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, "i".repeat(800));
    small.send(long.as_bytes());
    large.send(long.as_bytes());
    assert_eq!(small.receive(), error("GenericError", "JSON token size limit exceeded"));
    assert_eq!(large.receive(), format!(r#"{{"return": {{}}, "id": "{}"}}"#, "i".repeat(800)));
    // A request that is cut on one line is nothing to the other.
    small.send(br#"{"execute":"board-"#);
    assert_eq!(large.ask(r#"{"execute":"board-name"}"#), r#"{"return": "large"}"#);
    assert_eq!(small.ask(r#"name"}"#), r#"{"return": "small"}"#);
}

/// The port holds what comes meanwhile. It is served afterwards.
#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn an_answer_comes_later_and_a_led_goes_on_blinking() {
    let guest = boot("deferred", "");
    let mut line = guest.connect();
    line.send(br#"{"execute":"board-wait","arguments":{"milliseconds":200}}"#);
    line.send(PING.as_bytes());
    let counted = line.receive();
    let counted = counted.strip_prefix(r#"{"return": {"nanoseconds": "#).and_then(|rest| rest.strip_suffix("}}"));
    let (nanoseconds, blinks) = counted.unwrap().split_once(r#", "blinks": "#).unwrap();
    assert!(nanoseconds.parse::<u64>().unwrap() >= 200_000_000, "{nanoseconds}");
    assert!(blinks.parse::<u32>().unwrap() > 0, "{blinks}");
    assert_eq!(line.receive(), PONG);

    line.send(br#"{"execute":"board-wait-for-button","id":1}"#);
    line.send(b"\xFF");
    line.send(PING.as_bytes());
    let cancelled = r#"{"id": 1, "error": {"class": "GenericError", "desc": "The command was cancelled"}}"#;
    assert_eq!(line.receive(), cancelled);
    assert_eq!(line.receive(), PONG);
    // The one that was cancelled is forgotten: this one counts from its own start.
    let counted = line.ask(r#"{"execute":"board-wait","arguments":{"milliseconds":0}}"#);
    assert!(counted.ends_with(r#", "blinks": 0}}"#), "{counted}");
}

/// 48 KiB in one request, page by page into flash, through 256 bytes; and read back.
#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn an_update_of_48_kib_is_written_in_pieces() {
    let guest = boot("pieces", "");
    let mut line = guest.connect();
    let mut random = fastrand::Rng::with_seed(1);
    let bytes: Vec<u8> = (0..48 << 10).map(|_| random.u8(..)).collect();
    let digits = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let write = |digits: &str, handle: i64| {
        // As Proxmox sends it: the arguments first, and the content first among them.
        format!("{{\"arguments\":{{\"buf-b64\":\"{digits}\",\"handle\":{handle}}},\"execute\":\"guest-file-write\"}}\n")
    };
    let open = |mode| format!(r#"{{"execute":"guest-file-open","arguments":{{"path":"update","mode":"{mode}"}}}}"#);
    // A client that dies mid-request, a wrong handle, and what is no base64: none of it counts.
    assert_eq!(line.ask(&open("w")), r#"{"return": 1}"#);
    line.send(&write(&digits, 1).as_bytes()[..20_000]);
    line.send(b"\xFF");
    assert_eq!(line.ask(&write(&digits, 2)), error("GenericError", "The file's handle is 1"));
    assert_eq!(line.ask(&write(&digits[..20_001], 1)), error("GenericError", "buf-b64 is not base64"));
    assert_eq!(line.ask(&write(&digits, 1)), r#"{"return": {"count": 49152, "eof": false}}"#);
    assert_eq!(line.ask(&write("AAAA", 1)), error("GenericError", "The flash is full"));

    assert_eq!(line.ask(&open("r")), r#"{"return": 1}"#);
    let mut read = Vec::new();
    loop {
        let content = line.ask(r#"{"execute":"guest-file-read","arguments":{"handle":1}}"#);
        let (count, rest) = content.strip_prefix(r#"{"return": {"count": "#).unwrap().split_once(", ").unwrap();
        let (digits, eof) = rest.strip_prefix(r#""buf-b64": ""#).unwrap().split_once(r#"", "eof": "#).unwrap();
        let content = base64::engine::general_purpose::STANDARD.decode(digits).unwrap();
        assert_eq!(count, content.len().to_string());
        read.extend(content);
        if eof == "true}}" {
            break;
        }
    }
    assert_eq!(read.len(), bytes.len());
    assert_eq!(read.iter().zip(&bytes).position(|(read, sent)| read != sent), None, "the first byte that differs");
}
