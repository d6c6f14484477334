//! Every command of the schema, from a typed client to a typed agent and back, against QAPI's schema.

use std::collections::HashMap;
use std::sync::LazyLock;

use guestwire::agent::{AgentLent, Entry, Service};
use guestwire::client::ClientLent;
use guestwire::commands::*;
use guestwire::frame::DecoderLent;
use guestwire::json::{Encoder, Value};
use guestwire::message::{Arguments, Request};
use guestwire::{Event, Reply};
use serde_json::Value as Kind;

use crate::qapi::{self, Member, SCHEMA};
use crate::tree::Tree;

const SIZE: usize = 1 << 16;

/// The first byte says which command, the second whether the others are its arguments as text, or what to make arguments and
/// a return value of.
pub fn commands(bytes: &[u8]) {
    let [which, mode, rest @ ..] = bytes else { return };
    let typed = &COMMANDS[usize::from(*which) % COMMANDS.len()];
    let mut source = Source(rest);
    let (mut arguments, mut returned) = (String::new(), String::new());
    if mode % 2 == 0 {
        source.object(members(typed.name), &mut arguments);
    } else {
        let Ok(text) = std::str::from_utf8(rest) else { return };
        arguments = text.to_owned();
    }
    source.value(&SCHEMA[typed.name]["returns"], &mut returned);
    let Some(Tree::Object(asked)) = Tree::parse(&arguments) else { return };

    // The arguments are read if the schema says so.
    let (mut receive, mut transmit) = (vec![0; SIZE], vec![0; SIZE]);
    let mut client = ClientLent::new(&mut receive, &mut transmit).expect("they are large enough");
    client.synchronize(7);
    client.transmitted(usize::MAX);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
    let request = format!("{{\"execute\":\"x\",\"arguments\":{arguments}}}");
    let mut buffer = vec![0; SIZE];
    let mut decoder = DecoderLent::new(&mut buffer);
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(request.as_bytes()) else { return };
    let mut read = Request::parse(&frame).expect("it is a request").arguments;
    let sent = (typed.request)(&mut client, &mut read);
    assert_eq!(sent, judge_members(members(typed.name), &asked, ""), "{}: {arguments}", typed.name);
    if sent.is_err() {
        return;
    }

    // The client sends them, the agent reads the same.
    let line = std::str::from_utf8(client.transmit()).expect("it is ASCII").to_owned();
    client.transmitted(usize::MAX);
    let request = Tree::parse(&line).expect("it is JSON");
    assert_eq!(request.member("execute").and_then(Tree::text), Some(typed.name));
    let written = request.member("arguments").and_then(Tree::members).unwrap_or_default();
    assert!(is_same(written, &asked), "{arguments}: {line}");
    if typed.name == "guest-sync-delimited" {
        return; // its answer begins with a sentinel, which is for a client that gets in step
    }
    let board = Board { returned: returned.clone(), ran: None };
    let (mut receive, mut transmit) = (vec![0; SIZE], vec![0; SIZE]);
    let mut agent = AgentLent::new(board, &mut receive, &mut transmit).expect("they are large enough");
    assert_eq!(agent.push_slice(line.as_bytes()), line.len());
    let is_built_in = typed.entry.is_none();
    if !is_built_in {
        let ran = agent.guest().ran.as_deref().and_then(Tree::parse).expect("it has run");
        assert!(is_same(ran.members().expect("an object"), &asked), "{arguments}: {ran:?}");
    }

    // And what the agent returns, the client reads.
    let tree = Tree::parse(&returned).expect("it was made so");
    let due = project(&SCHEMA[typed.name]["returns"], &tree);
    let is_silent = SCHEMA[typed.name]["success-response"] == false;
    match client.push_slice(agent.transmit()).1 {
        Ok(Some(Reply::Return(value))) if is_built_in => {
            let read = (typed.returned)(value).expect("it is right");
            let own = written.iter().find(|(name, _)| name == "id").map(|(_, id)| id.clone());
            assert!(typed.name == "guest-info" || Tree::parse(&read) == own.or(Some(Tree::Object(vec![]))));
        }
        Ok(Some(Reply::Return(value))) => {
            let due = due.unwrap_or_else(|| panic!("{} returns {returned}: {value}", typed.name));
            let read = (typed.returned)(value).expect("it was read before");
            let read = Tree::parse(&read).expect("it is JSON");
            assert!(is_equal(&read, &due), "{} returned {returned}: {read:?}", typed.name);
        }
        Ok(Some(Reply::Error(error))) => assert!(due.is_none(), "{} returns {returned}: {error}", typed.name),
        Ok(None) => assert!(is_silent && due.is_some() && client.reset(), "{} is silent", typed.name),
        other => panic!("{other:?}"),
    }
}

