//! Typed arguments and return values through serde's traits, against serde_json, which reads and writes the same types.

mod arguments;
mod exchange;
mod random;

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Formatter};

use arguments::arguments;
use exchange::exchange;
use guestwire::{
    Agent, Call, Client, Command, CommandResult, Decoder, Event, Guest,
    client::ExecuteError,
    json::{DoesNotFit, Encoder, ObjectEncoder, Text, ValueEncoder},
    message::ArgumentError,
    serde::SerializeError,
};
use random::Random;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::ser::{self, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

const N: usize = 65535;

/// Reads `json` as a command's return value.
fn returned<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let mut decoder: Box<Decoder<N>> = Box::default();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(format!("{json} ").as_bytes()) else {
        panic!("no frame: {json}")
    };
    frame.value().deserialize().map_err(|error| error.to_string())
}

/// An agent's response with a value.
fn response<T: Serialize + 'static>(value: T) -> String {
    struct Returns<T>(T);

    impl<T: Serialize + 'static> Guest for Returns<T> {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("value", respond)];
    }

    fn respond<T: Serialize + 'static>(guest: &mut Returns<T>, call: Call<'_>) -> CommandResult {
        call.respond()?.serialize(&guest.0)
    }

    let mut agent: Box<Agent<Returns<T>, 256, N>> = Box::new(Agent::new(Returns(value)));
    let response = String::from_utf8(exchange(&mut agent, b"{\"execute\": \"value\"}")).unwrap();
    response.strip_suffix('\n').unwrap().into()
}

fn written<T: Serialize + 'static>(value: T) -> String {
    let response = response(value);
    let value = response.strip_prefix("{\"return\": ").and_then(|response| response.strip_suffix('}'));
    value.unwrap_or_else(|| panic!("{response}")).into()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(i16),
    #[serde(rename = "t\u{fc}ple")]
    Tuple(bool, String),
    Struct {
        #[serde(rename = "in-side")]
        inside: Option<u8>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(i64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct UnitStruct;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Everything {
    yes_or_no: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f32: f32,
    f64: f64,
    char: char,
    string: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<String>,
    list: Vec<u16>,
    tuple: (i8, String),
    newtype: Newtype,
    unit: (),
    unit_struct: UnitStruct,
    map: BTreeMap<String, bool>,
    shapes: Vec<Shape>,
    #[serde(default)]
    with_default: u8,
    boxed: Option<Box<Everything>>,
}

fn string(random: &mut Random) -> String {
    let alphabet = ['a', 'Z', '"', '\\', '/', '\n', '\0', '\u{7f}', 'é', '\u{ffff}', '😀', '\u{10ffff}', ' ', '}'];
    (0..random.below(30)).map(|_| random.pick(&alphabet)).collect()
}

fn shape(random: &mut Random) -> Shape {
    match random.below(4) {
        0 => Shape::Unit,
        1 => Shape::Newtype(random.next() as i16),
        2 => Shape::Tuple(random.one_in(2), string(random)),
        _ => Shape::Struct { inside: random.one_in(2).then(|| random.next() as u8) },
    }
}

fn everything(random: &mut Random, depth: usize) -> Everything {
    let double = loop {
        let double = f64::from_bits(random.next());
        if double.is_finite() {
            break double;
        }
    };
    let edges = [i64::MIN, -1, 0, 1, i64::MAX];
    Everything {
        yes_or_no: random.one_in(2),
        i8: random.pick(&edges).clamp(i8::MIN.into(), i8::MAX.into()) as i8,
        i16: random.next() as i16,
        i32: random.next() as i32,
        i64: if random.one_in(2) { random.pick(&edges) } else { random.next() as i64 },
        u8: random.next() as u8,
        u16: random.next() as u16,
        u32: random.next() as u32,
        u64: if random.one_in(2) { u64::MAX } else { random.next() },
        f32: (random.next() as i32) as f32 / 7.0,
        f64: if random.one_in(2) { double } else { random.below(1000) as f64 / 8.0 },
        char: random.pick(&['a', '"', 'é', '😀']),
        string: string(random),
        option: random.one_in(2).then(|| string(random)),
        list: (0..random.below(5)).map(|_| random.next() as u16).collect(),
        tuple: (random.next() as i8, string(random)),
        newtype: Newtype(random.next() as i64),
        unit: (),
        unit_struct: UnitStruct,
        map: (0..random.below(4)).map(|_| (string(random), random.one_in(2))).collect(),
        shapes: (0..random.below(4)).map(|_| shape(random)).collect(),
        with_default: 7,
        boxed: (depth > 0).then(|| Box::new(everything(random, depth - 1))),
    }
}

/// The same JSON, with every character of its strings and names escaped in one of the possible ways.
fn escaped(json: &str, random: &mut Random) -> String {
    let mut out = String::new();
    let mut characters = json.chars();
    let mut inside = false;
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                inside = !inside;
                out.push('"');
            }
            '\\' => {
                let escape = characters.next();
                out.push('\\');
                out.extend(escape);
                if escape == Some('u') {
                    out.extend(characters.by_ref().take(4));
                }
            }
            _ if inside && random.one_in(3) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(character),
        }
    }
    out
}

