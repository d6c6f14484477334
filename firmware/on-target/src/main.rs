//! Tests of the crate on its target processors: 32 bits, no unaligned access, no atomics (Cortex-M0).
//!
//!     cargo run --release --target thumbv6m-none-eabi             Cortex-M0 (microbit)
//!     cargo run --release --target thumbv7m-none-eabi             Cortex-M3 (mps2-an385)
//!     cargo run --release --target riscv32imac-unknown-none-elf   RISC-V (virt)
#![no_std]
#![no_main]

use core::convert::Infallible;

use guestwire::{
    Agent, Client, Command, Decoder, Event, Guest, Reply,
    frame::{FrameError, MAX_DEPTH},
};
use on_target::{Random, entry};
use semihosting::{println, process};

const TESTS: &[(&str, fn())] = &[
    ("responses", responses),
    ("RAM beyond the buffers", sizes),
    ("whole numbers of 64 bits", whole_numbers),
    ("events do not depend on chunks", chunks),
    ("every byte at every place, pushed and in a slice", every_byte),
    ("in step after a request that was cut anywhere", cut_anywhere),
    ("frames nest as deep as promised", nesting),
    ("a client and an agent, in random chunks", conversation),
    #[cfg(feature = "control")]
    ("control: this one fails", || assert_eq!(answer(b"{}"), b"")),
];

#[entry]
fn main() -> ! {
    for (name, test) in TESTS {
        println!("{name}");
        test();
    }
    println!("{} tests passed", TESTS.len());
    process::exit(0)
}

/// Its clock does not advance.
struct Board(i64);

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board, call| call.respond()?.integer(board.0)),
        Command::new("guest-set-time", |board, call| {
            let time = call.arguments.integer("time")?;
            let response = call.respond()?;
            board.0 = time;
            response.done()
        }),
        Command::new("echo", |_, call| {
            let unsigned = call.arguments.unsigned("unsigned")?;
            call.respond()?.unsigned(unsigned)
        }),
        Command::new("guest-shutdown", |board: &mut Self, call| {
            let response = call.respond()?;
            board.0 = -1;
            response.done()
        })
        .no_success_response(),
    ];
}

type TestAgent = Agent<Board, 128, 704>;

fn agent() -> TestAgent {
    Agent::new(Board(1_795_441_277_000_000_000))
}

type Said = heapless::Vec<u8, 2048>;

fn say(said: &mut Said, bytes: &[u8]) {
    said.extend_from_slice(bytes).expect("tests say no more than fits");
}

/// A new agent's answers to these bytes, in one slice or byte by byte.
fn answer(bytes: &[u8]) -> Said {
    let (mut said, mut pushed) = (Said::new(), Said::new());
    tell(&mut agent(), bytes, &mut said);
    push_each(&mut agent(), bytes, &mut pushed);
    assert_eq!(pushed, said);
    said
}

fn tell(agent: &mut TestAgent, mut bytes: &[u8], said: &mut Said) {
    while !bytes.is_empty() {
        bytes = &bytes[agent.push_slice(bytes)..];
        while !agent.transmit().is_empty() {
            transmit(agent, said);
        }
    }
}

fn push_each(agent: &mut TestAgent, bytes: &[u8], said: &mut Said) {
    for byte in bytes {
        while !agent.push(*byte) {
            transmit(agent, said);
        }
    }
    while !agent.transmit().is_empty() {
        transmit(agent, said);
    }
}

fn transmit(agent: &mut TestAgent, said: &mut Said) {
    say(said, agent.transmit());
    agent.transmitted(usize::MAX);
}

#[track_caller]
fn answers(request: &[u8], response: &str) {
    assert_eq!(answer(request), response.as_bytes());
}

