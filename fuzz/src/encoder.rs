//! The encoder: its output parses to the same value, and a value that does not fit writes nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use guestwire::commands::Bytes;
use guestwire::{
    Decoder, Event,
    json::{ArrayEncoder, DoesNotFit, Encoder, ObjectEncoder, ValueEncoder},
};

use crate::tree::Tree;

/// What to write, from the fuzzer's bytes.
enum Written {
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Thousandths(i64),
    String(String),
    Display(String),
    Bytes(Vec<u8>),
    Array(Vec<Written>),
    Object(Vec<(String, Written)>),
}

/// The first two bytes say how large the buffer is, the others what is written.
pub fn encoder(bytes: &[u8]) {
    let [low, high, rest @ ..] = bytes else { return };
    let value = value(&mut &rest[..], 0);
    let mut large = vec![0; 1 << 16];
    let mut encoder = Encoder::new(&mut large);
    write(encoder.value(), &value).expect("64 KiB hold it");
    let text = std::str::from_utf8(encoder.into_bytes()).expect("it is ASCII");
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "printable ASCII: {text}");
    assert!(same(&Tree::parse(text).expect("it is JSON"), &value), "{text}");
    let mut decoder = Box::new(Decoder::<65535>::new());
    let outcome = decoder.push_slice(format!("{text}\n").as_bytes()).1;
    assert!(matches!(outcome, Ok(Some(Event::Frame(_)))), "our own decoder takes it: {text}");

    // In a smaller buffer it is complete, between what was written before and after it, or absent.
    let size = usize::from(u16::from_le_bytes([*low, *high])) % (text.len() + 8);
    let mut small = vec![0; size];
    let mut encoder = Encoder::new(&mut small);
    let _ = encoder.sentinel();
    let fits = write(encoder.value(), &value);
    assert_eq!(fits.is_ok(), size > text.len(), "{size} bytes for {}", text.len());
    let due = if encoder.line_feed().is_ok() { [b"\xFF", text.as_bytes(), b"\n"].concat() } else { vec![] };
    assert_eq!(encoder.as_bytes(), due);

    // Inside a container, too, and if the error is ignored.
    let mut encoder = Encoder::new(&mut small);
    let array = encoder.value().array(|list| {
        list.element().integer(1)?;
        let _ = write(list.element(), &value);
        list.element().integer(2)
    });
    let due = if array.is_ok() { format!("[1, {text}, 2]") } else { String::new() };
    assert_eq!(encoder.as_bytes(), due.as_bytes());
}

fn value(bytes: &mut &[u8], depth: usize) -> Written {
    let kind = u8::from_le_bytes(take(bytes));
    match kind % 9 {
        0 => Written::Boolean(kind & 16 != 0),
        1 => Written::Integer(i64::from_le_bytes(take(bytes))),
        2 => Written::Unsigned(u64::from_le_bytes(take(bytes))),
        3 => Written::Thousandths(i64::from_le_bytes(take(bytes)) >> (kind / 9 * 2)),
        4 => Written::String(text(bytes)),
        5 => Written::Display(text(bytes)),
        6 if depth < 9 => Written::Array((0..kind / 9 % 4).map(|_| value(bytes, depth + 1)).collect()),
        7 if depth < 9 => Written::Object((0..kind / 9 % 4).map(|_| (text(bytes), value(bytes, depth + 1))).collect()),
        8 if kind & 16 != 0 => Written::Bytes(some(bytes).to_vec()),
        _ => Written::Null,
    }
}

/// Zeros, where there is nothing left.
fn take<const COUNT: usize>(bytes: &mut &[u8]) -> [u8; COUNT] {
    let (taken, rest) = bytes.split_at(bytes.len().min(COUNT));
    *bytes = rest;
    let mut array = [0; COUNT];
    array[..taken.len()].copy_from_slice(taken);
    array
}

fn some<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let [length] = take(bytes);
    let (taken, rest) = bytes.split_at(bytes.len().min(usize::from(length % 32)));
    *bytes = rest;
    taken
}

fn text(bytes: &mut &[u8]) -> String {
    String::from_utf8_lossy(some(bytes)).into_owned()
}

fn write(encoder: ValueEncoder<'_>, value: &Written) -> Result<(), DoesNotFit> {
    match value {
        Written::Null => encoder.null(),
        Written::Boolean(boolean) => encoder.boolean(*boolean),
        Written::Integer(number) => encoder.integer(*number),
        Written::Unsigned(number) => encoder.unsigned(*number),
        Written::Thousandths(number) => encoder.thousandths(*number),
        Written::String(text) => encoder.string(text),
        Written::Display(text) => encoder.display(text),
        Written::Bytes(bytes) => encoder.encode(Bytes::Plain(bytes)),
        Written::Array(elements) => encoder.array(|list: &mut ArrayEncoder<'_>| {
            elements.iter().try_for_each(|element| write(list.element(), element))
        }),
        Written::Object(members) => encoder.object(|object: &mut ObjectEncoder<'_>| {
            members.iter().try_for_each(|(name, value)| write(object.member(name), value))
        }),
    }
}

fn same(tree: &Tree, value: &Written) -> bool {
    match (tree, value) {
        (Tree::Null, Written::Null) => true,
        (Tree::Boolean(tree), Written::Boolean(value)) => tree == value,
        (Tree::Number(_), Written::Integer(value)) => tree.integer() == Some(*value),
        (Tree::Number(_), Written::Unsigned(value)) => tree.unsigned() == Some(*value),
        (Tree::Number(digits), Written::Thousandths(value)) => {
            let sign = if *value < 0 { "-" } else { "" };
            *digits == format!("{sign}{}.{:03}", value.unsigned_abs() / 1000, value.unsigned_abs() % 1000)
        }
        (Tree::String(tree), Written::String(value) | Written::Display(value)) => tree == value,
        (Tree::String(tree), Written::Bytes(value)) => *tree == STANDARD.encode(value),
        (Tree::Array(tree), Written::Array(value)) => {
            tree.len() == value.len() && tree.iter().zip(value).all(|(tree, value)| same(tree, value))
        }
        (Tree::Object(tree), Written::Object(value)) => {
            let same =
                |((name, tree), (due, value)): (&(String, Tree), &(String, Written))| name == due && same(tree, value);
            tree.len() == value.len() && tree.iter().zip(value).all(same)
        }
        _ => false,
    }
}