#[test]
fn what_is_written_reads_as_what_it_was_by_serde_json_and_by_us() {
    let mut random = Random(1);
    for _ in 0..2000 {
        let value = everything(&mut random, 2);
        let json = written(value.clone());
        assert!(json.is_ascii());
        assert_eq!(serde_json::from_str::<Everything>(&json).unwrap(), value, "{json}");
        let escaped = escaped(&json, &mut random);
        // Its boxed member may be null, which is absent in a return value and of the wrong type in arguments.
        assert_eq!(returned::<Everything>(&escaped).as_ref(), Ok(&value), "{escaped}");
        let theirs = serde_json::to_string(&value).unwrap();
        assert_eq!(returned::<Everything>(&theirs).as_ref(), Ok(&value), "{theirs}");
        let same: serde_json::Value = serde_json::from_str(&theirs).unwrap();
        let as_integers = |value: &serde_json::Value| value["i64"].to_string() + &value["u64"].to_string();
        assert_eq!(as_integers(&serde_json::from_str(&json).unwrap()), as_integers(&same));
    }
}

/// Both read the same value from a text, or both refuse it.
fn same<T: DeserializeOwned + PartialEq + Debug>(json: &str) -> bool {
    let ours = returned::<T>(json);
    let theirs = serde_json::from_str::<T>(json);
    assert_eq!(ours.as_ref().ok(), theirs.as_ref().ok(), "{json}: {ours:?}, {theirs:?}");
    ours.is_ok()
}

