//! Clients that do not know guestwire, with `examples/agent`: unmodified crates, and the bytes that others send, with
//! the answers that they need.
#![cfg(unix)]

mod programs;

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;

use programs::{ListeningAgent, ask};
use qapi::qga::{guest_get_fsinfo, guest_get_time, guest_info, guest_ping};
use qapi::{ErrorClass, ExecuteError, Qga, Stream};
use serde_json::Value;

fn qapi_on(stream: &UnixStream) -> Qga<Stream<BufReader<&UnixStream>, &UnixStream>> {
    Qga::new(Stream::new(BufReader::new(stream), stream))
}

#[test]
fn qapi_rs() {
    let agent = ListeningAgent::start();
    let stream = agent.connect();
    let mut client = qapi_on(&stream);
    client.guest_sync(74_565).expect("in sync");
    client.execute(&guest_ping {}).expect("a pong");
    let info = client.execute(&guest_info {}).expect("the strict types fit");
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert!(info.supported_commands.iter().any(|command| command.name == "guest-sync-delimited" && command.enabled));
    assert!(client.execute(&guest_get_time {}).unwrap() > 1_700_000_000_000_000_000);
    match client.execute(&guest_get_fsinfo {}) {
        Err(ExecuteError::Qapi(error)) => assert_eq!(error.class, ErrorClass::CommandNotFound),
        other => panic!("{other:?}"),
    }
    client.execute(&guest_ping {}).expect("still in step after an error");
}

/// PVE::QMPClient: a new connection for each command, and a response that must match `\xff([^\n]+}\r?\n[^\n]+})\r?\n`.
fn proxmox(agent: &ListeningAgent, id: &str, command: &str) -> Value {
    let mut stream = agent.connect();
    let request = format!(
        "{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{id}}}}}\n{{\"execute\":\"{command}\"}}\n"
    );
    let received = ask(&mut stream, request.as_bytes(), 2);
    let after = received.strip_prefix(b"\xFF").expect("nothing before the sentinel");
    let lines: Vec<&[u8]> = after.split_inclusive(|byte| *byte == b'\n').collect();
    let [sync, response] = lines[..] else { panic!("two lines: {}", received.escape_ascii()) };
    assert!(sync.ends_with(b"}\n") && response.ends_with(b"}\n") && !after.contains(&0xFF));
    let sync: Value = serde_json::from_slice(sync).unwrap();
    assert_eq!(sync["return"].to_string(), id);
    serde_json::from_slice(response).unwrap()
}

#[test]
fn proxmox_sends_sync_and_command_in_one_write() {
    let agent = ListeningAgent::start();
    assert_eq!(proxmox(&agent, "1234501", "guest-ping")["return"], serde_json::json!({}));
    assert!(proxmox(&agent, "1234502", "guest-info")["return"]["supported_commands"].is_array());
    assert_eq!(proxmox(&agent, "1234503", "guest-nope")["error"]["class"], "CommandNotFound");
}

#[test]
fn proxmox_after_a_client_that_died_mid_request() {
    let agent = ListeningAgent::start();
    agent.connect().write_all(br#"{"execute":"guest-get-ti"#).unwrap();
    assert_eq!(proxmox(&agent, "1234504", "guest-ping")["return"], serde_json::json!({}));
}

/// libvirt 9.0 takes one line for one response, and ignores the port after anything else.
#[test]
fn libvirt_gets_one_line_for_each_request() {
    let agent = ListeningAgent::start();
    let mut stream = agent.connect();
    let mut one_line = |request: &str| -> Value {
        let received = ask(&mut stream, request.as_bytes(), 1);
        assert!(!received.contains(&0) && !received.contains(&0xFF) && received.is_ascii());
        serde_json::from_slice(&received).unwrap()
    };
    let sync = one_line("{\"execute\":\"guest-sync\", \"arguments\":{\"id\":1795441277004}}\n");
    assert_eq!(sync["return"], 1_795_441_277_004_i64);
    assert_eq!(one_line("{\"execute\":\"guest-ping\"}\n")["return"], serde_json::json!({}));
    assert!(one_line("{\"execute\":\"guest-get-time\"}\n")["return"].is_i64());
    assert_eq!(one_line("{\"execute\":\"guest-get-users\"}\n")["error"]["class"], "CommandNotFound");
    let typed = "{\"execute\":\"guest-foo\",\"arguments\":{\"s\":\"\u{e9}\\n\u{20ac}/ \\\"q\\\"\",\"n\":1e3,\"f\":1.50,\"big\":18446744073709551615}}\n";
    assert_eq!(one_line(typed)["error"]["class"], "CommandNotFound");
    // A shutdown has no response: the next line is the next request's.
    let both =
        "{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"powerdown\"}}\n{\"execute\":\"guest-ping\"}\n";
    assert_eq!(one_line(both)["return"], serde_json::json!({}));
    assert_eq!(one_line("{\"execute\":\"guest-ping\",\"id\":7}\n")["id"], 7);
}

#[test]
#[cfg(target_os = "linux")]
fn a_failing_test_leaves_nothing_behind() {
    programs::leaves_nothing_behind(4);
}
