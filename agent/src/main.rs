//! `guestwire-agent`: a small QEMU guest agent for Linux.

mod files;
mod guest;
mod network;
mod ports;
mod programs;
mod storage;
mod system;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use guest::{Group, Linux};
use guestwire::Agent;

/// Requests of up to 65535 bytes, responses of up to 1 MiB: both streams of a program's output.
type LinuxAgent = Agent<Linux, 65535, { 1 << 20 }>;

const HELP: &str = "\
A QEMU guest agent for Linux.

Usage: guestwire-agent [--device PATH]  a virtio or serial port, if not said
                                        /dev/virtio-ports/org.qemu.guest_agent.0
       guestwire-agent --listen PATH    a unix socket, for one client at a time
       guestwire-agent --stdio          requests on standard input, responses on
                                        standard output, to the end of input

  --allow GROUP[,GROUP]    what is off unless allowed:
                             shutdown  guest-shutdown, guest-suspend-*
                             set-time  guest-set-time
                             files     guest-file-*
                             exec      guest-exec, guest-exec-status
  --block NAME[,NAME]      commands that are not served
  --log LEVEL              what is logged to standard error: off, error, warn,
                           info (if not said), debug
  --commands               the commands there are, with the group of each
  -h, --help               this text
  -V, --version            the version

Exit status: 0 done, 1 something failed, 2 a bad call.
";

enum Port {
    Device(PathBuf),
    Listen(PathBuf),
    Stdio,
}

enum Call {
    Serve { port: Port, guest: Linux, level: log::LevelFilter },
    Commands,
    Help,
    Version,
}

fn main() -> ExitCode {
    let call = match parse(lexopt::Parser::from_env()) {
        Ok(call) => call,
        Err(error) => {
            eprintln!("guestwire-agent: {error}. Try --help.");
            return ExitCode::from(2);
        }
    };
    let outcome = match call {
        Call::Serve { port, guest, level } => serve(port, guest, level),
        Call::Commands => guest::list(&mut io::stdout()),
        Call::Help => write!(io::stdout(), "{HELP}"),
        Call::Version => writeln!(io::stdout(), "guestwire-agent {}", env!("CARGO_PKG_VERSION")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guestwire-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: Port, guest: Linux, level: log::LevelFilter) -> io::Result<()> {
    let mut logger = env_logger::Builder::new();
    logger.filter_level(level);
    logger.format(|out, record| writeln!(out, "{}: {}", record.level().as_str().to_lowercase(), record.args()));
    logger.init();
    let mut agent: Box<LinuxAgent> = Box::new(Agent::new(guest));
    match port {
        Port::Stdio => ports::serve(&mut agent, &mut io::stdin().lock(), &mut io::stdout().lock()),
        Port::Listen(path) => ports::listen(&mut agent, &path),
        Port::Device(path) => ports::device(&mut agent, &path),
    }
}

fn parse(mut parser: lexopt::Parser) -> Result<Call, lexopt::Error> {
    use lexopt::prelude::*;
    let (mut port, mut allowed, mut blocked) = (None, Vec::new(), Vec::new());
    let mut level = log::LevelFilter::Info;
    while let Some(argument) = parser.next()? {
        let next = match argument {
            Long("device") => Port::Device(parser.value()?.into()),
            Long("listen") => Port::Listen(parser.value()?.into()),
            Long("stdio") => Port::Stdio,
            Long("allow") => {
                for name in parser.value()?.string()?.split(',') {
                    allowed.push(Group::named(name).ok_or_else(|| format!("--allow knows no group {name:?}"))?);
                }
                continue;
            }
            Long("block") => {
                for name in parser.value()?.string()?.split(',') {
                    blocked.push(guest::blockable(name).ok_or_else(|| {
                        format!("--block: there is no command {name:?}, or it cannot be blocked (see --commands)")
                    })?);
                }
                continue;
            }
            Long("log") => {
                let name = parser.value()?.string()?;
                level = name.parse().map_err(|_| format!("--log knows no level {name:?}"))?;
                continue;
            }
            Long("commands") => return Ok(Call::Commands),
            Short('h') | Long("help") => return Ok(Call::Help),
            Short('V') | Long("version") => return Ok(Call::Version),
            _ => return Err(argument.unexpected()),
        };
        if port.replace(next).is_some() {
            return Err("only one of --device, --listen and --stdio can be given".into());
        }
    }
    let port = port.unwrap_or(Port::Device("/dev/virtio-ports/org.qemu.guest_agent.0".into()));
    Ok(Call::Serve { port, guest: Linux::new(allowed, blocked), level })
}
