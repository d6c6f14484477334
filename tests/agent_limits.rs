//! What an agent's commands can rely on: their room for a response, the arguments that they have read, and that
//! built-in commands cannot be disabled.

mod exchange;

use exchange::{error, error_with_id, exchange};
use guestwire::{
    Agent, Command, Decoder, Event, Guest,
    agent::guest_info_size,
    message::{Arguments, Request, Response},
};
use serde_json::Value;

/// Returns a string that fills the room and this many bytes more, and the room.
struct Filling {
    more: usize,
    room: usize,
}

impl Guest for Filling {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("fill", |guest: &mut Self, call| {
        let response = call.respond()?;
        guest.room = response.room();
        response.string(&"x".repeat(guest.room - 2 + guest.more))
    })];
}

/// Whatever the `id`, the room that a command is told of fits. Only a few bytes of the buffer stay unused: those for a
/// sentinel and an absent `id`.
#[test]
fn the_room_that_a_command_is_told_of_is_exact() {
    const TX: usize = 600;
    let fill = |id: &str, more: usize| {
        let mut agent: Agent<Filling, 512, TX> = Agent::new(Filling { more, room: 0 });
        let answer = exchange(&mut agent, format!("{{\"execute\": \"fill\"{id}}}").as_bytes());
        (agent.guest().room, String::from_utf8(answer).unwrap())
    };
    let check = |id: &str, around: usize, unused: usize, too_long: String| {
        let (room, answer) = fill(id, 0);
        assert!(answer.starts_with("{\"return\": \"xxx") && answer.ends_with("}\n"), "{answer}");
        assert_eq!(answer.len(), room + around);
        let left = TX - answer.len();
        assert!(left <= unused, "{left} bytes stay unused");
        assert_eq!(fill(id, left).1.len(), TX);
        assert_eq!(fill(id, left + 1).1, too_long);
    };
    const TOO_LONG: &str = "Response does not fit the transmit buffer";
    for length in [0, 1, 7, 100, 300] {
        let id = format!("\"{}\"", "i".repeat(length));
        let around = "{\"return\": , \"id\": }\n".len() + id.len();
        check(&format!(", \"id\": {id}"), around, 1, error_with_id(&id, "GenericError", TOO_LONG));
    }
    check("", "{\"return\": }\n".len(), "_, \"id\": ".len(), error("GenericError", TOO_LONG));
}

/// Names for arguments, in their order.
const NAMES: [&str; 40] = [
    "a00", "a01", "a02", "a03", "a04", "a05", "a06", "a07", "a08", "a09", "a10", "a11", "a12", "a13", "a14", "a15",
    "a16", "a17", "a18", "a19", "a20", "a21", "a22", "a23", "a24", "a25", "a26", "a27", "a28", "a29", "a30", "a31",
    "a32", "a33", "a34", "a35", "a36", "a37", "a38", "a39",
];

/// Reads `read` of `there` arguments, from the first or from the last.
fn unread(there: usize, read: impl Iterator<Item = usize>) -> Option<String> {
    let members: Vec<_> = NAMES[..there].iter().map(|name| format!("\"{name}\": 1")).collect();
    let mut decoder: Decoder<1024> = Decoder::new();
    let request = format!("{{\"execute\": \"x\", \"arguments\": {{{}}}}}", members.join(", "));
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(request.as_bytes()) else { panic!("a frame was sent") };
    let mut arguments: Arguments<'_> = Request::parse(&frame).unwrap().arguments;
    for index in read {
        assert_eq!(arguments.integer(NAMES[index]), Ok(1));
    }
    arguments.end().err().map(|error| error.to_string())
}

/// Each of 32 arguments has one bit. Later ones are unexpected, even if they were read.
#[test]
fn arguments_beyond_32_are_unexpected_though_all_were_read() {
    for there in 0..=32 {
        assert_eq!(unread(there, 0..there), None, "{there} arguments");
        assert_eq!(unread(there, (0..there).rev()), None, "{there} arguments, from the last");
        for (left_out, name) in NAMES[..there].iter().enumerate() {
            let due = format!("Parameter '{name}' is unexpected");
            assert_eq!(unread(there, (0..there).filter(|index| *index != left_out)), Some(due));
        }
    }
    for there in 33..=NAMES.len() {
        assert_eq!(unread(there, 0..there), Some("Parameter 'a32' is unexpected".into()), "{there} arguments");
    }
}

