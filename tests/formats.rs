//! Other JSON libraries as the format of payloads: each reads and writes the arguments and the return value of one rich
//! command, at both ends.
#![allow(clippy::question_mark, reason = "what nanoserde derives")]

mod exchange;
#[cfg(feature = "serde")]
mod random;

use std::fmt::Debug;
use std::marker::PhantomData;

use exchange::{error_with_id, exchange};
use guestwire::{
    Agent, Call, Client, Command, CommandError, CommandResult, Guest, Reply,
    client::ExecuteError,
    json::{DoesNotFit, Encoder, JsonError, ObjectEncoder},
};
use nanoserde::{DeJson, SerJson};

/// The command's arguments, and what it returns.
#[derive(
    Clone,
    Debug,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    miniserde::Serialize,
    miniserde::Deserialize,
    SerJson,
    DeJson,
)]
struct Plan {
    name: String,
    #[serde(rename = "half-period")]
    #[nserde(rename = "half-period")]
    half_period: Option<u16>,
    levels: Vec<i64>,
    limits: Limits,
    steps: Vec<Step>,
    armed: bool,
}

#[derive(
    Clone,
    Debug,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    miniserde::Serialize,
    miniserde::Deserialize,
    SerJson,
    DeJson,
)]
struct Limits {
    low: f64,
    high: f64,
}

#[derive(
    Clone,
    Debug,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    miniserde::Serialize,
    miniserde::Deserialize,
    SerJson,
    DeJson,
)]
struct Step {
    at: u64,
    action: Option<String>,
}

/// A library that reads and writes JSON.
trait Format: 'static {
    fn read(json: &str) -> Option<Plan>;
    fn write(plan: &Plan) -> String;
}

struct SerdeJson;

impl Format for SerdeJson {
    fn read(json: &str) -> Option<Plan> {
        serde_json::from_str(json).ok()
    }

    fn write(plan: &Plan) -> String {
        serde_json::to_string_pretty(plan).unwrap()
    }
}

struct SerdeJsonCore;

impl Format for SerdeJsonCore {
    fn read(json: &str) -> Option<Plan> {
        // `from_str` leaves escapes in strings as they are.
        serde_json_core::from_str_escaped(json, &mut [0; 128]).ok().map(|(plan, _)| plan)
    }

