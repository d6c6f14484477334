//! Programs that a client started.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use guestwire::commands::*;
use guestwire::{Call, CommandError, CommandResult};
use log::info;

use crate::guest::{Linux, reason};

/// What is kept of each stream, so that both fit one response. The rest is read and dropped.
const CAPTURED: usize = 256 << 10;

pub struct Programs(BTreeMap<i64, Program>);

struct Program {
    child: Child,
    out: Option<JoinHandle<Captured>>,
    err: Option<JoinHandle<Captured>>,
}

struct Captured {
    bytes: Vec<u8>,
    is_truncated: bool,
}

impl Programs {
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }
}

fn capture(mut stream: impl Read + Send + 'static) -> JoinHandle<Captured> {
    thread::spawn(move || {
        let mut captured = Captured { bytes: Vec::new(), is_truncated: false };
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let room = CAPTURED - captured.bytes.len();
            captured.bytes.extend(&buffer[..count.min(room)]);
            captured.is_truncated |= count > room;
        }
        captured
    })
}

pub fn exec<'q, 't>(guest: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let (exec, response): (Exec<'_>, _) = call.parse()?;
    let input: Option<Vec<u8>> = exec.input_data.map(|input| input.decoded()).transpose()?.map(Iterator::collect);
    let path = exec.path.to_string();
    let mut command = Command::new(&path);
    if let Some(arguments) = exec.arg {
        command.args(arguments.iter().map(|argument| argument.to_string()));
    }
    if let Some(variables) = exec.env {
        command.env_clear();
        for variable in variables.iter().map(|variable| variable.to_string()) {
            let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
            command.env(name, value);
        }
    }
    let output = || if exec.capture_output == Some(true) { Stdio::piped() } else { Stdio::null() };
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() }).stdout(output()).stderr(output());
    info!("starting {path}");
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return response.error(format_args!("Failed to execute child process '{path}' ({})", reason(&error)));
        }
    };
    if let (Some(input), Some(mut to)) = (input, child.stdin.take()) {
        // The program may not read it, or not before it has written.
        thread::spawn(move || to.write_all(&input));
    }
    let (out, err) = (child.stdout.take().map(capture), child.stderr.take().map(capture));
    let pid = child.id().into();
    guest.programs.0.insert(pid, Program { child, out, err });
    response.encode(ExecPid { pid })
}

/// A program has exited when its streams have ended, too.
pub fn status<'q, 't>(guest: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let (ExecStatus { pid }, response) = call.parse()?;
    let Some(program) = guest.programs.0.get_mut(&pid) else {
        return Err(CommandError::Failed("Invalid parameter 'pid'"));
    };
    let ended = |stream: &Option<JoinHandle<Captured>>| stream.as_ref().is_none_or(JoinHandle::is_finished);
    let exit = match program.child.try_wait() {
        Ok(Some(exit)) if ended(&program.out) && ended(&program.err) => exit,
        Ok(_) => return response.encode(RUNNING),
        Err(error) => return response.error(format_args!("failed to ask for the program: {}", reason(&error))),
    };
    let captured = |stream: Option<JoinHandle<Captured>>| stream.and_then(|stream| stream.join().ok());
    let (out, err) = match guest.programs.0.remove(&pid) {
        Some(program) => (captured(program.out), captured(program.err)),
        None => (None, None),
    };
    let (out, err) = (out.as_ref(), err.as_ref());
    let kept = |stream: &&Captured| !stream.bytes.is_empty();
    response.encode(ExecStatusReturn {
        exitcode: exit.code().map(i64::from),
        err_data: err.filter(kept).map(|err| Bytes::Plain(&err.bytes)),
        out_data: out.filter(kept).map(|out| Bytes::Plain(&out.bytes)),
        err_truncated: err.filter(kept).map(|err| err.is_truncated),
        signal: exit.signal().map(i64::from),
        out_truncated: out.filter(kept).map(|out| out.is_truncated),
        exited: true,
    })
}

const RUNNING: ExecStatusReturn<'static> = ExecStatusReturn {
    exitcode: None,
    err_data: None,
    out_data: None,
    err_truncated: None,
    signal: None,
    out_truncated: None,
    exited: false,
};