#[test]
fn numbers_are_read_as_serde_json_reads_them() {
    let mut texts: Vec<String> =
        ["0.0", "1.0", "1e2", "-1e-2", "1e95", "-3.5e38", "1E400", "1e-50", "1e-400", "true", "null", "\"1\"", "[1]"]
            .map(String::from)
            .into();
    for power in 0..65 {
        for offset in -1..2_i128 {
            texts.push(((1_i128 << power) + offset).to_string());
            texts.push((-(1_i128 << power) + offset).to_string());
        }
    }
    let mut accepted = 0;
    for text in &texts {
        // Other spellings of whole numbers, which serde_json does not take: tests/numbers.rs.
        if text.parse::<f64>().is_ok_and(|number| number.fract() == 0.0) && text.contains(['.', 'e', 'E']) {
            assert!(same::<f32>(text) | same::<f64>(text), "{text}");
            continue;
        }
        let all = [
            same::<i8>(text),
            same::<i16>(text),
            same::<i32>(text),
            same::<i64>(text),
            same::<u8>(text),
            same::<u16>(text),
            same::<u32>(text),
            same::<u64>(text),
            same::<f32>(text),
            same::<f64>(text),
        ];
        accepted += all.iter().filter(|accepted| **accepted).count();
    }
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn mutated_objects_are_read_as_serde_json_reads_them() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Small {
        a: i8,
        b: Option<String>,
        c: Vec<bool>,
        d: Shape,
    }
    let pieces = [
        "1",
        "-129",
        "null",
        "\"x\"",
        "\"\\u00e9\\\"\"",
        "[true,false]",
        "[]",
        "[1]",
        "{}",
        "\"Unit\"",
        "\"Newtype\"",
        "{\"Newtype\":3}",
        "{\"Newtype\":\"3\"}",
        "{\"t\\u00fcple\":[true,\"y\"]}",
        "{\"t\u{fc}ple\":[true]}",
        "{\"t\u{fc}ple\":[true,\"y\",1]}",
        "{\"Struct\":{\"in-side\":3}}",
        "{\"Struct\":{}}",
        "{\"Unit\":null}",
        "{\"Unit\":{}}",
    ];
    let mut random = Random(2);
    let mut accepted = 0;
    for _ in 0..50_000 {
        let mut members = vec![];
        for name in ["a", "b", "c", "d", "e"] {
            if !random.one_in(5) {
                let likely = match name {
                    "a" => &pieces[..2],
                    "b" => &pieces[2..5],
                    "c" => &pieces[5..8],
                    "d" => &pieces[9..],
                    _ => &pieces[..],
                };
                let value = if random.one_in(12) { random.pick(&pieces) } else { random.pick(likely) };
                members.push(format!("\"{name}\":{value}"));
            }
        }
        let json = format!("{{{}}}", members.join(","));
        accepted += usize::from(same::<Small>(&json));
    }
    assert!(accepted > 1000, "{accepted}");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Vcpu {
    #[serde(rename = "logical-id")]
    logical_id: i64,
    online: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Whence {
    Set,
    Cur,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Arguments {
    vcpus: Vec<Vcpu>,
    whence: Option<Whence>,
    small: Option<u8>,
    load: Option<f64>,
    name: Option<String>,
}

#[test]
fn errors_are_those_of_the_reference_agent() {
    let error = |json| arguments::<Arguments>(json).unwrap_err();
    assert_eq!(error("{}"), "Parameter 'vcpus' is missing");
    assert_eq!(error("{\"vcpus\": [{\"logical-id\": 0}]}"), "Parameter 'vcpus[0].online' is missing");
    assert_eq!(error("{\"vcpus\": [5]}"), "Invalid parameter type for 'vcpus[0]', expected: object");
    assert_eq!(error("{\"vcpus\": {}}"), "Invalid parameter type for 'vcpus', expected: array");
    let vcpu = "{\"vcpus\": [{\"logical-id\": 0, \"online\": 1}]}";
    assert_eq!(error(vcpu), "Invalid parameter type for 'vcpus[0].online', expected: boolean");
    let vcpu = "{\"vcpus\": [{\"logical-id\": 0, \"online\": true, \"x\": 1}]}";
    assert_eq!(error(vcpu), "Parameter 'vcpus[0].x' is unexpected");
    assert_eq!(error("{\"vcpus\": [], \"x\": 1}"), "Parameter 'x' is unexpected");
    assert_eq!(error("{\"vcpus\": [], \"small\": 256}"), "Parameter 'small' expects uint8_t");
    assert_eq!(error("{\"vcpus\": [], \"small\": null}"), "Parameter 'small' expects uint64");
    assert_eq!(error("{\"vcpus\": [], \"load\": \"1\"}"), "Invalid parameter type for 'load', expected: number");
    assert_eq!(error("{\"vcpus\": [], \"load\": 1e999}"), "Invalid parameter type for 'load', expected: number");
    assert_eq!(error("{\"vcpus\": [], \"name\": null}"), "Invalid parameter type for 'name', expected: string");
    let whence = "{\"vcpus\": [], \"whence\": \"bogus\"}";
    assert_eq!(error(whence), "Parameter 'whence' does not accept value 'bogus'");
    assert_eq!(error("{\"vcpus\": [], \"whence\": true}"), "Invalid parameter type for 'whence', expected: string");
    assert_eq!(error("{\"vcpus\": [], \"vcpus\": []}"), "JSON parse error, duplicate key");
    assert_eq!(error("{\"vcpus\": [], \"\\u0076cpus\": []}"), "JSON parse error, duplicate key");
    let long = format!("{{\"vcpus\": [], \"name\": \"\\n{}\"}}", "x".repeat(256));
    assert_eq!(error(&long), "Invalid parameter 'name'");

    let right = r#"{"load": 2, "whence": "s\u0065t", "v\u0063pus": [{"online": true, "logical-id": 3}], "name": "\ud83d\ude00"}"#;
    let expected = Arguments {
        vcpus: vec![Vcpu { logical_id: 3, online: true }],
        whence: Some(Whence::Set),
        small: None,
        load: Some(2.0),
        name: Some("😀".into()),
    };
    assert_eq!(arguments(right), Ok(expected));
}

#[test]
fn maps_are_read_and_refuse_duplicate_names() {
    assert_eq!(arguments("{\"a\": 1, \"b\\n\": 2}"), Ok(HashMap::from([("a".to_string(), 1), ("b\n".to_string(), 2)])));
    let twice = arguments::<HashMap<String, i64>>("{\"a\": 1, \"\\u0061\": 2}");
    assert_eq!(twice, Err("JSON parse error, duplicate key".into()));
}

#[test]
fn a_text_is_read_whatever_is_in_it_and_a_str_unless_it_has_escapes() {
    #[derive(Deserialize)]
    struct Both<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        plain: &'a str,
    }
    let mut decoder: Box<Decoder<N>> = Box::default();
    let mut read = |json: String| -> Result<(String, String), String> {
        let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(json.as_bytes()) else { panic!("no frame") };
        let both: Both<'_> = frame.value().deserialize().map_err(|error: ArgumentError<'_>| error.to_string())?;
        Ok((both.text.to_string(), both.plain.to_string()))
    };
    let long = "\\ud83d\\ude00".repeat(1000);
    let right = read(format!("{{\"text\": \"{long}\", \"plain\": \"é\"}}"));
    assert_eq!(right, Ok(("😀".repeat(1000), "é".into())));
    assert_eq!(read("{\"text\": \"\", \"plain\": \"\\u0041\"}".into()), Err("Invalid parameter 'plain'".into()));
}

#[test]
fn a_name_in_a_map_is_a_text_whatever_is_in_it() {
    struct Entries<'a>(Vec<(Text<'a>, i64)>);

    impl<'de> Deserialize<'de> for Entries<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct EntriesVisitor;

            impl<'de> Visitor<'de> for EntriesVisitor {
                type Value = Entries<'de>;

                fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a map")
                }

                fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                    let mut entries = Vec::new();
                    while let Some(entry) = map.next_entry()? {
                        entries.push(entry);
                    }
                    Ok(Entries(entries))
                }
            }

            deserializer.deserialize_map(EntriesVisitor)
        }
    }

    let mut decoder: Decoder<64> = Decoder::new();
    let json = br#"{"caf\u00e9 \"": 1, "": 2}"#;
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(json) else { panic!("no frame") };
    let Entries(entries) = frame.value().deserialize().unwrap();
    let entries: Vec<_> = entries.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    assert_eq!(entries, [("café \"".into(), 1), (String::new(), 2)]);
}

