//! The agent in C answers as its twin in Rust does, byte for byte: recorded exchanges, and streams as from a bad line.
//!
//! The C program is compiled with warnings as errors, as C99 and as C++17, with the address and undefined-behaviour
//! sanitizers. `STREAMS=1000000` takes that many streams, `GUESTWIRE_C=PATH` another build of the library.
#![cfg(target_os = "linux")]

mod c;
#[path = "../../tests/mutations/mod.rs"]
mod mutations;
#[path = "../../tests/random/mod.rs"]
mod random;
#[path = "../../tests/recordings/mod.rs"]
mod recordings;

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc::sync_channel;
use std::{env, thread};

use c::{C99, CPP17, SANITIZED, compile};
use guestwire::commands::Bytes;
use guestwire::{Agent, Call, Command, CommandError, CommandResult, Guest};
use mutations::{mutate, seeds};
use random::Random;
use recordings::recordings;

const RX: usize = 512;
const TX: usize = 2048;

/// What `exchanges.c` serves.
#[derive(Default)]
struct Board {
    number: i64,
    waiting: u32,
    frozen: bool,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const DEFERS: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("test-scalars", scalars),
        Command::new("guest-shutdown", |_, call| {
            if let Some(mode) = call.arguments.get("mode")? {
                mode.string()?.copy_to(&mut [0; 15]).map_err(|_| mode.invalid())?;
            }
            call.respond()?.done()
        })
        .no_success_response(),
        Command::new("guest-set-time", |board: &mut Self, call| {
            let time = call.arguments.optional_integer("time")?;
            let response = call.respond()?;
            board.number = time.unwrap_or(0);
            response.done()
        }),
        Command::new("guest-get-time", |board, call| call.respond()?.integer(board.number)),
        Command::new("guest-set-vcpus", set_vcpus),
        Command::new("guest-exec", exec),
        Command::new("guest-file-write", |_, call| {
            let bytes = match call.arguments.get("buf-b64")? {
                Some(argument) => decoded::<48>(&argument)?,
                None => return Err(missing(call.arguments, "buf-b64")),
            };
            let response = call.respond()?;
            response.value(|place| guestwire::commands::Encode::encode(Bytes::Plain(&bytes), place))
        }),
        Command::new("test-say", |_, call| {
            let text = text::<100>(call.arguments, "text")?;
            call.respond()?.error(text)
        }),
        Command::new("test-large", |_, call| {
            let count = call.arguments.unsigned("count")?;
            call.respond()?.array(|list| {
                (0..count).try_for_each(|_| list.element().array(|inner| inner.element().string("0123456789")))
            })
        }),
        Command::new("test-wait", |board: &mut Self, call| {
            let number = call.arguments.unsigned("number")?;
            let response = call.respond()?;
            if board.waiting < 2 {
                board.waiting += 1;
                return Err(CommandError::WouldBlock);
            }
            board.waiting = 0;
            response.unsigned(number)
        }),
        Command::new("test-freeze", |board: &mut Self, call| {
            // As in C: read to its place, whatever else is wrong.
            board.frozen = call.arguments.boolean("frozen")?;
            call.respond()?.boolean(board.frozen)
        })
        .allowed_when_frozen(),
        // Names that begin with another's, or as another does.
        Command::new("guest-get-osinfo-again", |board, call| call.respond()?.integer(board.number)),
        Command::new("guest-get-osinfo", |board, call| call.respond()?.integer(board.number)),
        Command::new("guest-get", |board, call| call.respond()?.integer(board.number)),
    ];

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        command == "guest-get-osinfo"
    }

    fn cancelled(&mut self) {
        self.waiting = 0;
    }
}

type Arguments<'a> = guestwire::message::Arguments<'a>;
type Argument<'a> = guestwire::message::Argument<'a>;

/// The error for an argument that is not there.
fn missing(arguments: &mut Arguments<'_>, name: &'static str) -> CommandError {
    arguments.string(name).map(|_| ()).expect_err("it is missing").into()
}

/// A string for an array of `SIZE` bytes: with a NUL after it, and none in it.
fn text<const SIZE: usize>(arguments: &mut Arguments<'_>, name: &'static str) -> Result<String, CommandError> {
    match arguments.get(name)? {
        Some(argument) => copied::<SIZE>(&argument),
        None => Err(missing(arguments, name)),
    }
}

