//! Programs started by a client.

use std::io::{self, PipeWriter, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use guestwire::commands::*;
use guestwire::{Call, CommandError, CommandResult};
use log::info;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::guest::{Linux, failed, reason};

/// The most that is kept of each stream, so that both fit one response. The rest is read and dropped.
const CAPTURED: usize = 256 << 10;

/// The most programs that are tracked, running or ended.
const KNOWN: usize = 64;

/// How long programs may take to end after the agent's SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// The oldest first. Shared with the thread that is notified of their end.
#[derive(Clone, Default)]
pub struct Programs(Arc<Mutex<Vec<Program>>>);

struct Program {
    child: Child,
    out: Option<Capture>,
    err: Option<Capture>,
}

type Capture = JoinHandle<Captured>;

#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    is_truncated: bool,
}

impl Programs {
    fn known(&self) -> MutexGuard<'_, Vec<Program>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reaps programs that have ended.
    pub fn reap(&self) {
        for program in self.known().iter_mut() {
            let _ = program.child.try_wait();
        }
    }

    /// Ends the running programs with their process groups. No other can start after that.
    pub fn end(&self) {
        let mut known = self.known();
        let is_running = |program: &mut Program| matches!(program.child.try_wait(), Ok(None));
        known.retain_mut(is_running);
        signal(&known, Signal::SIGTERM);
        let asked = Instant::now();
        while !known.is_empty() && asked.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(10));
            known.retain_mut(is_running);
        }
        signal(&known, Signal::SIGKILL);
        // The lock is never released.
        std::mem::forget(known);
    }
}

fn signal(programs: &[Program], signal: Signal) {
    for program in programs {
        let _ = killpg(Pid::from_raw(program.child.id() as i32), signal);
    }
}

impl Program {
    fn pid(&self) -> i64 {
        self.child.id().into()
    }

    /// How it ended. It counts as running until its streams have ended, too.
    fn exit(&mut self) -> io::Result<Option<ExitStatus>> {
        let is_open = |stream: &Option<Capture>| stream.as_ref().is_some_and(|stream| !stream.is_finished());
        let exit = self.child.try_wait()?;
        Ok(exit.filter(|_| !is_open(&self.out) && !is_open(&self.err)))
    }
}

/// An output stream of a program, and the thread that reads it.
fn capture(is_captured: bool) -> io::Result<(Option<PipeWriter>, Option<Capture>)> {
    if !is_captured {
        return Ok((None, None));
    }
    let (mut reader, writer) = io::pipe()?;
    let capture = move || {
        let mut captured = Captured::default();
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            let room = CAPTURED - captured.bytes.len();
            captured.bytes.extend(&buffer[..count.min(room)]);
            captured.is_truncated |= count > room;
        }
        captured
    };
    Ok((Some(writer), Some(thread::Builder::new().spawn(capture)?)))
}

/// A program's input. It may never read it, or only after it has written.
fn feed(input: Option<Vec<u8>>) -> io::Result<Stdio> {
    let Some(input) = input else { return Ok(Stdio::null()) };
    let (reader, mut writer) = io::pipe()?;
    thread::Builder::new().spawn(move || writer.write_all(&input))?;
    Ok(reader.into())
}

pub fn exec(guest: &mut Linux, call: Call<'_>) -> CommandResult {
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
    let mode = exec.capture_output.unwrap_or_default().mode();
    let mut known = guest.programs.known();
    if known.len() == KNOWN {
        let Some(oldest) = known.iter_mut().position(|program| matches!(program.exit(), Ok(Some(_)))) else {
            return response.error(format_args!("{KNOWN} programs are running already"));
        };
        known.remove(oldest);
    }
    info!("starting {path}");
    // The threads start before the program, so that after an error response nothing has run.
    let streams = || {
        let (output, out) =
            capture(matches!(mode, CaptureMode::Stdout | CaptureMode::Separated | CaptureMode::Merged))?;
        let (errors, err) = match &output {
            Some(output) if mode == CaptureMode::Merged => (Some(output.try_clone()?), None),
            _ => capture(matches!(mode, CaptureMode::Stderr | CaptureMode::Separated))?,
        };
        io::Result::Ok((feed(input)?, (output, out), (errors, err)))
    };
    let stdio = |writer: Option<PipeWriter>| writer.map_or_else(Stdio::null, Stdio::from);
    let (input, (output, out), (errors, err)) = match streams() {
        Ok(streams) => streams,
        Err(error) => return failed(response, "failed to start a thread", error),
    };
    let child = match command.stdin(input).stdout(stdio(output)).stderr(stdio(errors)).process_group(0).spawn() {
        Ok(child) => child,
        Err(error) => {
            return response.error(format_args!("Failed to execute child process '{path}' ({})", reason(&error)));
        }
    };
    let program = Program { child, out, err };
    let pid = program.pid();
    known.retain(|ended| ended.pid() != pid);
    known.push(program);
    response.encode(ExecPid { pid, ..Default::default() })
}

pub fn status(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (ExecStatus { pid, .. }, response) = call.parse()?;
    let mut known = guest.programs.known();
    let Some(index) = known.iter().position(|program| program.pid() == pid) else {
        return Err(CommandError::Failed("Invalid parameter 'pid'"));
    };
    let exit = match known[index].exit() {
        Ok(Some(exit)) => exit,
        Ok(None) => return response.encode(ExecStatusReturn::default()),
        Err(error) => return failed(response, "failed to wait for the program", error),
    };
    let Program { out, err, .. } = known.remove(index);
    let captured = |stream: Option<Capture>| stream.and_then(|stream| stream.join().ok());
    let (out, err) = (captured(out), captured(err));
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
        ..Default::default()
    })
}
