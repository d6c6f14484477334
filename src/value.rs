//! Views on the JSON values of a frame.

use crate::text::Text;

/// One JSON value of a [`Frame`](crate::Frame). Nothing is copied; what is inside is found when it is asked for.
///
/// ```
/// use guestwire::{Decoder, Event};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// let Ok(Some(Event::Frame(frame))) = decoder.push_slice(&mut &br#"{"pid": 7, "args": [true]}"#[..]) else {
///     panic!("a frame was sent")
/// };
/// let value = frame.value();
/// assert_eq!(value.member("pid").and_then(|pid| pid.integer()), Some(7));
/// let mut elements = value.member("args").and_then(|args| args.elements()).expect("it is an array");
/// assert_eq!(elements.next().and_then(|element| element.boolean()), Some(true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    root: &'a [u8],
    start: usize,
    end: usize,
}

/// What a [`Value`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The whole of a text that the lexer has passed.
    pub(crate) const fn root(text: &'a [u8]) -> Self {
        Self { root: text, start: 0, end: text.len() }
    }

    /// The same value as the root of its own text.
    pub(crate) fn rooted(self) -> Self {
        Self::root(self.as_bytes())
    }

    /// The path from the root to this value: a name or an index at each step.
    pub(crate) fn path(self) -> impl Iterator<Item = Segment<'a>> {
        let mut inside = Self::root(self.root);
        core::iter::from_fn(move || {
            if inside.start == self.start {
                return None;
            }
            let encloses = |child: &Self| child.start <= self.start && self.start < child.end;
            let (segment, child) = match inside.kind() {
                Kind::Object => inside
                    .members()?
                    .find(|(_, child)| encloses(child))
                    .map(|(name, child)| (Segment::Name(name), child))?,
                _ => inside
                    .elements()?
                    .enumerate()
                    .find(|(_, child)| encloses(child))
                    .map(|(index, child)| (Segment::Index(index), child))?,
            };
            inside = child;
            Some(segment)
        })
    }

    /// The value's JSON text, without whitespace between its tokens.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.root.get(self.start..self.end).unwrap_or_default()
    }

    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self.root.get(self.start) {
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
        match self.as_bytes() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// A number without fraction and exponent that fits. `1.0` and `1e2` are none, as with the reference agent.
    pub fn integer(&self) -> Option<i64> {
        match self.as_bytes().strip_prefix(b"-") {
            Some(digits) => 0_i64.checked_sub_unsigned(decimal(digits)?),
            None => decimal(self.as_bytes())?.try_into().ok(),
        }
    }

    /// The same for numbers from 0 to 2^64 - 1.
    pub fn unsigned(&self) -> Option<u64> {
        match self.as_bytes() {
            b"-0" => Some(0),
            digits => decimal(digits),
        }
    }

    /// The text of a string.
    pub fn string(&self) -> Option<Text<'a>> {
        self.as_bytes().strip_prefix(b"\"")?.strip_suffix(b"\"").map(Text::new)
    }

    /// The elements of an array.
    pub fn elements(&self) -> Option<Elements<'a>> {
        (self.kind() == Kind::Array).then(|| Elements { array: *self, at: self.start.saturating_add(1) })
    }

    /// The members of an object, in the order received.
    pub fn members(&self) -> Option<Members<'a>> {
        (self.kind() == Kind::Object).then(|| Members {
            object: *self,
            at: self.start.saturating_add(1),
            separators: None,
        })
    }

    /// The members of an object that is the whole text, with the places of all its colons and commas.
    pub(crate) fn members_between(&self, separators: &'a [u16]) -> Option<Members<'a>> {
        self.members().map(|members| Members { separators: Some(separators), ..members })
    }

    /// The first member of that name, if this is an object that has one.
    pub fn member(&self, name: &str) -> Option<Value<'a>> {
        self.members()?.find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }
}

/// One step of a path into a value.
pub(crate) enum Segment<'a> {
    Name(Text<'a>),
    Index(usize),
}

/// The elements of an array: see [`Value::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    array: Value<'a>,
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let Value { root, end, .. } = self.array;
        let element = Value { root, start: self.at, end: value_end(root, self.at) };
        if element.start >= element.end || element.end >= end {
            return None;
        }
        self.at = element.end.saturating_add(1);
        Some(element)
    }
}

/// The members of an object, name and value: see [`Value::members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    object: Value<'a>,
    at: usize,
    /// The colons and commas still to come, where the decoder has noted all of them.
    separators: Option<&'a [u16]>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<(Text<'a>, Value<'a>)> {
        let Value { root, end, .. } = self.object;
        let name_start = self.at.saturating_add(1);
        let last = end.saturating_sub(1);
        if name_start >= last {
            return None;
        }
        let (colon, behind) = match self.separators {
            None => {
                let colon = string_end(root, name_start);
                (colon, value_end(root, colon.saturating_add(1)))
            }
            Some(separators) => {
                let (&colon, rest) = separators.split_first()?;
                let (&comma, rest) = rest.split_first().unwrap_or((&(last as u16), &[]));
                self.separators = Some(rest);
                (usize::from(colon), usize::from(comma))
            }
        };
        self.at = behind.saturating_add(1);
        let name = Text::new(root.get(name_start..colon.saturating_sub(1))?);
        Some((name, Value { root, start: colon.saturating_add(1), end: behind }))
    }
}

/// The index after the closing quote of the string whose text starts at `at`.
fn string_end(root: &[u8], mut at: usize) -> usize {
    loop {
        let width = match root.get(at) {
            Some(b'\\') => 2,
            Some(b'"') | None => return at.saturating_add(1),
            Some(_) => 1,
        };
        at = at.saturating_add(width);
    }
}

/// The index after the value that starts at `at`: that of the comma or closing bracket behind it, or of the text's end.
fn value_end(root: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match root.get(at) {
            None => return at,
            Some(b'"') => {
                at = string_end(root, at.saturating_add(1));
                continue;
            }
            Some(b'[' | b'{') => depth = depth.saturating_add(1),
            Some(b']' | b'}' | b',') if depth == 0 => return at,
            Some(b']' | b'}') => depth = depth.saturating_sub(1),
            Some(_) => {}
        }
        at = at.saturating_add(1);
    }
}

/// *DIGIT, if it fits.
fn decimal(digits: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}
