//! The guest end from outside: envelope, arguments, responses, limits, back pressure.

mod exchange;

use exchange::{error, error_with_id, exchange};
use guestwire::{
    Agent, Command, CommandError, Decoder, Event, Guest,
    agent::guest_info_size,
    json::Kind,
    message::{ArgumentError, Arguments, Request},
};

#[derive(Debug, Default)]
struct Board {
    shutdowns: usize,
    frozen: bool,
    disabled: &'static str,
}

impl Guest for Board {
    const VERSION: &'static str = "1.2.3";
    const COMMANDS: &'static [Command<Self>] = COMMANDS;

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        self.disabled == command
    }
}

const COMMANDS: &[Command<Board>] = &[
    Command::new("guest-shutdown", |board: &mut Board, call| {
        let mode = call.arguments.optional_string("mode")?;
        let response = call.respond()?;
        if mode.is_some_and(|mode| mode == "sideways") {
            return Err(CommandError::Failed("mode is invalid (valid values are: halt|powerdown|reboot"));
        }
        board.shutdowns += 1;
        response.done()
    })
    .no_success_response(),
    Command::new("guest-fsfreeze-status", |board: &mut Board, call| {
        call.respond()?.string(if board.frozen { "frozen" } else { "thawed" })
    })
    .allowed_when_frozen(),
    Command::new("guest-exec-status", |_, call| {
        let pid = call.arguments.integer("pid")?;
        call.respond()?.error(format_args!("PID {pid} does not exist"))
    }),
    Command::new("guest-set-vcpus", |_, call| {
        let mut online = 0;
        for vcpu in call.arguments.array("vcpus")? {
            online += vcpu.object(|vcpu| {
                vcpu.integer("logical-id")?;
                Ok(i64::from(vcpu.boolean("online")?))
            })?;
        }
        call.respond()?.integer(online)
    }),
    Command::new("guest-exec", |_, call| {
        let path = call.arguments.string("path")?;
        let mut buffer = [0; 64];
        let path = path.copy_to(&mut buffer).map_err(|_| CommandError::Failed("path is too long"))?;
        for argument in call.arguments.optional_array("arg")?.into_iter().flatten() {
            argument.string()?;
        }
        let capture = call.arguments.optional_boolean("capture-output")?;
        call.respond()?.object(|response| {
            response.member("path").string(path)?;
            response.member("capture").boolean(capture.unwrap_or(false))
        })
    }),
    Command::new("guest-set-memory-blocks", |_, call| {
        let blocks = call.arguments.array("mem-blks")?;
        let mut sum = 0;
        for block in blocks {
            sum += block.object(|block| block.unsigned("phys-index"))?;
        }
        call.respond()?.unsigned(sum)
    }),
    Command::new("test-long", |_, call| {
        let length = call.arguments.integer("length")?;
        call.respond()?.string(&"x".repeat(length as usize))
    }),
    Command::new("test-values", |_, call| {
        call.respond()?.array(|list| {
            list.element().null()?;
            list.element().boolean(true)?;
            list.element().integer(i64::MIN)?;
            list.element().unsigned(u64::MAX)?;
            list.element().thousandths(-1250)?;
            list.element().thousandths(7)?;
            list.element().thousandths(70)?;
            list.element().string("a\"\\/\u{8}\u{c}\n\r\t\0\u{1f} ~\u{7f}é中😀")?;
            list.element().display(format_args!("{:02x}", 10))?;
            list.element().array(|_| Ok(()))?;
            list.element().object(|object| object.member("né").array(|list| list.element().integer(-7)))
        })
    }),
    Command::new("test-choice", |_, call| {
        let colours = [("red", 1), ("blue", 2)];
        let colour = call.arguments.one_of("colour", colours)?;
        let other = call.arguments.optional_one_of("other", colours)?;
        call.respond()?.integer(colour * 10 + other.unwrap_or(0))
    }),
    Command::new("test-whence", |_, call| {
        // A number or a name, as in guest-file-seek.
        let whence = match call.arguments.get("whence")? {
            Some(whence) if whence.value().kind() == Kind::Number => whence.integer()?,
            Some(whence) if whence.value().kind() == Kind::String => whence.one_of([("set", 0), ("cur", 1)])?,
            Some(whence) => return Err(whence.type_error("GuestFileWhence").into()),
            None => -1,
        };
        call.respond()?.integer(whence)
    }),
];

fn agent() -> Agent<Board, 1024, 2048> {
    Agent::new(Board::default())
}

/// The agent's answer to one request, as text.
#[track_caller]
fn answer(request: &str) -> String {
    String::from_utf8(exchange(&mut agent(), request.as_bytes())).unwrap()
}

