//! Strings in pieces: whatever the buffer's size and however the bytes arrive, the pieces make up the string.

mod random;

use core::convert::Infallible;

use guestwire::agent::{AgentLent, Handler};
use guestwire::client::Execute;
use guestwire::frame::Piece;
use guestwire::{Agent, Call, Client, Command, CommandError, CommandResult, Guest, Reply};
use random::Random;
use serde_json::{Value, json};

/// What a guest has seen of the strings that it takes in pieces.
#[derive(Default)]
struct Staging<const DEFERS: bool = false> {
    /// Each string that is whole or begun, with the member's name.
    strings: Vec<(String, Vec<u8>)>,
    longest: usize,
    pieces: usize,
    ran: Vec<Vec<(String, Vec<u8>)>>,
    discarded: usize,
    frozen: bool,
    /// How often the next piece is not taken.
    blocks: usize,
    /// How often `write-later` has no answer yet.
    owes: usize,
    cancelled: usize,
    /// All that it was told, in order.
    heard: Vec<String>,
}

impl<const DEFERS: bool> Guest for Staging<DEFERS> {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("write", write),
        Command::new("write-both", |staging: &mut Self, call| {
            call.arguments.streamed("a")?;
            call.arguments.optional_streamed("b")?;
            commit(staging, call)
        }),
        Command::new("write-frozen", write).allowed_when_frozen(),
        Command::new("refused", |_, call| call.respond()?.done()),
        Command::new("write-later", |staging: &mut Self, call| {
            call.arguments.streamed("buf-b64")?;
            call.arguments.optional_integer("handle")?;
            if staging.owes > 0 {
                staging.owes -= 1;
                return Err(CommandError::WouldBlock);
            }
            commit(staging, call)
        }),
    ];
    const STREAMED: &'static [&'static str] = &["a", "b", "buf-b64", LONG_NAME];
    const DEFERS: bool = DEFERS;

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        if self.blocks > 0 {
            self.blocks -= 1;
            return Err(nb::Error::WouldBlock);
        }
        self.heard.push(format!("{piece:?}"));
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
        assert!(!self.strings.is_empty(), "there is something to discard");
        self.strings.clear();
        self.discarded += 1;
        self.heard.push("discarded".into());
    }

    fn cancelled(&mut self) {
        self.cancelled += 1;
    }

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        command == "refused"
    }
}

const LONG_NAME: &str = match core::str::from_utf8(&[b'n'; 200]) {
    Ok(name) => name,
    Err(_) => "",
};

fn write<const DEFERS: bool>(staging: &mut Staging<DEFERS>, call: Call<'_>) -> CommandResult {
    call.arguments.streamed("buf-b64")?;
    call.arguments.optional_integer("handle")?;
    commit(staging, call)
}

fn commit<const DEFERS: bool>(staging: &mut Staging<DEFERS>, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    staging.heard.push("ran".into());
    staging.ran.push(core::mem::take(&mut staging.strings));
    response.done()
}

