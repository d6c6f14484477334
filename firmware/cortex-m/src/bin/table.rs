//! A table of commands that is put together when the board starts: `led-0`, `led-1` and so on switch the LEDs that it
//! has.
//!
//! `led-enable` takes one of them out of service, and puts it back. `echo-X` returns `X`.
#![no_std]
#![no_main]

use core::array::from_fn;

use cortex_m::singleton;
use cortex_m_guest::mps2::{self, LEDS, UART};
use cortex_m_guest::{halt, poll};
use guestwire::agent::{AgentLent, Entry, Handler, Service};
use guestwire::{Call, CommandError, CommandResult};

const MOST_LEDS: usize = 8;

struct Leds<'b> {
    names: &'b [[u8; 5]],
    commands: &'b [Entry<'b, Self>],
    disabled: [bool; MOST_LEDS],
    lit: u32,
}

impl Leds<'_> {
    fn number(&self, command: &str) -> Option<usize> {
        self.names.iter().position(|name| name == command.as_bytes())
    }
}

impl Service for Leds<'_> {
    const CATCH_ALL: Option<Handler<Self>> = Some(echo);

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }

    fn is_disabled(&self, command: &str) -> bool {
        self.number(command).and_then(|number| self.disabled.get(number)) == Some(&true)
    }
}

/// The handler of every LED: the command's name tells which it is.
fn switch(leds: &mut Leds<'_>, call: Call<'_>) -> CommandResult {
    let on = call.arguments.boolean("on")?;
    let number = call.command().as_str().and_then(|name| leds.number(name)).ok_or(CommandError::NotFound)?;
    let response = call.respond()?;
    let bit = 1_u32.wrapping_shl(number as u32);
    leds.lit = if on { leds.lit | bit } else { leds.lit & !bit };
    LEDS.write(0, leds.lit);
    response.unsigned(LEDS.read(0).into())
}

fn enable(leds: &mut Leds<'_>, call: Call<'_>) -> CommandResult {
    let name = call.arguments.string("name")?;
    let enabled = call.arguments.boolean("enabled")?;
    let response = call.respond()?;
    let number = name.as_str().and_then(|name| leds.number(name));
    let led = number.and_then(|number| leds.disabled.get_mut(number));
    *led.ok_or(CommandError::Failed("This board has no such LED"))? = !enabled;
    response.done()
}

/// Whatever has no name in the table.
fn echo(_: &mut Leds<'_>, call: Call<'_>) -> CommandResult {
    let command = call.command();
    let echo = command.as_str().and_then(|command| command.strip_prefix("echo-")).ok_or(CommandError::NotFound)?;
    call.respond()?.string(echo)
}

#[cortex_m_rt::entry]
fn main() -> ! {
    // Only bits with a LED can be set.
    LEDS.write(0, u32::MAX);
    let count = LEDS.read(0).count_ones() as usize;
    LEDS.write(0, 0);
    let names: [_; MOST_LEDS] = from_fn(|number| [b'l', b'e', b'd', b'-', b'0'.wrapping_add(number as u8)]);
    let names = names.get(..count).unwrap_or(&names);
    let commands: [_; MOST_LEDS + 1] = from_fn(|index| {
        let name = index.checked_sub(1).and_then(|number| names.get(number));
        match name.and_then(|name| str::from_utf8(name).ok()) {
            Some(name) => Entry::new(name, switch),
            None => Entry::new("led-enable", enable),
        }
    });
    let commands = commands.get(..=names.len()).unwrap_or_default();
    let Some(buffers) = singleton!(: [[u8; 1024]; 2] = [[0; 1024]; 2]) else { halt() };
    let [receive, transmit] = buffers;
    let leds = Leds { names, commands, disabled: [false; MOST_LEDS], lit: 0 };
    let Ok(mut agent) = AgentLent::new(leds, receive, transmit) else { halt() };
    mps2::start();
    loop {
        poll(&mut agent, &UART);
    }
}
