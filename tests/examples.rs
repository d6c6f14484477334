//! The examples as a person uses them: what they print, and how they end.
#![cfg(unix)]

mod programs;

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use base64::Engine;
use programs::{
    Folder, ListeningAgent, Program, SerialLine, abandon, accept, all, ask, example, output, pipe_without_reader,
    terminal,
};
use rustix::process::Signal;

#[track_caller]
fn run(name: &str, arguments: &[&str]) -> Output {
    output(example(name).args(arguments))
}

/// `client`, with a time-out that no answer exceeds on a busy machine.
fn client(socket: &Path) -> Command {
    let mut client = example("client");
    client.args(["--timeout", "30"]).arg(socket);
    client
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
fn wrong_usage_is_explained_and_refers_to_help() {
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
fn serde_json_core_reads_and_writes_payloads_at_both_ends() {
    let printed = run("serde_json_core", &[]);
    let due = r#"> [FF]{"execute": "guest-sync-delimited", "arguments": {"id": 7301}}
< [FF]{"return": 7301}
> {"execute": "board-blink", "arguments": {"led":"gr\"n","pattern":[true,false,true]}, "id": 7302}
< {"return": {"led":"gr\"n","milliseconds":1500}, "id": 7302}
= Blinking { led: "gr\"n", milliseconds: 1500 }
> {"execute": "board-blink", "arguments": {"led":"\ud83d\ude00","pattern":[]}, "id": 7303}
< {"id": 7303, "error": {"class": "GenericError", "desc": "The arguments are wrong"}}
= The arguments are wrong
"#;
    ends(&printed, 0, due, "");
}

#[test]
fn agent_stdio_ends_with_its_input() {
    let mut agent = Program::start(example("agent").arg("--stdio").stdin(Stdio::piped()));
    let mut input = agent.input();
    for _ in 0..1000 {
        input.write_all(PING).unwrap();
    }
    input.write_all(b"\xFF{\"execute\": \"guest-shutdown\", \"arguments\": {\"mode\": \"up\"}}").unwrap();
    drop(input);
    let output = agent.ends();
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
    ends(&run("agent", &["--listen", agent.socket().to_str().unwrap()]), 1, "", "another agent is listening");
    assert_eq!(ask(&mut second, PING, 1), PONG, "the agent that was there first is still there");
}

#[test]
fn agent_replaces_the_socket_of_a_dead_agent_and_nothing_else() {
    let folder = Folder::new();
    let stale = folder.path("socket");
    abandon(UnixListener::bind(&stale).unwrap());
    let mut agent = Program::start(example("agent").arg("--listen").arg(&stale));
    agent.says("agent: listening ");

    let file = folder.path("file");
    std::fs::write(&file, "precious").unwrap();
    ends(&run("agent", &["--listen", file.to_str().unwrap()]), 1, "", "is not a socket");
    let log = folder.path("log");
    let _log = UnixDatagram::bind(&log).unwrap();
    ends(&run("agent", &["--listen", log.to_str().unwrap()]), 1, "", "Protocol wrong type for socket");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    ends(&run("agent", &["--device", folder.path("none").to_str().unwrap()]), 1, "", "No such file");
}

#[test]
fn agent_removes_its_socket_when_a_signal_ends_it() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut agent = ListeningAgent::start();
        assert_eq!(ask(&mut agent.connect(), PING, 1), PONG);
        agent.program.signal(signal);
        ends(&agent.program.ends(), 0, "", "");
        assert!(!agent.socket().exists());
    }
}

#[test]
fn agent_runs_on_when_nobody_reads_its_messages() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let _agent = Program::start(example("agent").arg("--listen").arg(&socket).stderr(pipe_without_reader()));
    for _ in 0..3 {
        assert_eq!(ask(&mut programs::connect(&socket), PING, 1), PONG);
    }
}

