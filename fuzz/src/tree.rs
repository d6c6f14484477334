//! JSON as serde_json reads it, complete: members in order, with duplicates, and numbers as written.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Null,
    Boolean(bool),
    Number(String),
    String(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// `None`: serde_json refuses it.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim_ascii_start().as_bytes().first()? {
            b'{' => {
                let members = members(text)?;
                let tree = |(name, value): (String, Box<RawValue>)| Some((name, Self::parse(value.get())?));
                Self::Object(members.into_iter().map(tree).collect::<Option<_>>()?)
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::Array(elements.into_iter().map(|element| Self::parse(element.get())).collect::<Option<_>>()?)
            }
            b'"' => Self::String(serde_json::from_str(text).ok()?),
            b'n' => serde_json::from_str(text).map(|()| Self::Null).ok()?,
            b't' | b'f' => Self::Boolean(serde_json::from_str(text).ok()?),
            _ => Self::Number(serde_json::from_str::<serde_json::Number>(text).ok()?.to_string()),
        })
    }

    /// The first member of that name.
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.members()?.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }

    pub fn members(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    pub fn integer(&self) -> Option<i64> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }

    pub fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Number(digits) if digits == "-0" => Some(0),
            Self::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// A response: it is never answered.
    pub fn is_response(&self) -> bool {
        (self.member("return").is_some() || self.member("error").is_some()) && self.member("execute").is_none()
    }
}

/// The members of an object as they are written. `None`: serde_json refuses it.
pub fn members(text: &str) -> Option<Vec<(String, Box<RawValue>)>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(Members).ok()?;
    deserializer.end().ok()?;
    Some(members)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
