//! Views on the JSON values of a frame.

use core::fmt;

use super::marks::{Marks, Separators};
use super::number;
use super::string::{Text, WriteText};
use crate::length::Length;

/// One JSON value of a [`Frame`](crate::frame::Frame). Nothing is copied; what is inside is found when it is asked for.
///
/// Two values are equal if their text is. It prints as that text.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(br#"{"pid": 7, "args": [true]}"#) else {
///     panic!("a frame was sent")
/// };
/// let value = frame.value();
/// assert_eq!(value.member("pid").and_then(|pid| pid.integer()), Some(7));
/// let mut elements = value.member("args").and_then(|args| args.elements()).expect("it is an array");
/// assert_eq!(elements.next().and_then(|element| element.boolean()), Some(true));
/// ```
#[derive(Clone, Copy)]
pub struct Value<'a> {
    text: &'a [u8],
}

/// What a [`Value`] is.
///
/// ```
/// use guestwire::{Decoder, Event, json::Kind};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(b"[1]") else { panic!("a frame was sent") };
/// assert_eq!(frame.value().kind(), Kind::Array);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// Any number, whole or not.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Value<'a> {
    /// The value whose text this is: the lexer has passed it.
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// The text before a value inside this one.
    pub(crate) fn before(self, inner: Self) -> &'a [u8] {
        let place = (inner.text.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        self.text.get(..place).unwrap_or_default()
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text.first() == Some(&b'{')
    }

    /// The value's JSON text, without whitespace between its tokens.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.text
    }

    /// The same as `str`. Takes time in its length.
    pub fn as_str(&self) -> &'a str {
        core::str::from_utf8(self.text).unwrap_or_default()
    }

    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self.text.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        match self.text {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// A number without fraction and exponent that fits. `1.0` and `1e2` give `None`, as with the reference agent.
    pub fn integer(&self) -> Option<i64> {
        let (digits, is_negative) = match self.text {
            [b'-', digits @ ..] => (digits, true),
            digits => (digits, false),
        };
        let magnitude = number::parse(digits)?;
        if magnitude > i64::MAX.unsigned_abs().wrapping_add(is_negative.into()) {
            return None;
        }
        let value = magnitude.cast_signed();
        Some(if is_negative { value.wrapping_neg() } else { value })
    }

    /// The same for numbers from 0 to 2^64 - 1.
    pub fn unsigned(&self) -> Option<u64> {
        match self.text {
            b"-0" => Some(0),
            digits => number::parse(digits),
        }
    }

    /// The text of a string.
    pub fn string(&self) -> Option<Text<'a>> {
        match self.text {
            [b'"', escaped @ .., _] => Some(Text::new(escaped)),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn elements(&self) -> Option<Elements<'a>> {
        (self.text.first() == Some(&b'[')).then_some(Elements { array: self.text, at: 1 })
    }

    /// The members of an object, in the order received.
    pub fn members(&self) -> Option<Members<'a>> {
        let iter = MemberIter { object: self.text, at: 1, marks: Marks::default() };
        self.is_object().then_some(Members { iter })
    }

    /// The same for what is known to be an object, where its separators may have been noted.
    pub(crate) const fn member_iter<'s>(&self, marks: Marks<'s>) -> MemberIter<'a, 's> {
        MemberIter { object: self.text, at: 1, marks }
    }

    /// The separators of an object. Those of another value mean nothing.
    pub(crate) fn separators<const N: usize>(&self) -> Separators<N> {
        let mut separators = Separators::new();
        let last = self.text.len().wrapping_sub(1);
        let mut at = 1_usize;
        while at < last && !separators.are_too_many() {
            let (colon, end) = member_end(self.text, at.wrapping_add(1));
            separators.note(colon as Length);
            if end < last {
                separators.note(end as Length);
            }
            at = end.wrapping_add(1);
        }
        separators
    }

    /// The first member of that name, if this is an object that has one.
    pub fn member(&self, name: &str) -> Option<Value<'a>> {
        self.members()?.find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.as_bytes()
    }
}

