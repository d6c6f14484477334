//! I1 to I5 on mutated streams: what the decoder gives is what `reference` says is due, byte for byte.

mod random;
mod recordings;
mod reference;

use guestwire::{Decoder, Event, FrameError};
use random::Random;
use reference::{Due, Fault, Input};

const STREAMS: u64 = 200_000;

fn fault(error: FrameError) -> Fault {
    match error {
        FrameError::Noise => Fault::Noise,
        FrameError::Syntax => Fault::Syntax,
        FrameError::TooDeep => Fault::TooDeep,
        FrameError::Overflow => Fault::Overflow,
        FrameError::Lost => Fault::Lost,
        _ => unreachable!("no other kind of error"),
    }
}

fn seen(outcome: Result<Option<Event<'_>>, FrameError>) -> Option<Due> {
    match outcome {
        Ok(None) => None,
        Ok(Some(Event::Sentinel)) => Some(Due::Sentinel),
        Ok(Some(Event::Frame(frame))) => Some(Due::Frame(frame.as_bytes().to_vec())),
        Err(error) => Some(Due::Error(fault(error))),
    }
}

/// What a decoder gives, each with the index of the byte that it came at.
fn decoded<const N: usize>(inputs: &[Input<'_>], chunk: impl Fn(usize) -> usize) -> Vec<(usize, Due)> {
    let mut decoder = Box::new(Decoder::<N>::new());
    let mut events = Vec::new();
    let mut offset = 0;
    for input in inputs {
        match input {
            Input::Reset => decoder.reset(),
            Input::Lost => events.extend(decoder.lost().err().map(|error| (offset, Due::Error(fault(error))))),
            &Input::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let length = chunk(offset).clamp(1, bytes.len());
                    let (mut now, later) = bytes.split_at(length);
                    while !now.is_empty() {
                        let before = now.len();
                        let outcome = if length == 1 {
                            let byte = now[0];
                            now = &now[1..];
                            decoder.push(byte)
                        } else {
                            decoder.push_slice(&mut now)
                        };
                        offset += before - now.len();
                        events.extend(seen(outcome).map(|due| (offset - 1, due)));
                    }
                    bytes = later;
                }
            }
        }
    }
    events
}

/// By byte, by slice, and cut at random: the same, and what is due.
fn check<const N: usize>(inputs: &[Input<'_>], random: &mut Random) {
    let due = reference::due(inputs, N);
    let seed = random.next();
    let show = |input: &Input<'_>| match input {
        Input::Bytes(bytes) => bytes.escape_ascii().to_string(),
        other => format!(" {other:?} "),
    };
    let shown = || format!("N = {N}: {}", inputs.iter().map(show).collect::<String>());
    assert_eq!(decoded::<N>(inputs, |_| 1), due, "by byte, {}", shown());
    assert_eq!(decoded::<N>(inputs, |_| usize::MAX), due, "by slice, {}", shown());
    assert_eq!(decoded::<N>(inputs, |at| Random(seed ^ at as u64).below(9)), due, "cut, {}", shown());
}

/// Requests and what else crosses the line, to be mutated.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = recordings::recordings()
        .into_iter()
        .map(|recording| recording.input)
        .filter(|input| input.len() <= 160)
        .collect();
    for more in [
        &br#"{"a":{"b":[{}, [], ""]},"c":[{"d":{}}]}{"e":{}}"#[..],
        br#"{"return": 5}{"error": {"class": "x", "desc": "}{"}}"#,
        "\u{feff}{\"x\":\"\\ud83d\\ude00 \u{1F600}\u{4e2d}\u{e9}\"} 1 -0.5e+7 true false null \"s\"".as_bytes(),
        b"[[[[[[[[[[]]]]]]]]]]{}{{{}}}}[]{]}{}",
    ] {
        seeds.push(more.to_vec());
    }
    seeds
}

/// Bytes of every kind that the grammar tells apart.
const BYTES: &[u8] =
    b"{}[]\"\\:,-+.019eEtrufalsn \t\n\r/bDdCcx!~\x00\x1F\x7F\x80\x9F\xA0\xBF\xC1\xC3\xE0\xED\xEF\xBB\xF0\xF4\xF5\xFE\xFF";

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.below(5) {
        let at = random.below(bytes.len() + 1);
        let length = random.below(12).min(bytes.len() - at);
        match random.below(6) {
            0 => drop(bytes.drain(at..at + length)),
            1 => bytes.insert(at, random.pick(BYTES)),
            2 if at < bytes.len() => bytes[at] = random.pick(BYTES),
            3 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let deep = b"{[".map(|open| vec![open; random.below(70)]).concat();
                if random.one_in(8) {
                    bytes.splice(at..at, deep);
                }
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
}

/// Bytes, with a reset or lost bytes in between now and then.
fn inputs<'a>(bytes: &'a [u8], random: &mut Random) -> Vec<Input<'a>> {
    let mut inputs = Vec::new();
    let mut rest = bytes;
    while random.one_in(3) {
        let (before, after) = rest.split_at(random.below(rest.len() + 1));
        inputs.push(Input::Bytes(before));
        inputs.push(if random.one_in(3) { Input::Reset } else { Input::Lost });
        rest = after;
    }
    inputs.push(Input::Bytes(rest));
    inputs
}

#[test]
fn i1_to_i5_on_mutated_streams() {
    let seeds = seeds();
    let mut random = Random(7);
    for _ in 0..STREAMS {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        if random.one_in(2) {
            bytes.extend_from_slice(&seeds[random.below(seeds.len())]);
        }
        mutate(&mut bytes, &mut random);
        let inputs = inputs(&bytes, &mut random);
        match random.below(5) {
            0 => check::<1>(&inputs, &mut random),
            1 => check::<7>(&inputs, &mut random),
            2 => check::<24>(&inputs, &mut random),
            3 => check::<64>(&inputs, &mut random),
            _ => check::<512>(&inputs, &mut random),
        }
    }
    println!("{STREAMS} streams, mutated from {} seeds", seeds.len());
}

/// Whatever came before a sentinel makes no difference to what comes after it.
#[test]
fn i2_behind_a_sentinel_the_decoder_is_as_new() {
    let seeds = seeds();
    let mut random = Random(11);
    for _ in 0..STREAMS / 4 {
        let mut before = seeds[random.below(seeds.len())].clone();
        mutate(&mut before, &mut random);
        let mut after = seeds[random.below(seeds.len())].clone();
        mutate(&mut after, &mut random);
        let mut used = Decoder::<48>::new();
        for byte in before.iter().chain(&[0xFF]) {
            let _ = used.push(*byte);
        }
        let mut new = Decoder::<48>::new();
        for byte in after {
            assert_eq!(seen(used.push(byte)), seen(new.push(byte)));
        }
    }
}
#[test]
fn the_recordings() {
    let mut random = Random(3);
    for recording in recordings::recordings() {
        check::<65535>(&[Input::Bytes(&recording.input)], &mut random);
    }
}