#[track_caller]
fn refuses(request: &[u8], desc: &str) {
    let said = answer(request);
    let error = said.strip_prefix(br#"{"error": {"class": "GenericError", "desc": ""#);
    assert_eq!(error.and_then(|error| error.strip_suffix(b"\"}}\n")), Some(desc.as_bytes()));
}

fn responses() {
    answers(br#"{"execute": "guest-ping"}"#, "{\"return\": {}}\n");
    answers(
        br#"{"execute":"guest-sync","arguments":{"id":-7},"id":[1, "a"]}"#,
        "{\"return\": -7, \"id\": [1,\"a\"]}\n",
    );
    answers(br#"{"execute":"guest-shutdown"}{"execute":"guest-get-time"}"#, "{\"return\": -1}\n");
    answers(b"{\"execute\":\"gue\xFF{\"execute\":\"guest\\u002dping\"}", "{\"return\": {}}\n");
    answers(br#"{"return":{}}"#, "");
    refuses(br#"{"execute":}"#, "JSON parse error, invalid syntax");
    refuses(b"noise and more of it", "JSON parse error, invalid syntax");
    refuses(br#"{"execute":"guest-set-time"}"#, "Parameter 'time' is missing");
    refuses(br#"{"execute":"guest-ping","arguments":{"x":1}}"#, "Parameter 'x' is unexpected");
    let mut long = [b'1'; 200];
    long[0] = b'[';
    long[199] = b']';
    refuses(&long, "JSON token size limit exceeded");
}

/// The sizes in README.md. With an even N, one byte is padding.
fn sizes() {
    assert_eq!(size_of::<Decoder<64>>(), 64 + 16);
    assert_eq!(size_of::<Decoder<1000>>(), 1000 + 16);
    assert_eq!(size_of::<Decoder<65535>>(), 65535 + 15);
    assert_eq!(size_of::<Agent<Board, 256, 640>>(), size_of::<Board>() + 256 + 640 + 32);
}

fn whole_numbers() {
    for (sent, back) in [
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775807", "9223372036854775807"),
        ("0", "0"),
        ("-0", "0"),
        ("4294967296", "4294967296"),
    ] {
        let mut request = Said::new();
        for part in [r#"{"execute":"guest-sync","arguments":{"id":"#, sent, "}}"] {
            say(&mut request, part.as_bytes());
        }
        let said = answer(&request);
        assert_eq!(
            said.strip_prefix(b"{\"return\": ").and_then(|said| said.strip_suffix(b"}\n")),
            Some(back.as_bytes())
        );
    }
    answers(
        br#"{"execute":"echo","arguments":{"unsigned":18446744073709551615}}"#,
        "{\"return\": 18446744073709551615}\n",
    );
    refuses(
        br#"{"execute":"guest-sync","arguments":{"id":9223372036854775808}}"#,
        "Invalid parameter type for 'id', expected: integer",
    );
}

/// Requests, broken ones, noise and sentinels.
const STREAM: &[u8] = b"{\"execute\":\"guest-ping\"}\n\xFF{\"execute\": \"guest-sync\", \"arguments\": {\"id\": 1}}\
    {\"execute\":\"guest-ge\xFF{\"execute\":\"\\u0067uest-get-time\",\"id\":\"\xC3\xA9\"}[1,}{\"execute\":\"guest-ping\"}\
    \x80noise{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":2}}12 12abc{}[[[]]]{\"a\":1]\n{\"execute\":7}";

fn chunks() {
    let due = answer(STREAM);
    assert!(due.len() > 500);
    for size in 1..STREAM.len() {
        let (mut agent, mut said) = (agent(), Said::new());
        STREAM.chunks(size).for_each(|chunk| tell(&mut agent, chunk, &mut said));
        assert_eq!(said, due, "in chunks of {size} bytes");
    }
    let (mut agent, mut said) = (agent(), Said::new());
    let mut bytes = STREAM.iter();
    let mut ends = 0;
    while ends < 2 {
        let mut read = || bytes.next().copied().ok_or(nb::Error::<Infallible>::WouldBlock);
        let Ok(()) = agent.read_from(&mut read);
        ends += usize::from(bytes.len() == 0);
        let Ok(()) = agent.write_to(|byte| {
            say(&mut said, &[byte]);
            nb::Result::<(), Infallible>::Ok(())
        });
    }
    assert_eq!(said, due, "polled");
}

/// `answer` compares both ways.
fn every_byte() {
    let request = *br#"{"execute":"guest-ping","id":[1.5e0,true,"\u00e9"]}"#;
    for place in 0..request.len() {
        for byte in 0..=u8::MAX {
            let mut changed = request;
            changed[place] = byte;
            answer(&changed);
        }
    }
    answers(b"{\"execute\":\"guest-ping\",\"id\":\" ~\x7F\"}", "{\"return\": {}, \"id\": \" ~\x7F\"}\n");
}

fn cut_anywhere() {
    let request = br#"{"execute":"guest-set-time","arguments":{"time":-1},"id":"\u00e9"}"#;
    for cut in 0..request.len() {
        let mut agent = agent();
        tell(&mut agent, &request[..cut], &mut Said::new());
        let mut said = Said::new();
        tell(&mut agent, b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":3}}", &mut said);
        tell(&mut agent, b"{\"execute\":\"guest-get-time\"}", &mut said);
        assert_eq!(said, b"\xFF{\"return\": 3}\n{\"return\": 1795441277000000000}\n", "cut at {cut}");
    }
}

fn nesting() {
    let mut decoder = Decoder::<128>::new();
    for _ in 0..MAX_DEPTH {
        assert_eq!(decoder.push(b'['), Ok(None));
    }
    assert_eq!(decoder.clone().push(b'['), Err(FrameError::TooDeep));
    for _ in 1..MAX_DEPTH {
        assert_eq!(decoder.push(b']'), Ok(None));
    }
    assert!(matches!(decoder.push(b']'), Ok(Some(Event::Frame(_)))));
}

fn conversation() {
    let mut random = Random::new();
    let (mut agent, mut client) = (agent(), Client::<512, 128>::new());
    let mut replies = 0;
    for id in 0..500 {
        if client.is_ready() {
            let written =
                client.execute_with("echo", |arguments| arguments.member("unsigned").unsigned(u64::MAX - id as u64));
            written.expect("the client waits for nothing");
        } else {
            client.synchronize(id);
        }
        // The client dies now and then, mid-request.
        let dies = (random.below(4) == 0).then(|| random.below(client.transmit().len()));
        let due = dies.unwrap_or(client.transmit().len());
        let mut sent = 0;
        while sent < due {
            let count = (1 + random.below(16)).min(due - sent);
            let taken = match client.transmit()[..count] {
                [byte] => usize::from(agent.push(byte)),
                ref bytes => agent.push_slice(bytes),
            };
            assert_eq!(taken, count, "nothing waits");
            client.transmitted(count);
            sent += count;
        }
        if dies.is_some() {
            client.reset();
        }
        while !agent.transmit().is_empty() {
            let count = (1 + random.below(16)).min(agent.transmit().len());
            let reply = match agent.transmit()[..count] {
                [byte] => client.push(byte),
                ref bytes => client.push_slice(bytes).1,
            };
            match reply {
                Ok(Some(Reply::Return(value))) => {
                    assert_eq!(value.unsigned(), Some(u64::MAX - id as u64));
                    replies += 1;
                }
                Ok(None | Some(Reply::Synchronized)) => {}
                other => panic!("{other:?}"),
            }
            agent.transmitted(count);
        }
        assert!(client.is_ready() || dies.is_some());
    }
    assert!(replies > 150, "{replies}");
}
