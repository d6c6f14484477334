//! The same bytes to qemu-ga and to our agent, thousands of mutated streams: what differs is documented.
//!
//! Up to the first fault of a stream both answer the same. After an error qemu-ga may parse differently, so each later
//! frame is sent to it again alone, and answered the same. What we refuse, it refuses, except for strings in `'...'`.
#![cfg(unix)]

mod differences;
mod exchange;
mod mutations;
mod programs;
mod random;
mod recordings;
mod reference;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use differences::{Tally, is_syntax_error, lines, show, why_different, why_different_response, zero_with_exponent};
use exchange::{error, exchange};
use guestwire::{Agent, Call, Command, CommandResult, Guest, json::Kind};
use mutations::{mutate, seeds};
use programs::qemu_ga::{QemuGa, is_since, version};
use random::Random;
use reference::{Due, Fault};

/// Unless `STREAMS` gives another number.
const STREAMS: usize = 30_000;
const N: usize = 65535;

/// Harmful commands are disabled, as in the qemu-ga that it is compared with.
struct Harmless {
    /// What `guest-exec-status` says of a program that it has not started.
    no_such_program: &'static str,
}

/// The harmless commands: none opens a file or runs a program.
const ENABLED: &[&str] = &[
    "guest-fsfreeze-status",
    "guest-exec-status",
    "guest-file-close",
    "guest-file-flush",
    "guest-file-read",
    "guest-file-write",
    "guest-file-seek",
];

impl Guest for Harmless {
    const VERSION: &'static str = "11.1.3";
    const COMMANDS: &'static [Command<Self>] = {
        const fn disabled(name: &'static str) -> Command<Harmless> {
            Command::new(name, |_, call| call.respond()?.done())
        }
        &[
            disabled("guest-get-time"),
            disabled("guest-set-time"),
            disabled("guest-shutdown").no_success_response(),
            disabled("guest-file-open"),
            disabled("guest-fsfreeze-freeze"),
            disabled("guest-fsfreeze-freeze-list"),
            disabled("guest-fsfreeze-thaw"),
            disabled("guest-fstrim"),
            disabled("guest-suspend-disk").no_success_response(),
            disabled("guest-suspend-ram").no_success_response(),
            disabled("guest-suspend-hybrid").no_success_response(),
            disabled("guest-network-get-interfaces"),
            disabled("guest-get-vcpus"),
            disabled("guest-set-vcpus"),
            disabled("guest-get-disks"),
            disabled("guest-get-fsinfo"),
            disabled("guest-set-user-password"),
            disabled("guest-get-memory-blocks"),
            disabled("guest-set-memory-blocks"),
            disabled("guest-get-memory-block-info"),
            disabled("guest-exec"),
            disabled("guest-get-host-name"),
            disabled("guest-get-users"),
            disabled("guest-get-timezone"),
            disabled("guest-get-osinfo"),
            disabled("guest-ssh-get-authorized-keys"),
            disabled("guest-ssh-add-authorized-keys"),
            disabled("guest-ssh-remove-authorized-keys"),
            disabled("guest-get-diskstats"),
            disabled("guest-get-cpustats"),
            Command::new("guest-fsfreeze-status", |_, call| call.respond()?.string("thawed")).allowed_when_frozen(),
            Command::new("guest-exec-status", |guest, call| {
                call.arguments.integer("pid")?;
                call.respond()?.error(guest.no_such_program)
            }),
            Command::new("guest-file-close", |_, call| {
                let handle = call.arguments.integer("handle")?;
                no_such_handle(handle, call)
            }),
            Command::new("guest-file-flush", |_, call| {
                let handle = call.arguments.integer("handle")?;
                no_such_handle(handle, call)
            }),
            Command::new("guest-file-read", |_, call| {
                let handle = call.arguments.integer("handle")?;
                call.arguments.optional_integer("count")?;
                no_such_handle(handle, call)
            }),
            Command::new("guest-file-write", |_, call| {
                let handle = call.arguments.integer("handle")?;
                call.arguments.string("buf-b64")?;
                call.arguments.optional_integer("count")?;
                no_such_handle(handle, call)
            }),
            Command::new("guest-file-seek", |_, call| {
                let handle = call.arguments.integer("handle")?;
                call.arguments.integer("offset")?;
                match call.arguments.get("whence")? {
                    Some(whence) if whence.value().kind() == Kind::Number => drop(whence.integer()?),
                    Some(whence) if whence.value().kind() == Kind::String => {
                        whence.one_of([("set", ()), ("cur", ()), ("end", ())])?;
                    }
                    Some(whence) => return Err(whence.type_error("GuestFileWhence").into()),
                    None => drop(call.arguments.integer("whence")?),
                }
                no_such_handle(handle, call)
            }),
        ]
    };

    fn is_disabled(&self, command: &str) -> bool {
        !ENABLED.contains(&command)
    }
}

