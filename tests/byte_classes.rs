//! Each of the 256 bytes at each place of a frame, and between frames: exactly the bytes that RFC 8259 and RFC 3629
//! allow are accepted. Byte by byte, by slice and polled, by a decoder and by an agent.

mod exchange;

use std::convert::Infallible;

use exchange::exchange;
use guestwire::{Agent, Decoder, Event, frame::FrameError};
use serde_json::Value;

const WS: &[u8] = b" \t\n\r";
const DIGITS: &[u8] = b"0123456789";
const HEX: &[u8] = b"0123456789abcdefABCDEF";
/// RFC 8259 section 3: what a value begins with.
const VALUE: &[u8] = b"{[\"-0123456789tfn";

/// Places inside a frame: the bytes so far, and the bytes allowed next. If the result consists of whole characters,
/// serde_json checks it, too.
fn places() -> Vec<(&'static [u8], Vec<u8>)> {
    let tail: Vec<u8> = (0x80..=0xBF).collect();
    // RFC 8259 section 7: unescaped, escape and quotation-mark; RFC 3629 section 4: the first byte of a character.
    let character: Vec<u8> = (0x20..=0x7F).chain(0xC2..=0xF4).collect();
    let between = |allowed: &[u8]| [WS, allowed].concat();
    let mut places: Vec<(&[u8], Vec<u8>)> = vec![
        // Between tokens.
        (b"{", between(b"\"}")),
        (b"{\"a\"", between(b":")),
        (b"{\"a\":", between(VALUE)),
        (b"{\"a\":\"\"", between(b",}")),
        (b"{\"a\":{}", between(b",}")),
        (b"{\"a\":true", between(b",}")),
        (b"{\"a\":[]", between(b",}")),
        (b"{\"a\":[],", between(b"\"")),
        (b"[", [VALUE, WS, b"]"].concat()),
        (b"[\"\"", between(b",]")),
        (b"[null", between(b",]")),
        (b"[{}", between(b",]")),
        (b"[[]", between(b",]")),
        (b"[[],", between(VALUE)),
        // In strings, as names, as values and alone.
        (b"\"", character.clone()),
        (b"\"a", character.clone()),
        (b"\"\\n", character.clone()),
        (b"\"\\u0000", character.clone()),
        (b"\"\xC3\xA9", character.clone()),
        (b"{\"", character.clone()),
        (b"[\"", character),
        (b"\"\\", b"\"\\/bfnrtu".to_vec()),
        (b"\"\\u", HEX.to_vec()),
        (b"\"\\u0", HEX.to_vec()),
        (b"\"\\u00", HEX.to_vec()),
        (b"\"\\u000", HEX.to_vec()),
        (b"\"\\uE00", HEX.to_vec()),
        // A lone low surrogate is not a character, and a high one needs a low one after it.
        (b"\"\\ud", b"0123456789abAB".to_vec()),
        (b"\"\\uD7", HEX.to_vec()),
        (b"\"\\uD7F", HEX.to_vec()),
        (b"\"\\uD8", HEX.to_vec()),
        (b"\"\\uDB", HEX.to_vec()),
        (b"\"\\uDBF", HEX.to_vec()),
        (b"\"\\uDBFF", b"\\".to_vec()),
        (b"\"\\uD800\\", b"u".to_vec()),
        (b"\"\\uD800\\u", b"dD".to_vec()),
        (b"\"\\uD800\\uD", b"cdefCDEF".to_vec()),
        (b"\"\\uD800\\uDC", HEX.to_vec()),
        (b"\"\\uD800\\uDC0", HEX.to_vec()),
        // Characters of two, three and four bytes.
        (b"\"\xC2", tail.clone()),
        (b"\"\xDF", tail.clone()),
        (b"\"\xE0", (0xA0..=0xBF).collect()),
        (b"\"\xE0\xA0", tail.clone()),
        (b"\"\xE1", tail.clone()),
        (b"\"\xEC\x80", tail.clone()),
        (b"\"\xED", (0x80..=0x9F).collect()),
        (b"\"\xED\x9F", tail.clone()),
        (b"\"\xEE", tail.clone()),
        (b"\"\xEF", tail.clone()),
        (b"\"\xEF\xBB", tail.clone()),
        (b"\"\xF0", (0x90..=0xBF).collect()),
        (b"\"\xF0\x90", tail.clone()),
        (b"\"\xF0\x90\x80", tail.clone()),
        (b"\"\xF1", tail.clone()),
        (b"\"\xF3\x80", tail.clone()),
        (b"\"\xF4", (0x80..=0x8F).collect()),
        (b"\"\xF4\x8F\xBF", tail),
        // Numbers in an array.
        (b"[-", DIGITS.to_vec()),
        (b"[0", between(b".eE,]")),
        (b"[-0", between(b".eE,]")),
        (b"[1", [DIGITS, WS, b".eE,]"].concat()),
        (b"[-12", [DIGITS, WS, b".eE,]"].concat()),
        (b"[1.", DIGITS.to_vec()),
        (b"[0.", DIGITS.to_vec()),
        (b"[1.5", [DIGITS, WS, b"eE,]"].concat()),
        (b"[1e", [DIGITS, b"+-"].concat()),
        (b"[0.5E", [DIGITS, b"+-"].concat()),
        (b"[1e+", DIGITS.to_vec()),
        (b"[1e-", DIGITS.to_vec()),
        (b"[1e5", [DIGITS, WS, b",]"].concat()),
        (b"[1e-5", [DIGITS, WS, b",]"].concat()),
        (b"{\"a\":0", between(b".eE,}")),
        // Numbers at top level end before whitespace.
        (b"-", DIGITS.to_vec()),
        (b"0", between(b".eE")),
        (b"1", [DIGITS, WS, b".eE"].concat()),
        (b"1.", DIGITS.to_vec()),
        (b"1.5", [DIGITS, WS, b"eE"].concat()),
        (b"1e", [DIGITS, b"+-"].concat()),
        (b"1e+", DIGITS.to_vec()),
        (b"1e5", [DIGITS, WS].concat()),
    ];
    for word in [&b"true"[..], b"false", b"null"] {
        places.extend((1..word.len()).map(|end| (&word[..end], vec![word[end]])));
    }
    places
}

