//! The program as a person uses it: its options, what is off, and what it logs.

mod peer;

use std::fs::{self, File};
use std::io::{Write, pipe};
use std::process::{Output, Stdio};

use peer::{Folder, Peer, install, short_lived, worst_moment};
use serde_json::{Value, json};

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child =
        short_lived(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
fn wrong_usage_is_explained_with_exit_status_2() {
    for (arguments, expected) in [
        (&["--sideways"][..], "--sideways"),
        (&["--allow", "everything"], "--allow: no group \"everything\", only shutdown, "),
        (&["--block", "guest-ping"], "it cannot be blocked"),
        (&["--log", "loud"], "--log: no level \"loud\", only off, "),
        (&["--stdio", "--listen", "x"], "only one of"),
    ] {
        let output = run(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(expected) && text.ends_with("Try --help.\n"), "{text}");
    }
    let output = run(&["--device", "/nowhere/at/all"], "");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("/nowhere/at/all: No such file") && text.contains("Otherwise give --device"), "{text}");
}

#[test]
fn what_is_logged_depends_on_the_level() {
    let ask = |level| run(&["--stdio", "--log", level], "{\"execute\": \"guest-ping\"}");
    let (quiet, loud) = (ask("off"), ask("debug"));
    assert_eq!([&quiet.stdout, &loud.stdout].map(|out| out.escape_ascii().to_string()), [r#"{\"return\": {}}\n"#; 2]);
    assert!(quiet.stderr.is_empty());
    assert!(String::from_utf8(loud.stderr).unwrap().contains("debug: received {\\\"execute\\\""));
}

/// The log may lie on a file system that an agent froze before it died.
#[test]
fn an_agent_that_finds_something_frozen_logs_nothing() {
    let folder = Folder::new();
    let ask = || {
        let state = folder.path().to_str().unwrap();
        run(&["--stdio", "--state-dir", state, "--log", "debug"], "{\"execute\": \"guest-fsfreeze-status\"}")
    };
    let (thawed, frozen) = (ask(), {
        File::create(folder.join("qga.state.isfrozen")).unwrap();
        ask()
    });
    assert_eq!([thawed.stdout, frozen.stdout], [&b"{\"return\": \"thawed\"}\n"[..], b"{\"return\": \"frozen\"}\n"]);
    assert!(!thawed.stderr.is_empty());
    assert_eq!(frozen.stderr.escape_ascii().to_string(), "");
}

#[test]
fn what_is_not_allowed_or_is_blocked_is_not_run_and_not_listed_as_enabled() {
    let off = [
        "guest-shutdown",
        "guest-suspend-ram",
        "guest-set-time",
        "guest-file-open",
        "guest-file-write",
        "guest-exec",
        "guest-set-user-password",
        "guest-ssh-add-authorized-keys",
    ];
    let mut agent = Peer::ours(&["--block", "guest-get-users,guest-fstrim"]);
    let info = agent.returned("guest-info", json!({}));
    let enabled = |name: &str| {
        let list = info["supported_commands"].as_array().unwrap();
        list.iter().find(|entry| entry["name"] == name).unwrap()["enabled"].as_bool().unwrap()
    };
    for command in off.iter().chain(&["guest-get-users", "guest-fstrim"]) {
        let disabled =
            ("CommandNotFound".into(), format!("Command {command} has been disabled: the command is not allowed"));
        assert_eq!(agent.error(command, json!({})), disabled);
        assert!(!enabled(command));
    }
    assert!(enabled("guest-get-time"));
    let disabled = Peer::ours(&[]).returned("guest-info", json!({}));
    let disabled = disabled["supported_commands"].as_array().unwrap().iter().filter(|entry| entry["enabled"] == false);
    let mut disabled: Vec<&str> = disabled.map(|entry| entry["name"].as_str().unwrap()).collect();
    disabled.sort_unstable();
    let all_off = [
        "guest-exec",
        "guest-exec-status",
        "guest-file-close",
        "guest-file-flush",
        "guest-file-open",
        "guest-file-read",
        "guest-file-seek",
        "guest-file-write",
        "guest-set-time",
        "guest-set-user-password",
        "guest-shutdown",
        "guest-ssh-add-authorized-keys",
        "guest-ssh-get-authorized-keys",
        "guest-ssh-remove-authorized-keys",
        "guest-suspend-disk",
        "guest-suspend-hybrid",
        "guest-suspend-ram",
    ];
    assert_eq!(disabled, all_off);

    let mut agent = Peer::ours(&["--allow", "exec", "--allow", "shutdown,files", "--block", "guest-exec"]);
    assert!(agent.error("guest-exec", json!({})).1.ends_with("has been disabled: the command is not allowed"));
    assert_eq!(agent.error("guest-exec-status", json!({"pid": 1})).1, "Invalid parameter 'pid'");
    assert!(agent.error("guest-set-time", json!({})).1.ends_with("has been disabled: the command is not allowed"));
    assert_eq!(agent.error("guest-file-open", json!({})).1, "Parameter 'path' is missing");
}

/// Output longer than what is kept: cut, and said so; the program is not held up.
#[test]
fn long_output_is_cut() {
    let mut agent = Peer::ours(&["--allow", "exec"]);
    // It ends early if nobody reads on.
    let script = "head -c 2000000 /dev/zero && head -c 300 /dev/zero >&2";
    let exec = json!({"path": "/bin/sh", "arg": ["-c", script], "capture-output": true});
    let pid = agent.returned("guest-exec", exec)["pid"].clone();
    let status = agent.ended(&pid);
    assert_eq!(status["out-data"].as_str().unwrap().len(), (262_144_usize).div_ceil(3) * 4);
    assert_eq!((&status["out-truncated"], &status["exitcode"]), (&json!(true), &json!(0)));
    assert_eq!(status["err-data"].as_str().unwrap().len(), 400);
    assert_eq!(status["err-truncated"], false);
}

/// The reader of standard error has gone.
#[test]
fn a_log_without_a_reader_does_not_end_the_agent() {
    let folder = Folder::new();
    let mut command = folder.command(env!("CARGO_BIN_EXE_guestwire-agent"));
    command.arg("--listen").arg(folder.join("socket")).args(["--log", "debug"]);
    command.stderr(pipe().unwrap().1);
    let mut agent = Peer::start(&folder, &folder.join("socket"), &mut command);
    drop(command);
    for _ in 0..10 {
        assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    }
    for (option, status) in [("--sideways", 2), ("--stdio=", 2), ("--device=/nowhere", 1)] {
        let mut command = short_lived(&[option]);
        command.stderr(pipe().unwrap().1);
        assert_eq!(command.status().unwrap().code(), Some(status), "{option}");
    }
}

/// `guestwire-agent --help | head -1`
#[test]
fn a_closed_standard_output_is_no_complaint() {
    for option in ["--help", "--commands", "--version"] {
        let mut command = short_lived(&[option]);
        command.stdout(pipe().unwrap().1);
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]), "{option}");
    }
}

