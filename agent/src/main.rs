//! `guestwire-agent`: a small QEMU guest agent for Linux.

mod accounts;
mod files;
mod freeze;
mod guest;
mod ioctl;
mod logs;
mod memory;
mod mounts;
mod network;
mod ports;
mod power;
mod programs;
mod signals;
mod statistics;
mod storage;
mod system;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use guest::{Group, Linux, Settings};
use guestwire::Agent;
use ports::Socket;

/// Requests of up to 65535 bytes, responses of up to 1 MiB: both streams of a program's output.
type LinuxAgent = Agent<Linux, 65535, { 1 << 20 }>;

const HELP: &str = "\
A QEMU guest agent for Linux.

Usage: guestwire-agent [--device PATH]  a virtio or serial port; default:
                                        /dev/virtio-ports/org.qemu.guest_agent.0
       guestwire-agent --listen PATH    a unix socket, for one client at a time
       guestwire-agent --stdio          requests on standard input, responses on
                                        standard output, to the end of input

  --allow GROUP[,GROUP]    turn on commands that are off by default:
                             shutdown  guest-shutdown, guest-suspend-*
                             set-time  guest-set-time
                             files     guest-file-*
                             exec      guest-exec, guest-exec-status
                             accounts  guest-set-user-password, guest-ssh-*
  --block NAME[,NAME]      turn off these commands
  --shutdown-command PATH  program to shut down with; its argument is powerdown,
                           halt or reboot (default: the first of shutdown,
                           systemctl and poweroff, halt, reboot that succeeds)
  --state-dir PATH         folder for the file that tells the next agent that
                           file systems are frozen (default /run)
  --log LEVEL              log to standard error: off, error, warn, info
                           (default), debug
  --commands               list all commands with their groups
  -h, --help               print this help
  -V, --version            print the version

Exit status: 0 success, 1 failure, 2 wrong usage, 141 output closed early.
";

enum Port {
    Device(PathBuf),
    Listen(PathBuf),
    Stdio,
}

enum Call {
    Serve { port: Port, settings: Settings, level: log::LevelFilter },
    Commands,
    Help,
    Version,
}

fn main() -> ExitCode {
    let call = match parse(lexopt::Parser::from_env()) {
        Ok(call) => call,
        Err(error) => {
            complain(format_args!("{error}. Try --help."));
            return ExitCode::from(2);
        }
    };
    let outcome = match call {
        Call::Serve { port, settings, level } => serve(port, settings, level),
        Call::Commands => guest::list(&mut io::stdout()),
        Call::Help => write!(io::stdout(), "{HELP}"),
        Call::Version => writeln!(io::stdout(), "guestwire-agent {}", env!("CARGO_PKG_VERSION")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of standard output has gone: exit as if by SIGPIPE.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(141),
        Err(error) => {
            complain(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Standard error may have no reader any more.
fn complain(what: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "guestwire-agent: {what}");
}

fn serve(port: Port, settings: Settings, level: log::LevelFilter) -> io::Result<()> {
    logs::start(level);
    let guest = Linux::new(settings);
    let (programs, socket) = (guest.programs.clone(), Socket::default());
    signals::watch(programs.clone(), socket.clone())?;
    let mut agent: Box<LinuxAgent> = Box::new(Agent::new(guest));
    let outcome = match port {
        Port::Stdio => ports::serve(&mut agent, &mut io::stdin().lock(), &mut io::stdout().lock()),
        Port::Listen(path) => ports::listen(&mut agent, &path, &socket),
        Port::Device(path) => ports::device(&mut agent, &path),
    };
    programs.end();
    outcome
}

fn parse(mut parser: lexopt::Parser) -> Result<Call, lexopt::Error> {
    use lexopt::prelude::*;
    let mut port = None;
    let mut settings =
        Settings { allowed: Vec::new(), blocked: Vec::new(), state: "/run".into(), shutdown_command: None };
    let mut level = log::LevelFilter::Info;
    while let Some(argument) = parser.next()? {
        let next = match argument {
            Long("device") => Port::Device(parser.value()?.into()),
            Long("listen") => Port::Listen(parser.value()?.into()),
            Long("stdio") => Port::Stdio,
            Long("allow") => {
                for name in parser.value()?.string()?.split(',') {
                    let unknown = || format!("--allow: no group {name:?}, only {}", Group::names());
                    settings.allowed.push(Group::named(name).ok_or_else(unknown)?);
                }
                continue;
            }
            Long("block") => {
                for name in parser.value()?.string()?.split(',') {
                    settings.blocked.push(guest::blockable(name).ok_or_else(|| {
                        format!("--block: there is no command {name:?}, or it cannot be blocked (see --commands)")
                    })?);
                }
                continue;
            }
            Long("shutdown-command") => {
                settings.shutdown_command = Some(parser.value()?.into());
                continue;
            }
            Long("state-dir") => {
                settings.state = parser.value()?.into();
                continue;
            }
            Long("log") => {
                let name = parser.value()?.string()?;
                level = name
                    .parse()
                    .map_err(|_| format!("--log: no level {name:?}, only off, error, warn, info, debug"))?;
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
    Ok(Call::Serve { port, settings, level })
}
