//! Buffers that are lent: what owns arrays of the same lengths does the same, byte for byte, and none is too large.

mod decoded;
mod exchange;
mod mutations;
mod random;
mod recordings;
mod reference;

use decoded::seen;
use exchange::exchange;
use guestwire::agent::{AgentLent, guest_info_size};
use guestwire::client::ClientLent;
use guestwire::frame::{DecoderLent, FrameError};
use guestwire::{Agent, BuildError, Client, Command, Decoder, Event, Guest};
use mutations::{mutate, seeds};
use random::Random;

const STREAMS: usize = 20_000;

/// What is done to both.
#[derive(Clone, Debug)]
enum Step {
    Bytes(Vec<u8>),
    Lost,
    Corrupted,
    Reset,
}

/// A mutated stream in pieces, with gaps and resets in between now and then.
fn steps(seeds: &[Vec<u8>], random: &mut Random) -> Vec<Step> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    bytes.extend_from_slice(&seeds[random.below(seeds.len())]);
    mutate(&mut bytes, random);
    let mut steps = Vec::new();
    while !bytes.is_empty() {
        let rest = bytes.split_off(random.below(30).min(bytes.len()));
        steps.push(Step::Bytes(std::mem::replace(&mut bytes, rest)));
        match random.below(20) {
            0 => steps.push(Step::Lost),
            1 => steps.push(Step::Corrupted),
            2 => steps.push(Step::Reset),
            _ => {}
        }
    }
    steps
}

/// A buffer that was used for something else.
fn dirty(length: usize) -> Vec<u8> {
    b"}\"]{".iter().copied().cycle().take(length).collect()
}

fn compare_decoders<const N: usize>(steps: &[Step], random: &mut Random) {
    let mut buffer = dirty(N);
    let (mut decoder, mut lent) = (Decoder::<N>::new(), DecoderLent::new(&mut buffer));
    for step in steps {
        match step {
            Step::Bytes(bytes) if random.one_in(2) => {
                for byte in bytes {
                    assert_eq!(decoder.push(*byte), lent.push(*byte), "N = {N}: {steps:?}");
                }
            }
            Step::Bytes(bytes) => {
                let mut bytes = bytes.as_slice();
                while !bytes.is_empty() {
                    let (taken, event) = decoder.push_slice(bytes);
                    assert_eq!((taken, event), lent.push_slice(bytes), "N = {N}: {steps:?}");
                    bytes = &bytes[taken..];
                }
            }
            Step::Lost => assert_eq!(decoder.lost(), lent.lost(), "N = {N}: {steps:?}"),
            Step::Corrupted => assert_eq!(decoder.corrupted(), lent.corrupted(), "N = {N}: {steps:?}"),
            Step::Reset => {
                decoder.reset();
                lent.reset();
            }
        }
        assert_eq!(decoder.is_receiving(), lent.is_receiving(), "N = {N}: {steps:?}");
        assert_eq!(format!("{decoder:?}"), format!("{lent:?}"), "N = {N}: {steps:?}");
    }
}

#[test]
fn decoders_give_the_same() {
    let (seeds, mut random) = (seeds(), Random(1));
    for _ in 0..STREAMS {
        let steps = steps(&seeds, &mut random);
        match random.below(4) {
            0 => compare_decoders::<1>(&steps, &mut random),
            1 => compare_decoders::<33>(&steps, &mut random),
            2 => compare_decoders::<100>(&steps, &mut random),
            _ => compare_decoders::<1000>(&steps, &mut random),
        }
    }
}

/// Gives back what it is given.
#[derive(Debug)]
struct Echo;

impl Guest for Echo {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("echo", |_, call| {
            let text: String = call.arguments.string("text")?.chars().collect();
            call.respond()?.string(&text)
        }),
        Command::new("last", |_, call| {
            let _ = call.arguments.string("text")?;
            let last = call.arguments.integer("last")?;
            call.respond()?.integer(last)
        }),
    ];
}

const INFO: usize = guest_info_size::<Echo>();

