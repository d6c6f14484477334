//! Arguments: typed access to what a command takes, and what is wrong with it.

use core::fmt;

use super::{DUPLICATE_KEY, Description};
use crate::json::marks::Separators;
use crate::json::number;
use crate::json::string::Text;
use crate::json::value::{Kind, MemberIter, Value, first_string};
use crate::target::FLASH_IS_SHORT;

/// The members of an object that a command takes: its arguments, or an object among them.
///
/// Each method reads one member by its name. A member that no method has read is unexpected: [`end`](Self::end) says
/// so for the arguments themselves, and [`Call::respond`](crate::Call::respond) calls it. Of more than 32 members, those
/// after the 32nd are unexpected.
///
/// ```
/// use guestwire::message::{ArgumentError, Arguments};
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
/// own), out of range, none of the choices, or there twice. An optional member may only be missing.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arguments<'a> {
    object: Argument<'a>,
    /// Of the object: found once, not again for each member that is read.
    separators: Separators<NOTED>,
    /// Which members were read, one bit each.
    read: u32,
}

/// Of 8 members: 8 colons, and 7 commas. Where flash is short, members are looked for instead.
const NOTED: usize = if FLASH_IS_SHORT { 0 } else { 8 + 7 };

/// What happens to members that are not read.
#[derive(Clone, Copy, Debug)]
enum Others {
    /// They are unexpected, in a request.
    Refused,
    /// They are a newer agent's, in a response. The function reads whole numbers as other agents spell them: a pointer, so
    /// that it is linked only where responses are read.
    Ignored(fn(&[u8]) -> Option<(bool, u64)>),
}

