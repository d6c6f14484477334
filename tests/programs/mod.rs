//! The examples as running programs, each in a temporary folder of its own, ended with the test.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const PATIENCE: Duration = Duration::from_secs(10);

/// An example, which cargo has built beside the test.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    Command::new(test.parent().unwrap().parent().unwrap().join("examples").join(name))
}

pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("guestwire-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `agent --listen`.
pub struct ListeningAgent {
    child: Child,
    folder: Folder,
}

impl ListeningAgent {
    pub fn start() -> Self {
        let folder = Folder::new();
        let child = example("agent").arg("--listen").arg(folder.path("socket")).stderr(Stdio::null()).spawn().unwrap();
        let agent = Self { child, folder };
        let started = Instant::now();
        while !agent.socket().exists() {
            assert!(started.elapsed() < PATIENCE, "the agent does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        agent
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path("socket")
    }

    /// A connection on which reading fails rather than waits for ever.
    pub fn connect(&self) -> UnixStream {
        let started = Instant::now();
        loop {
            match UnixStream::connect(self.socket()) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    return stream;
                }
                Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ListeningAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two pseudo-terminals wired to each other: a serial line with a port at either end.
pub struct SerialLine {
    pub ports: [PathBuf; 2],
    _ends: [OwnedFd; 2],
}

impl SerialLine {
    pub fn new() -> Self {
        let ends = [(); 2].map(|()| {
            let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            grantpt(&end).unwrap();
            unlockpt(&end).unwrap();
            end
        });
        let ports = ends.each_ref().map(|end| PathBuf::from(ptsname(end, Vec::new()).unwrap().into_string().unwrap()));
        let [one, other] = ends.each_ref().map(|end| File::from(end.try_clone().unwrap()));
        let relay = |mut from: File, mut to: File| {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                loop {
                    match from.read(&mut buffer) {
                        Ok(count) => to.write_all(&buffer[..count]).unwrap(),
                        // Nobody has opened that port.
                        Err(_) => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
            })
        };
        relay(one.try_clone().unwrap(), other.try_clone().unwrap());
        relay(other, one);
        Self { ports, _ends: ends }
    }
}

/// Sends, and reads so many lines.
pub fn ask(stream: &mut UnixStream, request: &[u8], lines: usize) -> Vec<u8> {
    stream.write_all(request).unwrap();
    let mut received = Vec::new();
    while received.iter().filter(|byte| **byte == b'\n').count() < lines {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        received.push(byte[0]);
    }
    received
}