/// Pushes some bytes in chunks of those sizes, over and over, and returns the guest and what it sent.
fn run(staging: Staging, receive: usize, bytes: &[u8], chunks: &[usize]) -> (Staging, String) {
    let (mut receive, mut transmit) = (vec![0; receive], [0; 1024]);
    let mut agent = AgentLent::new(staging, &mut receive, &mut transmit).expect("the buffers are large enough");
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
    assert!(sent.contains("the command is not allowed"), "{sent}");
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
fn a_command_that_is_allowed_when_frozen_gets_its_pieces() {
    let frozen = || Staging { frozen: true, ..Staging::default() };
    let request = br#"{"execute":"write-frozen","arguments":{"buf-b64":"content"}}"#;
    let (staging, sent) = run(frozen(), 128, request, &[9]);
    assert_eq!(sent, "{\"return\": {}}\n");
    assert_eq!(staging.ran, [[("buf-b64".into(), b"content".to_vec())]]);
    // Where the name comes last nobody knows that it is allowed, and the agent's own commands want no pieces.
    for request in [
        br#"{"arguments":{"buf-b64":"content"},"execute":"write-frozen"}"#.as_slice(),
        br#"{"execute":"guest-ping","arguments":{"buf-b64":"content"}}"#,
    ] {
        let (staging, sent) = run(frozen(), 128, request, &[9]);
        assert!(sent.contains("The command was cancelled"), "{sent}");
        assert_eq!((staging.pieces, staging.discarded, staging.ran.len()), (0, 0, 0));
    }
}

#[test]
fn a_catch_all_whose_pieces_were_refused_while_frozen_says_that_it_is_frozen() {
    struct Proxy;

    impl Guest for Proxy {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[];
        const CATCH_ALL: Option<Handler<Self>> = Some(|_, _| panic!("it is frozen"));
        const STREAMED: &'static [&'static str] = &["buf-b64"];

        fn is_frozen(&self) -> bool {
            true
        }

        fn piece(&mut self, _: Piece<'_>) -> nb::Result<(), Infallible> {
            panic!("it is frozen")
        }
    }

    for request in [
        br#"{"execute":"other","arguments":{"buf-b64":"content"}}"#.as_slice(),
        br#"{"arguments":{"buf-b64":"content"},"execute":"other"}"#,
    ] {
        let mut agent: Agent<Proxy, 128, 512> = Agent::new(Proxy);
        assert_eq!(agent.push_slice(request), request.len());
        let sent = String::from_utf8_lossy(agent.transmit());
        assert!(sent.contains("Command other has been disabled: the command is not allowed"), "{sent}");
    }
}

