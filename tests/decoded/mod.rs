//! A decoder's output, in the terms of `reference`.
#![allow(dead_code, reason = "each test uses what it needs")]

use guestwire::{Decoder, Event, frame::FrameError};

use crate::reference::{Due, Fault, Input};

pub fn fault(error: FrameError) -> Fault {
    match error {
        FrameError::Noise => Fault::Noise,
        FrameError::Syntax => Fault::Syntax,
        FrameError::TooDeep => Fault::TooDeep,
        FrameError::Overflow => Fault::Overflow,
        FrameError::Lost => Fault::Lost,
        _ => unreachable!("no other kind of error"),
    }
}

pub fn seen(outcome: Result<Option<Event<'_>>, FrameError>) -> Option<Due> {
    match outcome {
        Ok(None) => None,
        Ok(Some(Event::Sentinel)) => Some(Due::Sentinel),
        Ok(Some(Event::Frame(frame))) => Some(Due::Frame(frame.as_bytes().to_vec())),
        Err(error) => Some(Due::Error(fault(error))),
    }
}

/// A decoder's output, each outcome with the index of its byte. `chunk`: how many bytes to push at once, by the index
/// of the first.
pub fn decoded<const N: usize>(inputs: &[Input<'_>], chunk: impl Fn(usize) -> usize) -> Vec<(usize, Due)> {
    let mut decoder = Box::new(Decoder::<N>::new());
    let mut events = Vec::new();
    let mut offset = 0;
    for input in inputs {
        let is_open = decoder.is_receiving();
        match input {
            Input::Reset => decoder.reset(),
            Input::Corrupted | Input::Lost => {
                let outcome = if let Input::Lost = input { decoder.lost() } else { decoder.corrupted() };
                assert!(!is_open || outcome.is_err(), "an open frame ends in an error");
                assert!(!decoder.is_receiving());
                events.extend(outcome.err().map(|error| (offset, Due::Error(fault(error)))));
            }
            &Input::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let length = chunk(offset).clamp(1, bytes.len());
                    let (mut now, later) = bytes.split_at(length);
                    while !now.is_empty() {
                        let (taken, outcome) =
                            if length == 1 { (1, decoder.push(now[0])) } else { decoder.push_slice(now) };
                        now = &now[taken..];
                        offset += taken;
                        events.extend(seen(outcome).map(|due| (offset - 1, due)));
                    }
                    bytes = later;
                }
            }
        }
    }
    events
}
