//! Strings in pieces: whatever the buffer's size and however the bytes arrive, the pieces make up the string.

mod random;

use core::convert::Infallible;

use guestwire::agent::AgentLent;
use guestwire::client::Execute;
use guestwire::frame::Piece;
use guestwire::{Call, Client, Command, CommandResult, Guest, Reply};
use random::Random;
use serde_json::{Value, json};

/// What a guest has seen of the strings that it takes in pieces.
#[derive(Default)]
struct Staging {
    /// Each string that is whole or begun, with the member's name.
    strings: Vec<(String, Vec<u8>)>,
    longest: usize,
    pieces: usize,
    ran: Vec<Vec<(String, Vec<u8>)>>,
    discarded: usize,
    frozen: bool,
}

impl Guest for Staging {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("write", write),
        Command::new("write-both", |staging: &mut Self, call| {
            call.arguments.streamed("a")?;
            call.arguments.optional_streamed("b")?;
            commit(staging, call)
        }),
        Command::new("refused", |_, call| call.respond()?.done()),
    ];
    const STREAMED: &'static [&'static str] = &["a", "b", "buf-b64"];

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        if piece.is_first {
            self.strings.push((piece.member.into(), Vec::new()));
        }
        let (member, content) = self.strings.last_mut().expect("the first piece says so");
        assert_eq!(member, piece.member);
        content.extend(piece.content);
        self.longest = self.longest.max(piece.content.len());
        self.pieces += 1;
        Ok(())
    }

    fn discarded(&mut self) {
        self.strings.clear();
        self.discarded += 1;
    }

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        command == "refused"
    }
}

fn write(staging: &mut Staging, call: Call<'_>) -> CommandResult {
    call.arguments.streamed("buf-b64")?;
    call.arguments.optional_integer("handle")?;
    commit(staging, call)
}

fn commit(staging: &mut Staging, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    staging.ran.push(core::mem::take(&mut staging.strings));
    response.done()
}

/// Pushes some bytes in chunks of those sizes, over and over, and returns the guest and what it sent.
fn run(staging: Staging, receive: usize, bytes: &[u8], chunks: &[usize]) -> (Staging, String) {
    let (mut receive, mut transmit) = (vec![0; receive], [0; 1024]);
    let mut agent = AgentLent::over(staging, &mut receive, &mut transmit).expect("the buffers are large enough");
    let mut sent = Vec::new();
    let mut rest = bytes;
    let mut chunks = chunks.iter().cycle();
    while !rest.is_empty() {
        let chunk = (*chunks.next().expect("there is one")).min(rest.len());
        if chunk == 0 {
            rest = if agent.push(rest[0]) { &rest[1..] } else { rest };
        } else {
            rest = &rest[agent.push_slice(&rest[..chunk])..];
        }
        while !agent.transmit().is_empty() {
            sent.extend(agent.transmit());
            agent.transmitted(usize::MAX);
        }
    }
    let sent = String::from_utf8(sent).expect("UTF-8");
    (core::mem::take(agent.guest_mut()), sent)
}

/// What serde_json makes of the content of a string.
fn meaning(content: &[u8]) -> String {
    let content = core::str::from_utf8(content).expect("UTF-8");
    serde_json::from_str(&format!("\"{content}\"")).expect("a string's content")
}

/// A string's JSON, with escapes of several kinds.
fn escaped(text: &str, random: &mut Random) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        if random.one_in(3) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                json += &format!("\\u{unit:04x}");
            }
        } else {
            let whole = serde_json::to_string(&character).expect("a string");
            json += &whole[1..whole.len() - 1];
        }
    }
    json + "\""
}

/// 74 bytes: the smallest there is.
const SMALLEST: usize = 74;

/// Any characters, those that need escapes and the ends of planes more often.
fn text(random: &mut Random, longest: usize) -> String {
    let special =
        ['"', '\\', '/', '\n', '\0', '\u{7f}', '\u{80}', '\u{7ff}', '\u{800}', '\u{ffff}', '\u{10000}', '\u{10ffff}'];
    let character = |random: &mut Random| match random.below(4) {
        0 => random.pick(&special),
        1 => char::from_u32(random.below(0x11_0000) as u32).unwrap_or('\u{fffd}'),
        _ => char::from(b' ' + random.below(95) as u8),
    };
    (0..random.below(longest + 1)).map(|_| character(random)).collect()
}

fn chunks(random: &mut Random, longest: usize) -> Vec<usize> {
    (0..8).map(|_| random.below(longest + 1)).collect()
}

