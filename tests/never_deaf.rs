//! Whatever came before, requests are served again: all garbage up to a length, then requests in many shapes.

mod exchange;

use std::collections::HashMap;

use exchange::exchange;
use guestwire::{Agent, Decoder, Event};

type TestDecoder = Decoder<192>;

/// A byte of each kind that matters to what is dropped: brackets, what JSON goes on after, words, blanks, line breaks,
/// and what is neither printable nor blank.
const CLASSES: &[u8] = b"{}[]\"\\:,a1- \n\r\0\x80";

const LONGEST: usize = 5;

const REQUESTS: usize = 5;

const PING: &str = r#"{"execute":"guest-ping"}"#;

/// Strings that look like boundaries, where a broken request is dropped.
const HOSTILE: &str = r#"{"execute":"guest-ping","id":["}{","\n{\"execute\":\"x\"}","]\n[","\\\"}{}\\","\":{"]}"#;

const PRETTY: &str = "{\n    \"execute\": \"guest-ping\",\n    \"arguments\": {\n        \"a\": [\n            {},\n            [\n                1\n            ]\n        ]\n    }\n}\n";

/// What is sent repeatedly. `%` is the request.
struct Shape {
    name: &'static str,
    text: &'static str,
    request: &'static str,
}

const fn ping(text: &'static str) -> Shape {
    Shape { name: text, text, request: PING }
}

const SERVED: &[Shape] = &[
    ping("%\n"),
    ping("%\r\n"),
    ping("%"),
    ping("%;\n"),
    ping("% ok\n"),
    ping("$ %\n"),
    ping("> %\r\n"),
    ping("[root@vm ~]# %\n"),
    ping("[fedora@vm ~]$ %\n"),
    ping("\x1B[0m%\n"),
    ping("kernel: x\n%\n"),
    ping("Starting foo:\n%\n"),
    ping("one, two,\n%\n"),
    ping("reading \"x\"\n%\n"),
    ping("[  OK  ] Started a.\n%\n"),
    ping("[    1.234567] usb 1-1: new device\n%\n"),
    ping("modules: [\n%\n"),
    ping("{\"execute\":\"guest-pi\n%\n"),
    ping("{\"execute\":\"guest-ping}\n%\n"),
    Shape { name: "hostile strings, LF", text: "%\n", request: HOSTILE },
    Shape { name: "pretty-printed, LF", text: "%\n", request: PRETTY },
];

/// The limits: after a broken request these are dropped forever, since JSON could continue like this.
const LIMITS: &[Shape] = &[
    ping("%,\n"),
    ping("\"quoted\"\n%\n"),
    ping("\"quoted\" %\n"),
    ping(": %\n"),
    ping("int main() {\n%\n"),
    ping("{\"a\":\n%\n"),
    ping("} else {\n%\n"),
    ping("# %;\n"),
];

impl Shape {
    fn bytes(&self) -> Vec<u8> {
        self.text.replace('%', self.request).into_bytes()
    }

    /// How many requests are served, and how many other frames.
    fn served(&self, decoder: &TestDecoder) -> (usize, usize) {
        let request: Vec<u8> = self.request.bytes().filter(|byte| !b" \n".contains(byte)).collect();
        let (mut served, mut others) = (0, 0);
        let mut decoder = decoder.clone();
        for _ in 0..REQUESTS {
            let bytes = self.bytes();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (taken, event) = decoder.push_slice(rest);
                rest = &rest[taken..];
                if let Ok(Some(Event::Frame(frame))) = event {
                    let is_request = frame.as_bytes() == request;
                    (served, others) = (served + usize::from(is_request), others + usize::from(!is_request));
                }
            }
        }
        (served, others)
    }
}

/// How often a shape was served how many times, over all garbage.
#[derive(Clone, Copy, Default)]
struct Tally {
    by_served: [u64; REQUESTS + 1],
    others: u64,
}

/// All strings of garbage. What follows depends on the decoder's state alone, so each state is tried once.
struct Garbage<'a> {
    shapes: &'a [Shape],
    tallies: Vec<Tally>,
    states: HashMap<String, Vec<(usize, usize)>>,
    strings: u64,
}

impl<'a> Garbage<'a> {
    fn up_to(longest: usize, shapes: &'a [Shape]) -> Self {
        let tallies = vec![Tally::default(); shapes.len()];
        let mut garbage = Self { shapes, tallies, states: HashMap::new(), strings: 0 };
        garbage.go_on(longest, &TestDecoder::new());
        garbage
    }

    fn go_on(&mut self, longer: usize, decoder: &TestDecoder) {
        self.strings += 1;
        let shapes = self.shapes;
        let served = self
            .states
            .entry(format!("{decoder:?}"))
            .or_insert_with(|| shapes.iter().map(|shape| shape.served(decoder)).collect());
        for (tally, (served, others)) in self.tallies.iter_mut().zip(served) {
            tally.by_served[*served] += 1;
            tally.others += *others as u64;
        }
        if longer > 0 {
            for byte in CLASSES {
                let mut decoder = decoder.clone();
                let _ = decoder.push(*byte);
                self.go_on(longer - 1, &decoder);
            }
        }
    }

