//! Shutting down and suspending.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use guestwire::commands::*;
use guestwire::{Call, CommandError, CommandResult};
use log::{info, warn};

use crate::guest::{Linux, program};

pub fn shutdown(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (shutdown, response): (Shutdown<'_>, _) = call.parse()?;
    let mode = shutdown.mode()?;
    info!("{} requested", mode.as_str());
    let outcome = match &guest.settings.shutdown_command {
        Some(command) => run(&[(command, &[mode.as_str()])]),
        None => guests_own(mode),
    };
    match outcome {
        Ok(()) => response.done(),
        Err(reason) => Err(CommandError::Failed(reason)),
    }
}

/// systemd and System V have `shutdown`, some systems with systemd only `systemctl`, BusyBox `poweroff` and others.
fn guests_own(mode: ShutdownMode) -> Result<(), &'static str> {
    let (option, verb) = match mode {
        ShutdownMode::Powerdown => ("-P", "poweroff"),
        ShutdownMode::Halt => ("-H", "halt"),
        ShutdownMode::Reboot => ("-r", "reboot"),
        _ => return Err("this way to shut down is not supported"),
    };
    run(&[
        ("shutdown".as_ref(), &["-h", option, "+0", "asked for by the hypervisor"]),
        ("systemctl".as_ref(), &[verb]),
        (verb.as_ref(), &[]),
    ])
}

/// Runs the commands in turn, until one succeeds.
fn run(commands: &[(&Path, &[&str])]) -> Result<(), &'static str> {
    let mut outcome = Err("no shutdown command was found");
    for (path, arguments) in commands {
        match program(path).args(*arguments).status() {
            Ok(status) if status.success() => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Ok(status) => warn!("{} failed: {status}", path.display()),
            Err(error) => warn!("{} cannot be run: {error}", path.display()),
        }
        outcome = Err("child process has failed to shutdown");
    }
    outcome
}

/// For suspending to disk, `kind` is what the system does afterwards.
pub fn suspend(call: Call<'_>, kind: &str, state: &str) -> CommandResult {
    let response = call.respond()?;
    info!("suspending: {state} {kind}");
    let kind_set = if kind.is_empty() { Ok(()) } else { fs::write("/sys/power/disk", kind) };
    match kind_set.and_then(|()| fs::write("/sys/power/state", state)) {
        Ok(()) => response.done(),
        Err(error) => {
            warn!("suspending failed: {error}");
            Err(CommandError::Failed("the requested suspend mode is not supported by the guest"))
        }
    }
}