fn copied<const SIZE: usize>(argument: &Argument<'_>) -> Result<String, CommandError> {
    let text = argument.string()?.chars().collect::<String>();
    if text.len() < SIZE && !text.contains('\0') { Ok(text) } else { Err(argument.invalid().into()) }
}

fn decoded<const SIZE: usize>(argument: &Argument<'_>) -> Result<Vec<u8>, CommandError> {
    let bytes = Bytes::Received(argument.string()?).decoded()?.collect::<Vec<_>>();
    if bytes.len() <= SIZE { Ok(bytes) } else { Err(argument.invalid().into()) }
}

fn scalars(_: &mut Board, call: Call<'_>) -> CommandResult {
    let integer = call.arguments.integer("integer")?;
    let maybe_integer = call.arguments.optional_integer("maybe-integer")?.unwrap_or(-1);
    let unsigned = call.arguments.unsigned("unsigned")?;
    let maybe_unsigned = call.arguments.optional_unsigned("maybe-unsigned")?.unwrap_or(1);
    let boolean = call.arguments.boolean("boolean")?;
    let maybe_boolean = call.arguments.optional_boolean("maybe-boolean")?.unwrap_or(true);
    let required = text::<16>(call.arguments, "text")?;
    let maybe_text = call.arguments.get("maybe-text")?.map(|text| copied::<8>(&text)).transpose()?;
    call.respond()?.object(|object| {
        object.member("integer").integer(integer)?;
        object.member("maybe-integer").integer(maybe_integer)?;
        object.member("unsigned").unsigned(unsigned)?;
        object.member("maybe-unsigned").unsigned(maybe_unsigned)?;
        object.member("boolean").boolean(boolean)?;
        object.member("maybe-boolean").boolean(maybe_boolean)?;
        object.member("text").string(&required)?;
        match &maybe_text {
            Some(text) => object.member("maybe-text").string(text),
            None => object.member("maybe-text").null(),
        }
    })
}

fn set_vcpus(_: &mut Board, call: Call<'_>) -> CommandResult {
    let (mut sum, mut count) = (0_i64, 0);
    for vcpu in call.arguments.array("vcpus")? {
        let id = vcpu.object(|vcpu| {
            let id = vcpu.integer("logical-id")?;
            vcpu.boolean("online")?;
            vcpu.optional_boolean("can-offline")?;
            Ok(id)
        })?;
        sum = sum.wrapping_add(id);
        count += 1;
    }
    call.respond()?.array(|list| {
        list.element().integer(count)?;
        list.element().object(|object| {
            object.member("sum").integer(sum)?;
            object.member("none").array(|_| Ok(()))
        })?;
        list.element().thousandths(1250)
    })
}

fn exec(_: &mut Board, call: Call<'_>) -> CommandResult {
    let path = text::<24>(call.arguments, "path")?;
    let mut length = None;
    if let Some(texts) = call.arguments.optional_array("arg")? {
        let mut sum = 0;
        for text in texts {
            sum += copied::<32>(&text)?.len() as i64;
        }
        length = Some(sum);
    }
    let input = call.arguments.get("input-data")?.map(|input| decoded::<32>(&input)).transpose()?;
    call.respond()?.object(|object| {
        object.member("path").string(&path)?;
        object.member("has-arg").boolean(length.is_some())?;
        object.member("length").integer(length.unwrap_or(0))?;
        match &input {
            Some(input) => guestwire::commands::Encode::encode(Bytes::Plain(input), object.member("input-data")),
            None => Ok(()),
        }
    })
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(Vec<u8>),
    Lost,
    Corrupted,
    Reset,
    CancelNext,
}

/// What the twin transmits.
fn answered(steps: &[Step]) -> Vec<u8> {
    let mut agent: Agent<Board, RX, TX> = Agent::new(Board::default());
    let (mut out, mut cancel_next) = (Vec::new(), false);
    for step in steps {
        match step {
            Step::Bytes(bytes) => {
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    rest = &rest[agent.push_slice(rest)..];
                    transmit(&mut agent, &mut out);
                    while agent.owes() {
                        if std::mem::take(&mut cancel_next) {
                            agent.cancel()
                        } else {
                            agent.retry()
                        }
                        transmit(&mut agent, &mut out);
                    }
                }
            }
            Step::Lost => agent.lost(),
            Step::Corrupted => agent.corrupted(),
            Step::Reset => agent.reset(),
            Step::CancelNext => cancel_next = true,
        }
        transmit(&mut agent, &mut out);
    }
    out
}