/// The smallest agent, and one in whose buffers everything fits.
fn compare_agents<const RX: usize, const TX: usize>(steps: &[Step], random: &mut Random) {
    let (mut receive, mut transmit) = (dirty(RX), dirty(TX));
    let mut lent = AgentLent::new(Echo, &mut receive, &mut transmit).unwrap();
    let mut agent: Agent<Echo, RX, TX> = Agent::new(Echo);
    for step in steps {
        match step {
            Step::Bytes(bytes) => {
                let mut bytes = bytes.as_slice();
                loop {
                    let taken = agent.push_slice(bytes);
                    assert_eq!(lent.push_slice(bytes), taken, "RX = {RX}: {steps:?}");
                    bytes = &bytes[taken..];
                    assert_eq!(agent.transmit(), lent.transmit(), "RX = {RX}: {steps:?}");
                    let is_stuck = bytes.is_empty() && random.one_in(2);
                    if agent.transmit().is_empty() || is_stuck {
                        break;
                    }
                    let count = 1 + random.below(agent.transmit().len());
                    agent.transmitted(count);
                    lent.transmitted(count);
                }
            }
            Step::Lost => {
                agent.lost();
                lent.lost();
            }
            Step::Corrupted => {
                agent.corrupted();
                lent.corrupted();
            }
            Step::Reset => {
                agent.reset();
                lent.reset();
            }
        }
        assert_eq!(format!("{agent:?}"), format!("{lent:?}"), "RX = {RX}: {steps:?}");
    }
}

