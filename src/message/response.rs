//! Responses: what came of a request.

use super::members;
use crate::decoder::Frame;
use crate::text::Text;
use crate::value::Value;

/// A frame that says what came of a request: an object with `return` or `error`, and without `execute`.
///
/// ```
/// use guestwire::{Decoder, Event, Outcome, Response};
///
/// let mut decoder: Decoder<128> = Decoder::new();
/// let mut bytes: &[u8] = br#"{"id": 1, "error": {"class": "CommandNotFound", "desc": "no such thing"}}"#;
/// let Ok(Some(Event::Frame(frame))) = decoder.push_slice(&mut bytes) else { panic!("a frame was sent") };
/// let response = Response::parse(&frame).expect("it is a response");
/// assert_eq!(response.id.and_then(|id| id.integer()), Some(1));
/// let Outcome::Error { class, desc } = response.outcome else { panic!("it is an error") };
/// assert_eq!(class, "CommandNotFound");
/// assert_eq!(desc, "no such thing");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The `id` that came with the request, where there was one and the agent knows of such (QEMU 3.0 and newer).
    pub id: Option<Value<'a>>,
    /// What the agent says.
    pub outcome: Outcome<'a>,
}

/// What an agent says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The command's return value.
    Return(Value<'a>),
    /// The command was not run, or failed.
    Error {
        /// `GenericError`, `CommandNotFound` (not there, or disabled), or another class of an older agent.
        class: Text<'a>,
        /// A sentence for people. It differs between versions of the agent.
        desc: Text<'a>,
    },
}

impl<'a> Response<'a> {
    /// Reads a response. `None`: the frame is none, or has a member twice, so that nobody can tell which one counts.
    ///
    /// Where there are both `return` and `error`, it is an error, as for libvirt.
    pub fn parse(frame: &Frame<'a>) -> Option<Self> {
        let (mut returned, mut error, mut id) = (None, None, None);
        for (name, value) in members(frame)? {
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
            Some(error) => Outcome::Error { class: text_of(error, "class"), desc: text_of(error, "desc") },
            None => Outcome::Return(returned?),
        };
        Some(Self { id, outcome })
    }
}

/// Empty, where an agent leaves it out.
fn text_of<'a>(error: Value<'a>, name: &str) -> Text<'a> {
    error.member(name).and_then(|member| member.string()).unwrap_or(Text::new(b""))
}
