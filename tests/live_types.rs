//! The types of commands against QEMU's guest agent itself: it takes what they write, they read what it returns.
#![cfg(unix)]

mod programs;
mod qapi;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use guestwire::commands::*;
use guestwire::json::ArrayEncoder;
use guestwire::{Client, Reply};
use programs::qemu_ga::QemuGa;
use programs::wait_until;

/// As much as there can be on 32 bits.
const RX: usize = if cfg!(target_pointer_width = "64") { 128 << 10 } else { 65535 };

struct Line {
    client: Box<Client<RX, 4096>>,
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
    asked: BTreeSet<&'static str>,
}

impl Line {
    fn new(agent: &QemuGa) -> Self {
        let mut line = Self {
            client: Box::new(Client::new()),
            stream: BufReader::new(agent.connect()),
            line: Vec::new(),
            asked: BTreeSet::new(),
        };
        line.client.synchronize(7);
        line.send();
        line.receive(); // an error for the sentinel
        assert_eq!(line.client.push_slice(&line.line).1, Ok(None));
        line.receive();
        assert_eq!(line.client.push_slice(&line.line).1, Ok(Some(Reply::Synchronized)));
        line
    }

    fn send(&mut self) {
        self.stream.get_mut().write_all(self.client.transmit()).unwrap();
        self.client.transmitted(usize::MAX);
    }

    fn receive(&mut self) {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line).expect("an answer");
    }

    /// What it returns, checked against the schema, or the error.
    fn ask<'a, C: Schema<'a>>(&'a mut self, command: C) -> Result<C::Return, String> {
        self.asked.insert(C::NAME);
        self.client.request(command).unwrap();
        self.send();
        self.receive();
        match self.client.push_slice(&self.line).1.expect("no error on the way") {
            Some(Reply::Return(value)) => {
                qapi::check_return(C::NAME, &serde_json::from_str(value.as_str()).unwrap());
                Ok(C::returned(value).unwrap_or_else(|error| panic!("{}: {error}: {value}", C::NAME)))
            }
            Some(Reply::Error(error)) => Err(error.to_string()),
            other => panic!("{}: {other:?}", C::NAME),
        }
    }

    /// An error that is not about the arguments.
    #[track_caller]
    fn fails<'a, C: Schema<'a>>(&'a mut self, command: C, reason: &str) {
        let error = self.ask(command).err().expect("it cannot be done");
        assert!(error.starts_with(&format!("GenericError: {reason}")), "{}: {error}", C::NAME);
    }
}

fn keys() -> List<'static, Str<'static>> {
    List::of(&|keys| keys.element().string("ssh-ed25519 AAAA somebody"))
}