#[test]
fn a_log_line_cannot_be_forged() {
    let folder = Folder::new();
    let log = folder.join("log");
    let mut command = folder.command(env!("CARGO_BIN_EXE_guestwire-agent"));
    command.arg("--listen").arg(folder.join("socket")).args(["--allow", "files,exec"]);
    let mut agent = Peer::start(&folder, &folder.join("socket"), command.stderr(File::create(&log).unwrap()));
    let path = folder.join("x\ninfo: forged \x1B[2J\u{9B}\u{202E}");
    fs::write(&path, "").unwrap();
    agent.returned("guest-file-open", json!({"path": path}));
    agent.error("guest-exec", json!({"path": path}));
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.matches(r"x\ninfo: forged \u{1b}[2J\u{9b}\u{202e}").count(), 2, "{log}");
    assert!(log.chars().all(|character| character == '\n' || !character.is_control()), "{log}");
    assert!(!log.contains("\ninfo: forged"), "{log}");
}

/// Commands for a guest to shut down with: each writes down how it was called, and fails if it is told to.
struct Commands(std::rc::Rc<Folder>);

impl Commands {
    fn new(names: &[(&str, bool)]) -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.join("bin")).unwrap();
        for (name, succeeds) in names {
            let called = folder.join("called");
            let script = format!("#!/bin/sh\necho out; echo {name} $* >>{}; {succeeds}\n", called.display());
            fs::write(folder.join("script"), script).unwrap();
            install(&folder.join("script"), &folder.join("bin").join(name));
        }
        Self(folder)
    }

    /// The answers to a shutdown up to that to a guest-ping, and the programs called.
    fn shut_down(&self, mode: &str, options: &[&str]) -> (Option<Value>, String) {
        let socket = self.0.join("socket");
        let mut command = self.0.command(env!("CARGO_BIN_EXE_guestwire-agent"));
        command.arg("--listen").arg(&socket).args(["--allow", "shutdown"]).args(options);
        let mut agent = Peer::start(&self.0, &socket, command.env("PATH", self.0.join("bin")));
        worst_moment();
        let request = json!({"execute": "guest-shutdown", "arguments": {"mode": mode}, "id": 7});
        agent.send(format!("{request}\n{}\n", json!({"execute": "guest-ping"})).as_bytes());
        let first = agent.receive();
        let error = (first != json!({"return": {}})).then(|| {
            assert_eq!(agent.receive(), json!({"return": {}}));
            first
        });
        let called = fs::read_to_string(self.0.join("called")).unwrap_or_default();
        let _ = fs::remove_file(self.0.join("called"));
        (error, called)
    }
}

