//! Arguments and return values through serde-json-core, a JSON library for firmware, at both ends.
//!
//!     cargo run --example serde_json_core
//!
//! Shows what the host sends (`>`), what the guest sends (`<`), and what the host makes of it (`=`). guestwire's own
//! feature `serde` is not needed: serde-json-core gets JSON text from guestwire, and gives it JSON text.

use std::error::Error;

use guestwire::json::Value;
use guestwire::{Agent, Client, Command, CommandError, Guest, Reply};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Blink {
    // A `&str` cannot hold what is escaped in JSON.
    led: heapless::String<16>,
    // serde-json-core would write `null` for `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    half_period: Option<u16>,
    pattern: heapless::Vec<bool, 8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Blinking {
    led: heapless::String<16>,
    milliseconds: u32,
}

struct Board;

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("board-blink", |_, call| {
        let blink: Blink = read(call.arguments.value()).ok_or(CommandError::Failed("The arguments are wrong"))?;
        let response = call.respond()?;
        let half_period = u32::from(blink.half_period.unwrap_or(500));
        let blinking = Blinking { led: blink.led, milliseconds: half_period * blink.pattern.len() as u32 };
        let mut buffer = [0; 128];
        let length = serde_json_core::to_slice(&blinking, &mut buffer).map_err(|_| CommandError::DoesNotFit)?;
        response.json(&buffer[..length])
    })];
}

/// Reads a value whose strings, without escapes, have up to 32 bytes.
fn read<'a, T: Deserialize<'a>>(value: Value<'a>) -> Option<T> {
    let read = serde_json_core::from_slice_escaped(value.as_bytes(), &mut [0; 32]);
    read.ok().map(|(value, _)| value)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut guest: Agent<Board, 256, 640> = Agent::new(Board);
    let mut host: Client<640, 256> = Client::new();
    host.synchronize(7301);
    let _ = exchange(&mut host, &mut guest)?;

    let blink = Blink { led: "gr\"n".try_into()?, half_period: None, pattern: [true, false, true].into() };
    let mut buffer = [0; 128];
    let length = serde_json_core::to_slice(&blink, &mut buffer)?;
    host.execute_json("board-blink", &buffer[..length])?;
    if let Reply::Return(value) = exchange(&mut host, &mut guest)? {
        let blinking: Blinking = read(value).ok_or("the guest answers something else")?;
        println!("= {blinking:?}");
    }

    // A character that takes a pair of escapes: serde-json-core refuses it.
    host.execute_json("board-blink", r#"{"led": "\ud83d\ude00", "pattern": []}"#)?;
    if let Reply::Error(error) = exchange(&mut host, &mut guest)? {
        println!("= {}", error.desc);
    }
    Ok(())
}

/// Takes what the host has to send to the guest, and the answer back.
fn exchange<'h>(
    host: &'h mut Client<640, 256>,
    guest: &mut Agent<Board, 256, 640>,
) -> Result<Reply<'h>, Box<dyn Error>> {
    print!("> {}", shown(host.transmit()));
    let taken = guest.push_slice(host.transmit());
    host.transmitted(taken);
    print!("< {}", shown(guest.transmit()));
    let (_, reply) = host.push_slice(guest.transmit());
    guest.transmitted(guest.transmit().len());
    reply?.ok_or_else(|| "the guest does not answer".into())
}

/// The sentinel is no text.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\u{fffd}', "[FF]")
}
