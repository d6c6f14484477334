//! The agent's ports, when they go away or cannot be opened.

mod peer;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::rc::Rc;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::mkfifo;
use peer::{Folder, Peer, short_lived, wait_for, worst_moment};
use serde_json::json;

/// A terminal that `path` leads to from now on, its other end first: without anybody at it that one reads errors.
/// No child inherits it. Otherwise it would not hang up.
fn terminal(folder: &Rc<Folder>, path: &Path) -> (PtyMaster, File) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname_r(&master).unwrap();
    let held = File::options().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(&name).unwrap();
    let mut settings = tcgetattr(&held).unwrap();
    cfmakeraw(&mut settings);
    tcsetattr(&held, SetArg::TCSANOW, &settings).unwrap();
    let link = folder.join("link");
    symlink(name, &link).unwrap();
    std::fs::rename(link, path).unwrap();
    (master, held)
}

/// A pseudo-terminal has no read time-out: a thread that does not come back is the test's failure.
fn answers(mut port: PtyMaster) -> PtyMaster {
    let (done, outcome) = std::sync::mpsc::channel();
    port.write_all(b"\xFF{\"execute\": \"guest-ping\"}\n").unwrap();
    std::thread::spawn(move || {
        let mut response = Vec::new();
        let mut byte = [0];
        while !response.ends_with(b"}\n") && port.read(&mut byte).is_ok_and(|count| count == 1) {
            response.push(byte[0]);
        }
        let _ = done.send((response, port));
    });
    let (response, port) = outcome.recv_timeout(peer::PATIENCE).expect("an answer");
    assert_eq!(response.escape_ascii().to_string(), r#"{\"return\": {}}\n"#);
    port
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A field of `/proc/PID/stat` after the program's name.
fn stat(pid: impl std::fmt::Display, field: usize) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().split(' ').nth(field).unwrap().into()
}

fn state(pid: impl std::fmt::Display) -> String {
    stat(pid, 0)
}

/// `TTY_NR`, 0 for none.
fn controlling_terminal(pid: impl std::fmt::Display) -> String {
    stat(pid, 4)
}

#[test]
fn only_its_owner_can_open_the_socket() {
    let agent = Peer::ours(&[]);
    let mode = std::fs::metadata(agent.folder().join("socket")).unwrap().mode();
    assert_eq!(format!("{:o}", mode & 0o7777), "600");
}

/// A virtio port reads as ended while there is no host, as a file does at its end.
#[test]
fn what_one_host_left_is_forgotten_when_the_next_one_comes() {
    let folder = Folder::new();
    let path = folder.join("port");
    let mut port = File::options().create_new(true).append(true).open(&path).unwrap();
    let mut command = folder.command(env!("CARGO_BIN_EXE_guestwire-agent"));
    command.arg("--device").arg(&path).arg("--state-dir").arg(folder.path());
    let agent = Ended(command.spawn().unwrap());
    let pid = agent.0.id();
    let offset = || {
        let opened = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
        let number =
            opened.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == path)).last()?;
        let about = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", number.file_name().display())).ok()?;
        about.lines().find_map(|line| line.strip_prefix("pos:")?.trim().parse::<u64>().ok())
    };
    let mut end = 0;
    for _ in 0..3 {
        let half = b"{\"execute\": \"guest-pi";
        port.write_all(half).unwrap();
        end += half.len() as u64;
        wait_for("half a request", || (offset()? == end).then_some(()));
        worst_moment();
        // From then on the agent sleeps only where it has found the end.
        wait_for("end", || (state(pid) == "S").then_some(()));
        let ping = b"{\"execute\": \"guest-ping\"}\n";
        port.write_all(ping).unwrap();
        let response = "{\"return\": {}}\n";
        end += (ping.len() + response.len()) as u64;
        let written = wait_for("a response", || {
            let written = std::fs::read_to_string(&path).unwrap();
            written
                .rsplit_once("guest-ping\"}\n")
                .map(|(_, after)| after.to_owned())
                .filter(|after| after.ends_with('\n'))
        });
        assert_eq!(written, response);
        wait_for("the response to be passed", || (offset()? == end).then_some(()));
    }
}

/// As a service is started: first in its session, and without a terminal.
#[test]
fn a_terminal_that_hangs_up_is_opened_again() {
    let folder = Folder::new();
    let path = folder.join("port");
    let (mut port, mut held) = terminal(&folder, &path);
    let mut command = folder.command("setsid");
    command.arg(env!("CARGO_BIN_EXE_guestwire-agent")).arg("--device").arg(&path);
    let mut agent = Ended(command.arg("--state-dir").arg(folder.path()).spawn().unwrap());
    for _ in 0..3 {
        port = answers(port);
        assert_eq!(controlling_terminal(agent.0.id()), "0");
        worst_moment();
        drop((port, held));
        (port, held) = terminal(&folder, &path);
    }
    answers(port);
    assert_eq!(agent.0.try_wait().unwrap(), None);
}

