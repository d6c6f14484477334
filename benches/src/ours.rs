//! guestwire at work, called as its users call it.
//!
//! Whether the compiler inlines `push` depends on how often a program calls it. Here each instance is called from one place,
//! in a function that is not inlined: so it is compiled alike in every program, and its figures are comparable.

use std::hint::black_box;

use guestwire::agent::{AgentLent, Entry, Service};
use guestwire::commands::{Bytes, Encode};
use guestwire::{Agent, Client, Command, Decoder, Event, Guest, Reply, SENTINEL, json::Encoder};

use crate::Tally;
use crate::workloads::{FIRST_PID, FIRST_TIME, GUEST_INFO, READ, SYNC_ID};

/// A long frame fits; what the largest `u16` leaves.
pub const LARGE: usize = 65_535;
pub const SMALL: usize = 256;

#[inline(never)]
pub fn decoder_by_byte<const N: usize>(wire: &[u8]) -> Tally {
    let mut decoder: Decoder<N> = Decoder::new();
    let mut tally = Tally::default();
    for &byte in wire {
        if let Some(Event::Frame(frame)) = decoder.push(byte).expect("the workload is valid") {
            tally.count(frame.as_bytes());
        }
    }
    tally
}

/// `read` is the bytes of a slice.
#[inline(never)]
pub fn decoder_by_slice<const N: usize>(wire: &[u8], read: usize) -> Tally {
    let mut decoder: Decoder<N> = Decoder::new();
    let mut tally = Tally::default();
    for mut bytes in wire.chunks(read) {
        while !bytes.is_empty() {
            let (taken, event) = decoder.push_slice(bytes);
            bytes = &bytes[taken..];
            if let Some(Event::Frame(frame)) = event.expect("the workload is valid") {
                tally.count(frame.as_bytes());
            }
        }
    }
    tally
}

pub struct Board {
    time: i64,
    pid: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board, call| {
            let response = call.respond()?;
            let time = board.time;
            board.time += 1;
            response.integer(time)
        }),
        Command::new("guest-exec", |board, call| {
            let path = call.arguments.string("path")?;
            let mut count = 0;
            if let Some(arguments) = call.arguments.optional_array("arg")? {
                for argument in arguments {
                    count += usize::from(argument.string()? != "");
                }
            }
            let capture = call.arguments.optional_boolean("capture-output")?;
            let response = call.respond()?;
            assert!(path == "/bin/ls" && count == 2 && capture == Some(true), "the request was read wrongly");
            let pid = board.pid;
            board.pid += 1;
            response.object(|started| started.member("pid").integer(pid))
        }),
    ];
}

pub type BoardAgent = Agent<Board, 256, 640>;

pub const fn agent() -> BoardAgent {
    Agent::new(Board { time: FIRST_TIME, pid: FIRST_PID })
}

/// Puts all responses into `sent`, which has room for them.
#[inline(never)]
pub fn agent_by_byte(agent: &mut BoardAgent, wire: &[u8], sent: &mut Vec<u8>) {
    for &byte in wire {
        assert!(agent.push(byte), "every response is taken before the next byte");
        if !agent.transmit().is_empty() {
            send(agent, sent);
        }
    }
}

/// The same.
#[inline(never)]
pub fn agent_by_slice(agent: &mut BoardAgent, wire: &[u8], sent: &mut Vec<u8>) {
    for mut bytes in wire.chunks(READ) {
        while !bytes.is_empty() {
            bytes = &bytes[agent.push_slice(bytes)..];
            send(agent, sent);
        }
    }
}

#[inline(never)]
fn send(agent: &mut BoardAgent, sent: &mut Vec<u8>) {
    while !agent.transmit().is_empty() {
        sent.extend_from_slice(agent.transmit());
        agent.transmitted(agent.transmit().len());
    }
}

/// What grows: the table, with names as long as each other's, and a streamed argument.
pub struct Growing {
    commands: Vec<Entry<'static, Self>>,
}

impl Service for Growing {
    const STREAMED: &'static [&'static str] = &["buf-b64"];

    fn version(&self) -> &str {
        "1.0.0"
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }
}

pub type GrowingAgent = AgentLent<'static, Growing>;

/// An agent with this many commands, `command-1000` and so on.
pub fn growing_agent(commands: usize, receive: usize) -> GrowingAgent {
    let name = |number: usize| format!("command-{}", 1000 + number).leak();
    let command = |number| {
        Entry::new(name(number), |_, call| {
            call.arguments.optional_streamed("buf-b64")?;
            call.respond()?.done()
        })
    };
    let guest = Growing { commands: (0..commands).map(command).collect() };
    AgentLent::new(guest, vec![0; receive].leak(), vec![0; 100_000].leak()).expect("guest-info fits")
}

/// Counts the responses, and whether they are errors is not looked at.
#[inline(never)]
pub fn growing_responses(agent: &mut GrowingAgent, wire: &[u8]) -> usize {
    let mut responses = 0;
    for mut bytes in wire.chunks(READ) {
        while !bytes.is_empty() {
            bytes = &bytes[agent.push_slice(bytes)..];
            while !agent.transmit().is_empty() {
                responses += agent.transmit().iter().filter(|byte| **byte == b'\n').count();
                agent.transmitted(agent.transmit().len());
            }
        }
    }
    responses
}

/// The host's end of one link. Holds the response to `guest-info` of any agent known.
pub type Link = Client<4096, 256>;

