//! Copies files to and from the guest, in pieces.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

use guestwire::commands::{Bytes, FileClose, FileOpen, FileRead, FileWrite, Schema};
use guestwire::{Client, Reply, client::ExecuteError, json::Value};

use crate::line::{Form, Line};
use crate::shown::say;
use crate::target::Target;
use crate::unix::Failure;

/// Base64 of this length, in its message, fits the client's buffers.
const PIECE: usize = 32 * 1024;

pub fn push(line: &mut Line<'_>, file: &str, guest_file: &str) -> Result<(), Failure> {
    let mut source = File::open(file).map_err(|error| local(file, &error))?;
    let length = source.metadata().map_err(|error| local(file, &error))?.len();
    with_guest_file(line, guest_file, "w", |line, handle| {
        let mut progress = Progress::new(Some(length));
        let mut piece = vec![0; PIECE];
        loop {
            let mut rest = match source.read(&mut piece) {
                Ok(0) => break,
                read => &piece[..read.map_err(|error| local(file, &error))?],
            };
            while !rest.is_empty() {
                let write = FileWrite { handle, buf_b64: Bytes::Plain(rest), count: None, ..Default::default() };
                let written = ask(
                    line,
                    FileWrite::NAME,
                    |client| client.request(write),
                    |value| Some(FileWrite::returned(value).ok()?.count),
                )?;
                let written = usize::try_from(written).unwrap_or(0).min(rest.len());
                if written == 0 {
                    return Err(Failure::ErrorResponse(format!("{guest_file}: the guest stopped writing")));
                }
                rest = &rest[written..];
                progress.add(written);
            }
        }
        progress.finish();
        Ok(())
    })
}

pub fn pull(line: &mut Line<'_>, guest_file: &str, file: &str) -> Result<(), Failure> {
    let interrupts = line.interrupts;
    let mut target = Target::open(file, interrupts)?;
    with_guest_file(line, guest_file, "r", |line, handle| {
        let mut progress = Progress::new(None);
        loop {
            let (piece, count, at_end) = ask(
                line,
                FileRead::NAME,
                |client| client.request(FileRead { handle, count: Some(PIECE as i64), ..Default::default() }),
                |value| {
                    let read = FileRead::returned(value).ok()?;
                    Some((read.buf_b64.decoded().ok()?.collect::<Vec<_>>(), read.count, read.eof))
                },
            )?;
            target.write(&piece, interrupts)?;
            progress.add(piece.len());
            if usize::try_from(count) != Ok(piece.len()) || (piece.is_empty() && !at_end) {
                let done = progress.done;
                return Err(Failure::ErrorResponse(format!("{guest_file}: the guest ended it after {done} bytes")));
            }
            if at_end {
                break;
            }
        }
        progress.finish();
        Ok(())
    })?;
    target.finish()
}

/// Opens a file in the guest and closes it again, whatever happens in between.
fn with_guest_file(
    line: &mut Line<'_>,
    guest_file: &str,
    mode: &str,
    copy: impl FnOnce(&mut Line<'_>, i64) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let interrupts = line.interrupts;
    // An interrupt must not lose the handle of the open file.
    let handle = interrupts.held_back(|| {
        ask(
            line,
            FileOpen::NAME,
            |client| {
                client.request(FileOpen { path: guest_file.into(), mode: Some(mode.into()), ..Default::default() })
            },
            |value| FileOpen::returned(value).ok(),
        )
    })?;
    let copied = copy(line, handle);
    let closed = interrupts.held_back(|| {
        if !line.client.is_ready() && line.synchronize(Form::Delimited).is_err() {
            return Err(Failure::NoAnswer(format!("{guest_file} may still be open in the guest, handle {handle}")));
        }
        ask(line, FileClose::NAME, |client| client.request(FileClose { handle, ..Default::default() }), |_| Some(()))
    });
    if let (Err(_), Err(Failure::NoAnswer(left_open))) = (&copied, &closed) {
        say(format_args!("{left_open}"));
    }
    copied.and(closed)
}

/// Sends a command and takes what it needs from the return value.
fn ask<T>(
    line: &mut Line<'_>,
    command: &str,
    request: impl FnOnce(&mut Client<65535, 65535>) -> Result<(), ExecuteError>,
    take: impl FnOnce(Value<'_>) -> Option<T>,
) -> Result<T, Failure> {
    request(&mut line.client).map_err(|error| Failure::BadCall(error.to_string()))?;
    line.exchange(|reply| match reply {
        Reply::Return(value) => {
            take(value).ok_or_else(|| Failure::NoAnswer(format!("{command} returned something else: {value}")))
        }
        Reply::Error(error) => Err(Failure::ErrorResponse(error.to_string())),
        _ => Err(Failure::NoAnswer(format!("{command} was not answered"))),
    })?
}

fn local(file: &str, error: &io::Error) -> Failure {
    Failure::BadCall(format!("{file}: {error}"))
}

/// Shows progress: on a terminal ten times a second, and at the end.
struct Progress {
    length: Option<u64>,
    done: u64,
    started: Instant,
    shown: Instant,
}

impl Progress {
    fn new(length: Option<u64>) -> Self {
        let now = Instant::now();
        Self { length, done: 0, started: now, shown: now }
    }

    fn add(&mut self, count: usize) {
        self.done += count as u64;
        if io::stderr().is_terminal() && self.shown.elapsed() >= Duration::from_millis(100) {
            self.shown = Instant::now();
            let of = match self.length {
                Some(length @ 1..) => format!(" of {length} bytes, {} %", self.done * 100 / length),
                _ => " bytes".into(),
            };
            let _ = write!(io::stderr(), "\r\x1b[Kclient: {}{of}", self.done);
        }
    }

    fn finish(&self) {
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        say(format_args!("{} bytes in {:.2} s", self.done, self.started.elapsed().as_secs_f64()));
    }
}
