//! Agents as running programs, each on a socket in a temporary folder of its own, ended with the test.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Peer {
    child: Child,
    folder: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Peer {
    /// `guestwire-agent` with these options.
    pub fn ours(options: &[&str]) -> Self {
        Self::start(|folder| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_guestwire-agent"));
            command.arg("--listen").arg(folder.join("socket")).args(options);
            command
        })
    }

    pub fn qemu_ga() -> Self {
        Self::start(|folder| {
            let mut command = Command::new("qemu-ga");
            command.args(["-m", "unix-listen", "-p"]).arg(folder.join("socket"));
            command.arg("-t").arg(folder).arg("-f").arg(folder.join("pid"));
            command
        })
    }

    fn start(command: impl FnOnce(&Path) -> Command) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("guestwire-agent-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let child = command(&folder).stderr(Stdio::null()).spawn().expect("qemu-ga: apt-get install qemu-guest-agent");
        let started = Instant::now();
        let stream = loop {
            match UnixStream::connect(folder.join("socket")) {
                Ok(stream) => break stream,
                Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { child, folder, stream: BufReader::new(stream) }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The response, whole.
    pub fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let request = json!({"execute": command, "arguments": arguments});
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut response = Vec::new();
        self.stream.read_until(b'\n', &mut response).expect("an answer");
        serde_json::from_slice(response.strip_prefix(b"\xFF").unwrap_or(&response)).expect("JSON")
    }

    /// What the command returns.
    pub fn returned(&mut self, command: &str, arguments: Value) -> Value {
        let response = self.ask(command, arguments);
        response.get("return").unwrap_or_else(|| panic!("{command}: {response}")).clone()
    }

    /// The class and the description of the error that the command draws.
    pub fn error(&mut self, command: &str, arguments: Value) -> (String, String) {
        let response = self.ask(command, arguments);
        let text = |name| response["error"][name].as_str().unwrap_or_else(|| panic!("{command}: {response}")).into();
        (text("class"), text("desc"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
