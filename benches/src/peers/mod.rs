//! The peers at work. All but picojson need single frames, found by the caller.

mod jsmn;

use std::borrow::Cow;

use bufjson::lexical::fixed::FixedAnalyzer;
use hifijson::token::Lex as _;
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

/// Responses with a text, as in W5 to W7.
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

/// Responses with numbers, as in W8.
struct Numbers;

#[derive(Deserialize)]
struct List {
    r#return: Vec<i64>,
}

impl Read for Numbers {
    type Message<'a> = List;

    fn is_read(message: &List) -> bool {
        message.r#return.len() == 64
    }
}

/// Arrays in arrays, as in W10.
struct Brackets;

#[derive(Deserialize)]
struct Nested(Vec<Nested>);

impl Read for Brackets {
    type Message<'a> = Nested;

    fn is_read(message: &Nested) -> bool {
        message.0.len() == 40 && message.0.iter().all(|Nested(inner)| inner.len() == 1)
    }
}

/// Calls a reader for the type of the workload's frames.
macro_rules! typed {
    ($reader:ident, $workload:expr) => {
        match $workload.shape {
            Shape::Request => $reader::<Requests>($workload),
            Shape::GuestInfo => $reader::<Infos>($workload),
            Shape::Text => $reader::<Texts>($workload),
            Shape::Numbers => $reader::<Numbers>($workload),
            Shape::Brackets => $reader::<Brackets>($workload),
            Shape::Other => panic!("there is no struct for these frames"),
        }
    };
}

/// Read into structs.
pub fn serde_json_typed(workload: &Workload) -> Tally {
    typed!(serde_json_typed_as, workload)
}

fn serde_json_typed_as<R: Read>(workload: &Workload) -> Tally {
    each(workload, |frame| serde_json::from_slice(frame).is_ok_and(|message| R::is_read(&message)))
}

/// Read into a tree.
pub fn serde_json_value(workload: &Workload) -> Tally {
    each(workload, |frame| serde_json::from_slice::<serde_json::Value>(frame).is_ok())
}

/// Skipped. Ignored content is not checked to be UTF-8.
pub fn serde_json_ignored(workload: &Workload) -> Tally {
    each(workload, |frame| serde_json::from_slice::<IgnoredAny>(frame).is_ok())
}

/// Read into structs. Escapes are left as they are.
pub fn serde_json_core_typed(workload: &Workload) -> Tally {
    typed!(serde_json_core_typed_as, workload)
}

fn serde_json_core_typed_as<R: Read>(workload: &Workload) -> Tally {
    each(workload, |frame| {
        serde_json_core::from_slice(frame).is_ok_and(|(message, end)| R::is_read(&message) && end == frame.len())
    })
}

/// Read into structs.
pub fn sonic_rs_typed(workload: &Workload) -> Tally {
    typed!(sonic_rs_typed_as, workload)
}

fn sonic_rs_typed_as<R: Read>(workload: &Workload) -> Tally {
    each(workload, |frame| sonic_rs::from_slice(frame).is_ok_and(|message| R::is_read(&message)))
}

/// Skipped.
pub fn sonic_rs_ignored(workload: &Workload) -> Tally {
    each(workload, |frame| sonic_rs::from_slice::<IgnoredAny>(frame).is_ok())
}

/// Parsed to a tape, in place: in a copy with the padding that it wants.
pub fn simd_json_tape(workload: &Workload) -> Tally {
    let mut input = Vec::new();
    let mut buffers = simd_json::Buffers::default();
    let mut tape = simd_json::Tape::null();
    each(workload, |frame| {
        input.clear();
        input.extend_from_slice(frame);
        input.extend_from_slice(&[0; simd_json::INPUT_PADDING]);
        let mut filled = std::mem::replace(&mut tape, simd_json::Tape::null()).reset();
        let parsed = simd_json::fill_tape_padded(&mut input, frame.len(), &mut buffers, &mut filled);
        tape = filled.reset();
        parsed.is_ok()
    })
}

/// Skipped.
pub fn jiter_skipped(workload: &Workload) -> Tally {
    each(workload, jiter_reads)
}

fn jiter_reads(frame: &[u8]) -> bool {
    let mut jiter = jiter::Jiter::new(frame);
    jiter.next_skip().is_ok() && jiter.finish().is_ok()
}

