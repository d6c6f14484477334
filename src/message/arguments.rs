//! Arguments: typed access to what a command takes, and what is wrong with it.

use core::fmt::{self, Write};

use super::{DUPLICATE_KEY, write_text};
use crate::encoder::decimal;
use crate::text::Text;
use crate::value::{Kind, Segment, Value};

/// The members of an object that a command takes: its arguments, or an object among them.
///
/// Each method reads one member by its name. What is never read is unexpected, and [`end`](Self::end) says so.
///
/// ```
/// use guestwire::{ArgumentError, Arguments, Text};
///
/// fn open<'a>(arguments: &mut Arguments<'a>) -> Result<(Text<'a>, Option<Text<'a>>), ArgumentError<'a>> {
///     let path = arguments.string("path")?;
///     let mode = arguments.optional_string("mode")?;
///     arguments.end()?;
///     Ok((path, mode))
/// }
///
/// let error = open(&mut Arguments::none()).expect_err("a path is needed");
/// assert_eq!(error.to_string(), "Parameter 'path' is missing");
/// ```
///
/// # Errors
/// All methods that read give [`ArgumentError`]: the member is missing, of another type (`null` is a type of its
/// own), or there twice. An optional member may only be missing.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    object: Value<'a>,
    /// Which members were read, one bit each. No command takes more than 32.
    read: u32,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'a> Arguments<'a> {
    /// No arguments, as in a request without the member.
    pub const fn none() -> Self {
        Self { object: Value::root(b"{}"), read: 0 }
    }

    pub(super) fn of(arguments: Option<Value<'a>>) -> Self {
        arguments.map_or(Self::none(), |object| Self { object: object.rooted(), read: 0 })
    }

    /// A whole number from -2^63 to 2^63 - 1.
    pub fn integer(&mut self, name: &'static str) -> Result<i64, ArgumentError<'a>> {
        self.required(name)?.integer()
    }

    /// The same, where it may be missing.
    pub fn optional_integer(&mut self, name: &'static str) -> Result<Option<i64>, ArgumentError<'a>> {
        self.optional(name)?.map(|argument| argument.integer()).transpose()
    }

    /// A whole number from 0 to 2^64 - 1.
    pub fn unsigned(&mut self, name: &'static str) -> Result<u64, ArgumentError<'a>> {
        self.required(name)?.unsigned()
    }

    /// The same, where it may be missing.
    pub fn optional_unsigned(&mut self, name: &'static str) -> Result<Option<u64>, ArgumentError<'a>> {
        self.optional(name)?.map(|argument| argument.unsigned()).transpose()
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &'static str) -> Result<bool, ArgumentError<'a>> {
        self.required(name)?.boolean()
    }

    /// The same, where it may be missing.
    pub fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>, ArgumentError<'a>> {
        self.optional(name)?.map(|argument| argument.boolean()).transpose()
    }

    /// A string.
    pub fn string(&mut self, name: &'static str) -> Result<Text<'a>, ArgumentError<'a>> {
        self.required(name)?.string()
    }

    /// The same, where it may be missing.
    pub fn optional_string(&mut self, name: &'static str) -> Result<Option<Text<'a>>, ArgumentError<'a>> {
        self.optional(name)?.map(|argument| argument.string()).transpose()
    }

    /// An object. Its own members want an [`end`](Self::end) too.
    pub fn object(&mut self, name: &'static str) -> Result<Arguments<'a>, ArgumentError<'a>> {
        self.required(name)?.object()
    }

    /// The same, where it may be missing.
    pub fn optional_object(&mut self, name: &'static str) -> Result<Option<Arguments<'a>>, ArgumentError<'a>> {
        self.optional(name)?.map(|argument| argument.object()).transpose()
    }

    /// An array.
    pub fn array(
        &mut self,
        name: &'static str,
    ) -> Result<impl Iterator<Item = Argument<'a>> + use<'a>, ArgumentError<'a>> {
        self.required(name)?.array()
    }

    /// The same, where it may be missing.
    pub fn optional_array(
        &mut self,
        name: &'static str,
    ) -> Result<Option<impl Iterator<Item = Argument<'a>> + use<'a>>, ArgumentError<'a>> {
        self.optional(name)?.map(|argument| argument.array()).transpose()
    }

    /// Says that every member the command takes has been read. To be called before the command does anything.
    ///
    /// # Errors
    /// [`ArgumentError::Unexpected`] with the first member that was not read.
    pub fn end(&self) -> Result<(), ArgumentError<'a>> {
        let is_read = |index: usize| u32::try_from(index).is_ok_and(|bit| self.read & bit_at(bit) != 0);
        let mut members = self.object.members().into_iter().flatten().enumerate();
        let Some((_, (name, unexpected))) = members.find(|(index, _)| !is_read(*index)) else { return Ok(()) };
        if members.any(|(_, (other, _))| other == name) {
            return Err(ArgumentError::DuplicateKey);
        }
        Err(ArgumentError::Unexpected(Parameter::of(unexpected)))
    }

    fn required(&mut self, name: &'static str) -> Result<Argument<'a>, ArgumentError<'a>> {
        let parameter = Parameter { nearest: self.object, missing: Some(name) };
        self.optional(name)?.ok_or(ArgumentError::Missing(parameter))
    }

    fn optional(&mut self, name: &'static str) -> Result<Option<Argument<'a>>, ArgumentError<'a>> {
        let mut argument = None;
        for (index, (candidate, value)) in (0..).zip(self.object.members().into_iter().flatten()) {
            if candidate == name {
                self.read |= bit_at(index);
                if argument.replace(Argument { value }).is_some() {
                    return Err(ArgumentError::DuplicateKey);
                }
            }
        }
        Ok(argument)
    }
}

/// One bit for each of the first 32, none for those after.
const fn bit_at(index: u32) -> u32 {
    match 1_u32.checked_shl(index) {
        Some(bit) => bit,
        None => 0,
    }
}

/// One argument of a command, or one element of an array among them.
///
/// # Errors
/// All methods give [`ArgumentError::Type`], or [`ArgumentError::Unsigned`], if the argument is something else.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    value: Value<'a>,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'a> Argument<'a> {
    /// A whole number from -2^63 to 2^63 - 1.
    pub fn integer(&self) -> Result<i64, ArgumentError<'a>> {
        self.typed(self.value.integer(), "integer")
    }

    /// A whole number from 0 to 2^64 - 1.
    pub fn unsigned(&self) -> Result<u64, ArgumentError<'a>> {
        self.value.unsigned().ok_or(ArgumentError::Unsigned(Parameter::of(self.value)))
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Result<bool, ArgumentError<'a>> {
        self.typed(self.value.boolean(), "boolean")
    }

    /// A string.
    pub fn string(&self) -> Result<Text<'a>, ArgumentError<'a>> {
        self.typed(self.value.string(), "string")
    }

    /// An object.
    pub fn object(&self) -> Result<Arguments<'a>, ArgumentError<'a>> {
        let object = (self.value.kind() == Kind::Object).then_some(Arguments { object: self.value, read: 0 });
        self.typed(object, "object")
    }

    /// An array's elements.
    pub fn array(&self) -> Result<impl Iterator<Item = Argument<'a>> + use<'a>, ArgumentError<'a>> {
        let elements = self.value.elements().map(|elements| elements.map(|value| Argument { value }));
        self.typed(elements, "array")
    }

    fn typed<T>(&self, value: Option<T>, expected: &'static str) -> Result<T, ArgumentError<'a>> {
        value.ok_or(ArgumentError::Type(Parameter::of(self.value), expected))
    }
}

