//! A guest agent client: asks one thing and prints the answer.
//!
//!     cargo run --example agent -- --listen /tmp/guest.sock      (in one terminal, or start a guest)
//!     cargo run --example client -- /tmp/guest.sock guest-info   (in another)

use std::process::ExitCode;

const HELP: &str = "\
Asks a guest agent one thing and prints what it returns, as JSON.

Usage: client [OPTIONS] PATH COMMAND [ARGUMENTS-JSON]
       client [OPTIONS] PATH       waits until the agent answers, and says how

PATH is a unix socket (as of QEMU's -chardev socket,path=PATH,server=on) or a
serial port.

  --timeout SECONDS   how long to wait for each answer (default 5)
  --retries N         how often to synchronize before giving up (default 3; for
                      ever without COMMAND)
  --trace             show the bytes both ways, on standard error
  -h, --help          this text

Exit status: 0 answered, 1 the agent answered with an error, 2 a bad call,
3 no answer.

  client /tmp/guest.sock guest-ping
  client /tmp/guest.sock guest-shutdown '{\"mode\": \"reboot\"}'
";

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("client: this example needs Unix: its sockets, and its serial ports.\n\n{HELP}");
    ExitCode::from(2)
}

#[cfg(unix)]
fn main() -> ExitCode {
    unix::main()
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::hash::{BuildHasher, RandomState};
    use std::io::{self, Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use guestwire::{Client, ClientError, Decoder, Event, Execute, Kind, Reply};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};

    use crate::HELP;

    struct Call {
        path: String,
        command: Option<String>,
        arguments: Option<String>,
        timeout: Duration,
        retries: Option<u32>,
        trace: bool,
    }

    /// Why there is nothing to print. Each has its exit status.
    enum Failure {
        ErrorResponse(String),
        BadCall(String),
        NoAnswer(String),
    }

    pub fn main() -> ExitCode {
        let outcome = match parse() {
            Ok(Some(call)) => run(&call),
            Ok(None) => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            Err(error) => Err(Failure::BadCall(format!("{error}. Try --help."))),
        };
        let (code, message) = match outcome {
            Ok(()) => return ExitCode::SUCCESS,
            Err(Failure::ErrorResponse(message)) => (1, message),
            Err(Failure::BadCall(message)) => (2, message),
            Err(Failure::NoAnswer(message)) => (3, message),
        };
        eprintln!("client: {message}");
        ExitCode::from(code)
    }

    /// `None`: help was asked for.
    fn parse() -> Result<Option<Call>, lexopt::Error> {
        use lexopt::prelude::*;
        let (mut positional, mut timeout, mut retries, mut trace) = (Vec::new(), 5.0, None, false);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("timeout") => timeout = parser.value()?.parse::<f64>()?,
                Long("retries") => retries = Some(parser.value()?.parse()?),
                Long("trace") => trace = true,
                Short('h') | Long("help") => return Ok(None),
                Value(value) if positional.len() < 3 => positional.push(value.string()?),
                _ => return Err(argument.unexpected()),
            }
        }
        let timeout = Duration::try_from_secs_f64(timeout).map_err(|_| "SECONDS is a number that is not negative")?;
        let mut positional = positional.into_iter();
        let path = positional.next().ok_or("PATH is missing")?;
        let (command, arguments) = (positional.next(), positional.next());
        Ok(Some(Call { path, command, arguments, timeout, retries, trace }))
    }

    fn run(call: &Call) -> Result<(), Failure> {
        // Before anything is sent: what was typed must be a JSON object.
        let mut decoder = Box::new(Decoder::<65535>::new());
        let mut typed = call.arguments.as_deref().unwrap_or("{}").as_bytes();
        let arguments = match decoder.push_slice(&mut typed) {
            Ok(Some(Event::Frame(frame))) if frame.value().kind() == Kind::Object && typed.trim_ascii().is_empty() => {
                frame.value()
            }
            Err(error) => return Err(Failure::BadCall(format!("ARGUMENTS-JSON: {error}. Try --help."))),
            Ok(_) => return Err(Failure::BadCall("ARGUMENTS-JSON is not one JSON object. Try --help.".into())),
        };
        let mut line = synchronize(call)?;
        let Some(command) = &call.command else { return Ok(()) };
        let silent = command == "guest-shutdown" || command.starts_with("guest-suspend-");
        let request = Execute::new(command);
        let request = if silent { request.no_success_response() } else { request };
        let execute = match call.arguments {
            Some(_) => line.client.execute_with(request, |members| members.received(arguments)),
            None => line.client.execute(request),
        };
        execute.map_err(|error| Failure::BadCall(error.to_string()))?;
        line.send().map_err(|error| Failure::NoAnswer(error.to_string()))?;
        let done = |reply: Reply<'_>| match reply {
            Reply::Return(value) => {
                println!("{value}");
                Ok(())
            }
            Reply::Error(error) => Err(Failure::ErrorResponse(error.to_string())),
            Reply::Synchronized => Ok(()),
        };
        match line.wait(done) {
            Ok(outcome) => outcome,
            Err(Waited::Ended) if line.client.success_is_silent() => Ok(()),
            Err(Waited::TimedOut) if silent => {
                eprintln!("client: no error came; a guest says nothing when it succeeds at {command}");
                Ok(())
            }
            Err(waited) => Err(Failure::NoAnswer(format!("{waited}. The command may have been run."))),
        }
    }

    /// Connects, and gets in step: the delimited form first, every other time the plain one, for very old agents.
    fn synchronize(call: &Call) -> Result<Line, Failure> {
        let waiting = call.command.is_none();
        let retries = call.retries.or((!waiting).then_some(3));
        let started = Instant::now();
        let mut reason = String::new();
        let mut line = None;
        let mut attempt = 0;
        while retries.is_none_or(|retries| attempt < retries) {
            attempt += 1;
            if waiting && attempt > 1 {
                eprintln!("client: waiting for {}: {reason}", call.path);
            }
            let connected = line.take().map_or_else(|| Line::open(call), Ok);
            let mut current = match connected {
                Ok(connected) => connected,
                Err(error) if waiting => {
                    reason = format!("{error}");
                    std::thread::sleep(call.timeout.min(Duration::from_secs(1)));
                    continue;
                }
                Err(error) => return Err(Failure::NoAnswer(format!("{}: {error}", call.path))),
            };
            // 63 random bits: the id of nobody else's, and of no earlier attempt.
            let id = (RandomState::new().hash_one(attempt) >> 1) as i64;
            let form = if attempt % 2 == 1 { "guest-sync-delimited" } else { "guest-sync" };
            if attempt % 2 == 1 {
                current.client.synchronize(id)
            } else {
                current.client.synchronize_plain(id)
            }
            let waited = current.send().map_err(Waited::Failed).and_then(|()| current.wait(|_| ()));
            match waited {
                Ok(()) => {
                    if waiting {
                        let after = started.elapsed().as_secs_f64();
                        eprintln!("client: in step by {form} after {after:.3} s, attempt {attempt}");
                    }
                    return Ok(current);
                }
                Err(Waited::TimedOut) => line = Some(current),
                Err(_) if waiting => std::thread::sleep(Duration::from_millis(100)),
                Err(waited) => return Err(Failure::NoAnswer(format!("{}: {waited}", call.path))),
            }
            reason = format!("no answer within {} s", call.timeout.as_secs_f64());
        }
        Err(Failure::NoAnswer(format!("{}: {reason}, {attempt} times. Is an agent running in the guest?", call.path)))
    }

    /// A port and the client on it.
    struct Line {
        port: File,
        client: Box<Client<65535, 65535>>,
        timeout: Duration,
        trace: bool,
    }

    enum Waited {
        TimedOut,
        Ended,
        Failed(io::Error),
        Client(ClientError),
    }

    impl Line {
        fn open(call: &Call) -> io::Result<Self> {
            let port = if std::fs::metadata(&call.path)?.file_type().is_socket() {
                File::from(OwnedFd::from(UnixStream::connect(&call.path)?))
            } else {
                File::options().read(true).write(true).open(&call.path)?
            };
            if isatty(&port) {
                let mut settings = tcgetattr(&port)?;
                settings.make_raw();
                tcsetattr(&port, OptionalActions::Now, &settings)?;
            }
            Ok(Self { port, client: Box::new(Client::new()), timeout: call.timeout, trace: call.trace })
        }

        fn send(&mut self) -> io::Result<()> {
            while !self.client.transmit().is_empty() {
                let written = self.port.write(self.client.transmit())?;
                self.trace('>', &self.client.transmit()[..written]);
                self.client.transmitted(written);
            }
            Ok(())
        }

        /// Waits for a reply, as long as the time-out says.
        fn wait<T>(&mut self, done: impl FnOnce(Reply<'_>) -> T) -> Result<T, Waited> {
            let deadline = Instant::now() + self.timeout;
            let mut buffer = [0; 4096];
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let left = Timespec::try_from(left).map_err(|_| Waited::TimedOut)?;
                match poll(&mut [PollFd::new(&self.port, PollFlags::IN)], Some(&left)) {
                    Ok(0) => {
                        self.client.timed_out();
                        return Err(Waited::TimedOut);
                    }
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(error) => return Err(Waited::Failed(error.into())),
                    Ok(_) => {}
                }
                let count = match self.port.read(&mut buffer) {
                    Ok(0) => return Err(Waited::Ended),
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(Waited::Ended),
                    read => read.map_err(Waited::Failed)?,
                };
                self.trace('<', &buffer[..count]);
                // One request at a time: what is behind its reply is an LF, or stale.
                let mut bytes = &buffer[..count];
                while !bytes.is_empty() {
                    match self.client.push_slice(&mut bytes) {
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
                    let text = line
                        .escape_ascii()
                        .to_string()
                        .replace("\\\"", "\"")
                        .replace("\\'", "'")
                        .replace("\\xff", "[FF]");
                    eprintln!("{direction} {text}");
                }
            }
        }
    }

    impl std::fmt::Display for Waited {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::TimedOut => f.write_str("no answer in time"),
                Self::Ended => f.write_str("the line ended before an answer came"),
                Self::Failed(error) => error.fmt(f),
                Self::Client(error) => error.fmt(f),
            }
        }
    }
}