#[test]
fn the_pieces_make_up_the_string() {
    for seed in 0..3000 {
        let mut random = Random(seed);
        let text = text(&mut random, 400);
        let content = escaped(&text, &mut random);
        let colon = random.pick(&[":", " : ", ":\n\t"]);
        let members = [format!("\"handle\"{colon}7"), format!("\"buf-b64\"{colon}{content}")];
        let [first, second] = if random.one_in(2) { [0, 1] } else { [1, 0] };
        let members = [
            "\"execute\":\"write\"".into(),
            format!("\"arguments\"{colon}{{{}, {}}}", members[first], members[second]),
        ];
        let [first, second] = if random.one_in(2) { [0, 1] } else { [1, 0] };
        let request = format!("{{{},{}}}", members[first], members[second]);
        let receive = SMALLEST + random.below(600);
        let chunks = chunks(&mut random, 90);
        let (staging, sent) = run(Staging::default(), receive, request.as_bytes(), &chunks);
        assert_eq!(sent, "{\"return\": {}}\n", "{seed}: {request}");
        let [(member, content)] = &staging.ran[0][..] else { panic!("{seed}: one string") };
        assert_eq!((&member[..], meaning(content)), ("buf-b64", text), "{seed}");
        assert_eq!((staging.ran.len(), staging.discarded), (1, 0), "{seed}");
        let (by_byte, _) = run(Staging::default(), receive, request.as_bytes(), &[0]);
        assert_eq!((by_byte.pieces, by_byte.longest), (staging.pieces, staging.longest), "{seed}: whatever the chunks");
    }
}

