//! QAPI's guest agent schema of QEMU 11.1: names, types, what is optional, and the version each came with.
//!
//! `summarize` made `schema.jsonl` of QEMU's own file. `qemu-ga-11.1.3.jsonl` has what that agent returned on Debian, a
//! request a line; long lists are cut, and names of machines replaced.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// By name: a command, struct, enum, alternate or union.
pub static SCHEMA: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    let entries = lines(include_str!("schema.jsonl"));
    let named = entries.map(|entry| {
        let name = KINDS.iter().find_map(|kind| entry[kind].as_str()).expect("it has a name");
        (&*String::leak(name.to_owned()), entry)
    });
    named.collect()
});

const KINDS: [&str; 5] = ["command", "struct", "enum", "alternate", "union"];

/// `command`, `arguments`, `return`, and as `text` the return value as the agent wrote it.
pub fn recorded() -> impl Iterator<Item = Value> {
    include_str!("qemu-ga-11.1.3.jsonl").lines().map(|line| {
        let mut exchange: Value = serde_json::from_str(line).expect("JSON");
        let (_, text) = line.split_once("\"return\": ").expect("it returned something");
        exchange["text"] = text.strip_suffix('}').expect("an object").into();
        exchange
    })
}

fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON"))
}

pub fn commands() -> impl Iterator<Item = (&'static str, &'static Value)> {
    SCHEMA.iter().filter(|(_, entry)| entry.get("command").is_some()).map(|(name, entry)| (*name, entry))
}

pub struct Member {
    pub name: &'static str,
    pub is_optional: bool,
    pub kind: Value,
    /// If it came later than the rest.
    pub since: Option<&'static str>,
}

/// Of a command or struct, or of a union's variant.
pub fn members(name: &str, variant: Option<&str>) -> Vec<Member> {
    let entry = &SCHEMA[name];
    let pairs = |list: &Value| list.as_array().expect("a list").clone();
    let own = match variant {
        None => pairs(&entry["members"]),
        Some(variant) => {
            let more = entry["variants"][variant].as_str().map(|name| pairs(&SCHEMA[name]["members"]));
            pairs(&entry["base"]).into_iter().chain(more.into_iter().flatten()).collect()
        }
    };
    let own = own.into_iter().map(|pair| {
        let name: &'static str = String::leak(pair[0].as_str().expect("a name").to_owned());
        let plain = name.trim_start_matches('*');
        let since = entry["later"][plain].as_str();
        Member { name: plain, is_optional: plain != name, kind: pair[1].clone(), since }
    });
    own.collect()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one.as_str().expect("a string")).collect()
}

/// Fails where what a command returned is not what the schema says.
pub fn check_return(command: &str, value: &Value) {
    check(&SCHEMA[command]["returns"], value, command);
}

/// The same for any value.
pub fn check(kind: &Value, value: &Value, at: &str) {
    if let Some(element) = kind.get(0) {
        let list = value.as_array().unwrap_or_else(|| panic!("{at}: {value}"));
        return list.iter().enumerate().for_each(|(index, value)| check(element, value, &format!("{at}[{index}]")));
    }
    let is_valid = match kind.as_str() {
        None => *value == json!({}),
        Some("int") => value.is_i64(),
        Some("uint64") => value.is_u64(),
        Some("uint16") => value.as_u64().is_some_and(|value| value <= 0xFFFF),
        Some("number") => value.is_number(),
        Some("str") => value.is_string(),
        Some("bool") => value.is_boolean(),
        Some(name) => match &SCHEMA[name] {
            entry if entry.get("enum").is_some() => {
                value.as_str().is_some_and(|value| strings(&entry["values"]).contains(&value))
            }
            entry if entry.get("alternate").is_some() => {
                panic!("{at}: {entry} is in no return value")
            }
            entry if entry.get("union").is_some() => {
                let tag = value[entry["tag"].as_str().unwrap()].as_str().unwrap_or_else(|| panic!("{at}: {value}"));
                return check_members(&members(name, Some(tag)), value, at);
            }
            _ => return check_members(&members(name, None), value, at),
        },
    };
    assert!(is_valid, "{at}: {value} is not {kind}");
}

fn check_members(members: &[Member], value: &Value, at: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
    for member in members {
        match object.get(member.name) {
            Some(value) => check(&member.kind, value, &format!("{at}.{}", member.name)),
            None => assert!(member.is_optional, "{at}.{} is missing", member.name),
        }
    }
    for name in object.keys() {
        assert!(members.iter().any(|member| member.name == name), "{at}.{name} is not in the schema");
    }
}

/// Makes values that follow the schema.
pub struct Values {
    /// Another one has other choices and other booleans.
    pub round: usize,
    /// Whether optional members are there.
    pub with_optional: bool,
    /// No two numbers or strings are the same.
    pub count: usize,
}

impl Values {
    pub const fn new(round: usize, with_optional: bool) -> Self {
        Self { round, with_optional, count: 0 }
    }

    pub fn make(&mut self, kind: &Value) -> Value {
        if let Some(element) = kind.get(0) {
            return (0..2).map(|_| self.make(element)).collect();
        }
        self.count += 1;
        let unique = 1000 + self.count;
        match kind.as_str() {
            None => json!({}),
            Some("int") => json!(-(unique as i64)),
            Some("uint64") => json!(u64::MAX - unique as u64),
            Some("uint16") => json!(u16::MAX - unique as u16),
            Some("number") => serde_json::from_str(&format!("{unique}.125")).unwrap(),
            // Four base64 digits.
            Some("str") => json!(unique.to_string()),
            Some("bool") => json!((self.count >> (self.round % 4)) & 1 == 1),
            Some(name) => match &SCHEMA[name] {
                entry if entry.get("enum").is_some() => {
                    let values = strings(&entry["values"]);
                    json!(values[self.round % values.len()])
                }
                entry if entry.get("alternate").is_some() => {
                    let all = members(name, None);
                    self.make(&all[self.round % all.len()].kind)
                }
                entry if entry.get("union").is_some() => {
                    let mut variants: Vec<_> = entry["variants"].as_object().unwrap().keys().collect();
                    variants.sort_unstable();
                    let variant = variants[self.round % variants.len()];
                    let mut object = self.object(members(name, Some(variant)));
                    object[entry["tag"].as_str().unwrap()] = json!(variant);
                    object.into()
                }
                _ => self.object(members(name, None)).into(),
            },
        }
    }

    pub fn object(&mut self, members: Vec<Member>) -> Map<String, Value> {
        let with_optional = self.with_optional;
        let there = members.into_iter().filter(|member| with_optional || !member.is_optional);
        there.map(|member| (member.name.to_owned(), self.make(&member.kind))).collect()
    }
}