/// The outcome of the last of these bytes.
#[derive(Debug, PartialEq)]
enum Seen {
    /// The frame continues, or there is no outcome.
    Nothing,
    Frame,
    Sentinel,
    Error(FrameError),
}

fn seen(outcome: Result<Option<Event<'_>>, FrameError>) -> Seen {
    match outcome {
        Ok(None) => Seen::Nothing,
        Ok(Some(Event::Frame(_))) => Seen::Frame,
        Ok(Some(Event::Sentinel)) => Seen::Sentinel,
        Err(error) => Seen::Error(error),
    }
}

/// The same by byte, by slice, as one slice and polled.
fn last_seen(before: &[u8], byte: u8) -> Seen {
    let mut decoder: Decoder<64> = Decoder::new();
    for byte in before {
        let _ = decoder.push(*byte);
    }
    let mut sliced = decoder.clone();
    let mut polled = decoder.clone();
    let due = seen(decoder.push(byte));
    assert_eq!(seen(sliced.push_slice(&[byte]).1), due, "{} by slice", before.escape_ascii());
    let mut once = Some(byte);
    let by_poll = match polled.read_from(|| once.take().ok_or(nb::Error::<Infallible>::WouldBlock)) {
        Ok(event) => seen(Ok(Some(event))),
        Err(nb::Error::WouldBlock) => Seen::Nothing,
        Err(nb::Error::Other(guestwire::io::LineError::Protocol(error))) => Seen::Error(error),
        Err(nb::Error::Other(guestwire::io::LineError::Port(never))) => match never {},
    };
    assert_eq!(by_poll, due, "{} polled", before.escape_ascii());
    let whole = [before, &[byte]].concat();
    let mut rest = whole.as_slice();
    let mut one_slice: Decoder<64> = Decoder::new();
    let mut last = Seen::Nothing;
    while !rest.is_empty() {
        let (taken, event) = one_slice.push_slice(rest);
        rest = &rest[taken..];
        last = seen(event);
    }
    assert_eq!(last, due, "{} in one slice", whole.escape_ascii());
    due
}

#[test]
fn inside_a_frame_what_the_grammar_allows_goes_on_and_all_else_breaks_it() {
    for (before, allowed) in places() {
        for byte in 0..=0xFF {
            let place = format!("{} then {byte:#04x}", before.escape_ascii());
            match last_seen(before, byte) {
                Seen::Sentinel => assert_eq!(byte, 0xFF, "{place}"),
                Seen::Nothing | Seen::Frame => assert!(allowed.contains(&byte), "{place} is taken"),
                Seen::Error(error) => {
                    assert_eq!(error, FrameError::Syntax, "{place}");
                    assert!(!allowed.contains(&byte), "{place} is refused");
                }
            }
        }
    }
}

/// The tables above are as strict as serde_json, wherever it checks every byte.
#[test]
fn serde_json_agrees_on_what_is_allowed() {
    let mut asked = 0;
    for (before, allowed) in places() {
        let in_escape = before.contains(&b'\\') && !before.ends_with(b"\\n") && !before.ends_with(b"0000");
        if in_escape || std::str::from_utf8(before).is_err() {
            continue;
        }
        for byte in 0..0x80 {
            let goes_on = match serde_json::from_slice::<Value>(&[before, &[byte]].concat()) {
                Ok(_) => true,
                Err(error) => error.is_eof(),
            };
            assert_eq!(goes_on, allowed.contains(&byte), "{} then {byte:#04x}", before.escape_ascii());
            asked += 1;
        }
    }
    assert!(asked > 5000, "{asked}");
}