    fn write(plan: &Plan) -> String {
        let mut buffer = [0; 1024];
        let length = serde_json_core::to_slice(plan, &mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

struct Miniserde;

impl Format for Miniserde {
    fn read(json: &str) -> Option<Plan> {
        miniserde::json::from_str(json).ok()
    }

    fn write(plan: &Plan) -> String {
        miniserde::json::to_string(plan)
    }
}

struct Nanoserde;

impl Format for Nanoserde {
    fn read(json: &str) -> Option<Plan> {
        Plan::deserialize_json(json).ok()
    }

    fn write(plan: &Plan) -> String {
        plan.serialize_json()
    }
}

/// A guest whose one command reads a plan and returns another.
struct Planner<F>(PhantomData<F>);

impl<F: Format> Guest for Planner<F> {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("board-plan", plan)];
}

const UNREADABLE: &str = "The arguments are no plan";

fn plan<F: Format>(_: &mut Planner<F>, call: Call<'_>) -> CommandResult {
    let plan = F::read(call.arguments.value().as_str()).ok_or(CommandError::Failed(UNREADABLE))?;
    call.respond()?.json(F::write(&answer(plan)))
}

fn answer(plan: Plan) -> Plan {
    Plan {
        name: plan.name + "\u{7}!",
        armed: !plan.armed,
        half_period: plan.half_period.map(|period| period + 1),
        ..plan
    }
}

fn agent<F: Format>() -> Box<Agent<Planner<F>, 1024, 1024>> {
    Box::new(Agent::new(Planner(PhantomData)))
}

/// What the agent answers to a plan's text, `id` 7.
fn answered<F: Format>(arguments: &str) -> String {
    let request = format!("{{\"execute\": \"board-plan\", \"arguments\": {arguments}, \"id\": 7}}\n");
    String::from_utf8(exchange(&mut agent::<F>(), request.as_bytes())).unwrap()
}

#[track_caller]
fn answers<F: Format>(arguments: &str, due: &Plan) {
    let response = answered::<F>(arguments);
    assert_eq!(response.matches('\n').count(), 1, "one line: {response}");
    let response: serde_json::Value = serde_json::from_str(&response).unwrap();
    assert_eq!(response["id"], 7);
    assert_eq!(&serde_json::from_value::<Plan>(response["return"].clone()).expect("a plan"), due);
}

/// Escapes of every kind but surrogate pairs, and whitespace where it may be.
const PLAN: &str = r#"{
    "levels": [1, -2, 9223372036854775807, -9223372036854775808], "armed": false, "half-period": 65534,
    "name": "caf\u00e9 \u0041é😀 \"\\\/\b\f\n\r\t",
    "steps": [{"at": 18446744073709551615}, {"action": "o\u006e", "at": 0}],
    "limits": {"high": 1.5e3, "low": -0.25}
}"#;

fn due() -> Plan {
    Plan {
        name: "caf\u{e9} A\u{e9}\u{1f600} \"\\/\u{8}\u{c}\n\r\t\u{7}!".into(),
        half_period: Some(65535),
        levels: vec![1, -2, i64::MAX, i64::MIN],
        limits: Limits { low: -0.25, high: 1500.0 },
        steps: vec![Step { at: u64::MAX, action: None }, Step { at: 0, action: Some("on".into()) }],
        armed: true,
    }
}

#[test]
fn each_library_answers() {
    answers::<SerdeJson>(PLAN, &due());
    answers::<SerdeJsonCore>(PLAN, &due());
    answers::<Miniserde>(PLAN, &due());
    answers::<Nanoserde>(PLAN, &due());
}

const WITH_PAIR: &str =
    r#"{"name": "\ud83d\ude00", "levels": [], "limits": {"low": 0, "high": 0}, "steps": [], "armed": true}"#;

#[test]
fn a_surrogate_pair_is_a_character_but_for_serde_json_core() {
    let due = Plan {
        name: "\u{1f600}\u{7}!".into(),
        half_period: None,
        levels: vec![],
        limits: Limits { low: 0.0, high: 0.0 },
        steps: vec![],
        armed: false,
    };
    answers::<SerdeJson>(WITH_PAIR, &due);
    answers::<Miniserde>(WITH_PAIR, &due);
    answers::<Nanoserde>(WITH_PAIR, &due);
    assert_eq!(answered::<SerdeJsonCore>(WITH_PAIR), error_with_id("7", "GenericError", UNREADABLE));
}

fn client() -> Client<1024, 1024> {
    let mut client = Client::new();
    client.synchronize(6);
    client.push_slice(b"\xFF{\"return\": 6}").1.unwrap();
    client.transmitted(usize::MAX);
    client
}

/// A host asks in one format, and a guest answers in another.
fn ask<Host: Format, Board: Format>() {
    let mut client = client();
    let asked = Plan { half_period: None, ..due() };
    client.execute_json("board-plan", Host::write(&asked)).expect("it fits");
    let request = client.transmit().to_vec();
    assert_eq!(request.iter().filter(|byte| **byte == b'\n').count(), 1, "one line: {}", request.escape_ascii());
    client.transmitted(request.len());
    let response = exchange(&mut agent::<Board>(), &request);
    let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(&response) else {
        panic!("{}", response.escape_ascii())
    };
    assert_eq!(Host::read(value.as_str()).expect("a plan"), answer(asked));
}

#[test]
fn each_library_asks_and_understands_the_others() {
    fn each<Host: Format>() {
        ask::<Host, SerdeJson>();
        ask::<Host, SerdeJsonCore>();
        ask::<Host, Miniserde>();
        ask::<Host, Nanoserde>();
    }
    each::<SerdeJson>();
    each::<SerdeJsonCore>();
    each::<Miniserde>();
    each::<Nanoserde>();
}

#[cfg(feature = "serde")]
#[test]
fn a_struct_is_sent_through_serde() {
    let mut client = client();
    let asked = Plan { half_period: None, ..due() };
    client.execute_serialized("board-plan", &asked).expect("it fits");
    let response = exchange(&mut agent::<SerdeJsonCore>(), client.transmit());
    // This crate writes the character as a pair.
    assert_eq!(String::from_utf8(response).unwrap(), error_with_id("7", "GenericError", UNREADABLE));
    let response = exchange(&mut agent::<Miniserde>(), client.transmit());
    client.transmitted(usize::MAX);
    let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(&response) else {
        panic!("{}", response.escape_ascii())
    };
    assert_eq!(value.deserialize::<Plan>(), Ok(answer(asked)));

    assert_eq!(
        client.execute_serialized("board-plan", &f64::NAN),
        Err(ExecuteError::Refused("A number that is not finite has no form in JSON"))
    );
    assert_eq!(client.execute_serialized("board-plan", &[0; 1024][..]), Err(ExecuteError::DoesNotFit));
    assert!(client.is_ready() && client.transmit().is_empty());
}

#[test]
fn arguments_taken_whole_leave_none_unread() {
    struct Shows;

    impl Guest for Shows {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("show", |_, call| {
            let arguments = call.arguments.value();
            call.respond()?.json(arguments.as_bytes())
        })];
    }

