//! Commands of a user's own, as types for both ends: the macros from outside the crate.

use std::fmt::Write;

use guestwire::commands::{Done, List, Schema, Str};
use guestwire::json::Encoder;
use guestwire::{Agent, Client, Command, Decoder, Event, Guest, Reply};

guestwire::command! {
    /// lights some LEDs.
    pub struct Light<'a> = "board-light" {
        leds: List<'a, Str<'a>> = "leds",
        colour: Option<Colour<'a>> = "colour",
    } -> Lights<'a>
}

guestwire::object! {
    /// The lights that are on.
    pub struct Lights<'a> {
        count: u64 = "count",
        colour: Colour<'a> = "colour",
    }
}

guestwire::choices! {
    /// What an LED shows.
    pub enum Colour<'a> { Green = "green", Red = "red" }
}

guestwire::choices! {
    enum Depth { Light = "light", Deep = "deep" }
}

guestwire::command! {
    struct Sleep = "board-sleep" { depth: Depth = "depth" } -> Done,
    no_success_response: true, allowed_when_frozen: true
}

guestwire::command! {
    struct Log = "board-log" {} -> Content<'a>, pieces: ["text"]
}

guestwire::object! {
    struct Content<'a> { text: Str<'a> = "text" }
}

#[derive(Default)]
struct Board {
    said: String,
    is_frozen: bool,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Light::command(|board, call| {
            let (Light { leds, colour }, response) = call.parse()?;
            board.said = leds.iter().map(|led| led.to_string()).collect();
            response.encode(Lights { count: leds.iter().count() as u64, colour: colour.unwrap_or_default() })
        }),
        Sleep::command(|board, call| {
            let (Sleep { depth }, response) = call.parse()?;
            board.said = depth.as_str().into();
            response.done()
        }),
        Log::command(|_, call| call.respond()?.object(|content| content.member("text").string("boot"))),
    ];

    fn is_frozen(&self) -> bool {
        self.is_frozen
    }
}

struct Line {
    client: Client<256, 256>,
    agent: Agent<Board, 256, 640>,
}

impl Line {
    fn new() -> Self {
        let mut line = Self { client: Client::new(), agent: Agent::new(Board::default()) };
        line.client.synchronize(7);
        assert_eq!(line.reply(), Some(Reply::Synchronized));
        line
    }

    fn reply(&mut self) -> Option<Reply<'_>> {
        assert_eq!(self.agent.push_slice(self.client.transmit()), self.client.transmit().len());
        self.client.transmitted(usize::MAX);
        let answer = self.agent.transmit().to_vec();
        self.agent.transmitted(usize::MAX);
        self.client.push_slice(&answer).1.unwrap()
    }
}

#[test]
fn a_client_asks_and_reads_with_the_types_of_the_agent() {
    let mut line = Line::new();
    let leds = List::of(&|leds| ["D1", "D2"].iter().try_for_each(|led| leds.element().string(led)));
    line.client.request(Light { leds, colour: Some(Colour::Red) }).unwrap();
    let Some(Reply::Return(value)) = line.reply() else { panic!("it is answered") };
    let lights = Light::returned(value).unwrap();
    assert_eq!((lights.count, lights.colour), (2, Colour::Red));
    assert_eq!(line.agent.guest().said, "D1D2");
}

#[test]
fn a_choice_that_a_client_does_not_know_is_kept_and_one_that_an_agent_does_not_know_is_refused() {
    let mut line = Line::new();
    line.client.execute("board-light").unwrap();
    line.client.transmitted(usize::MAX);
    let newer = br#"{"return": {"count": 1, "colour": "bl\u0075e", "level": 3}, "id": 8}"#;
    let (_, Ok(Some(Reply::Return(value)))) = line.client.push_slice(newer) else { panic!("it is answered") };
    let Colour::Other(colour) = Light::returned(value).unwrap().colour else { panic!("it is unknown") };
    assert!(colour == "blue");

    let mut agent: Agent<Board, 256, 640> = Agent::new(Board::default());
    let request = br#"{"execute": "board-light", "arguments": {"leds": [], "colour": "blue"}}"#;
    assert_eq!(agent.push_slice(request), request.len());
    let answer = String::from_utf8_lossy(agent.transmit());
    assert!(answer.contains("Parameter 'colour' does not accept value 'blue'"), "{answer}");
}

