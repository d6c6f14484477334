//! All strings up to a length, and all states of small decoders.

mod decoded;
mod reference;

use std::collections::{HashMap, HashSet};

use decoded::seen;
use guestwire::{Decoder, Event};
use reference::{Due, Fault, Input};
use serde_json::Value;

/// One byte of each class that the grammar tells apart. `every_byte_is_in_a_class` checks that these are all.
const CLASSES: &[u8] =
    b"{}[]\",:\\ \t\n/-+.e018aAbdcEfulntrs'\x00\x7F\x80\x90\xA0\xC2\xE0\xE1\xED\xEF\xBB\xBF\xF0\xF1\xF4\xFE\xFF";

type Key = String;

/// All that the decoder's behaviour depends on.
fn key<const N: usize>(decoder: &Decoder<N>) -> Key {
    format!("{decoder:?}")
}

/// The same without the bytes of the open frame.
fn key_without_text<const N: usize>(decoder: &Decoder<N>) -> Key {
    let mut key = key(decoder);
    if let Some(text) = key.find("text: ") {
        key.truncate(text);
    }
    key
}

fn depth(key: &Key) -> usize {
    let digits = key.split("depth: ").nth(1).expect("what is printed has a depth");
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// What can happen to a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Byte(u8),
    Corrupted,
    Lost,
}

impl Step {
    fn all(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().copied().map(Self::Byte).chain([Self::Corrupted, Self::Lost]).collect()
    }

    fn take<const N: usize>(self, decoder: &mut Decoder<N>) -> Option<Due> {
        match self {
            Self::Byte(byte) => seen(decoder.push(byte)),
            Self::Corrupted => seen(decoder.corrupted().map(|()| None)),
            Self::Lost => seen(decoder.lost().map(|()| None)),
        }
    }

    fn input(&self) -> Input<'_> {
        match self {
            Self::Byte(byte) => Input::Bytes(std::slice::from_ref(byte)),
            Self::Corrupted => Input::Corrupted,
            Self::Lost => Input::Lost,
        }
    }
}

type States<const N: usize> = HashMap<Key, (Decoder<N>, Vec<Step>)>;

/// Every state that a decoder can get into by `steps`, nesting no deeper than `deepest`, with a shortest way there.
fn states<const N: usize>(steps: &[Step], deepest: usize) -> States<N> {
    let new = Decoder::<N>::new();
    let mut states = HashMap::from([(key(&new), (new.clone(), vec![]))]);
    let mut frontier = vec![(new, vec![])];
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (decoder, way) in &frontier {
            for step in steps {
                let mut decoder = decoder.clone();
                step.take(&mut decoder);
                let key = key(&decoder);
                if depth(&key) <= deepest && !states.contains_key(&key) {
                    let way = [&way[..], &[*step]].concat();
                    states.insert(key, (decoder.clone(), way.clone()));
                    next.push((decoder, way));
                }
            }
        }
        frontier = next;
    }
    states
}

/// From a state, whatever happens: what is pushed as a slice does the same, the sentinel makes the decoder new, and a
/// frame is begun, goes on, or has one outcome (I1).
fn check_state<const N: usize>(decoder: &Decoder<N>, steps: &[Step]) {
    let was_open = decoder.is_receiving();
    for step in steps {
        let mut after = decoder.clone();
        let outcome = step.take(&mut after);
        let is_open = after.is_receiving();
        if let Step::Byte(byte) = step {
            let mut sliced = decoder.clone();
            assert_eq!(seen(sliced.push_slice(&[*byte]).1), outcome);
            assert_eq!(key(&sliced), key(&after));
        }
        match (step, &outcome) {
            (Step::Byte(0xFF), outcome) => {
                assert_eq!(*outcome, Some(Due::Sentinel));
                assert_eq!(key(&after), key(&Decoder::<N>::new()));
            }
            (_, None) => assert!(!was_open || is_open, "a frame has vanished"),
            (Step::Byte(_), Some(Due::Frame(_))) => assert!(was_open && !is_open),
            (Step::Byte(_) | Step::Corrupted, Some(Due::Error(Fault::Noise))) => assert!(!was_open),
            (Step::Byte(_), Some(Due::Error(Fault::Lost))) => assert!(!was_open && !is_open, "it was owed"),
            (Step::Lost, Some(Due::Error(fault))) => assert!(was_open && !is_open && *fault == Fault::Lost),
            (Step::Corrupted, Some(Due::Error(Fault::Syntax | Fault::Overflow))) => assert!(was_open && !is_open),
            (Step::Byte(_), Some(Due::Error(_))) => assert!(was_open),
            _ => panic!("{step:?}: {outcome:?}"),
        }
    }
}