fn no_such_handle(handle: i64, call: Call<'_>) -> CommandResult {
    call.respond()?.error(format_args!("handle '{handle}' has not been found"))
}

/// Requests that reach the argument checks, to be mutated as well.
const REQUESTS: &[&str] = &[
    r#"{"execute":"guest-exec-status","arguments":{"pid":7}}"#,
    r#"{"execute":"guest-file-close","arguments":{"handle":1000},"id":"x"}"#,
    r#"{"execute":"guest-file-read","arguments":{"handle":1000,"count":10}}"#,
    r#"{"execute":"guest-file-write","arguments":{"handle":1000,"buf-b64":"AA==","count":1}}"#,
    r#"{"execute":"guest-file-seek","arguments":{"handle":1000,"offset":0,"whence":"set"}}"#,
    r#"{"execute":"guest-file-seek","arguments":{"handle":1000,"offset":0,"whence":2},"id":[1,{"a":null}]}"#,
    r#"{"execute":"guest-fsfreeze-status"}"#,
    r#"{"execute":"guest-sync-delimited","arguments":{"id":-9223372036854775808},"id":18446744073709551615}"#,
    r#"{"execute":"guest-get-host-name","id":"\ud83d\ude00\u0000"}"#,
];

struct Theirs {
    port: UnixStream,
    synchronizations: u64,
    alone: HashMap<Vec<u8>, Vec<u8>>,
}

impl Theirs {
    /// Its answers to bytes and to the sentinel after them, which draws one error.
    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.synchronizations += 1;
        let id = 0x4000_0000_0000_0000 + self.synchronizations;
        let sync = format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{id}}}}}\n");
        self.port.write_all(&[bytes, b"\xFF", sync.as_bytes()].concat()).unwrap();
        let end = [b"\xFF{\"return\": ".as_slice(), id.to_string().as_bytes(), b"}\n"].concat();
        let mut answer = Vec::new();
        let mut buffer = [0; 65536];
        while !answer.ends_with(&end) {
            let count = self.port.read(&mut buffer).expect("an answer");
            assert_ne!(count, 0, "qemu-ga is still there");
            answer.extend_from_slice(&buffer[..count]);
        }
        answer.truncate(answer.len() - end.len());
        let lines = lines(&answer);
        let (flush, before) = lines.split_last().expect("the sentinel draws an error");
        assert!(is_syntax_error(flush), "{}", show(flush));
        before.concat()
    }

    fn answer_alone(&mut self, frame: &[u8]) -> Vec<u8> {
        if let Some(known) = self.alone.get(frame) {
            return known.clone();
        }
        let answer = self.answer(&[frame, b"\n"].concat());
        self.alone.insert(frame.to_vec(), answer.clone());
        answer
    }
}

