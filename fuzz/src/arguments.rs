//! Typed access to arguments, against what serde_json reads: one list of reads, interpreted twice.

use guestwire::{
    Decoder, Event,
    message::{ArgumentError, Arguments, Request},
};

use crate::tree::Tree;
use crate::typed;

const NAMES: [&str; 4] = ["a", "b", "id", "\u{e9}"];
const CHOICES: [(&str, i32); 2] = [("a", 1), ("\u{1F600}", 2)];

/// What a command reads of its arguments.
struct Read {
    name: &'static str,
    optional: bool,
    kind: u8,
}

/// The first bytes say what is read of the arguments, the others are the arguments.
pub fn arguments(bytes: &[u8]) {
    let [count, rest @ ..] = bytes else { return };
    let (reads, text) = rest.split_at(rest.len().min(usize::from(count % 8)));
    let read = |byte: &u8| Read { name: NAMES[usize::from(byte / 16 % 4)], optional: byte & 8 != 0, kind: byte % 8 };
    let reads: Vec<Read> = reads.iter().map(read).collect();
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some(tree) = Tree::parse(text) else { return };
    let frame = format!("{{\"execute\":\"x\",\"arguments\":{text}}}");
    let mut decoder = Box::new(Decoder::<8192>::new());
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(frame.as_bytes()) else { return };
    let Tree::Object(members) = tree else {
        return assert!(Request::parse(&frame).is_err(), "arguments are an object");
    };
    let mut arguments = Request::parse(&frame).expect("it is a request").arguments;
    let read = read_all(&mut arguments, &reads).and_then(|read| arguments.end().map(|()| read));
    assert_eq!(read.map_err(|error| error.to_string()), due(&members, &reads, ""));
    typed::serde(text, &frame);
}

/// What is read, as text, by the crate.
fn read_all<'a>(arguments: &mut Arguments<'a>, reads: &[Read]) -> Result<String, ArgumentError<'a>> {
    let mut text = String::new();
    for (at, &Read { name, optional, kind }) in reads.iter().enumerate() {
        text += &match (kind, optional) {
            (0, true) => format!("{:?};", arguments.optional_integer(name)?),
            (0, false) => format!("{:?};", Some(arguments.integer(name)?)),
            (1, true) => format!("{:?};", arguments.optional_unsigned(name)?),
            (1, false) => format!("{:?};", Some(arguments.unsigned(name)?)),
            (2, true) => format!("{:?};", arguments.optional_boolean(name)?),
            (2, false) => format!("{:?};", Some(arguments.boolean(name)?)),
            (3, true) => format!("{:?};", arguments.optional_string(name)?.map(|text| text.to_string())),
            (3, false) => format!("{:?};", Some(arguments.string(name)?.to_string())),
            (4, true) => format!("{:?};", arguments.optional_one_of(name, CHOICES)?),
            (4, false) => format!("{:?};", Some(arguments.one_of(name, CHOICES)?)),
            (5, true) => match arguments.optional_array(name)? {
                Some(list) => list.map(|element| Ok(format!("{},", element.integer()?))).collect::<Result<_, _>>()?,
                None => "None;".to_owned(),
            },
            (5, false) => {
                let elements = arguments.array(name)?.map(|element| Ok(format!("{},", element.integer()?)));
                elements.collect::<Result<_, _>>()?
            }
            // The other reads are of the object.
            (_, true) => {
                let inner = arguments.optional_object(name, |object| read_all(object, &reads[at + 1..]))?;
                return Ok(text + &inner.unwrap_or_else(|| "None;".to_owned()));
            }
            (_, false) => return Ok(text + &arguments.object(name, |object| read_all(object, &reads[at + 1..]))?),
        }
    }
    Ok(text)
}

/// The same by the reference agent's rules, from what serde_json has read.
fn due(members: &[(String, Tree)], reads: &[Read], path: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut read = Vec::new();
    for (at, &Read { name, optional, kind }) in reads.iter().enumerate() {
        read.push(name);
        let parameter = format!("{path}{name}");
        let wrong = |expected: &str| format!("Invalid parameter type for '{parameter}', expected: {expected}");
        let mut named = members.iter().filter(|(candidate, _)| candidate == name).map(|(_, value)| value);
        let value = match (named.next(), named.next()) {
            (Some(_), Some(_)) => return Err("JSON parse error, duplicate key".to_owned()),
            (None, _) if !optional => return Err(format!("Parameter '{parameter}' is missing")),
            (value, _) => value,
        };
        let Some(value) = value else {
            text += "None;";
            if kind > 5 {
                break;
            }
            continue;
        };
        let string = || value.text().ok_or(wrong("string"));
        text += &match (kind, value) {
            (0, _) => format!("{:?};", Some(value.integer().ok_or(wrong("integer"))?)),
            (1, _) => {
                format!("{:?};", Some(value.unsigned().ok_or(format!("Parameter '{parameter}' expects uint64"))?))
            }
            (2, Tree::Boolean(boolean)) => format!("{:?};", Some(boolean)),
            (2, _) => return Err(wrong("boolean")),
            (3, _) => format!("{:?};", Some(string()?)),
            (4, _) => {
                let text = string()?;
                let choice = CHOICES.iter().find(|(choice, _)| *choice == text).map(|(_, number)| *number);
                let refused = format!("Parameter '{parameter}' does not accept value '{text}'");
                format!("{:?};", Some(choice.ok_or(refused)?))
            }
            (5, Tree::Array(elements)) => {
                let element = |(index, element): (usize, &Tree)| {
                    let wrong = format!("Invalid parameter type for '{parameter}[{index}]', expected: integer");
                    Ok(format!("{},", element.integer().ok_or(wrong)?))
                };
                elements.iter().enumerate().map(element).collect::<Result<String, String>>()?
            }
            (5, _) => return Err(wrong("array")),
            (_, Tree::Object(members)) => {
                text += &due(members, &reads[at + 1..], &format!("{parameter}."))?;
                break;
            }
            _ => return Err(wrong("object")),
        };
    }
    let is_read = |(index, (name, _)): &(usize, &(String, Tree))| *index < 32 && read.contains(&name.as_str());
    match members.iter().enumerate().find(|member| !is_read(member)) {
        None => Ok(text),
        Some((index, (name, _))) if members[index + 1..].iter().any(|(other, _)| other == name) => {
            Err("JSON parse error, duplicate key".to_owned())
        }
        Some((_, (name, _))) => Err(format!("Parameter '{path}{name}' is unexpected")),
    }
}