#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl<'a> Arguments<'a> {
    /// No arguments, as in a request without the member.
    pub const fn none() -> Self {
        let object = Argument::root(Value::new(b"{}"), Others::Refused);
        Self { object, separators: Separators::new(), read: 0 }
    }

    pub(super) fn of(object: Value<'a>) -> Self {
        Self::inside(Argument::root(object, Others::Refused))
    }

    /// Those of an argument that is an object.
    pub(crate) fn inside(object: Argument<'a>) -> Self {
        Self { object, separators: object.value.separators(), read: 0 }
    }

    fn members(&self) -> MemberIter<'a, '_> {
        self.object.value.member_iter(self.separators.marks())
    }

    /// All of them as one value, an object: `{}` if the request has none. Its [`as_bytes`](Value::as_bytes) is their
    /// JSON text, for a parser of your own choice.
    ///
    /// It takes them out: none is left to read by its name, or unexpected. Which ones a command takes is for that parser
    /// to say.
    ///
    /// ```
    /// use guestwire::message::Arguments;
    ///
    /// assert_eq!(Arguments::none().value().as_bytes(), b"{}");
    /// ```
    #[doc(alias = "json")]
    pub const fn value(&mut self) -> Value<'a> {
        self.take().value
    }

    /// The whole of them as one argument. Whoever reads it says what is unexpected.
    pub(crate) const fn take(&mut self) -> Argument<'a> {
        let object = self.object;
        *self = Self::none();
        object
    }

    /// A whole number from -2^63 to 2^63 - 1.
    pub fn integer(&mut self, name: &'static str) -> Result<i64, ArgumentError<'a>> {
        self.required(name)?.integer()
    }

    /// Like [`integer`](Self::integer), but `None` if it is absent.
    pub fn optional_integer(&mut self, name: &'static str) -> Result<Option<i64>, ArgumentError<'a>> {
        optional(self.integer(name))
    }

    /// A whole number from 0 to 2^64 - 1.
    pub fn unsigned(&mut self, name: &'static str) -> Result<u64, ArgumentError<'a>> {
        self.required(name)?.unsigned()
    }

    /// Like [`unsigned`](Self::unsigned), but `None` if it is absent.
    pub fn optional_unsigned(&mut self, name: &'static str) -> Result<Option<u64>, ArgumentError<'a>> {
        optional(self.unsigned(name))
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &'static str) -> Result<bool, ArgumentError<'a>> {
        self.required(name)?.boolean()
    }

    /// Like [`boolean`](Self::boolean), but `None` if it is absent.
    pub fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>, ArgumentError<'a>> {
        optional(self.boolean(name))
    }

    /// A string.
    pub fn string(&mut self, name: &'static str) -> Result<Text<'a>, ArgumentError<'a>> {
        self.required(name)?.string()
    }

    /// Like [`string`](Self::string), but `None` if it is absent.
    pub fn optional_string(&mut self, name: &'static str) -> Result<Option<Text<'a>>, ArgumentError<'a>> {
        optional(self.string(name))
    }

    /// Says that a string that is [`STREAMED`](crate::Guest::STREAMED) is there. Its content was handed out in pieces.
    pub fn streamed(&mut self, name: &'static str) -> Result<(), ArgumentError<'a>> {
        let argument = self.required(name)?;
        // One that was not handed out is still there.
        if argument.string()? == "" { Ok(()) } else { Err(argument.invalid()) }
    }

    /// Like [`streamed`](Self::streamed), but `None` if it is absent.
    pub fn optional_streamed(&mut self, name: &'static str) -> Result<Option<()>, ArgumentError<'a>> {
        optional(self.streamed(name))
    }

    /// A string that is one of a few, each with the value it means.
    ///
    /// ```
    /// use guestwire::message::{ArgumentError, Arguments};
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
        optional(self.required(name))
    }

    /// Checks that every member was read. Call it before the command does anything.
    ///
    /// # Errors
    /// The first member that was not read is unexpected, or there twice.
    pub fn end(&self) -> Result<(), ArgumentError<'a>> {
        if self.object.ignores_others() {
            return Ok(());
        }
        self.nothing_unread()
    }

    /// As [`end`](Self::end), also where such members are ignored.
    pub(crate) fn nothing_unread(&self) -> Result<(), ArgumentError<'a>> {
        let mut members = self.members();
        let mut bit = 1; // 0 after the 32nd
        while let Some((name, value)) = members.next() {
            if self.read & bit == 0 {
                let is_double = members.any(|(other, _)| other == name);
                let kind = if is_double { FaultKind::DuplicateKey } else { FaultKind::Unexpected };
                return Err(Argument { value, ..self.object }.error(kind, ""));
            }
            bit <<= 1;
        }
        Ok(())
    }

    #[doc(hidden)] // the C library's
    pub fn missing(&self, name: &'static str) -> ArgumentError<'a> {
        self.object.error(FaultKind::Missing, name)
    }

    fn required(&mut self, name: &'static str) -> Result<Argument<'a>, ArgumentError<'a>> {
        let mut found = None;
        let mut kind = FaultKind::Missing;
        let mut read = self.read;
        let mut bit = 1; // 0 after the 32nd
        for (candidate, value) in self.members() {
            if candidate == name {
                if found.is_some() {
                    kind = FaultKind::DuplicateKey;
                    found = None;
                    break;
                }
                read |= bit;
                found = Some(value);
            }
            bit <<= 1;
        }
        self.read = read;
        match found {
            Some(value) => Ok(Argument { value, ..self.object }),
            None => Err(self.object.error(kind, name)),
        }
    }
}

/// `None` for what is missing.
fn optional<'a, T>(argument: Result<T, ArgumentError<'a>>) -> Result<Option<T>, ArgumentError<'a>> {
    match argument {
        Ok(argument) => Ok(Some(argument)),
        Err(error) if error.fault.kind == FaultKind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// One argument of a command, or one element of an array among them.
///
/// # Errors
/// All methods that read give [`ArgumentError`] if the argument is something else.
///
/// ```
/// use guestwire::message::{ArgumentError, Arguments};
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
    const fn root(value: Value<'a>, others: Others) -> Self {
        Self { root: value, value, others }
    }

    /// What a command returned, to be read as if it were an argument.
    pub(crate) const fn returned(value: Value<'a>) -> Self {
        Self::root(value, Others::Ignored(number::whole))
    }

    /// A value inside this one.
    #[cfg(feature = "serde")]
    pub(crate) const fn inner(&self, value: Value<'a>) -> Self {
        Self { value, ..*self }
    }

    /// Whether it is all of the arguments, or all that was returned.
    #[cfg(feature = "serde")]
    pub(crate) fn is_root(&self) -> bool {
        self.root.place_of(self.value).index() == 0
    }

    /// Whether it counts as absent: `null` in a response.
    pub(crate) fn is_absent(&self) -> bool {
        self.ignores_others() && self.value.kind() == Kind::Null
    }

    /// A whole number from -2^63 to 2^63 - 1.
    pub fn integer(&self) -> Result<i64, ArgumentError<'a>> {
        self.value.integer().ok_or_else(|| self.type_error("integer"))
    }

    /// A whole number from 0 to 2^64 - 1.
    pub fn unsigned(&self) -> Result<u64, ArgumentError<'a>> {
        self.value.unsigned().ok_or_else(|| self.range_error("uint64"))
    }

    /// As [`integer`](Self::integer), and in a response also in other spellings, such as `1.0`.
    pub(crate) fn whole(&self) -> Result<i64, ArgumentError<'a>> {
        let whole = || self.spelled().and_then(|(is_negative, magnitude)| number::signed(is_negative, magnitude));
        self.integer().or_else(|error| whole().ok_or(error))
    }

    /// As [`unsigned`](Self::unsigned), and in a response also in other spellings, such as `1.0`.
    pub(crate) fn whole_unsigned(&self) -> Result<u64, ArgumentError<'a>> {
        let whole = || self.spelled().and_then(|(is_negative, magnitude)| number::unsigned(is_negative, magnitude));
        self.unsigned().or_else(|error| whole().ok_or(error))
    }

    fn spelled(&self) -> Option<(bool, u64)> {
        match self.others {
            Others::Ignored(whole) => whole(self.value.as_bytes()),
            Others::Refused => None,
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Result<bool, ArgumentError<'a>> {
        self.value.boolean().ok_or_else(|| self.type_error("boolean"))
    }

    /// A string.
    pub fn string(&self) -> Result<Text<'a>, ArgumentError<'a>> {
        self.value.string().ok_or_else(|| self.type_error("string"))
    }

    /// A string that is one of a few, each with the value it means.
    pub fn one_of<T>(&self, choices: impl IntoIterator<Item = (&'static str, T)>) -> Result<T, ArgumentError<'a>> {
        self.choose(self.string()?, choices)
    }

    /// Like [`one_of`](Self::one_of), but what an agent returned may be another string: a newer agent's.
    pub fn one_of_or<T>(
        &self,
        choices: impl IntoIterator<Item = (&'static str, T)>,
        other: impl FnOnce(Text<'a>) -> T,
    ) -> Result<T, ArgumentError<'a>> {
        let text = self.string()?;
        match self.choose(text, choices) {
            Err(_) if self.ignores_others() => Ok(other(text)),
            chosen => chosen,
        }
    }

    pub(crate) fn choose<T>(
        &self,
        text: Text<'a>,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<T, ArgumentError<'a>> {
        let choice = choices.into_iter().find(|(name, _)| text == *name);
        choice.map(|(_, choice)| choice).ok_or_else(|| self.error(FaultKind::Choice, ""))
    }

    /// An object, whose members the closure reads. One that it does not read is unexpected.
    pub fn object<T>(
        &self,
        read: impl FnOnce(&mut Arguments<'a>) -> Result<T, ArgumentError<'a>>,
    ) -> Result<T, ArgumentError<'a>> {
        self.check_object()?;
        let mut object = Arguments::inside(*self);
        let read = read(&mut object)?;
        object.end()?;
        Ok(read)
    }

    /// Not a function that returns the [`Arguments`]: they would be moved out of its result.
    pub(crate) fn check_object(&self) -> Result<(), ArgumentError<'a>> {
        if self.value.is_object() { Ok(()) } else { Err(self.type_error("object")) }
    }

    /// An array's elements.
    pub fn array(&self) -> Result<impl Iterator<Item = Argument<'a>> + Clone + use<'a>, ArgumentError<'a>> {
        let array = *self;
        let elements = self.value.elements().map(|elements| elements.map(move |value| Argument { value, ..array }));
        elements.ok_or_else(|| self.type_error("array"))
    }

    /// The argument as it was received.
    pub const fn value(&self) -> Value<'a> {
        self.value
    }

    /// The error to give for an argument of none of the types that a command takes: `expected` is QAPI's name for them.
    pub fn type_error(&self, expected: &'static str) -> ArgumentError<'a> {
        self.error(FaultKind::Type, expected)
    }

    /// The error to give for a number outside of the range of `expected`, such as `uint8_t`.
    pub fn range_error(&self, expected: &'static str) -> ArgumentError<'a> {
        self.error(FaultKind::Range, expected)
    }

    /// The error to give for a value of the right type that means nothing.
    pub fn invalid(&self) -> ArgumentError<'a> {
        self.error(FaultKind::Invalid, "")
    }

    #[cfg(feature = "serde")]
    pub(crate) fn duplicate_key(&self) -> ArgumentError<'a> {
        self.error(FaultKind::DuplicateKey, "")
    }

    /// Whether members that are not read are ignored: a newer agent's.
    pub(crate) fn ignores_others(&self) -> bool {
        matches!(self.others, Others::Ignored(_))
    }

    fn error(&self, kind: FaultKind, word: &'static str) -> ArgumentError<'a> {
        let at = u32::try_from(self.root.place_of(self.value).index()).unwrap_or(u32::MAX);
        ArgumentError { arguments: self.root, fault: ArgumentFault { kind, at, word } }
    }
}

/// What is wrong with a command's arguments: one is missing, unexpected, there twice, of another type or out of range.
///
/// Prints as the reference agent says it (QEMU 11.1, qapi/qobject-input-visitor.c), with the place of the argument:
/// `vcpus[0].online`.
///
/// ```
/// use guestwire::message::Arguments;
///
/// let error = Arguments::none().integer("handle").expect_err("there are no arguments");
/// assert_eq!(error.to_string(), "Parameter 'handle' is missing");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ArgumentError<'a> {
    arguments: Value<'a>,
    fault: ArgumentFault,
}

/// An [`ArgumentError`] without the arguments: it borrows nothing. The agent, which has them, prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ArgumentFault {
    kind: FaultKind,
    /// Where in the arguments' text the wrong one starts, or the object that lacks it.
    at: u32,
    /// The name of what is missing, or the type that is expected.
    word: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)] // whole words move at once
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum FaultKind {
    Missing,
    Type,
    Range,
    Invalid,
    Choice,
    Unexpected,
    DuplicateKey,
}

