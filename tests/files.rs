//! `client` pushes and pulls files, and leaves nothing behind when it is interrupted.
#![cfg(unix)]

mod programs;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command as Process, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use guestwire::{Agent, Command, CommandError, Guest};
use programs::qemu_ga::QemuGa;
use programs::{
    Folder, Program, SerialLine, all, example, open_terminal, output, pipe_without_reader, terminal, wait_until,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use rustix::termios::tcgetattr;

/// A guest with files in memory. Reading `endless` never ends, and `cut` ends early.
#[derive(Default)]
struct Disk {
    files: HashMap<String, Vec<u8>>,
    open: HashMap<i64, (String, usize)>,
    opened: i64,
    pause: Duration,
}

struct Files(Arc<Mutex<Disk>>);

const NOT_OPEN: CommandError = CommandError::Failed("handle has not been found");

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
            let cut = path == "cut";
            if !endless {
                *at += piece.len();
            }
            response.object(|read| {
                read.member("count").unsigned(piece.len() as u64)?;
                read.member("buf-b64").string(&BASE64_STANDARD.encode(piece))?;
                read.member("eof").boolean(piece.len() == rest.len() && !endless && !cut)
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
                        bytes = &bytes[agent.push_slice(bytes)..];
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

    /// With a time-out that no answer exceeds on a busy machine.
    fn client(&self, words: &[&str]) -> Process {
        let mut client = example("client");
        client.args(["--timeout", "30"]).arg(self.folder.path("socket")).args(words);
        client
    }

    #[track_caller]
    fn copy(&self, words: &[&str]) -> Output {
        output(&mut self.client(words))
    }

    /// A guest with one file of 300 001 bytes.
    fn with_a_file() -> (Self, Vec<u8>) {
        let content = some_bytes(300_001);
        let files = HashMap::from([("file".to_owned(), content.clone())]);
        (Self::start(Disk { files, ..Disk::default() }), content)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path(name).to_str().unwrap().into()
    }
}

fn some_bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect()
}

#[track_caller]
fn ends(output: &Output, code: i32, stderr: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(stderr), "{output:?}");
}

#[test]
fn a_file_goes_to_the_guest_and_comes_back() {
    for length in [0, 1, 32 * 1024, 300_001] {
        let guest = FileGuest::start(Disk::default());
        let sent = some_bytes(length);
        std::fs::write(guest.path("sent"), &sent).unwrap();
        let pushed = guest.copy(&["push", &guest.path("sent"), "/there"]);
        ends(&pushed, 0, &format!("client: {length} bytes in "));
        assert_eq!(guest.disk.lock().unwrap().files["/there"], sent);
        ends(&guest.copy(&["pull", "/there", &guest.path("back")]), 0, &format!("client: {length} bytes in "));
        assert_eq!(std::fs::read(guest.path("back")).unwrap(), sent);
        assert!(guest.disk.lock().unwrap().open.is_empty(), "both were closed");
    }
}

#[test]
fn a_failed_copy_leaves_nothing() {
    let (guest, to) = (FileGuest::start(Disk::default()), Folder::new());
    let back = to.path("back");
    let back = back.to_str().unwrap();
    ends(&guest.copy(&["pull", "/none", back]), 1, "No such file");
    ends(&guest.copy(&["push", &guest.path("none"), "/there"]), 2, "No such file");
    assert!(guest.disk.lock().unwrap().files.is_empty());
    for words in [&["push"][..], &["pull", "/there"], &["push", "a", "b", "c"]] {
        ends(&guest.copy(words), 2, "Try --help.");
    }
    assert_eq!(to.names(), [""; 0]);
}

#[test]
fn an_interrupt_closes_the_guests_file_and_leaves_none_here() {
    let files = HashMap::from([("endless".to_owned(), some_bytes(1000))]);
    let guest = FileGuest::start(Disk { files, pause: Duration::from_millis(10), ..Disk::default() });
    let to = Folder::new();
    let mut pull = Program::start(&mut guest.client(&["pull", "endless", to.path("back").to_str().unwrap()]));
    let size = |name: &String| to.path(name).metadata().map_or(0, |unfinished| unfinished.len());
    wait_until("it began", || to.names().iter().map(size).sum::<u64>() > 3000);
    assert_eq!(guest.disk.lock().unwrap().open.len(), 1);
    pull.signal(Signal::INT);
    ends(&pull.ends(), 130, "interrupted");
    assert!(guest.disk.lock().unwrap().open.is_empty());
    assert_eq!(to.names(), [""; 0]);
}