    let many: Vec<_> = (0..40).map(|number| format!("\"{number}\":{{\"a\":[ ]}}")).collect();
    let many = format!("{{{}}}", many.join(","));
    for (arguments, due) in [
        ("", "{}"),
        (", \"arguments\": {}", "{}"),
        (", \"arguments\": { }", "{}"),
        (
            ", \"arguments\": {\"b\": [1, {\"c\" : \"\\u00e9 \"}], \"a\": 1e2}",
            "{\"b\":[1,{\"c\":\"\\u00e9 \"}],\"a\":1e2}",
        ),
        (", \"arguments\": {\"a\": 1, \"a\": 2}", "{\"a\":1,\"a\":2}"),
        (&format!(", \"arguments\": {many}"), &many.replace("[ ]", "[]")),
    ] {
        let mut agent: Box<Agent<Shows, 1024, 1024>> = Box::new(Agent::new(Shows));
        let response = exchange(&mut agent, format!("{{\"execute\": \"show\"{arguments}}}").as_bytes());
        assert_eq!(String::from_utf8(response).unwrap(), format!("{{\"return\": {due}}}\n"));
    }
}

/// Text that no message may carry.
const NOT_JSON: &[&[u8]] = &[
    b"",
    b" ",
    b"nul",
    b"nullx",
    b"NaN",
    b"01",
    b"-",
    b"1.",
    b"'a'",
    b"\"a",
    b"\"a\nb\"",
    b"\"\\x\"",
    b"\"\\ud83d\"",
    b"\"\\ud83dx\"",
    b"\"\xED\xA0\x80\"",
    b"\"\xC3\"",
    b"\"\xFF\"",
    b"\xFF",
    b"\xFF{}",
    b"{}\xFF",
    b"\xEF\xBB\xBF{}",
    b"{}\xEF\xBB\xBF",
    b"1 \xEF\xBB\xBF",
    b"{}{}",
    b"{},",
    b"{}}",
    b"1 2",
    b"1,2",
    b"{} x",
    b"}",
    b"[1}",
    b"[,1]",
    b"[1,]",
    b"{\"a\":1,}",
    b"{\"a\"}",
    b"{a:1}",
    b"{\"return\":",
    b"}, \"error\": {",
    b"1, \"id\": 8",
    b"1}\n{\"return\": 2",
];

/// One level too many for the lexer.
fn too_deep() -> Vec<u8> {
    [vec![b'['; 65], vec![b']'; 65]].concat()
}

#[test]
fn what_is_not_json_is_refused_and_nothing_is_sent() {
    for text in NOT_JSON.iter().map(|text| text.to_vec()).chain([too_deep()]) {
        let shown = text.escape_ascii().to_string();
        for room in [0, 8, 256] {
            let mut buffer = vec![0; room];
            let mut encoder = Encoder::new(&mut buffer);
            assert_eq!(encoder.value().json(&text), Err(JsonError::NotJson), "{shown}");
            assert_eq!(encoder.line_feed(), Err(DoesNotFit));
            assert_eq!(encoder.as_bytes(), b"", "{shown}");
        }
        let mut client = client();
        let refused = ExecuteError::Refused("What was to be sent is not JSON");
        assert_eq!(client.execute_json("board-plan", &text), Err(refused), "{shown}");
        let nested = |arguments: &mut ObjectEncoder<'_>| {
            let _ = arguments.member("a").json(&text);
            Ok(())
        };
        let nested = client.execute_with("board-plan", nested);
        assert_eq!(nested, Err(ExecuteError::DoesNotFit), "{shown}");
        assert!(client.is_ready() && client.transmit().is_empty(), "{shown}");
    }
}