impl FaultKind {
    const fn template(self) -> &'static str {
        match self {
            Self::Missing => "Parameter '%&$' is missing",
            Self::Type => "Invalid parameter type for '%', expected: $",
            Self::Range => "Parameter '%' expects $",
            Self::Invalid => "Invalid parameter '%'",
            Self::Choice => "Parameter '%' does not accept value '#'",
            Self::Unexpected => "Parameter '%' is unexpected",
            Self::DuplicateKey => DUPLICATE_KEY,
        }
    }
}

impl ArgumentFault {
    pub(crate) fn is_duplicate_key(&self) -> bool {
        self.kind == FaultKind::DuplicateKey
    }

    /// What to answer, given the arguments in which it was found.
    pub(crate) fn description<'a>(&self, arguments: Value<'a>) -> Description<'a> {
        let (path, rest) = arguments.as_bytes().split_at_checked(self.at as usize).unwrap_or_default();
        let word = match self.kind {
            FaultKind::Choice => first_string(rest).as_escaped_bytes(),
            _ => self.word.as_bytes(),
        };
        Description { template: self.kind.template(), path, word }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Others {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", if matches!(self, Self::Refused) { "Refused" } else { "Ignored" });
    }
}

impl<'a> ArgumentError<'a> {
    pub(crate) const fn fault(self) -> ArgumentFault {
        self.fault
    }
}

impl fmt::Display for ArgumentError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.description(self.arguments).write(f)
    }
}

impl core::error::Error for ArgumentError<'_> {}