/// No descriptor is left for a connection, and then there is one again.
#[test]
#[cfg(target_os = "linux")]
fn agent_runs_on_when_it_cannot_accept_a_client() {
    use rustix::process::{Resource, Rlimit, prlimit};

    let mut agent = ListeningAgent::start();
    let client = agent.connect();
    agent.program.says("a client has connected");
    let limit = |files| Rlimit { current: Some(files), maximum: Some(1000) };
    prlimit(Some(agent.program.pid()), Resource::Nofile, limit(3)).unwrap();
    drop(client);
    agent.program.says("Too many open files");
    prlimit(Some(agent.program.pid()), Resource::Nofile, limit(100)).unwrap();
    assert_eq!(ask(&mut agent.connect(), PING, 1), PONG);
}

/// The terminal would otherwise control the agent, and end it with SIGHUP.
#[test]
#[cfg(target_os = "linux")]
fn agent_that_leads_a_session_opens_its_terminal_again_when_it_hangs_up() {
    let folder = Folder::new();
    let port = folder.path("port");
    let line = SerialLine::new();
    symlink(&line.ports[0], &port).unwrap();
    let mut setsid = Command::new("setsid");
    setsid.arg(example("agent").get_program()).arg("--device").arg(&port);
    let mut agent = Program::start(setsid.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()));
    agent.says("agent: serving ");
    ends(&output(client(&line.ports[1]).arg("guest-ping")), 0, "{}\n", "");

    let another = SerialLine::new();
    std::fs::remove_file(&port).unwrap();
    symlink(&another.ports[0], &port).unwrap();
    drop(line);
    agent.says("opening it again");
    ends(&output(client(&another.ports[1]).arg("guest-ping")), 0, "{}\n", "");
    assert!(agent.is_running());
}

