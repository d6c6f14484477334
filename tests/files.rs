//! `client` pushes and pulls files, and leaves nothing behind when it is interrupted.
#![cfg(unix)]

mod programs;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use guestwire::{Agent, Command, CommandError, Guest};
use programs::{Folder, SerialLine, example};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetattr;

/// A guest with files in memory. One that is open for reading never ends if it is called `endless`.
#[derive(Default)]
struct Disk {
    files: HashMap<String, Vec<u8>>,
    open: HashMap<i64, (String, usize)>,
    opened: i64,
    pause: Duration,
}

struct Files(Arc<Mutex<Disk>>);

const NOT_OPEN: CommandError<'static> = CommandError::Failed("handle has not been found");

impl Guest for Files {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-file-open", |files: &mut Self, call| {
            let path = call.arguments.string("path")?.to_string();
            let write = call.arguments.optional_string("mode")?.is_some_and(|mode| mode == "w");
            let response = call.respond()?;
            let mut disk = files.0.lock().unwrap();
            if write {
                disk.files.insert(path.clone(), Vec::new());
            } else if !disk.files.contains_key(&path) {
                return response.error(format_args!("failed to open file '{path}': No such file or directory"));
            }
            disk.opened += 1;
            let handle = disk.opened;
            disk.open.insert(handle, (path, 0));
            response.integer(handle)
        }),
        Command::new("guest-file-close", |files: &mut Self, call| {
            let handle = call.arguments.integer("handle")?;
            let response = call.respond()?;
            files.0.lock().unwrap().open.remove(&handle).ok_or(NOT_OPEN)?;
            response.done()
        }),
        Command::new("guest-file-read", |files: &mut Self, call| {
            let (handle, count) = (call.arguments.integer("handle")?, call.arguments.unsigned("count")? as usize);
            let response = call.respond()?;
            let mut disk = files.0.lock().unwrap();
            std::thread::sleep(disk.pause);
            let Disk { files, open, .. } = &mut *disk;
            let (path, at) = open.get_mut(&handle).ok_or(NOT_OPEN)?;
            let rest = &files[path][*at..];
            let piece = &rest[..rest.len().min(count)];
            let endless = path == "endless";
            if !endless {
                *at += piece.len();
            }
            response.object(|read| {
                read.member("count").unsigned(piece.len() as u64)?;
                read.member("buf-b64").string(&BASE64_STANDARD.encode(piece))?;
                read.member("eof").boolean(piece.len() == rest.len() && !endless)
            })
        }),
        Command::new("guest-file-write", |files: &mut Self, call| {
            let handle = call.arguments.integer("handle")?;
            let piece = BASE64_STANDARD.decode(call.arguments.string("buf-b64")?.to_string());
            let piece = piece.map_err(|_| CommandError::Failed("no base64"))?;
            let response = call.respond()?;
            let mut disk = files.0.lock().unwrap();
            std::thread::sleep(disk.pause);
            let Disk { files, open, .. } = &mut *disk;
            let (path, _) = open.get(&handle).ok_or(NOT_OPEN)?;
            // Less than was sent, as the schema allows.
            let taken = piece.len().min(30_000);
            files.get_mut(path).unwrap().extend_from_slice(&piece[..taken]);
            response.object(|written| {
                written.member("count").unsigned(taken as u64)?;
                written.member("eof").boolean(false)
            })
        }),
    ];
}

struct FileGuest {
    disk: Arc<Mutex<Disk>>,
    folder: Folder,
}

impl FileGuest {
    fn start(disk: Disk) -> Self {
        let (disk, folder) = (Arc::new(Mutex::new(disk)), Folder::new());
        let listener = UnixListener::bind(folder.path("socket")).unwrap();
        let files = disk.clone();
        std::thread::spawn(move || {
            let mut agent: Box<Agent<Files, 65535, 65535>> = Box::new(Agent::new(Files(files)));
            for mut host in listener.incoming().map_while(Result::ok) {
                agent.reset();
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = host.read(&mut buffer) {
                    let mut bytes = &buffer[..count];
                    while !bytes.is_empty() {
                        let _ = agent.push_slice(&mut bytes);
                        while !agent.transmit().is_empty() {
                            let _ = host.write_all(agent.transmit());
                            agent.transmitted(usize::MAX);
                        }
                    }
                }
            }
        });
        Self { disk, folder }
    }

    fn client(&self, words: &[&str]) -> Process {
        let mut client = example("client");
        client.arg(self.folder.path("socket")).args(words).stdin(Stdio::null());
        client
    }

    fn path(&self, name: &str) -> String {
        self.folder.path(name).to_str().unwrap().into()
    }
}

fn some_bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect()
}

