//! Responses: what came of a request.

use core::fmt;

use super::members;
use crate::frame::Frame;
use crate::json::string::Text;
use crate::json::value::Value;
use crate::offset::Offset;

/// A frame that says what came of a request: an object with `return` or `error`, and without `execute`.
///
/// ```
/// use guestwire::{Decoder, Event, message::Response};
///
/// let mut decoder: Decoder<128> = Decoder::new();
/// let bytes = br#"{"id": 1, "error": {"class": "CommandNotFound", "desc": "no such thing"}}"#;
/// let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(bytes) else { panic!("a frame was sent") };
/// let response = Response::parse(&frame).expect("it is a response");
/// assert_eq!(response.id.and_then(|id| id.integer()), Some(1));
/// let error = response.outcome.expect_err("it is an error");
/// assert_eq!(error.class, "CommandNotFound");
/// assert_eq!(error.desc, "no such thing");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Response<'a> {
    /// The `id` of the request, if it had one and the agent returns it (QEMU 3.0 and newer).
    pub id: Option<Value<'a>>,
    /// The command's return value, or why there is none.
    pub outcome: Result<Value<'a>, ErrorResponse<'a>>,
}

/// What an agent says when the command was not run, or failed.
///
/// ```
/// use guestwire::{Client, Reply};
///
/// # let mut client: Client<1024, 256> = Client::new();
/// # client.synchronize(7);
/// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
/// # client.execute("guest-nope").expect("in step");
/// # client.transmitted(usize::MAX);
/// let received = br#"{"id": 8, "error": {"class": "CommandNotFound", "desc": "no guest-nope here"}}"#;
/// let (_, Ok(Some(Reply::Error(error)))) = client.push_slice(received) else { panic!("it is an error") };
/// assert_eq!(error.class, "CommandNotFound");
/// assert_eq!(error.to_string(), "CommandNotFound: no guest-nope here");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ErrorResponse<'a> {
    /// `GenericError`, `CommandNotFound` (not there, or disabled), or another class of an older agent.
    pub class: Text<'a>,
    /// A sentence for people. It differs between versions of the agent.
    pub desc: Text<'a>,
}

impl fmt::Display for ErrorResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.desc)
    }
}

impl core::error::Error for ErrorResponse<'_> {}

impl<'a> ErrorResponse<'a> {
    /// The same without the response that it came in, cut off after `N` bytes.
    pub fn into_owned<const N: usize>(self) -> OwnedErrorResponse<N> {
        let mut owned = OwnedErrorResponse { text: [0; N], class_end: Offset::START, end: Offset::START };
        let is_whole = owned.append(self.class);
        owned.class_end = owned.end;
        if is_whole {
            owned.append(self.desc);
        }
        owned
    }
}

/// An [`ErrorResponse`] that borrows nothing: it can be returned while the client goes on. Its text has `N` bytes at most.
///
/// ```
/// use guestwire::{Client, Reply};
/// use guestwire::message::OwnedErrorResponse;
///
/// /// Whether the agent has answered.
/// fn is_answered(client: &mut Client<1024, 256>, received: &[u8]) -> Result<bool, OwnedErrorResponse<128>> {
///     match client.push_slice(received).1 {
///         Ok(Some(Reply::Return(_))) => Ok(true),
///         Ok(Some(Reply::Error(error))) => Err(error.into_owned()),
///         _ => Ok(false),
///     }
/// }
/// # let mut client: Client<1024, 256> = Client::new();
/// # client.synchronize(7);
/// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
/// # client.execute("guest-nope").expect("in step");
/// # client.transmitted(usize::MAX);
/// # let received = br#"{"id": 8, "error": {"class": "CommandNotFound", "desc": "no guest-nope here"}}"#;
/// # let error = is_answered(&mut client, received).expect_err("it is an error");
/// # assert_eq!((error.class(), error.desc()), ("CommandNotFound", "no guest-nope here"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OwnedErrorResponse<const N: usize> {
    /// The class, and directly after it the description.
    text: [u8; N],
    class_end: Offset,
    end: Offset,
}

impl<const N: usize> OwnedErrorResponse<N> {
    /// `GenericError`, `CommandNotFound` (not there, or disabled), or another class of an older agent.
    pub fn class(&self) -> &str {
        self.between(Offset::START, self.class_end)
    }

    /// A sentence for people, as far as it fits.
    pub fn desc(&self) -> &str {
        self.between(self.class_end, self.end)
    }

    fn between(&self, start: Offset, end: Offset) -> &str {
        start.until(end, &self.text).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Whether all of it fits.
    fn append(&mut self, part: Text<'_>) -> bool {
        part.chars().all(|character| {
            let mut utf8 = [0; 4];
            let utf8 = character.encode_utf8(&mut utf8).as_bytes();
            let end = self.end.plus(utf8.len());
            let Some(place) = self.text.get_mut(self.end.index()..end.index()) else { return false };
            place.iter_mut().zip(utf8).for_each(|(place, byte)| *place = *byte);
            self.end = end;
            true
        })
    }
}

impl<const N: usize> fmt::Display for OwnedErrorResponse<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class(), self.desc())
    }
}

impl<const N: usize> fmt::Debug for OwnedErrorResponse<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedErrorResponse").field("class", &self.class()).field("desc", &self.desc()).finish()
    }
}

impl<const N: usize> core::error::Error for OwnedErrorResponse<N> {}

#[cfg(feature = "defmt")]
impl<const N: usize> defmt::Format for OwnedErrorResponse<N> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}: {=str}", self.class(), self.desc());
    }
}

impl<'a> Response<'a> {
    /// Reads a response. `None` if the frame is not a response, or has a member twice, which leaves open which one counts.
    ///
    /// Where there are both `return` and `error`, it is an error, as for libvirt.
    pub fn parse(frame: &Frame<'a>) -> Option<Self> {
        let RawResponse { id, outcome } = RawResponse::parse(frame)?;
        Some(Self { id, outcome: outcome.map_err(ErrorResponse::read) })
    }
}

/// A response whose error has not been read yet.
pub(crate) struct RawResponse<'a> {
    pub(crate) id: Option<Value<'a>>,
    pub(crate) outcome: Result<Value<'a>, Value<'a>>,
}

impl<'a> RawResponse<'a> {
    pub(crate) fn parse(frame: &Frame<'a>) -> Option<Self> {
        if !frame.value().is_object() {
            return None;
        }
        let (mut returned, mut error, mut id) = (None, None, None);
        for (name, value) in members(frame) {
            let member = if name == "return" {
                &mut returned
            } else if name == "error" {
                &mut error
            } else if name == "id" {
                &mut id
            } else if name == "execute" {
                return None;
            } else {
                continue;
            };
            if member.replace(value).is_some() {
                return None;
            }
        }
        let outcome = match error {
            Some(error) => Err(error),
            None => Ok(returned?),
        };
        Some(Self { id, outcome })
    }

    /// Whether it is the response to a synchronization with that id.
    pub(crate) fn synchronizes(&self, id: i64) -> bool {
        self.id.is_none() && self.outcome.is_ok_and(|value| value.integer() == Some(id))
    }
}

impl<'a> ErrorResponse<'a> {
    pub(crate) fn read(error: Value<'a>) -> Self {
        // Empty, where an agent leaves it out.
        let text = |name| error.member(name).and_then(|member| member.string()).unwrap_or(Text::new(b""));
        Self { class: text("class"), desc: text("desc") }
    }
}