#[test]
fn agents_answer_the_same() {
    let (mut seeds, mut random) = (seeds(), Random(2));
    for _ in 0..100 {
        seeds.push(br#"{"execute":"echo","arguments":{"text":"a\u0062\n"},"id":[1]}"#.to_vec());
        seeds.push(br#"{"execute":"echo","arguments":{"text":5}}"#.to_vec());
    }
    for _ in 0..STREAMS {
        let steps = steps(&seeds, &mut random);
        if random.one_in(2) {
            compare_agents::<74, INFO>(&steps, &mut random);
        } else {
            compare_agents::<300, 700>(&steps, &mut random);
        }
    }
}

#[test]
fn every_recorded_exchange_is_the_same() {
    for recording in recordings::recordings() {
        let (mut receive, mut transmit) = (dirty(2000), dirty(2000));
        let mut lent = AgentLent::new(Echo, &mut receive, &mut transmit).unwrap();
        let mut agent: Agent<Echo, 2000, 2000> = Agent::new(Echo);
        let due = exchange(&mut agent, &recording.input);
        assert_eq!(exchange(&mut lent, &recording.input), due, "{}", recording.name);
    }
}

fn compare_clients<const RX: usize, const TX: usize>(steps: &[Step], random: &mut Random) {
    let (mut receive, mut transmit) = (dirty(RX), dirty(TX));
    let mut lent = ClientLent::new(&mut receive, &mut transmit).unwrap();
    let mut client: Client<RX, TX> = Client::new();
    client.synchronize(1);
    lent.synchronize(1);
    for step in steps {
        if client.is_ready() && random.one_in(2) {
            let command =
                random.pick(&["guest-ping", "guest-get-time", "a-command-whose-name-is-far-too-long-for-some"]);
            assert_eq!(client.execute(command), lent.execute(command));
        } else if random.one_in(12) {
            let id = random.below(9) as i64;
            client.synchronize(id);
            lent.synchronize(id);
        }
        assert_eq!(client.transmit(), lent.transmit());
        client.transmitted(usize::MAX);
        lent.transmitted(usize::MAX);
        match step {
            Step::Bytes(bytes) => {
                let mut bytes = bytes.as_slice();
                while !bytes.is_empty() {
                    let (taken, reply) = client.push_slice(bytes);
                    assert_eq!((taken, reply), lent.push_slice(bytes), "RX = {RX}: {steps:?}");
                    bytes = &bytes[taken..];
                }
            }
            Step::Lost => assert_eq!(client.lost(), lent.lost()),
            Step::Corrupted => assert_eq!(client.corrupted(), lent.corrupted()),
            Step::Reset => assert_eq!(client.reset(), lent.reset()),
        }
        assert_eq!(client.is_ready(), lent.is_ready(), "RX = {RX}: {steps:?}");
    }
}

#[test]
fn clients_reply_the_same() {
    let mut seeds = seeds();
    for _ in 0..100 {
        for id in 1..9 {
            let answers = format!("{{\"return\": {id}}}\n{{\"return\": {{}}, \"id\": {id}}}\n");
            seeds.push([b"\xFF", answers.as_bytes()].concat());
        }
    }
    let mut random = Random(3);
    for _ in 0..STREAMS {
        let steps = steps(&seeds, &mut random);
        if random.one_in(2) {
            compare_clients::<34, 75>(&steps, &mut random);
        } else {
            compare_clients::<300, 100>(&steps, &mut random);
        }
    }
}

#[test]
fn the_smallest_buffers() {
    let client = |receive, transmit| ClientLent::new(&mut vec![0; receive], &mut vec![0; transmit]).map(|_| ());
    assert_eq!(client(34, 75), Ok(()));
    assert_eq!(client(33, 75), Err(BuildError::ReceiveTooSmall));
    assert_eq!(client(34, 74), Err(BuildError::TransmitTooSmall));
    assert_eq!(client(0, 0), Err(BuildError::ReceiveTooSmall));
    // Nothing fits into nothing.
    let mut decoder = DecoderLent::new(&mut []);
    assert_eq!(decoder.push_slice(b"[]"), (2, Err(FrameError::Overflow)));
    assert_eq!(decoder.push_slice(b"7 "), (2, Err(FrameError::Overflow)));
    assert_eq!(decoder.push(0xFF), Ok(Some(Event::Sentinel)));
    let mut byte = [0];
    let mut decoder = DecoderLent::new(&mut byte);
    assert!(matches!(decoder.push_slice(b"7 ").1, Ok(Some(Event::Frame(frame))) if frame.as_bytes() == b"7"));
}

/// The buffer is the lender's again.
#[test]
fn a_buffer_is_lent_again() {
    let mut buffer = [0; 64];
    for text in ["[1,2]", "{}"] {
        let mut decoder = DecoderLent::new(&mut buffer);
        assert!(
            matches!(decoder.push_slice(text.as_bytes()).1, Ok(Some(Event::Frame(frame))) if frame.as_bytes() == text.as_bytes())
        );
        assert!(buffer.starts_with(text.as_bytes()));
    }
}

/// No length wraps to a small one.
#[test]
fn a_frame_is_as_long_as_its_buffer_and_no_longer() {
    for length in [1000, 65_534, 65_535] {
        let mut buffer = dirty(length);
        let mut decoder = DecoderLent::new(&mut buffer);
        for more in [0, 1, 5, 65_536] {
            let string = format!("\"{}\"", "x".repeat(length - 2 + more));
            let due = if more == 0 {
                reference::Due::Frame(string.clone().into_bytes())
            } else {
                reference::Due::Error(reference::Fault::Overflow)
            };
            let by_byte = string.bytes().filter_map(|byte| seen(decoder.push(byte))).collect::<Vec<_>>();
            assert!(by_byte == [due.clone()], "by byte, {length} and {more} more");
            let (taken, outcome) = decoder.push_slice(string.as_bytes());
            assert_eq!(taken, string.len());
            assert!(seen(outcome) == Some(due), "by slice, {length} and {more} more");
        }
    }
}

#[cfg(not(target_pointer_width = "64"))]
#[test]
fn what_is_beyond_65535_bytes_is_left_alone() {
    let mut buffer = vec![0; 70_000];
    let mut decoder = DecoderLent::new(&mut buffer);
    let string = format!("\"{}\"", "x".repeat(65_533));
    assert!(matches!(decoder.push_slice(string.as_bytes()).1, Ok(Some(Event::Frame(_)))));
    let string = format!("\"{}\"", "x".repeat(65_534));
    assert_eq!(decoder.push_slice(string.as_bytes()).1, Err(FrameError::Overflow));
    assert!(buffer[65_535..].iter().all(|byte| *byte == 0));
}

#[cfg(target_pointer_width = "64")]
mod over_64_kib {
    use guestwire::Reply;
    use guestwire::client::ClientError;

    use super::*;
    use crate::exchange::error_with_id;

    /// Longer than a u16 counts, and than it counts twice.
    const LENGTHS: [usize; 4] = [65_536, 65_537, 100_000, 140_000];
    const LARGEST: usize = 140_000;

    #[test]
    fn decoders() {
        for length in LENGTHS {
            let string = format!("\"{}\"", "x".repeat(length - 2));
            let objects = format!("{{\"a\":\"{}\",\"b\":[1,2],\"c\":\"é\"}}", "x".repeat(length - 29));
            for text in [string, objects] {
                let mut buffer = dirty(length);
                let mut decoders = (Box::new(Decoder::<LARGEST>::new()), DecoderLent::new(&mut buffer));
                let due = Some(reference::Due::Frame(text.clone().into_bytes()));
                let (own, lent) = (&mut decoders.0, &mut decoders.1);
                assert!(seen(own.push_slice(text.as_bytes()).1) == due);
                assert!(seen(lent.push_slice(text.as_bytes()).1) == due);
                assert!(text.bytes().filter_map(|byte| seen(own.push(byte))).eq(due.clone()));
                assert!(text.bytes().filter_map(|byte| seen(lent.push(byte))).eq(due));
            }
        }
    }

    /// What follows a long member is found, and what is wrong with it is named.
    #[test]
    fn agents() {
        for length in LENGTHS {
            let (mut receive, mut transmit) = (dirty(length), dirty(length + 100));
            let mut lent = AgentLent::new(Echo, &mut receive, &mut transmit).unwrap();
            let mut agent = Box::new(Agent::<Echo, LARGEST, { LARGEST + 100 }>::new(Echo));
            let around = br#"{"execute":"last","arguments":{"text":"","last":12345},"id":7}"#.len();
            let text = "x".repeat(length - around);
            let request = |last: &str| {
                format!("{{\"execute\":\"last\",\"arguments\":{{\"text\":\"{text}\",\"last\":{last}}},\"id\":7}}")
            };
            let is_answered =
                |answer: Vec<u8>, due: &str| assert_eq!(String::from_utf8(answer).unwrap(), due, "{length}");
            let due = "{\"return\": 12345, \"id\": 7}\n";
            is_answered(exchange(&mut lent, request("12345").as_bytes()), due);
            is_answered(exchange(&mut *agent, request("12345").as_bytes()), due);
            let wrong = exchange(&mut lent, request("[1,2]").as_bytes());
            is_answered(exchange(&mut *agent, request("[1,2]").as_bytes()), std::str::from_utf8(&wrong).unwrap());
            let due = "Invalid parameter type for 'last', expected: integer";
            is_answered(wrong, &error_with_id("7", "GenericError", due));
            // All of it comes back.
            let around = br#"{"execute":"echo","arguments":{"text":""}}"#.len();
            let text = "y".repeat(length - around);
            let request = format!("{{\"execute\":\"echo\",\"arguments\":{{\"text\":\"{text}\"}}}}");
            assert_eq!(request.len(), length);
            let due = format!("{{\"return\": \"{text}\"}}\n");
            is_answered(exchange(&mut lent, request.as_bytes()), &due);
            is_answered(exchange(&mut *agent, request.as_bytes()), &due);
            let by_byte = request.bytes().all(|byte| lent.push(byte));
            assert!(by_byte && lent.transmit() == due.as_bytes(), "{length}");
        }
    }

    /// The `id`, which comes last, is behind it.
    #[test]
    fn clients() {
        for length in LENGTHS {
            let (mut receive, mut transmit) = (dirty(length), dirty(100));
            let mut client = ClientLent::new(&mut receive, &mut transmit).unwrap();
            client.synchronize(5);
            client.transmitted(usize::MAX);
            assert_eq!(client.push_slice(b"\xFF{\"return\": 5}\n").1, Ok(Some(Reply::Synchronized)));
            for more in [0, 1] {
                client.execute("guest-file-read").unwrap();
                let sent: serde_json::Value = serde_json::from_slice(client.transmit()).unwrap();
                let id = sent["id"].to_string();
                client.transmitted(usize::MAX);
                let around = "{\"return\":\"\",\"id\":}".len() + id.len();
                let text = "z".repeat(length - around + more);
                let response = format!("{{\"return\":\"{text}\",\"id\":{id}}}");
                match client.push_slice(response.as_bytes()).1 {
                    Ok(Some(Reply::Return(value))) if more == 0 => assert!(value.string().unwrap() == text.as_str()),
                    Err(ClientError::ResponseTooLong) if more == 1 => {}
                    other => panic!("{length} and {more} more: {:?}", other.map(|_| ())),
                }
            }
        }
    }
}
