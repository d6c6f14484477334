//! Views on the JSON values of a frame.

use core::fmt;
use core::num::Wrapping;

use super::marks::{Marks, Separators};
use super::number;
use super::string::{Chars, Escapes, Text, WriteText};
use crate::offset::Offset;

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

/// Where the content of a string, array or object begins: after the quote or bracket.
const CONTENT: Offset = Offset::new(1);

impl<'a> Value<'a> {
    /// The value whose text this is: the lexer has passed it.
    #[doc(hidden)] // the C library's, beside this crate's
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// Where in this value one inside it begins. For a value from elsewhere the offset means nothing.
    pub(crate) fn place_of(self, inner: Self) -> Offset {
        Offset::new(inner.text.as_ptr() as usize).minus(self.text.as_ptr() as usize)
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text.first() == Some(&b'{')
    }

    /// The value's JSON text, without whitespace between its tokens.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.text
    }

    /// The value's JSON text as `str`. Checks UTF-8 again: time grows with the length.
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
        number::signed(is_negative, number::parse(digits)?)
    }

    /// The same for numbers from 0 to 2^64 - 1.
    pub fn unsigned(&self) -> Option<u64> {
        match self.text {
            b"-0" => Some(0),
            digits => number::parse(digits),
        }
    }

    /// A whole number that fits, in any spelling: `1.0`, `1e2`. Agents built on cJSON know floating point only, and print
    /// the time as `1.78104376664033e+18`.
    pub fn whole(&self) -> Option<i64> {
        number::whole(self.text).and_then(|(is_negative, magnitude)| number::signed(is_negative, magnitude))
    }

    /// The same for numbers from 0 to 2^64 - 1.
    pub fn whole_unsigned(&self) -> Option<u64> {
        number::whole(self.text).and_then(|(is_negative, magnitude)| number::unsigned(is_negative, magnitude))
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
        (self.text.first() == Some(&b'[')).then_some(Elements { array: self.text, at: CONTENT })
    }

    /// The members of an object, in the order received.
    pub fn members(&self) -> Option<Members<'a>> {
        let iter = MemberIter { object: self.text, at: CONTENT, marks: Marks::default() };
        self.is_object().then_some(Members { iter })
    }

    /// The same for what is known to be an object, where its separators may have been noted.
    pub(crate) const fn member_iter<'s>(&self, marks: Marks<'s>) -> MemberIter<'a, 's> {
        MemberIter { object: self.text, at: CONTENT, marks }
    }

    /// The separators of an object. Those of another value mean nothing.
    pub(crate) fn separators<const N: usize>(&self) -> Separators<N> {
        let mut separators = Separators::new();
        let last = Offset::end(self.text).minus(1);
        let mut at = CONTENT;
        while at < last && !separators.are_too_many() {
            let (colon, end) = member_end(self.text, at.plus(1));
            separators.note(colon);
            if end < last {
                separators.note(end);
            }
            at = end.plus(1);
        }
        separators
    }

    /// The value at a JSON Pointer (RFC 6901): names and indexes, each after a `/`.
    ///
    /// ```
    /// use guestwire::{Client, Reply};
    ///
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// # client.execute("guest-network-get-interfaces").expect("in step");
    /// # client.transmitted(usize::MAX);
    /// let received = br#"{"return": [{"name": "eth0", "ip-addresses": [{"ip-address": "192.0.2.1"}]}], "id": 8}"#;
    /// let (_, Ok(Some(Reply::Return(interfaces)))) = client.push_slice(received) else { panic!("it was answered") };
    /// let address = interfaces.pointer("/0/ip-addresses/0/ip-address").and_then(|address| address.string());
    /// assert_eq!(address.expect("it has an address"), "192.0.2.1");
    /// ```
    pub fn pointer(&self, pointer: &str) -> Option<Value<'a>> {
        let (mut value, mut rest) = (*self, pointer.as_bytes());
        while let [slash, tokens @ ..] = rest {
            let length = tokens.iter().position(|byte| *byte == b'/').unwrap_or(tokens.len());
            let token = tokens.get(..length).filter(|_| *slash == b'/')?;
            rest = tokens.get(length..)?;
            value = match value.elements() {
                Some(mut elements) => elements.nth(index(token)?)?,
                None => value.members()?.find(|(name, _)| is_named(*name, token))?.1,
            };
        }
        Some(value)
    }

    /// The first member of that name, if this is an object that has one.
    pub fn member(&self, name: &str) -> Option<Value<'a>> {
        self.members()?.find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }
}

