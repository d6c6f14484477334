//! A guest agent as a program, to try the protocol.
//!
//!     cargo run --example agent -- --listen /tmp/guest.sock      (and in another terminal:)
//!     cargo run --example client -- /tmp/guest.sock guest-info
//!     echo '{"execute": "guest-ping"}' | cargo run --example agent -- --stdio

use std::fmt::Arguments;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use guestwire::{Agent, Command, CommandError, Guest};

const HELP: &str = "\
A small QEMU guest agent.

Usage: agent --stdio            requests on standard input, responses on
                                standard output; ends at the end of input
       agent --listen PATH      a unix socket, for one client at a time
       agent --device PATH      a serial or virtio port, such as
                                /dev/virtio-ports/org.qemu.guest_agent.0

  -h, --help                    print this help
  -V, --version                 print the version

SIGTERM and Ctrl-C end it and remove its socket.

Exit status: 0 success, 1 failure, 2 wrong usage, 141 output closed early.
";

/// The state of the commands: none.
struct Host;

impl Guest for Host {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] = COMMANDS;
}

const COMMANDS: &[Command<Host>] = &[
    Command::new("guest-get-time", |_, call| {
        let response = call.respond()?;
        let since_1970 = UNIX_EPOCH.elapsed().map_err(|_| CommandError::Failed("the clock is before 1970"))?;
        response.integer(since_1970.as_nanos() as i64)
    }),
    Command::new("guest-get-host-name", |_, call| {
        let response = call.respond()?;
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "localhost".into());
        response.object(|host| host.member("host-name").string(name.trim_end()))
    }),
    Command::new("guest-shutdown", |_, call| {
        let mode = call.arguments.optional_string("mode")?;
        let response = call.respond()?;
        let mode = match mode {
            None => "powerdown",
            Some(mode) => *["halt", "powerdown", "reboot"]
                .iter()
                .find(|known| mode == **known)
                // as qemu-ga says it: nothing closes the bracket
                .ok_or(CommandError::Failed("mode is invalid (valid values are: halt|powerdown|reboot"))?,
        };
        say(format_args!("{mode} requested; this example ignores it"));
        response.done()
    })
    .no_success_response(),
];

/// The largest buffers.
type HostAgent = Agent<Host, 65535, 65535>;

enum Mode {
    Stdio,
    Listen(String),
    Device(String),
    Help,
    Version,
}

