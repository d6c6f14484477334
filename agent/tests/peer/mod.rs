//! Agents as running programs, each on a socket in a temporary folder. Whatever a test does, all of it goes with it.
#![allow(dead_code, reason = "each test uses what it needs")]

#[path = "../../../tests/qapi/mod.rs"]
pub mod qapi;
pub mod root;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "still no {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `guestwire-agent` where it is to end by itself, and ends it if it does not.
pub fn short_lived(arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.arg(PATIENCE.as_secs().to_string()).arg(env!("CARGO_BIN_EXE_guestwire-agent")).args(arguments);
    command
}

/// Which moment a test is to fail at: see `a_forced_failure_leaves_nothing_behind`.
const FAILURE: &str = "GUESTWIRE_FAIL_AT";

/// Copies a program. Another process does it: one that this one is writing could not be run yet, while a child of
/// another test has the file open, too.
pub fn install(program: &Path, place: &Path) {
    let mut tool = Command::new("install");
    assert!(tool.arg("-m755").args([program, place]).status().unwrap().success(), "{}", place.display());
}

/// Marks the processes of a test, which inherit it.
const MARK: &str = "GUESTWIRE_TEST_FOLDER";

fn fails_at(moment: &str) {
    assert!(std::env::var_os(FAILURE).is_none_or(|at| at != moment), "forced");
}

/// Called by a test where a failure would leave most behind.
pub fn worst_moment() {
    fails_at("worst");
}

/// A temporary folder, and the processes that were started in its name.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Rc<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("guestwire-agent-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Rc::new(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A program that is ended with the folder, and all that it starts.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env(MARK, &self.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for pid in processes_of(&self.0) {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The processes that run with the folder, or one below it, in their environment.
pub fn processes_of(folder: &Path) -> Vec<Pid> {
    let mark = format!("{MARK}={}", folder.display());
    let is_marked = |pid: &Pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| Path::new(&*String::from_utf8_lossy(variable)).starts_with(&mark))
    };
    processes().into_iter().filter(is_marked).collect()
}

fn processes() -> Vec<Pid> {
    let names = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok().map(Pid::from_raw)).collect()
}

pub struct Peer {
    child: Child,
    socket: PathBuf,
    stream: Option<BufReader<UnixStream>>,
    folder: Rc<Folder>,
}

impl Peer {
    /// `guestwire-agent` with these options.
    pub fn ours(options: &[&str]) -> Self {
        let folder = Folder::new();
        let mut command = folder.command(env!("CARGO_BIN_EXE_guestwire-agent"));
        command.arg("--listen").arg(folder.join("socket")).arg("--state-dir").arg(folder.path()).args(options);
        Self::start(&folder, &folder.join("socket"), &mut command)
    }

    /// `QEMU_GA` names another than the first in `PATH`; `.ci/qemu-ga` fetches one.
    pub fn qemu_ga() -> Self {
        let folder = Folder::new();
        let mut command = folder.command(std::env::var_os("QEMU_GA").unwrap_or_else(|| "qemu-ga".into()));
        command.args(["-m", "unix-listen", "-p"]).arg(folder.join("socket"));
        command.arg("-t").arg(folder.path()).arg("-f").arg(folder.join("pid"));
        Self::start(&folder, &folder.join("socket"), &mut command)
    }

    /// Starts the command, and connects to the socket that it makes.
    pub fn start(folder: &Rc<Folder>, socket: &Path, command: &mut Command) -> Self {
        let _ = std::fs::remove_file(socket);
        let child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let mut peer = Self { child, socket: socket.into(), stream: None, folder: folder.clone() };
        fails_at("start");
        peer.connect();
        peer
    }

    /// In place of the connection that there was.
    pub fn connect(&mut self) {
        self.stream = None;
        let stream = wait_for("socket", || {
            assert_eq!(self.child.try_wait().unwrap(), None, "the agent ended");
            UnixStream::connect(&self.socket).ok()
        });
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        self.stream = Some(BufReader::new(stream));
    }

    pub fn folder(&self) -> &Rc<Folder> {
        &self.folder
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    pub fn stream(&self) -> &UnixStream {
        self.stream.as_ref().unwrap().get_ref()
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).unwrap();
    }

    pub fn receive(&mut self) -> Value {
        let mut response = Vec::new();
        self.stream.as_mut().unwrap().read_until(b'\n', &mut response).expect("an answer");
        serde_json::from_slice(response.strip_prefix(b"\xFF").unwrap_or(&response)).expect("JSON")
    }

    /// The response, whole. What is returned follows the schema.
    pub fn ask(&mut self, command: &str, arguments: Value) -> Value {
        self.send(format!("{}\n", json!({"execute": command, "arguments": arguments})).as_bytes());
        let response = self.receive();
        if let Some(returned) = response.get("return") {
            qapi::check_return(command, returned);
        }
        response
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

    /// What a program came to, once it has ended.
    pub fn ended(&mut self, pid: &Value) -> Value {
        wait_for("end of the program", || {
            let status = self.returned("guest-exec-status", json!({"pid": pid}));
            (status["exited"] == true).then_some(status)
        })
    }

    /// Sends a signal, and waits for the end that it brings.
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        kill(self.pid(), signal).unwrap();
        wait_for("end of the agent", || self.child.try_wait().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        // Not without end: it may wait for what the test has frozen, and thaws next.
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Each test of this program once more, failing when its agent has started, and at its worst moment.
#[test]
#[ignore = "needs root, and what the other tests need"]
fn a_forced_failure_leaves_nothing_behind() {
    let folder = Folder::new();
    for moment in ["start", "worst"] {
        let mut tests = folder.command(std::env::current_exe().unwrap());
        tests.args(["--include-ignored", "--skip", "a_forced_failure"]);
        let log = folder.join("log");
        tests.env("TMPDIR", folder.path()).env(FAILURE, moment).stdout(std::fs::File::create(&log).unwrap());
        let outcome = tests.status().unwrap();
        let said = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(&log).unwrap();
        let failed = said.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ... FAILED")).count();
        let forced = said.lines().filter(|line| *line == "forced").count();
        assert_eq!(outcome.code(), Some(101), "none failed at {moment}\n{said}");
        assert_eq!(failed, forced, "what failed at {moment} was not all forced\n{said}");

        let images: Vec<_> = std::fs::read_dir("/sys/block").unwrap().flatten().collect();
        let is_ours = |loop_device: &std::fs::DirEntry| {
            let image = std::fs::read(loop_device.path().join("loop/backing_file")).unwrap_or_default();
            Path::new(&*String::from_utf8_lossy(&image)).starts_with(folder.path())
        };
        wait_for("end of the loop devices", || (!images.iter().any(is_ours)).then_some(()));
        wait_for("end of the processes", || processes_of(folder.path()).is_empty().then_some(()));
        let mounts = std::fs::read("/proc/mounts").unwrap();
        assert!(!String::from_utf8_lossy(&mounts).contains(folder.path().to_str().unwrap()));
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
