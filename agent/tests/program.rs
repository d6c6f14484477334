//! The program as a person uses it: its options, what is off, and what it logs.

mod peer;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use peer::Peer;
use serde_json::json;

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_guestwire-agent"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn help_version_and_commands_go_to_standard_output() {
    for (option, expected) in
        [("--help", "Usage: "), ("-V", "guestwire-agent "), ("--commands", "guest-exec (--allow exec)")]
    {
        let output = run(&[option], "");
        assert_eq!(output.status.code(), Some(0), "{option}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn a_bad_call_is_explained_and_is_exit_status_2() {
    for (arguments, expected) in [
        (&["--sideways"][..], "--sideways"),
        (&["--allow", "everything"], "--allow knows no group \"everything\""),
        (&["--block", "guest-ping"], "it cannot be blocked"),
        (&["--log", "loud"], "--log knows no level \"loud\""),
        (&["--stdio", "--listen", "x"], "only one of"),
    ] {
        let output = run(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(expected) && text.ends_with("Try --help.\n"), "{text}");
    }
    let output = run(&["--device", "/nowhere/at/all"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nowhere/at/all: No such file"));
}

#[test]
fn what_is_logged_depends_on_the_level() {
    let ask = |level| run(&["--stdio", "--log", level], "{\"execute\": \"guest-ping\"}");
    let (quiet, loud) = (ask("off"), ask("debug"));
    assert_eq!([&quiet.stdout, &loud.stdout].map(|out| out.escape_ascii().to_string()), [r#"{\"return\": {}}\n"#; 2]);
    assert!(quiet.stderr.is_empty());
    assert!(String::from_utf8(loud.stderr).unwrap().contains("debug: received {\\\"execute\\\""));
}

#[test]
fn what_is_not_allowed_or_is_blocked_is_not_run_and_not_listed_as_enabled() {
    let off =
        ["guest-shutdown", "guest-suspend-ram", "guest-set-time", "guest-file-open", "guest-file-write", "guest-exec"];
    let mut agent = Peer::ours(&["--block", "guest-get-users,guest-fstrim"]);
    let info = agent.returned("guest-info", json!({}));
    let enabled = |name: &str| {
        let list = info["supported_commands"].as_array().unwrap();
        list.iter().find(|entry| entry["name"] == name).unwrap()["enabled"].as_bool().unwrap()
    };
    for command in off.iter().chain(&["guest-get-users", "guest-fstrim"]) {
        let disabled = ("CommandNotFound".into(), format!("Command {command} has been disabled"));
        assert_eq!(agent.error(command, json!({})), disabled);
        assert!(!enabled(command));
    }
    assert!(enabled("guest-get-time"));

    let mut agent = Peer::ours(&["--allow", "exec", "--allow", "shutdown,files", "--block", "guest-exec"]);
    assert!(agent.error("guest-exec", json!({})).1.ends_with("has been disabled"));
    assert_eq!(agent.error("guest-exec-status", json!({"pid": 1})).1, "Invalid parameter 'pid'");
    assert!(agent.error("guest-set-time", json!({})).1.ends_with("has been disabled"));
    assert_eq!(agent.error("guest-file-open", json!({})).1, "Parameter 'path' is missing");
}

/// Output longer than what is kept: cut, and said so; the program is not held up.
#[test]
fn long_output_is_cut() {
    let mut agent = Peer::ours(&["--allow", "exec"]);
    let script = "head -c 2000000 /dev/zero; head -c 300 /dev/zero >&2";
    let exec = json!({"path": "/bin/sh", "arg": ["-c", script], "capture-output": true});
    let pid = agent.returned("guest-exec", exec)["pid"].clone();
    let status = agent.ended(&pid);
    assert_eq!(status["out-data"].as_str().unwrap().len(), (262_144_usize).div_ceil(3) * 4);
    assert_eq!((&status["out-truncated"], &status["exitcode"]), (&json!(true), &json!(0)));
    assert_eq!(status["err-data"].as_str().unwrap().len(), 400);
    assert_eq!(status["err-truncated"], false);
}
