//! The peers at work. All but picojson need single frames, found by the caller.

use std::borrow::Cow;

use picojson::{DefaultConfig, Event, ParseError, PushParser, PushParserHandler};
use serde::{Deserialize, de::IgnoredAny};

use crate::Tally;
use crate::workloads::{Shape, Workload};

/// As long as the longest string.
const SCRATCH: usize = 50_000;

/// picojson's push parser, a new one for each frame, since it takes one document.
pub fn picojson_by_slice(workload: &Workload) -> Tally {
    let mut scratch = [0; SCRATCH];
    let mut tally = Tally::default();
    for frame in workload.frames() {
        let mut parser = PushParser::<_, DefaultConfig>::new(Depth::default(), &mut scratch);
        parser.write(frame).expect("the workload is valid");
        tally.frames += usize::from(parser.finish().expect("the frame is whole").ended);
        tally.bytes += frame.len();
    }
    tally
}

pub fn picojson_by_byte(workload: &Workload) -> Tally {
    let mut scratch = [0; SCRATCH];
    let mut tally = Tally::default();
    for frame in workload.frames() {
        let mut parser = PushParser::<_, DefaultConfig>::new(Depth::default(), &mut scratch);
        for byte in frame {
            parser.write(std::slice::from_ref(byte)).expect("the workload is valid");
        }
        tally.frames += usize::from(parser.finish().expect("the frame is whole").ended);
        tally.bytes += frame.len();
    }
    tally
}

/// Detects the end of a frame.
#[derive(Default)]
struct Depth {
    open: usize,
    ended: bool,
}

