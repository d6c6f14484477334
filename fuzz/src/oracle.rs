//! serde_json as the oracle: whether a text is JSON, and what it means.

use guestwire::{
    Decoder, Event,
    frame::MAX_DEPTH,
    json::{Encoder, Kind, Value},
};

use crate::tree::Tree;

const SIZE: usize = 4096;

/// The decoder takes the bytes for exactly one frame if serde_json takes them for a value, and reads the same in it.
///
/// The documented exceptions: byte order marks are skipped, and nesting deeper than 64 is refused.
pub fn oracle(bytes: &[u8]) {
    encoder(bytes);
    let mut text = bytes;
    while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] | [0xEF, 0xBB, 0xBF, rest @ ..] = text {
        text = rest;
    }
    let end = text.iter().rposition(|byte| !b" \t\n\r".contains(byte)).map_or(0, |last| last + 1);
    if text[..end].ends_with(b"\xEF\xBB\xBF") || text.len() > SIZE {
        return; // a byte order mark after the value is skipped, too
    }
    let expected =
        std::str::from_utf8(text).ok().filter(|text| serde_json::from_str::<serde_json::Value>(text).is_ok());
    let mut decoder = Decoder::<SIZE>::new();
    let mut outcomes = 0;
    let mut frame = Vec::new();
    for byte in bytes.iter().chain(b"\n") {
        match decoder.push(*byte) {
            Ok(None) => continue,
            Ok(Some(Event::Frame(event))) => {
                frame = event.as_bytes().to_vec();
                if let Some(text) = expected {
                    let tree = Tree::parse(text).expect("serde_json has taken it before");
                    compare(event.value(), &tree);
                }
            }
            _ => frame.clear(),
        }
        outcomes += 1;
    }
    let accepted = outcomes == 1 && !frame.is_empty() && !decoder.is_receiving();
    assert_eq!(accepted, expected.is_some() && depth(text) <= MAX_DEPTH, "{}", bytes.escape_ascii());
}

/// The encoder takes the bytes for JSON if serde_json does, writes the same value on one line, and otherwise nothing.
fn encoder(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).ok().filter(|text| serde_json::from_str::<serde_json::Value>(text).is_ok());
    let mut buffer = vec![0; bytes.len() + 1];
    let mut encoder = Encoder::new(&mut buffer);
    let accepted = encoder.value().json(bytes).is_ok();
    assert_eq!(accepted, text.is_some() && depth(bytes) <= MAX_DEPTH, "{}", bytes.escape_ascii());
    assert_eq!(encoder.line_feed().is_ok(), accepted);
    let Some(text) = text.filter(|_| accepted) else { return assert_eq!(encoder.as_bytes(), b"") };
    let line = std::str::from_utf8(encoder.as_bytes()).expect("it was UTF-8");
    let line = line.strip_suffix('\n').filter(|line| !line.contains(['\n', '\r'])).expect("one line");
    assert_eq!(Tree::parse(line), Tree::parse(text), "{text}");
}

/// The most brackets that are open at once in a valid text.
fn depth(text: &[u8]) -> usize {
    let (mut open, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => open += 1,
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn compare(value: Value<'_>, tree: &Tree) {
    assert_eq!(value.integer(), tree.integer());
    assert_eq!(value.unsigned(), tree.unsigned());
    assert!(value.integer().is_none() || value.integer() == value.whole());
    assert!(value.unsigned().is_none() || value.unsigned() == value.whole_unsigned());
    if let Some(whole) = value.whole() {
        assert_eq!(value.as_str().parse(), Ok(whole as f64), "{value}");
    }
    assert_eq!(value.boolean(), if let Tree::Boolean(boolean) = tree { Some(*boolean) } else { None });
    assert_eq!(value.kind() == Kind::Null, *tree == Tree::Null);
    assert_eq!(value.kind() == Kind::Number, matches!(tree, Tree::Number(_)));
    match (value.string(), tree.text()) {
        (Some(text), Some(expected)) => {
            assert!(text == *expected && text.chars().eq(expected.chars()));
            assert_eq!(text.to_string(), expected);
            assert_eq!(text.copy_to(&mut vec![0; expected.len()]), Ok(expected));
            assert!(expected.is_empty() || text.copy_to(&mut vec![0; expected.len() - 1]).is_err());
            assert!(text.as_str().is_none_or(|text| text == expected));
            assert!(text != *format!("{expected}x"));
        }
        (text, expected) => assert_eq!(text.is_some(), expected.is_some()),
    }
    match (value.elements(), tree) {
        (Some(elements), Tree::Array(expected)) => {
            assert_eq!(elements.clone().count(), expected.len());
            elements.zip(expected).for_each(|(element, expected)| compare(element, expected));
        }
        (elements, _) => assert!(elements.is_none() && !matches!(tree, Tree::Array(_))),
    }
    match (value.members(), tree.members()) {
        (Some(members), Some(expected)) => {
            assert_eq!(members.clone().count(), expected.len());
            for ((name, value), (expected_name, expected)) in members.zip(expected) {
                assert_eq!(name, expected_name.as_str());
                compare(value, expected);
            }
            for (name, _) in expected {
                assert_eq!(value.member(name).map(|value| value.kind()), tree.member(name).map(kind));
            }
        }
        (members, expected) => assert_eq!(members.is_some(), expected.is_some()),
    }
}

fn kind(tree: &Tree) -> Kind {
    match tree {
        Tree::Null => Kind::Null,
        Tree::Boolean(_) => Kind::Boolean,
        Tree::Number(_) => Kind::Number,
        Tree::String(_) => Kind::String,
        Tree::Array(_) => Kind::Array,
        Tree::Object(_) => Kind::Object,
    }
}