#[test]
fn client_prints_what_the_agent_returns() {
    let agent = ListeningAgent::start();
    let socket = agent.socket();
    let ask = |words: &[&str]| output(client(&socket).args(words));
    ends(&ask(&["guest-ping"]), 0, "{}\n", "");
    ends(&ask(&["guest-sync", r#"{"id": 5}"#]), 0, "5\n", "");
    ends(&ask(&["guest-nope"]), 1, "", "CommandNotFound: The command guest-nope has not been found");
    ends(&ask(&["guest-shutdown", r#"{"mode": "up"}"#]), 1, "", "mode is invalid");
    ends(&ask(&["--timeout", "1", "--retries", "1000", "guest-shutdown"]), 0, "", "no error arrived");
    ends(&ask(&[]), 0, "", "in step by guest-sync-delimited");
    ends(&ask(&["--trace", "guest-ping"]), 0, "{}\n", "< [FF]{\"return\": ");
    ends(&ask(&["guest-ping", "{,}"]), 2, "", "ARGUMENTS-JSON: JSON parse error");
}

/// Both programs on a serial line: raw, so that no byte is echoed, translated or taken for a signal.
#[test]
fn both_on_a_pseudo_terminal() {
    let line = SerialLine::new();
    let [guest, host] = &line.ports;
    let mut agent = Program::start(example("agent").arg("--device").arg(guest));
    agent.says("agent: serving ");
    ends(&output(&mut client(host)), 0, "", "in step by guest-sync-delimited");
    let info = output(client(host).arg("guest-info"));
    assert!(String::from_utf8_lossy(&info.stdout).contains("\"guest-sync-delimited\""), "{info:?}");
    let controls = output(client(host).arg("guest-\u{3}\u{4}\u{11}"));
    ends(&controls, 1, "", "CommandNotFound: The command guest-\\u0003\\u0004\\u0011 has not been found");
}

#[test]
fn client_reports_that_nobody_answers() {
    let folder = Folder::new();
    let silent = folder.path("socket");
    let listener = UnixListener::bind(&silent).unwrap();
    let ask = || run("client", &["--timeout", "0.1", "--retries", "2", silent.to_str().unwrap(), "guest-ping"]);
    ends(&ask(), 3, "", "no answer within 0.1 s, 2 times. Is an agent running in the guest?");
    abandon(listener);
    ends(&ask(), 3, "", "Connection refused");
}

/// Gets in step with one client, answers its request with these bytes, and closes the line.
fn answer_once(listener: UnixListener, answer: &'static str) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let host = accept(&listener);
        let line = || {
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                let mut byte = [0];
                (&host).read_exact(&mut byte).unwrap();
                line.push(byte[0]);
            }
            String::from_utf8_lossy(&line).into_owned()
        };
        let id: String = line().chars().filter(char::is_ascii_digit).collect();
        (&host).write_all(&[b"\xFF{\"return\": ", id.as_bytes(), b"}\n"].concat()).unwrap();
        // The request's id is what comes last.
        let request = line();
        let id = request.rsplit(' ').next().unwrap_or_default().trim_end();
        (&host).write_all(answer.replace("ID}", id).as_bytes()).unwrap();
    })
}

/// As qemu-ga before QEMU 3.0 does, but for its refusing ids.
#[test]
fn client_works_with_an_agent_without_ids() {
    let folder = Folder::new();
    let answered = |name: &str, options: &[&str]| {
        let guest = answer_once(UnixListener::bind(folder.path(name)).unwrap(), "{\"return\": 5}\n");
        let output = output(client(&folder.path(name)).args(options).arg("guest-get-time"));
        guest.join().unwrap();
        output
    };
    ends(&answered("without", &["--no-ids"]), 0, "5\n", "");
    ends(&answered("with", &[]), 3, "", "a return value without the id of its request");
}

/// The line ends: that is the answer to a shutdown, and none to anything else.
#[test]
fn client_on_a_line_that_ends() {
    let folder = Folder::new();
    for (command, code) in [("guest-shutdown", 0), ("guest-ping", 3)] {
        let guest = answer_once(UnixListener::bind(folder.path(command)).unwrap(), "");
        let output = output(client(&folder.path(command)).arg(command));
        guest.join().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
    }
}

/// ESC, BEL, CR and LF, DEL, CSI of C1, and an override of the direction.
const CONTROLS: &str = "\u{1b}]0;title\u{7}\r\n\u{7f}\u{9b}2J\u{202e}";
const ESCAPED: &str = r"\u001b]0;title\u0007\u000d\u000a\u007f\u009b2J\u202e";

#[test]
fn text_of_the_guest_is_escaped_in_a_message() {
    let agent = ListeningAgent::start();
    let output = output(client(&agent.socket()).arg(format!("guest-{CONTROLS}")));
    ends(&output, 1, "", &format!("client: CommandNotFound: The command guest-{ESCAPED} has not been found\n"));
}

#[test]
fn what_the_guest_returns_is_escaped_on_a_terminal_and_as_it_was_sent_in_a_pipe() {
    let folder = Folder::new();
    let answer = "{\"return\": \"\u{7f}\u{9b}2J\u{202e}\\u001b\u{e9}\", \"id\": ID}\n";
    let guest = |name: &str| answer_once(UnixListener::bind(folder.path(name)).unwrap(), answer);
    let to_pipe = guest("pipe");
    ends(&output(client(&folder.path("pipe")).arg("x")), 0, "\"\u{7f}\u{9b}2J\u{202e}\\u001b\u{e9}\"\n", "");
    to_pipe.join().unwrap();

    let to_terminal = guest("terminal");
    let (terminal, screen) = terminal();
    ends(&output(client(&folder.path("terminal")).arg("x").stdout(terminal)), 0, "", "");
    to_terminal.join().unwrap();
    let shown = String::from_utf8(all(&screen)).unwrap();
    assert_eq!(shown, "\"\\u007f\\u009b2J\\u202e\\u001b\u{e9}\"\r\n");
}

/// Hands requests to a program of `doors`, and returns what it answers, a line each, and how it ends.
#[track_caller]
fn doors(words: &[&str], requests: &str) -> (Vec<String>, Output) {
    let mut program = Program::start(example("doors").args(words).env("TOASTER", "hot").stdin(Stdio::piped()));
    program.input().write_all(requests.as_bytes()).unwrap();
    let output = program.ends();
    (String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect(), output)
}

#[test]
fn doors_a_table_at_run_time() {
    let enable =
        |enabled| format!(r#"{{"execute": "script-enable", "arguments": {{"name": "eject", "enabled": {enabled}}}}}"#);
    let requests = [
        r#"{"execute": "eject"}"#,
        &enable(false),
        r#"{"execute": "eject", "id": 1}"#,
        r#"{"execute": "guest-info"}"#,
        r#"{"execute": "brown"}"#,
        &enable(true),
        r#"{"execute": "eject", "arguments": {"now": true}}"#,
        r#"{"execute": "eject"}"#,
        r#"{"execute": "env-TOASTER"}"#,
        r#"{"execute": "env-TOASTER-OF-NOBODY"}"#,
    ];
    let (answers, output) = doors(&["table", "eject=up", "brown=well \"done\""], &requests.concat());
    assert!(output.status.success(), "{output:?}");
    let not_found = |desc| format!(r#"{{"error": {{"class": "CommandNotFound", "desc": "{desc}"}}}}"#);
    let [up, done, refused, info, brown, enabled, unexpected, up_again, hot, unknown] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!((&**up, &**done), (r#"{"return": "up"}"#, r#"{"return": {}}"#));
    assert!(refused.contains("Command eject has been disabled") && refused.starts_with(r#"{"id": 1, "#), "{refused}");
    for command in [
        r#"{"enabled": false, "name": "eject", "success-response": true}"#,
        r#"{"enabled": true, "name": "brown", "success-response": true}"#,
    ] {
        assert!(info.contains(command), "{info}");
    }
    assert_eq!(brown, r#"{"return": "well \"done\""}"#);
    assert_eq!(enabled, done);
    assert!(unexpected.contains("Parameter 'now' is unexpected"), "{unexpected}");
    assert_eq!((up_again, &**hot), (up, r#"{"return": "hot"}"#));
    assert_eq!(*unknown, not_found("The command env-TOASTER-OF-NOBODY has not been found"));

    for twice in ["eject=down", "guest-ping=pong"] {
        let (answers, output) = doors(&["table", "eject=up", twice], "");
        assert!(answers.is_empty());
        ends(&output, 1, "", "a command's name is there twice");
    }
}

#[test]
fn doors_lent_buffers() {
    let long = format!(r#"{{"execute": "board-name", "id": "{}"}}"#, "i".repeat(60));
    let (answers, output) = doors(&["lent"], &format!("{{\"execute\": \"board-name\"}}\n{long}\n"));
    assert!(output.status.success(), "{output:?}");
    let too_long = r#"{"error": {"class": "GenericError", "desc": "JSON token size limit exceeded"}}"#;
    let echoed = format!(r#"large: {{"return": "large", "id": "{}"}}"#, "i".repeat(60));
    let due =
        [r#"small: {"return": "small"}"#, r#"large: {"return": "large"}"#, &format!("small: {too_long}"), &echoed];
    assert_eq!(answers, due);
}

/// What waits behind a request whose answer is owed is served after it.
#[test]
fn doors_an_answer_that_comes_later() {
    let requests = [
        r#"{"execute": "wait", "arguments": {"milliseconds": 200}, "id": 1}"#,
        r#"{"execute": "wait-for-button", "id": 2}"#,
        r#"{"execute": "wait", "arguments": {}, "id": 3}"#,
        r#"{"execute": "guest-ping", "id": 4}"#,
    ];
    let (answers, output) = doors(&["deferred"], &requests.concat());
    assert!(output.status.success(), "{output:?}");
    let [counted, cancelled, missing, pong] = &answers[..] else { panic!("{answers:?}") };
    let count = counted.strip_prefix(r#"{"return": "#).and_then(|rest| rest.strip_suffix(r#", "id": 1}"#));
    assert!(count.is_some_and(|count| count.parse::<u64>().unwrap() > 0), "{counted}");
    assert_eq!(cancelled, r#"{"id": 2, "error": {"class": "GenericError", "desc": "The command was cancelled"}}"#);
    assert!(missing.contains("Parameter 'milliseconds' is missing"), "{missing}");
    assert_eq!(pong, r#"{"return": {}, "id": 4}"#);
}

/// 48 KiB in one request, through 256 bytes. What breaks off before it and after it does not count.
#[test]
fn doors_strings_in_pieces() {
    let folder = Folder::new();
    let file = folder.path("update");
    let update: Vec<u8> = (0..48 << 10).map(|index: u32| (index ^ index >> 8) as u8).collect();
    let digits = base64::engine::general_purpose::STANDARD.encode(&update);
    let write = |handle, digits: &str| {
        // As Proxmox sends it: the arguments first, and the content first among them.
        format!(r#"{{"arguments": {{"buf-b64": "{digits}", "handle": {handle}}}, "execute": "guest-file-write"}}"#)
    };
    let broken = &write(1, &digits)[..1000];
    let requests = [
        broken,
        "\u{1}\n",
        &write(2, "AAAA"),
        &write(1, "AAA\u{e9}"),
        &write(1, "AAA"),
        &write(1, &digits),
        &write(1, "AAAA").replace("}, ", ", \"count\": 2}, "),
        &write(1, "//8="),
        broken,
    ];
    let (answers, output) = doors(&["pieces", file.to_str().unwrap()], &requests.concat());
    assert!(output.status.success(), "{output:?}");
    let failed = |desc: &str| format!(r#"{{"error": {{"class": "GenericError", "desc": "{desc}"}}}}"#);
    let wrote = |count| format!(r#"{{"return": {{"count": {count}, "eof": false}}}}"#);
    let due = [
        failed("JSON parse error, invalid syntax"),
        failed("The file's handle is 1"),
        failed("buf-b64 is not base64"),
        failed("buf-b64 is not base64"),
        wrote(update.len()),
        wrote(2),
        wrote(2),
    ];
    assert_eq!(answers, due);
    assert!(std::fs::read(&file).unwrap() == [&update[..], b"\0\0\xFF\xFF"].concat());
}

/// 141, as a shell says of a program that SIGPIPE ended.
#[test]
fn a_program_ends_quietly_when_its_reader_goes_away() {
    let agent = ListeningAgent::start();
    let mut guest_info = client(&agent.socket());
    guest_info.arg("guest-info");
    let mut programs = vec![guest_info, example("demo")];
    for (name, option) in [("agent", "--help"), ("agent", "--version"), ("client", "--help")] {
        let mut program = example(name);
        program.arg(option);
        programs.push(program);
    }
    for mut program in programs {
        let output = output(program.stdout(pipe_without_reader()));
        assert_eq!((output.status.code(), &*output.stderr), (Some(141), &b""[..]), "{program:?}: {output:?}");
    }

    let mut stdio = Program::start(example("agent").arg("--stdio").stdin(Stdio::piped()).stdout(pipe_without_reader()));
    let mut input = stdio.input();
    input.write_all(PING).unwrap();
    let output = stdio.ends();
    assert_eq!((output.status.code(), &*output.stderr), (Some(141), &b""[..]), "{output:?}");
}

#[test]
fn a_failed_write_is_reported() {
    let agent = ListeningAgent::start();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = output(client(&agent.socket()).arg("guest-ping").stdout(full()));
    ends(&output, 2, "", "No space left on device");
}

/// Its outcome is what it would be.
#[test]
fn a_program_runs_on_when_nobody_reads_its_messages() {
    let agent = ListeningAgent::start();
    for (words, code, stdout) in
        [(&["--trace", "guest-ping"][..], 0, "{}\n"), (&["guest-nope"], 1, ""), (&["--what"], 2, ""), (&[], 0, "")]
    {
        let output = output(client(&agent.socket()).args(words).stderr(pipe_without_reader()));
        ends(&output, code, stdout, "");
    }
    ends(&output(example("agent").arg("--what").stderr(pipe_without_reader())), 2, "", "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_failing_test_leaves_nothing_behind() {
    programs::leaves_nothing_behind(6);
}
