//! What the agent is reached through.

use std::fs::{File, remove_file};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use log::{debug, info, warn};
use nix::sys::stat::{Mode, umask};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use crate::LinuxAgent;

/// Serves what comes until the input ends. An agent never takes more than it has answered.
pub fn serve(agent: &mut LinuxAgent, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let mut bytes = &buffer[..count];
        debug!("received {}", bytes.escape_ascii());
        while !bytes.is_empty() {
            // WouldBlock: a request waits for the response before it to be written, which it is now.
            let _ = agent.push_slice(&mut bytes);
            while !agent.transmit().is_empty() {
                debug!("sent {}", agent.transmit().escape_ascii());
                output.write_all(agent.transmit())?;
                agent.transmitted(agent.transmit().len());
            }
            output.flush()?;
        }
    }
}

pub fn listen(agent: &mut LinuxAgent, path: &Path) -> io::Result<()> {
    let named = |error| name(path, error);
    remove_stale(path).map_err(named)?;
    // From its first moment on the socket is its owner's alone.
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener.map_err(named)?;
    info!("listening on {}", path.display());
    loop {
        let (client, _) = listener.accept().map_err(named)?;
        info!("a client is here");
        agent.reset();
        match serve(agent, &mut &client, &mut &client) {
            Ok(()) => info!("the client is gone"),
            Err(error) => info!("the client is gone: {error}"),
        }
    }
}

fn name(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Removes the socket of an agent that has died; one that lives, or another kind of file, is left alone.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(file) if !file.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "is there, and is no socket"))
        }
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => remove_file(path),
            _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another agent listens there")),
        },
    }
}

/// A virtio port reads as ended while no host is connected, and a serial adapter may go away: both come back.
pub fn device(agent: &mut LinuxAgent, path: &Path) -> io::Result<()> {
    let mut port = open(path).map_err(|error| name(path, error))?;
    info!("serving {}", path.display());
    loop {
        agent.reset();
        match serve(agent, &mut &port, &mut &port) {
            Ok(()) => sleep(Duration::from_millis(100)),
            Err(error) => {
                warn!("{}: {error}; opening it again", path.display());
                port = loop {
                    sleep(Duration::from_secs(1));
                    if let Ok(port) = open(path) {
                        break port;
                    }
                };
            }
        }
    }
}

/// A terminal is set raw: bytes as they are, nothing echoed.
fn open(path: &Path) -> io::Result<File> {
    let port = File::options().read(true).write(true).open(path)?;
    if let Ok(mut settings) = tcgetattr(&port) {
        cfmakeraw(&mut settings);
        tcsetattr(&port, SetArg::TCSANOW, &settings)?;
    }
    Ok(port)
}
