//! The agent's ports.

use std::fs::{File, remove_file};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use log::{debug, info, warn};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, umask};
use nix::sys::termios::{ControlFlags, SetArg, cfmakeraw, tcgetattr, tcsetattr};

use crate::LinuxAgent;

/// Serves requests until the input ends.
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
            // The agent stops taking bytes while a response waits to be written.
            bytes = &bytes[agent.push_slice(bytes)..];
            while !agent.transmit().is_empty() {
                debug!("sent {}", agent.transmit().escape_ascii());
                output.write_all(agent.transmit())?;
                agent.transmitted(agent.transmit().len());
            }
            output.flush()?;
        }
    }
}

/// The socket's file, once it exists, for the program to remove when it ends.
#[derive(Clone, Default)]
pub struct Socket(Arc<Mutex<Option<PathBuf>>>);

impl Socket {
    fn bind(&self, path: &Path) -> io::Result<UnixListener> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remove_stale(path)?;
        // Only its owner can ever open the socket.
        let before = umask(Mode::from_bits_truncate(0o177));
        let listener = UnixListener::bind(path);
        umask(before);
        *place = listener.is_ok().then(|| path.into());
        listener
    }

    pub fn remove(&self) {
        if let Some(path) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = remove_file(path);
        }
    }
}

pub fn listen(agent: &mut LinuxAgent, path: &Path, socket: &Socket) -> io::Result<()> {
    let listener = socket.bind(path).map_err(|error| name(path, error))?;
    info!("listening on {}", path.display());
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) => {
                warn!("cannot accept a client: {error}");
                sleep(Duration::from_secs(1));
                continue;
            }
        };
        info!("a client has connected");
        agent.reset();
        match serve(agent, &mut &client, &mut &client) {
            Ok(()) => info!("the client has disconnected"),
            Err(error) => info!("the client has disconnected: {error}"),
        }
    }
}

fn name(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Removes the socket of a dead agent, but not that of a running one, nor another kind of file.
fn remove_stale(path: &Path) -> io::Result<()> {
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

pub fn device(agent: &mut LinuxAgent, path: &Path) -> io::Result<()> {
    let mut port = open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let hint = "Has the virtual machine a channel of that name? Otherwise give --device or --listen.";
            io::Error::new(error.kind(), format!("{}: {error}. {hint}", path.display()))
        }
        _ => name(path, error),
    })?;
    info!("serving {}", path.display());
    loop {
        serve_device(agent, &port, path);
        // The old one is closed first: some ports can be open only once.
        drop(port);
        port = loop {
            sleep(Duration::from_secs(1));
            if let Ok(port) = open(path) {
                break port;
            }
        };
        info!("{} is open again", path.display());
    }
}

/// Serves until the port has to be opened again. Without a host, a virtio port reads as ended until one connects. A
/// terminal does so after a hang-up, for good.
fn serve_device(agent: &mut LinuxAgent, port: &File, path: &Path) {
    let is_terminal = port.is_terminal();
    loop {
        agent.reset();
        match serve(agent, &mut &*port, &mut &*port) {
            Ok(()) if is_terminal => return warn!("{} hung up", path.display()),
            Ok(()) => sleep(Duration::from_millis(100)),
            Err(error) => return warn!("{}: {error}", path.display()),
        }
    }
}

/// A terminal is set raw: no translation, no echo, no modem lines. It must not become the controlling terminal, or its
/// hang-up would end the agent.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK; // does not wait for a carrier
    let port = File::options().read(true).write(true).custom_flags(flags.bits()).open(path)?;
    if let Ok(mut settings) = tcgetattr(&port) {
        cfmakeraw(&mut settings);
        settings.control_flags |= ControlFlags::CLOCAL | ControlFlags::CREAD;
        tcsetattr(&port, SetArg::TCSANOW, &settings)?;
    }
    fcntl(&port, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(port)
}
