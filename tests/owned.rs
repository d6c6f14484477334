//! Strings, bytes and arrays of a fixed capacity: what fits is read as serde_json reads it, what does not is an error
//! that names the argument.

mod exchange;

use guestwire::client::Execute;
use guestwire::commands::{NetworkInterface, Parse, Schema};
use guestwire::json::{DoesNotFit, ObjectEncoder};
use guestwire::message::{Argument, ArgumentError, Arguments};
use guestwire::{Agent, Call, Client, Command, CommandResult, Guest, Reply};
use heapless::{String, Vec};

#[derive(Debug, Default)]
struct Board {
    name: String<8>,
    content: Vec<u8, 6>,
    names: Vec<String<4>, 3>,
    numbers: Vec<i64, 3>,
}

fn keep(board: &mut Board, call: Call<'_>) -> CommandResult {
    let kept = Board {
        name: call.arguments.parse("name")?,
        content: call.arguments.parse("content")?,
        names: call.arguments.parse("names")?,
        numbers: call.arguments.parse::<Option<_>>("numbers")?.unwrap_or_default(),
    };
    let response = call.respond()?;
    *board = kept;
    response.done()
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("keep", keep)];
}

fn answer(agent: &mut Agent<Board, 512, 512>, arguments: &str) -> std::string::String {
    let request = format!("{{\"execute\":\"keep\",\"arguments\":{arguments}}}");
    std::string::String::from_utf8(exchange::exchange(agent, request.as_bytes())).unwrap()
}

#[test]
fn what_fits_is_kept_after_the_frame_has_gone() {
    let mut agent = Agent::new(Board::default());
    let arguments =
        r#"{"name":"t\u00f6\t\ud83d\ude00","content":"aGVs\nbG8h","names":["a","","\u20ac"],"numbers":[1,-2,3]}"#;
    assert_eq!(answer(&mut agent, arguments), "{\"return\": {}}\n");
    exchange::exchange(&mut agent, &b"{\"execute\":\"guest-info\"}".repeat(9));
    let due: serde_json::Value = serde_json::from_str(arguments).unwrap();
    let board = agent.guest();
    assert_eq!(due["name"], *board.name.as_str());
    assert_eq!(board.content, b"hello!");
    assert!(due["names"].as_array().unwrap().iter().eq(board.names.iter().map(|name| name.as_str())));
    assert_eq!(board.numbers, [1, -2, 3]);
}

#[test]
fn what_does_not_fit_is_an_error_that_names_it() {
    let whole = |member: &str, value: &str| {
        let mut arguments = serde_json::json!({"name": "", "content": "", "names": [], "numbers": []});
        arguments[member] = serde_json::from_str(value).unwrap();
        arguments.to_string()
    };
    for (member, value, due) in [
        ("name", r#""12345678""#, None),
        ("name", r#""123456789""#, Some("Parameter 'name' expects a shorter string")),
        ("name", r#""1234567é""#, Some("Parameter 'name' expects a shorter string")),
        ("name", "7", Some("Invalid parameter type for 'name', expected: string")),
        ("content", r#""MTIzNDU2""#, None),
        ("content", r#""MTIzNDU2Nw==""#, Some("Parameter 'content' expects fewer bytes")),
        ("content", r#""MTIzNDU2N""#, Some("Parameter 'content' expects base64")),
        ("names", r#"["a", "b", "c"]"#, None),
        ("names", r#"["a", "b", "c", "d"]"#, Some("Parameter 'names' expects fewer elements")),
        ("names", r#"["a", "bcdef"]"#, Some("Parameter 'names[1]' expects a shorter string")),
        ("names", r#""a""#, Some("Invalid parameter type for 'names', expected: array")),
        ("numbers", "[1, 2, 3, 4]", Some("Parameter 'numbers' expects fewer elements")),
        ("numbers", "[1, true]", Some("Invalid parameter type for 'numbers[1]', expected: integer")),
    ] {
        let mut agent = Agent::new(Board::default());
        let due = due.map_or("{\"return\": {}}\n".into(), |text| exchange::error("GenericError", text));
        assert_eq!(answer(&mut agent, &whole(member, value)), due, "{member}: {value}");
        if due.contains("error") {
            assert!(agent.guest().name.is_empty() && agent.guest().names.is_empty(), "nothing is kept of it");
        }
    }
}

/// The host end: interfaces by name, whatever else a reply says of them.
#[test]
fn a_client_keeps_what_a_command_returned() {
    struct Name(String<16>);

    impl<'a> Parse<'a> for Name {
        fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>> {
            let interface = NetworkInterface::parse(argument)?;
            let mut name = String::new();
            core::fmt::Write::write_fmt(&mut name, format_args!("{}", interface.name))
                .map_err(|_| argument.range_error("a shorter name"))?;
            Ok(Self(name))
        }
    }

    struct Names;

    impl<'a> Schema<'a> for Names {
        const NAME: &'static str = "guest-network-get-interfaces";
        const EXECUTE: Execute<'static> = Execute::new(Self::NAME);
        type Return = Vec<Name, 4>;

        fn read(_: &mut Arguments<'a>) -> Result<Self, ArgumentError<'a>> {
            Ok(Self)
        }

        fn write(self, _: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit> {
            Ok(())
        }
    }

    let mut client: Client<1024, 128> = Client::new();
    client.synchronize(7);
    client.push_slice(b"\xFF{\"return\": 7}").1.unwrap();
    client.request(Names).unwrap();
    client.transmitted(usize::MAX);
    let received =
        br#"{"return": [{"name": "lo"}, {"name": "eth0", "hardware-address": "02:00:00:00:00:01"}], "id": 8}"#;
    let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(received) else { panic!("it was answered") };
    let names = Names::returned(value).unwrap();
    assert!(names.iter().map(|name| name.0.as_str()).eq(["lo", "eth0"]));
}
