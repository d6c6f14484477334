//! A guest agent client: sends one command and prints the answer, or copies a file.
//!
//!     cargo run --example agent -- --listen /tmp/guest.sock      (in one terminal, or start a guest)
//!     cargo run --example client -- /tmp/guest.sock guest-info   (in another)

#[cfg(unix)]
mod files;
#[cfg(unix)]
mod line;
#[cfg(unix)]
mod shown;
#[cfg(unix)]
mod target;

use std::process::ExitCode;

const HELP: &str = "\
Sends a command to a guest agent and prints what it returns, as JSON.

Usage: client [OPTIONS] PATH COMMAND [ARGUMENTS-JSON]
       client [OPTIONS] PATH push FILE GUEST-FILE
       client [OPTIONS] PATH pull GUEST-FILE FILE
       client [OPTIONS] PATH       wait until the agent answers

PATH is a unix socket (as of QEMU's -chardev socket,path=PATH,server=on) or a
serial port. push and pull copy a file with guest-file-open, -read, -write and
-close. A complete pull replaces FILE, unless that is a device or a FIFO; - is
standard output.

Output to a pipe or a file is what the guest sent. On a terminal, and in
messages, control characters are shown as \\u001b or the like.

  --timeout SECONDS   how long to wait for each answer (default 5)
  --retries N         how often to synchronize before giving up (default 3;
                      unlimited without COMMAND)
  --no-ids            send requests without id, for agents that do not know it
                      (qemu-ga before QEMU 3.0)
  --trace             show sent and received bytes on standard error
  -h, --help          print this help

Exit status: 0 success, 1 error response, 2 wrong usage or an error of a local
file, 3 no answer, 130 interrupted, 141 output closed early.

  client /tmp/guest.sock guest-ping
  client /tmp/guest.sock guest-shutdown '{\"mode\": \"reboot\"}'
  client /tmp/guest.sock pull /var/log/syslog syslog
";

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("client: this example needs Unix: its sockets, and its serial ports.\n\n{HELP}");
    ExitCode::from(2)
}

#[cfg(unix)]
fn main() -> ExitCode {
    let outcome = match unix::parse() {
        Ok(Some(call)) => unix::run(&call),
        Ok(None) => unix::print(format_args!("{HELP}")),
        Err(error) => Err(unix::Failure::BadCall(format!("{error}. Try --help."))),
    };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    let (code, message) = match failure {
        unix::Failure::ErrorResponse(message) => (1, message),
        unix::Failure::BadCall(message) => (2, message),
        unix::Failure::NoAnswer(message) => (3, message),
        unix::Failure::Interrupted => (130, "interrupted".into()),
        // As if by SIGPIPE.
        unix::Failure::ReaderGone => return ExitCode::from(141),
    };
    shown::say(format_args!("{message}"));
    ExitCode::from(code)
}

#[cfg(unix)]
mod unix {
    use std::fmt::Arguments;
    use std::io::{self, IsTerminal, Write, stdout};
    use std::time::Duration;

    use guestwire::{Decoder, Event, Reply, client::Execute, json::Kind};

    use crate::files;
    use crate::line::{Interrupts, Line, Waited, synchronize};
    use crate::shown::{Shown, say};

    pub struct Call {
        pub path: String,
        pub command: Option<String>,
        pub arguments: Vec<String>,
        pub timeout: Duration,
        pub retries: Option<u32>,
        pub no_ids: bool,
        pub trace: bool,
    }

    /// Why there is nothing to print. Each has its exit status.
    pub enum Failure {
        ErrorResponse(String),
        BadCall(String),
        NoAnswer(String),
        Interrupted,
        /// The reader of a pipe, as in `client PATH guest-info | head -1`.
        ReaderGone,
    }

    impl From<Waited> for Failure {
        fn from(waited: Waited) -> Self {
            match waited {
                Waited::Interrupted => Self::Interrupted,
                waited => Self::NoAnswer(format!("{waited}. The command may have been run.")),
            }
        }
    }

    /// Prints to standard output. Unlike `print!`, this does not panic if it is closed.
    pub fn print(text: Arguments<'_>) -> Result<(), Failure> {
        stdout().write_fmt(text).map_err(|error| unwritten("standard output", error))
    }