#[test]
fn a_string_comes_whole_or_what_is_before_it_leaves_no_room() {
    let whole = [[("buf-b64".to_owned(), b"content".to_vec())]];
    let mut fits = Vec::new();
    for length in 0..80 {
        let id = "i".repeat(length);
        let request = format!(r#"{{"id":"{id}","execute":"write","arguments":{{"buf-b64":"content"}}}}"#);
        let by_slice = run(Staging::default(), 100, request.as_bytes(), &[9]);
        for (staging, sent) in [run(Staging::default(), 100, request.as_bytes(), &[0]), by_slice] {
            let overflows = sent.contains("JSON token size limit exceeded");
            assert!(if overflows { staging.ran.is_empty() } else { staging.ran == whole }, "{length}: {sent}");
            assert!(staging.strings.is_empty());
            fits.push(!overflows);
        }
    }
    assert!(fits.is_sorted_by(|one, other| one >= other), "{fits:?}");
    assert!(fits[0] && !fits[fits.len() - 1]);
}

/// Its guest gets no pieces, and would take it for empty.
#[test]
fn a_string_that_is_not_among_those_streamed_is_an_error() {
    struct Forgetful;
    impl Guest for Forgetful {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("write", |_, call| {
            call.arguments.streamed("buf-b64")?;
            call.respond()?.done()
        })];
    }
    let mut agent: Agent<Forgetful, 128, 512> = Agent::new(Forgetful);
    for (content, due) in [
        ("content", r#"{"error": {"class": "GenericError", "desc": "Invalid parameter 'buf-b64'"}}"#),
        ("", r#"{"return": {}}"#),
    ] {
        let request = json!({"execute": "write", "arguments": {"buf-b64": content}}).to_string();
        assert_eq!(agent.push_slice(request.as_bytes()), request.len());
        assert_eq!(String::from_utf8_lossy(agent.transmit()).trim_end(), due);
        agent.transmitted(usize::MAX);
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

/// Where `RX` is 74, each piece of its string has 30 bytes.
const REQUEST: &[u8] = br#"{"execute":"write","arguments":{"buf-b64":"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmn","handle":1},"id":1}"#;
const CONTENT: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmn";

/// Pushes all that is taken, and returns what is sent.
fn push<const DEFERS: bool>(agent: &mut AgentLent<'_, Staging<DEFERS>>, bytes: &[u8]) -> String {
    let mut sent = Vec::new();
    let mut rest = bytes;
    loop {
        let taken = agent.push_slice(rest);
        rest = &rest[taken..];
        let transmitted = agent.transmit().len();
        sent.extend(agent.transmit());
        agent.transmitted(usize::MAX);
        if taken == 0 && transmitted == 0 {
            return String::from_utf8(sent).expect("UTF-8");
        }
    }
}

/// What ends a frame before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Lost,
    Corrupted,
    Reset,
    Sentinel,
    Break,
}

const ENDS: [End; 5] = [End::Lost, End::Corrupted, End::Reset, End::Sentinel, End::Break];

fn end<const DEFERS: bool>(agent: &mut AgentLent<'_, Staging<DEFERS>>, end: End) -> String {
    match end {
        End::Lost => agent.lost(),
        End::Corrupted => agent.corrupted(),
        End::Reset => agent.reset(),
        End::Sentinel => return push(agent, b"\xFF"),
        End::Break => return push(agent, b"\x01"),
    }
    push(agent, b"")
}

#[test]
fn whatever_ends_a_frame_discards_it_once_and_the_next_one_is_served() {
    for (how, cut) in ENDS.iter().flat_map(|how| (1..REQUEST.len()).map(move |cut| (*how, cut))) {
        let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
        let mut agent = AgentLent::new(Staging::<false>::default(), &mut receive, &mut transmit).unwrap();
        assert_eq!(push(&mut agent, &REQUEST[..cut]), "");
        let pieces = agent.guest().pieces;
        let sent = end(&mut agent, how);
        assert_eq!(sent.is_empty(), matches!(how, End::Reset | End::Sentinel), "{how:?} after {cut}: {sent}");
        assert_eq!(agent.guest().discarded, usize::from(pieces > 0), "{how:?} after {cut}");
        assert_eq!(push(&mut agent, b"\xFF"), "");
        assert_eq!(push(&mut agent, REQUEST), "{\"return\": {}, \"id\": 1}\n", "{how:?} after {cut}");
        let staging = agent.guest();
        assert_eq!((staging.discarded, staging.ran.len()), (usize::from(pieces > 0), 1), "{how:?} after {cut}");
        assert_eq!(staging.ran[0], [("buf-b64".into(), CONTENT.to_vec())], "{how:?} after {cut}");
    }
}

#[test]
fn pieces_come_while_a_response_is_sent_and_the_command_runs_after_it() {
    let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
    let mut agent = AgentLent::new(Staging::<false>::default(), &mut receive, &mut transmit).unwrap();
    let ping = br#"{"execute":"guest-ping"}"#;
    assert_eq!(agent.push_slice(ping), ping.len());
    agent.transmitted(1);
    assert_eq!(agent.push_slice(REQUEST), REQUEST.len());
    assert!(agent.guest().pieces > 2 && agent.guest().ran.is_empty());
    // What is wrong or lost now concerns what follows. The first is noise, which is answered.
    agent.corrupted();
    agent.lost();
    assert_eq!(agent.guest().discarded, 0);
    agent.transmitted(usize::MAX);
    assert_eq!((agent.guest().discarded, agent.guest().ran.len()), (0, 1));
    assert_eq!(agent.transmit(), b"{\"return\": {}, \"id\": 1}\n");
}

#[test]
fn a_piece_that_would_block_is_given_again_and_no_byte_is_taken_before() {
    let mut heard = Vec::new();
    for blocks in 0..3 {
        let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
        let mut agent = AgentLent::new(Staging::<true>::default(), &mut receive, &mut transmit).unwrap();
        let mut sent = String::new();
        for byte in REQUEST {
            agent.guest_mut().blocks = blocks;
            assert!(agent.push(*byte));
            for left in (0..blocks).rev() {
                if agent.owes() {
                    assert!(!agent.push(b'}') && agent.transmit().is_empty() && agent.guest().blocks == left);
                    agent.transmitted(usize::MAX);
                    assert_eq!(agent.guest().blocks, left, "it is not asked");
                    agent.retry();
                }
            }
            assert!(!agent.owes());
            sent += &push(&mut agent, b"");
        }
        assert_eq!(sent, "{\"return\": {}, \"id\": 1}\n");
        assert_eq!((agent.guest().discarded, agent.guest().cancelled), (0, 0));
        heard.push(agent.guest().heard.clone());
    }
    assert!(heard[0].len() > 3 && heard.iter().all(|one| *one == heard[0]));
}

#[test]
fn a_piece_that_would_block_while_a_response_is_sent_is_given_again_after_it() {
    let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
    let mut agent = AgentLent::new(Staging::<true>::default(), &mut receive, &mut transmit).unwrap();
    let ping = br#"{"execute":"guest-ping"}"#;
    assert_eq!(agent.push_slice(ping), ping.len());
    agent.guest_mut().blocks = 2;
    let taken = agent.push_slice(REQUEST);
    assert!(taken < REQUEST.len() && agent.guest().pieces == 0 && !agent.owes());
    agent.transmitted(usize::MAX);
    assert!(agent.owes() && agent.guest().blocks == 0);
    agent.retry();
    assert!(!agent.owes() && agent.guest().pieces == 1);
    assert_eq!(push(&mut agent, &REQUEST[taken..]), "{\"return\": {}, \"id\": 1}\n");
}

/// The frame is at its first, its second or its last piece.
#[test]
fn a_piece_that_is_owed_ends_with_its_frame() {
    let mut pieces_before = Vec::new();
    for (how, after) in ENDS
        .iter()
        .filter(|how| !matches!(how, End::Sentinel | End::Break))
        .flat_map(|how| [0, 1, 2].map(|after| (*how, after)))
    {
        let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
        let mut agent = AgentLent::new(Staging::<true>::default(), &mut receive, &mut transmit).unwrap();
        let mut rest = REQUEST;
        while !agent.owes() {
            agent.guest_mut().blocks = usize::from(agent.guest().pieces == after);
            rest = &rest[agent.push_slice(&rest[..1])..];
        }
        let sent = end(&mut agent, how);
        assert_eq!(sent.is_empty(), how == End::Reset, "{how:?}: {sent}");
        assert!(!agent.owes());
        let staging = agent.guest();
        assert_eq!((staging.pieces, staging.discarded), (after, after.min(1)), "{how:?}");
        assert_eq!(staging.cancelled, 0, "no command owes an answer");
        pieces_before.push(staging.pieces);
        agent.guest_mut().blocks = 0;
        assert_eq!(push(&mut agent, &[b"\xFF", REQUEST].concat()), "{\"return\": {}, \"id\": 1}\n");
        assert_eq!(agent.guest().ran, [[("buf-b64".into(), CONTENT.to_vec())]]);
    }
}

#[test]
fn a_piece_that_is_cancelled_is_answered_with_an_error_when_the_request_is_whole() {
    for after in 0..3 {
        let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
        let mut agent = AgentLent::new(Staging::<true>::default(), &mut receive, &mut transmit).unwrap();
        agent.cancel();
        let mut rest = REQUEST;
        while !agent.owes() {
            agent.guest_mut().blocks = usize::from(agent.guest().pieces == after);
            rest = &rest[agent.push_slice(&rest[..1])..];
        }
        agent.cancel();
        assert!(!agent.owes() && agent.transmit().is_empty());
        assert_eq!(agent.guest().discarded, after.min(1));
        let sent = push(&mut agent, rest);
        assert!(sent.contains("The command was cancelled") && sent.contains("\"id\": 1"), "{sent}");
        let staging = agent.guest();
        assert_eq!((staging.pieces, staging.discarded, staging.cancelled), (after, after.min(1), 0));
        assert!(staging.ran.is_empty());
        assert_eq!(push(&mut agent, REQUEST), "{\"return\": {}, \"id\": 1}\n");
    }
}

#[test]
fn a_command_that_owes_its_answer_keeps_its_pieces_until_then() {
    let request = core::str::from_utf8(REQUEST).expect("UTF-8").replace("write", "write-later");
    let owing = || Staging::<true> { owes: 3, ..Staging::default() };
    for how in [None, Some(End::Lost), Some(End::Corrupted), Some(End::Reset)] {
        for is_cancelled in [false, true] {
            let (mut receive, mut transmit) = ([0; 80], [0; 1024]);
            let mut agent = AgentLent::new(owing(), &mut receive, &mut transmit).unwrap();
            assert_eq!(push(&mut agent, request.as_bytes()), "");
            assert!(agent.owes() && agent.guest().pieces > 2);
            agent.retry();
            assert!(agent.owes() && agent.guest().discarded == 0);
            if let Some(how) = how {
                end(&mut agent, how);
            }
            let is_dropped = how == Some(End::Reset);
            assert_eq!(agent.owes(), !is_dropped);
            if is_cancelled {
                agent.cancel();
            }
            agent.retry();
            agent.retry();
            let staging = agent.guest();
            let is_run = !is_cancelled && !is_dropped;
            assert_eq!(staging.ran.len(), usize::from(is_run), "{how:?}");
            let given_up = usize::from(!is_run);
            assert_eq!((staging.discarded, staging.cancelled), (given_up, given_up), "{how:?}");
            assert!(!agent.owes() && agent.guest().strings.is_empty());
        }
    }
}

#[test]
fn a_guest_that_does_not_defer_and_would_block_refuses_the_request() {
    for after in 0..3 {
        let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
        let mut agent = AgentLent::new(Staging::<false>::default(), &mut receive, &mut transmit).unwrap();
        let mut sent = String::new();
        for byte in REQUEST {
            agent.guest_mut().blocks = usize::from(agent.guest().pieces == after);
            assert!(agent.push(*byte) && !agent.owes());
            sent += &push(&mut agent, b"");
        }
        assert!(sent.contains("The command was cancelled"), "{sent}");
        let staging = agent.guest();
        assert_eq!((staging.pieces, staging.discarded, staging.ran.len()), (after, after.min(1), 0));
    }
}

#[test]
fn what_is_no_string_gives_no_pieces_and_is_an_error() {
    for value in [json!(5), json!(null), json!(true), json!(["x"]), json!({"buf-b64": "x"}), json!([{"buf-b64": "x"}])]
    {
        let request = format!(r#"{{"execute":"write","arguments":{{"buf-b64":{value}}}}}"#);
        let (staging, sent) = run(Staging::default(), 128, request.as_bytes(), &[9]);
        assert_eq!((staging.pieces, staging.ran.len()), (0, 0), "{request}");
        assert!(sent.contains("Invalid parameter type for 'buf-b64', expected: string"), "{request}: {sent}");
    }
}

/// It is still in the request, and the command would lose it.
#[test]
fn a_string_that_was_not_handed_out_is_not_taken_for_one_that_was() {
    #[derive(Default)]
    struct Misled {
        ran: usize,
    }

    impl Misled {
        fn run(&mut self, call: Call<'_>) -> CommandResult {
            let response = call.respond()?;
            self.ran += 1;
            response.done()
        }
    }

    impl Guest for Misled {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[
            Command::new("other-name", |guest: &mut Self, call| {
                call.arguments.streamed("text")?;
                guest.run(call)
            }),
            Command::new("optional", |guest: &mut Self, call| {
                call.arguments.optional_streamed("text")?;
                guest.run(call)
            }),
            Command::new("inner", |guest: &mut Self, call| {
                call.arguments.object("text", |text| text.streamed("buf-b64"))?;
                guest.run(call)
            }),
        ];
        const STREAMED: &'static [&'static str] = &["buf-b64"];
    }

    let mut agent: Agent<Misled, 256, 1024> = Agent::new(Misled::default());
    for (command, text, place) in [
        ("other-name", r#""content""#, "text"),
        ("optional", r#""content""#, "text"),
        ("inner", r#"{"buf-b64":"content"}"#, "text.buf-b64"),
    ] {
        let request = format!(r#"{{"execute":"{command}","arguments":{{"text":{text}}}}}"#);
        assert_eq!(agent.push_slice(request.as_bytes()), request.len());
        let sent = String::from_utf8_lossy(agent.transmit()).into_owned();
        assert!(sent.contains(&format!("Invalid parameter '{place}'")), "{command}: {sent}");
        agent.transmitted(usize::MAX);
    }
    assert_eq!(agent.guest().ran, 0);
}

#[test]
fn a_command_that_returns_an_error_discards_its_pieces_once() {
    for (arguments, error) in [
        (r#""buf-b64":"one","buf-b64":"two""#, "duplicate key"),
        (r#""buf-b64":"one","handle":1,"buf-b64":"two""#, "duplicate key"),
        (r#""buf-b64":"one","buf-b64":2"#, "duplicate key"),
        (r#""buf-b64":"one","handle":"x""#, "Invalid parameter type for 'handle'"),
        (r#""a":"one""#, "Parameter 'buf-b64' is missing"),
        (r#""buf-b64":"one","a":"two""#, "Parameter 'a' is unexpected"),
    ] {
        let request = format!(r#"{{"execute":"write","arguments":{{{arguments}}}}}"#);
        let (staging, sent) = run(Staging::default(), 128, request.as_bytes(), &[9]);
        assert!(sent.contains(error), "{request}: {sent}");
        assert!(staging.ran.is_empty() && staging.strings.is_empty(), "{request}: {:?}", staging.strings);
        assert_eq!(staging.discarded, 1, "{request}");
    }
}

#[test]
fn a_request_that_is_not_one_discards_its_pieces_once() {
    let arguments = r#""arguments":{"buf-b64":"content"}"#;
    for (frame, is_answered) in [
        (format!(r#"{{"return":{{}},{arguments}}}"#), false),
        (format!(r#"{{{arguments},"error":{{}}}}"#), false),
        (format!(r#"{{"execute":"write",{arguments},"return":{{}}}}"#), true),
        (format!("{{{arguments}}}"), true),
        (format!(r#"{{"execute":5,{arguments}}}"#), true),
        (format!(r#"{{"execute":"write",{arguments},{arguments}}}"#), true),
        (format!(r#"{{"execute":"write",{arguments},"execute":"write"}}"#), true),
        (format!(r#"{{"execute":"write",{arguments},"x":1}}"#), true),
    ] {
        let (staging, sent) = run(Staging::default(), 256, frame.as_bytes(), &[9]);
        assert_eq!(sent.contains("error"), is_answered, "{frame}: {sent}");
        assert_eq!((staging.ran.len(), staging.discarded), (0, 1), "{frame}");
    }
}

#[test]
fn frozen_between_two_pieces_it_discards_them_and_does_not_run() {
    for (thawed_after, error) in [(usize::MAX, "the command is not allowed"), (110, "The command was cancelled")] {
        let (mut receive, mut transmit) = ([0; SMALLEST], [0; 1024]);
        let mut agent = AgentLent::new(Staging::<false>::default(), &mut receive, &mut transmit).unwrap();
        let mut sent = String::new();
        for (at, byte) in REQUEST.iter().enumerate() {
            agent.guest_mut().frozen = agent.guest().pieces > 0 && at < thawed_after;
            sent += &push(&mut agent, &[*byte]);
        }
        assert!(sent.contains(error), "{sent}");
        assert_eq!((agent.guest().pieces, agent.guest().discarded, agent.guest().ran.len()), (1, 1, 0));
    }
}

#[test]
fn an_id_with_a_member_of_that_name_comes_back_whole() {
    let id = json!({"buf-b64": "inner", "arguments": {"buf-b64": "x"}});
    for request in [
        format!(r#"{{"id":{id},"execute":"write","arguments":{{"buf-b64":"outer"}}}}"#),
        format!(r#"{{"execute":"write","arguments":{{"buf-b64":"outer"}},"id":{id}}}"#),
    ] {
        let (staging, sent) = run(Staging::default(), 128, request.as_bytes(), &[9]);
        assert_eq!(serde_json::from_str::<Value>(&sent).expect("JSON"), json!({"return": {}, "id": id}));
        assert_eq!(staging.ran, [[("buf-b64".into(), b"outer".to_vec())]]);
    }
}

#[test]
fn names_of_200_bytes() {
    let request = |content| format!(r#"{{"execute":"write-both","arguments":{{"{LONG_NAME}":"{content}","a":""}}}}"#);
    let (shortest, request) = (request("").len(), request(&"x".repeat(300)));
    for (receive, fits) in [(shortest - 1, false), (shortest, true), (400, true)] {
        let (staging, sent) = run(Staging::default(), receive, request.as_bytes(), &[90]);
        let error = if fits { "is unexpected" } else { "JSON token size limit exceeded" };
        assert!(sent.contains(error), "{receive}: {sent}");
        assert_eq!(staging.discarded, usize::from(staging.pieces > 0), "{receive}");
    }
    let other = "m".repeat(200);
    let request =
        format!(r#"{{"execute":"write-both","arguments":{{"a":"{0}","{other}":1,"b":"{0}"}}}}"#, "x".repeat(300));
    let (staging, sent) = run(Staging::default(), 300, request.as_bytes(), &[90]);
    assert!(sent.contains("is unexpected"), "{sent}");
    let lengths: Vec<_> = staging.heard.iter().map(|heard| heard.matches('x').count()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 600, "{lengths:?}");
}

/// I3: what becomes of a stream depends on its bytes and on what was called between which of them.
#[test]
fn pieces_do_not_depend_on_chunks_whatever_else_happens() {
    for seed in 0..1000 {
        let mut random = Random(seed);
        let receive = SMALLEST + random.below(60);
        let mut parts = Vec::new();
        for _ in 0..1 + random.below(5) {
            let content = escaped(&text(&mut random, 120), &mut random);
            let request =
                format!(r#"{{"execute":"write","arguments":{{"buf-b64":{content},"handle":1}}}}"#).into_bytes();
            let cut = if random.one_in(2) { request.len() } else { random.below(request.len()) };
            parts.push((request[..cut].to_vec(), random.pick(&ENDS)));
        }
        let play = |longest_chunk: usize| {
            let mut random = Random(seed);
            let (mut receive, mut transmit) = (vec![0; receive], [0; 1024]);
            let mut agent = AgentLent::new(Staging::<false>::default(), &mut receive, &mut transmit).unwrap();
            let mut sent = String::new();
            for (bytes, how) in &parts {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let chunk = 1 + random.below(rest.len().min(longest_chunk));
                    sent += &push(&mut agent, &rest[..chunk]);
                    rest = &rest[chunk..];
                }
                sent += &end(&mut agent, *how);
            }
            (agent.guest().heard.clone(), sent)
        };
        let by_byte = play(1);
        assert_eq!(play(usize::MAX), by_byte, "{seed}");
        assert_eq!(play(7), by_byte, "{seed}");
    }
}

type SmallClient = Client<64, 256>;

/// A client that has asked for pieces of `out-data`, and the response up to somewhere in it.
fn client_in_mid_response(response: &[u8]) -> (SmallClient, usize) {
    let mut client = SmallClient::new();
    client.synchronize(7);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
    client.execute(Execute::new("x").pieces(&["out-data"])).expect("in step");
    client.transmitted(usize::MAX);
    let (mut rest, mut pieces) = (response, 0);
    while !rest.is_empty() {
        let (taken, reply) = client.push_slice(rest);
        rest = &rest[taken..];
        match reply.expect("in step") {
            Some(Reply::Piece(_)) => pieces += 1,
            other => assert_eq!(other, None),
        }
    }
    (client, pieces)
}

#[test]
fn a_client_whose_response_ends_early_hears_one_error_and_then_only_what_it_asks_next() {
    let response = format!(r#"{{"return":{{"out-data":"{}","exited":true}},"id":8}}"#, "x".repeat(90)).into_bytes();
    for (how, cut) in ENDS.iter().flat_map(|how| (1..response.len()).map(move |cut| (*how, cut))) {
        let (mut client, _) = client_in_mid_response(&response[..cut]);
        match how {
            End::Lost => assert!(client.lost().is_err()),
            End::Corrupted => assert!(client.corrupted().is_err()),
            End::Reset => assert!(!client.reset()),
            End::Sentinel => assert!(client.push(0xFF).is_err()),
            End::Break => assert!(client.push(1).is_err()),
        }
        assert!(!client.is_ready());
        client.synchronize(9);
        client.transmitted(usize::MAX);
        // The answer to an earlier synchronization comes first.
        let bytes = [&response[cut..], b"\xFF{\"return\": 5}\n\xFF{\"return\": 9}"].concat();
        let (taken, reply) = client.push_slice(&bytes);
        assert_eq!((taken, reply), (bytes.len(), Ok(Some(Reply::Synchronized))), "{how:?} after {cut}");
        client.execute("x").expect("in step");
        client.transmitted(usize::MAX);
        let (_, reply) = client.push_slice(br#"{"return":{"out-data":"y"},"id":10}"#);
        assert!(
            matches!(reply, Ok(Some(Reply::Return(value))) if value.as_bytes() == br#"{"out-data":"y"}"#),
            "{how:?} after {cut}"
        );
        // What it asks in pieces does not go on where the other string broke off.
        client.execute(Execute::new("x").pieces(&["out-data"])).expect("in step");
        client.transmitted(usize::MAX);
        let bytes = br#"{"return":{"out-data":"z"},"id":11}"#;
        let (taken, reply) = client.push_slice(bytes);
        assert!(
            matches!(reply, Ok(Some(Reply::Piece(piece))) if piece.content == b"z" && piece.is_first && piece.is_last),
            "{how:?} after {cut}"
        );
        let (_, reply) = client.push_slice(&bytes[taken..]);
        assert!(
            matches!(reply, Ok(Some(Reply::Return(value))) if value.as_bytes() == br#"{"out-data":""}"#),
            "{how:?} after {cut}"
        );
    }
}

#[test]
fn a_client_that_gives_up_in_mid_string_hears_no_more_of_it() {
    let response = format!(r#"{{"return":{{"out-data":"{}"#, "x".repeat(90)).into_bytes();
    for plain in [false, true] {
        let (mut client, pieces) = client_in_mid_response(&response);
        assert!(pieces > 1);
        match plain {
            true => client.synchronize_plain(9),
            false => client.synchronize(9),
        }
        client.transmitted(usize::MAX);
        let bytes = b"\n\xFF{\"return\": 5}\n\xFF{\"return\": 9}";
        assert_eq!(client.push_slice(bytes), (bytes.len(), Ok(Some(Reply::Synchronized))), "plain: {plain}");
    }
}

#[test]
fn a_client_that_was_reset_in_mid_string_hears_nothing_of_a_line_fault() {
    let response = format!(r#"{{"return":{{"out-data":"{}"#, "x".repeat(90)).into_bytes();
    for fault in [SmallClient::lost, SmallClient::corrupted] {
        let (mut client, pieces) = client_in_mid_response(&response);
        assert!(pieces > 1 && !client.reset());
        assert_eq!(fault(&mut client), Ok(()));
    }
}

#[test]
fn pieces_of_what_is_another_response_or_none_are_discarded_once() {
    let returned = format!(r#""return":{{"out-data":"{}"}}"#, "x".repeat(90));
    for frame in [
        format!(r#"{{{returned},"id":7}}"#),
        format!(r#"{{{returned},"id":"8"}}"#),
        format!(r#"{{{returned},"id":8,"execute":"x"}}"#),
        format!(r#"{{{returned},"id":8,"id":8}}"#),
        format!(r#"{{{returned},"error":{{}}}}"#),
    ] {
        let (mut client, _) = client_in_mid_response(&frame.as_bytes()[..frame.len() - 1]);
        assert_eq!(client.push(b'}'), Ok(Some(Reply::Discarded)), "{frame}");
        let (_, reply) = client.push_slice(br#"{"return":{},"id":8}"#);
        assert!(matches!(reply, Ok(Some(Reply::Return(_)))), "{frame}: {reply:?}");
    }
    let (mut client, _) = client_in_mid_response(&returned.as_bytes()[..0]);
    for byte in format!(r#"{{"x":1,{returned},"error":{{}},"id":8"#).bytes() {
        assert!(matches!(client.push(byte), Ok(None | Some(Reply::Piece(_)))));
    }
    assert!(matches!(client.push(b'}'), Ok(Some(Reply::Error(_)))), "libvirt's way, too");
}