/// Every open frame can still be completed, so that what breaks a frame breaks it at the first byte possible.
fn check_that_open_frames_can_end<const N: usize>(states: &States<N>, steps: &[Step]) {
    let mut before: HashMap<Key, Vec<Key>> = HashMap::new();
    let mut ends = Vec::new();
    for (from, (decoder, _)) in states {
        for step in steps.iter().filter(|step| matches!(step, Step::Byte(_))) {
            let mut decoder = decoder.clone();
            match step.take(&mut decoder) {
                Some(Due::Frame(_) | Due::Error(Fault::Overflow)) => ends.push(from.clone()),
                Some(_) => {}
                None => before.entry(key(&decoder)).or_default().push(from.clone()),
            }
        }
    }
    let mut can_end: HashSet<Key> = HashSet::new();
    while let Some(state) = ends.pop() {
        if can_end.insert(state.clone()) {
            ends.extend(before.get(&state).into_iter().flatten().cloned());
        }
    }
    for (state, (decoder, way)) in states {
        assert!(!decoder.is_receiving() || can_end.contains(state), "{way:?} cannot become a frame");
    }
}

/// What each state gives for each step is due, by `reference`, for the way there and that step.
fn check_against_reference<const N: usize>(states: &States<N>, steps: &[Step]) -> usize {
    let mut transitions = 0;
    for (decoder, way) in states.values() {
        for step in steps {
            let inputs: Vec<Input<'_>> = way.iter().chain([step]).map(Step::input).collect();
            let due_before = reference::due(&inputs[..way.len()], N).len();
            let mut due: Vec<Due> = reference::due(&inputs, N).into_iter().map(|(_, due)| due).collect();
            let last = due.split_off(due_before);
            let mut after = decoder.clone();
            let outcome: Vec<Due> = step.take(&mut after).into_iter().collect();
            assert_eq!(outcome, last, "{way:?} {step:?}");
            // Only the first way into a state is explored further: the others must be equivalent.
            if let Some((_, other)) = states.get(&key(&after)) {
                let other: Vec<Input<'_>> = other.iter().map(Step::input).collect();
                let modes = (reference::mode(&inputs, N), reference::mode(&other, N));
                assert_eq!(modes.0, modes.1, "{way:?} {step:?} and {other:?}");
            }
            transitions += 1;
        }
    }
    transitions
}

fn visit<const N: usize>(bytes: &[u8], deepest: usize) {
    let steps = Step::all(bytes);
    let states = states::<N>(&steps, deepest);
    states.values().for_each(|(decoder, _)| check_state(decoder, &steps));
    check_that_open_frames_can_end(&states, &steps);
    let transitions = check_against_reference(&states, &steps);
    println!(
        "fixpoint: N = {N}, nesting <= {deepest}, {} bytes: {} states, {transitions} transitions",
        bytes.len(),
        states.len()
    );
}

/// All states of inputs of any length with at most two levels of nesting.
#[test]
fn all_states_of_a_decoder_of_one_byte() {
    visit::<1>(CLASSES, 2);
}

#[test]
#[ignore = "takes a minute: cargo test --release --test exhaustive -- --ignored"]
fn all_states_of_decoders_of_two_and_three_bytes() {
    visit::<1>(CLASSES, 4);
    visit::<2>(CLASSES, 3);
    visit::<3>(b"{}[]\",:\\u0- \n\x00\xC2\x80\xEF\xBB\xBF\xFF", 3);
}

/// As deep as it goes, with one kind of bracket each.
#[test]
fn all_states_to_the_limit_of_nesting() {
    visit::<2>(b"[],0 \"\\x\xFF", 64);
    visit::<2>(b"{}:\", \\x\xFF", 64);
}

