//! The programs of `examples` for Linux, compiled and run: an agent, which answers as the same agent in Rust does, and a
//! client.
#![cfg(target_os = "linux")]

#[path = "../../tests/exchange/mod.rs"]
mod exchange;
#[path = "../../tests/programs/mod.rs"]
mod programs;
#[path = "../../tests/recordings/mod.rs"]
mod recordings;

use std::env;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use exchange::exchange;
use guestwire::agent::CommandError;
use guestwire::{Agent, Guest};
use programs::qemu_ga::QemuGa;
use programs::{Folder, ListeningAgent, ask, output};
use recordings::recordings;

/// Compiles a program of `examples` into a folder.
fn compile(folder: &Folder, name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    let mut cargo = Command::new("cargo");
    cargo.args(["rustc", "--quiet", "--crate-type", "staticlib", "--target-dir"]).arg(&target).current_dir(here);
    succeeds(&mut cargo);
    let program = folder.path(name);
    // CC names another compiler.
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "gcc".into()));
    compiler.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-g", "-I"]);
    compiler.arg(here.join("include")).arg(here.join("examples").join(name).with_extension("c"));
    succeeds(compiler.arg(target.join("debug/libguestwire_c.a")).arg("-lgcc_s").arg("-o").arg(&program));
    program
}