fn main() -> ExitCode {
    let mode = match parse() {
        Ok(mode) => mode,
        Err(error) => {
            say(format_args!("{error}. Try --help."));
            return ExitCode::from(2);
        }
    };
    let mut agent: Box<HostAgent> = Box::new(Agent::new(Host));
    let outcome = match &mode {
        Mode::Stdio => serve(&mut agent, &mut io::stdin().lock(), &mut io::stdout().lock()).map(|_| ()),
        Mode::Listen(path) => port::listen(&mut agent, path),
        Mode::Device(path) => port::device(&mut agent, path),
        Mode::Help => write!(io::stdout(), "{HELP}"),
        Mode::Version => writeln!(io::stdout(), "agent {}", env!("CARGO_PKG_VERSION")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the pipe has gone, as in `agent --help | head -1`: exit as if by SIGPIPE.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(141),
        Err(error) => {
            say(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Unlike `eprintln!`, this does not panic if standard error is closed: the agent runs on.
fn say(message: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "agent: {message}");
}

fn parse() -> Result<Mode, lexopt::Error> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_env();
    let mut mode = None;
    while let Some(argument) = parser.next()? {
        let next = match argument {
            Long("stdio") => Mode::Stdio,
            Long("listen") => Mode::Listen(parser.value()?.string()?),
            Long("device") => Mode::Device(parser.value()?.string()?),
            Short('h') | Long("help") => return Ok(Mode::Help),
            Short('V') | Long("version") => return Ok(Mode::Version),
            _ => return Err(argument.unexpected()),
        };
        if mode.replace(next).is_some() {
            return Err("only one of --stdio, --listen and --device can be given".into());
        }
    }
    mode.ok_or_else(|| "one of --stdio, --listen and --device is needed".into())
}

/// Serves requests until the input ends.
fn serve(agent: &mut HostAgent, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let mut bytes = &buffer[..count];
        while !bytes.is_empty() {
            // The agent stops taking bytes while a response waits to be written.
            bytes = &bytes[agent.push_slice(bytes)..];
            while !agent.transmit().is_empty() {
                output.write_all(agent.transmit())?;
                agent.transmitted(agent.transmit().len());
            }
            output.flush()?;
        }
    }
}

#[cfg(not(unix))]
mod port {
    use std::io;

    pub fn listen(_: &mut super::HostAgent, _: &str) -> io::Result<()> {
        Err(io::Error::other("--listen needs Unix; --stdio works here"))
    }

    pub fn device(_: &mut super::HostAgent, _: &str) -> io::Result<()> {
        Err(io::Error::other("--device needs Unix; --stdio works here"))
    }
}

#[cfg(unix)]
mod port {
    use std::fs::{File, remove_file};
    use std::io::{self, Read};
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread::{self, sleep};
    use std::time::Duration;

    use rustix::fs::{Mode, OFlags};
    use rustix::process::umask;
    use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::low_level::pipe;

    use super::{HostAgent, say, serve};

    pub fn listen(agent: &mut HostAgent, path: &str) -> io::Result<()> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"));
        let (mut signals, handler) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            pipe::register(signal, handler.try_clone()?)?;
        }
        remove_stale(path).map_err(named)?;
        // Only its owner can ever open the socket.
        let before = umask(Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(path);
        umask(before);
        let listener = listener.map_err(named)?;
        let socket = path.to_owned();
        thread::spawn(move || {
            let _ = signals.read(&mut [0]);
            let _ = remove_file(socket);
            std::process::exit(0);
        });
        say(format_args!("listening on {path}"));
        loop {
            let client = match listener.accept() {
                Ok((client, _)) => client,
                // The client has already gone, or too many files are open. Both pass.
                Err(error) => {
                    say(format_args!("{path}: {error}"));
                    sleep(Duration::from_secs(1));
                    continue;
                }
            };
            say(format_args!("a client has connected"));
            agent.reset();
            match serve(agent, &mut &client, &mut &client) {
                Ok(()) => say(format_args!("the client has disconnected")),
                Err(error) => say(format_args!("the client has disconnected: {error}")),
            }
        }
    }

    /// Removes the socket of a dead agent, but not that of a running one, nor another kind of file.
    fn remove_stale(path: &str) -> io::Result<()> {
        match std::fs::symlink_metadata(path) {
            Err(_) => Ok(()),
            Ok(file) if !file.file_type().is_socket() => {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, "exists, and is not a socket"))
            }
            Ok(_) => match UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => remove_file(path),
                Err(error) => Err(error),
                Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another agent is listening")),
            },
        }
    }

    /// A virtio port reads as ended while no host is connected, so it is read again. A terminal that ends has hung up,
    /// and any other error means that the port is gone: both are opened again.
    pub fn device(agent: &mut HostAgent, path: &str) -> io::Result<()> {
        let mut port = open(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        let is_terminal = isatty(&port);
        say(format_args!("serving {path}"));
        loop {
            agent.reset();
            let reason = match serve(agent, &mut &port, &mut &port) {
                Ok(()) if !is_terminal => {
                    sleep(Duration::from_millis(100));
                    continue;
                }
                Ok(()) => "it hung up".to_owned(),
                Err(error) => error.to_string(),
            };
            say(format_args!("{path}: {reason}; opening it again"));
            port = loop {
                sleep(Duration::from_secs(1));
                if let Ok(port) = open(path) {
                    break port;
                }
            };
        }
    }

    /// A terminal is set raw: no translation, no echo. It must not become the controlling terminal, or its hang-up
    /// would end the agent by SIGHUP.
    fn open(path: &str) -> io::Result<File> {
        let port = File::from(rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?);
        if isatty(&port) {
            let mut settings = tcgetattr(&port)?;
            settings.make_raw();
            tcsetattr(&port, OptionalActions::Now, &settings)?;
        }
        Ok(port)
    }
}