    fn print(&self) {
        println!("{} strings of garbage, {} states", self.strings, self.states.len());
        println!("   lost: 0        1        2        3        4      all   frames that are no request");
        for (shape, tally) in self.shapes.iter().zip(&self.tallies) {
            let columns: String = tally.by_served.iter().rev().map(|count| format!("{count:>8} ")).collect();
            println!("{columns} {:>8}   {}", tally.others, shape.name.escape_debug());
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes too long there")]
fn whatever_came_before_requests_are_served_again() {
    let garbage = Garbage::up_to(LONGEST, SERVED);
    garbage.print();
    for (shape, tally) in garbage.shapes.iter().zip(&garbage.tallies) {
        let fewest = match shape.text.as_bytes() {
            // It begins an array, which the next request is part of.
            [b'm', ..] => 1,
            // So does the escape sequence, at every second request.
            [0x1B, ..] => REQUESTS / 2,
            // One is lost to the garbage.
            _ => REQUESTS - 1,
        };
        assert!(tally.by_served[..fewest].iter().all(|count| *count == 0), "deaf: {}", shape.name.escape_debug());
    }
}

/// Frames served to the end of `bytes`.
fn frames(decoder: &mut TestDecoder, bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| matches!(decoder.push(**byte), Ok(Some(Event::Frame(_))))).count()
}

#[test]
fn where_json_could_go_on_the_sentinel_or_a_reset_helps() {
    for shape in LIMITS {
        let mut deaf = TestDecoder::new();
        assert_eq!(frames(&mut deaf, b"{\"execute\":,"), 0);
        for _ in 0..100 {
            assert_eq!(frames(&mut deaf, &shape.bytes()), 0, "it is no limit: {}", shape.name.escape_debug());
        }
        let flush = |decoder: &mut TestDecoder| assert_eq!(decoder.push(0xFF), Ok(Some(Event::Sentinel)));
        for call in [flush, TestDecoder::reset] {
            let mut decoder = deaf.clone();
            call(&mut decoder);
            assert_eq!(frames(&mut decoder, PING.as_bytes()), 1, "{}", shape.name.escape_debug());
        }
    }
}

/// The first may have been the comma between two objects of a broken request.
#[test]
fn a_corrupted_byte_before_each_request_costs_one_request_at_most() {
    for broken in ["{x\n", "{\"a\":\n", "[{}\n", "{,}\n", "[\"a\n", "x\n", ""] {
        for corrupted in 1..4 {
            let mut decoder = TestDecoder::new();
            assert_eq!(frames(&mut decoder, broken.as_bytes()), 0);
            let served = (0..100).map(|_| {
                (0..corrupted).for_each(|_| _ = decoder.corrupted());
                frames(&mut decoder, format!("{PING}\n").as_bytes())
            });
            assert!(served.sum::<usize>() >= 99, "{} after {}", corrupted, broken.escape_debug());
        }
    }
}

/// A `{` begins a frame directly after a line break only.
#[test]
fn a_nul_before_each_request_keeps_a_broken_one_dropping_until_a_sentinel() {
    let mut decoder = TestDecoder::new();
    let broken_and_whole = format!("{{\"execute\":\"guest-ping}}\n\0{PING}\n");
    for _ in 0..100 {
        assert_eq!(frames(&mut decoder, broken_and_whole.as_bytes()), 0);
    }
    assert_eq!(decoder.push(0xFF), Ok(Some(Event::Sentinel)));
    assert_eq!(frames(&mut decoder, PING.as_bytes()), 1);
}

/// A case from the field that silenced an agent forever: a broken request, and then lines that are not all JSON.
#[test]
fn a_broken_request_and_something_printable_on_the_line_leave_no_agent_silent() {
    for repeated in [
        "%;\n",
        "[  OK  ] Started a.\n%\n",
        "kernel: x\nStarting foo:\n[    1.234567] usb 1-1: \"new\"\n%\n",
        "{\"execute\":\"guest-ping}\n%\n",
        "[root@vm ~]# %\n",
    ] {
        for broken in ["{x\n", "{\"a\":x}\n", "{\"execute\":\"guest-ping}\n"] {
            let mut agent: Agent<(), 128, 512> = Agent::new(());
            exchange(&mut agent, broken.as_bytes());
            for round in 0..100 {
                let answer = exchange(&mut agent, repeated.replace('%', PING).as_bytes());
                let served = answer.split(|byte| *byte == b'\n').any(|line| line == b"{\"return\": {}}");
                assert!(served || round == 0, "round {round}, {}: {}", repeated.escape_debug(), answer.escape_ascii());
            }
        }
    }
}
