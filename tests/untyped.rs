//! A host without types: values by their place, errors that outlive the response, values passed on with serde.

mod differences;
mod random;
mod recordings;

use std::error::Error;

use differences::same_json;
use guestwire::json::{Encoder, Value};
use guestwire::message::{OwnedErrorResponse, Response};
use guestwire::{Client, Decoder, Event, Reply};
use random::Random;
use recordings::recordings;
use serde::Serialize;

const N: usize = 65535;

fn with_value<T>(text: &str, read: impl FnOnce(Value<'_>) -> T) -> T {
    let mut decoder: Box<Decoder<N>> = Box::default();
    let bytes = format!("{text}\n").into_bytes();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(&bytes) else { panic!("{text} is a frame") };
    read(frame.value())
}

/// Every recorded response that is not too long and does not nest too deep, as we and as serde_json read it.
fn for_each_response(mut check: impl FnMut(Value<'_>, &serde_json::Value)) {
    let mut count = 0;
    for recording in recordings() {
        for line in recording.output.split(|byte| matches!(byte, b'\n' | 0xFF)) {
            let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
            let mut decoder: Box<Decoder<N>> = Box::default();
            if let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(line) {
                check(frame.value(), &theirs);
                count += 1;
            }
        }
    }
    assert!(count > 2000, "{count}");
}

/// The examples of RFC 6901, section 5.
#[test]
fn a_json_pointer_leads_to_a_value() {
    let document = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
    with_value(document, |value| {
        let at = |pointer| value.pointer(pointer).map(|value| value.to_string());
        assert_eq!(at(""), Some(document.to_owned()));
        assert_eq!(at("/foo"), Some(r#"["bar","baz"]"#.to_owned()));
        assert_eq!(at("/foo/0"), Some(r#""bar""#.to_owned()));
        let names = ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"];
        for (number, pointer) in names.into_iter().enumerate() {
            assert_eq!(at(pointer), Some(number.to_string()), "{pointer}");
        }
        for nothing in [
            "foo",
            "/foo/2",
            "/foo/-",
            "/foo/00",
            "/foo/01",
            "/foo/+1",
            "/foo/",
            "/foo/0/",
            "/foo/0/0",
            "/f",
            "/food",
            "/foo/bar",
            "/m~n",
            "/m~2n",
            "/m~",
            "/foo/99999999999999999999999",
        ] {
            assert_eq!(at(nothing), None, "{nothing}");
        }
    });
    with_value(r#"{"\u0061\/b":{"\ud83d\ude00":[true]}}"#, |value| {
        assert_eq!(value.pointer("/a~1b/😀/0").and_then(|value| value.boolean()), Some(true));
    });
}

/// All places in a value, as JSON Pointers.
fn pointers(value: &serde_json::Value, to: String, all: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                pointers(element, format!("{to}/{index}"), all);
            }
        }
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                pointers(member, format!("{to}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        _ => {}
    }
    all.push(to);
}

#[test]
fn every_place_in_every_recorded_response_is_found_as_serde_json_finds_it() {
    for_each_response(|ours, theirs| {
        let mut all = Vec::new();
        pointers(theirs, String::new(), &mut all);
        for pointer in all {
            let ours = ours.pointer(&pointer).expect(&pointer).to_string();
            let ours: serde_json::Value = serde_json::from_str(&ours).unwrap();
            assert_eq!(Some(&ours), theirs.pointer(&pointer), "{pointer}");
        }
    });
}

/// A value as a hostile guest might send it: names that look like pointers, escapes, quotes and brackets in strings.
fn hostile(random: &mut Random, depth: usize) -> serde_json::Value {
    const NAMES: [&str; 16] =
        ["", "a", "0", "1", "00", "-", "~", "/", "~1", "~0", "~01", "a/b", "\"", "\\", "}{", "\u{1F600}\u{0}"];
    let count = if depth == 0 { 0 } else { random.below(4) };
    match random.below(if depth == 0 { 3 } else { 6 }) {
        0 => random.pick(&NAMES).into(),
        1 => random.pick(&[0_u64, 7, u64::MAX]).into(),
        2 => random.pick(&[None, Some(true), Some(false)]).into(),
        3 => (0..count).map(|_| hostile(random, depth - 1)).collect(),
        _ => (0..count).map(|_| (random.pick(&NAMES).to_owned(), hostile(random, depth - 1))).collect(),
    }
}

#[test]
fn every_place_in_a_hostile_response_is_found_and_no_other() {
    let mut random = Random(31);
    let (mut found, mut nothing) = (0, 0);
    for _ in 0..2_000 {
        let theirs = hostile(&mut random, 6);
        let mut all = Vec::new();
        pointers(&theirs, String::new(), &mut all);
        with_value(&theirs.to_string(), |ours| {
            for pointer in all {
                // The place, and places beside it.
                for end in ["", "/", "/0", "/1", "/a", "/~0", "/~1", "/~01", "/00"] {
                    let pointer = format!("{pointer}{end}");
                    let value = ours.pointer(&pointer).map(|value| value.to_string());
                    let value = value.map(|text| serde_json::from_str(&text).expect("a whole value"));
                    assert_eq!(value.as_ref(), theirs.pointer(&pointer), "{pointer:?} in {theirs}");
                    *(if value.is_some() { &mut found } else { &mut nothing }) += 1;
                }
            }
        });
    }
    assert!(found > 5_000 && nothing > 5_000, "{found} {nothing}");
}

/// As a function of a program: nothing that it returns borrows from the client.
fn asked(client: &mut Client<1024, 256>, received: &[u8]) -> Result<String, Box<dyn Error>> {
    client.execute("guest-get-host-name")?;
    client.transmitted(usize::MAX);
    match client.push_slice(received).1? {
        Some(Reply::Return(value)) => Ok(value.pointer("/host-name").ok_or("no name")?.to_string()),
        Some(Reply::Error(error)) => Err(error.into_owned::<64>().into()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_outlives_the_response() {
    let mut client: Client<1024, 256> = Client::new();
    client.synchronize(7);
    client.transmitted(usize::MAX);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
    let refused = br#"{"id": 8, "error": {"class": "CommandNotFound", "desc": "no caf\u00e9 here"}}"#;
    let error = asked(&mut client, refused).expect_err("it is an error");
    assert_eq!(asked(&mut client, br#"{"return": {"host-name": "vm"}, "id": 9}"#).expect("it was answered"), r#""vm""#);
    assert_eq!(error.to_string(), "CommandNotFound: no café here");
    let error: &OwnedErrorResponse<64> = error.downcast_ref().expect("the error of the agent");
    assert_eq!((error.class(), error.desc()), ("CommandNotFound", "no café here"));
    assert_eq!(format!("{error:?}"), r#"OwnedErrorResponse { class: "CommandNotFound", desc: "no café here" }"#);
}

#[test]
fn a_text_that_does_not_fit_is_cut_between_characters() {
    fn check<const N: usize>(class: &str, desc: &str) {
        let text = r#"{"error": {"class": "G\u00e9n", "desc": "a\u00e9\ud83d\ude00b"}}"#;
        let mut decoder: Decoder<128> = Decoder::new();
        let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(text.as_bytes()) else { panic!("it is a frame") };
        let error = Response::parse(&frame).expect("a response").outcome.expect_err("an error");
        let owned = error.into_owned::<N>();
        assert_eq!((owned.class(), owned.desc()), (class, desc), "{N} bytes");
        assert_eq!(owned.to_string(), format!("{class}: {desc}"));
    }
    check::<0>("", "");
    check::<1>("G", "");
    check::<2>("G", ""); // not the description in the byte that is left
    check::<3>("Gé", "");
    check::<4>("Gén", "");
    check::<5>("Gén", "a");
    check::<6>("Gén", "a");
    check::<7>("Gén", "aé");
    check::<10>("Gén", "aé");
    check::<11>("Gén", "aé😀");
    check::<12>("Gén", "aé😀b");
    check::<200>("Gén", "aé😀b");
}

/// Whitespace between its tokens is no part of a value. How a string is escaped is.
#[test]
fn values_are_equal_if_they_are_spelled_alike() {
    for (one, other, is_equal) in [
        (r#"{ "a":[1 , null] }"#, r#"{"a": [1,null]}"#, true),
        (r#"{"a": 1}"#, r#"{"a": 2}"#, false),
        (r#"{"a": 1, "b": 2}"#, r#"{"b": 2, "a": 1}"#, false),
        (r#"["\u0061"]"#, r#"["a"]"#, false),
        ("[1.0]", "[1]", false),
    ] {
        with_value(one, |one| with_value(other, |other| assert_eq!(one == other, is_equal, "{one} {other}")));
    }
}

#[test]
fn a_value_is_serialized_as_what_it_is() {
    for_each_response(|ours, theirs| {
        assert!(same_json(&serde_json::to_value(ours).unwrap(), theirs), "{ours}");
    });
}

#[test]
fn a_value_in_a_type_of_the_host_is_serialized_with_it() {
    #[derive(Serialize)]
    struct Log<'a> {
        guest: &'a str,
        answer: Value<'a>,
    }
    with_value(r#"{"a": [1, -2, 18446744073709551615, 0.5, null, true, "caf\u00e9"]}"#, |answer| {
        let log = Log { guest: "one", answer };
        let text = r#"{"guest":"one","answer":{"a":[1,-2,18446744073709551615,0.5,null,true,"café"]}}"#;
        assert_eq!(serde_json::to_string(&log).unwrap(), text);
        let mut buffer = [0; 256];
        let mut encoder = Encoder::new(&mut buffer);
        encoder.value().serialize(&log).unwrap();
        let text = r#"{"guest": "one", "answer": {"a": [1, -2, 18446744073709551615, 0.5, null, true, "caf\u00E9"]}}"#;
        assert_eq!(str::from_utf8(encoder.as_bytes()).unwrap(), text);
    });
}

/// As when it is deserialized.
#[test]
fn a_negative_zero_loses_its_sign_in_a_value_that_is_serialized() {
    with_value("[-0, -0.0, 0]", |value| {
        assert_eq!(serde_json::to_string(&value).unwrap(), "[-0.0,-0.0,0]");
    });
}

/// What a double cannot hold is not silently another number.
#[test]
fn a_number_beyond_doubles_is_not_serialized() {
    with_value("[1e999]", |value| {
        assert!(serde_json::to_string(&value).is_err());
    });
}