/// Shutting down, suspending, freezing and setting the clock are not tried on this machine.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn qemu_ga_takes_what_the_types_write_and_they_read_what_it_returns() {
    let agent = QemuGa::start("");
    let mut line = Line::new(&agent);
    let info = line.ask(Info::default()).unwrap();
    let version: u32 = info.version.to_string().split_once('.').unwrap().0.parse().unwrap();
    let listed: BTreeSet<String> = info
        .supported_commands
        .iter()
        .filter(|command| command.enabled)
        .map(|command| command.name.to_string())
        .collect();

    assert_eq!(line.ask(SyncPlain { id: 7, ..Default::default() }), Ok(7));
    assert_eq!(line.ask(Ping::default()), Ok(Done));
    assert!(line.ask(GetTime::default()).unwrap() > 0);
    assert!(line.ask(GetOsinfo::default()).unwrap().machine.is_some());
    assert!(line.ask(GetHostName::default()).unwrap().host_name != "");
    assert!(line.ask(GetTimezone::default()).unwrap().offset.abs() < 86_400);
    line.ask(GetUsers::default()).unwrap();
    assert!(line.ask(GetVcpus::default()).unwrap().iter().count() > 0);
    assert!(line.ask(NetworkGetInterfaces::default()).unwrap().iter().any(|interface| interface.name == "lo"));
    line.ask(GetFsinfo::default()).unwrap();
    line.ask(GetDisks::default()).unwrap();
    line.ask(GetDiskstats::default()).unwrap();
    let cpus = line.ask(GetCpustats::default()).unwrap();
    assert!(cpus.iter().all(|cpu| matches!(cpu, CpuStats::Linux(_))) && cpus.iter().count() > 0);
    let _ = line.ask(GetMemoryBlocks::default());
    let _ = line.ask(GetMemoryBlockInfo::default());
    assert_eq!(line.ask(FsfreezeStatus::default()), Ok(FsfreezeState::Thawed));
    assert_eq!(line.ask(FsfreezeThaw::default()), Ok(0));
    line.ask(FsTrim { minimum: Some(i64::MAX), ..Default::default() }).unwrap();
    let load = line.ask(GetLoad::default());
    assert_eq!(load.is_ok(), version >= 10);
    let routes = line.ask(NetworkGetRoute::default());
    assert_eq!(routes.is_ok(), version >= 10);
    assert!(line.ask(GetDevices::default()).is_err(), "Windows only");

    assert_eq!(line.ask(SetVcpus::default()), Ok(0));
    let none = MemoryBlock { phys_index: u64::MAX, online: true, ..Default::default() };
    let write = |blocks: &mut ArrayEncoder<'_>| blocks.element().encode(none);
    if let Ok(said) = line.ask(SetMemoryBlocks { mem_blks: List::of(&write), ..Default::default() }) {
        let response = said.iter().next().unwrap();
        assert_eq!((response.response, response.phys_index), (MemoryBlockResponseType::NotFound, u64::MAX));
    }
    let username = "nobody-of-this-name".into();
    let password = Bytes::Plain(b"secret");
    line.fails(SetUserPassword { username, password, ..Default::default() }, "child process has failed to set user");
    line.fails(SshGetAuthorizedKeys { username, ..Default::default() }, "failed to lookup user");
    let add = SshAddAuthorizedKeys { username, keys: keys(), reset: Some(true), ..Default::default() };
    line.fails(add, "failed to lookup user");
    line.fails(SshRemoveAuthorizedKeys { username, keys: keys(), ..Default::default() }, "failed to lookup user");
    // As shutdown's, this error comes before anything is done.
    line.fails(Shutdown { mode: Some("sideways".into()), ..Default::default() }, "mode is invalid");

    let path = agent.folder.path("file");
    let path = path.to_str().unwrap().into();
    let handle = line.ask(FileOpen { path, mode: Some("w+".into()), ..Default::default() }).unwrap();
    let buf_b64 = Bytes::Plain(b"hello");
    let written = line.ask(FileWrite { handle, buf_b64, count: Some(4), ..Default::default() });
    assert_eq!(written, Ok(FileWritten { count: 4, eof: false, ..Default::default() }));
    assert_eq!(line.ask(FileFlush { handle, ..Default::default() }), Ok(Done));
    for (whence, offset, position) in [(Whence::Set, 1, 1), (Whence::Cur, 2, 3), (Whence::End, -3, 1)] {
        let sought = line.ask(FileSeek { handle, offset, whence, ..Default::default() }).unwrap();
        assert_eq!(sought.position, position);
    }
    let read = line.ask(FileRead { handle, count: Some(2), ..Default::default() }).unwrap();
    assert!(read.buf_b64.decoded().unwrap().eq(*b"el"));
    assert_eq!(line.ask(FileClose { handle, ..Default::default() }), Ok(Done));

    line.asked.extend([Exec::NAME, ExecStatus::NAME]); // see below
    let not_tried: Vec<&str> = listed.iter().map(String::as_str).filter(|name| !line.asked.contains(name)).collect();
    assert_eq!(
        not_tried,
        [
            "guest-fsfreeze-freeze",
            "guest-fsfreeze-freeze-list",
            "guest-set-time",
            "guest-suspend-disk",
            "guest-suspend-hybrid",
            "guest-suspend-ram",
            "guest-sync-delimited",
        ]
    );
}

/// An agent for each: once qemu-ga 11.1.3 has kept one of two streams, it loses what later programs write.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn qemu_ga_keeps_what_the_mode_says() {
    let (out, err, both) = (Some("out\n"), Some("err\n"), Some("out\nerr\n"));
    for (capture_output, kept) in [
        (true.into(), (out, err)),
        (false.into(), (None, None)),
        (CaptureMode::None.into(), (None, None)),
        (CaptureMode::Stdout.into(), (out, None)),
        (CaptureMode::Stderr.into(), (None, err)),
        (CaptureMode::Separated.into(), (out, err)),
        (CaptureMode::Merged.into(), (both, None)),
    ] {
        let agent = QemuGa::start("");
        let mut line = Line::new(&agent);
        let started = line.ask(Exec {
            path: "/bin/sh".into(),
            arg: Some(List::of(&|list| {
                ["-c", "echo out; echo err >&2; exit 3"].iter().try_for_each(|arg| list.element().string(arg))
            })),
            capture_output: Some(capture_output),
            ..Default::default()
        });
        let pid = match started {
            Ok(started) => started.pid,
            Err(error) => {
                // Before QEMU 8.0.
                assert!(matches!(capture_output, CaptureOutput::Mode(_)), "{error}");
                assert_eq!(error, "GenericError: Invalid parameter type for 'capture-output', expected: boolean");
                continue;
            }
        };
        wait_until("the program ends", || {
            let status = line.ask(ExecStatus { pid, ..Default::default() }).unwrap();
            let text = |data: Bytes<'_>| String::from_utf8(data.decoded().unwrap().collect()).unwrap();
            if status.exited {
                let said = (status.out_data.map(text), status.err_data.map(text));
                assert_eq!((said.0.as_deref(), said.1.as_deref()), kept, "{capture_output:?}");
                assert_eq!(status.exitcode, Some(3));
            }
            status.exited
        });
    }
}

/// A client in step takes the sentinel before the response for noise: [`Client::synchronize`] is for that.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_delimited_sync_is_no_request_like_others() {
    let agent = QemuGa::start("");
    let mut line = Line::new(&agent);
    line.client.request(SyncDelimited { id: -1, ..Default::default() }).unwrap();
    line.send();
    line.receive();
    assert_eq!(line.client.push_slice(&line.line).1, Err(guestwire::client::ClientError::Unexpected));
    line.client.synchronize(8);
    line.send();
    line.receive();
    assert_eq!(line.client.push_slice(&line.line).1, Ok(None));
    line.receive();
    assert_eq!(line.client.push_slice(&line.line).1, Ok(Some(Reply::Synchronized)));
}
