//! Every error: what it says, and what it names as its source.

use std::error::Error;
use std::fmt;

use guestwire::json::NotBase64;
use guestwire::{
    Agent, BuildError, Command, CommandError, Decoder, Event, Guest,
    client::{ClientError, ExecuteError},
    frame::FrameError,
    io::{HalvesError, IoError, LineError},
    json::{DoesNotFit, JsonError},
    message::{Arguments, ErrorResponse, Request, RequestError, RequestFault, Response},
};

/// What an error says, and its source.
#[track_caller]
fn check(error: &(dyn Error + 'static), text: &str, source: Option<&str>) {
    assert_eq!(error.to_string(), text);
    assert_eq!(error.source().map(|source| source.to_string()).as_deref(), source, "{text}");
}

/// The same of one that borrows what was received, and so cannot be the source of another.
#[track_caller]
fn check_borrowed(error: &dyn Error, text: &str) {
    assert_eq!(error.to_string(), text);
    assert!(error.source().is_none(), "{text}");
}

/// A port's error that has a source of its own.
#[derive(Debug)]
struct Unplugged(fmt::Error);

impl fmt::Display for Unplugged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unplugged")
    }
}

impl Error for Unplugged {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

const UNPLUGGED: Unplugged = Unplugged(fmt::Error);

/// What `fmt::Error` says.
fn formatting() -> Option<String> {
    Some(fmt::Error.to_string())
}

#[test]
fn frame_errors() {
    for (error, text) in [
        (FrameError::Noise, "JSON parse error, expecting value"),
        (FrameError::Syntax, "JSON parse error, invalid syntax"),
        (FrameError::TooDeep, "JSON nesting depth limit exceeded"),
        (FrameError::Overflow, "JSON token size limit exceeded"),
        (FrameError::Lost, "JSON parse error, bytes were lost"),
    ] {
        check(&error, text, None);
        assert_eq!(error.desc(), text);
    }
}

/// Each shows what is in it, and hands on its source: what is printed once is not printed again.
#[test]
fn errors_of_ports() {
    type Polled = LineError<ClientError, IoError<Unplugged>>;
    let formatting = formatting();
    check(&IoError::<Unplugged>::Closed, "the port is closed", None);
    check(&IoError::Port(UNPLUGGED), "unplugged", formatting.as_deref());
    check(&LineError::<FrameError, Unplugged>::Port(UNPLUGGED), "unplugged", formatting.as_deref());
    check(&LineError::<Unplugged, FrameError>::Protocol(UNPLUGGED), "unplugged", formatting.as_deref());
    check(&Polled::Port(IoError::Port(UNPLUGGED)), "unplugged", formatting.as_deref());
    type OfReader = HalvesError<Unplugged, FrameError>;
    check(&OfReader::Reader(UNPLUGGED), "unplugged", formatting.as_deref());
    check(&OfReader::Writer(FrameError::Lost), FrameError::Lost.desc(), None);
    check(&HalvesError::<FrameError, Unplugged>::Writer(UNPLUGGED), "unplugged", formatting.as_deref());
    check(&Polled::Port(IoError::Closed), "the port is closed", None);
    for error in [
        ClientError::ResponseTooLong,
        ClientError::Broken(FrameError::Syntax),
        ClientError::Unexpected,
        ClientError::NothingAsked,
    ] {
        check(&Polled::Protocol(error), &error.to_string(), None);
    }
}

#[test]
fn errors_of_a_client() {
    // Which frame error it was stands in the text, so that it is not the source, too.
    for error in [FrameError::Noise, FrameError::Syntax, FrameError::TooDeep, FrameError::Overflow, FrameError::Lost] {
        let text = ClientError::Broken(error).to_string();
        assert!(text.ends_with(&error.to_string()), "{text}");
        check(&ClientError::Broken(error), &text, None);
    }
    let others = [ClientError::ResponseTooLong, ClientError::Unexpected, ClientError::NothingAsked];
    let texts: Vec<_> = others.iter().map(ToString::to_string).collect();
    others.iter().zip(&texts).for_each(|(error, text)| check(error, text, None));
    let requests = [ExecuteError::OutOfStep, ExecuteError::Waiting, ExecuteError::DoesNotFit];
    let request_texts: Vec<_> = requests.iter().map(ToString::to_string).collect();
    requests.iter().zip(&request_texts).for_each(|(error, text)| check(error, text, None));
    // No two say the same.
    let mut all = [texts, request_texts].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}

#[test]
fn errors_of_what_is_written_and_read() {
    check(&DoesNotFit, "does not fit the buffer", None);
    check(&JsonError::DoesNotFit, "does not fit the buffer", None);
    check(&JsonError::NotJson, "What was to be sent is not JSON", None);
    check(&NotBase64, "Base64 data contains invalid characters", None);
    check(&CommandError::Failed("no"), "no", None);
    check(&CommandError::DoesNotFit, "Response does not fit the transmit buffer", None);
    check(&CommandError::from(DoesNotFit), "Response does not fit the transmit buffer", None);
    check(&CommandError::from(NotBase64), "Base64 data contains invalid characters", None);
    let missing = Arguments::none().integer("handle").unwrap_err();
    check(&missing, "Parameter 'handle' is missing", None);
    check(&CommandError::from(missing), "an argument is missing or wrong", None);
}

#[test]
fn errors_in_what_an_agent_is_built_of() {
    check(&BuildError::ReceiveTooSmall, "the receive buffer is too small", None);
    check(&BuildError::TransmitTooSmall, "the transmit buffer is too small", None);
    check(&BuildError::DuplicateName, "a command's name is there twice, or is built in", None);
}

/// Hands on the request that `json` is, or what is wrong with it.
fn request<T>(json: &str, check: impl FnOnce(Result<Request<'_>, RequestError<'_>>) -> T) -> T {
    let mut decoder: Decoder<512> = Decoder::new();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(format!("{json} ").as_bytes()) else {
        panic!("no frame: {json}")
    };
    check(Request::parse(&frame))
}

/// QEMU 7.2, qapi/qmp-dispatch.c.
#[test]
fn errors_in_a_request() {
    for (json, text) in [
        ("[]", "QMP input must be a JSON object"),
        ("{}", "QMP input lacks member 'execute'"),
        (r#"{"execute": 1}"#, "QMP input member 'execute' must be a string"),
        (r#"{"execute": "x", "arguments": 1}"#, "QMP input member 'arguments' must be an object"),
        (r#"{"execute": "x", "\u0061b": 1}"#, "QMP input member 'ab' is unexpected"),
        (r#"{"execute": "x", "execute": "x"}"#, "JSON parse error, duplicate key"),
        (r#"{"return": 1}"#, "QMP input is a response"),
    ] {
        request(json, |request| {
            let error = request.unwrap_err();
            check_borrowed(&error, text);
            check_borrowed(&error.fault, text);
        });
    }
    check(&RequestFault::Response, "QMP input is a response", None);
}

/// QEMU 7.2, qapi/qobject-input-visitor.c.
#[test]
fn errors_in_arguments() {
    let json = r#"{"execute": "x", "arguments": {"a": [{"b": 1, "c": "d\n"}], "e": 1, "e": 2}}"#;
    request(json, |request| {
        let mut arguments = request.unwrap().arguments;
        for (error, text) in [
            (arguments.string("a").unwrap_err(), "Invalid parameter type for 'a', expected: string"),
            (arguments.boolean("a").unwrap_err(), "Invalid parameter type for 'a', expected: boolean"),
            (arguments.integer("a").unwrap_err(), "Invalid parameter type for 'a', expected: integer"),
            (arguments.unsigned("a").unwrap_err(), "Parameter 'a' expects uint64"),
            (arguments.integer("e").unwrap_err(), "JSON parse error, duplicate key"),
            (arguments.integer("f").unwrap_err(), "Parameter 'f' is missing"),
        ] {
            check_borrowed(&error, text);
        }
        let element = arguments.array("a").unwrap().next().unwrap();
        for (error, text) in [
            (element.array().map(|_| ()).unwrap_err(), "Invalid parameter type for 'a[0]', expected: array"),
            (element.type_error("object"), "Invalid parameter type for 'a[0]', expected: object"),
            (element.range_error("uint8_t"), "Parameter 'a[0]' expects uint8_t"),
            (element.invalid(), "Invalid parameter 'a[0]'"),
            (element.object(|inner| inner.integer("b")).unwrap_err(), "Parameter 'a[0].c' is unexpected"),
            (element.object(|inner| inner.integer("g")).unwrap_err(), "Parameter 'a[0].g' is missing"),
            (
                element.object(|inner| inner.one_of("c", [("d", ())])).unwrap_err(),
                "Parameter 'a[0].c' does not accept value 'd\n'",
            ),
        ] {
            check_borrowed(&error, text);
        }
    });
}

#[test]
fn an_error_response_as_an_error() {
    let mut decoder: Decoder<128> = Decoder::new();
    let bytes = br#"{"error": {"class": "Generic\u0045rror", "desc": "not \"here\""}}"#;
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(bytes) else { panic!("a frame was sent") };
    let error: ErrorResponse<'_> = Response::parse(&frame).unwrap().outcome.unwrap_err();
    check_borrowed(&error, "GenericError: not \"here\"");
}

/// What a command gives as its error is what the host reads.
#[test]
fn an_error_says_the_same_to_the_host() {
    struct Failing(CommandError);

    impl Guest for Failing {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("fail", |guest: &mut Self, _| Err(guest.0))];
    }

    for error in [CommandError::Failed("no \u{e9}"), CommandError::DoesNotFit, NotBase64.into()] {
        let mut agent: Agent<Failing, 256, 512> = Agent::new(Failing(error));
        assert_eq!(agent.push_slice(br#"{"execute": "fail"}"#), 19);
        let answer: serde_json::Value = serde_json::from_slice(agent.transmit()).unwrap();
        assert_eq!(answer["error"]["desc"], error.to_string());
    }
}