/// What is wrong with a command's arguments. Prints as the reference agent says it (QEMU 7.2,
/// qapi/qobject-input-visitor.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentError<'a> {
    /// An argument that the command needs is not there.
    Missing(Parameter<'a>),
    /// An argument is not of the type that the command expects: the second field.
    Type(Parameter<'a>, &'static str),
    /// An argument should be a whole number from 0 to 2^64 - 1.
    Unsigned(Parameter<'a>),
    /// The command takes no such argument.
    Unexpected(Parameter<'a>),
    /// An argument is there twice.
    DuplicateKey,
}

impl ArgumentError<'_> {
    pub(crate) fn describe(&self, text: &mut impl Write) -> fmt::Result {
        let (before, parameter, after, last) = match *self {
            Self::DuplicateKey => return text.write_str(DUPLICATE_KEY),
            Self::Missing(parameter) => ("Parameter '", parameter, "' is missing", ""),
            Self::Type(parameter, expected) => ("Invalid parameter type for '", parameter, "', expected: ", expected),
            Self::Unsigned(parameter) => ("Parameter '", parameter, "' expects uint64", ""),
            Self::Unexpected(parameter) => ("Parameter '", parameter, "' is unexpected", ""),
        };
        text.write_str(before)?;
        parameter.describe(text)?;
        text.write_str(after)?;
        text.write_str(last)
    }
}

impl fmt::Display for ArgumentError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}

impl core::error::Error for ArgumentError<'_> {}

/// Where among the arguments: prints as `vcpus[0].online`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The argument, or the object that lacks it.
    nearest: Value<'a>,
    missing: Option<&'static str>,
}

impl<'a> Parameter<'a> {
    const fn of(value: Value<'a>) -> Self {
        Self { nearest: value, missing: None }
    }

    fn describe(&self, text: &mut impl Write) -> fmt::Result {
        let mut dot = "";
        for segment in self.nearest.path() {
            match segment {
                Segment::Name(name) => {
                    text.write_str(dot)?;
                    write_text(text, name)?;
                }
                Segment::Index(index) => {
                    text.write_char('[')?;
                    decimal(index as u64, |digit| text.write_char(char::from(digit)))?;
                    text.write_char(']')?;
                }
            }
            dot = ".";
        }
        if let Some(name) = self.missing {
            text.write_str(dot)?;
            text.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}
