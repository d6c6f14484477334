//! An agent in C on a Cortex-M3: `c/examples/mps2-an385`. It answers as the same agent in Rust does.

#[path = "../../../tests/exchange/mod.rs"]
mod exchange;
#[path = "../../../tests/recordings/mod.rs"]
mod recordings;

use std::io::Read;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use exchange::exchange;
use guestwire::{Agent, Guest, agent::CommandError};
use host_tests::healthy::{PING, PONG, next_client_is_in_step, survives_dead_clients};
use host_tests::{Folder, succeeds, workspace};
use recordings::recordings;

fn boot() -> host_tests::Guest {
    boot_with("")
}

/// Built by its Makefile.
fn boot_with(qemu_options: &str) -> host_tests::Guest {
    static ELF: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = workspace().join("target/c");
        let program = workspace().join("../c/examples/mps2-an385");
        succeeds(Command::new("make").arg("-C").arg(program).arg(format!("BUILD={}", folder.display())));
        folder.join("mps2-an385")
    });
    host_tests::Guest::boot("cortex-m", &ELF, qemu_options)
}

/// What the C program is, in Rust. Its buffers are as large, or other requests would be too long.
struct Twin {
    leds: u64,
}

impl Guest for Twin {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [guestwire::Command<Self>] = &[
        guestwire::Command::new("guest-get-host-name", |_, call| {
            call.respond()?.object(|host| host.member("host-name").string("toaster"))
        }),
        guestwire::Command::new("board-led", |twin: &mut Self, call| {
            let number = call.arguments.unsigned("number")?;
            let on = call.arguments.boolean("on")?;
            let response = call.respond()?;
            if number > 1 {
                return Err(CommandError::Failed("This board has no such LED"));
            }
            twin.leds = if on { twin.leds | 1 << number } else { twin.leds & !(1 << number) };
            response.unsigned(twin.leds)
        }),
        guestwire::Command::new("board-wait", |_, call| {
            call.arguments.unsigned("milliseconds")?;
            let _ = call.respond()?;
            Err(CommandError::WouldBlock)
        }),
    ];
    const DEFERS: bool = true;
}