#[test]
fn a_value_that_json_cannot_express_is_an_error_response() {
    let error = |desc| format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{desc}\"}}}}");
    assert_eq!(response(f64::NAN), error("A number that is not finite has no form in JSON"));
    assert_eq!(response([f32::INFINITY]), error("A number that is not finite has no form in JSON"));
    assert_eq!(response(u128::MAX), error("A number of more than 64 bits has no form here"));
    assert_eq!(response(i128::MIN), error("A number of more than 64 bits has no form here"));
    assert_eq!(response(BTreeMap::from([(1, 2)])), error("A name in a JSON object must be a string"));
    assert_eq!(response(c"bytes".to_owned()), error("Bytes have no form in JSON"));
    assert_eq!(response("x".repeat(N)), error("Response does not fit the transmit buffer"));
    assert_eq!(written((u128::from(u64::MAX), i128::from(i64::MIN))), "[18446744073709551615, -9223372036854775808]");
    assert_eq!(written([i128::from(u64::MAX), -1]), "[18446744073709551615, -1]");
    assert_eq!(response(i128::from(u64::MAX) + 1), error("A number of more than 64 bits has no form here"));
    assert_eq!(written(Shape::Tuple(true, "\u{7f}".into())), r#"{"t\u00FCple": [true, "\u007F"]}"#);
    assert_eq!(written(Shape::Struct { inside: None }), r#"{"Struct": {}}"#);
    assert_eq!(written(BTreeMap::from([(Whence2::Set, 1), (Whence2::Cur, 2)])), r#"{"Set": 1, "Cur": 2}"#);
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Whence2 {
    Set,
    Cur,
}

/// As deep as the lexer allows, into a type that would recurse forever.
#[test]
fn recursion_is_bounded_by_the_lexer() {
    let nested = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert!(returned::<serde_json::Value>(&nested).is_ok());
    let mut decoder: Box<Decoder<N>> = Box::default();
    let one_more = format!("[{nested}]");
    assert!(decoder.push_slice(one_more.as_bytes()).1.is_err());
}

#[test]
fn numbers_that_a_type_does_not_hold() {
    assert_eq!(
        arguments::<HashMap<String, f32>>("{\"x\": 1e300}").unwrap_err(),
        "Invalid parameter type for 'x', expected: number"
    );
    assert_eq!(arguments::<HashMap<String, f32>>("{\"x\": 1e38}").unwrap()["x"], 1e38);
    for number in [i128::from(i64::MIN), -1, 0, u64::MAX.into()] {
        assert_eq!(arguments::<HashMap<String, i128>>(&format!("{{\"x\": {number}}}")).unwrap()["x"], number);
    }
    assert_eq!(arguments::<HashMap<String, u128>>("{\"x\": 18446744073709551615}").unwrap()["x"], u64::MAX.into());
    assert!(arguments::<HashMap<String, i128>>("{\"x\": 18446744073709551616}").is_err());
}

/// 0.1 as an `f32` is not 0.10000000149011612.
#[test]
fn a_float_is_written_with_the_digits_of_its_own_width() {
    for (number, due) in [(0.1_f32, "0.1"), (-2.5, "-2.5"), (1e-7, "1e-7"), (f32::MAX, "3.4028235e38")] {
        assert_eq!(written(number), due);
        assert_eq!(returned::<f32>(due), Ok(number));
    }
    assert_eq!(returned("7.038531e-26"), Ok(7.038531e-26_f32), "not rounded twice");
    assert_eq!(written(0.1_f64), "0.1");
    assert_eq!(written(f64::from(0.1_f32)), "0.10000000149011612");
}

/// The array itself is of the right type.
#[test]
fn an_element_too_many_is_named() {
    let error = |json| arguments::<HashMap<String, (i64, i64)>>(json).unwrap_err();
    assert_eq!(error(r#"{"pair": [1, 2, 3, 4]}"#), "Invalid parameter 'pair[2]'");
    assert_eq!(error(r#"{"pair": [1]}"#), "Invalid parameter 'pair'");
    assert_eq!(error(r#"{"pair": [1, "2"]}"#), "Invalid parameter type for 'pair[1]', expected: integer");
    assert_eq!(returned::<[(i64, [u8; 1]); 1]>("[[1, [2, 3]]]").unwrap_err(), "Invalid parameter '[0][1][1]'");
}

/// The type that refuses it does not know where it is.
#[test]
fn what_a_type_refuses_is_named_by_its_place() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "i64")]
    struct Even;

    impl TryFrom<i64> for Even {
        type Error = String;

        fn try_from(number: i64) -> Result<Self, String> {
            if number % 2 == 0 { Ok(Self) } else { Err(format!("{number} is odd")) }
        }
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    enum Held {
        One(Even),
        Two(Even, Even),
        Named { even: Option<Even> },
        List(Vec<Even>),
    }

    fn refused<T: Debug + DeserializeOwned>(json: &str, place: &str) {
        let due = format!("Invalid parameter '{place}'");
        assert_eq!(arguments::<HashMap<String, T>>(json).unwrap_err(), due, "{json}");
        assert_eq!(returned::<HashMap<String, T>>(json).unwrap_err(), due, "{json}");
    }
    refused::<Even>(r#"{"a": 2, "b": 3}"#, "b");
    refused::<Vec<Even>>(r#"{"list": [2, 3]}"#, "list[1]");
    refused::<(i64, Even)>(r#"{"pair": [1, 3]}"#, "pair[1]");
    refused::<HashMap<String, Even>>(r#"{"x": {"y": 3}}"#, "x.y");
    refused::<Held>(r#"{"x": {"One": 3}}"#, "x.One");
    refused::<Held>(r#"{"x": {"Two": [2, 3]}}"#, "x.Two[1]");
    refused::<Held>(r#"{"x": {"Named": {"even": 3}}}"#, "x.Named.even");
    refused::<Held>(r#"{"x": {"List": [3]}}"#, "x.List[0]");
    refused::<Held>(r#"{"x": {"One": 2, "List": []}}"#, "x");
    refused::<Held>(r#"{"x": "One"}"#, "x");
}

#[test]
fn no_arguments_as_a_unit() {
    #[derive(Debug, Deserialize)]
    struct Nothing;

    arguments::<()>("{}").unwrap();
    arguments::<Nothing>("{}").unwrap();
    assert!(arguments::<()>("{\"x\": 1}").is_err());
    assert!(arguments::<HashMap<String, ()>>("{\"x\": {}}").is_err());
}

/// Each member is compared with all after it: without a limit, 58 KB take a second.
#[test]
fn a_map_has_a_limit() {
    let map = |count: usize| {
        let members: Vec<_> = (0..count).map(|number| format!("\"{number}\": 0")).collect();
        arguments::<HashMap<String, HashMap<String, u8>>>(&format!("{{\"map\": {{{}}}}}", members.join(", ")))
    };
    assert_eq!(map(256).unwrap()["map"].len(), 256);
    assert_eq!(map(257).unwrap_err(), "Invalid parameter 'map'");
}

#[test]
fn more_than_32_arguments_are_a_map() {
    struct Counts;

    impl Guest for Counts {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("count", |_, call| {
            let map: HashMap<String, u8> = call.arguments.deserialize()?;
            call.respond()?.unsigned(map.len() as u64)
        })];
    }

    let mut agent: Box<Agent<Counts, 8192, 1024>> = Box::new(Agent::new(Counts));
    for (count, due) in [
        (33, "{\"return\": 33}\n"),
        (256, "{\"return\": 256}\n"),
        (257, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid parameter ''\"}}\n"),
    ] {
        let members: Vec<_> = (0..count).map(|number| format!("\"{number}\": 0")).collect();
        let request = format!("{{\"execute\": \"count\", \"arguments\": {{{}}}}}", members.join(", "));
        assert_eq!(String::from_utf8_lossy(&exchange(&mut agent, request.as_bytes())), due);
    }
}

#[test]
fn a_negative_zero_loses_its_sign() {
    for json in ["-0", "[-0, 0, -0.0, -1]", "{\"a\": -0}"] {
        let ours = returned::<serde_json::Value>(json).unwrap();
        let theirs: serde_json::Value = serde_json::from_str(json).unwrap();
        let signs = |value: &serde_json::Value| value.to_string().matches('-').count();
        assert_eq!(signs(&ours), signs(&theirs), "{json}: {ours}, {theirs}");
    }
    assert!(returned::<f64>("-0").unwrap().is_sign_negative());
    assert!(returned::<f32>("-0").unwrap().is_sign_negative());
    assert_eq!(written(-0.0), "-0.0");
    assert_eq!(returned::<i64>("-0"), Ok(0), "a whole number has none: as with the reference agent");
}

#[test]
fn unknown_members_are_ignored_even_if_a_type_denies_them() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        a: i64,
        b: Option<Box<Strict>>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Tolerant {
        a: i64,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    enum Variant {
        #[serde(rename = "v")]
        Inside {
            #[serde(rename = "in")]
            inside: i64,
        },
    }
    for (json, is_strict) in [
        ("{\"a\": 1}", true),
        ("{\"x\": null, \"a\": 1}", false),
        ("{\"a\": 1, \"\\u0078\": [1]}", false),
        ("{\"a\": 1, \"b\": {\"a\": 2}}", true),
        ("{\"a\": 1, \"b\": {\"a\": 2, \"y\": {}}}", false),
    ] {
        assert_eq!(same::<Strict>(json), is_strict, "{json}");
        assert!(same::<Tolerant>(json), "{json}");
    }
    assert!(same::<Variant>("{\"v\": {\"in\": 1, \"more\": 2}}"));
    assert_eq!(returned::<Strict>("{\"a\": 1, \"x\": 2}").unwrap_err(), "Parameter 'x' is unexpected");
    let inside = "{\"a\": 1, \"b\": {\"a\": 2, \"x\": 2}}";
    assert_eq!(returned::<Strict>(inside).unwrap_err(), "Parameter 'b.x' is unexpected");
    assert_eq!(arguments::<Strict>("{\"a\": 1, \"x\": 2}").unwrap_err(), "Parameter 'x' is unexpected");
    assert_eq!(arguments::<Tolerant>("{\"a\": 1, \"x\": 2}").unwrap_err(), "Parameter 'x' is unexpected");
}

#[test]
fn a_unit_variant_with_null_is_refused() {
    for json in ["\"Unit\"", "{\"Unit\": null}", "{\"Unit\": {}}", "{\"Unit\": 1}", "{\"Newtype\": null}", "{}"] {
        same::<Shape>(json);
    }
    assert_eq!(returned("{\"Unit\": null}"), Ok(Shape::Unit));
    assert_eq!(arguments("{\"Unit\": null}"), Ok(Shape::Unit));
    assert_eq!(arguments::<Shape>("{\"Unit\": 1}").unwrap_err(), "Invalid parameter type for 'Unit', expected: null");
}

/// qemu-ga refuses null for an optional argument: "Invalid parameter type for 'mode', expected: string".
#[test]
fn a_none_argument_is_sent_as_null() {
    #[derive(Serialize)]
    struct Wrapped(Option<u8>);
    #[derive(Serialize)]
    struct Optional {
        a: Option<u8>,
        b: Option<Option<u8>>,
        c: Wrapped,
        d: (),
        e: Option<&'static str>,
    }
    let none = Optional { a: None, b: Some(None), c: Wrapped(None), d: (), e: None };
    assert_eq!(written(none), r#"{"d": null}"#);
    let some = Optional { a: Some(1), b: Some(Some(2)), c: Wrapped(Some(3)), d: (), e: Some("") };
    assert_eq!(written(some), r#"{"a": 1, "b": 2, "c": 3, "d": null, "e": ""}"#);
    // A required value is null.
    assert_eq!(written(None::<u8>), "null");
    assert_eq!(written((Some(1), None::<u8>, [None::<u8>; 2])), "[1, null, [null, null]]");
    assert_eq!(written(BTreeMap::from([("a", None::<u8>), ("b", Some(1))])), r#"{"a": null, "b": 1}"#);
    // A variant is one member, whose name would be lost.
    #[derive(Serialize)]
    enum Held {
        Newtype(Option<u8>),
        Tuple(Option<u8>, Option<u8>),
        Struct { inside: Option<u8> },
    }
    assert_eq!(written(Held::Newtype(None)), r#"{"Newtype": null}"#);
    assert_eq!(written(Held::Newtype(Some(1))), r#"{"Newtype": 1}"#);
    assert_eq!(written(Held::Tuple(None, Some(1))), r#"{"Tuple": [null, 1]}"#);
    assert_eq!(written([Held::Struct { inside: None }]), r#"[{"Struct": {}}]"#);

    let mut client: Client<256, 256> = Client::new();
    client.synchronize(1);
    client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
    client.transmitted(usize::MAX);
    #[derive(Serialize)]
    struct Shutdown {
        mode: Option<&'static str>,
    }
    client
        .execute_with("guest-exec", |arguments| Ok(arguments.member("m").serialize(&Shutdown { mode: None })?))
        .unwrap();
    assert_eq!(client.transmit(), b"{\"execute\": \"guest-exec\", \"arguments\": {\"m\": {}}, \"id\": 2}\n");
}

#[test]
fn a_request_with_a_number_that_is_not_finite_does_not_fit() {
    let mut client: Client<256, 256> = Client::new();
    client.synchronize(1);
    client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
    let refused = client.execute_with("x", |arguments| Ok(arguments.member("load").serialize(&f64::NAN)?));
    assert_eq!(refused, Err(ExecuteError::Refused("A number that is not finite has no form in JSON")));
    let too_long = client.execute_with("x", |arguments| arguments.member("text").string(&"x".repeat(300)));
    assert_eq!(too_long, Err(ExecuteError::DoesNotFit));
    assert_eq!(client.execute("x"), Ok(()));
}

/// Returns an object that a closure writes.
struct Object<W>(W);

impl<W: Fn(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit> + 'static> Guest for Object<W> {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] =
        &[Command::new("object", |guest: &mut Self, call| call.respond()?.object(&guest.0))];
}

fn object(write: impl Fn(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit> + 'static) -> String {
    let mut agent: Agent<_, 256, 1024> = Agent::new(Object(write));
    String::from_utf8(exchange(&mut agent, b"{\"execute\": \"object\"}")).unwrap()
}

#[test]
fn a_value_that_json_cannot_express_does_not_fit() {
    const NOT_FINITE: &str = "A number that is not finite has no form in JSON";
    let due = |desc| exchange::error("GenericError", desc);
    assert_eq!(object(|object| Ok(object.member("a").serialize(&f64::NAN)?)), due(NOT_FINITE));
    assert_eq!(object(|object| Ok(object.member("a").serialize(&[1.0, f64::INFINITY])?)), due(NOT_FINITE));
    let wide = due("A number of more than 64 bits has no form here");
    assert_eq!(object(|object| Ok(object.member("a").serialize(&u128::MAX)?)), wide);
    let bytes = due("Bytes have no form in JSON");
    assert_eq!(object(|object| Ok(object.member("a").serialize(c"b")?)), bytes);
    let name = due("A name in a JSON object must be a string");
    assert_eq!(object(|object| Ok(object.member("a").serialize(&BTreeMap::from([(1, 2)]))?)), name);
    assert_eq!(object(|object| Ok(object.member("a").serialize(&Refuses)?)), due("The value refuses to be serialized"));
    let fit = due("Response does not fit the transmit buffer");
    assert_eq!(object(|object| Ok(object.member("a").serialize(&"x".repeat(1024))?)), fit);

    // The first of two errors, even if it was ignored.
    let ignored = object(|object| {
        let _ = object.member("a").serialize(&f64::NAN);
        let _ = object.member("b").serialize(&u128::MAX);
        let _ = object.member("c").string(&"x".repeat(1024));
        Ok(())
    });
    assert_eq!(ignored, due(NOT_FINITE));

    let mut buffer = [0; 64];
    let mut encode = |value: &dyn Fn(ValueEncoder<'_>) -> Result<(), SerializeError>| {
        let mut encoder = Encoder::new(&mut buffer);
        let written = value(encoder.value()).map_err(|error| error.to_string());
        (written, encoder.as_bytes().len())
    };
    assert_eq!(encode(&|place| place.serialize(&f32::NAN)), (Err(NOT_FINITE.into()), 0));
    assert_eq!(encode(&|place| place.serialize(&"x".repeat(64))), (Err("does not fit the buffer".into()), 0));
    assert_eq!(encode(&|place| place.serialize(&1.5)), (Ok(()), 3));
}

struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom("not me"))
    }
}

/// Types that misuse a serializer: they ignore errors, or write names without values.
#[test]
fn a_type_that_misuses_its_serializer_writes_no_json() {
    #[derive(Clone, Copy)]
    enum Misuse {
        NameAlone,
        TwoNames,
        ValueAlone,
        NumberAsName,
        Ignored,
        IgnoredInside,
        IgnoredName,
    }

    impl Serialize for Misuse {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("first", &1)?;
            let long = "x".repeat(N);
            match self {
                Self::NameAlone => map.serialize_key("a")?,
                Self::TwoNames => {
                    map.serialize_key("a")?;
                    let _ = map.serialize_key("b");
                    map.serialize_value(&1)?;
                }
                Self::ValueAlone => {
                    let _ = map.serialize_value(&1);
                }
                Self::NumberAsName => {
                    let _ = map.serialize_entry(&1, &2);
                }
                Self::Ignored => {
                    let _ = map.serialize_entry("a", &long);
                }
                Self::IgnoredInside => {
                    let _ = map.serialize_entry("a", &[f32::NAN]);
                }
                Self::IgnoredName => {
                    let _ = map.serialize_entry(&long, &1);
                }
            }
            map.end()
        }
    }

    let pairs = "A map's names and values do not come in pairs";
    for (misuse, desc) in [
        (Misuse::NameAlone, pairs),
        (Misuse::TwoNames, pairs),
        (Misuse::ValueAlone, pairs),
        (Misuse::NumberAsName, "A name in a JSON object must be a string"),
        (Misuse::Ignored, "Response does not fit the transmit buffer"),
        (Misuse::IgnoredInside, "A number that is not finite has no form in JSON"),
        (Misuse::IgnoredName, "Response does not fit the transmit buffer"),
    ] {
        let due = exchange::error("GenericError", desc);
        assert_eq!(response(misuse) + "\n", due);
        assert_eq!(response([misuse]) + "\n", due);
        assert_eq!(response(BTreeMap::from([("around", Some(misuse))])) + "\n", due);
    }
}

#[test]
fn maps_inside_maps_refuse_duplicate_names_anywhere() {
    type Maps = BTreeMap<String, BTreeMap<String, u8>>;
    let names = |count: usize| (0..count).map(|number| format!("\"n{number}\": 0")).collect::<Vec<_>>().join(", ");
    let maps = |inner: &str| arguments::<Maps>(&format!("{{\"a\": {{}}, \"b\": {{{inner}}}}}"));
    for (first, second) in [(0, 1), (0, 255), (31, 32), (31, 255), (100, 200), (254, 255)] {
        let twice = names(256).replace(&format!("\"n{second}\""), &format!("\"n{first}\""));
        assert_eq!(maps(&twice).unwrap_err(), "JSON parse error, duplicate key", "{first} and {second}");
    }
    assert_eq!(maps(&names(256)).unwrap()["b"].len(), 256);
    assert_eq!(maps(&names(257)).unwrap_err(), "Invalid parameter 'b'");
}