#[test]
fn an_interrupt_ends_it_even_if_nobody_reads_its_output() {
    let files = HashMap::from([("endless".to_owned(), some_bytes(1000))]);
    let guest = FileGuest::start(Disk { files, ..Disk::default() });
    let (_reader, writer) = std::io::pipe().unwrap();
    let full = writer.try_clone().unwrap();
    let mut pull = Program::start(guest.client(&["pull", "endless", "-"]).stdout(writer));
    wait_until("the pipe is full", || {
        let mut ready = [PollFd::new(&full, PollFlags::OUT)];
        poll(&mut ready, Some(&Timespec::default())).unwrap() == 0
    });
    pull.signal(Signal::INT);
    ends(&pull.ends(), 130, "interrupted");
    assert!(guest.disk.lock().unwrap().open.is_empty());
}

/// On a serial port without an answer: the port's settings are restored.
#[test]
fn an_interrupt_restores_the_terminal() {
    let line = SerialLine::new();
    let port = open_terminal(&line.ports[0]);
    let settings = || format!("{:?}", tcgetattr(&port).unwrap());
    let before = settings();
    let mut client = Program::start(example("client").arg(&line.ports[0]));
    wait_until("the port is raw", || settings() != before);
    client.signal(Signal::INT);
    ends(&client.ends(), 130, "interrupted");
    assert_eq!(settings(), before);
}

#[test]
fn progress_is_shown_on_a_terminal() {
    let guest = FileGuest::start(Disk { pause: Duration::from_millis(30), ..Disk::default() });
    std::fs::write(guest.path("sent"), some_bytes(500_000)).unwrap();
    let (terminal, screen) = terminal();
    let pushed = output(guest.client(&["push", &guest.path("sent"), "/there"]).stderr(terminal));
    assert!(pushed.status.success());
    let seen = String::from_utf8(all(&screen)).unwrap();
    assert!(seen.contains(" of 500000 bytes, ") && seen.contains(" %\r"), "{seen:?}");
    assert!(seen.contains("\x1b[Kclient: 500000 bytes in "), "{seen:?}");
}

#[test]
fn a_file_that_the_guest_cuts_is_an_error_and_leaves_nothing() {
    let files = HashMap::from([("cut".to_owned(), some_bytes(100_000))]);
    let guest = FileGuest::start(Disk { files, ..Disk::default() });
    let to = Folder::new();
    let back = to.path("back");
    ends(&guest.copy(&["pull", "cut", back.to_str().unwrap()]), 1, "cut: the guest ended it after 100000 bytes");
    assert_eq!(to.names(), [""; 0]);
    std::fs::write(&back, "precious").unwrap();
    ends(&guest.copy(&["pull", "cut", back.to_str().unwrap()]), 1, "cut: the guest ended it after 100000 bytes");
    assert_eq!(std::fs::read(&back).unwrap(), b"precious");
    assert_eq!(to.names(), ["back"]);
    ends(&guest.copy(&["pull", "cut", "-"]), 1, "cut: the guest ended it after 100000 bytes");
    assert!(guest.disk.lock().unwrap().open.is_empty());
}

#[test]
fn a_link_stays_a_link_and_its_target_is_replaced() {
    let (guest, content) = FileGuest::with_a_file();
    std::fs::write(guest.path("old"), "old").unwrap();
    symlink("old", guest.path("link")).unwrap();
    symlink("link", guest.path("link to the link")).unwrap();
    ends(&guest.copy(&["pull", "file", &guest.path("link to the link")]), 0, "");
    assert_eq!(std::fs::read(guest.path("old")).unwrap(), content);
    assert_eq!(std::fs::read_link(guest.path("link")).unwrap().to_str(), Some("old"));
    assert_eq!(std::fs::read_link(guest.path("link to the link")).unwrap().to_str(), Some("link"));

    symlink("none", guest.path("dangling")).unwrap();
    ends(&guest.copy(&["pull", "file", &guest.path("dangling")]), 2, "a link to a file that does not exist");
    assert!(guest.folder.path("dangling").is_symlink() && !guest.folder.path("none").exists());
}

#[test]
fn a_link_to_a_device_is_followed() {
    let (guest, _) = FileGuest::with_a_file();
    symlink("/dev/null", guest.path("null")).unwrap();
    ends(&guest.copy(&["pull", "file", &guest.path("null")]), 0, "client: 300001 bytes in ");
    assert_eq!(std::fs::read_link(guest.path("null")).unwrap().to_str(), Some("/dev/null"));
    symlink("/dev/full", guest.path("full")).unwrap();
    ends(&guest.copy(&["pull", "file", &guest.path("full")]), 2, "full: No space left on device");
    assert!(guest.disk.lock().unwrap().open.is_empty());
    assert!(!guest.folder.names().iter().any(|name| name.contains("part")));
}

