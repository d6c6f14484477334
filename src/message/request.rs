//! Requests: the envelope around a command and its arguments.

use core::fmt;

use super::arguments::Arguments;
use super::{DUPLICATE_KEY, Description, members};
use crate::frame::Frame;
use crate::json::string::Text;
use crate::json::value::Value;

/// A frame that asks for a command to be run.
///
/// ```
/// use guestwire::{Decoder, Event, message::Request};
///
/// let mut decoder: Decoder<128> = Decoder::new();
/// let bytes = br#"{"execute": "guest-sync", "arguments": {"id": 7}, "id": "a"}"#;
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(bytes) else { panic!("a frame was sent") };
/// let mut request = Request::parse(&frame).expect("it is a request");
/// assert_eq!(request.command, "guest-sync");
/// assert_eq!(request.arguments.integer("id"), Ok(7));
/// assert_eq!(request.id.expect("it has an id").as_bytes(), b"\"a\"");
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Request<'a> {
    /// The command's name: `execute`.
    pub command: Text<'a>,
    /// The command's `arguments`, none if the request has no such member.
    pub arguments: Arguments<'a>,
    /// Any value. It goes back to the client with the response.
    pub id: Option<Value<'a>>,
}

impl<'a> Request<'a> {
    /// Checks the envelope: an object with `execute`, and optionally `arguments` and `id`.
    ///
    /// # Errors
    /// The first of the reference agent's objections (QEMU 11.1, qapi/qmp-dispatch.c), or that it is a response.
    pub fn parse(frame: &Frame<'a>) -> Result<Self, RequestError<'a>> {
        let mut envelope = Envelope::default();
        envelope.read(frame);
        match envelope.check() {
            _ if envelope.is_response() => Err(RequestError { fault: RequestFault::Response, id: envelope.id() }),
            Ok(command) => Ok(Request { command, arguments: envelope.arguments(), id: envelope.id() }),
            Err(fault) => Err(RequestError { fault, id: envelope.id() }),
        }
    }
}

/// The members of a request as they were met.
#[derive(Default)]
pub(crate) struct Envelope<'a> {
    is_object: bool,
    /// In the order of their names in [`KNOWN`].
    members: [Option<Value<'a>>; 3],
    unexpected: Option<Text<'a>>,
    /// There is a `return` or `error`.
    has_outcome: bool,
    duplicate: bool,
}

/// The members of a request, then those that make a response.
const KNOWN: [&str; 5] = ["execute", "arguments", "id", "return", "error"];

impl<'a> Envelope<'a> {
    /// Call it once. It fills the envelope in place: moving it would take a memcpy.
    #[cfg_attr(target_pointer_width = "32", inline(never))] // 36 bytes of stack that a command does not need
    pub(crate) fn read(&mut self, frame: &Frame<'a>) {
        self.is_object = frame.value().is_object();
        if self.is_object {
            for (name, value) in members(frame) {
                self.note(name, value);
            }
        }
    }

    /// The `id` to answer with.
    pub(crate) const fn id(&self) -> Option<Value<'a>> {
        let [_, _, id] = self.members;
        if self.duplicate { None } else { id }
    }

    pub(crate) fn arguments(&self) -> Arguments<'a> {
        Arguments::of(self.argument_value())
    }

    /// The arguments as they were received.
    pub(crate) fn argument_value(&self) -> Value<'a> {
        let [_, arguments, _] = self.members;
        arguments.unwrap_or(Value::new(b"{}"))
    }

    fn note(&mut self, name: Text<'a>, value: Value<'a>) {
        let known = KNOWN.iter().position(|known| name == *known);
        if let Some(member) = known.and_then(|known| self.members.get_mut(known)) {
            self.duplicate |= member.replace(value).is_some();
        } else {
            self.has_outcome |= known.is_some();
            self.duplicate |= self.unexpected == Some(name);
            self.unexpected.get_or_insert(name);
        }
    }

    /// Whether it is an object with `return` or `error`, and without `execute`.
    pub(crate) const fn is_response(&self) -> bool {
        let [execute, ..] = self.members;
        self.has_outcome && execute.is_none()
    }

    /// The command's name, or what else is wrong.
    pub(crate) fn check(&self) -> Result<Text<'a>, RequestFault<'a>> {
        if !self.is_object {
            return Err(RequestFault::NotAnObject);
        }
        if self.duplicate {
            return Err(RequestFault::DuplicateKey);
        }
        let [execute, arguments, _] = self.members;
        let command = execute.and_then(|execute| execute.string());
        if command.is_none() && execute.is_some() {
            return Err(RequestFault::ExecuteType);
        }
        if arguments.is_some_and(|arguments| !arguments.is_object()) {
            return Err(RequestFault::ArgumentsType);
        }
        if let Some(name) = self.unexpected {
            return Err(RequestFault::Unexpected(name));
        }
        command.ok_or(RequestFault::LacksExecute)
    }
}

/// Why a frame is not a request, and the `id` to answer with.
///
/// ```
/// use guestwire::{Decoder, Event, message::{Request, RequestFault}};
///
/// let mut decoder: Decoder<128> = Decoder::new();
/// let bytes = br#"{"execute": 1, "id": 7}"#;
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(bytes) else { panic!("a frame was sent") };
/// let error = Request::parse(&frame).expect_err("execute is a number");
/// assert_eq!(error.fault, RequestFault::ExecuteType);
/// assert_eq!(error.id.and_then(|id| id.integer()), Some(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct RequestError<'a> {
    /// What is wrong.
    pub fault: RequestFault<'a>,
    /// The frame's `id`, where the reference agent sends it back.
    pub id: Option<Value<'a>>,
}

/// What is wrong with a frame that should be a request. Prints as the reference agent says it.
///
/// ```
/// assert_eq!(guestwire::message::RequestFault::LacksExecute.to_string(), "QMP input lacks member 'execute'");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestFault<'a> {
    /// It is a response: it has `return` or `error` and no `execute`. It must not be answered.
    Response,
    /// It is not an object.
    NotAnObject,
    /// A member is there twice.
    DuplicateKey,
    /// `execute` is not a string.
    ExecuteType,
    /// `arguments` is not an object.
    ArgumentsType,
    /// A member of this name does not belong there.
    Unexpected(Text<'a>),
    /// There is no `execute`.
    LacksExecute,
}

impl<'a> RequestFault<'a> {
    pub(crate) const fn description(&self) -> Description<'a> {
        let template = match self {
            Self::Response => "QMP input is a response",
            Self::NotAnObject => "QMP input must be a JSON object",
            Self::DuplicateKey => DUPLICATE_KEY,
            Self::ExecuteType => "QMP input member 'execute' must be a string",
            Self::ArgumentsType => "QMP input member 'arguments' must be an object",
            Self::LacksExecute => "QMP input lacks member 'execute'",
            Self::Unexpected(_) => "QMP input member '#' is unexpected",
        };
        let word: &[u8] = if let Self::Unexpected(name) = self { name.as_escaped_bytes() } else { b"" };
        Description { template, path: b"", word }
    }
}

impl fmt::Display for RequestFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.description().write(f)
    }
}

impl fmt::Display for RequestError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.description().write(f)
    }
}

impl core::error::Error for RequestFault<'_> {}

impl core::error::Error for RequestError<'_> {}
