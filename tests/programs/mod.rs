//! Programs that a test runs, with their sockets and terminals.
//!
//! Every wait has a bound, children inherit nothing, and everything is removed when the test ends, even if it fails:
//! [`leaves_nothing_behind`] checks that.
#![allow(dead_code, reason = "each test uses what it needs")]

pub mod qemu_ga;

use std::cell::Cell;
use std::fs::File;
use std::io::{PipeWriter, Read, Write, pipe};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

/// More than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    may_fail();
}

/// An example, built by cargo beside the test. Only the test sees its output.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.parent().unwrap().parent().unwrap().join("examples").join(name));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A temporary folder.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::Builder::new().prefix("guestwire-").tempdir().unwrap());
        may_fail();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = self.0.path().read_dir().unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A running program, ended with the test. Both of its outputs are read all the time, if they are pipes.
pub struct Program {
    child: Child,
    name: String,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    said: Vec<u8>,
}

impl Program {
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let (stdout, stderr) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
        let program = Self { child, name, stdout, stderr, said: Vec::new() };
        may_fail();
        program
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its standard input, which ends when that is dropped.
    pub fn input(&mut self) -> impl Write + use<> {
        self.child.stdin.take().unwrap()
    }

    /// Waits for this text on its standard error, and drops everything up to it.
    #[track_caller]
    pub fn says(&mut self, text: &str) {
        let started = Instant::now();
        loop {
            let said = String::from_utf8_lossy(&self.said);
            if let Some(start) = said.find(text) {
                self.said = said[start + text.len()..].into();
                break;
            }
            match self.stderr.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(bytes) => self.said.extend(bytes),
                Err(error) => panic!("{} does not say {text:?}: {error}. It said {said:?}", self.name),
            }
        }
        may_fail();
    }

    /// Waits until it ends.
    #[track_caller]
    pub fn ends(&mut self) -> Output {
        let started = Instant::now();
        while self.is_running() {
            self.said.extend(self.stderr.try_iter().flatten());
            let said = String::from_utf8_lossy(&self.said);
            assert!(started.elapsed() < PATIENCE, "{} does not end. It said {said:?}", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
        may_fail();
        let status = self.child.wait().unwrap();
        let stderr = [std::mem::take(&mut self.said), all(&self.stderr)].concat();
        Output { status, stdout: all(&self.stdout), stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    Program::start(command).ends()
}

/// Reads until the other end is closed.
fn read_all(from: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let (mut from, mut buffer) = (from?, [0; 4096]);
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            sender.send(buffer[..count].to_vec()).ok()?;
        }
        Some(())
    });
    receiver
}

/// All that was read.
#[track_caller]
pub fn all(bytes: &Receiver<Vec<u8>>) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match bytes.recv_timeout(PATIENCE) {
            Ok(bytes) => all.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => return all,
            Err(RecvTimeoutError::Timeout) => panic!("an output that does not end: {}", all.escape_ascii()),
        }
    }
}

/// `agent --listen`.
pub struct ListeningAgent {
    pub program: Program,
    folder: Folder,
}

impl ListeningAgent {
    pub fn start() -> Self {
        Self::start_as(&mut example("agent"))
    }

    pub fn start_as(agent: &mut Command) -> Self {
        let folder = Folder::new();
        let mut program = Program::start(agent.arg("--listen").arg(folder.path("socket")));
        program.says("agent: listening on ");
        Self { program, folder }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path("socket")
    }

    pub fn connect(&self) -> UnixStream {
        connect(&self.socket())
    }
}

/// A connection on which reading and writing fail rather than wait forever.
#[track_caller]
pub fn connect(socket: &Path) -> UnixStream {
    let mut stream = None;
    wait_until("a connection", || {
        stream = UnixStream::connect(socket).ok();
        stream.is_some()
    });
    bounded(stream.unwrap())
}

fn bounded(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The next connection to a socket.
#[track_caller]
pub fn accept(listener: &UnixListener) -> UnixStream {
    let patience = Timespec::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&patience)), Ok(1), "somebody connects");
    bounded(listener.accept().unwrap().0)
}

/// Leaves a socket without a listener. Waits for copies of the listener in other threads' children, between fork and
/// exec.
pub fn abandon(listener: UnixListener) {
    let address = listener.local_addr().unwrap();
    drop(listener);
    wait_until("nobody listens", || UnixStream::connect_addr(&address).is_err());
}