#[test]
fn an_agent_says_that_a_text_is_not_json() {
    struct Returns(Vec<u8>);

    impl Guest for Returns {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[
            Command::new("json", |guest, call| call.respond()?.json(&guest.0)),
            Command::new("ignored", |guest, call| {
                call.respond()?.object(|object| {
                    let _ = object.member("a").json(&guest.0);
                    object.member("b").integer(1)
                })
            }),
        ];
    }

    let ask = |text: &[u8], command: &str| {
        let mut agent: Agent<Returns, 256, 512> = Agent::new(Returns(text.into()));
        let request = format!("{{\"execute\": \"{command}\", \"id\": 7}}");
        String::from_utf8(exchange(&mut agent, request.as_bytes())).unwrap()
    };
    let does_not_fit = error_with_id("7", "GenericError", "Response does not fit the transmit buffer");
    let not_json = error_with_id("7", "GenericError", "What was to be sent is not JSON");
    for text in NOT_JSON.iter().copied().chain([&too_deep()[..], &[b"[1,".as_slice(); 400].concat()]) {
        assert_eq!(ask(text, "json"), not_json, "{}", text.escape_ascii());
        assert_eq!(ask(text, "ignored"), does_not_fit, "{}", text.escape_ascii());
    }
    let long = format!("\"{}\"", "x".repeat(512));
    assert_eq!(ask(long.as_bytes(), "json"), does_not_fit);
    assert_eq!(ask(long.as_bytes(), "ignored"), does_not_fit);
    assert_eq!(ask(b"-1.5E3", "json"), "{\"return\": -1.5E3, \"id\": 7}\n");
    assert_eq!(ask(b"\n7\r\n", "ignored"), "{\"return\": {\"a\": 7, \"b\": 1}, \"id\": 7}\n");
    assert_eq!(ask(b" [ 1 ,\r\n\t2 ]\n", "json"), "{\"return\": [1,2], \"id\": 7}\n");
    assert_eq!(ask("\"\u{e9}\"".as_bytes(), "ignored"), "{\"return\": {\"a\": \"\u{e9}\", \"b\": 1}, \"id\": 7}\n");
}

/// The table of docs/dependencies.md.
#[test]
fn each_library_has_its_own_idea_of_odd_arguments() {
    let plan = |levels: &str, low: &str, more: &str| {
        let limits = format!("{{\"low\": {low}, \"high\": 1}}");
        format!(
            "{{\"name\": \"\", \"armed\": true, \"levels\": [{levels}], \"limits\": {limits}, \"steps\": []{more}}}"
        )
    };
    for (json, reads) in [
        (plan("1", "0", ""), [true, true, true]),
        (plan("1", "0", ", \"half-period\": null"), [true, true, true]),
        (plan("1", "0", ", \"half-period\": 65536"), [false, false, false]),
        (plan("1", "0", ", \"unknown\": [{}]"), [true, true, true]),
        (plan("1", "0", ", \"armed\": true"), [false, true, true]),
        (plan("1.0", "0", ""), [false, false, false]),
        (plan("9223372036854775808", "0", ""), [false, false, true]),
        (plan("1", "null", ""), [true, false, false]),
    ] {
        let read = [SerdeJsonCore::read(&json), Miniserde::read(&json), Nanoserde::read(&json)];
        assert_eq!(read.map(|plan| plan.is_some()), reads, "{json}");
    }
    let wrapped = Nanoserde::read(&plan("9223372036854775808", "0", "")).unwrap();
    assert_eq!(wrapped.levels, [i64::MIN]);
    let null = "\"half-period\":null";
    let plan = Plan { half_period: None, ..due() };
    assert!(SerdeJsonCore::write(&plan).contains(null) && Miniserde::write(&plan).contains(null));
    assert!(!Nanoserde::write(&plan).contains("half-period"));
}

#[test]
fn a_library_that_writes_nan_sends_nothing() {
    let plan = Plan { limits: Limits { low: f64::NAN, high: 1.0 }, ..due() };
    assert!(Nanoserde::write(&plan).contains("\"low\":NaN"));
    assert!(SerdeJsonCore::write(&plan).contains("\"low\":null") && Miniserde::write(&plan).contains("\"low\":null"));
    let refused = client().execute_json("board-plan", Nanoserde::write(&plan));
    assert_eq!(refused, Err(ExecuteError::Refused("What was to be sent is not JSON")));
}

/// serde-json-core as an oracle for this crate's serde.
#[cfg(feature = "serde")]
mod oracle {
    use guestwire::{Decoder, Event};

    use super::random::Random;
    use super::{Format, PLAN, Plan, SerdeJsonCore};