impl Eq for Value<'_> {}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Writes the path to the value that a text leads up to: `vcpus[0].online`.
pub(crate) fn write_path(to: &mut impl WriteText, text: &[u8]) -> fmt::Result {
    let (mut outer, mut dot) = (0, "");
    while outer < text.len() {
        let is_object = text.get(outer) == Some(&b'{');
        let (mut start, mut index) = (outer, 0_u32);
        // The one member or element that does not end here is the one around it.
        let (name, inner) = loop {
            start = start.wrapping_add(1);
            let name_end = if is_object { string_end(text, start.wrapping_add(1)) } else { start };
            let inner = if is_object { name_end.wrapping_add(1) } else { start };
            let end = value_end(text, inner);
            if end >= text.len() {
                // An element has no name: it would end before it starts.
                break (text.get(start.wrapping_add(1)..name_end.wrapping_sub(1)), inner);
            }
            (start, index) = (end, index.wrapping_add(1));
        };
        match name {
            Some(name) => {
                to.write_str(dot)?;
                to.write_text(name, b'\\')?;
            }
            None => {
                to.write_char('[')?;
                number::write(to, index.into())?;
                to.write_char(']')?;
            }
        }
        (outer, dot) = (inner, ".");
    }
    Ok(())
}

/// The elements of an array: see [`Value::elements`].
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(b"[1, 2, 3]") else { panic!("a frame was sent") };
/// let elements = frame.value().elements().expect("it is an array");
/// assert_eq!(elements.filter_map(|element| element.integer()).sum::<i64>(), 6);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Elements<'a> {
    array: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let end = value_end(self.array, self.at);
        let text = self.array.get(self.at..end).filter(|text| !text.is_empty())?;
        self.at = end.wrapping_add(1);
        Some(Value { text })
    }
}

/// The members of an object, name and value: see [`Value::members`].
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(br#"{"a": 1, "b": 2}"#) else {
///     panic!("a frame was sent")
/// };
/// let (name, value) = frame.value().members().and_then(|members| members.last()).expect("it has members");
/// assert_eq!(name, "b");
/// assert_eq!(value.integer(), Some(2));
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Members<'a> {
    iter: MemberIter<'a, 'static>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<(Text<'a>, Value<'a>)> {
        self.iter.next()
    }
}

/// The same, by the separators where they have been noted.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct MemberIter<'a, 's> {
    object: &'a [u8],
    at: usize,
    marks: Marks<'s>,
}

impl<'a> Iterator for MemberIter<'a, '_> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<(Text<'a>, Value<'a>)> {
        let name_start = self.at.wrapping_add(1);
        let last = self.object.len().wrapping_sub(1);
        if name_start >= last {
            return None;
        }
        let (colon, end) = match self.marks.next() {
            None => member_end(self.object, name_start),
            Some((colon, comma)) => (colon, comma.unwrap_or(last)),
        };
        self.at = end.wrapping_add(1);
        let name = Text::new(self.object.get(name_start..colon.wrapping_sub(1))?);
        Some((name, Value { text: self.object.get(colon.wrapping_add(1)..end)? }))
    }
}

/// The indexes of the colon and of the comma or closing bracket of the member whose name starts at `at`.
#[inline(never)]
fn member_end(object: &[u8], at: usize) -> (usize, usize) {
    let colon = string_end(object, at);
    (colon, value_end(object, colon.wrapping_add(1)))
}

/// The index after the closing quote of the string whose text starts at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    loop {
        match text.get(at) {
            Some(b'"') | None => return at.wrapping_add(1),
            Some(b'\\') => at = at.wrapping_add(2),
            Some(_) => at = at.wrapping_add(1),
        }
    }
}

/// The string that a text begins with, or the name of the first member of the object that it begins with.
pub(crate) fn first_string(text: &[u8]) -> Text<'_> {
    let start = if text.first() == Some(&b'{') { 2 } else { 1 };
    let (end, _) = member_end(text, start);
    Text::new(text.get(start..end.wrapping_sub(1)).unwrap_or_default())
}

/// The index after the value that starts at `at`: the comma or closing bracket that follows it, or the end of the text.
fn value_end(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match text.get(at) {
            None => return at,
            Some(b'"') => {
                at = string_end(text, at.wrapping_add(1));
                continue;
            }
            Some(b'[' | b'{') => depth = depth.wrapping_add(1),
            Some(b']' | b'}' | b',') if depth == 0 => return at,
            Some(b']' | b'}') => depth = depth.wrapping_sub(1),
            Some(_) => {}
        }
        at = at.wrapping_add(1);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Value<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.as_bytes());
    }
}
