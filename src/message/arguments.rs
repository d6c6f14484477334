//! Arguments: typed access to what a command takes, and what is wrong with it.

use core::fmt::{self, Write};

use super::DUPLICATE_KEY;
use crate::decimal;
use crate::text::Text;
use crate::value::{Kind, Segment, Value};

/// The members of an object that a command takes: its arguments, or an object among them.
///
/// Each method reads one member by its name. A member that no method has read is unexpected: [`end`](Self::end) says
/// so for the arguments themselves, and [`Call::respond`](crate::Call::respond) calls it. Of more than 32 members, those
/// behind the 32nd are unexpected.
///
/// ```
/// use guestwire::{ArgumentError, Arguments};
///
/// fn vcpu(arguments: &mut Arguments<'_>) -> Result<(i64, bool), String> {
///     let vcpu = arguments.object("vcpu", |vcpu| Ok((vcpu.integer("logical-id")?, vcpu.boolean("online")?)));
///     vcpu.map_err(|error| error.to_string())
/// }
///
/// assert_eq!(vcpu(&mut Arguments::none()), Err("Parameter 'vcpu' is missing".into()));
/// ```
///
/// # Errors
/// All methods that read give [`ArgumentError`]: the member is missing, of another type (`null` is a type of its
/// own), or there twice. An optional member may only be missing.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arguments<'a> {
    /// All of the command's arguments, and the object among them that this is.
    root: Value<'a>,
    object: Value<'a>,
    others: Others,
    /// Which members were read, one bit each.
    read: u32,
}