    /// Of what a decoder has passed, serde-json-core reads the same plan as this crate's serde, or none where this one
    /// reads none. Left out are surrogate pairs, `-0` for an unsigned number, and `7.0` for a whole one, which it
    /// refuses.
    #[test]
    fn serde_json_core_reads_what_this_crate_reads() {
        let mut random = Random(0x5EED);
        let (mut read, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut plan: serde_json::Value = serde_json::from_str(PLAN).unwrap();
            plan["name"] = text(&mut random).into();
            for _ in 0..random.below(3) {
                change(&mut plan, &mut random);
            }
            let mut json = String::new();
            write(&plan, &mut json, &mut random);
            let mut decoder: Box<Decoder<4096>> = Box::default();
            let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(format!("{json} ").as_bytes()) else {
                panic!("no frame: {json}")
            };
            let ours: Option<Plan> = frame.value().deserialize().ok();
            // It takes `null` for NaN.
            let theirs = SerdeJsonCore::read(frame.value().as_str())
                .filter(|plan| !plan.limits.low.is_nan() && !plan.limits.high.is_nan());
            assert_eq!(ours, theirs, "{json}");
            *if ours.is_some() { &mut read } else { &mut refused } += 1;
        }
        assert!(read > 4000 && refused > 4000, "{read} read, {refused} refused");
    }

    /// Characters of one, two and three bytes, and escapes of all kinds once they are written.
    fn text(random: &mut Random) -> String {
        (0..random.below(12))
            .map(|_| random.pick(&['a', '"', '\\', '/', '\n', '\u{1}', '\u{7f}', 'é', '\u{ffff}']))
            .collect()
    }

    /// Something in it becomes something else, comes or goes.
    fn change(value: &mut serde_json::Value, random: &mut Random) {
        use serde_json::Value::{Array, Object};
        match value {
            Object(members) if !members.is_empty() && !random.one_in(8) => {
                let name = members.keys().nth(random.below(members.len())).unwrap().clone();
                match random.below(4) {
                    0 => drop(members.remove(&name)),
                    1 => drop(members.insert(text(random), other(random))),
                    _ => change(&mut members[&name], random),
                }
            }
            Array(elements) if !elements.is_empty() && !random.one_in(8) => {
                let index = random.below(elements.len());
                match random.below(4) {
                    0 => drop(elements.remove(index)),
                    1 => elements.push(other(random)),
                    _ => change(&mut elements[index], random),
                }
            }
            _ => *value = other(random),
        }
    }

    fn other(random: &mut Random) -> serde_json::Value {
        let others = [
            "null",
            "true",
            "0",
            "-1",
            "7",
            "7.5",
            "75e-1",
            "65535",
            "65536",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "\"\"",
            "\"7\"",
            "[]",
            "[7]",
            "{}",
            "{\"at\":1}",
        ];
        serde_json::from_str(random.pick(&others)).unwrap()
    }

    /// Writes a value with whitespace and escapes wherever they may be, and now and then a member twice.
    fn write(value: &serde_json::Value, json: &mut String, random: &mut Random) {
        use serde_json::Value::{Array, Object, String as Text};
        let space = |random: &mut Random| random.pick(&["", "", "", " ", "\r\n\t"]);
        *json += space(random);
        match value {
            Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if random.one_in(20) && !members.is_empty() {
                    members.push(members[random.below(members.len())]);
                }
                json.push('{');
                for (index, (name, value)) in members.into_iter().enumerate() {
                    *json += if index == 0 { "" } else { "," };
                    write(&Text(name.clone()), json, random);
                    json.push(':');
                    write(value, json, random);
                }
                json.push('}');
            }
            Array(elements) => {
                json.push('[');
                for (index, element) in elements.iter().enumerate() {
                    *json += if index == 0 { "" } else { "," };
                    write(element, json, random);
                }
                json.push(']');
            }
            Text(text) => {
                json.push('"');
                for character in text.chars() {
                    match character {
                        '"' | '\\' | '/' if random.one_in(2) => json.extend(['\\', character]),
                        ' '.. if !matches!(character, '"' | '\\') && !random.one_in(3) => json.push(character),
                        '\n' if random.one_in(2) => *json += "\\n",
                        _ => *json += &format!("\\u{:04x}", u32::from(character)),
                    }
                }
                json.push('"');
            }
            other => *json += &other.to_string(),
        }
        *json += space(random);
    }
}
