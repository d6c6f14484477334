//! In a slice, whole characters and escapes are taken at once: what is one must be what it is byte by byte, and what
//! serde_json takes for one.

use guestwire::{Decoder, Event, frame::FrameError};

type Outcome = Result<Vec<u8>, FrameError>;

/// The first outcome, and how many bytes it took.
fn by_slice(bytes: &[u8]) -> (usize, Outcome) {
    let mut decoder: Decoder<128> = Decoder::new();
    match decoder.push_slice(bytes) {
        (taken, Ok(Some(Event::Frame(frame)))) => (taken, Ok(frame.value().as_bytes().to_vec())),
        (taken, Err(error)) => (taken, Err(error)),
        (_, other) => panic!("{other:?} of {}", bytes.escape_ascii()),
    }
}

fn by_byte(bytes: &[u8]) -> (usize, Outcome) {
    let mut decoder: Decoder<128> = Decoder::new();
    for (taken, byte) in (1..).zip(bytes) {
        match decoder.push(*byte) {
            Ok(None) => {}
            Ok(Some(Event::Frame(frame))) => return (taken, Ok(frame.value().as_bytes().to_vec())),
            Err(error) => return (taken, Err(error)),
            Ok(other) => panic!("{other:?} of {}", bytes.escape_ascii()),
        }
    }
    panic!("no outcome of {}", bytes.escape_ascii())
}

/// `text` in a string, with as many bytes after it as a slice is looked ahead.
fn check(text: &[u8]) {
    let frame = [b"[\"", text, b"plain characters\"]\n"].concat();
    let outcome = by_slice(&frame);
    assert_eq!(outcome, by_byte(&frame), "{}", frame.escape_ascii());
    let is_valid = serde_json::from_slice::<serde_json::Value>(&frame).is_ok();
    assert_eq!(outcome.1.is_ok(), is_valid, "{}", frame.escape_ascii());
}

#[test]
fn characters_of_two_to_four_bytes() {
    const FURTHER: [u8; 10] = [b'x', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xE0];
    // 0xFF ends a frame without an error of its own, and quotes end the string.
    for first in 0x80..0xFF {
        for second in 0x80..0xFF {
            for third in FURTHER {
                FURTHER.iter().for_each(|fourth| check(&[first, second, third, *fourth]));
            }
        }
        FURTHER.iter().for_each(|second| check(&[b'x', first, *second]));
    }
}

#[test]
fn escapes_and_surrogates() {
    const DIGITS: &[u8] = b"079/:aAbBcCdDfFgG";
    for escaped in 0..0xFF {
        check(&[b'\\', escaped]);
    }
    for first in DIGITS {
        for second in DIGITS {
            for third in DIGITS {
                for fourth in [b'0', b'f', b'g', b'F'] {
                    let escape = [b'\\', b'u', *first, *second, *third, fourth];
                    check(&escape);
                    for low in [&b"\\uDC00"[..], b"\\udfff", b"\\uDBFF", b"\\uE000", b"\\udc0g", b"\\n", b"xuDC00"] {
                        check(&[&escape, low].concat());
                    }
                }
            }
        }
    }
}

/// Wherever the slice ends.
#[test]
fn cut_anywhere() {
    let frame =
        "[\"a\\n\\u00e9\\ud83d\\ude00\u{e9}\u{20ac}\u{1f600}日本 \\\\ \\\"plain, and more of it\\t\"]".as_bytes();
    let due = by_byte(frame);
    for first in 0..frame.len() {
        for second in first..frame.len() {
            let mut decoder: Decoder<128> = Decoder::new();
            assert_eq!(decoder.push_slice(&frame[..first]), (first, Ok(None)));
            assert_eq!(decoder.push_slice(&frame[first..second]), (second - first, Ok(None)));
            let (taken, event) = decoder.push_slice(&frame[second..]);
            let Ok(Some(Event::Frame(whole))) = event else { panic!("cut at {first} and {second}") };
            assert_eq!((second + taken, Ok(whole.value().as_bytes().to_vec())), due, "cut at {first} and {second}");
        }
    }
}

/// Whitespace in a run between any tokens, and none in a string.
#[test]
fn whitespace_in_runs() {
    let tokens = ["{", "\"a  b\"", ":", "[", "1", ",", "true", ",", "\" \"", "]", ",", "\"c\"", ":", "{", "}", "}"];
    for run in ["", " ", "\n", "  ", "\n    ", "\r\n\t\t  ", "                                        "] {
        let frame = tokens.map(|token| format!("{token}{run}")).concat();
        let mut decoder: Decoder<128> = Decoder::new();
        let (_, Ok(Some(Event::Frame(whole)))) = decoder.push_slice(frame.as_bytes()) else { panic!("{frame:?}") };
        assert_eq!(whole.value().as_bytes(), tokens.concat().as_bytes(), "{run:?}");
    }
    // A byte order mark is whitespace between frames, but not with whitespace in it.
    let mut decoder: Decoder<128> = Decoder::new();
    assert_eq!(decoder.push_slice(b"\xEF  \xBB\xBF{}").1, Err(FrameError::Noise));
}