/// Rules 1 to 3: whitespace and a byte order mark are skipped, a value begins, all else is noise.
#[test]
fn between_frames_a_value_begins_and_all_else_is_noise() {
    const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];
    for before in [&b""[..], b" ", b"\n", b"{}", b"[]", b"\"\"", b"true", b"1 ", b"\xEF\xBB\xBF", b"x\xFF", b"{\xFF"] {
        for byte in 0..=0xFF {
            let due = match byte {
                0xFF => Seen::Sentinel,
                b' ' | b'\t' | b'\n' | b'\r' => Seen::Nothing,
                _ if VALUE.contains(&byte) || byte == BOM[0] => Seen::Nothing,
                _ => Seen::Error(FrameError::Noise),
            };
            assert_eq!(last_seen(before, byte), due, "{} then {byte:#04x}", before.escape_ascii());
        }
        // Inside a byte order mark only its next byte continues it.
        for length in 1..BOM.len() {
            let before = [before, &BOM[..length]].concat();
            for byte in 0..=0xFF {
                let due = match byte {
                    0xFF => Seen::Sentinel,
                    _ if byte == BOM[length] => Seen::Nothing,
                    _ => Seen::Error(FrameError::Noise),
                };
                assert_eq!(last_seen(&before, byte), due, "{} then {byte:#04x}", before.escape_ascii());
            }
        }
    }
}

/// Rule 3: a run of noise is one error, and `{`, `[` and the sentinel end it.
#[test]
fn noise_ends_where_a_frame_can_begin() {
    for noise in [&b"#"[..], b"}", b"\x00", b"\x80", b"x ", b"\xEFx", b"\xEF\xBBx", b"\xEF\xBB\xBE"] {
        for byte in 0..=0xFF_u8 {
            let mut decoder: Decoder<64> = Decoder::new();
            let errors = noise.iter().filter(|byte| decoder.push(**byte).is_err()).count();
            assert_eq!(errors, 1, "{}", noise.escape_ascii());
            let due = if byte == 0xFF { Seen::Sentinel } else { Seen::Nothing };
            assert_eq!(seen(decoder.push(byte)), due, "{} then {byte:#04x}", noise.escape_ascii());
            // A frame is open if a control character breaks one.
            let is_open = byte != 0xFF && decoder.push(0x01) == Err(FrameError::Syntax);
            assert_eq!(is_open, matches!(byte, b'{' | b'['), "{} then {byte:#04x}", noise.escape_ascii());
        }
    }
}

/// Each of the 256 bytes in a request's `id` leads to the same answer, however the bytes are pushed. (On 32 bits `push`
/// has its own code.)
#[test]
fn every_byte_in_a_string_leads_an_agent_to_the_same_answer_by_every_way() {
    type TestAgent = Agent<(), 256, 512>;
    for byte in 0..=0xFF_u8 {
        let request = [b"{\"execute\": \"guest-ping\", \"id\": \"a", &[byte][..], b"b\"}"].concat();
        let is_plain = matches!(byte, 0x20..=0x7F) && !matches!(byte, b'"' | b'\\');
        let due = match byte {
            _ if is_plain => format!("{{\"return\": {{}}, \"id\": \"a{}b\"}}\n", char::from(byte)),
            // Backslash and `b`: an escape.
            b'\\' => "{\"return\": {}, \"id\": \"a\\b\"}\n".to_owned(),
            // The rest after the sentinel is noise.
            0xFF => exchange::error("GenericError", "JSON parse error, expecting value"),
            _ => exchange::error("GenericError", "JSON parse error, invalid syntax"),
        };
        let by_slice = exchange(&mut TestAgent::new(()), &request);
        let mut pushed = TestAgent::new(());
        let mut by_byte = Vec::new();
        for byte in &request {
            assert!(pushed.push(*byte));
            by_byte.extend_from_slice(pushed.transmit());
            pushed.transmitted(usize::MAX);
        }
        let mut polled = TestAgent::new(());
        let mut by_poll = Vec::new();
        let mut bytes = request.iter();
        polled.read_from(|| bytes.next().copied().ok_or(nb::Error::<Infallible>::WouldBlock)).unwrap();
        polled
            .write_to(|byte| {
                by_poll.push(byte);
                nb::Result::<(), Infallible>::Ok(())
            })
            .unwrap();
        for (way, answer) in [("slice", by_slice), ("byte", by_byte), ("poll", by_poll)] {
            assert_eq!(String::from_utf8(answer).unwrap(), due, "{byte:#04x} by {way}");
        }
    }
}