fn succeeds(command: &mut Command) {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn run(command: &mut Command) -> Output {
    output(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// `agent --listen PATH`, listening.
fn agent(folder: &Folder) -> ListeningAgent {
    let mut agent = Command::new(compile(folder, "agent"));
    ListeningAgent::start_as(agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()))
}

/// What the C program is, in Rust.
struct Twin {
    host_name: String,
}

impl Guest for Twin {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [guestwire::Command<Self>] = &[
        guestwire::Command::new("guest-get-host-name", |twin: &mut Self, call| {
            call.respond()?.object(|host| host.member("host-name").string(&twin.host_name))
        }),
        guestwire::Command::new("example-repeat", |_, call| {
            let text = call.arguments.string("text")?.to_string();
            let times = call.arguments.optional_unsigned("times")?.unwrap_or(1);
            call.respond()?.array(|list| (0..times).try_for_each(|_| list.element().string(&text)))
        }),
        guestwire::Command::new("example-wait", |_, call| {
            call.arguments.unsigned("milliseconds")?;
            let _ = call.respond()?;
            Err(CommandError::WouldBlock)
        }),
    ];
    const DEFERS: bool = true;
}

#[test]
fn recorded_exchanges_are_answered_byte_for_byte_as_in_rust() {
    let folder = Folder::new();
    let program = agent(&folder);
    let mut stream = program.connect();
    let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim_end().to_owned();
    let mut twin: Box<Agent<Twin, 65535, 65535>> = Box::new(Agent::new(Twin { host_name }));
    let own = [
        r#"{"execute":"example-repeat","arguments":{"text":"a\u00e9\u0001\ud83d\ude00\"\\","times":3}}"#,
        r#"{"execute":"example-repeat","arguments":{"times":2,"text":""},"id":[1]}"#,
        r#"{"execute":"example-repeat","arguments":{"text":"x"}}"#,
        r#"{"execute":"example-repeat","arguments":{"text":"x","times":0}}"#,
        r#"{"execute":"example-repeat","arguments":{"text":"x","times":100000}}"#,
        r#"{"execute":"example-repeat","arguments":{"text":"x","times":-1}}"#,
        r#"{"execute":"example-repeat","arguments":{"text":"x","times":"1"}}"#,
        r#"{"execute":"example-repeat","arguments":{"text":7}}"#,
        r#"{"execute":"example-repeat","arguments":{"text":"x","text":"y"}}"#,
        r#"{"execute":"example-repeat","arguments":{"text":"x","other":{}}}"#,
        r#"{"execute":"example-repeat","arguments":{}}"#,
        r#"{"execute":"example-repeat"}"#,
        r#"{"execute":"example-wait","arguments":{"milliseconds":1.5}}"#,
        r#"{"execute":"guest-get-host-name","id":"\u00e9"}"#,
        r#"{"execute":"guest-get-host-name","arguments":{"x":{}}}"#,
        r#"{"execute":"guest-info"}"#,
        "{\"execute\":\"guest-pi\n\x7F\u{0}{\"execute\":\"guest-ping\"}\n{\"execute\":\"guest-ping\"}\n",
    ];
    let own = own.into_iter().map(|input| input.as_bytes().to_vec());
    for (index, mut input) in own.chain(recordings().into_iter().map(|recording| recording.input)).enumerate() {
        // Its answer shows that all was read.
        input.extend(b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":");
        input.extend(format!("{index}}}}}").bytes());
        let due = exchange(&mut twin, &input);
        let mut sender = stream.try_clone().unwrap();
        let sent = input.clone();
        let sending = std::thread::spawn(move || sender.write_all(&sent).unwrap());
        let mut answer = vec![0; due.len()];
        let read = stream.read_exact(&mut answer);
        let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert!(read.is_ok() && answer == due, "{}\nC    {}\nRust {}", show(&input), show(&answer), show(&due));
        sending.join().unwrap();
    }
}

#[test]
fn an_answer_comes_later_and_not_to_the_next_client() {
    let folder = Folder::new();
    let program = agent(&folder);
    let mut stream = program.connect();
    let wait = |milliseconds: u32| {
        format!(r#"{{"execute":"example-wait","arguments":{{"milliseconds":{milliseconds}}},"id":1}}"#)
    };
    let both = wait(50) + r#"{"execute":"guest-ping"}"#;
    assert_eq!(ask(&mut stream, both.as_bytes(), 2), b"{\"return\": 50, \"id\": 1}\n{\"return\": {}}\n");
    stream.write_all(wait(4_000_000_000).as_bytes()).unwrap();
    drop(stream);
    let mut next = program.connect();
    assert_eq!(ask(&mut next, br#"{"execute":"guest-ping"}"#, 1), b"{\"return\": {}}\n");
}

#[test]
fn an_answer_that_never_comes_does_not_hold_the_next_up() {
    let folder = Folder::new();
    let program = agent(&folder);
    let mut stream = program.connect();
    let both =
        br#"{"execute":"example-wait","arguments":{"milliseconds":18446744073709551615}}{"execute":"guest-ping"}"#;
    let cancelled = b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"The command was cancelled\"}}\n";
    assert_eq!(ask(&mut stream, both, 2), [&cancelled[..], b"{\"return\": {}}\n"].concat());
}

#[test]
fn a_socket_that_was_left_behind_is_replaced_and_no_other_file() {
    let folder = Folder::new();
    let program = compile(&folder, "agent");
    let (socket, file) = (folder.path("socket"), folder.path("file"));
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    std::fs::write(&file, "kept").unwrap();
    let mut agent =
        programs::Program::start(Command::new(&program).arg("--listen").arg(&socket).stderr(Stdio::piped()));
    agent.says("agent: listening on ");
    for taken in [&socket, &file] {
        assert_eq!(run(Command::new(&program).arg("--listen").arg(taken)).status.code(), Some(1));
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");
}

/// `client PATH COMMAND`
fn client(folder: &Folder, socket: &Path, command: &str) -> Output {
    run(Command::new(compile(folder, "client")).arg(socket).arg(command))
}

#[test]
fn the_client_asks_the_agent() {
    let folder = Folder::new();
    let program = agent(&folder);
    // What the last client has left.
    program.connect().write_all(br#"{"execute":"guest-sy"#).unwrap();
    let answered = client(&folder, &program.socket(), "guest-ping");
    assert_eq!((answered.status.code(), &answered.stdout[..]), (Some(0), &b"{}\n"[..]));
    let refused = client(&folder, &program.socket(), "guest-nope");
    let desc = "client: CommandNotFound: The command guest-nope has not been found\n";
    assert_eq!((refused.status.code(), String::from_utf8_lossy(&refused.stderr)), (Some(1), desc.into()));
    // The answer repeats the name.
    let refused = client(&folder, &program.socket(), "\x1B[31m\u{9B}0m\x7F");
    let desc = "client: CommandNotFound: The command ?[31m??0m? has not been found\n";
    assert_eq!((refused.status.code(), String::from_utf8_lossy(&refused.stderr)), (Some(1), desc.into()));
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn the_client_asks_qemu_ga() {
    let folder = Folder::new();
    let qemu_ga = QemuGa::start("");
    drop(qemu_ga.connect()); // it listens
    let socket = qemu_ga.folder.path("socket");
    let answered = client(&folder, &socket, "guest-info");
    let info: serde_json::Value = serde_json::from_slice(&answered.stdout).unwrap();
    assert_eq!(info["version"], programs::qemu_ga::version());
    let refused = client(&folder, &socket, "guest-nope");
    let desc = "client: CommandNotFound: The command guest-nope has not been found\n";
    assert_eq!((refused.status.code(), String::from_utf8_lossy(&refused.stderr)), (Some(1), desc.into()));
}