    pub fn unwritten(name: &str, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => Failure::BadCall(format!("{name}: {error}")),
        }
    }

    /// `None`: `--help`.
    pub fn parse() -> Result<Option<Call>, lexopt::Error> {
        use lexopt::prelude::*;
        let (mut positional, mut timeout, mut retries) = (Vec::new(), 5.0, None);
        let (mut no_ids, mut trace) = (false, false);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("timeout") => timeout = parser.value()?.parse::<f64>()?,
                Long("retries") => retries = Some(parser.value()?.parse()?),
                Long("no-ids") => no_ids = true,
                Long("trace") => trace = true,
                Short('h') | Long("help") => return Ok(None),
                Value(value) => positional.push(value.string()?),
                _ => return Err(argument.unexpected()),
            }
        }
        let timeout = Duration::try_from_secs_f64(timeout).map_err(|_| "SECONDS must be a number of at least 0")?;
        let mut positional = positional.into_iter();
        let path = positional.next().ok_or("PATH is missing")?;
        let command = positional.next();
        let arguments: Vec<String> = positional.collect();
        match (command.as_deref(), arguments.len()) {
            (Some("push" | "pull"), 2) | (_, 0 | 1) => {}
            _ => return Err("too many arguments".into()),
        }
        Ok(Some(Call { path, command, arguments, timeout, retries, no_ids, trace }))
    }

    pub fn run(call: &Call) -> Result<(), Failure> {
        let interrupts = Interrupts::new().map_err(|error| Failure::BadCall(error.to_string()))?;
        match (call.command.as_deref(), &call.arguments[..]) {
            (None, _) => synchronize(call, &interrupts).map(|_| ()),
            (Some("push"), [file, guest_file]) => files::push(&mut synchronize(call, &interrupts)?, file, guest_file),
            (Some("pull"), [guest_file, file]) => files::pull(&mut synchronize(call, &interrupts)?, guest_file, file),
            (Some("push" | "pull"), _) => Err(Failure::BadCall("a file to copy is missing. Try --help.".into())),
            (Some(command), arguments) => ask(call, &interrupts, command, arguments.first().map(String::as_str)),
        }
    }

    fn ask(call: &Call, interrupts: &Interrupts, command: &str, arguments: Option<&str>) -> Result<(), Failure> {
        // Nothing is sent if the arguments are not a JSON object.
        let mut decoder = Box::new(Decoder::<65535>::new());
        let typed = arguments.unwrap_or("{}").as_bytes();
        let (taken, event) = decoder.push_slice(typed);
        let object = match event {
            Ok(Some(Event::Frame(frame)))
                if frame.value().kind() == Kind::Object && typed[taken..].trim_ascii().is_empty() =>
            {
                frame.value()
            }
            Err(error) => return Err(Failure::BadCall(format!("ARGUMENTS-JSON: {error}. Try --help."))),
            Ok(_) => return Err(Failure::BadCall("ARGUMENTS-JSON is not one JSON object. Try --help.".into())),
        };
        let mut line: Line<'_> = synchronize(call, interrupts)?;
        let silent = command == "guest-shutdown" || command.starts_with("guest-suspend-");
        let request = Execute::new(command);
        let request = if silent { request.no_success_response() } else { request };
        let execute = match arguments {
            Some(_) => line.client.execute_with(request, |members| members.received(object)),
            None => line.client.execute(request),
        };
        execute.map_err(|error| Failure::BadCall(error.to_string()))?;
        let done = |reply: Reply<'_>| match reply {
            Reply::Return(value) if stdout().is_terminal() => print(format_args!("{}\n", Shown(value.as_bytes()))),
            Reply::Return(value) => print(format_args!("{value}\n")),
            Reply::Error(error) => Err(Failure::ErrorResponse(error.to_string())),
            _ => Ok(()),
        };
        let waited = match line.exchange(done) {
            Ok(outcome) => return outcome,
            Err(waited) => waited,
        };
        let silence_is_success = line.client.reset();
        match waited {
            Waited::Ended if silence_is_success => Ok(()),
            Waited::TimedOut if silence_is_success => {
                say(format_args!("no error arrived: a guest does not answer a successful {command}"));
                Ok(())
            }
            waited => Err(waited.into()),
        }
    }
}