impl PushParserHandler<'_, '_, ParseError> for Depth {
    fn handle_event(&mut self, event: Event<'_, '_>) -> Result<(), ParseError> {
        match std::hint::black_box(event) {
            Event::StartObject | Event::StartArray => self.open += 1,
            Event::EndObject | Event::EndArray => {
                self.open -= 1;
                self.ended = self.open == 0;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A type to read messages into.
trait Read {
    type Message<'a>: Deserialize<'a>;

    /// Whether a message was read with its content.
    fn is_read(message: &Self::Message<'_>) -> bool;
}

/// Requests, as in W1 and W2.
struct Requests;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    execute: Cow<'a, str>,
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Arguments<'a> {
    id: Option<i64>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arg: Option<[Cow<'a, str>; 2]>,
    capture_output: Option<bool>,
    handle: Option<i64>,
    #[serde(borrow)]
    buf_b64: Option<Cow<'a, str>>,
    count: Option<i64>,
}

impl Read for Requests {
    type Message<'a> = Request<'a>;

    fn is_read(message: &Request<'_>) -> bool {
        match (&*message.execute, &message.arguments) {
            ("guest-ping" | "guest-get-time", None) => true,
            ("guest-sync-delimited", Some(arguments)) => arguments.id.is_some(),
            ("guest-exec", Some(Arguments { path: Some(path), arg: Some([_, path_of_list]), capture_output, .. })) => {
                path == "/bin/ls" && path_of_list == "/tmp" && *capture_output == Some(true)
            }
            ("guest-file-write", Some(Arguments { handle: Some(1000), buf_b64: Some(text), count, .. })) => {
                text.len() == 48 << 10 && *count == Some(36_864)
            }
            _ => false,
        }
    }
}

/// Responses to `guest-info`, as in W3.
struct Infos;

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    r#return: Supported<'a>,
}

#[derive(Deserialize)]
struct Supported<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    supported_commands: Vec<Supports<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Supports<'a> {
    enabled: bool,
    #[serde(borrow)]
    name: Cow<'a, str>,
    success_response: bool,
}

impl Read for Infos {
    type Message<'a> = Info<'a>;

    fn is_read(message: &Info<'_>) -> bool {
        let Supported { version, supported_commands } = &message.r#return;
        let last = supported_commands.last().filter(|last| last.enabled && last.success_response);
        version == "7.2.22"
            && supported_commands.len() == 42
            && last.is_some_and(|last| last.name == "guest-sync-delimited")
    }
}

/// Responses with a text, as in W5.
struct Texts;

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    r#return: Cow<'a, str>,
}

impl Read for Texts {
    type Message<'a> = Text<'a>;

    fn is_read(message: &Text<'_>) -> bool {
        message.r#return.len() > 64
    }
}

/// Read into structs.
pub fn serde_json_typed(workload: &Workload) -> Tally {
    match workload.shape {
        Shape::Request => serde_json_typed_as::<Requests>(workload),
        Shape::GuestInfo => serde_json_typed_as::<Infos>(workload),
        Shape::Text => serde_json_typed_as::<Texts>(workload),
        Shape::Other => panic!("there is no struct for these frames"),
    }
}

fn serde_json_typed_as<R: Read>(workload: &Workload) -> Tally {
    each(workload, |frame| serde_json::from_slice(frame).is_ok_and(|message| R::is_read(&message)))
}

/// Read into a tree.
pub fn serde_json_value(workload: &Workload) -> Tally {
    each(workload, |frame| serde_json::from_slice::<serde_json::Value>(frame).is_ok_and(|value| value.is_object()))
}

/// Skipped. Ignored content is not checked to be UTF-8.
pub fn serde_json_ignored(workload: &Workload) -> Tally {
    each(workload, |frame| serde_json::from_slice::<IgnoredAny>(frame).is_ok())
}

/// Read into structs. Escapes are left as they are.
pub fn serde_json_core_typed(workload: &Workload) -> Tally {
    match workload.shape {
        Shape::Request => serde_json_core_typed_as::<Requests>(workload),
        Shape::GuestInfo => serde_json_core_typed_as::<Infos>(workload),
        Shape::Text => serde_json_core_typed_as::<Texts>(workload),
        Shape::Other => panic!("there is no struct for these frames"),
    }
}

fn serde_json_core_typed_as<R: Read>(workload: &Workload) -> Tally {
    each(workload, |frame| {
        serde_json_core::from_slice(frame).is_ok_and(|(message, end)| R::is_read(&message) && end == frame.len())
    })
}

/// Read into structs.
pub fn sonic_rs_typed(workload: &Workload) -> Tally {
    match workload.shape {
        Shape::Request => sonic_rs_typed_as::<Requests>(workload),
        Shape::GuestInfo => sonic_rs_typed_as::<Infos>(workload),
        Shape::Text => sonic_rs_typed_as::<Texts>(workload),
        Shape::Other => panic!("there is no struct for these frames"),
    }
}

fn sonic_rs_typed_as<R: Read>(workload: &Workload) -> Tally {
    each(workload, |frame| sonic_rs::from_slice(frame).is_ok_and(|message| R::is_read(&message)))
}

/// Skipped.
pub fn sonic_rs_ignored(workload: &Workload) -> Tally {
    each(workload, |frame| sonic_rs::from_slice::<IgnoredAny>(frame).is_ok())
}

fn each(workload: &Workload, mut is_read: impl FnMut(&[u8]) -> bool) -> Tally {
    let mut tally = Tally::default();
    for frame in workload.frames() {
        assert!(is_read(frame), "a frame was not read");
        tally.frames += 1;
        tally.bytes += frame.len();
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the report says the peers check and do not check.
    #[test]
    fn what_is_checked() {
        const NOT_UTF8: &[u8] = b"{\"a\":\"\xC0\x80\"}";
        const NO_VALUE: &[u8] = br#"{"a":tru@e}"#;
        const NO_ESCAPE: &[u8] = br#"{"a":"\x"}"#;

        #[derive(Debug, Deserialize)]
        struct Nothing {}

        let refused = |read: fn(&[u8]) -> bool| [NOT_UTF8, NO_VALUE, NO_ESCAPE].map(|frame| !read(frame));
        assert_eq!(refused(|frame| serde_json::from_slice::<IgnoredAny>(frame).is_ok()), [false, true, true]);
        assert_eq!(refused(|frame| serde_json::from_slice::<serde_json::Value>(frame).is_ok()), [true, true, true]);
        assert_eq!(refused(|frame| serde_json_core::from_slice::<Nothing>(frame).is_ok()), [true, false, false]);
        assert_eq!(refused(|frame| sonic_rs::from_slice::<IgnoredAny>(frame).is_ok()), [true, true, true]);
        assert_eq!(refused(picojson_reads), [true, true, true]);
    }

    fn picojson_reads(frame: &[u8]) -> bool {
        let mut scratch = [0; 64];
        let mut parser = PushParser::<_, DefaultConfig>::new(Depth::default(), &mut scratch);
        parser.write(frame).is_ok() && parser.finish().is_ok()
    }
}
