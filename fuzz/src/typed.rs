//! Typed arguments: serde's traits against serde_json, and QAPI's commands against their schema.

use std::collections::BTreeMap;
use std::fmt::Debug;

use guestwire::commands::{
    Exec, FileOpen, FileWrite, FsTrim, Schema, SetMemoryBlocks, SetTime, SetUserPassword, SetVcpus, Shutdown,
    SshAddAuthorizedKeys,
};
use guestwire::{
    frame::Frame,
    json::Encoder,
    message::{ArgumentError, Arguments, Request},
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::arguments::{Read, due};
use crate::tree::Tree;

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

pub fn commands(frame: &Frame<'_>, members: &[(String, Tree)]) {
    let one = |name, optional, kind| Read { name, optional, kind };
    command::<SetTime>(frame, members, Some(&[one("time", true, 0)]));
    command::<FsTrim>(frame, members, Some(&[one("minimum", true, 0)]));
    command::<Shutdown<'_>>(frame, members, Some(&[one("mode", true, 3)]));
    command::<FileOpen<'_>>(frame, members, Some(&[one("path", false, 3), one("mode", true, 3)]));
    let write = [one("handle", false, 0), one("buf-b64", false, 3), one("count", true, 0)];
    command::<FileWrite<'_>>(frame, members, Some(&write));
    command::<Exec<'_>>(frame, members, None);
    command::<SetVcpus<'_>>(frame, members, None);
    command::<SetMemoryBlocks<'_>>(frame, members, None);
    command::<SetUserPassword<'_>>(frame, members, None);
    command::<SshAddAuthorizedKeys<'_>>(frame, members, None);
}

/// Refused arguments are refused for the expected reason. Others are written again with the same members.
fn command<'a, C: Schema<'a>>(frame: &Frame<'a>, members: &[(String, Tree)], reads: Option<&[Read]>) {
    let mut arguments = Request::parse(frame).expect("it is a request").arguments;
    let read = read::<C>(&mut arguments);
    if let Some(reads) = reads {
        assert_eq!(read.as_ref().map(drop).map_err(ToString::to_string), due(members, reads, "").map(drop));
    }
    let Ok(command) = read else { return };
    let mut buffer = vec![0; 4096];
    let mut encoder = Encoder::new(&mut buffer);
    encoder.value().object(|arguments| command.write(arguments)).expect("4 KiB hold it");
    let written = std::str::from_utf8(encoder.as_bytes()).expect("it is UTF-8");
    let Some(Tree::Object(written)) = Tree::parse(written) else { panic!("an object: {written}") };
    assert_eq!(written.len(), members.len());
    for (name, value) in members {
        let (_, same) = written.iter().find(|(other, _)| other == name).expect("it was read");
        assert!(same == value || same.integer() == value.integer() && same.integer().is_some(), "{name}");
    }
}

fn read<'a, C: Schema<'a>>(arguments: &mut Arguments<'a>) -> Result<C, ArgumentError<'a>> {
    let command = C::read(arguments)?;
    arguments.end()?;
    Ok(command)
}