#[test]
fn an_opened_terminal_does_not_become_the_agents() {
    let folder = Folder::new();
    let path = folder.join("terminal");
    let (port, _held) = terminal(&folder, &path);
    let socket = folder.join("socket");
    let mut command = folder.command("setsid");
    command.arg(env!("CARGO_BIN_EXE_guestwire-agent")).arg("--listen").arg(&socket).args(["--allow", "files"]);
    let mut agent = Peer::start(&folder, &socket, &mut command);
    let handle = agent.returned("guest-file-open", json!({"path": path, "mode": "r+"}));
    assert_eq!(controlling_terminal(agent.pid()), "0");
    worst_moment();
    // There is nothing to read, and the agent does not wait for it.
    let error = agent.error("guest-file-read", json!({"handle": handle})).1;
    assert_eq!(error, "failed to read file: Resource temporarily unavailable");
    drop(port);
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
}

#[test]
fn a_pipe_without_another_end_does_not_block() {
    let mut agent = Peer::ours(&["--allow", "files"]);
    let path = agent.folder().join("pipe");
    mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    worst_moment();
    assert!(
        agent.error("guest-file-open", json!({"path": path, "mode": "w"})).1.ends_with("No such device or address")
    );
    let handle = agent.returned("guest-file-open", json!({"path": path, "mode": "r"}));
    assert_eq!(
        agent.returned("guest-file-read", json!({"handle": handle})),
        json!({"count": 0, "buf-b64": "", "eof": true})
    );
    let writer = agent.returned("guest-file-open", json!({"path": path, "mode": "w"}));
    let piece = json!({"handle": writer, "buf-b64": "AAAA".repeat(10_000)});
    let mut written = 0;
    // 64 KiB go into it, unless the system's owner says otherwise.
    let error = wait_for("full pipe", || match agent.ask("guest-file-write", piece.clone()) {
        response if response.get("return").is_some() => {
            written += response["return"]["count"].as_u64().unwrap();
            None
        }
        response => Some(response["error"]["desc"].clone()),
    });
    assert_eq!(error, "failed to write to file: Resource temporarily unavailable");
    // All that was counted is there, and no more.
    let mut read = 0;
    while let response = agent.ask("guest-file-read", json!({"handle": handle, "count": 65536}))
        && let Some(count @ 1..) = response["return"]["count"].as_u64()
    {
        read += count;
    }
    assert_eq!(read, written);
}

/// The agent may have three open files and has more, so it cannot accept a client.
#[test]
#[ignore = "needs prlimit: apt-get install util-linux"]
fn a_client_that_cannot_be_accepted_waits() {
    let folder = Folder::new();
    let socket = folder.join("socket");
    let mut command = folder.command(env!("CARGO_BIN_EXE_guestwire-agent"));
    command.arg("--listen").arg(&socket).stderr(File::create(folder.join("log")).unwrap());
    let mut agent = Peer::start(&folder, &socket, &mut command);
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    let pid = agent.pid();
    let allow = |files: usize| {
        let status = Command::new("prlimit").args([format!("--pid={pid}"), format!("--nofile={files}:1024")]).status();
        assert!(status.unwrap().success());
    };
    allow(3);
    worst_moment();
    agent.connect();
    agent.send(b"{\"execute\": \"guest-ping\"}\n");
    let log = || std::fs::read_to_string(folder.join("log")).unwrap();
    wait_for("complaint", || log().contains("cannot accept a client: Too many open files").then_some(()));
    allow(1024);
    assert_eq!(agent.receive(), json!({"return": {}}));
}

#[test]
fn the_agent_removes_its_socket() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut agent = Peer::ours(&[]);
        assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
        let socket = agent.folder().join("socket");
        worst_moment();
        // Another agent that finds it taken leaves it alone.
        let second = short_lived(&["--log", "off", "--listen", socket.to_str().unwrap()]).output().unwrap();
        assert_eq!(second.status.code(), Some(1));
        assert!(socket.exists());
        assert_eq!(agent.end(signal).code(), Some(0));
        assert!(!socket.exists());
    }
}

/// `nohup guestwire-agent`, and a hang-up.
#[test]
fn an_agent_under_nohup_outlives_its_terminal() {
    let folder = Folder::new();
    let socket = folder.join("socket");
    let mut command = folder.command("nohup");
    command.arg(env!("CARGO_BIN_EXE_guestwire-agent")).arg("--listen").arg(&socket);
    let mut agent = Peer::start(&folder, &socket, &mut command);
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    worst_moment();
    kill(agent.pid(), Signal::SIGHUP).unwrap();
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    // It ignores the signal, and is not only slow to end.
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap() & 1, 1, "SIGHUP");
}