/// What happens to members that nobody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Others {
    /// They are unexpected, in a request.
    Refused,
    /// They are a newer agent's, in a response.
    Ignored,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'a> Arguments<'a> {
    /// No arguments, as in a request without the member.
    pub const fn none() -> Self {
        Self::of(Value::new(b"{}"))
    }

    pub(super) const fn of(object: Value<'a>) -> Self {
        Self { root: object, object, others: Others::Refused, read: 0 }
    }

    /// The whole of them as one argument. Whoever reads it says what is unexpected.
    #[cfg(feature = "serde")]
    pub(crate) const fn take_all(&mut self) -> Argument<'a> {
        self.read = u32::MAX;
        Argument { root: self.root, value: self.object, others: self.others }
    }

    /// A whole number from -2^63 to 2^63 - 1.
    pub fn integer(&mut self, name: &'static str) -> Result<i64, ArgumentError<'a>> {
        self.required(name)?.integer()
    }

    /// Like [`integer`](Self::integer), but `None` if it is absent.
    pub fn optional_integer(&mut self, name: &'static str) -> Result<Option<i64>, ArgumentError<'a>> {
        self.get(name)?.map(|argument| argument.integer()).transpose()
    }

    /// A whole number from 0 to 2^64 - 1.
    pub fn unsigned(&mut self, name: &'static str) -> Result<u64, ArgumentError<'a>> {
        self.required(name)?.unsigned()
    }

    /// Like [`unsigned`](Self::unsigned), but `None` if it is absent.
    pub fn optional_unsigned(&mut self, name: &'static str) -> Result<Option<u64>, ArgumentError<'a>> {
        self.get(name)?.map(|argument| argument.unsigned()).transpose()
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &'static str) -> Result<bool, ArgumentError<'a>> {
        self.required(name)?.boolean()
    }

    /// Like [`boolean`](Self::boolean), but `None` if it is absent.
    pub fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>, ArgumentError<'a>> {
        self.get(name)?.map(|argument| argument.boolean()).transpose()
    }

    /// A string.
    pub fn string(&mut self, name: &'static str) -> Result<Text<'a>, ArgumentError<'a>> {
        self.required(name)?.string()
    }

    /// Like [`string`](Self::string), but `None` if it is absent.
    pub fn optional_string(&mut self, name: &'static str) -> Result<Option<Text<'a>>, ArgumentError<'a>> {
        self.get(name)?.map(|argument| argument.string()).transpose()
    }

    /// A string that is one of a few: each with what it stands for.
    ///
    /// ```
    /// use guestwire::{ArgumentError, Arguments};
    ///
    /// enum Mode { Powerdown, Halt, Reboot }
    ///
    /// fn mode<'a>(arguments: &mut Arguments<'a>) -> Result<Mode, ArgumentError<'a>> {
    ///     let modes = [("powerdown", Mode::Powerdown), ("halt", Mode::Halt), ("reboot", Mode::Reboot)];
    ///     Ok(arguments.optional_one_of("mode", modes)?.unwrap_or(Mode::Powerdown))
    /// }
    /// # assert!(matches!(mode(&mut Arguments::none()), Ok(Mode::Powerdown)));
    /// ```
    pub fn one_of<T>(
        &mut self,
        name: &'static str,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<T, ArgumentError<'a>> {
        self.required(name)?.one_of(choices)
    }

    /// Like [`one_of`](Self::one_of), but `None` if it is absent.
    pub fn optional_one_of<T>(
        &mut self,
        name: &'static str,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<Option<T>, ArgumentError<'a>> {
        self.get(name)?.map(|argument| argument.one_of(choices)).transpose()
    }

    /// An object, whose members the closure reads. One that it does not read is unexpected.
    pub fn object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Arguments<'a>) -> Result<T, ArgumentError<'a>>,
    ) -> Result<T, ArgumentError<'a>> {
        self.required(name)?.object(read)
    }

    /// Like [`object`](Self::object), but `None` if it is absent.
    pub fn optional_object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Arguments<'a>) -> Result<T, ArgumentError<'a>>,
    ) -> Result<Option<T>, ArgumentError<'a>> {
        self.get(name)?.map(|argument| argument.object(read)).transpose()
    }

    /// An array's elements.
    pub fn array(
        &mut self,
        name: &'static str,
    ) -> Result<impl Iterator<Item = Argument<'a>> + Clone + use<'a>, ArgumentError<'a>> {
        self.required(name)?.array()
    }

    /// Like [`array`](Self::array), but `None` if it is absent.
    pub fn optional_array(
        &mut self,
        name: &'static str,
    ) -> Result<Option<impl Iterator<Item = Argument<'a>> + Clone + use<'a>>, ArgumentError<'a>> {
        self.get(name)?.map(|argument| argument.array()).transpose()
    }

    /// The argument of that name, whatever it is, or `None` if it is absent.
    pub fn get(&mut self, name: &'static str) -> Result<Option<Argument<'a>>, ArgumentError<'a>> {
        let mut argument = None;
        for (index, (candidate, value)) in (0..).zip(self.object.member_iter()) {
            if candidate == name {
                self.read |= bit_at(index);
                if argument.replace(Argument { root: self.root, value, others: self.others }).is_some() {
                    return Err(ArgumentError::DuplicateKey);
                }
            }
        }
        Ok(argument)
    }

    /// Says that every member the command takes has been read. To be called before the command does anything.
    ///
    /// # Errors
    /// [`ArgumentError::Unexpected`] with the first member that was not read.
    pub fn end(&self) -> Result<(), ArgumentError<'a>> {
        if self.others == Others::Ignored {
            return Ok(());
        }
        let mut members = (0..).zip(self.object.member_iter());
        let Some((_, (name, unexpected))) = members.find(|(index, _)| self.read & bit_at(*index) == 0) else {
            return Ok(());
        };
        if members.any(|(_, (other, _))| other == name) {
            return Err(ArgumentError::DuplicateKey);
        }
        Err(ArgumentError::Unexpected(Parameter { root: self.root, nearest: unexpected, missing: None }))
    }

    fn required(&mut self, name: &'static str) -> Result<Argument<'a>, ArgumentError<'a>> {
        self.get(name)?.ok_or(self.missing(name))
    }

    pub(crate) const fn missing(&self, name: &'static str) -> ArgumentError<'a> {
        ArgumentError::Missing(Parameter { root: self.root, nearest: self.object, missing: Some(name) })
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
/// All methods that read give [`ArgumentError::Type`], or [`ArgumentError::Range`], if the argument is something else.
///
/// ```
/// use guestwire::{ArgumentError, Arguments};
///
/// /// The sum of `numbers`, an array of whole numbers.
/// fn sum<'a>(arguments: &mut Arguments<'a>) -> Result<i64, ArgumentError<'a>> {
///     arguments.array("numbers")?.map(|number| number.integer()).sum()
/// }
/// # assert!(sum(&mut Arguments::none()).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Argument<'a> {
    root: Value<'a>,
    value: Value<'a>,
    others: Others,
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'a> Argument<'a> {
    /// What a command returned, to be read as if it were an argument.
    pub(crate) const fn returned(value: Value<'a>) -> Self {
        Self { root: value, value, others: Others::Ignored }
    }

    /// A value inside this one.
    #[cfg(feature = "serde")]
    pub(crate) const fn inner(&self, value: Value<'a>) -> Self {
        Self { value, ..*self }
    }

    /// Whether it counts as absent: `null` in a response.
    pub(crate) fn is_absent(&self) -> bool {
        self.others == Others::Ignored && self.value.kind() == Kind::Null
    }

    /// A whole number from -2^63 to 2^63 - 1.
    pub fn integer(&self) -> Result<i64, ArgumentError<'a>> {
        self.typed(self.value.integer(), "integer")
    }

    /// A whole number from 0 to 2^64 - 1.
    pub fn unsigned(&self) -> Result<u64, ArgumentError<'a>> {
        self.value.unsigned().ok_or(self.range_error("uint64"))
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Result<bool, ArgumentError<'a>> {
        self.typed(self.value.boolean(), "boolean")
    }

    /// A string.
    pub fn string(&self) -> Result<Text<'a>, ArgumentError<'a>> {
        self.typed(self.value.string(), "string")
    }

    /// A string that is one of a few: each with what it stands for.
    pub fn one_of<T>(&self, choices: impl IntoIterator<Item = (&'static str, T)>) -> Result<T, ArgumentError<'a>> {
        self.choose(self.string()?, choices)
    }

    pub(crate) fn choose<T>(
        &self,
        text: Text<'a>,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<T, ArgumentError<'a>> {
        let choice = choices.into_iter().find(|(name, _)| text == *name);
        choice.map(|(_, choice)| choice).ok_or(ArgumentError::Choice(self.parameter(), text))
    }

    /// An object, whose members the closure reads. One that it does not read is unexpected.
    pub fn object<T>(
        &self,
        read: impl FnOnce(&mut Arguments<'a>) -> Result<T, ArgumentError<'a>>,
    ) -> Result<T, ArgumentError<'a>> {
        let (root, object, others) = (self.root, self.value, self.others);
        let object = (object.kind() == Kind::Object).then_some(Arguments { root, object, others, read: 0 });
        let mut object = self.typed(object, "object")?;
        let read = read(&mut object)?;
        object.end()?;
        Ok(read)
    }

    /// An array's elements.
    pub fn array(&self) -> Result<impl Iterator<Item = Argument<'a>> + Clone + use<'a>, ArgumentError<'a>> {
        let (root, others) = (self.root, self.others);
        let elements =
            self.value.elements().map(|elements| elements.map(move |value| Argument { root, value, others }));
        self.typed(elements, "array")
    }

    /// The argument as it was received.
    pub const fn value(&self) -> Value<'a> {
        self.value
    }

    /// The error to give for an argument of none of the types that a command takes: `expected` is QAPI's name for them.
    pub const fn type_error(&self, expected: &'static str) -> ArgumentError<'a> {
        ArgumentError::Type(self.parameter(), expected)
    }

    /// The error to give for a number outside of the range of `expected`, such as `uint8_t`.
    pub const fn range_error(&self, expected: &'static str) -> ArgumentError<'a> {
        ArgumentError::Range(self.parameter(), expected)
    }

    /// The error to give for a value of the right type that means nothing.
    pub const fn invalid(&self) -> ArgumentError<'a> {
        ArgumentError::Invalid(self.parameter())
    }

    const fn parameter(&self) -> Parameter<'a> {
        Parameter { root: self.root, nearest: self.value, missing: None }
    }

    fn typed<T>(&self, value: Option<T>, expected: &'static str) -> Result<T, ArgumentError<'a>> {
        value.ok_or(self.type_error(expected))
    }
}

/// What is wrong with a command's arguments. Prints as the reference agent says it (QEMU 7.2,
/// qapi/qobject-input-visitor.c).
///
/// ```
/// use guestwire::{ArgumentError, Arguments};
///
/// let error = Arguments::none().integer("handle").expect_err("there are no arguments");
/// assert!(matches!(error, ArgumentError::Missing(_)));
/// assert_eq!(error.to_string(), "Parameter 'handle' is missing");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ArgumentError<'a> {
    /// An argument that the command needs is not there.
    Missing(Parameter<'a>),
    /// An argument is not of the type that the command expects: the second field.
    Type(Parameter<'a>, &'static str),
    /// An argument should be a whole number in the range of a type: the second field. `uint64` is 0 to 2^64 - 1.
    Range(Parameter<'a>, &'static str),
    /// An argument has the right type, and means nothing.
    Invalid(Parameter<'a>),
    /// An argument is none of the strings that the command knows: the second field.
    Choice(Parameter<'a>, Text<'a>),
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
            Self::Range(parameter, expected) => ("Parameter '", parameter, "' expects ", expected),
            Self::Invalid(parameter) => ("Invalid parameter '", parameter, "'", ""),
            Self::Choice(parameter, _) => ("Parameter '", parameter, "' does not accept value '", "'"),
            Self::Unexpected(parameter) => ("Parameter '", parameter, "' is unexpected", ""),
        };
        text.write_str(before)?;
        parameter.describe(text)?;
        text.write_str(after)?;
        if let Self::Choice(_, choice) = self {
            choice.write_to(text)?;
        }
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
///
/// ```
/// use guestwire::{ArgumentError, Arguments};
///
/// let Err(ArgumentError::Missing(parameter)) = Arguments::none().integer("handle") else { panic!("it is missing") };
/// assert_eq!(parameter.to_string(), "handle");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Parameter<'a> {
    root: Value<'a>,
    /// The argument, or the object that lacks it.
    nearest: Value<'a>,
    missing: Option<&'static str>,
}

impl Parameter<'_> {
    fn describe(&self, text: &mut impl Write) -> fmt::Result {
        let mut dot = "";
        for segment in self.root.path_to(self.nearest) {
            match segment {
                Segment::Name(name) => {
                    text.write_str(dot)?;
                    name.write_to(text)?;
                }
                Segment::Index(index) => {
                    text.write_char('[')?;
                    decimal::write(text, index as u64)?;
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