/// Read as tokens.
pub fn bufjson_tokens(workload: &Workload) -> Tally {
    each(workload, bufjson_reads)
}

fn bufjson_reads(frame: &[u8]) -> bool {
    use bufjson::lexical::Token;

    let mut parser = FixedAnalyzer::new(frame).into_parser();
    loop {
        match std::hint::black_box(parser.next_meaningful()) {
            Token::Eof => return true,
            Token::Err => return false,
            _ => {}
        }
    }
}

/// Skipped.
pub fn hifijson_skipped(workload: &Workload) -> Tally {
    each(workload, hifijson_reads)
}

fn hifijson_reads(frame: &[u8]) -> bool {
    let mut lexer = hifijson::SliceLexer::new(frame);
    lexer.exactly_one(hifijson::SliceLexer::ws_peek, hifijson::ignore::parse).is_ok()
}

/// Read value by value.
pub fn nanojson_values(workload: &Workload) -> Tally {
    let mut scratch = [0; SCRATCH];
    each(workload, |frame| nanojson_reads(frame, &mut scratch))
}

fn nanojson_reads(frame: &[u8], scratch: &mut [u8]) -> bool {
    let mut parser = nanojson::Parser::new(frame, scratch);
    nanojson_value(&mut parser).and_then(|()| parser.finish()).is_ok()
}

fn nanojson_value(parser: &mut nanojson::Parser<'_, '_>) -> Result<(), nanojson::ParseError> {
    if parser.is_object_ahead() {
        parser.object_begin()?;
        while parser.member_decoded()?.is_some() {
            nanojson_value(parser)?;
        }
        parser.object_end()
    } else if parser.is_array_ahead() {
        parser.array_begin()?;
        while parser.array_item()? {
            nanojson_value(parser)?;
        }
        parser.array_end()
    } else if parser.is_string_ahead() {
        parser.string().map(read)
    } else if parser.is_number_ahead() {
        parser.number_str().map(read)
    } else if parser.is_bool_ahead() {
        parser.boolean().map(read)
    } else {
        parser.null()
    }
}

fn read<T>(value: T) {
    std::hint::black_box(value);
}

/// Split into tokens.
pub fn jsmn_tokens(workload: &Workload) -> Tally {
    let mut tokens = [jsmn::Token::default(); 1024];
    each(workload, |frame| jsmn::reads(frame, &mut tokens))
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

        type Reads = fn(&[u8]) -> bool;
        let readers: [(&str, Reads); 11] = [
            ("serde_json, ignored", |frame| serde_json::from_slice::<IgnoredAny>(frame).is_ok()),
            ("serde_json, Value", |frame| serde_json::from_slice::<serde_json::Value>(frame).is_ok()),
            ("serde-json-core", |frame| serde_json_core::from_slice::<Nothing>(frame).is_ok()),
            ("sonic-rs, ignored", |frame| sonic_rs::from_slice::<IgnoredAny>(frame).is_ok()),
            ("picojson", picojson_reads),
            ("simd-json", |frame| simd_json::to_tape(&mut frame.to_vec()).is_ok()),
            ("jiter", jiter_reads),
            ("bufjson", bufjson_reads),
            ("hifijson", hifijson_reads),
            ("nanojson", |frame| nanojson_reads(frame, &mut [0; 64])),
            ("jsmn", |frame| jsmn::reads(frame, &mut [jsmn::Token::default(); 1024])),
        ];
        let refused = readers.map(|(name, reads)| (name, [NOT_UTF8, NO_VALUE, NO_ESCAPE].map(|frame| !reads(frame))));
        let expected = [
            ("serde_json, ignored", [false, true, true]),
            ("serde_json, Value", [true, true, true]),
            ("serde-json-core", [true, false, false]),
            ("sonic-rs, ignored", [true, true, true]),
            ("picojson", [true, true, true]),
            ("simd-json", [true, true, true]),
            ("jiter", [false, true, true]),
            ("bufjson", [true, true, true]),
            ("hifijson", [false, true, true]),
            ("nanojson", [true, true, true]),
            ("jsmn", [false, false, true]),
        ];
        assert_eq!(refused, expected);
    }

    fn picojson_reads(frame: &[u8]) -> bool {
        let mut scratch = [0; 64];
        let mut parser = PushParser::<_, DefaultConfig>::new(Depth::default(), &mut scratch);
        parser.write(frame).is_ok() && parser.finish().is_ok()
    }
}
