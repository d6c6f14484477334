//! The feature `defmt` on the host: it links, everything public has a format, and what happens is logged.

use guestwire::{
    Agent, Client, Command, Decoder, Event, Guest,
    agent::guest_info_size,
    client::Execute,
    io::LineError,
    json::Encoder,
    message::{Request, Response},
};
use guestwire_defmt_tests::logged;

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

/// What a piece of the wire makes an agent log.
fn logged_of(bytes: &[u8]) -> Vec<String> {
    let mut agent: Agent<Board, 80, { guest_info_size::<Board>() }> = Agent::new(Board);
    logged(|| assert_eq!(agent.push_slice(bytes), bytes.len()))
}

#[test]
fn what_happens_to_an_agent_is_logged() {
    assert_eq!(logged_of(b" \n"), [""; 0]);
    assert_eq!(logged_of(br#"{"execute": "guest-ping"}"#), ["TRACE guest-ping"]);
    let sync = br#"{"execute": "guest-sync-delimited", "arguments": {"id": 1}}"#;
    assert_eq!(logged_of(sync), ["TRACE guest-sync-delimited"]);
    assert_eq!(logged_of(b"#"), ["WARN Noise after 0 bytes"]);
    assert_eq!(logged_of(b"{\"a@\" @"), ["WARN Syntax after 5 bytes"]);
    assert_eq!(logged_of("[".repeat(65).as_bytes()), ["WARN TooDeep after 64 bytes"]);
    assert_eq!(logged_of(format!("[\"{}\"]", "x".repeat(99)).as_bytes()), ["WARN Overflow after 80 bytes"]);
    assert_eq!(logged_of(br#"{"execute": "disabled"}"#), ["DEBUG disabled is not to be run now"]);
    assert_eq!(logged_of(br#"{"execute": "long"}"#), ["TRACE long", "WARN response too long"]);
    // A command that is not there is the host's affair.
    assert_eq!(logged_of(br#"{"execute": "none"}"#), [""; 0]);
}

#[test]
fn bytes_that_an_agent_has_lost_are_logged() {
    let mut agent: Agent<Board, 80, { guest_info_size::<Board>() }> = Agent::new(Board);
    assert_eq!(agent.push_slice(b"{\"execute\""), 10);
    assert_eq!(logged(|| agent.lost()), ["WARN Lost after 10 bytes"]);
}

#[test]
fn what_happens_to_a_client_is_logged() {
    let mut client: Client<64, 128> = Client::new();
    client.synchronize(7);
    let synchronized = logged(|| assert!(client.push_slice(b"\xFF{\"return\": 7}").1.is_ok()));
    assert_eq!(synchronized, ["DEBUG in step"]);
    client.execute("guest-ping").unwrap();
    client.transmitted(usize::MAX);
    let too_long = format!("{{\"return\": \"{}\"}}", "x".repeat(64));
    assert_eq!(logged(|| assert!(client.push_slice(too_long.as_bytes()).1.is_err())), ["WARN response too long"]);
    assert_eq!(logged(|| assert!(client.push(b'#').is_err())), ["WARN out of step: Broken(Noise)"]);
    assert_eq!(logged(|| client.synchronize(8)), [""; 0]);
    client.push_slice(b"\xFF{\"return\": 8}").1.unwrap();
    assert_eq!(logged(|| assert!(client.push(0xFF).is_err())), ["WARN out of step: Unexpected"]);
}

/// What a value prints as, on a line with nothing else.
fn shown(value: impl defmt::Format) -> String {
    let lines = logged(|| defmt::info!("{}", value));
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    line.strip_prefix("INFO ").expect("its level").to_owned()
}

#[test]
fn values_print_as_they_came() {
    let mut decoder: Decoder<256> = Decoder::new();
    assert_eq!(shown(&decoder), "Decoder { open: b\"\" }");
    decoder.push_slice(b"{ \"a\": [\"\\n").1.unwrap();
    assert_eq!(shown(&decoder), r#"Decoder { open: b"{\"a\":[\"\\n" }"#);
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(b"\", 1.5, null]}") else { panic!("a frame was sent") };
    assert_eq!(shown(frame.value()), r#"b"{\"a\":[\"\\n\",1.5,null]}""#);
    let (name, value) = frame.value().members().unwrap().next().unwrap();
    assert_eq!(shown(name), "b\"a\"");
    let elements: Vec<_> = value.elements().unwrap().collect();
    assert_eq!(shown(elements[0].string().unwrap()), r#"b"\\n""#);
    assert_eq!(elements.iter().map(|element| shown(element.kind())).collect::<Vec<_>>(), ["String", "Number", "Null"]);
    assert_eq!(shown(&decoder), "Decoder { open: b\"\" }", "what is over is not shown");
}

#[test]
fn both_ends_print_what_is_still_to_go() {
    let mut agent: Agent<Board, 80, 1024> = Agent::new(Board);
    assert_eq!(shown(&agent), "Agent { transmit: b\"\" }");
    assert_eq!(agent.push_slice(br#"{"execute": "guest-ping"}"#), 25);
    agent.transmitted(1);
    assert_eq!(shown(&agent), r#"Agent { transmit: b"\"return\": {}}\n" }"#);
    let mut client: Client<64, 128> = Client::new();
    assert_eq!(shown(&client), "Client { state: OutOfStep, transmit: b\"\" }");
    client.synchronize(7);
    client.transmitted(client.transmit().len() - " 7}}\n".len());
    assert_eq!(shown(&client), r#"Client { state: AwaitSentinel { id: 7 }, transmit: b" 7}}\n" }"#);
    client.transmitted(usize::MAX);
    client.push_slice(b"\xFF{\"return\": 7}").1.unwrap();
    assert_eq!(shown(&client), "Client { state: Ready, transmit: b\"\" }");
}

#[test]
fn typed_values_print_what_they_mean() {
    use guestwire::commands::*;
    assert_eq!(shown(Str::from("\u{e9}t\u{e9}")), "\u{e9}t\u{e9}");
    let written = |text: &mut dyn std::fmt::Write| write!(text, "{}-{}", 1, 2);
    assert_eq!(shown(Str::from(&written)), "1-2");
    assert_eq!(
        shown(HostName { host_name: "toaster".into(), ..Default::default() }),
        "HostName { host_name: toaster, _more: .. }"
    );
    assert_eq!(
        shown(SetVcpus { vcpus: List::of(&|_| Ok(())), ..Default::default() }),
        "SetVcpus { vcpus: [..], _more: .. }"
    );
    assert_eq!(shown(Whence::End), "End");
    assert_eq!(shown(Whence::Unknown(-3)), "Unknown(-3)");
    assert_eq!(
        shown(FileRead { handle: 7, count: None, ..Default::default() }),
        "FileRead { handle: 7, count: None, _more: .. }"
    );
    assert_eq!(shown(Board::COMMANDS[0]), "Command(long)");
}

#[test]
fn errors_print_what_they_are() {
    assert_eq!(shown(guestwire::frame::FrameError::Overflow), "Overflow");
    assert_eq!(shown(LineError::<(), u8>::Port(5)), "Port(5)");
    assert_eq!(shown(guestwire::io::IoError::<u8>::Closed), "Closed");
    assert_eq!(shown(guestwire::client::ExecuteError::Waiting), "Waiting");
    assert_eq!(shown(guestwire::client::ClientError::Broken(guestwire::frame::FrameError::Lost)), "Broken(Lost)");
}

/// What has a format that is not derived.
#[test]
fn queues_arguments_and_kept_errors_print_what_they_hold() {
    let mut queue: heapless::spsc::Queue<_, 3> = heapless::spsc::Queue::new();
    let (producer, consumer) = queue.split();
    let mut producer = guestwire::io::RxProducer::new(producer);
    (0..3).for_each(|byte| producer.push(byte));
    assert_eq!(shown(producer), "RxProducer { length: 2, is_gap: true }");
    assert_eq!(shown(guestwire::io::RxConsumer::new(consumer)), "RxConsumer { length: 2 }");

    let mut decoder: Decoder<256> = Decoder::new();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(br#"{"execute": "x", "arguments": {"a": 1}}"#) else {
        panic!("a frame was sent")
    };
    let argument = shown(Request::parse(&frame).unwrap().arguments.get("a").unwrap().unwrap());
    assert!(argument.contains("others: Refused"), "{argument}");

    let refused = br#"{"error": {"class": "CommandNotFound", "desc": "no"}}"#;
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(refused) else { panic!("a frame was sent") };
    let Some(Response { outcome: Err(error), .. }) = Response::parse(&frame) else { panic!("it is an error") };
    assert_eq!(shown(error.into_owned::<32>()), "CommandNotFound: no");
}

/// The compiler says whether each has a format.
#[test]
fn everything_public_has_a_format() {
    let mut decoder: Decoder<256> = Decoder::new();
    shown(&decoder);
    let bytes = br#"{"execute": "x", "arguments": {"a": [1, "b"]}, "id": null}"#;
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(bytes) else { panic!("a frame was sent") };
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
    shown(LineError::<(), ()>::Port(()));
    shown(guestwire::io::IoError::<()>::Closed);
    shown(guestwire::io::Fault::Lost);
    shown(guestwire::io::Halves { reader: 1_u8, writer: 2_u8 });
    shown(guestwire::io::HalvesError::<u8, ()>::Reader(1));
    shown(guestwire::io::RxEntry::Byte(b'x'));
    let mut queue: heapless::spsc::Queue<_, 4> = heapless::spsc::Queue::new();
    let (producer, consumer) = queue.split();
    shown(guestwire::io::RxProducer::new(producer));
    shown(guestwire::io::RxConsumer::new(consumer));
    shown(Agent::<Board, 80, 1024>::new(Board));
    let mut client: Client<64, 128> = Client::new();
    shown(client.execute("guest-ping").unwrap_err());
    shown(client);
    shown(Board::COMMANDS);
    let commands =
        guestwire::commands::SetVcpus { vcpus: guestwire::commands::List::of(&|_| Ok(())), ..Default::default() };
    shown(commands);
    shown(guestwire::commands::HostName { host_name: "toaster".into(), ..Default::default() });
    shown(guestwire::commands::Bytes::Plain(b"x").decoded().map(drop));
}
