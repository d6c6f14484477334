//! The examples as a person uses them: what they print, and how they end.
#![cfg(unix)]

mod programs;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Output, Stdio};

use programs::{Folder, ListeningAgent, SerialLine, ask, example};

fn run(name: &str, arguments: &[&str]) -> Output {
    example(name).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
    assert!(String::from_utf8_lossy(&output.stderr).contains(stderr), "{output:?}");
}

const PING: &[u8] = b"{\"execute\": \"guest-ping\"}\n";
const PONG: &[u8] = b"{\"return\": {}}\n";

#[test]
fn a_bad_call_says_what_is_wrong_and_names_help() {
    for arguments in [&[][..], &["--stdio", "--listen", "x"], &["--what"], &["--listen"], &["x"]] {
        ends(&run("agent", arguments), 2, "", "Try --help.");
    }
    for arguments in [&[][..], &["--timeout", "soon", "x"], &["a", "b", "{}", "d"], &["x", "guest-ping", "[]"]] {
        ends(&run("client", arguments), 2, "", "Try --help.");
    }
    for name in ["agent", "client"] {
        let help = run(name, &["--help"]);
        assert!(help.status.success());
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains("Usage:") && help.lines().all(|line| line.chars().count() <= 80));
    }
}

#[test]
fn the_demo_is_readable_without_a_terminal() {
    let demo = run("demo", &[]);
    assert!(demo.status.success());
    let shown = String::from_utf8(demo.stdout).unwrap();
    assert!(shown.contains("[FF]{\"return\": ") && !shown.contains('\x1b'));
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
    let unwrapped = shown.replace("\n    ", "");
    for desc in [
        "The command guest-get-users has not been found",
        "JSON token size limit exceeded",
        "JSON parse error, invalid syntax",
    ] {
        assert!(unwrapped.contains(desc), "{desc}");
    }
}

#[test]
fn agent_stdio_ends_with_its_input() {
    let mut child = example("agent").arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for _ in 0..1000 {
        input.write_all(PING).unwrap();
    }
    input.write_all(b"\xFF{\"execute\": \"guest-shutdown\", \"arguments\": {\"mode\": \"up\"}}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut due = PONG.repeat(1000);
    due.extend_from_slice(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"mode is invalid (valid values are: halt|powerdown|reboot\"}}\n");
    assert_eq!(output.stdout, due);
}

#[test]
fn agent_listens_on_a_socket_of_its_owner() {
    let agent = ListeningAgent::start();
    let mode = std::fs::metadata(agent.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut first = agent.connect();
    assert_eq!(ask(&mut first, PING, 1), PONG);
    let mut second = agent.connect();
    second.write_all(PING).unwrap();
    second.set_nonblocking(true).unwrap();
    assert_eq!(ask(&mut first, PING, 1), PONG, "the first client is served");
    assert!(second.read(&mut [0]).is_err(), "the second one waits");
    second.set_nonblocking(false).unwrap();
    drop(first);
    assert_eq!(ask(&mut second, b"", 1), PONG, "until the first has gone");
    for byte in PING {
        second.write_all(&[*byte]).unwrap();
    }
    assert_eq!(ask(&mut second, PING, 2), PONG.repeat(2));
    ends(&run("agent", &["--listen", agent.socket().to_str().unwrap()]), 1, "", "another agent listens there");
    assert_eq!(ask(&mut second, PING, 1), PONG, "the agent that was there first is still there");
}

#[test]
fn agent_takes_the_place_of_a_dead_one_and_of_nothing_else() {
    let folder = Folder::new();
    let stale = folder.path("socket");
    drop(UnixListener::bind(&stale).unwrap());
    let mut agent = example("agent").arg("--listen").arg(&stale).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 17];
    agent.stderr.take().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(&said, b"agent: listening ");
    agent.kill().unwrap();
    agent.wait().unwrap();

    let file = folder.path("file");
    std::fs::write(&file, "precious").unwrap();
    ends(&run("agent", &["--listen", file.to_str().unwrap()]), 1, "", "is no socket");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    ends(&run("agent", &["--device", folder.path("none").to_str().unwrap()]), 1, "", "No such file");
}

#[test]
fn client_prints_what_the_agent_returns() {
    let agent = ListeningAgent::start();
    let socket = agent.socket();
    let socket = socket.to_str().unwrap();
    ends(&run("client", &[socket, "guest-ping"]), 0, "{}\n", "");
    let delimited = r#"{"id": 5}"#;
    ends(&run("client", &[socket, "guest-sync", delimited]), 0, "5\n", "");
    ends(&run("client", &[socket, "guest-nope"]), 1, "", "CommandNotFound: The command guest-nope has not been found");
    ends(&run("client", &[socket, "guest-shutdown", r#"{"mode": "up"}"#]), 1, "", "mode is invalid");
    ends(&run("client", &["--timeout", "0.2", socket, "guest-shutdown"]), 0, "", "no error came");
    ends(&run("client", &[socket]), 0, "", "in step by guest-sync-delimited");
    ends(&run("client", &["--trace", socket, "guest-ping"]), 0, "{}\n", "< [FF]{\"return\": ");
    ends(&run("client", &[socket, "guest-ping", "{,}"]), 2, "", "ARGUMENTS-JSON: JSON parse error");
}

/// Both programs on a serial line: raw, so that no byte is echoed, translated or taken for a signal.
#[test]
fn both_on_a_pseudo_terminal() {
    let line = SerialLine::new();
    let [guest, host] = line.ports.each_ref().map(|port| port.to_str().unwrap());
    let mut agent = example("agent").arg("--device").arg(guest).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 15];
    agent.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(&said, b"agent: serving ");
    let waited = run("client", &["--timeout", "2", host]);
    let version = run("client", &[host, "guest-info"]);
    let controls = run("client", &[host, "guest-\u{3}\u{4}\u{11}\r\n"]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    ends(&waited, 0, "", "in step by guest-sync-delimited");
    assert!(String::from_utf8_lossy(&version.stdout).contains("\"guest-sync-delimited\""), "{version:?}");
    ends(&controls, 1, "", "CommandNotFound: The command guest-\u{3}\u{4}\u{11}\r\n has not been found");
}

#[test]
fn client_says_that_nobody_answers() {
    let folder = Folder::new();
    let silent = folder.path("socket");
    let listener = UnixListener::bind(&silent).unwrap();
    let silent = silent.to_str().unwrap();
    let output = run("client", &["--timeout", "0.1", "--retries", "2", silent, "guest-ping"]);
    ends(&output, 3, "", "no answer within 0.1 s, 2 times. Is an agent running in the guest?");
    drop(listener);
    ends(&run("client", &["--timeout", "0.1", silent, "guest-ping"]), 3, "", "Connection refused");
}

/// The line ends: that is the answer to a shutdown, and none to anything else.
#[test]
fn client_on_a_line_that_ends() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    for (command, code) in [("guest-shutdown", 0), ("guest-ping", 3)] {
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let guest = std::thread::spawn(move || {
            let (mut host, _) = listener.accept().unwrap();
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                let mut byte = [0];
                host.read_exact(&mut byte).unwrap();
                line.push(byte[0]);
            }
            let id: String = line.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
            host.write_all(&[b"\xFF{\"return\": ", id.as_bytes(), b"}\n"].concat()).unwrap();
            let mut rest = [0; 10];
            host.read_exact(&mut rest).unwrap();
        });
        let output = run("client", &[socket.to_str().unwrap(), command]);
        guest.join().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
    }
}