/// Our expected answer to one stream, compared with the other agent's. Returns the rule by which they differ, if they
/// do.
fn compare(stream: &[u8], ours: &[u8], theirs: &[u8], agent: &mut Theirs) -> Result<Vec<&'static str>, String> {
    let due: Vec<Due> = reference::due_bytes(stream, N).into_iter().map(|(_, due)| due).collect();
    let frame = |due: &Due| if let Due::Frame(frame) = due { Some(frame.clone()) } else { None };
    let before: Vec<Vec<u8>> = due.iter().map_while(frame).collect();
    if before.len() == due.len() {
        // A frame that is still open may have such a number in it.
        let rule = why_different(&before, ours, theirs).or(zero_with_exponent(stream).then_some("0e5 is a number"));
        return rule.map(|rule| vec![rule]).ok_or("good frames".to_owned());
    }
    let mut rules = vec![];
    let mut our_lines = lines(ours).into_iter();
    for due in &due {
        let frame = match due {
            Due::Sentinel => continue,
            Due::Error(fault) => {
                let desc = match fault {
                    Fault::Noise => "JSON parse error, expecting value",
                    Fault::Syntax => "JSON parse error, invalid syntax",
                    Fault::TooDeep => "JSON nesting depth limit exceeded",
                    Fault::Overflow | Fault::Lost => return Err("neither can be here".to_owned()),
                };
                if our_lines.next() != Some(error("GenericError", desc).as_bytes()) {
                    return Err(format!("no error where one is due: {desc}"));
                }
                rules.push("our error for what broke");
                continue;
            }
            Due::Frame(frame) => frame,
        };
        let theirs = agent.answer_alone(frame);
        let value: serde_json::Value = serde_json::from_slice(frame).map_err(|error| error.to_string())?;
        let is_response = value.get("return").or(value.get("error")).is_some() && value.get("execute").is_none();
        if is_response {
            rules.push("a response is never answered");
            continue;
        }
        let line = our_lines.next().ok_or_else(|| format!("no answer to {}", show(frame)))?;
        rules.push(match line == theirs {
            true => "good frames of broken streams, the same bytes",
            false => why_different(std::slice::from_ref(frame), line, &theirs)
                .or_else(|| why_different_response(frame, line, &theirs))
                .ok_or_else(|| format!("the answer to {}: theirs {}", show(frame), show(&theirs)))?,
        });
    }
    if our_lines.next().is_some() {
        return Err("an answer that is not due".to_owned());
    }
    // It answers a frame only when all brackets are closed, so an answer may still be missing.
    let lenient = stream.contains(&b'\'') || stream.windows(2).any(|pair| pair == b"\xC0\x80");
    let takes = !theirs.windows(10).any(|bytes| bytes == b"{\"error\": ") && lines(theirs).len() >= lines(ours).len();
    if takes && !lenient && due.iter().any(|due| matches!(due, Due::Error(_))) {
        return Err("what we refuse they take".to_owned());
    }
    Ok(rules)
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn mutated_streams_are_answered_as_qemu_ga_answers_them() {
    let disabled = Harmless::COMMANDS.iter().map(Command::name).filter(|name| !ENABLED.contains(name));
    let qemu_ga = QemuGa::start(&disabled.collect::<Vec<_>>().join(","));
    let no_such_program = if is_since(10) { "PID ld does not exist" } else { "Invalid parameter 'pid'" };
    let streams = std::env::var("STREAMS").map_or(STREAMS, |streams| streams.parse().expect("a number of streams"));
    let mut theirs = Theirs { port: qemu_ga.connect(), synchronizations: 0, alone: HashMap::new() };
    let mut seeds = seeds();
    seeds.extend(REQUESTS.iter().flat_map(|request| std::iter::repeat_n(request.as_bytes().to_vec(), 30)));
    let mut random = Random(17);
    let mut tally = Tally::default();
    for _ in 0..streams {
        let mut stream = seeds[random.below(seeds.len())].clone();
        if random.one_in(3) {
            stream.extend_from_slice(&seeds[random.below(seeds.len())]);
        }
        mutate(&mut stream, &mut random);
        // Both know then that a number has ended.
        stream.push(b'\n');
        let mut agent: Box<Agent<Harmless, N, N>> = Box::new(Agent::new(Harmless { no_such_program }));
        let ours = exchange(&mut *agent, &stream);
        let answer = theirs.answer(&stream);
        match compare(&stream, &ours, &answer, &mut theirs) {
            Ok(rules) => rules.into_iter().for_each(|rule| tally.count(rule)),
            Err(why) => tally.unexplained.push(format!(
                "{why}\n   in     {}\n   ours   {}\n   theirs {}",
                show(&stream),
                show(&ours),
                show(&answer)
            )),
        }
        let sync = b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":7}}";
        assert_eq!(exchange(&mut *agent, sync), b"\xFF{\"return\": 7}\n", "in step after {}", show(&stream));
    }
    println!("{streams} streams, {} exchanges with qemu-ga {}", theirs.synchronizations, version());
    tally.finish();
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_failing_test_leaves_nothing_behind() {
    programs::leaves_nothing_behind(3);
}