#[test]
fn a_fifo_is_written_to_once_it_has_a_reader() {
    let (guest, content) = FileGuest::with_a_file();
    assert!(output(Process::new("mkfifo").arg(guest.path("fifo"))).status.success());
    let mut pull = Program::start(&mut guest.client(&["pull", "file", &guest.path("fifo")]));
    let mut cat = Program::start(Process::new("cat").arg(guest.path("fifo")).stdout(Stdio::piped()));
    ends(&pull.ends(), 0, "client: 300001 bytes in ");
    assert!(cat.ends().stdout == content);

    let mut pull = Program::start(&mut guest.client(&["--trace", "pull", "file", &guest.path("fifo")]));
    pull.says("< [FF]{");
    pull.signal(Signal::INT);
    ends(&pull.ends(), 130, "interrupted");
}

#[test]
fn a_folder_is_refused_as_target() {
    let (guest, _) = FileGuest::with_a_file();
    ends(&guest.copy(&["pull", "file", &guest.path(".")]), 2, "Is a directory");
    ends(&guest.copy(&["pull", "file", &guest.path("none/file")]), 2, "No such file");
    assert!(guest.disk.lock().unwrap().open.is_empty());
}

#[test]
fn a_planted_file_or_link_is_neither_followed_nor_removed() {
    let (guest, content) = FileGuest::with_a_file();
    std::fs::write(guest.path("precious"), "precious").unwrap();
    symlink("precious", guest.path("back.part")).unwrap();
    ends(&guest.copy(&["pull", "file", &guest.path("back")]), 0, "");
    assert_eq!(std::fs::read(guest.path("back")).unwrap(), content);
    assert_eq!(std::fs::read(guest.path("precious")).unwrap(), b"precious");
    assert!(guest.folder.path("back.part").is_symlink());
}

#[test]
fn permissions_are_kept_and_new_files_get_the_usual_ones() {
    let (guest, _) = FileGuest::with_a_file();
    let mode = |name: &str| std::fs::metadata(guest.path(name)).unwrap().permissions().mode() & 0o7777;
    std::fs::write(guest.path("usual"), "").unwrap();
    std::fs::write(guest.path("secret"), "").unwrap();
    std::fs::set_permissions(guest.path("secret"), std::fs::Permissions::from_mode(0o600)).unwrap();
    for name in ["new", "secret"] {
        ends(&guest.copy(&["pull", "file", &guest.path(name)]), 0, "");
    }
    assert_eq!((mode("new"), mode("secret")), (mode("usual"), 0o600));
}

#[test]
fn standard_output_gets_the_bytes_as_they_are() {
    let (guest, content) = FileGuest::with_a_file();
    let pulled = guest.copy(&["pull", "file", "-"]);
    ends(&pulled, 0, "client: 300001 bytes in ");
    assert!(pulled.stdout == content);
    assert_eq!(guest.folder.names(), ["socket"]);

    let pulled = output(guest.client(&["pull", "file", "-"]).stdout(pipe_without_reader()));
    assert_eq!((pulled.status.code(), &*pulled.stderr), (Some(141), &b""[..]), "{pulled:?}");
    assert!(guest.disk.lock().unwrap().open.is_empty());
}

#[test]
fn a_terminal_gets_no_control_characters_of_the_guests_file() {
    let files = HashMap::from([("file".to_owned(), "a\x1b[2J\x07\r\n\u{9b}b\u{e9}\n".as_bytes().to_vec())]);
    let guest = FileGuest::start(Disk { files, ..Disk::default() });
    let (terminal, screen) = terminal();
    ends(&output(guest.client(&["pull", "file", "-"]).stdout(terminal)), 0, "client: 14 bytes in ");
    let shown = String::from_utf8(all(&screen)).unwrap();
    assert_eq!(shown, "a\\u001b[2J\\u0007\\u000d\r\n\\u009bb\u{e9}\r\n");
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_file_goes_to_qemu_ga_and_comes_back() {
    let qemu_ga = QemuGa::start("");
    drop(qemu_ga.connect());
    let path = |name: &str| qemu_ga.folder.path(name);
    std::fs::write(path("sent"), some_bytes(1 << 20)).unwrap();
    for [how, from, to] in [["push", "sent", "there"], ["pull", "there", "back"]] {
        let mut client = example("client");
        client.args(["--timeout", "30"]).arg(path("socket")).arg(how).arg(path(from)).arg(path(to));
        ends(&output(&mut client), 0, "client: 1048576 bytes in ");
    }
    assert_eq!(std::fs::read(path("back")).unwrap(), some_bytes(1 << 20));
}

#[test]
#[cfg(target_os = "linux")]
fn a_failing_test_leaves_nothing_behind() {
    programs::leaves_nothing_behind(6);
}
