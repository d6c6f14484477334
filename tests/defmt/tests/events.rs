//! The feature `defmt` on the host: it links, everything public has a format, and what happens is logged.

use guestwire::{
    Agent, Client, Command, Decoder, Encoder, Event, Execute, Guest, PollError, Request, Response, guest_info_size,
};
use guestwire_defmt_tests::events;

struct Board;

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("long", |_, call| call.respond()?.string(&"x".repeat(4096))),
        Command::new("disabled", |_, call| call.respond()?.done()),
    ];

    fn is_disabled(&self, command: &str) -> bool {
        command == "disabled"
    }
}

/// How many events a piece of the wire causes.
fn events_of(bytes: &[u8]) -> usize {
    let mut agent: Agent<Board, 80, { guest_info_size::<Board>() }> = Agent::new(Board);
    let before = events();
    agent.push_slice(&mut &bytes[..]).unwrap();
    events() - before
}

#[test]
fn what_happens_to_an_agent_is_logged() {
    let quiet = events_of(b" \n");
    assert_eq!(quiet, 0);
    let command = events_of(br#"{"execute": "guest-ping"}"#);
    assert_eq!(command, 1, "the command");
    assert_eq!(events_of(br#"{"execute": "guest-sync-delimited", "arguments": {"id": 1}}"#), 1);
    assert_eq!(events_of(b"#"), 1, "noise");
    assert_eq!(events_of(b"{@"), 1, "a broken frame");
    assert_eq!(events_of(format!("[\"{}\"]", "x".repeat(99)).as_bytes()), 1, "overflow");
    assert_eq!(events_of(br#"{"execute": "disabled"}"#), 1, "a disabled command");
    assert_eq!(events_of(br#"{"execute": "long"}"#), 2, "the command, and that its response does not fit");
}

#[test]
fn what_happens_to_a_client_is_logged() {
    let mut client: Client<64, 128> = Client::new();
    let before = events();
    client.synchronize(7);
    client.push_slice(&mut &b"\xFF{\"return\": 7}"[..]).unwrap();
    assert_eq!(events() - before, 1, "in step");
    client.push(b'#').unwrap_err();
    assert_eq!(events() - before, 2, "out of step");
}

/// The compiler says whether each has a format.
#[test]
fn everything_public_has_a_format() {
    fn shown(value: impl defmt::Format) {
        let before = events();
        defmt::info!("{}", value);
        assert_eq!(events() - before, 1);
    }
    let mut decoder: Decoder<256> = Decoder::new();
    shown(&decoder);
    let mut bytes: &[u8] = br#"{"execute": "x", "arguments": {"a": [1, "b"]}, "id": null}"#;
    let Ok(Some(Event::Frame(frame))) = decoder.push_slice(&mut bytes) else { panic!("a frame was sent") };
    shown(Event::Frame(frame));
    shown(frame.value().kind());
    shown(frame.value().members());
    let mut request = Request::parse(&frame).unwrap();
    shown(request.command.chars());
    shown(request.arguments.get("a").unwrap().unwrap());
    shown(request.arguments.integer("a").unwrap_err());
    shown(request);
    shown(Response::parse(&frame));
    shown(decoder.push(b'}').unwrap_err());
    let mut buffer = [0; 64];
    let mut encoder = Encoder::new(&mut buffer);
    let written = encoder.value().object(|object| {
        shown(&*object);
        Ok(())
    });
    shown(written.map_err(|_| ()));
    shown(encoder);
    shown(Execute::new("guest-ping"));
    shown(PollError::<(), ()>::Port(()));
    shown(guestwire::IoError::<()>::Ended);
    shown(Agent::<Board, 80, 1024>::new(Board));
    let mut client: Client<64, 128> = Client::new();
    shown(client.execute("guest-ping").unwrap_err());
    shown(client);
    shown(Board::COMMANDS);
    let commands = guestwire::commands::SetVcpus { vcpus: guestwire::commands::List::of(&|_| Ok(())) };
    shown(commands);
    shown(guestwire::commands::HostName { host_name: "toaster".into() });
    shown(guestwire::commands::Bytes::Plain(b"x").decoded().map(drop));
}