#[test]
fn a_frame_that_breaks_runs_nothing_and_is_discarded_once() {
    for seed in 0..3000 {
        let mut random = Random(seed);
        let content = "x".repeat(random.below(300));
        let request = format!(r#"{{"execute":"write","arguments":{{"buf-b64":"{content}"}}}}"#);
        let cut = 1 + random.below(request.len() - 1);
        let with = random.pick(&["\u{1}", "{\"execute\":\"guest-ping\"}", ""]);
        let mut bytes = [&request.as_bytes()[..cut], with.as_bytes()].concat();
        bytes.extend(b"\xFF{\"execute\":\"guest-ping\"}");
        let (staging, sent) = run(Staging::default(), 100, &bytes, &chunks(&mut random, 90));
        assert!(staging.ran.is_empty(), "{seed}");
        assert_eq!(staging.discarded, usize::from(staging.pieces > 0), "{seed}");
        assert!(sent.ends_with("{\"return\": {}}\n"), "{seed}: {sent}");
    }
}

#[test]
fn a_client_hears_the_same_string() {
    for seed in 0..1000 {
        let mut random = Random(seed);
        let text = text(&mut random, 3000);
        let content = escaped(&text, &mut random);
        let mut client: Client<64, 256> = Client::new();
        client.synchronize(7);
        client.transmitted(usize::MAX);
        assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
        client.execute(Execute::new("x").pieces(&["out-data"])).expect("in step");
        client.transmitted(usize::MAX);
        let response = |id| format!(r#"{{"return": {{"out-data": {content}, "exited": true}}, "id": {id}}}"#);
        let is_stale = random.one_in(2);
        let bytes = if is_stale { response(6) + &response(8) } else { response(8) };
        let (mut seen, mut discarded, mut returned) = (Vec::new(), 0, None);
        let mut rest = bytes.as_bytes();
        while !rest.is_empty() {
            let chunk = rest.len().min(1 + random.below(900));
            let (taken, reply) = client.push_slice(&rest[..chunk]);
            rest = &rest[taken..];
            match reply.expect("in step") {
                Some(Reply::Piece(piece)) => seen.extend(piece.content),
                Some(Reply::Discarded) => {
                    discarded += 1;
                    seen.clear();
                }
                Some(Reply::Return(value)) => returned = Some(value.to_string()),
                None => {}
                other => panic!("{seed}: {other:?}"),
            }
        }
        assert_eq!(discarded, i32::from(is_stale), "{seed}");
        assert_eq!(returned.as_deref(), Some(r#"{"out-data":"","exited":true}"#), "{seed}");
        assert_eq!(meaning(&seen), text, "{seed}");
    }
}

#[test]
fn only_the_arguments_own_members_come_in_pieces() {
    let inner = json!({"buf-b64": "inner"});
    for request in [
        json!({"execute": "write", "id": inner}),
        json!({"execute": "write", "arguments": {"x": inner}}),
        json!({"execute": "write", "arguments": {"x": ["a", "buf-b64", inner]}}),
        json!({"buf-b64": "outer", "execute": "write"}),
        json!({"execute": "write", "arguments": {"x": "{\"arguments\":{\"buf-b64\":\"", "y": "buf-b64"}}),
        json!({"execute": "write", "arguments": {"buf-b64": 5}}),
        json!([{"arguments": 1}, {"buf-b64": "x"}]),
    ] {
        let (staging, _) = run(Staging::default(), 512, request.to_string().as_bytes(), &[7]);
        assert_eq!(staging.pieces, 0, "{request}");
    }
}

#[test]
fn a_name_with_escapes_is_the_same_name() {
    let request = br#"{"\u0065xecute":"write","argument\u0073":{"x,\"":1,"buf\u002db64":"content"}}"#;
    let (staging, sent) = run(Staging::default(), 128, request, &[1]);
    assert_eq!(staging.pieces, 1);
    assert!(sent.contains("'x,\\\"' is unexpected"), "{sent}");
}

#[test]
fn several_strings_and_empty_ones() {
    let (a, b) = ("a".repeat(300), "");
    let request = json!({"execute": "write-both", "arguments": {"a": a, "b": b}}).to_string();
    let (staging, _) = run(Staging::default(), 100, request.as_bytes(), &[13]);
    assert_eq!(staging.ran, [[("a".into(), a.into_bytes()), ("b".into(), Vec::new())]]);
}

#[test]
fn many_small_ones() {
    for length in 0..40 {
        let text = "x".repeat(length);
        let one = json!({"execute": "write", "arguments": {"buf-b64": text}}).to_string();
        let (staging, sent) = run(Staging::default(), SMALLEST, one.repeat(50).as_bytes(), &[64]);
        assert_eq!(sent, "{\"return\": {}}\n".repeat(50));
        assert!(staging.ran.iter().all(|strings| strings[0].1 == text.as_bytes()));
    }
}

#[test]
fn frozen_and_refused_commands_get_no_pieces() {
    let request = |command| json!({"execute": command, "arguments": {"buf-b64": "content"}}).to_string();
    // serde_json sorts the members: `arguments` would come first.
    let command_first = |command| format!(r#"{{"execute":"{command}","arguments":{{"buf-b64":"content"}}}}"#);
    let (frozen, sent) = run(Staging { frozen: true, ..Staging::default() }, 128, request("write").as_bytes(), &[9]);
    assert_eq!((frozen.pieces, frozen.discarded, frozen.ran.len()), (0, 0, 0));
    assert!(sent.contains("the agent is in frozen state"), "{sent}");
    for command in ["refused", "unknown"] {
        let (staging, sent) = run(Staging::default(), 128, command_first(command).as_bytes(), &[9]);
        assert_eq!((staging.pieces, staging.discarded), (0, 0), "{command}");
        assert!(sent.contains("CommandNotFound"), "{sent}");
        // Where the name comes last the pieces were given in vain.
        let late = format!(r#"{{"arguments":{{"buf-b64":"content"}},"execute":"{command}"}}"#);
        let (staging, sent) = run(Staging::default(), 128, late.as_bytes(), &[9]);
        assert_eq!((staging.pieces, staging.discarded), (1, 1), "{command}");
        assert!(sent.contains("CommandNotFound"), "{sent}");
    }
}

#[test]
fn a_name_that_leaves_no_room_is_an_overflow() {
    let name = "n".repeat(200);
    let request = json!({"execute": "write", "arguments": {name: 1, "buf-b64": "content"}}).to_string();
    let (staging, sent) = run(Staging::default(), 100, request.as_bytes(), &[9]);
    assert!(staging.ran.is_empty());
    assert!(sent.contains("JSON token size limit exceeded"), "{sent}");
    assert_eq!(staging.discarded, usize::from(staging.pieces > 0));
}

#[test]
fn an_upload_of_48_kib_through_256_bytes() {
    let content: Vec<u8> = (0..48 << 10).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digits: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
    let request = json!({"execute": "write", "arguments": {"handle": 1, "buf-b64": digits}, "id": 9}).to_string();
    let (staging, sent) = run(Staging::default(), 256, request.as_bytes(), &[1460]);
    assert_eq!(staging.ran[0][0].1, digits.as_bytes());
    assert_eq!(serde_json::from_str::<Value>(&sent).expect("JSON"), json!({"return": {}, "id": 9}));
}
