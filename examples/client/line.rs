//! A port with a client on it.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use guestwire::{Client, Reply, client::ClientError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::shown::say;
use crate::unix::{Call, Failure};

/// Ctrl-C as a file to wait for, so that open files can be closed first.
pub struct Interrupts {
    pipe: UnixStream,
    heeded: Cell<bool>,
}

impl Interrupts {
    pub fn new() -> io::Result<Self> {
        let (pipe, signals) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            signal_hook::low_level::pipe::register(signal, signals.try_clone()?)?;
        }
        Ok(Self { pipe, heeded: Cell::new(true) })
    }

    /// Runs what must not be interrupted. An interrupt takes effect afterwards.
    pub fn held_back<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.heeded.replace(false);
        let done = act();
        self.heeded.set(before);
        done
    }

    pub fn sleep(&self, duration: Duration) -> Result<(), Failure> {
        let duration = Timespec::try_from(duration).ok();
        match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], duration.as_ref()) {
            Ok(0) => Ok(()),
            _ => Err(Failure::Interrupted),
        }
    }

    /// Waits until that takes some bytes.
    pub fn wait_to_write(&self, output: &File) -> Result<(), Failure> {
        let mut ready = [PollFd::new(output, PollFlags::OUT), PollFd::new(&self.pipe, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) if ready[1].revents().is_empty() => Ok(()),
            _ => Err(Failure::Interrupted),
        }
    }
}

pub struct Line<'i> {
    port: File,
    pub client: Box<Client<65535, 65535>>,
    pub interrupts: &'i Interrupts,
    timeout: Duration,
    trace: bool,
    /// A terminal's settings before.
    settings: Option<Termios>,
}

/// Why no reply came.
pub enum Waited {
    TimedOut,
    Ended,
    Failed(io::Error),
    Client(ClientError),
    Interrupted,
}

impl<'i> Line<'i> {
    fn open(call: &Call, interrupts: &'i Interrupts) -> io::Result<Self> {
        let port = if std::fs::metadata(&call.path)?.file_type().is_socket() {
            File::from(OwnedFd::from(UnixStream::connect(&call.path)?))
        } else {
            // It must not become the controlling terminal.
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            File::from(rustix::fs::open(&call.path, flags, Mode::empty())?)
        };
        let mut settings = None;
        if isatty(&port) {
            let before = tcgetattr(&port)?;
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(&port, OptionalActions::Now, &raw)?;
            settings = Some(before);
        }
        ioctl_fionbio(&port, true)?;
        let mut client = Box::new(Client::new());
        if call.no_ids {
            client.omit_ids();
        }
        Ok(Self { port, client, interrupts, timeout: call.timeout, trace: call.trace, settings })
    }

    /// Gets in step within the time-out.
    pub fn synchronize(&mut self, form: Form) -> Result<(), Waited> {
        // Random, so that no other client and no earlier attempt used it.
        let id = (RandomState::new().hash_one(0) >> 1) as i64;
        match form {
            Form::Delimited => self.client.synchronize(id),
            Form::Plain => self.client.synchronize_plain(id),
        }
        self.exchange(|_| ())
    }