/// What a command with a type does.
struct Board {
    /// The JSON text of what it returns.
    returned: String,
    /// The arguments that it was called with.
    ran: Option<String>,
}

impl Service for Board {
    fn version(&self) -> &str {
        "1.0.0"
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        static ENTRIES: LazyLock<Vec<Entry<'_, Board>>> =
            LazyLock::new(|| COMMANDS.iter().filter_map(|typed| typed.entry).collect());
        ENTRIES.get(index).copied()
    }
}

struct Typed {
    name: &'static str,
    /// None if it is built in.
    entry: Option<Entry<'static, Board>>,
    /// Reads the arguments, and sends them.
    request: fn(&mut ClientLent<'_>, &mut Arguments<'_>) -> Result<(), String>,
    /// Reads a return value, and writes it again.
    returned: fn(Value<'_>) -> Result<String, String>,
}

macro_rules! typed {
    ($($name:ident)* ; $($built_in:ident)*) => {
        &[
            $(Typed {
                entry: Some($name::command(|board: &mut Board, call| {
                    let (command, response): ($name, _) = call.parse()?;
                    board.ran = Some(written(|encoder| encoder.value().object(|object| command.write(object))));
                    let mut buffer = vec![0; SIZE];
                    let mut decoder = DecoderLent::new(&mut buffer);
                    let frame = format!("[{}]", board.returned);
                    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(frame.as_bytes()) else {
                        return response.error("too deep");
                    };
                    let value = frame.value().elements().and_then(|mut only| only.next()).expect("there is one");
                    match $name::returned(value) {
                        Ok(value) => response.encode(value),
                        Err(error) => response.error(error),
                    }
                })),
                ..typed!($name)
            },)*
            $(typed!($built_in),)*
        ]
    };
    ($name:ident) => {
        Typed {
            name: $name::NAME,
            entry: None,
            request: |client, arguments| {
                let command = $name::read(arguments).map_err(|error| error.to_string())?;
                arguments.end().map_err(|error| error.to_string())?;
                client.request(command).expect("64 KiB hold it");
                Ok(())
            },
            returned: |value| {
                let value = $name::returned(value).map_err(|error| error.to_string())?;
                Ok(written(|encoder| encoder.value().encode(value)))
            },
        }
    };
}

const COMMANDS: &[Typed] = typed![
    Exec ExecStatus FileClose FileFlush FileOpen FileRead FileSeek FileWrite FsfreezeFreeze FsfreezeFreezeList
    FsfreezeStatus FsfreezeThaw FsTrim GetCpustats GetDevices GetDisks GetDiskstats GetFsinfo GetHostName GetLoad
    GetMemoryBlockInfo GetMemoryBlocks GetOsinfo GetTime GetTimezone GetUsers GetVcpus NetworkGetInterfaces
    NetworkGetRoute SetMemoryBlocks SetTime SetUserPassword SetVcpus Shutdown SshAddAuthorizedKeys
    SshGetAuthorizedKeys SshRemoveAuthorizedKeys SuspendDisk SuspendHybrid SuspendRam;
    Info Ping SyncDelimited SyncPlain
];

fn written(write: impl FnOnce(&mut Encoder<'_>) -> Result<(), guestwire::json::DoesNotFit>) -> String {
    let mut buffer = vec![0; SIZE];
    let mut encoder = Encoder::new(&mut buffer);
    write(&mut encoder).expect("64 KiB hold it");
    String::from_utf8(encoder.into_bytes().to_vec()).expect("it is UTF-8")
}

/// Those of a command or struct.
fn members(name: &str) -> &'static [Member] {
    variant(name, "")
}

/// Those of a union's variant.
fn variant(name: &str, tag: &str) -> &'static [Member] {
    static MEMBERS: LazyLock<HashMap<String, Vec<Member>>> = LazyLock::new(|| {
        let mut all = HashMap::new();
        for (name, entry) in SCHEMA.iter() {
            if entry.get("members").is_some() {
                all.insert(format!("{name} "), qapi::members(name, None));
            }
            for (tag, _) in entry.get("variants").and_then(Kind::as_object).into_iter().flatten() {
                all.insert(format!("{name} {tag}"), qapi::members(name, Some(tag)));
            }
        }
        all
    });
    MEMBERS.get(&format!("{name} {tag}")).map(Vec::as_slice).unwrap_or_default()
}

