//! I1 to I5 on mutated streams: the decoder's output is that of `reference`, byte for byte.

mod decoded;
mod mutations;
mod random;
mod recordings;
mod reference;

use decoded::{decoded, seen};
use guestwire::Decoder;
use mutations::{mutate, seeds};
use random::Random;
use reference::Input;

const STREAMS: u64 = 200_000;

/// By byte, by slice, and split at random: the same expected output.
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

/// Bytes, with an occasional reset, corrupted byte or loss.
fn inputs<'a>(bytes: &'a [u8], random: &mut Random) -> Vec<Input<'a>> {
    let mut inputs = Vec::new();
    let mut rest = bytes;
    while random.one_in(3) {
        let (before, after) = rest.split_at(random.below(rest.len() + 1));
        inputs.push(Input::Bytes(before));
        inputs.push(random.pick(&[Input::Reset, Input::Corrupted, Input::Lost, Input::Lost]));
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
fn i2_after_a_sentinel_the_decoder_is_as_new() {
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

/// `Debug` differs exactly where the decoder will behave differently.
#[test]
fn what_is_printed_is_the_state() {
    let shown = |bytes: &[u8]| {
        let mut decoder = Decoder::<8>::new();
        for byte in bytes {
            let _ = decoder.push(*byte);
        }
        format!("{decoder:?}")
    };
    let states: [&[u8]; 12] =
        [b"", b"x", b"{", b"[", b"[1", b"[2", b"[[", b"\"a", b"\"a\\", b"{,", b"{,]", b"\"12345678"];
    for (index, state) in states.iter().enumerate() {
        for other in &states[..index] {
            assert_ne!(shown(state), shown(other), "{} and {}", state.escape_ascii(), other.escape_ascii());
        }
    }
    for (one, same) in
        [(&b"[ 1"[..], &b"{}\n[1"[..]), (b"", b"{}true"), (b"", b"x\xFF"), (b"\"1234567", b"[1,2]\"1234567")]
    {
        assert_eq!(shown(one), shown(same), "{}", same.escape_ascii());
    }
}

#[test]
fn the_recordings() {
    let mut random = Random(3);
    for recording in recordings::recordings() {
        check::<65535>(&[Input::Bytes(&recording.input)], &mut random);
    }
}