/// A guest that disables every command.
struct Closed {
    frozen: bool,
}

impl Guest for Closed {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("ordinary", |_, call| call.respond()?.done()),
        Command::new("thaw", |_, call| call.respond()?.done()).allowed_when_frozen(),
    ];

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, _: &str) -> bool {
        true
    }
}

/// Otherwise nothing could bring it back in step.
#[test]
fn built_in_commands_cannot_be_disabled() {
    for frozen in [false, true] {
        let ask = |request: &str| {
            let mut agent: Agent<Closed, 256, 1024> = Agent::new(Closed { frozen });
            exchange(&mut agent, request.as_bytes())
        };
        let text = |request: &str| String::from_utf8(ask(request)).unwrap();
        assert_eq!(text(r#"{"execute": "guest-ping"}"#), "{\"return\": {}}\n");
        assert_eq!(text(r#"{"execute": "guest-sync", "arguments": {"id": 3}}"#), "{\"return\": 3}\n");
        let delimited = ask(r#"{"execute": "guest-sync-delimited", "arguments": {"id": 3}}"#);
        assert_eq!(delimited, b"\xFF{\"return\": 3}\n");
        let info: Value = serde_json::from_str(&text(r#"{"execute": "guest-info"}"#)).unwrap();
        let enabled: Vec<_> = info["return"]["supported_commands"]
            .as_array()
            .unwrap()
            .iter()
            .map(|command| (command["name"].as_str().unwrap(), command["enabled"].as_bool().unwrap()))
            .collect();
        let due = [
            ("guest-sync-delimited", true),
            ("guest-sync", true),
            ("guest-ping", true),
            ("guest-info", true),
            ("ordinary", false),
            ("thaw", false),
        ];
        assert_eq!(enabled, due);
        for command in ["ordinary", "thaw"] {
            let desc = format!("Command {command} has been disabled: the command is not allowed");
            assert_eq!(text(&format!(r#"{{"execute": "{command}"}}"#)), error("CommandNotFound", &desc));
        }
    }
}

/// A frame with `execute` is a request, whatever else is in it, and what has neither `return` nor `error` is no
/// response.
#[test]
fn which_frames_are_responses() {
    let is_response = |json: &str| {
        let mut decoder: Decoder<256> = Decoder::new();
        let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(json.as_bytes()) else {
            panic!("no frame: {json}")
        };
        let is_response = Response::parse(&frame).is_some();
        // The agent's own view: what is a response it does not answer.
        let mut agent: Agent<(), 256, { guest_info_size::<()>() }> = Agent::new(());
        assert_eq!(exchange(&mut agent, json.as_bytes()).is_empty(), is_response, "{json}");
        is_response
    };
    for json in [
        r#"{"return": {}}"#,
        r#"{"return": null}"#,
        r#"{"error": {"class": "A", "desc": "b"}}"#,
        r#"{"id": 1, "return": {}, "x": 1}"#,
        r#"{"return": {}, "error": {}}"#,
        r#"{"arguments": {}, "return": {}}"#,
    ] {
        assert!(is_response(json), "{json}");
    }
    for json in [
        r#"{"execute": "guest-ping", "return": {}}"#,
        r#"{"return": {}, "execute": "guest-ping"}"#,
        r#"{"error": {}, "execute": "guest-ping"}"#,
        r#"{"return": {}, "execute": null}"#,
        r#"{"return": {}, "error": {}, "id": 1, "execute": 1}"#,
        r#"{"return": {}, "\u0065xecute": "guest-ping"}"#,
        r#"{"execute": "guest-ping"}"#,
        r#"{"Return": {}}"#,
        r#"{"return ": {}}"#,
        r#"{"ret": {}}"#,
        r#"{"id": 1}"#,
        r#"{}"#,
        r#"["return"]"#,
        r#""return""#,
    ] {
        assert!(!is_response(json), "{json}");
    }
}