#[test]
fn own_commands() {
    assert_eq!(answer(r#"{"execute": "guest-ping"}"#), "{\"return\": {}}\n");
    assert_eq!(answer(r#"{"execute": "guest-ping", "arguments": {}, "id": null}"#), "{\"return\": {}, \"id\": null}\n");
    assert_eq!(answer(r#"{"execute": "guest-sync", "arguments": {"id": -1}}"#), "{\"return\": -1}\n");
    let delimited = r#"{"execute": "guest-sync-delimited", "arguments": {"id": 9223372036854775807}, "id": [1, {}]}"#;
    assert_eq!(
        exchange(&mut agent(), delimited.as_bytes()),
        b"\xFF{\"return\": 9223372036854775807, \"id\": [1,{}]}\n"
    );
}

#[test]
fn the_sentinel_only_before_a_successful_response() {
    for (arguments, desc) in [
        ("{}", "Parameter 'id' is missing"),
        (r#"{"id": "1"}"#, "Invalid parameter type for 'id', expected: integer"),
        (r#"{"id": 1.0}"#, "Invalid parameter type for 'id', expected: integer"),
        (r#"{"id": 9223372036854775808}"#, "Invalid parameter type for 'id', expected: integer"),
        (r#"{"id": null}"#, "Invalid parameter type for 'id', expected: integer"),
        (r#"{"id": 1, "x": 2}"#, "Parameter 'x' is unexpected"),
        (r#"{"x": 2}"#, "Parameter 'id' is missing"),
    ] {
        let request = format!("{{\"execute\": \"guest-sync-delimited\", \"arguments\": {arguments}, \"id\": 5}}");
        assert_eq!(answer(&request), error_with_id("5", "GenericError", desc), "{request}");
        let next = exchange(&mut agent(), format!("{request}{{\"execute\": \"guest-ping\"}}").as_bytes());
        assert!(next.ends_with(b"}\n{\"return\": {}}\n") && !next.contains(&0xFF), "nothing stays pending");
    }
}

#[test]
fn guest_info_lists_all_commands() {
    let info: serde_json::Value = serde_json::from_str(&answer(r#"{"execute": "guest-info"}"#)).unwrap();
    let info = &info["return"];
    assert_eq!(info["version"], "1.2.3");
    let listed = info["supported_commands"].as_array().unwrap();
    assert_eq!(listed.len(), 4 + COMMANDS.len());
    let entry = |name: &str| listed.iter().find(|entry| entry["name"] == name).unwrap();
    assert_eq!(entry("guest-sync-delimited")["success-response"], true);
    assert_eq!(entry("guest-shutdown")["success-response"], false);
    assert_eq!(entry("guest-shutdown")["enabled"], true);
}

/// QEMU 7.2, qapi/qmp-dispatch.c; the order in which errors are found is part of the design.
#[test]
fn envelope() {
    for (request, response) in [
        ("[]", error("GenericError", "QMP input must be a JSON object")),
        ("true", error("GenericError", "QMP input must be a JSON object")),
        ("\"execute\"", error("GenericError", "QMP input must be a JSON object")),
        ("-1.5e3 ", error("GenericError", "QMP input must be a JSON object")),
        ("{}", error("GenericError", "QMP input lacks member 'execute'")),
        (r#"{"id": 1}"#, error_with_id("1", "GenericError", "QMP input lacks member 'execute'")),
        (r#"{"execute": 1}"#, error("GenericError", "QMP input member 'execute' must be a string")),
        (
            r#"{"execute": null, "arguments": 1, "x": 1}"#,
            error("GenericError", "QMP input member 'execute' must be a string"),
        ),
        (
            r#"{"x": 1, "arguments": [], "execute": "x"}"#,
            error("GenericError", "QMP input member 'arguments' must be an object"),
        ),
        (r#"{"b": 1, "id": 2, "a": 1}"#, error_with_id("2", "GenericError", "QMP input member 'b' is unexpected")),
        (r#"{"execute": "guest-ping", "return": 1}"#, error("GenericError", "QMP input member 'return' is unexpected")),
        (
            r#"{"a":1,"b":1,"execute":"guest-ping","arguments":{},"id":1}"#,
            error_with_id("1", "GenericError", "QMP input member 'a' is unexpected"),
        ),
        (r#"{"id":1,"execute":"guest-ping","id":1}"#, error("GenericError", "JSON parse error, duplicate key")),
        (r#"{"id":1,"execute":"guest-ping","\u0069d":1}"#, error("GenericError", "JSON parse error, duplicate key")),
        (
            r#"{"x":1,"y":1,"z":1,"execute":"guest-ping","x":1}"#,
            error("GenericError", "JSON parse error, duplicate key"),
        ),
        (
            r#"{"execute":"guest-ping","execute":"guest-ping","id":1}"#,
            error("GenericError", "JSON parse error, duplicate key"),
        ),
        (r#"{"execute": ""}"#, error("CommandNotFound", "The command  has not been found")),
        (r#"{"execute": "Guest-ping"}"#, error("CommandNotFound", "The command Guest-ping has not been found")),
        (
            r#"{"execute": "\"é\u0000", "id": "a"}"#,
            error_with_id("\"a\"", "CommandNotFound", r#"The command \"\u00E9\u0000 has not been found"#),
        ),
        (r#"{"exec\u0075te": "guest\u002dping", "i\u0064": {"a": 1}}"#, "{\"return\": {}, \"id\": {\"a\":1}}\n".into()),
        (
            r#"{"execute": "guest-ping", "arguments": {"x": {"y": [1]}}}"#,
            error("GenericError", "Parameter 'x' is unexpected"),
        ),
        (
            r#"{"execute": "guest-ping", "arguments": {"y": 1, "x": 1}}"#,
            error("GenericError", "Parameter 'y' is unexpected"),
        ),
        (
            r#"{"execute": "guest-ping", "arguments": {"y": 1, "y": 1}, "id": 1}"#,
            error("GenericError", "JSON parse error, duplicate key"),
        ),
        (
            r#"{"execute": "guest-sync", "arguments": {"id": 1, "\u0069d": 1}, "id": 1}"#,
            error("GenericError", "JSON parse error, duplicate key"),
        ),
    ] {
        assert_eq!(answer(request), response, "{request}");
    }
}

/// Rule 7: two agents on a line, or an echoing line, must fall silent.
#[test]
fn a_response_is_never_answered() {
    for response in [
        "{\"return\": {}}",
        r#"{"error": {"class": "GenericError", "desc": "x"}, "id": 1}"#,
        r#"{"id": 1, "x": 1, "y": 2, "z": 3, "return": 5, "return": 6}"#,
        r#"{"re\u0074urn": 5}"#,
    ] {
        assert_eq!(answer(response), "", "{response}");
    }
}

#[test]
fn argument_errors_name_the_place() {
    let vcpus = |list: &str| answer(&format!("{{\"execute\": \"guest-set-vcpus\", \"arguments\": {list}}}"));
    let generic = |desc| error("GenericError", desc);
    assert_eq!(vcpus("{}"), generic("Parameter 'vcpus' is missing"));
    assert_eq!(vcpus(r#"{"vcpus": {}}"#), generic("Invalid parameter type for 'vcpus', expected: array"));
    assert_eq!(vcpus(r#"{"vcpus": [5]}"#), generic("Invalid parameter type for 'vcpus[0]', expected: object"));
    assert_eq!(vcpus(r#"{"vcpus": [{"logical-id": 0}]}"#), generic("Parameter 'vcpus[0].online' is missing"));
    let good = r#"{"logical-id": 0, "online": true}"#;
    assert_eq!(
        vcpus(&format!("{{\"vcpus\": [{good}, {good}, {{\"logical-id\": 0, \"online\": 1}}]}}")),
        generic("Invalid parameter type for 'vcpus[2].online', expected: boolean")
    );
    assert_eq!(
        vcpus(&format!("{{\"vcpus\": [{good}, {{\"logical-id\": 0, \"online\": false, \"can,\\\"\": [[1]]}}]}}")),
        generic(r#"Parameter 'vcpus[1].can,\"' is unexpected"#)
    );
    assert_eq!(vcpus(&format!("{{\"x\": [{{}}], \"vcpus\": [{good}]}}")), generic("Parameter 'x' is unexpected"));
    assert_eq!(vcpus(&format!("{{\"vcpus\": [{good}, {good}]}}")), "{\"return\": 2}\n");
    assert_eq!(vcpus(r#"{"vcpus": []}"#), "{\"return\": 0}\n");
    let blocks = |index: &str| {
        answer(&format!(
            "{{\"execute\": \"guest-set-memory-blocks\", \"arguments\": {{\"mem-blks\": [{{\"phys-index\": {index}}}]}}}}"
        ))
    };
    for wrong in ["\"x\"", "-1", "1.0", "18446744073709551616", "null"] {
        assert_eq!(blocks(wrong), generic("Parameter 'mem-blks[0].phys-index' expects uint64"));
    }
    assert_eq!(blocks("18446744073709551615"), "{\"return\": 18446744073709551615}\n");
    assert_eq!(blocks("-0"), "{\"return\": 0}\n");
    let exec = |arguments: &str| answer(&format!("{{\"execute\": \"guest-exec\", \"arguments\": {arguments}}}"));
    assert_eq!(
        exec(r#"{"path": "/b\u0069n", "arg": ["a", 1]}"#),
        generic("Invalid parameter type for 'arg[1]', expected: string")
    );
    assert_eq!(exec(r#"{"arg": null, "path": "é\n"}"#), generic("Invalid parameter type for 'arg', expected: array"));
    assert_eq!(
        exec(r#"{"capture-output": true, "path": "é\n"}"#),
        "{\"return\": {\"path\": \"\\u00E9\\n\", \"capture\": true}}\n"
    );
}

/// One by one in the order in which the command reads them, as qemu-ga 7.2 does for guest-file-seek.
#[test]
fn of_two_wrong_arguments_the_missing_one_is_named() {
    struct File;

    impl Guest for File {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("guest-file-seek", |_, call| {
            call.arguments.integer("handle")?;
            call.arguments.integer("offset")?;
            call.respond()?.done()
        })];
    }

    for (arguments, desc) in [
        (r#"{"handle": "x"}"#, "Invalid parameter type for 'handle', expected: integer"),
        (r#"{"handle": "x", "zz": 1}"#, "Invalid parameter type for 'handle', expected: integer"),
        (r#"{"offset": "x"}"#, "Parameter 'handle' is missing"),
        (r#"{"handle": 1, "offset": "x", "zz": 1}"#, "Invalid parameter type for 'offset', expected: integer"),
        (r#"{"handle": 1, "zz": 1}"#, "Parameter 'offset' is missing"),
        (r#"{"handle": 1, "offset": 1, "zz": 1}"#, "Parameter 'zz' is unexpected"),
    ] {
        let request = format!("{{\"execute\": \"guest-file-seek\", \"arguments\": {arguments}}}");
        let answer = exchange(&mut Agent::<File, 256, 512>::new(File), request.as_bytes());
        assert_eq!(String::from_utf8(answer).unwrap(), error("GenericError", desc), "{arguments}");
    }
}

#[test]
fn errors_for_people() {
    let missing = Arguments::none().integer("pid").unwrap_err();
    for (error, text) in [
        (missing.into(), "an argument is missing or wrong"),
        (CommandError::Failed("no clock: 100 %"), "no clock: 100 %"),
        (CommandError::DoesNotFit, "Response does not fit the transmit buffer"),
    ] {
        assert_eq!(error.to_string(), text);
    }
    for (frame, text) in [
        (r#"{"return": {}}"#, "QMP input is a response"),
        ("[]", "QMP input must be a JSON object"),
        (r#"{"id": 1, "id": 2}"#, "JSON parse error, duplicate key"),
        (r#"{"execute": 1}"#, "QMP input member 'execute' must be a string"),
        (r#"{"execute": "a", "arguments": []}"#, "QMP input member 'arguments' must be an object"),
        (r#"{"execute": "a", "\u0062": 1}"#, "QMP input member 'b' is unexpected"),
        ("{}", "QMP input lacks member 'execute'"),
    ] {
        let mut decoder = Decoder::<64>::new();
        let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(frame.as_bytes()) else { panic!("{frame}") };
        let error = Request::parse(&frame).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.fault.to_string(), text);
    }
}

#[test]
fn debug_shows_what_an_agent_holds() {
    let mut agent = agent();
    assert_eq!(agent.push_slice(br#"{"execute": "guest-ping"} ["half"#), 32);
    let shown = format!("{agent:?}");
    assert!(shown.starts_with("Agent { guest: Board { shutdowns: 0"), "{shown}");
    assert!(shown.contains(r#"text: [\"half"#), "what is being received: {shown}");
    assert!(shown.contains(r#"{\"return\": {}}\n"#), "what is being sent: {shown}");
}

#[test]
fn is_receiving_says_whether_a_request_is_open() {
    let mut agent = agent();
    let mut after = |bytes: &[u8]| {
        assert_eq!(agent.push_slice(bytes), bytes.len());
        agent.transmitted(usize::MAX);
        agent.is_receiving()
    };
    assert!(!after(b""));
    assert!(after(b"{\"execute\": "));
    assert!(!after(b"\"guest-ping\"}"));
    assert!(!after(b" \n"));
    assert!(after(b"{"));
    assert!(!after(b"\xFF"));
    assert!(after(b"{"));
    assert!(!after(b","), "it has broken");
}

#[test]
fn one_of_a_few() {
    let choice = |arguments: &str| answer(&format!("{{\"execute\": \"test-choice\", \"arguments\": {arguments}}}"));
    assert_eq!(choice(r#"{"colour": "r\u0065d"}"#), "{\"return\": 10}\n");
    assert_eq!(choice(r#"{"other": "red", "colour": "blue"}"#), "{\"return\": 21}\n");
    assert_eq!(choice("{}"), error("GenericError", "Parameter 'colour' is missing"));
    assert_eq!(
        choice(r#"{"colour": "r\u00e9d"}"#),
        error("GenericError", r"Parameter 'colour' does not accept value 'r\u00E9d'")
    );
    assert_eq!(
        choice(r#"{"colour": 1}"#),
        error("GenericError", "Invalid parameter type for 'colour', expected: string")
    );
    let whence =
        |whence: &str| answer(&format!("{{\"execute\": \"test-whence\", \"arguments\": {{\"whence\": {whence}}}}}"));
    assert_eq!(whence("2"), "{\"return\": 2}\n");
    assert_eq!(whence("\"cur\""), "{\"return\": 1}\n");
    assert_eq!(whence("[]"), error("GenericError", "Invalid parameter type for 'whence', expected: GuestFileWhence"));
}

#[test]
fn an_optional_argument_may_be_missing_and_nothing_else() {
    fn read<'a>(arguments: &mut Arguments<'a>) -> Result<String, ArgumentError<'a>> {
        let integer = arguments.optional_integer("integer")?;
        let unsigned = arguments.optional_unsigned("unsigned")?;
        let boolean = arguments.optional_boolean("boolean")?;
        let string = arguments.optional_string("string")?;
        let choice = arguments.optional_one_of("choice", [("low", 1), ("high", 2)])?;
        let object = arguments.optional_object("object", |object| object.integer("a"))?;
        let array = arguments.optional_array("array")?.map(Iterator::count);
        arguments.end()?;
        Ok(format!("{integer:?} {unsigned:?} {boolean:?} {string:?} {choice:?} {object:?} {array:?}"))
    }
    let outcome = |arguments: &str| {
        let mut decoder = Decoder::<256>::new();
        let bytes = format!("{{\"execute\": \"x\", \"arguments\": {arguments}}}");
        let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(bytes.as_bytes()) else { panic!("{arguments}") };
        let mut arguments = Request::parse(&frame).unwrap().arguments;
        read(&mut arguments).unwrap_or_else(|error| error.to_string())
    };
    assert_eq!(outcome("{}"), "None None None None None None None");
    assert_eq!(
        outcome(
            r#"{"array": [1, 2], "object": {"a": 7}, "choice": "high", "string": "", "boolean": false,
                "unsigned": 18446744073709551615, "integer": -5}"#
        ),
        r#"Some(-5) Some(18446744073709551615) Some(false) Some("") Some(2) Some(7) Some(2)"#
    );
    for (name, error) in [
        ("integer", "Invalid parameter type for 'integer', expected: integer"),
        ("unsigned", "Parameter 'unsigned' expects uint64"),
        ("boolean", "Invalid parameter type for 'boolean', expected: boolean"),
        ("string", "Invalid parameter type for 'string', expected: string"),
        ("choice", "Invalid parameter type for 'choice', expected: string"),
        ("object", "Invalid parameter type for 'object', expected: object"),
        ("array", "Invalid parameter type for 'array', expected: array"),
    ] {
        assert_eq!(outcome(&format!("{{\"{name}\": null}}")), error);
    }
    assert_eq!(outcome(r#"{"object": {}}"#), "Parameter 'object.a' is missing");
}

/// Arguments beyond the 32nd are unexpected whatever they are called.
#[test]
fn as_many_arguments_as_can_be_counted() {
    let request = |unknown: usize| {
        let members: String = (0..unknown).map(|number| format!("\"x{number}\": {number}, ")).collect();
        answer(&format!("{{\"execute\": \"guest-sync\", \"arguments\": {{{members}\"id\": 1}}}}"))
    };
    assert_eq!(request(0), "{\"return\": 1}\n");
    for unknown in [1, 31, 32, 33] {
        assert_eq!(request(unknown), error("GenericError", "Parameter 'x0' is unexpected"));
    }
}

#[test]
fn values_are_formatted_as_by_the_reference_agent() {
    assert_eq!(
        answer(r#"{"execute": "test-values"}"#),
        concat!(
            r#"{"return": [null, true, -9223372036854775808, 18446744073709551615, -1.250, 0.007, 0.070, "#,
            r#""a\"\\/\b\f\n\r\t\u0000\u001F ~\u007F\u00E9\u4E2D\uD83D\uDE00", "0a", [], {"n\u00E9": [-7]}]}"#,
            "\n"
        )
    );
}

#[test]
fn commands_without_success_response() {
    let mut agent = agent();
    let both = br#"{"execute": "guest-shutdown", "id": 1}{"execute": "guest-ping"}"#;
    assert_eq!(exchange(&mut agent, both), b"{\"return\": {}}\n");
    assert_eq!(agent.guest().shutdowns, 1);
    assert_eq!(
        answer(r#"{"execute": "guest-shutdown", "arguments": {"mode": "sideways"}, "id": 1}"#),
        error_with_id("1", "GenericError", "mode is invalid (valid values are: halt|powerdown|reboot")
    );
    assert_eq!(
        answer(r#"{"execute": "guest-exec-status", "arguments": {"pid": 7}, "id": 1}"#),
        error_with_id("1", "GenericError", "PID 7 does not exist")
    );
}

#[test]
fn frozen_and_disabled() {
    let mut agent = agent();
    agent.guest_mut().disabled = "guest-shutdown";
    let shutdown = br#"{"execute": "guest-shutdown", "arguments": {"mode": 5}, "id": 1}"#;
    assert_eq!(
        exchange(&mut agent, shutdown),
        error_with_id("1", "CommandNotFound", "Command guest-shutdown has been disabled: the command is not allowed")
            .as_bytes()
    );
    agent.guest_mut().frozen = true;
    assert_eq!(
        exchange(&mut agent, shutdown),
        error_with_id("1", "CommandNotFound", "Command guest-shutdown has been disabled: the command is not allowed")
            .as_bytes()
    );
    assert_eq!(exchange(&mut agent, br#"{"execute": "guest-fsfreeze-status"}"#), b"{\"return\": \"frozen\"}\n");
    assert_eq!(exchange(&mut agent, br#"{"execute": "guest-ping"}"#), b"{\"return\": {}}\n");
    let info: serde_json::Value =
        serde_json::from_slice(&exchange(&mut agent, br#"{"execute": "guest-info"}"#)).unwrap();
    let enabled: Vec<_> =
        info["return"]["supported_commands"].as_array().unwrap().iter().filter(|c| c["enabled"] == true).collect();
    assert_eq!(enabled.len(), 4 + 1);
    agent.guest_mut().frozen = false;
    agent.guest_mut().disabled = "";
    assert_eq!(
        exchange(&mut agent, shutdown),
        error_with_id("1", "GenericError", "Invalid parameter type for 'mode', expected: string").as_bytes()
    );
}

mod limits {
    use super::*;

    const DOES_NOT_FIT: &str = "Response does not fit the transmit buffer";

    struct Long;

    impl Guest for Long {
        const VERSION: &'static str = "1.0.0-é";
        const COMMANDS: &'static [Command<Self>] = &[
            Command::new("a\"\\\n\u{1}\u{7f}é中😀", |_, call| call.respond()?.done()),
            Command::new("guest-shutdown", |_, call| call.respond()?.done()).no_success_response(),
        ];

        fn is_frozen(&self) -> bool {
            true
        }
    }

    #[test]
    fn guest_info_just_fits() {
        const SIZE: usize = guest_info_size::<Long>();
        let mut agent: Agent<Long, 74, SIZE> = Agent::new(Long);
        let info = exchange(&mut agent, br#"{"execute": "guest-info", "id": -9223372036854775808}"#);
        assert_eq!(info.len(), SIZE, "exact, with all commands disabled");
        assert_eq!(guest_info_size::<Long>(), SIZE, "at run time too");
        serde_json::from_slice::<serde_json::Value>(&info).unwrap();
    }

    /// An agent with the smallest `TX` that compiles: every response of fixed length fits it.
    #[test]
    fn fixed_responses_fit_the_smallest_buffer() {
        const LEAST: usize = guest_info_size::<()>();
        let mut agent: Agent<(), 2048, LEAST> = Agent::new(());
        let long_string = format!("\"{}\"", "x".repeat(2048));
        for (request, response) in [
            ("x{", error("GenericError", "JSON parse error, expecting value")),
            (",{{", error("GenericError", "JSON parse error, invalid syntax")),
            (&"[".repeat(66), error("GenericError", "JSON nesting depth limit exceeded")),
            (&long_string, error("GenericError", "JSON token size limit exceeded")),
            (
                r#"{"execute":"","arguments":1}"#,
                error("GenericError", "QMP input member 'arguments' must be an object"),
            ),
            (
                r#"{"execute":"guest-sync","arguments":{"id":""}}"#,
                error("GenericError", "Invalid parameter type for 'id', expected: integer"),
            ),
        ] {
            agent.reset();
            let answer = exchange(&mut agent, request.as_bytes());
            assert!(answer.ends_with(response.as_bytes()), "{request}");
        }
        assert!(error("CommandNotFound", DOES_NOT_FIT).len() <= LEAST);
    }

    /// The longest synchronization fits the smallest buffers, and so does the echo of the longest error.
    #[test]
    fn the_smallest_agent() {
        let mut agent: Agent<(), 74, { guest_info_size::<()>() }> = Agent::new(());
        let sync = br#"{"execute":"guest-sync-delimited","arguments":{"id":-9223372036854775808}}"#;
        assert_eq!(exchange(&mut agent, sync), b"\xFF{\"return\": -9223372036854775808}\n");
        let overflow = exchange(&mut agent, format!("[\"{}\"]", "x".repeat(99)).as_bytes());
        assert_eq!(overflow, error("GenericError", "JSON token size limit exceeded").as_bytes());
        assert_eq!(exchange(&mut agent, &overflow), b"", "its echo is seen to be a response");
    }

    /// A command must not run if its response cannot be sent.
    #[test]
    fn nothing_is_run_whose_response_cannot_fit() {
        let mut agent: Agent<Board, 2048, { guest_info_size::<Board>() }> = Agent::new(Board::default());
        let room = guest_info_size::<Board>() - "_{\"return\": {}, \"id\": \"\"}\n".len();
        let mut shutdown = |id: usize| {
            let request = format!("{{\"execute\": \"guest-shutdown\", \"id\": \"{}\"}}", "i".repeat(id));
            let answer = String::from_utf8(exchange(&mut agent, request.as_bytes())).unwrap();
            (answer, agent.guest().shutdowns)
        };
        assert_eq!(shutdown(room), (String::new(), 1));
        assert_eq!(shutdown(room + 1), (error("GenericError", DOES_NOT_FIT), 1), "not run");
    }

    #[test]
    fn a_response_that_just_fits_and_one_that_does_not() {
        let long = |length: usize, id: &str| {
            answer(&format!("{{\"execute\": \"test-long\", \"arguments\": {{\"length\": {length}}}{id}}}"))
        };
        let frame = "{\"return\": \"\"}\n".len();
        assert_eq!(long(2048 - frame, "").len(), 2048);
        assert_eq!(long(2049 - frame, ""), error("GenericError", DOES_NOT_FIT));
        assert_eq!(long(2049 - frame, ", \"id\": 7"), error_with_id("7", "GenericError", DOES_NOT_FIT));
        let with_id = frame + ", \"id\": 7".len();
        assert_eq!(long(2048 - with_id, ", \"id\": 7").len(), 2048);
        assert_eq!(long(2049 - with_id, ", \"id\": 7"), error_with_id("7", "GenericError", DOES_NOT_FIT));
    }

    /// A description or an `id` that does not fit: the `id` is kept if anything fits beside it.
    #[test]
    fn an_error_that_does_not_fit() {
        const SIZE: usize = guest_info_size::<()>();
        let mut agent: Agent<(), 2048, SIZE> = Agent::new(());
        let mut ask = |name: usize, id: usize| {
            let request = format!("{{\"execute\": \"{}\", \"id\": \"{}\"}}", "n".repeat(name), "i".repeat(id));
            String::from_utf8(exchange(&mut agent, request.as_bytes())).unwrap()
        };
        let id = |id: usize| format!("\"{}\"", "i".repeat(id));
        let not_found = |name: usize| format!("The command {} has not been found", "n".repeat(name));
        let room = SIZE - error_with_id("\"\"", "CommandNotFound", &not_found(0)).len();
        assert_eq!(ask(room, 0), error_with_id("\"\"", "CommandNotFound", &not_found(room)));
        assert_eq!(ask(room, 1), error_with_id("\"i\"", "CommandNotFound", DOES_NOT_FIT));
        let room = SIZE - error_with_id("\"\"", "CommandNotFound", DOES_NOT_FIT).len();
        assert_eq!(ask(600, room), error_with_id(&id(room), "CommandNotFound", DOES_NOT_FIT));
        assert_eq!(ask(600, room + 1), error("CommandNotFound", DOES_NOT_FIT));
        assert_eq!(ask(3, 600), error("CommandNotFound", &not_found(3)));
    }

    #[test]
    fn a_request_that_just_fits_and_one_that_does_not() {
        let mut agent: Agent<(), 80, 512> = Agent::new(());
        let ping = |id: usize| format!("{{\"execute\":\"guest-ping\",\"id\":\"{}\"}}\n", "i".repeat(id));
        let room = 80 - (ping(0).len() - 1);
        assert!(exchange(&mut agent, ping(room).as_bytes()).starts_with(b"{\"return\": {}, \"id\": \"iii"));
        assert_eq!(
            exchange(&mut agent, ping(room + 1).as_bytes()),
            error("GenericError", "JSON token size limit exceeded").as_bytes()
        );
        let spaced = ping(room).replace(',', " \t\r\n, ");
        assert!(exchange(&mut agent, spaced.as_bytes()).starts_with(b"{\"return\""), "whitespace takes no room");
    }
}

mod back_pressure {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn the_next_outcome_waits_and_no_byte_is_taken() {
        let mut agent = agent();
        for byte in br#"{"execute": "guest-sync", "arguments": {"id": 1}}"# {
            assert!(agent.push(*byte));
        }
        for byte in b" \xFF{\"return\": 5} {\"execute\": \"guest-ping\"}" {
            assert!(agent.push(*byte), "taken while the first response drains");
        }
        assert!(!agent.push(b' '));
        let more = b"{\"execute\": \"guest-ping\", \"id\": 2}";
        assert_eq!(agent.push_slice(more), 0);
        assert_eq!(agent.transmit(), b"{\"return\": 1}\n");
        agent.transmitted(13);
        assert_eq!(agent.transmit(), b"\n");
        assert!(!agent.push(b' '));
        agent.transmitted(1);
        assert_eq!(agent.transmit(), b"{\"return\": {}}\n", "served without a further byte");
        assert_eq!(agent.push_slice(more), more.len());
        agent.transmitted(usize::MAX);
        assert_eq!(agent.transmit(), b"{\"return\": {}, \"id\": 2}\n");
    }

    /// From any place in the response on.
    #[test]
    fn a_count_beyond_the_response_means_all_that_is_left() {
        let ping = |agent: &mut Agent<Board, 1024, 2048>| {
            let request = br#"{"execute": "guest-ping"}"#;
            assert_eq!(agent.push_slice(request), request.len());
            agent.transmit().to_vec()
        };
        for (sent, count) in [(0, usize::MAX), (1, usize::MAX), (14, usize::MAX), (5, usize::MAX - 4), (5, 11)] {
            let mut agent = agent();
            assert_eq!(ping(&mut agent), b"{\"return\": {}}\n");
            agent.transmitted(sent);
            agent.transmitted(count);
            assert_eq!(agent.transmit(), b"", "{count} after {sent}");
            assert_eq!(ping(&mut agent), b"{\"return\": {}}\n");
        }
    }

    /// The agent's output comes back, and the line blocks unless it is read. Two requests arrive at once, so the first
    /// response is back while the second one drains.
    #[test]
    fn a_response_on_an_echoing_line_never_waits() {
        let mut agent = agent();
        let mut requests = br#"{"execute": "guest-ping"}{"execute": "guest-info"}"#.iter().copied();
        let mut echo = VecDeque::new();
        let mut sent = Vec::new();
        loop {
            let before = (sent.len(), echo.len(), requests.len());
            let Ok(()) = agent
                .read_from(|| requests.next().or_else(|| echo.pop_front()).ok_or(nb::Error::<Infallible>::WouldBlock));
            let Ok(()) = agent.write_to(|byte| {
                if echo.len() == 16 {
                    return Err(nb::Error::<Infallible>::WouldBlock);
                }
                echo.push_back(byte);
                sent.push(byte);
                Ok(())
            });
            if before == (sent.len(), echo.len(), requests.len()) {
                break;
            }
        }
        assert!(agent.transmit().is_empty(), "{} bytes were sent, then the line stood still", sent.len());
        assert!(sent.starts_with(b"{\"return\": {}}\n{\"return\": {\"version\""));
        assert_eq!(sent.iter().filter(|byte| **byte == b'\n').count(), 2, "nothing that came back was answered");
    }

    /// `}{` while a response drains: the error waits, and the byte that broke the frame has begun the next one.
    #[test]
    fn a_break_that_begins_a_frame_waits_and_may_be_lost() {
        let begin = |agent: &mut Agent<Board, 1024, 2048>| {
            let bytes = b"{\"execute\": \"guest-ping\"}{\"a\": {} {";
            assert_eq!(agent.push_slice(bytes), bytes.len());
            assert!(!agent.push(b' '));
        };
        let broken = error("GenericError", "JSON parse error, invalid syntax");
        let mut agent = agent();
        begin(&mut agent);
        agent.transmitted(usize::MAX);
        assert_eq!(agent.transmit(), broken.as_bytes());
        agent.transmitted(usize::MAX);
        assert_eq!(exchange(&mut agent, b"\"execute\": \"guest-ping\"}"), b"{\"return\": {}}\n");

        begin(&mut agent);
        agent.lost();
        agent.transmitted(usize::MAX);
        assert_eq!(agent.transmit(), broken.as_bytes());
        agent.transmitted(usize::MAX);
        assert_eq!(agent.transmit(), error("GenericError", "JSON parse error, bytes were lost").as_bytes());
        agent.transmitted(usize::MAX);
        assert_eq!(exchange(&mut agent, b"\"execute\": \"guest-ping\"}"), b"", "the frame was lost");
    }

    #[test]
    fn a_command_without_response_does_not_hold_up_the_next_error() {
        let mut agent = agent();
        let bytes = br#"{"execute": "guest-ping"}{"execute": "guest-shutdown"}"#;
        assert_eq!(agent.push_slice(bytes), bytes.len());
        assert_eq!(agent.guest().shutdowns, 0, "not before the response has gone");
        agent.transmitted(usize::MAX);
        assert_eq!((agent.transmit(), agent.guest().shutdowns), (&b""[..], 1));
        assert!(agent.push(b' '));
    }

    #[test]
    fn lost_bytes_between_requests_are_answered_with_what_is_dropped_for_them() {
        let mut agent = agent();
        agent.lost();
        assert_eq!(agent.transmit(), b"");
        let lost = b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, bytes were lost\"}}\n";
        let ping = b"{\"return\": {}}\n";
        let answers = exchange(&mut agent, b"{}\xFF{\"execute\": \"guest-ping\"}");
        assert_eq!(answers, [&lost[..], ping].concat());
        agent.lost();
        assert_eq!(agent.transmit(), b"");
        assert_eq!(exchange(&mut agent, b"\xFF{\"execute\": \"guest-ping\"}"), ping, "nothing was dropped");
    }

    #[test]
    fn reset_drops_what_was_for_another_client() {
        let mut agent = agent();
        let bytes = br#"{"execute": "guest-ping"}{"execute": "guest-shutdown"}"#;
        assert_eq!(agent.push_slice(bytes), bytes.len());
        agent.transmitted(3);
        agent.reset();
        assert_eq!((agent.transmit(), agent.guest().shutdowns), (&b""[..], 0));
        assert_eq!(exchange(&mut agent, b"{\"execute\": \"guest-ping\"}"), b"{\"return\": {}}\n");
    }
}
