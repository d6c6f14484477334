//! Agents whose commands, buffers or answers are known at run time only: one program for each way that docs/doors.md
//! shows.
//!
//!     echo '{"execute": "toaster-eject"}' | cargo run --example doors -- table toaster-eject=up
//!     echo '{"execute": "guest-info"}' | cargo run --example doors -- lent
//!     echo '{"execute": "wait", "arguments": {"milliseconds": 100}}' | cargo run --example doors -- deferred
//!     echo '{"execute": "guest-file-write", "arguments": {"handle": 1, "buf-b64": "aGk="}}' |
//!         cargo run --example doors -- pieces /tmp/hi
//!
//! They read requests from standard input, and end with it.

mod deferred;
mod lent;
mod pieces;
mod table;

use std::error::Error;
use std::io::{Read, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use guestwire::agent::{AgentOver, Service};
use guestwire::frame::Buffer;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["table", ref script @ ..] => table::run(script),
        ["lent"] => lent::run(),
        ["deferred"] => deferred::run(),
        ["pieces", file] => pieces::run(file),
        _ => Err("Usage: doors table [NAME=TEXT]... | doors lent | doors deferred | doors pieces FILE".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "doors: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves an agent of any kind on standard input and output.
fn serve(agent: &mut AgentOver<impl Service, impl Buffer, impl Buffer>) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; 4096];
    loop {
        let count = stdin().read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        answer(agent, &buffer[..count], &mut stdout())?;
    }
}

/// Has an agent take bytes, and writes what it answers.
fn answer(
    agent: &mut AgentOver<impl Service, impl Buffer, impl Buffer>,
    mut bytes: &[u8],
    output: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    while !bytes.is_empty() {
        bytes = &bytes[agent.push_slice(bytes)..];
        while !agent.transmit().is_empty() {
            output.write_all(agent.transmit())?;
            agent.transmitted(agent.transmit().len());
        }
    }
    output.flush()?;
    Ok(())
}