fn choices(entry: &Kind) -> Vec<&str> {
    entry["values"].as_array().into_iter().flatten().filter_map(Kind::as_str).collect()
}

/// Makes JSON text by the schema, and sometimes against it.
struct Source<'a>(&'a [u8]);

const STRANGE: [&str; 16] = [
    "null",
    "true",
    "{}",
    "[]",
    "\"x-new\"",
    "1.0",
    "-1",
    "1e2",
    "18446744073709551616",
    "5",
    "-9223372036854775809",
    "65536",
    "0.0005",
    "-0",
    "\"\"",
    "[null]",
];

impl Source<'_> {
    /// 0 at the end.
    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *byte
    }

    fn number(&mut self) -> i64 {
        match self.byte() {
            255 => i64::MIN,
            254 => i64::MAX,
            small @ 0..128 => small.into(),
            _ => i64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    fn string(&mut self, json: &mut String) {
        let length = self.byte();
        let bytes: Vec<u8> = (0..length % 32).map(|_| self.byte()).collect();
        let text = String::from_utf8_lossy(&bytes);
        if length >= 128 {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            json.push_str(&format!("\"{units}\""));
        } else {
            json.push_str(&serde_json::to_string(&text).expect("it is a string"));
        }
    }

    fn value(&mut self, kind: &Kind, json: &mut String) {
        let how = self.byte();
        if how >= 240 {
            return json.push_str(STRANGE[usize::from(how - 240)]);
        }
        if let Some(element) = kind.get(0) {
            json.push('[');
            for index in 0..how % 4 {
                if index > 0 {
                    json.push_str(", ");
                }
                self.value(element, json);
            }
            return json.push(']');
        }
        match kind.as_str() {
            None => json.push_str("{}"),
            Some("int") => json.push_str(&self.number().to_string()),
            Some("uint64") => json.push_str(&self.number().cast_unsigned().to_string()),
            Some("uint16") => json.push_str(&(self.number() as u16).to_string()),
            Some("number") => {
                let exponent = if how % 4 == 3 { format!("e{}", i32::from(how) - 120) } else { String::new() };
                json.push_str(&format!("{}.{:0width$}{exponent}", self.number(), how, width = usize::from(how % 5)));
            }
            Some("str") => self.string(json),
            Some("bool") => json.push_str(if how % 2 == 1 { "true" } else { "false" }),
            Some(name) => {
                let entry = &SCHEMA[name];
                if entry.get("enum").is_some() {
                    let choices = choices(entry);
                    json.push_str(&format!("\"{}\"", choices[usize::from(how) % choices.len()]));
                } else if entry.get("alternate").is_some() {
                    let all = members(name);
                    self.value(&all[usize::from(how) % all.len()].kind, json);
                } else if let Some(variants) = entry["variants"].as_object() {
                    let (tag, _) = variants.iter().nth(usize::from(how) % variants.len()).expect("there is one");
                    self.object(variant(name, tag), json);
                } else {
                    self.object(members(name), json);
                }
            }
        }
    }

    fn object(&mut self, members: &[Member], json: &mut String) {
        let how = self.byte();
        json.push('{');
        let mut separator = "";
        let mut put = |name: &str, json: &mut String| {
            json.push_str(&format!("{separator}\"{name}\": "));
            separator = ", ";
        };
        let order = 0..members.len();
        let order: Vec<usize> = if how.is_multiple_of(2) { order.collect() } else { order.rev().collect() };
        for index in order {
            let member = &members[index];
            let there = self.byte();
            if if member.is_optional { there.is_multiple_of(4) } else { there == 255 } {
                continue;
            }
            put(member.name, json);
            self.value(&member.kind, json);
            if there == 254 {
                put(member.name, json);
                json.push('1');
            }
        }
        if how >= 224 {
            put("x-new", json);
            json.push_str(STRANGE[usize::from(how % 16)]);
        }
        json.push('}');
    }
}

/// Whether an agent of the reference takes these arguments, or what it says.
fn judge_members(known: &[Member], members: &[(String, Tree)], path: &str) -> Result<(), String> {
    for Member { name, is_optional, kind, .. } in known {
        let mut named = members.iter().filter(|(other, _)| other == name);
        match (named.next(), named.next()) {
            (Some(_), Some(_)) => return Err("JSON parse error, duplicate key".to_owned()),
            (None, _) if *is_optional => {}
            (None, _) => return Err(format!("Parameter '{path}{name}' is missing")),
            (Some((_, value)), None) => judge(kind, value, &format!("{path}{name}"))?,
        }
    }
    let is_read = |(index, (name, _)): &(usize, &(String, Tree))| {
        *index < 32 && known.iter().any(|member| member.name == name.as_str())
    };
    match members.iter().enumerate().find(|member| !is_read(member)) {
        None => Ok(()),
        Some((index, (name, _))) if members[index + 1..].iter().any(|(other, _)| other == name) => {
            Err("JSON parse error, duplicate key".to_owned())
        }
        Some((_, (name, _))) => Err(format!("Parameter '{path}{name}' is unexpected")),
    }
}

fn judge(kind: &Kind, value: &Tree, path: &str) -> Result<(), String> {
    let expects = |expected: &str, is_so: bool| {
        if is_so { Ok(()) } else { Err(format!("Invalid parameter type for '{path}', expected: {expected}")) }
    };
    if let Some(element) = kind.get(0) {
        let Tree::Array(elements) = value else { return expects("array", false) };
        let mut elements = elements.iter().enumerate();
        return elements.try_for_each(|(index, value)| judge(element, value, &format!("{path}[{index}]")));
    }
    match kind.as_str().expect("arguments have a type") {
        "int" => expects("integer", value.integer().is_some()),
        "uint64" => value.unsigned().map(drop).ok_or(format!("Parameter '{path}' expects uint64")),
        "str" => expects("string", value.text().is_some()),
        "bool" => expects("boolean", matches!(value, Tree::Boolean(_))),
        name => {
            let entry = &SCHEMA[name];
            if entry.get("enum").is_some() {
                let Some(text) = value.text() else { return expects("string", false) };
                let refused = format!("Parameter '{path}' does not accept value '{text}'");
                return choices(entry).contains(&text).then_some(()).ok_or(refused);
            }
            if entry.get("alternate").is_some() {
                let takes = |kind: &Kind| match kind.as_str() {
                    Some("int") => matches!(value, Tree::Number(_)),
                    Some("bool") => matches!(value, Tree::Boolean(_)),
                    _ => value.text().is_some(),
                };
                let one = members(name).iter().find(|member| takes(&member.kind));
                return one.map_or_else(|| expects(name, false), |one| judge(&one.kind, value, path));
            }
            match value.members() {
                Some(inner) => judge_members(members(name), inner, &format!("{path}.")),
                None => expects("object", false),
            }
        }
    }
}

/// What a client of this schema knows of a return value. `None`: it refuses the value.
fn project(kind: &Kind, value: &Tree) -> Option<Tree> {
    if let Some(element) = kind.get(0) {
        let Tree::Array(elements) = value else { return None };
        // A list is kept as it came.
        return elements.iter().all(|value| project(element, value).is_some()).then(|| value.clone());
    }
    let number = |places| if let Tree::Number(text) = value { scaled(text, places) } else { None };
    let whole = |from: i128, to: i128| {
        number(0).filter(|(whole, exact)| *exact && (from..=to).contains(whole)).map(|(whole, _)| whole)
    };
    let known = |members: &[Member]| {
        let object = value.members()?;
        let mut projected = Vec::new();
        for Member { name, is_optional, kind, since } in members {
            let mut named = object.iter().filter(|(other, _)| other == name);
            match (named.next(), named.next()) {
                (Some(_), Some(_)) => return None,
                (None | Some((_, Tree::Null)), _) if *is_optional || since.is_some() => {}
                (found, _) => projected.push(((*name).to_owned(), project(kind, &found?.1)?)),
            }
        }
        Some(Tree::Object(projected))
    };
    match kind.as_str() {
        None => value.members().map(|_| Tree::Object(Vec::new())),
        Some("int") => whole(i64::MIN.into(), i64::MAX.into()).map(|whole| Tree::Number(whole.to_string())),
        Some("uint64") => whole(0, u64::MAX.into()).map(|whole| Tree::Number(whole.to_string())),
        Some("uint16") => whole(0, u16::MAX.into()).map(|whole| Tree::Number(whole.to_string())),
        Some("number") => {
            let thousandths = number(3).and_then(|(thousandths, _)| i64::try_from(thousandths).ok())?;
            let sign = if thousandths < 0 { "-" } else { "" };
            let magnitude = thousandths.unsigned_abs();
            Some(Tree::Number(format!("{sign}{}.{:03}", magnitude / 1000, magnitude % 1000)))
        }
        Some("str") => value.text().map(|_| value.clone()),
        Some("bool") => matches!(value, Tree::Boolean(_)).then(|| value.clone()),
        Some(name) => {
            let entry = &SCHEMA[name];
            if entry.get("enum").is_some() {
                return value.text().map(|_| value.clone());
            }
            let Some(tag) = entry["tag"].as_str() else { return known(members(name)) };
            let object = value.members()?;
            let mut tags = object.iter().filter(|(other, _)| other == tag);
            let (Some((_, Tree::String(text))), None) = (tags.next(), tags.next()) else { return None };
            match entry["variants"].get(text) {
                Some(_) => known(variant(name, text)),
                None => Some(Tree::Object(vec![(tag.to_owned(), Tree::String(text.clone()))])),
            }
        }
    }
}

/// A number times a power of ten, without what is after the point, and whether there was nothing. `None`: it is too large.
pub fn scaled(text: &str, places: i64) -> Option<(i128, bool)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some((0, true));
    }
    let far = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.trim_start_matches('+').parse::<i64>().unwrap_or(far).clamp(i64::MIN / 2, i64::MAX / 2);
    let power = exponent.saturating_add(places).saturating_sub(fraction.len() as i64);
    let length = digits.len() as i64;
    let (kept, dropped) = match power.saturating_add(length) {
        places if places > 30 => return None,
        places if places <= 0 => ("0".to_owned(), digits),
        _ if power >= 0 => (format!("{digits}{}", "0".repeat(power as usize)), ""),
        places => (digits[..places as usize].to_owned(), &digits[places as usize..]),
    };
    let magnitude: i128 = kept.parse().ok()?;
    let is_exact = dropped.bytes().all(|digit| digit == b'0');
    Some((if text.starts_with('-') { -magnitude } else { magnitude }, is_exact))
}

/// The same members, in any order. Numbers 0 to 2 mean the same as their names.
fn is_same(written: &[(String, Tree)], asked: &[(String, Tree)]) -> bool {
    let find = |name: &str| written.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let same = |name: &str, written: &Tree, asked: &Tree| match (name, asked.integer()) {
        ("whence", Some(number @ 0..=2)) => written.text() == Some(["set", "cur", "end"][number as usize]),
        _ => is_equal(written, asked),
    };
    written.len() == asked.len()
        && asked.iter().all(|(name, asked)| find(name).is_some_and(|written| same(name, written, asked)))
}

/// Whether two values are the same, whatever the order of members, and with -0 the same as 0.
fn is_equal(one: &Tree, other: &Tree) -> bool {
    match (one, other) {
        (Tree::Number(_), Tree::Number(_)) => {
            one == other || one.integer().is_some() && one.integer() == other.integer()
        }
        (Tree::Array(one), Tree::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Tree::Object(one), Tree::Object(other)) => {
            let has = |(name, value): &(String, Tree)| other.iter().any(|(n, v)| n == name && is_equal(value, v));
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}
