//! Typed arguments: serde's traits against serde_json.

use std::collections::BTreeMap;
use std::fmt::Debug;

use guestwire::{
    frame::Frame,
    message::{ArgumentError, Request},
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A struct with optional members of one type.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Each<T> {
    a: T,
    b: T,
    id: T,
    #[serde(rename = "\u{e9}")]
    e: T,
}

/// The same as a return value: `null` counts as absent, and unknown members are ignored.
#[derive(Debug, PartialEq, Deserialize)]
struct Returned {
    a: Option<i64>,
    b: Option<Vec<Option<u16>>>,
    id: Option<String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
enum Shape {
    #[default]
    #[serde(rename = "a")]
    Unit,
    #[serde(rename = "b")]
    Newtype(i16),
    #[serde(rename = "id")]
    Tuple(bool, String),
}

pub fn serde(text: &str, frame: &Frame<'_>) {
    // Strings with escapes are unescaped in 256 bytes.
    if text.len() > 256 {
        return;
    }
    check::<bool>(text, frame);
    check::<i8>(text, frame);
    check::<i64>(text, frame);
    check::<u8>(text, frame);
    check::<u64>(text, frame);
    check::<f32>(text, frame);
    check::<f64>(text, frame);
    check::<()>(text, frame);
    check::<char>(text, frame);
    check::<String>(text, frame);
    check::<Shape>(text, frame);
    check::<Vec<u16>>(text, frame);
    check::<(i32, String)>(text, frame);
    check::<BTreeMap<String, u32>>(text, frame);
    check::<Each<String>>(text, frame);

    let argument = frame.value().member("arguments").expect("it was written");
    // A whole number may be spelled as floating point there.
    let read = argument.deserialize::<Returned>();
    if read.is_err() || !text.contains(['.', 'e', 'E']) {
        compare(read, text);
    }
}

fn check<T: DeserializeOwned + Debug + Default + PartialEq>(text: &str, frame: &Frame<'_>) {
    let mut request = Request::parse(frame).expect("it is a request");
    let read = request.arguments.deserialize::<Each<T>>();
    assert!(read.is_err() || request.arguments.end().is_ok(), "all is read");
    compare(read, text);
}

fn compare<T: DeserializeOwned + Debug + PartialEq>(read: Result<T, ArgumentError<'_>>, text: &str) {
    match (read, serde_json::from_str::<T>(text)) {
        (Ok(read), Ok(due)) => assert_eq!(read, due, "{text}"),
        (Err(_), Err(_)) => {}
        // Zero is zero.
        (Ok(_), Err(_)) => assert!(text.contains("-0"), "taken: {text}"),
        // A map does not take a name twice, a struct no array, and a variant without content none.
        (Err(error), Ok(_)) => {
            let error = error.to_string();
            let null = text.contains("null") && error.starts_with("Invalid parameter '");
            assert!(null || error.ends_with("duplicate key") || error.ends_with("expected: object"), "{error}: {text}");
        }
    }
}
