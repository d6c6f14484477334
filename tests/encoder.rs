//! Whatever a command or a caller does with an encoder, what is sent is JSON: all of it, or an error.

mod exchange;
mod random;

use exchange::{error, error_with_id, exchange};
use guestwire::commands::Str;
use guestwire::{
    Agent, Call, Client, Command, CommandError, CommandResult, Decoder, Event, Guest,
    agent::guest_info_size,
    client::ExecuteError,
    json::{ArrayEncoder, DoesNotFit, Encoder, ObjectEncoder, ValueEncoder},
};
use random::Random;
use serde_json::{Value, json};

const DOES_NOT_FIT: &str = "Response does not fit the transmit buffer";
const NO_VALUE: &str = "The command returns no value";

/// A guest whose one command returns what a closure writes.
struct Writes<W>(W);

impl<W: FnMut(ValueEncoder<'_>) -> Result<(), DoesNotFit> + 'static> Guest for Writes<W> {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("write", write)];
}

fn write<W>(guest: &mut Writes<W>, call: Call<'_>) -> CommandResult
where
    W: FnMut(ValueEncoder<'_>) -> Result<(), DoesNotFit>,
{
    call.respond()?.value(|place| guest.0(place))
}

/// What the agent answers, `id` 7, where a command returns what `write` writes.
fn response(write: impl FnMut(ValueEncoder<'_>) -> Result<(), DoesNotFit> + 'static) -> String {
    let mut agent: Agent<Writes<_>, 256, 512> = Agent::new(Writes(write));
    String::from_utf8(exchange(&mut agent, br#"{"execute": "write", "id": 7}"#)).unwrap()
}

fn refused(desc: &str) -> String {
    error_with_id("7", "GenericError", desc)
}

const LONG: &[u8] = &[b'x'; 2000];

fn long() -> &'static str {
    std::str::from_utf8(LONG).unwrap()
}

#[test]
fn a_value_that_is_not_written_leaves_invalid_json() {
    assert_eq!(response(|_| Ok(())), refused(NO_VALUE));
    assert_eq!(response(|_| Err(DoesNotFit)), refused(DOES_NOT_FIT));
    assert_eq!(response(|place| place.string(" ")), "{\"return\": \" \", \"id\": 7}\n");
}

#[test]
fn a_member_that_is_not_written_leaves_half_of_one() {
    let members = |object: &mut ObjectEncoder<'_>| {
        let _ = object.member("a");
        object.member("b").integer(1)?;
        let _ = object.member("c");
        Ok(())
    };
    assert_eq!(response(move |place| place.object(members)), "{\"return\": {\"b\": 1}, \"id\": 7}\n");
    let elements = |list: &mut ArrayEncoder<'_>| {
        let _ = list.element();
        list.element().integer(1)?;
        let _ = list.element();
        Ok(())
    };
    assert_eq!(response(move |place| place.array(elements)), "{\"return\": [1], \"id\": 7}\n");
}

#[test]
fn an_error_that_a_command_ignores_is_half_a_response() {
    let refused = refused(DOES_NOT_FIT);
    let ignored: [fn(ValueEncoder<'_>) -> Result<(), DoesNotFit>; 8] = [
        |place| {
            let _ = place.string(long());
            Ok(())
        },
        |place| {
            place.object(|object| {
                let _ = object.member("a").string(long());
                object.member("b").integer(1)
            })
        },
        |place| {
            place.object(|object| {
                let _ = object.member(long()).integer(1);
                Ok(())
            })
        },
        |place| {
            place.array(|list| {
                list.element().integer(1)?;
                let _ = list.element().array(|inner| inner.element().string(long()));
                list.element().integer(2)
            })
        },
        |place| {
            let _ = place.object(|object| object.member("a").object(|inner| inner.member("b").string(long())));
            Ok(())
        },
        |place| {
            place.array(|list| {
                let _ = list.element().text(|_| Err(std::fmt::Error));
                Ok(())
            })
        },
        |place| {
            place.array(|list| {
                let _ = list.element().object(|_| Err(DoesNotFit));
                Ok(())
            })
        },
        |place| {
            place.array(|list| {
                for _ in 0..600 {
                    let _ = list.element().integer(1);
                }
                Ok(())
            })
        },
    ];
    for (index, write) in ignored.into_iter().enumerate() {
        assert_eq!(response(write), refused, "{index}");
    }
}

#[test]
fn a_request_whose_arguments_do_not_fit_is_sent_in_part() {
    let mut client: Client<256, 128> = Client::new();
    client.synchronize(1);
    client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
    client.transmitted(usize::MAX);
    let ignored = client.execute_with("guest-exec", |arguments| {
        let _ = arguments.member("path").string(long());
        arguments.member("arg").array(|_| Ok(()))
    });
    assert_eq!((ignored, client.transmit()), (Err(ExecuteError::DoesNotFit), &b""[..]));
    client.execute_with("guest-exec", |arguments| arguments.member("path").string("/bin/true")).unwrap();
}

#[test]
fn what_is_written_after_something_that_did_not_fit_counts() {
    let mut buffer = [0; 8];
    let mut encoder = Encoder::new(&mut buffer);
    encoder.sentinel().unwrap();
    assert_eq!(encoder.value().string("too long"), Err(DoesNotFit));
    assert_eq!(encoder.value().null(), Err(DoesNotFit));
    assert_eq!(encoder.line_feed(), Err(DoesNotFit));
    assert_eq!(encoder.as_bytes(), b"");
    assert_eq!(encoder.into_bytes(), b"");
}

/// What random calls of an encoder should lead to.
struct Script {
    random: Random,
    /// Whether an error was seen, and then perhaps ignored.
    failed: bool,
}

impl Script {
    fn text(&mut self) -> String {
        let alphabet = ['a', ' ', '"', '\\', '\n', '\0', 'é', '😀', '}', ','];
        let most = if self.random.one_in(8) { 120 } else { 6 };
        (0..self.random.below(most)).map(|_| self.random.pick(&alphabet)).collect()
    }

    /// Writes something, or nothing, or fails. What should be there then is given back.
    fn value(&mut self, place: ValueEncoder<'_>, depth: usize) -> Result<Option<Value>, DoesNotFit> {
        let number = self.random.next() as i64;
        let text = self.text();
        let (written, due) = match self.random.below(if depth < 4 { 17 } else { 13 }) {
            0 => return Ok(None),
            1 => (place.null(), Value::Null),
            2 => (place.boolean(true), json!(true)),
            3 => (place.integer(number), json!(number)),
            4 => (place.unsigned(number as u64), json!(number as u64)),
            5 => (place.thousandths(7), serde_json::from_str("0.007").unwrap()),
            6 => (place.string(&text), json!(text)),
            7 => (place.display(&text), json!(text)),
            8 if self.random.one_in(4) => (place.text(|_| Err(std::fmt::Error)), Value::Null),
            8 => (place.text(|to| to.write_str(&text).and_then(|()| to.write_char('x'))), json!(text + "x")),
            9 => (received(|value| place.received(value)), json!([1, {"a": "b"}])),
            10 => (place.encode(Str::Plain(&text)), json!(text)),
            11 => (place.encode(None::<i64>), Value::Null),
            12 if self.random.one_in(4) => (place.array(|_| Err(DoesNotFit)), Value::Null),
            12 => (place.object(|_| Ok(())), json!({})),
            13 | 14 => {
                let mut elements = vec![];
                let written = place.array(|list| {
                    for _ in 0..self.random.below(5) {
                        let element = self.value(list.element(), depth + 1);
                        elements.extend(self.look_at(element)?);
                    }
                    Ok(())
                });
                (written, json!(elements))
            }
            _ => {
                let mut members = serde_json::Map::new();
                let written = place.object(|object| {
                    for number in 0..self.random.below(5) {
                        if self.random.one_in(6) {
                            let written = received_members(|value| object.received(value)).map(|()| None);
                            self.look_at(written)?;
                            members.insert("r".into(), json!([true]));
                            continue;
                        }
                        let name = format!("{number}{}", self.text());
                        let member = self.value(object.member(&name), depth + 1);
                        if let Some(member) = self.look_at(member)? {
                            members.insert(name, member);
                        }
                    }
                    Ok(())
                });
                (written, Value::Object(members))
            }
        };
        written.map(|()| Some(due))
    }

    /// Notes an error, and ignores it now and then.
    fn look_at(&mut self, written: Result<Option<Value>, DoesNotFit>) -> Result<Option<Value>, DoesNotFit> {
        self.failed |= written.is_err();
        if self.random.one_in(2) { Ok(written.unwrap_or(None)) } else { written }
    }
}

fn received<T>(read: impl FnOnce(guestwire::json::Value<'_>) -> T) -> T {
    let mut decoder: Decoder<64> = Decoder::new();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(b"[1, {\"a\": \"b\"}]") else { panic!("a frame") };
    read(frame.value())
}

fn received_members<T>(read: impl FnOnce(guestwire::json::Value<'_>) -> T) -> T {
    let mut decoder: Decoder<64> = Decoder::new();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(b"{\"r\": [true]}") else { panic!("a frame") };
    read(frame.value())
}

/// Runs the script of its number, and keeps what is due.
struct Scripted {
    seed: u64,
    due: Option<Result<Value, &'static str>>,
}

impl Guest for Scripted {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("script", |guest: &mut Self, call| {
        let mut script = Script { random: Random(guest.seed), failed: false };
        let mut outcome = Ok(None);
        let response = call.respond()?.value(|place| {
            outcome = script.value(place, 0);
            let outcome = script.look_at(outcome.clone());
            outcome.map(|_| ())
        });
        guest.due = Some(match outcome {
            _ if script.failed => Err(DOES_NOT_FIT),
            Ok(Some(value)) => Ok(value),
            _ => Err(NO_VALUE),
        });
        response
    })];
}

const LEAST: usize = guest_info_size::<Scripted>();

/// All that was asked for, or an error: with errors ignored, with values left out, in room that is too small.
#[test]
fn responses_are_json_whatever_is_ignored() {
    let mut agent: Agent<Scripted, 1024, LEAST> = Agent::new(Scripted { seed: 0, due: None });
    let (mut whole, mut cut, mut empty) = (0, 0, 0);
    for seed in 0..60_000_u64 {
        agent.guest_mut().seed = seed;
        let id = "i".repeat(LEAST / 4 * 3 + Random(seed).below(LEAST / 4));
        let request = format!("{{\"execute\": \"script\", \"id\": \"{id}\"}}");
        let bytes = exchange(&mut agent, request.as_bytes());
        let response: Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            panic!("{seed}: {error}: {}", bytes.escape_ascii());
        });
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_ascii() && text.ends_with("}\n") && text.matches('\n').count() == 1, "{seed}: {text}");
        match agent.guest_mut().due.take() {
            Some(Ok(due)) if response["error"].is_null() => {
                assert_eq!((&response["return"], &response["id"]), (&due, &json!(id)), "{seed}");
                whole += 1;
            }
            // The value fits, but the `id` after it does not.
            Some(Ok(_)) | None => assert_eq!(response["error"]["desc"], DOES_NOT_FIT, "{seed}"),
            Some(Err(due)) => {
                assert_eq!(response["error"]["desc"], due, "{seed}");
                *if due == NO_VALUE { &mut empty } else { &mut cut } += 1;
            }
        }
    }
    assert!(whole > 10_000 && cut > 2000 && empty > 1000, "{whole} whole, {cut} cut, {empty} empty");
}

/// The same for what a client asks.
#[test]
fn requests_are_json_whatever_is_ignored() {
    let (mut whole, mut cut) = (0, 0);
    for seed in 0..40_000_u64 {
        let mut client: Client<128, 160> = Client::new();
        client.synchronize(1);
        client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
        client.transmitted(usize::MAX);
        let mut script = Script { random: Random(seed), failed: false };
        let mut due = None;
        let asked = client.execute_with("a", |arguments| {
            let member = script.value(arguments.member("m"), 0);
            due = script.look_at(member)?;
            Ok(())
        });
        if script.failed {
            assert_eq!((asked, client.transmit()), (Err(ExecuteError::DoesNotFit), &b""[..]), "{seed}");
            cut += 1;
            continue;
        }
        if asked.is_ok() {
            let request: Value = serde_json::from_slice(client.transmit()).unwrap();
            assert_eq!(request["arguments"].get("m"), due.as_ref(), "{seed}");
            whole += 1;
        }
    }
    assert!(whole > 5000 && cut > 2000, "{whole} whole, {cut} cut");
}

/// A command whose success is silent says so when it fails, however it fails: silence is success to a host.
#[test]
fn an_error_of_a_command_without_success_response_is_lost() {
    struct Silent;

    macro_rules! silent {
        ($($name:literal $handler:expr,)*) => {&[$(Command::new($name, $handler).no_success_response(),)*]};
    }

    impl Guest for Silent {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = silent! {
            "done" |_, call| call.respond()?.done(),
            "value" |_, call| call.respond()?.integer(7),
            "argument" |_, call| { call.arguments.integer("n")?; call.respond()?.done() },
            "error" |_, call| call.respond()?.error("no"),
            "formatted" |_, call| call.respond()?.error(format_args!("no {}", "\u{e9}\n")),
            "failed" |_, _| Err(CommandError::Failed("no")),
            "failed-late" |_, call| { let _ = call.respond()?; Err(CommandError::Failed("no")) },
            "does-not-fit" |_, call| call.respond()?.string(long()),
            "ignored" |_, call| call.respond()?.array(|list| { let _ = list.element().string(long()); Ok(()) }),
            "nothing" |_, call| call.respond()?.value(|_| Ok(())),
        };
    }

    let ask = |request: &str| {
        let mut agent: Agent<Silent, 1024, { guest_info_size::<Silent>() }> = Agent::new(Silent);
        String::from_utf8(exchange(&mut agent, request.as_bytes())).unwrap()
    };
    for (command, arguments, desc) in [
        ("argument", "{}", "Parameter 'n' is missing"),
        ("argument", r#"{"n": "1"}"#, "Invalid parameter type for 'n', expected: integer"),
        ("argument", r#"{"n": 1, "m": 1}"#, "Parameter 'm' is unexpected"),
        ("done", r#"{"m": 1}"#, "Parameter 'm' is unexpected"),
        ("error", "{}", "no"),
        ("formatted", "{}", r"no \u00E9\n"),
        ("failed", "{}", "no"),
        ("failed-late", "{}", "no"),
        ("does-not-fit", "{}", DOES_NOT_FIT),
        ("ignored", "{}", DOES_NOT_FIT),
        ("nothing", "{}", NO_VALUE),
    ] {
        let request = format!("{{\"execute\": \"{command}\", \"arguments\": {arguments}, \"id\": [7]}}");
        assert_eq!(ask(&request), error_with_id("[7]", "GenericError", desc), "{request}");
        let request = format!("{{\"execute\": \"{command}\", \"arguments\": {arguments}}}");
        assert_eq!(ask(&request), error("GenericError", desc), "{request}");
    }
    for command in ["done", "value"] {
        assert_eq!(ask(&format!("{{\"execute\": \"{command}\", \"id\": 7}}")), "", "{command} succeeds");
    }
    assert_eq!(ask(r#"{"execute": "argument", "arguments": {"n": 1}, "id": 7}"#), "");
}