/// A pipe whose reader has gone.
pub fn pipe_without_reader() -> PipeWriter {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    wait_until("nobody reads", || {
        let mut ends = [PollFd::new(&writer, PollFlags::empty())];
        poll(&mut ends, Some(&Timespec::default())).unwrap();
        ends[0].revents().contains(PollFlags::ERR)
    });
    writer
}

/// A pseudo-terminal: the end that a screen is at, and the path of the other.
fn pseudo_terminal() -> (File, PathBuf) {
    let closed_in_children = OpenptFlags::from_bits_retain(OFlags::CLOEXEC.bits());
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | closed_in_children).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let path = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
    (File::from(screen), path.into())
}

/// Opens a terminal that does not become the test's controlling terminal.
pub fn open_terminal(path: &Path) -> File {
    open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap().into()
}

/// A terminal to run a program on, and everything that it displays until it is closed.
pub fn terminal() -> (File, Receiver<Vec<u8>>) {
    let (screen, path) = pseudo_terminal();
    let terminal = open_terminal(&path);
    (terminal, read_all(Some(screen)))
}

/// Two pseudo-terminals wired to each other: a serial line with a port at either end. Both hang up when it is dropped.
pub struct SerialLine {
    pub ports: [PathBuf; 2],
    _closed_to_end: PipeWriter,
}

impl SerialLine {
    pub fn new() -> Self {
        let [(mut one, one_port), (mut other, other_port)] = [(); 2].map(|()| pseudo_terminal());
        // As long as they are open, there is no error to read at the other ends, whether a program is there or not.
        let open = [open_terminal(&one_port), open_terminal(&other_port)];
        let (ended, closed_to_end) = pipe().unwrap();
        std::thread::spawn(move || {
            let _open = open;
            let mut buffer = [0; 4096];
            let mut relay = |from: &mut File, to: &mut File| {
                let count = from.read(&mut buffer)?;
                to.write_all(&buffer[..count])
            };
            loop {
                let mut ready = [
                    PollFd::new(&one, PollFlags::IN),
                    PollFd::new(&other, PollFlags::IN),
                    PollFd::new(&ended, PollFlags::IN),
                ];
                poll(&mut ready, None)?;
                let [from_one, from_other, ended] = ready.map(|ready| !ready.revents().is_empty());
                if ended {
                    return std::io::Result::Ok(());
                }
                if from_one {
                    relay(&mut one, &mut other)?;
                }
                if from_other {
                    relay(&mut other, &mut one)?;
                }
            }
        });
        Self { ports: [one_port, other_port], _closed_to_end: closed_to_end }
    }
}

/// Sends, and reads so many lines.
#[track_caller]
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

/// The place where each test must fail: 1 is the first folder, program or wait.
const FAIL_AT: &str = "GUESTWIRE_TESTS_FAIL_AT";

fn may_fail() {
    thread_local! {
        static PLACE: Cell<usize> = const { Cell::new(0) };
    }
    PLACE.set(PLACE.get() + 1);
    assert_ne!(std::env::var(FAIL_AT), Ok(PLACE.get().to_string()), "a failure that was asked for");
}

/// Runs the tests of this file again, where each fails at its first place, at its second, and so on.
#[cfg(target_os = "linux")]
pub fn leaves_nothing_behind(places: usize) {
    for place in 1..=places {
        let folder = Folder::new();
        let mut tests = Command::new(std::env::current_exe().unwrap());
        tests.args(["--include-ignored", "--skip", "leaves_nothing_behind"]).env("TMPDIR", folder.path(""));
        let failed = output(tests.env(FAIL_AT, place.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let report = String::from_utf8(failed.stdout).unwrap();
        assert!(report.contains("a failure that was asked for"), "{report}");
        assert!(report.contains(" 0 passed;") || place > 1, "{report}");
        assert_eq!(folder.names(), [""; 0], "place {place}");
        // Its descendants have its environment, whatever their parent is now.
        let variable = format!("TMPDIR={}", folder.path("").display());
        for process in Path::new("/proc").read_dir().unwrap().map_while(Result::ok) {
            let read = |name| std::fs::read(process.path().join(name)).unwrap_or_default();
            let is_left = read("environ").split(|byte| *byte == 0).any(|one| one == variable.as_bytes());
            assert!(!is_left, "place {place}: {} is left", read("cmdline").escape_ascii());
        }
    }
}