/// Whatever the state, a byte that is not among `CLASSES` does what one of them does.
#[test]
fn every_byte_is_in_a_class() {
    let states = states::<2>(&Step::all(CLASSES), 2);
    let mut classes = HashSet::new();
    let behaviour = |byte: u8| -> Vec<(Key, Option<u8>)> {
        let step = |(decoder, _): &(Decoder<2>, Vec<Step>)| {
            let mut decoder = decoder.clone();
            let kind = Step::Byte(byte).take(&mut decoder).map(|due| match due {
                Due::Sentinel => 0,
                Due::Frame(_) => 1,
                Due::Error(fault) => 2 + fault as u8,
            });
            (key_without_text(&decoder), kind)
        };
        let mut all: Vec<_> = states.iter().map(|(key, state)| (key.clone(), step(state))).collect();
        all.sort();
        all.into_iter().map(|(_, step)| step).collect()
    };
    for class in CLASSES {
        classes.insert(behaviour(*class));
    }
    let others: Vec<u8> = (0..=u8::MAX).filter(|byte| !classes.contains(&behaviour(*byte))).collect();
    assert!(others.is_empty(), "in classes of their own: {}", others.escape_ascii());
    println!("classes: {} of the 256 bytes, in each of {} states", classes.len(), states.len());
}

/// Every string over the classes, up to a length: at each byte the decoder says what serde_json says.
///
/// It extends only strings that leave a frame open: in any other state a decoder does what it does after a shorter
/// string.
struct Strings {
    longest: usize,
    strings: u64,
    frames: u64,
    refused: u64,
}

impl Strings {
    fn up_to(longest: usize) {
        let mut strings = Self { longest, strings: 0, frames: 0, refused: 0 };
        strings.go_on(&mut Vec::new(), &Decoder::new());
        let Self { strings, frames, refused, .. } = strings;
        println!(
            "strings: {strings} up to length {longest}, {frames} of them frames, {refused} refused at the last byte"
        );
    }

    fn go_on(&mut self, text: &mut Vec<u8>, decoder: &Decoder<16>) {
        for byte in CLASSES {
            text.push(*byte);
            self.strings += 1;
            let mut decoder = decoder.clone();
            match decoder.push(*byte) {
                Ok(None) => {
                    check_open(text, &decoder);
                    if text.len() < self.longest {
                        self.go_on(text, &decoder);
                    }
                }
                Ok(Some(Event::Frame(_))) => {
                    self.frames += 1;
                    assert!(verdict(text).is_ok(), "taken: {}", text.escape_ascii());
                }
                Ok(Some(Event::Sentinel)) => assert_eq!(*byte, 0xFF),
                Err(_) => {
                    self.refused += 1;
                    assert!(is_broken(text), "refused: {}", text.escape_ascii());
                }
            }
            text.pop();
        }
    }
}

/// What serde_json says about a text without its byte order marks.
fn verdict(text: &[u8]) -> serde_json::Result<()> {
    let mut text = text;
    while let [b' ' | b'\t' | b'\n', after @ ..] | [0xEF, 0xBB, 0xBF, after @ ..] = text {
        text = after;
    }
    serde_json::from_slice::<Value>(text).map(drop)
}

/// It can continue: a number, which may be complete, an incomplete frame, or nothing yet.
fn check_open(text: &[u8], decoder: &Decoder<16>) {
    let is_frame = matches!(decoder.clone().push(b'\n'), Ok(Some(Event::Frame(_))));
    match verdict(text) {
        Ok(()) => assert!(is_frame, "a number: {}", text.escape_ascii()),
        Err(error) => {
            let half_a_mark = text.ends_with(b"\xEF") || text.ends_with(b"\xEF\xBB");
            assert!(!is_frame && (error.is_eof() || half_a_mark), "open: {}", text.escape_ascii());
        }
    }
}

/// No continuation makes it a value.
fn is_broken(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_err_and(|error| error.error_len().is_some())
        || verdict(text).is_err_and(|error| !error.is_eof())
        // serde_json checks the digits of an escape only when there are four.
        || matches!(reference::due_bytes(text, 16).as_slice(), [(at, Due::Error(_))] if *at == text.len() - 1)
}

#[test]
fn all_strings_up_to_length_4() {
    Strings::up_to(4);
}

/// `LENGTH=7` takes two minutes.
#[test]
#[ignore = "takes a minute: cargo test --release --test exhaustive -- --ignored"]
fn all_strings_up_to_length_6() {
    Strings::up_to(std::env::var("LENGTH").map_or(6, |length| length.parse().expect("LENGTH is a number")));
}