/// An index as a JSON Pointer has it: without a sign or leading zeros.
fn index(token: &[u8]) -> Option<usize> {
    let is_canonical = matches!(token, [b'0'] | [b'1'..=b'9', ..]);
    if is_canonical { number::parse(token)?.try_into().ok() } else { None }
}

/// Whether a token of a JSON Pointer, in which `~1` is a slash and `~0` a tilde, means a name.
fn is_named(name: Text<'_>, token: &[u8]) -> bool {
    let mut token = Chars::new(token, Escapes::None);
    let mut is_next = |character| match token.next() {
        Some('~') => matches!((token.next(), character), (Some('0'), '~') | (Some('1'), '/')),
        next => next == Some(character),
    };
    name.chars().all(&mut is_next) && token.next().is_none()
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
    let mut outer = Offset::START;
    while let Some(bracket) = outer.byte(text) {
        let is_object = bracket == b'{';
        let (mut start, mut index) = (outer, 0_u32);
        // The one member or element that does not end here is the one around it.
        let (name, inner) = loop {
            start = start.plus(1);
            let name_end = if is_object { string_end(text, start.plus(1)) } else { start };
            let inner = if is_object { name_end.plus(1) } else { start };
            let end = value_end(text, inner);
            if end.byte(text).is_none() {
                // An element has no name: it would end before it starts.
                break (start.plus(1).until(name_end.minus(1), text), inner);
            }
            (start, index) = (end, index.wrapping_add(1));
        };
        match name {
            Some(name) => {
                if outer > Offset::START {
                    to.write_char('.')?;
                }
                to.write_text(name, Escapes::Json)?;
            }
            None => {
                to.write_char('[')?;
                number::write(to, index.into())?;
                to.write_char(']')?;
            }
        }
        outer = inner;
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
    at: Offset,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let end = value_end(self.array, self.at);
        let text = self.at.until(end, self.array).filter(|text| !text.is_empty())?;
        self.at = end.plus(1);
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
    at: Offset,
    marks: Marks<'s>,
}

impl<'a> Iterator for MemberIter<'a, '_> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<(Text<'a>, Value<'a>)> {
        let name_start = self.at.plus(1);
        let last = Offset::end(self.object).minus(1);
        if name_start >= last {
            return None;
        }
        let (colon, end) = match self.marks.next() {
            None => member_end(self.object, name_start),
            Some((colon, comma)) => (colon, comma.unwrap_or(last)),
        };
        self.at = end.plus(1);
        let name = Text::new(name_start.until(colon.minus(1), self.object)?);
        Some((name, Value { text: colon.plus(1).until(end, self.object)? }))
    }
}

/// The indexes of the colon and of the comma or closing bracket of the member whose name starts at `at`.
#[inline(never)]
fn member_end(object: &[u8], at: Offset) -> (Offset, Offset) {
    let colon = string_end(object, at);
    (colon, value_end(object, colon.plus(1)))
}

/// The index after the closing quote of the string whose text starts at `at`.
pub(crate) fn string_end(text: &[u8], mut at: Offset) -> Offset {
    loop {
        at = match at.byte(text) {
            Some(b'"') | None => return at.plus(1),
            Some(b'\\') => at.plus(2),
            Some(_) => at.plus(1),
        }
    }
}

/// The string that a text begins with, or the name of the first member of the object that it begins with.
pub(crate) fn first_string(text: &[u8]) -> Text<'_> {
    let start = if text.first() == Some(&b'{') { CONTENT.plus(1) } else { CONTENT };
    let (end, _) = member_end(text, start);
    Text::new(start.until(end.minus(1), text).unwrap_or_default())
}

/// The index after the value that starts at `at`: the comma or closing bracket that follows it, or the end of the text.
fn value_end(text: &[u8], mut at: Offset) -> Offset {
    let mut depth = Wrapping(0_usize);
    loop {
        match at.byte(text) {
            None => return at,
            Some(b'"') => {
                at = string_end(text, at.plus(1));
                continue;
            }
            Some(b'[' | b'{') => depth += 1,
            Some(b']' | b'}' | b',') if depth.0 == 0 => return at,
            Some(b']' | b'}') => depth -= 1,
            Some(_) => {}
        }
        at = at.plus(1);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Value<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.as_bytes());
    }
}