fn transmit(agent: &mut Agent<Board, RX, TX>, out: &mut Vec<u8>) {
    while !agent.transmit().is_empty() {
        out.extend_from_slice(agent.transmit());
        agent.transmitted(usize::MAX);
    }
}

/// What the C program is told.
fn told(steps: &[Step]) -> Vec<u8> {
    let mut told = b"N".to_vec();
    for step in steps {
        match step {
            Step::Bytes(bytes) => {
                told.push(b'B');
                told.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                told.extend_from_slice(bytes);
            }
            Step::Lost => told.push(b'L'),
            Step::Corrupted => told.push(b'C'),
            Step::Reset => told.push(b'R'),
            Step::CancelNext => told.push(b'X'),
        }
    }
    told.push(b'E');
    told
}

/// Compares the C program with the twin.
fn compare(program: &c::Program, conversations: impl Iterator<Item = Vec<Step>> + Send + 'static) {
    let mut running = program.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it was compiled");
    let (mut input, mut output) = (running.stdin.take().unwrap(), running.stdout.take().unwrap());
    // So many answers, of at least 4 bytes each, are more than the program keeps in a buffer.
    let (asked, pending) = sync_channel::<Vec<Step>>(10_000);
    let writer = thread::spawn(move || {
        for steps in conversations {
            // If either fails, the reader tells why.
            if input.write_all(&told(&steps)).is_err() || asked.send(steps).is_err() {
                return;
            }
        }
    });
    for steps in pending {
        let mut length = [0; 4];
        output.read_exact(&mut length).unwrap_or_else(|_| panic!("the program has ended: {steps:?}"));
        let mut given = vec![0; u32::from_le_bytes(length) as usize];
        output.read_exact(&mut given).unwrap_or_else(|_| panic!("the program has ended: {steps:?}"));
        let expected = answered(&steps);
        assert!(given == expected, "{steps:?}\nC:    {}\nRust: {}", given.escape_ascii(), expected.escape_ascii());
    }
    writer.join().unwrap();
    assert!(running.wait().unwrap().success());
}