/// With a synchronization after each, whose answer shows that all was read: a UART has no flow control.
#[test]
#[ignore = "needs arm-none-eabi-gcc, make and qemu-system-arm: apt install gcc-arm-none-eabi make qemu-system-arm"]
fn recorded_exchanges_are_answered_byte_for_byte_as_in_rust() {
    let stack = Stack::new();
    let guest = boot_with(&stack.qemu_option());
    let line = guest.connect();
    let (mut stream, mut agent) = (line.stream(), Agent::<Twin, 512, 640>::new(Twin { leds: 0 }));
    let led =
        |number, on| format!(r#"{{"execute":"board-led","arguments":{{"number":{number},"on":{on}}}}}"#).into_bytes();
    let own = [
        led("0", "true"),
        led("1", "true"),
        led("0", "false"),
        led("2", "true"),
        led("-1", "true"),
        led("1.0", "true"),
        led("99999999999999999999", "true"),
        led(r#""1""#, "true"),
        led("1", "1"),
        led("null", "true"),
        led("1", r#"true,"off":1"#),
        led("1", r#"true,"on":false"#),
        br#"{"execute":"board-led","arguments":{"number":1},"id":1}"#.into(),
        br#"{"execute":"board-led","arguments":{"on":true}}"#.into(),
        br#"{"execute":"board-led","arguments":[]}"#.into(),
        br#"{"execute":"board-led"}"#.into(),
        br#"{"execute":"board-wait","arguments":{"milliseconds":-1}}"#.into(),
        br#"{"execute":"guest-get-host-name","id":"\u00e9"}"#.into(),
        br#"{"execute":"guest-get-host-name","arguments":{"x":{}}}"#.into(),
        br#"{"execute":"guest-info"}"#.into(),
    ];
    let recorded = recordings().into_iter().map(|recording| recording.input).filter(|input| input.len() <= 900);
    let mut count = 0;
    for (index, mut input) in own.into_iter().chain(recorded).enumerate() {
        input.extend(b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":");
        input.extend(format!("{index}}}}}").bytes());
        let due = exchange(&mut agent, &input);
        std::io::Write::write_all(&mut stream, &input).unwrap();
        let mut answer = vec![0; due.len()];
        let read = stream.read_exact(&mut answer);
        assert!(
            read.is_ok() && answer == due,
            "{}\n{read:?}\n C {}\n Rust {}",
            input.escape_ascii(),
            answer.escape_ascii(),
            due.escape_ascii()
        );
        count += 1;
    }
    assert!(count > 1400, "{count}");
    let deepest = stack.deepest(&guest);
    println!("{deepest} bytes of stack");
    let page = std::fs::read_to_string(workspace().join("../docs/c.md")).unwrap();
    assert!(page.contains("takes less than 800 bytes of stack"));
    assert!((500..800).contains(&deepest), "{deepest} bytes of stack");
}

/// The end of the board's memory, filled with a pattern before the program starts.
struct Stack(Folder);

impl Stack {
    const START: usize = 0x203F_F000;
    const SIZE: usize = 0x1000;
    const UNUSED: u8 = 0xA5;

    fn new() -> Self {
        let folder = Folder::new();
        std::fs::write(folder.path("stack"), [Self::UNUSED; Self::SIZE]).unwrap();
        Self(folder)
    }

    fn qemu_option(&self) -> String {
        format!("-device loader,file={},addr={:#x},force-raw=on", self.0.path("stack").display(), Self::START)
    }

    fn deepest(&self, guest: &host_tests::Guest) -> usize {
        let (start, size, file) = (Self::START, Self::SIZE, self.0.path("deepest"));
        guest.qmp(&format!(
            r#"{{"execute":"pmemsave","arguments":{{"val":{start},"size":{size},"filename":"{}"}}}}"#,
            file.display()
        ));
        let unused = std::fs::read(file).unwrap().into_iter().take_while(|byte| *byte == Self::UNUSED).count();
        size - unused
    }
}

#[test]
#[ignore = "needs arm-none-eabi-gcc, make and qemu-system-arm: apt install gcc-arm-none-eabi make qemu-system-arm"]
fn an_answer_comes_later() {
    let guest = boot();
    let mut line = guest.connect();
    line.send(br#"{"execute":"board-wait","arguments":{"milliseconds":50},"id":1}"#);
    line.send(PING.as_bytes());
    assert_eq!(line.receive(), r#"{"return": 50, "id": 1}"#);
    assert_eq!(line.receive(), PONG);
    assert_eq!(line.ask(r#"{"execute":"board-wait","arguments":{"milliseconds":0}}"#), r#"{"return": 0}"#);
    let too_long = r#"{"execute":"board-wait","arguments":{"milliseconds":4294967296}}"#;
    let error = |desc| format!(r#"{{"error": {{"class": "GenericError", "desc": "{desc}"}}}}"#);
    assert_eq!(line.ask(too_long), error("Nobody waits that long"));
    let never = r#"{"execute":"board-wait","arguments":{"milliseconds":2147483647}}"#;
    assert_eq!(line.ask(never), error("The command was cancelled"));
    assert_eq!(line.ask(PING), PONG);
}

#[test]
#[ignore = "needs arm-none-eabi-gcc, make and qemu-system-arm: apt install gcc-arm-none-eabi make qemu-system-arm"]
fn the_next_client_is_in_step_after_one_that_died_or_did_not_read() {
    let guest = boot();
    survives_dead_clients(&guest);
    // First the responses fill their buffers, then the requests, and bytes are missing. A socket's buffers hold a fraction of
    // that: when the last request is sent, most of the others were received.
    let mut deaf = guest.connect();
    for _ in 0..2000 {
        deaf.send(br#"{"execute":"guest-info"}"#);
    }
    drop(deaf);
    next_client_is_in_step(&guest, 3);
    guest.wait_for_log("bytes are missing", 1);
}