const TIME: i64 = 1_795_441_277_004_000_000;
pub const TIME_RESPONSE: &[u8] = b"{\"return\": 1795441277004000000}\n";

/// This many links, in step.
pub fn links(count: usize) -> Vec<Link> {
    let mut links = vec![Link::new(); count];
    for (id, link) in (1..).zip(&mut links) {
        link.omit_ids();
        link.synchronize(id);
        link.transmitted(link.transmit().len());
        assert_eq!(link.push_slice(&[SENTINEL]).1, Ok(None));
        let reply = link.push_slice(format!("{{\"return\": {id}}}\n").as_bytes()).1;
        assert_eq!(reply, Ok(Some(Reply::Synchronized)));
    }
    links
}

/// A request on each link in turn, and its response.
#[inline(never)]
pub fn ask_all(links: &mut [Link]) {
    for link in links {
        link.execute("guest-get-time").expect("in step");
        let length = black_box(link.transmit()).len();
        link.transmitted(length);
        match link.push_slice(black_box(TIME_RESPONSE)).1 {
            Ok(Some(Reply::Return(time))) => assert_eq!(time.integer(), Some(TIME)),
            other => panic!("{other:?} is no response"),
        }
    }
}

/// Drops stale bytes up to the answer to a synchronization. Counts the synchronizations.
#[inline(never)]
pub fn client_skip(wire: &[u8]) -> Tally {
    let mut client: Client<4096, 256> = Client::new();
    let mut tally = Tally::default();
    client.synchronize(SYNC_ID);
    for mut bytes in wire.chunks(READ) {
        while !bytes.is_empty() {
            let (taken, reply) = client.push_slice(bytes);
            bytes = &bytes[taken..];
            if let Some(Reply::Synchronized) = reply.expect("stale bytes are no error") {
                tally.frames += 1;
            }
        }
    }
    tally
}

/// Sends a request for each response, and reads it.
#[inline(never)]
pub fn client_replies(wire: &[u8]) -> Tally {
    let mut client: Client<4096, 256> = Client::new();
    let mut tally = Tally::default();
    client.omit_ids(); // the recorded responses have none
    client.synchronize(1);
    client.transmitted(client.transmit().len());
    client.push_slice(b"\xFF{\"return\": 1}\n").1.expect("it is the response");
    ask(&mut client);
    for mut bytes in wire.chunks(READ) {
        while !bytes.is_empty() {
            let (taken, reply) = client.push_slice(bytes);
            bytes = &bytes[taken..];
            if let Some(reply) = reply.expect("the responses are in order") {
                let Reply::Return(value) = reply else { panic!("it is a return value") };
                tally.count(value.as_bytes());
                ask(&mut client);
            }
        }
    }
    tally
}

fn ask(client: &mut Client<4096, 256>) {
    client.execute("guest-info").expect("the response before has come");
    client.transmitted(black_box(client.transmit()).len());
}

pub struct Listed {
    name: String,
    enabled: bool,
    success_response: bool,
}

/// The commands that the recorded response to `guest-info` lists.
pub fn recorded_commands() -> Vec<Listed> {
    let response: serde_json::Value = serde_json::from_slice(GUEST_INFO).expect("it is JSON");
    let commands = response["return"]["supported_commands"].as_array().expect("a list");
    let listed = |command: &serde_json::Value| Listed {
        name: command["name"].as_str().expect("a name").to_owned(),
        enabled: command["enabled"] == true,
        success_response: command["success-response"] == true,
    };
    commands.iter().map(listed).collect()
}

/// How often the response to `guest-info` is written: to about 1 MiB.
pub const GUEST_INFOS: usize = (1 << 20) / GUEST_INFO.len();

/// Writes the recorded response to `guest-info` repeatedly. True if each matched the recording byte for byte.
#[inline(never)]
pub fn encode_guest_info(commands: &[Listed]) -> bool {
    let mut buffer = [0; 4096];
    (0..GUEST_INFOS).all(|_| {
        let mut encoder = Encoder::new(&mut buffer);
        let written = encoder.value().object(|response| {
            response.member("return").object(|info| {
                info.member("version").string("7.2.22")?;
                info.member("supported_commands").array(|list| {
                    commands.iter().try_for_each(|listed| {
                        list.element().object(|command| {
                            command.member("enabled").boolean(listed.enabled)?;
                            command.member("name").string(&listed.name)?;
                            command.member("success-response").boolean(listed.success_response)
                        })
                    })
                })
            })
        });
        written.and_then(|()| encoder.line_feed()).is_ok() && encoder.as_bytes() == GUEST_INFO
    })
}

/// Writes each text as the response to a request, one after another, and returns their total length.
#[inline(never)]
pub fn encode_texts(texts: &[String], buffer: &mut [u8]) -> usize {
    let mut length = 0;
    for text in texts {
        let mut encoder = Encoder::new(&mut buffer[length..]);
        let written = encoder.value().object(|response| response.member("return").string(text));
        written.and_then(|()| encoder.line_feed()).expect("the buffer is long enough");
        length += encoder.as_bytes().len();
    }
    length
}

/// Writes each file's content as a base64 string, one after another, and returns their total length.
#[inline(never)]
pub fn encode_base64(contents: &[Vec<u8>], buffer: &mut [u8]) -> usize {
    let mut length = 0;
    for content in contents {
        let mut encoder = Encoder::new(&mut buffer[length..]);
        Bytes::Plain(content).encode(encoder.value()).expect("the buffer is long enough");
        length += encoder.as_bytes().len();
    }
    length
}