    /// Sends the request and waits for the reply within the time-out. It reads while it writes, since an agent may have
    /// to send a response before it takes more. Without a reply, reset the client or synchronize.
    pub fn exchange<T>(&mut self, done: impl FnOnce(Reply<'_>) -> T) -> Result<T, Waited> {
        let deadline = Instant::now() + self.timeout;
        let mut buffer = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|_| Waited::TimedOut)?;
            let writing = if self.client.transmit().is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            let heeded = if self.interrupts.heeded.get() { PollFlags::IN } else { PollFlags::empty() };
            let mut ready =
                [PollFd::new(&self.port, PollFlags::IN | writing), PollFd::new(&self.interrupts.pipe, heeded)];
            match poll(&mut ready, Some(&left)) {
                Ok(0) => return Err(Waited::TimedOut),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(Waited::Failed(error.into())),
                Ok(_) => {}
            }
            let [port, interrupts] = ready.map(|ready| ready.revents());
            if interrupts.contains(PollFlags::IN) {
                return Err(Waited::Interrupted);
            }
            if port.contains(PollFlags::OUT) {
                match self.port.write(self.client.transmit()) {
                    Ok(count) => {
                        self.trace('>', &self.client.transmit()[..count]);
                        self.client.transmitted(count);
                    }
                    Err(error) if is_passing(&error) => {}
                    Err(error) => return Err(Waited::Failed(error)),
                }
            }
            if !port.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                continue;
            }
            let count = match self.port.read(&mut buffer) {
                Ok(0) => return Err(Waited::Ended),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(Waited::Ended),
                Err(error) if is_passing(&error) => continue,
                read => read.map_err(Waited::Failed)?,
            };
            self.trace('<', &buffer[..count]);
            // One request at a time: after its reply, only an LF or stale bytes follow.
            let mut bytes = &buffer[..count];
            while !bytes.is_empty() {
                let (taken, reply) = self.client.push_slice(bytes);
                bytes = &bytes[taken..];
                match reply {
                    // Noise on the line, or an agent without ids. The answer may still arrive.
                    Ok(Some(Reply::Unattributed(error))) => {
                        say(format_args!("an error without id, see --no-ids: {error}"));
                    }
                    Ok(Some(reply)) => return Ok(done(reply)),
                    Ok(None) => {}
                    Err(error) => return Err(Waited::Client(error)),
                }
            }
        }
    }

    fn trace(&self, direction: char, bytes: &[u8]) {
        if self.trace {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let text =
                    line.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'").replace("\\xff", "[FF]");
                let _ = writeln!(io::stderr(), "{direction} {text}");
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A terminal is left as it was found.
impl Drop for Line<'_> {
    fn drop(&mut self) {
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(&self.port, OptionalActions::Now, settings);
        }
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Ended => f.write_str("the line ended before an answer came"),
            Self::Failed(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

#[derive(Clone, Copy)]
pub enum Form {
    Delimited,
    /// For very old agents.
    Plain,
}

/// Connects and gets in step: in turn with guest-sync-delimited and guest-sync.
pub fn synchronize<'i>(call: &Call, interrupts: &'i Interrupts) -> Result<Line<'i>, Failure> {
    let waiting = call.command.is_none();
    let retries = call.retries.or((!waiting).then_some(3));
    let started = Instant::now();
    let mut reason = String::new();
    let mut forms = [(Form::Delimited, "guest-sync-delimited"), (Form::Plain, "guest-sync")].into_iter().cycle();
    let mut line = None;
    let mut attempt = 0;
    while retries.is_none_or(|retries| attempt < retries) {
        attempt += 1;
        if waiting && attempt > 1 {
            say(format_args!("waiting for {}: {reason}", call.path));
        }
        let mut current = match line.take().map_or_else(|| Line::open(call, interrupts), Ok) {
            Ok(connected) => connected,
            Err(error) if waiting => {
                reason = error.to_string();
                interrupts.sleep(call.timeout.min(Duration::from_secs(1)))?;
                continue;
            }
            Err(error) => return Err(Failure::NoAnswer(format!("{}: {error}", call.path))),
        };
        let Some((form, name)) = forms.next() else { break };
        match current.synchronize(form) {
            Ok(()) => {
                if waiting {
                    let after = started.elapsed().as_secs_f64();
                    say(format_args!("in step by {name} after {after:.3} s, attempt {attempt}"));
                }
                return Ok(current);
            }
            Err(Waited::Interrupted) => return Err(Failure::Interrupted),
            Err(Waited::TimedOut) => line = Some(current),
            Err(_) if waiting => interrupts.sleep(Duration::from_millis(100))?,
            Err(waited) => return Err(Failure::NoAnswer(format!("{}: {waited}", call.path))),
        }
        reason = format!("no answer within {} s", call.timeout.as_secs_f64());
    }
    Err(Failure::NoAnswer(format!("{}: {reason}, {attempt} times. Is an agent running in the guest?", call.path)))
}
