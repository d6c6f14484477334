//! The smallest and the largest sizes compile and work. The documentation tests at the end of `src/lib.rs` show that
//! sizes beyond them do not compile.

mod exchange;

use exchange::{error, exchange};
use guestwire::{Agent, Client, Command, Decoder, Event, Guest, Reply, agent::guest_info_size, frame::FrameError};

const LARGEST: usize = 65535;

#[test]
fn decoders_of_1_and_65535_bytes() {
    let mut smallest: Decoder<1> = Decoder::new();
    assert!(matches!(smallest.push_slice(b"7 ").1, Ok(Some(Event::Frame(frame))) if frame.as_bytes() == b"7"));
    assert_eq!(smallest.push_slice(b"77 ").1, Err(FrameError::Overflow));

    let mut largest: Box<Decoder<LARGEST>> = Box::default();
    let string = format!("\"{}\"", "x".repeat(LARGEST - 2));
    let (_, Ok(Some(Event::Frame(frame)))) = largest.push_slice(string.as_bytes()) else { panic!("it fits") };
    assert!(frame.as_bytes() == string.as_bytes());
    assert_eq!(largest.push_slice(format!("\"{}\"", "x".repeat(LARGEST - 1)).as_bytes()).1, Err(FrameError::Overflow));
    // No length wraps to a small one.
    assert_eq!(largest.push_slice(format!("\"{}\"", "x".repeat(LARGEST + 5)).as_bytes()).1, Err(FrameError::Overflow));
}

/// Where pointers have 64 bits, so have lengths: those of a frame over 64 KiB do not wrap either.
#[test]
#[cfg(target_pointer_width = "64")]
fn frames_of_more_than_64_kib() {
    const LARGE: usize = 3 * (LARGEST + 1);
    let mut decoder: Box<Decoder<LARGE>> = Box::default();
    for length in [LARGEST + 1, LARGEST + 2, LARGE - 2] {
        let string = format!("\"{}\"", "x".repeat(length));
        let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(string.as_bytes()) else { panic!("it fits") };
        assert!(frame.as_bytes() == string.as_bytes());
    }
    assert_eq!(decoder.push_slice(format!("\"{}\"", "x".repeat(LARGE - 1)).as_bytes()).1, Err(FrameError::Overflow));

    let mut agent: Box<Agent<(), LARGE, LARGE>> = Box::new(Agent::new(()));
    let id = "i".repeat(LARGE - 100);
    let answer = exchange(&mut *agent, format!("{{\"execute\":\"guest-ping\",\"id\":\"{id}\"}}").as_bytes());
    assert!(answer == format!("{{\"return\": {{}}, \"id\": \"{id}\"}}\n").as_bytes());
}

/// It takes the longest synchronization, and answers it.
#[test]
fn agents_of_74_and_65535_bytes() {
    const TX: usize = guest_info_size::<()>();
    let sync = b"{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":-9223372036854775808}}";
    let synchronized = b"\xFF{\"return\": -9223372036854775808}\n";
    assert_eq!(sync.len(), 74);
    assert_eq!(exchange(&mut Agent::<(), 74, TX>::new(()), sync), synchronized);
    let too_long = exchange(
        &mut Agent::<(), 74, TX>::new(()),
        b"{\"execute\":\"guest-ping\",\"id\":\"iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii\"}",
    );
    assert_eq!(String::from_utf8(too_long).unwrap(), error("GenericError", "JSON token size limit exceeded"));
    let info = exchange(&mut Agent::<(), 74, TX>::new(()), b"{\"execute\":\"guest-info\",\"id\":-9223372036854775808}");
    assert!(info.starts_with(b"{\"return\": ") && info.len() <= TX);

    let mut largest: Box<Agent<(), LARGEST, LARGEST>> = Box::new(Agent::new(()));
    let id = "i".repeat(LARGEST - "{\"execute\":\"guest-ping\",\"id\":\"\"}".len());
    let answer = exchange(&mut *largest, format!("{{\"execute\":\"guest-ping\",\"id\":\"{id}\"}}").as_bytes());
    assert!(answer == format!("{{\"return\": {{}}, \"id\": \"{id}\"}}\n").as_bytes());
}

/// Names that almost equal each other, or those of built-in commands.
#[test]
fn names_that_are_used_once() {
    struct Board;

    impl Guest for Board {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[
            Command::new("guest-a", |_, call| call.respond()?.integer(1)),
            Command::new("guest-b", |_, call| call.respond()?.integer(2)),
            Command::new("guest-ab", |_, call| call.respond()?.integer(3)),
            Command::new("guest-syn", |_, call| call.respond()?.integer(4)),
            Command::new("guest-syncs", |_, call| call.respond()?.integer(5)),
            Command::new("Guest-ping", |_, call| call.respond()?.integer(6)),
            Command::new("", |_, call| call.respond()?.integer(7)),
        ];
    }

    for (number, command) in (1..).zip(Board::COMMANDS) {
        let mut agent: Agent<Board, 128, { guest_info_size::<Board>() }> = Agent::new(Board);
        let answer = exchange(&mut agent, format!("{{\"execute\": \"{}\"}}", command.name()).as_bytes());
        assert_eq!(String::from_utf8(answer).unwrap(), format!("{{\"return\": {number}}}\n"), "{}", command.name());
    }
}

#[test]
fn the_smallest_client() {
    let mut client: Client<34, 75> = Client::new();
    client.synchronize(-1); // as long as a number can be
    assert!(client.transmit().starts_with(b"\xFF{\"execute\": \"guest-sync-delimited\""));
    assert_eq!(client.push_slice(b"\xFF{\"return\": 281474976710655}").1, Ok(Some(Reply::Synchronized)));
}
