//! The agent with the built-in commands and the same three, and `guest-file-write`, whose content comes in pieces.
#![no_std]
#![no_main]

#[path = "agent/commands.rs"]
mod commands;

use core::convert::Infallible;

use commands::{get_time, set_time, shutdown};
use guestwire::frame::Piece;
use guestwire::json::Base64;
use guestwire::{Command, CommandError, Guest};

struct Board {
    nanoseconds: i64,
    base64: Base64,
    count: Result<u32, CommandError>,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |board: &mut Self, call| get_time(&mut board.nanoseconds, call)),
        Command::new("guest-set-time", |board: &mut Self, call| set_time(&mut board.nanoseconds, call)),
        Command::new("guest-shutdown", |board: &mut Self, call| shutdown(&mut board.nanoseconds, call))
            .no_success_response(),
        Command::new("guest-file-write", |board: &mut Self, call| {
            call.arguments.integer("handle")?;
            call.arguments.streamed("buf-b64")?;
            call.respond()?.integer(board.count?.into())
        }),
    ];
    const STREAMED: &'static [&'static str] = &["buf-b64"];

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        if piece.is_first {
            (self.base64, self.count) = (Base64::new(), Ok(0));
        }
        for byte in self.base64.read(piece.content) {
            match (byte, &mut self.count) {
                (Ok(byte), Ok(count)) => {
                    let _ = probe::write(byte);
                    *count = count.wrapping_add(1);
                }
                _ => self.count = Err(CommandError::Failed("not base64")),
            }
        }
        Ok(())
    }
}

const BOARD: Board = Board { nanoseconds: 0, base64: Base64::new(), count: Ok(0) };

probe::program! {
    static AGENT: guestwire::Agent<Board, 256, 704> = guestwire::Agent::new(BOARD);
    |agent| probe::poll(agent)
}