fn waits_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn a_file_goes_to_the_guest_and_comes_back() {
    for length in [0, 1, 32 * 1024, 300_001] {
        let guest = FileGuest::start(Disk::default());
        let sent = some_bytes(length);
        std::fs::write(guest.path("sent"), &sent).unwrap();
        let pushed = guest.client(&["push", &guest.path("sent"), "/there"]).output().unwrap();
        assert!(pushed.status.success(), "{pushed:?}");
        assert!(String::from_utf8_lossy(&pushed.stderr).contains(&format!("client: {length} bytes in ")));
        assert_eq!(guest.disk.lock().unwrap().files["/there"], sent);
        let pulled = guest.client(&["pull", "/there", &guest.path("back")]).output().unwrap();
        assert!(pulled.status.success(), "{pulled:?}");
        assert_eq!(std::fs::read(guest.path("back")).unwrap(), sent);
        assert!(guest.disk.lock().unwrap().open.is_empty(), "both were closed");
    }
}

#[test]
fn what_cannot_be_copied_leaves_nothing() {
    let guest = FileGuest::start(Disk::default());
    let pulled = guest.client(&["pull", "/none", &guest.path("back")]).output().unwrap();
    assert_eq!(pulled.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&pulled.stderr).contains("No such file"), "{pulled:?}");
    assert!(!Path::new(&guest.path("back")).exists() && !Path::new(&guest.path("back.part")).exists());
    let pushed = guest.client(&["push", &guest.path("none"), "/there"]).output().unwrap();
    assert_eq!(pushed.status.code(), Some(2));
    assert!(guest.disk.lock().unwrap().files.is_empty());
    for words in [&["push"][..], &["pull", "/there"], &["push", "a", "b", "c"]] {
        let called = guest.client(words).output().unwrap();
        assert_eq!(called.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn interrupted_it_closes_the_guests_file_and_leaves_none() {
    let files = HashMap::from([("endless".to_owned(), some_bytes(1000))]);
    let guest = FileGuest::start(Disk { files, pause: Duration::from_millis(10), ..Disk::default() });
    let mut pull = guest.client(&["pull", "endless", &guest.path("back")]).stderr(Stdio::piped()).spawn().unwrap();
    let part = PathBuf::from(guest.path("back.part"));
    waits_until("it began", || part.metadata().is_ok_and(|part| part.len() > 3000));
    assert_eq!(guest.disk.lock().unwrap().open.len(), 1);
    interrupt(&pull);
    assert_eq!(pull.wait().unwrap().code(), Some(130));
    assert!(guest.disk.lock().unwrap().open.is_empty());
    assert!(!part.exists() && !Path::new(&guest.path("back")).exists());
}

/// On a serial port that nobody answers on: the port's settings are put back.
#[test]
fn interrupted_it_leaves_a_terminal_as_it_was() {
    let line = SerialLine::new();
    let port = File::options().read(true).write(true).open(&line.ports[0]).unwrap();
    let settings = || format!("{:?}", tcgetattr(&port).unwrap());
    let before = settings();
    let mut client = example("client").arg(&line.ports[0]).stderr(Stdio::null()).spawn().unwrap();
    waits_until("the port is raw", || settings() != before);
    interrupt(&client);
    assert_eq!(client.wait().unwrap().code(), Some(130));
    assert_eq!(settings(), before);
}

#[test]
fn a_terminal_sees_how_far_it_is() {
    let guest = FileGuest::start(Disk { pause: Duration::from_millis(30), ..Disk::default() });
    std::fs::write(guest.path("sent"), some_bytes(500_000)).unwrap();
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().write(true).open(name).unwrap();
    let mut push = guest.client(&["push", &guest.path("sent"), "/there"]).stderr(terminal).spawn().unwrap();
    assert!(push.wait().unwrap().success());
    let (mut screen, mut seen) = (File::from(screen), [0; 4096]);
    let count = screen.read(&mut seen).unwrap();
    let seen = String::from_utf8_lossy(&seen[..count]);
    assert!(seen.contains(" of 500000 bytes, ") && seen.contains(" %\r"), "{seen:?}");
    assert!(seen.contains("\x1b[Kclient: 500000 bytes in "), "{seen:?}");
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_file_goes_to_qemu_ga_and_comes_back() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).into_os_string();
    let mut qemu_ga = Process::new("qemu-ga")
        .args(["-m", "unix-listen", "-p"])
        .arg(path("socket"))
        .arg("-t")
        .arg(folder.path("."))
        .arg("-f")
        .arg(path("pid"))
        .stderr(Stdio::null())
        .spawn()
        .expect("qemu-ga is installed: apt-get install qemu-guest-agent");
    waits_until("it listens", || folder.path("socket").exists());
    std::fs::write(path("sent"), some_bytes(1 << 20)).unwrap();
    let copy = |words: [&str; 3]| {
        let [from, to] = [words[1], words[2]].map(path);
        example("client").arg(path("socket")).arg(words[0]).arg(from).arg(to).output().unwrap()
    };
    let copied = [copy(["push", "sent", "there"]), copy(["pull", "there", "back"])];
    let _ = qemu_ga.kill();
    let _ = qemu_ga.wait();
    for copied in copied {
        assert!(copied.status.success(), "{copied:?}");
    }
    assert_eq!(std::fs::read(path("back")).unwrap(), some_bytes(1 << 20));
}
