//! Guests for the tests: built by cargo, booted in a separate temporary folder, ended with the test.

pub mod healthy;
pub mod named_ports;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The time limit for everything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How the byte 0xFF shows in text: as the replacement character.
pub const SENTINEL: char = '\u{FFFD}';

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs a command, which must succeed.
#[track_caller]
pub fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// Builds a board's firmware and returns the path of the ELF file, which differs with the features.
pub fn build(board: &str, target: &str, program: &str, features: &str) -> PathBuf {
    let folder = workspace().join("target").join(features);
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--bin", program, "--features", features, "--target-dir"]).arg(&folder);
    succeeds(build.current_dir(workspace().join(board)));
    folder.join(target).join("release").join(program)
}

/// `examples/client` of the crate, built.
pub fn client() -> PathBuf {
    let root = workspace().parent().unwrap().to_owned();
    succeeds(Command::new("cargo").args(["build", "--quiet", "--example", "client"]).current_dir(&root));
    root.join("target/debug/examples/client")
}

/// A temporary folder, removed on drop.
pub struct Folder(PathBuf);

impl Folder {
    #[expect(clippy::new_without_default, reason = "each is another")]
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

/// A guest in QEMU, booted by its board's `run`, as `cargo run` does it.
pub struct Guest {
    child: Child,
    folder: Folder,
}

impl Guest {
    /// Boots, and waits for the log message.
    pub fn boot(board: &str, elf: &Path, qemu_options: &str) -> Self {
        let guest = Self::start(board, elf, qemu_options);
        guest.wait_for_log("the agent is ready", 1);
        guest
    }

    /// Starts QEMU. The log is what the guest prints.
    pub fn start(board: &str, elf: &Path, qemu_options: &str) -> Self {
        Self::start_on(board, elf, "", qemu_options)
    }

    /// With other options for the agent's port, on the character device `agent`.
    pub fn start_on(board: &str, elf: &Path, port: &str, qemu_options: &str) -> Self {
        let folder = Folder::new();
        let [log, errors] = ["log", "errors"].map(|name| File::create(folder.path(name)).unwrap());
        let child = Command::new("timeout")
            .args(["--signal=KILL", "900", "./run"])
            .arg(elf)
            .current_dir(workspace().join(board))
            .env("GUEST_SOCKET", folder.path("socket"))
            .env("GUEST_PORT", port)
            .env(
                "QEMU_OPTIONS",
                format!("{qemu_options} -qmp unix:{},server=on,wait=off", folder.path("qmp").display()),
            )
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    /// Sends QEMU a QMP command, which must succeed.
    #[track_caller]
    pub fn qmp(&self, command: &str) {
        assert_eq!(self.try_qmp(command), "{\"return\": {}}\r", "{command}");
    }

    /// Sends QEMU a QMP command, and returns the answer.
    #[track_caller]
    pub fn try_qmp(&self, command: &str) -> String {
        let mut monitor = Line::connect(&self.folder.path("qmp"));
        assert!(monitor.receive().starts_with("{\"QMP\":"));
        monitor.ask(r#"{"execute":"qmp_capabilities"}"#);
        monitor.send(command.as_bytes());
        loop {
            let answer = monitor.receive();
            if !answer.contains("\"event\":") {
                return answer;
            }
        }
    }

    /// Sends a break once the UART has received all that was sent on `line`, and the guest has read it: then the UART's
    /// register shows `idle`. `register` is the command of QEMU's monitor that reads it.
    ///
    /// QMP is another connection, so without that the break might overtake the bytes.
    #[track_caller]
    pub fn send_break(&self, line: &Line, register: &str, idle: &str) {
        let read = format!(r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"{register}"}}}}"#);
        line.wait_until_read();
        let started = Instant::now();
        while !self.try_qmp(&read).contains(idle) {
            assert!(started.elapsed() < PATIENCE, "the guest does not read: {}", self.try_qmp(&read));
            std::thread::sleep(Duration::from_millis(5));
        }
        self.qmp(r#"{"execute":"chardev-send-break","arguments":{"id":"agent"}}"#);
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path("socket")
    }

    pub fn log(&self) -> Vec<u8> {
        std::fs::read(self.folder.path("log")).unwrap()
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path("errors")).unwrap()
    }

    /// Waits until a line was logged this many times.
    #[track_caller]
    pub fn wait_for_log(&self, line: &str, times: usize) {
        let started = Instant::now();
        while self.log().split(|byte| *byte == b'\n').filter(|logged| *logged == line.as_bytes()).count() < times {
            assert!(started.elapsed() < PATIENCE, "not logged {times} times: {line}\n{}", self.errors());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn connect(&self) -> Line {
        Line::connect(&self.socket())
    }

    /// Connects after another client, and synchronizes: the end of that one's last answer may still come.
    #[track_caller]
    pub fn reconnect(&self) -> Line {
        let mut line = self.connect();
        let id = 0x5EC0_4D00;
        line.send(format!("\n{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{id}}}}}").as_bytes());
        while !line.receive().ends_with(&format!("{SENTINEL}{{\"return\": {id}}}")) {}
        line
    }

    /// Waits for QEMU to end, and returns whether it succeeded.
    #[track_caller]
    pub fn ends_well(&mut self) -> bool {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(started.elapsed() < PATIENCE, "QEMU runs on\n{}", self.errors());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        terminate(&mut self.child);
    }
}

/// Ends a program that runs under `timeout`, which forwards the signal.
pub fn terminate(child: &mut Child) {
    if let (Ok(None), Some(pid)) = (child.try_wait(), rustix::process::Pid::from_raw(child.id() as i32)) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = child.wait();
    }
}

/// A host's end of the agent's port.
pub struct Line {
    reader: BufReader<UnixStream>,
}

impl Line {
    /// Connects as soon as QEMU listens.
    pub fn connect(socket: &Path) -> Self {
        let started = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(started.elapsed() < PATIENCE, "{}: {error}", socket.display()),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// The next line, without its end. The sentinel shows as [`SENTINEL`].
    #[track_caller]
    pub fn receive(&mut self) -> String {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).unwrap_or_else(|error| panic!("no answer: {error}"));
        let line = line.strip_suffix(b"\n").unwrap_or_else(|| panic!("the line ended: {}", line.escape_ascii()));
        String::from_utf8_lossy(line).into_owned()
    }

    #[track_caller]
    pub fn ask(&mut self, request: &str) -> String {
        self.send(request.as_bytes());
        self.receive()
    }

    /// Waits until QEMU has read what was sent.
    #[track_caller]
    pub fn wait_until_read(&self) {
        let started = Instant::now();
        while self.unread() > 0 {
            assert!(started.elapsed() < PATIENCE, "QEMU does not read");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How much of what was sent QEMU has not read yet. Not exactly as many bytes, but 0 if it is none.
    fn unread(&self) -> i32 {
        const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
        // SAFETY: this request writes an `int`.
        unsafe { rustix::ioctl::ioctl(self.reader.get_ref(), rustix::ioctl::Getter::<SIOCOUTQ, i32>::new()) }.unwrap()
    }

    /// Another end for the same port, to send from another thread.
    pub fn stream(&self) -> UnixStream {
        self.reader.get_ref().try_clone().unwrap()
    }
}