/// Requests for each command, right and wrong.
fn requests() -> Vec<String> {
    let mut requests = Vec::new();
    let mut ask = |command: &str, arguments: &[&str]| {
        for arguments in arguments {
            requests.push(format!("{{\"execute\": \"{command}\", \"arguments\": {arguments}, \"id\": 5}}\n"));
        }
        requests.push(format!("{{\"execute\": \"{command}\"}}"));
    };
    ask("guest-info", &["{}", "{\"a\": 1}"]);
    ask("guest-ping", &["[]"]);
    let scalars = r#""integer": -7, "unsigned": 18446744073709551615, "boolean": false"#;
    ask(
        "test-scalars",
        &[
            &format!("{{{scalars}, \"text\": \"caf\\u00e9 \\\"\"}}"),
            &format!("{{{scalars}, \"text\": \"fifteen letters\", \"maybe-text\": \"seven l\"}}"),
            &format!("{{{scalars}, \"text\": \"sixteen letters!\"}}"),
            &format!("{{{scalars}, \"text\": \"a\\u0000b\"}}"),
            &format!("{{{scalars}, \"text\": \"\", \"maybe-text\": null}}"),
            &format!(
                "{{{scalars}, \"text\": \"\", \"maybe-integer\": 9, \"maybe-unsigned\": 8, \"maybe-boolean\": false}}"
            ),
            &format!("{{{scalars}, \"text\": \"\", \"more\": 1}}"),
            &format!("{{{scalars}, \"text\": \"\", \"text\": \"\"}}"),
            r#"{"integer": 1.0}"#,
            r#"{"integer": 9223372036854775808}"#,
            r#"{"integer": 1, "unsigned": -1}"#,
            r#"{"integer": 1, "unsigned": 1, "boolean": 1}"#,
            r#"{"integer": 1, "unsigned": 1, "boolean": true, "maybe-boolean": "no"}"#,
            r#"{"integer": 1, "unsigned": 1, "boolean": true, "text": []}"#,
        ],
    );
    ask(
        "guest-shutdown",
        &[r#"{"mode": "reboot"}"#, r#"{"mode": "something longer"}"#, r#"{"mode": 1}"#, r#"{"a": {}}"#],
    );
    ask("guest-set-time", &[r#"{"time": 5}"#, r#"{"time": "5"}"#]);
    ask("guest-get-time", &[r#"{"time": 5}"#]);
    ask(
        "guest-set-vcpus",
        &[
            r#"{"vcpus": []}"#,
            r#"{"vcpus": [{"logical-id": 1, "online": true}, {"online": false, "logical-id": 20, "can-offline": true}]}"#,
            r#"{"vcpus": [{"logical-id": 1}]}"#,
            r#"{"vcpus": [{"logical-id": 1, "online": true}, {"logical-id": 1, "online": true, "x": [{}]}]}"#,
            r#"{"vcpus": [{"logical-id": 1, "online": true}, 7]}"#,
            r#"{"vcpus": {}}"#,
        ],
    );
    ask(
        "guest-exec",
        &[
            r#"{"path": "/bin/true", "arg": ["a", "bcd", "\u00e9"], "input-data": "aGVsbG8="}"#,
            r#"{"path": "/bin/true", "arg": [], "input-data": ""}"#,
            r#"{"path": "/bin/true", "arg": ["a", 1]}"#,
            r#"{"path": "/bin/true", "arg": "a"}"#,
            r#"{"path": "/bin/true", "input-data": "aGVsbG8"}"#,
            r#"{"path": "/bin/true", "input-data": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            r#"{"path": "/bin/true", "env": []}"#,
        ],
    );
    ask("guest-file-write", &[r#"{"buf-b64": "AAEC\n/w=="}"#, r#"{"buf-b64": "%"}"#, r#"{"buf-b64": 3}"#]);
    ask("test-say", &[r#"{"text": "no \"such\" th\u00efng"}"#, r#"{"text": ""}"#]);
    ask("test-large", &[r#"{"count": 3}"#, r#"{"count": 100}"#, r#"{"count": 1000}"#]);
    ask("test-wait", &[r#"{"number": 3}"#]);
    ask("test-freeze", &[r#"{"frozen": true}"#, r#"{"frozen": false}"#]);
    ["guest-get-osinfo", "guest-get-osinfo-again", "guest-get"].into_iter().for_each(|name| ask(name, &["{}"]));
    ask("nope", &["{}"]);
    requests
}

fn in_one(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Bytes(bytes.into())]
}

#[test]
fn it_answers_recorded_exchanges_and_its_own_commands_as_in_rust() {
    let inputs = recordings().into_iter().map(|recording| in_one(recording.input));
    let own = requests().into_iter().map(in_one);
    let owed = [
        &[Step::CancelNext][..],
        &in_one(r#"{"execute": "test-wait", "arguments": {"number": 1}}{"execute":"guest-ping"}"#),
    ];
    let all: Vec<_> = inputs.chain(own).chain([owed.concat(), in_one(requests().concat())]).collect();
    for (language, name) in [(C99, "c99"), (CPP17, "cpp17")] {
        compare(&compile("exchanges.c", &format!("exchanges-{name}"), &[language, SANITIZED]), all.clone().into_iter());
    }
}

/// A stream of a few messages, mutated, in chunks, with gaps in between.
fn stream(seeds: &[Vec<u8>], random: &mut Random) -> Vec<Step> {
    let mut bytes = Vec::new();
    for _ in 0..1 + random.below(3) {
        bytes.extend_from_slice(&seeds[random.below(seeds.len())]);
    }
    mutate(&mut bytes, random);
    let mut steps = Vec::new();
    while !bytes.is_empty() {
        let rest = bytes.split_off((1 + random.below(80)).min(bytes.len()));
        steps.push(Step::Bytes(std::mem::replace(&mut bytes, rest)));
        match random.below(40) {
            0 => steps.push(Step::Lost),
            1 => steps.push(Step::Corrupted),
            2 => steps.push(Step::Reset),
            3 => steps.push(Step::CancelNext),
            _ => {}
        }
    }
    steps
}

#[test]
fn it_answers_mutated_streams_as_in_rust() {
    let count = env::var("STREAMS").map_or(2000, |count| count.parse().expect("STREAMS is a number"));
    let mut seeds = seeds();
    // More of its own commands: there are many recordings of pings.
    for _ in 0..8 {
        seeds.extend(requests().into_iter().map(String::into_bytes));
    }
    let mut random = Random(22);
    let program = compile("exchanges.c", "exchanges-mutated", &[C99, SANITIZED]);
    compare(&program, (0..count).map(move |_| stream(&seeds, &mut random)));
}
