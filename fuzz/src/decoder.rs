//! The decoder: the expected outcomes, however the bytes are split.

use guestwire::{Decoder, io::LineError};

use crate::decoded::{decoded, fault, seen};
use crate::line::{Op, ops};
use crate::reference::{self, Due, Input};

/// I1, I2, I3 and I5, against the rules as `reference` reads them. `R` resets, `L` loses bytes, `C`
/// corrupts one.
pub fn decoder_push(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    let input = |op| match op {
        Op::Bytes(bytes) => Input::Bytes(bytes),
        Op::Call(b'R') => Input::Reset,
        Op::Call(b'C') => Input::Corrupted,
        Op::Call(_) => Input::Lost,
    };
    let inputs: Vec<Input<'_>> = ops(stream).into_iter().map(input).collect();
    match size % 4 {
        0 => check_due::<1>(&inputs),
        1 => check_due::<7>(&inputs),
        2 => check_due::<24>(&inputs),
        _ if *size == 0xFF => check_due::<4096>(&inputs),
        _ => check_due::<512>(&inputs),
    }
}

fn check_due<const N: usize>(inputs: &[Input<'_>]) {
    let due = reference::due(inputs, N);
    assert_eq!(decoded::<N>(inputs, |_| 1), due);
    assert_eq!(decoded::<N>(inputs, |_| usize::MAX), due);
}

/// I3: push, push_slice and poll agree. The first bytes say how the others are split.
pub fn decoder_chunks(bytes: &[u8]) {
    let [size, count, rest @ ..] = bytes else { return };
    let (cuts, stream) = rest.split_at(rest.len().min(usize::from(count % 8)));
    match size {
        0xFF => check_chunks::<4096>(cuts, stream),
        _ if size % 2 == 0 => check_chunks::<9>(cuts, stream),
        _ => check_chunks::<300>(cuts, stream),
    }
}

fn check_chunks<const N: usize>(cuts: &[u8], stream: &[u8]) {
    let cut = |index: usize| cuts.get(index % cuts.len().max(1)).map_or(usize::MAX, |cut| usize::from(*cut));
    let mut by_byte = Decoder::<N>::new();
    let mut events = Vec::new();
    for (offset, byte) in stream.iter().enumerate() {
        events.extend(seen(by_byte.push(*byte)).map(|due| (offset, due)));
    }

    let mut by_slice = Decoder::<N>::new();
    let mut sliced = Vec::new();
    let mut rest = stream;
    for index in 0.. {
        let (mut now, later) = rest.split_at(rest.len().min(cut(index)));
        while !now.is_empty() {
            let (taken, event) = by_slice.push_slice(now);
            now = &now[taken..];
            sliced.extend(seen(event).map(|due| (stream.len() - later.len() - now.len() - 1, due)));
        }
        rest = later;
        if rest.is_empty() || index > 2 * stream.len() {
            break;
        }
    }
    if rest.is_empty() {
        assert_eq!(sliced, events);
    }

    // The port blocks at the splits.
    let mut by_poll = Decoder::<N>::new();
    let mut polled = Vec::new();
    let (mut at, mut asked) = (0, 0);
    while at < stream.len() {
        let event = by_poll.read_from(|| {
            asked += 1;
            if asked % 2 == 0 && cut(asked) < 8 {
                return Err(nb_error());
            }
            let byte = stream.get(at).copied().ok_or_else(nb_error)?;
            at += 1;
            Ok(byte)
        });
        let due = match event {
            Ok(event) => seen(Ok(Some(event))),
            Err(guestwire::nb::Error::WouldBlock) => None,
            Err(guestwire::nb::Error::Other(LineError::Protocol(error))) => Some(Due::Error(fault(error))),
            Err(guestwire::nb::Error::Other(LineError::Port(()))) => unreachable!("the port has no errors"),
        };
        polled.extend(due.map(|due| (at - 1, due)));
    }
    assert_eq!(polled, events);
}

fn nb_error() -> guestwire::nb::Error<()> {
    guestwire::nb::Error::WouldBlock
}