#[test]
fn a_guest_is_shut_down_or_the_host_gets_an_error() {
    let error = |text: &str| Some(json!({"id": 7, "error": {"class": "GenericError", "desc": text}}));
    let failed = error("child process has failed to shutdown");
    let none = error("no shutdown command was found");

    let all = [("shutdown", true), ("systemctl", true), ("poweroff", true), ("halt", true), ("reboot", true)];
    let words = "asked for by the hypervisor";
    for (mode, option) in [("powerdown", "-P"), ("halt", "-H"), ("reboot", "-r")] {
        let called = format!("shutdown -h {option} +0 {words}\n");
        assert_eq!(Commands::new(&all).shut_down(mode, &[]), (None, called));
    }
    for (mode, verb) in [("powerdown", "poweroff"), ("halt", "halt"), ("reboot", "reboot")] {
        assert_eq!(Commands::new(&all[1..]).shut_down(mode, &[]), (None, format!("systemctl {verb}\n")));
        assert_eq!(Commands::new(&all[2..]).shut_down(mode, &[]), (None, format!("{verb}\n")));
    }
    let commands = Commands::new(&[("shutdown", false), ("poweroff", true)]);
    assert_eq!(commands.shut_down("powerdown", &[]), (None, format!("shutdown -h -P +0 {words}\npoweroff\n")));
    assert_eq!(commands.shut_down("reboot", &[]), (failed.clone(), format!("shutdown -h -r +0 {words}\n")));
    assert_eq!(Commands::new(&[]).shut_down("powerdown", &[]), (none.clone(), String::new()));

    // What its owner says comes in place of all that.
    let commands = Commands::new(&[("shutdown", true), ("mine", true), ("broken", false)]);
    assert_eq!(commands.shut_down("halt", &["--shutdown-command", "mine"]), (None, "mine halt\n".into()));
    assert_eq!(commands.shut_down("halt", &["--shutdown-command", "broken"]), (failed, "broken halt\n".into()));
    assert_eq!(commands.shut_down("halt", &["--shutdown-command", "/nowhere"]), (none, String::new()));
}