#[test]
fn a_silent_command_that_is_allowed_when_frozen_is_one_at_both_ends() {
    let mut line = Line::new();
    line.agent.guest_mut().is_frozen = true;
    line.client.request(Sleep { depth: Depth::Deep }).unwrap();
    assert_eq!(line.reply(), None);
    assert!(line.client.reset(), "silence is success");
    assert_eq!(line.agent.guest().said, "deep");
}

#[test]
fn a_long_string_of_an_own_command_comes_in_pieces() {
    let mut line = Line::new();
    line.client.request_in_pieces(Log {}).unwrap();
    let Some(Reply::Piece(piece)) = line.reply() else { panic!("it comes in pieces") };
    assert_eq!(piece.content, *b"boot");
}

/// With an escape what was received is not the string itself, and what a closure writes is nowhere.
#[test]
fn a_string_in_one_piece_is_lent_as_it_is() {
    assert_eq!(Str::from("boot").as_str(), Some("boot"));
    assert_eq!(Str::from(&|text: &mut dyn Write| text.write_str("boot")).as_str(), None);
    for (json, lent) in [(r#"{"text": "boot"}"#, Some("boot")), (r#"{"text": "b\u006fot"}"#, None)] {
        let mut decoder: Decoder<64> = Decoder::new();
        let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(json.as_bytes()) else {
            panic!("no frame: {json}")
        };
        let text = Str::from(frame.value().member("text").unwrap().string().unwrap());
        assert_eq!(text.as_str(), lent, "{json}");
        assert_eq!(text.to_string(), "boot", "{json}");
    }
}

/// A member that is not there is left out. Where something has to be, it is `null`.
#[test]
fn an_option_on_its_own_is_its_value_or_null() {
    for (option, json) in [(Some(7_i64), "7"), (None, "null")] {
        let mut buffer = [0; 8];
        let mut encoder = Encoder::new(&mut buffer);
        encoder.value().encode(option).unwrap();
        assert_eq!(str::from_utf8(encoder.as_bytes()), Ok(json));
    }
}

/// Whoever uses the macros may have other things of these names in scope.
mod shadowed {
    pub struct Result;
    pub struct Ok;
    pub struct Default;
    pub struct From;
    pub struct Encode;

    guestwire::command! {
        pub struct Blink<'a> = "board-blink" { pattern: Option<Pattern<'a>> = "pattern" } -> Blinked
    }

    guestwire::object! {
        pub struct Blinked { count: u64 = "count", depth: Depth = "depth" }
    }

    guestwire::choices! {
        pub enum Pattern<'a> { Slow = "slow", Fast = "fast" }
    }

    guestwire::choices! {
        pub enum Depth { Light = "light", Deep = "deep" }
    }
}

#[test]
fn the_macros_take_no_names_from_where_they_are_used() {
    let mut client: Client<256, 256> = Client::new();
    client.synchronize(7);
    client.transmitted(usize::MAX);
    client.push_slice(b"\xFF{\"return\": 7}").1.unwrap();
    client.request(shadowed::Blink { pattern: Some(shadowed::Pattern::Fast) }).unwrap();
    assert!(client.transmit().starts_with(br#"{"execute": "board-blink", "arguments": {"pattern": "fast"}"#));
    client.transmitted(usize::MAX);
    let answer = br#"{"return": {"depth": "deep", "count": 2}, "id": 8}"#;
    let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(answer) else { panic!("it is answered") };
    let blinked = shadowed::Blink::returned(value).unwrap();
    assert_eq!((blinked.count, blinked.depth), (2, shadowed::Depth::Deep));
    let _ = (shadowed::Result, shadowed::Ok, shadowed::Default, shadowed::From, shadowed::Encode);
}
