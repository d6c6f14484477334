//! From the real thing, QEMU's guest agent, what is thousands of times longer than the client's buffer.
#![cfg(unix)]

mod programs;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::slice::Iter;

use guestwire::client::{ClientError, ExecuteError};
use guestwire::commands::{Exec, ExecStatus, FileClose, FileOpen, FileRead, FileSeek, List, Schema, Whence};
use guestwire::frame::{FrameError, Piece};
use guestwire::json::{ArrayEncoder, Base64, NotBase64, Value};
use guestwire::{Client, Reply};
use programs::qemu_ga::QemuGa;
use programs::wait_until;

type SmallClient = Client<4096, 256>;

const SIZE: usize = 16 << 20;

fn some_bytes() -> Vec<u8> {
    (0..SIZE as u32).map(|index| (index.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect()
}

/// What is wrong with a byte of a response.
#[derive(Clone, Copy)]
enum Fault {
    Lost,
    Corrupted,
    /// It is missing, and nobody says so.
    Missing,
    /// It is another byte, with which JSON cannot go on there, and nobody says so.
    Wrong,
}

#[derive(Debug, PartialEq)]
enum Failure {
    Client(ClientError),
    Response(String),
}

/// A connection in step.
struct Line {
    client: Box<SmallClient>,
    stream: UnixStream,
    /// At which byte from now on.
    fault: Option<(usize, Fault)>,
    buffer: [u8; 4096],
}

impl Line {
    fn new(agent: &QemuGa) -> Self {
        let client = Box::new(SmallClient::new());
        let mut line = Self { client, stream: agent.connect(), fault: None, buffer: [0; 4096] };
        line.synchronize(7);
        line
    }

    fn synchronize(&mut self, id: i64) {
        self.client.synchronize(id);
        self.exchange(|_| unreachable!("nothing is returned"), |_| ()).expect("in step");
    }

    fn ask<T>(
        &mut self,
        request: impl FnOnce(&mut SmallClient) -> Result<(), ExecuteError>,
        take: impl FnOnce(Value<'_>) -> T,
    ) -> Result<T, Failure> {
        self.ask_in_pieces(request, |_| panic!("a piece that nobody asked for"), take)
    }

    fn ask_in_pieces<T>(
        &mut self,
        request: impl FnOnce(&mut SmallClient) -> Result<(), ExecuteError>,
        piece: impl FnMut(Piece<'_>),
        take: impl FnOnce(Value<'_>) -> T,
    ) -> Result<T, Failure> {
        request(&mut self.client).expect("in step");
        Ok(self.exchange(piece, take)?.expect("a return value"))
    }

    /// Up to the reply, which is the last that the agent sends. `None`: in step.
    fn exchange<T>(
        &mut self,
        mut piece: impl FnMut(Piece<'_>),
        take: impl FnOnce(Value<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        self.stream.write_all(self.client.transmit()).unwrap();
        self.client.transmitted(usize::MAX);
        loop {
            let count = self.stream.read(&mut self.buffer).expect("an answer");
            assert_ne!(count, 0, "the agent is still there");
            let mut length = count;
            let fault_at = match &mut self.fault {
                Some((at, _)) if *at >= count => {
                    *at -= count;
                    None
                }
                _ => self.fault.take(),
            };
            let mut at = 0;
            if let Some((fault_at, fault)) = fault_at {
                match fault {
                    Fault::Missing | Fault::Lost | Fault::Corrupted => {
                        self.buffer.copy_within(fault_at + 1..length, fault_at);
                        length -= 1;
                    }
                    Fault::Wrong => self.buffer[fault_at] = b'\n',
                }
                while at < fault_at {
                    let (taken, reply) = self.client.push_slice(&self.buffer[at..fault_at]);
                    at += taken;
                    match reply {
                        Ok(Some(Reply::Piece(heard))) => piece(heard),
                        other => assert_eq!(other, Ok(None)),
                    }
                }
                match fault {
                    Fault::Lost => self.client.lost().map_err(Failure::Client)?,
                    Fault::Corrupted => self.client.corrupted().map_err(Failure::Client)?,
                    Fault::Missing | Fault::Wrong => {}
                }
            }
            while at < length {
                let (taken, reply) = self.client.push_slice(&self.buffer[at..length]);
                at += taken;
                match reply.map_err(Failure::Client)? {
                    None => {}
                    Some(Reply::Piece(heard)) => piece(heard),
                    Some(Reply::Synchronized) => return Ok(None),
                    Some(Reply::Return(value)) => return Ok(Some(take(value))),
                    Some(Reply::Error(error)) => return Err(Failure::Response(error.to_string())),
                    Some(other) => panic!("{other:?}"),
                }
            }
        }
    }

    fn open(&mut self, path: &str) -> i64 {
        let open = FileOpen { path: path.into(), mode: None, ..Default::default() };
        self.ask(|client| client.request(open), |value| FileOpen::returned(value).expect("a handle")).expect("it opens")
    }

    fn close(&mut self, handle: i64) {
        self.ask(|client| client.request(FileClose { handle, ..Default::default() }), |_| ()).expect("it closes");
    }

    /// Reads once, and returns whether the file ends there.
    fn read(&mut self, handle: i64, count: i64, content: &mut Content<'_>) -> Result<bool, Failure> {
        let (read, eof) = self.ask_in_pieces(
            |client| client.request_in_pieces(FileRead { handle, count: Some(count), ..Default::default() }),
            |piece| content.take(piece),
            |value| {
                let read = FileRead::returned(value).expect("what guest-file-read returns");
                (read.count, read.eof)
            },
        )?;
        assert_eq!((read, content.base64.end()), (content.last as i64, Ok(())));
        Ok(eof)
    }

    /// Starts a program that writes a file's content.
    fn start_cat(&mut self, path: &str) -> i64 {
        let arguments = |list: &mut ArrayEncoder<'_>| list.element().string(path);
        let start = Exec {
            path: "/bin/cat".into(),
            arg: Some(List::of(&arguments)),
            capture_output: Some(true.into()),
            ..Exec::default()
        };
        self.ask(|client| client.request(start), |value| Exec::returned(value).expect("a pid").pid).expect("it starts")
    }

    /// Asks until it has ended. How often is not known: it may take long to write.
    fn wait_for(&mut self, pid: i64, content: &mut Content<'_>) -> Result<(), Failure> {
        let mut outcome = Ok(());
        wait_until("the program ends", || {
            let exited = self.ask_in_pieces(
                |client| client.request_in_pieces(ExecStatus { pid, ..Default::default() }),
                |piece| content.take(piece),
                |value| {
                    let status = ExecStatus::returned(value).expect("what guest-exec-status returns");
                    assert!(!status.exited || status.exitcode == Some(0));
                    status.exited
                },
            );
            match exited {
                Ok(exited) => exited,
                Err(failure) => {
                    outcome = Err(failure);
                    true
                }
            }
        });
        outcome
    }
}

/// What is expected, compared with what comes byte by byte, and kept nowhere.
struct Content<'c> {
    expected: Iter<'c, u8>,
    base64: Base64,
    /// How many bytes came with the last string.
    last: usize,
    longest_piece: usize,
}

impl<'c> Content<'c> {
    fn new(expected: &'c [u8]) -> Self {
        Self { expected: expected.iter(), base64: Base64::new(), last: 0, longest_piece: 0 }
    }

    fn take(&mut self, piece: Piece<'_>) {
        if piece.is_first {
            (self.base64, self.last) = (Base64::new(), 0);
        }
        self.longest_piece = self.longest_piece.max(piece.content.len());
        for byte in self.base64.read(piece.content).map_while(Result::ok) {
            assert!(self.expected.next() == Some(&byte), "a byte is wrong, {} before the end", self.expected.len());
            self.last += 1;
        }
    }

    #[track_caller]
    fn is_complete(&self) {
        assert_eq!((self.base64.end(), self.expected.len()), (Ok(()), 0));
        assert!((2048..4096).contains(&self.longest_piece), "{}", self.longest_piece);
    }
}

/// A running agent beside a file of 16 MiB.
fn agent_with_a_file() -> (QemuGa, String, Vec<u8>) {
    let (agent, content) = (QemuGa::start(""), some_bytes());
    let path = agent.folder.path("file");
    std::fs::write(&path, &content).unwrap();
    (agent, path.into_os_string().into_string().unwrap(), content)
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn sixteen_mebibytes_of_output_through_four_kibibytes() {
    let (agent, path, bytes) = agent_with_a_file();
    let mut line = Line::new(&agent);
    let pid = line.start_cat(&path);
    let mut content = Content::new(&bytes);
    line.wait_for(pid, &mut content).expect("it ends");
    content.is_complete();
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_file_of_sixteen_mebibytes_through_four_kibibytes() {
    let (agent, path, bytes) = agent_with_a_file();
    let mut line = Line::new(&agent);
    let handle = line.open(&path);
    let mut content = Content::new(&bytes);
    // Not a multiple of three or of the file's size.
    while !line.read(handle, 5_000_000, &mut content).expect("it reads") {}
    content.is_complete();
    line.close(handle);
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_file_whose_content_broke_on_the_way_is_sought_and_read_again() {
    let (agent, path, bytes) = agent_with_a_file();
    let mut line = Line::new(&agent);
    let handle = line.open(&path);
    let count = 3 << 20;
    let broken = |error| Err(Failure::Client(ClientError::Broken(error)));
    for (id, (fault, outcome)) in (100..).zip([
        (Fault::Lost, broken(FrameError::Lost)),
        (Fault::Corrupted, broken(FrameError::Syntax)),
        (Fault::Wrong, broken(FrameError::Syntax)),
        // It is still JSON, and no longer base64.
        (Fault::Missing, Ok(())),
    ]) {
        line.fault = Some((count / 2, fault));
        let (mut digits, mut base64) = (0, Base64::new());
        let result = line.ask_in_pieces(
            |client| client.request_in_pieces(FileRead { handle, count: Some(count as i64), ..Default::default() }),
            |piece| {
                digits += piece.content.len();
                base64.read(piece.content).for_each(drop);
            },
            |_| (),
        );
        assert_eq!((result.is_ok(), base64.end()), (outcome.is_ok(), Err(NotBase64)));
        assert_eq!(result, outcome);
        assert!(digits > count / 4, "it broke mid-string, after {digits} digits");
        if result.is_err() {
            assert!(!line.client.is_ready());
            line.synchronize(id);
        }
        let seek = FileSeek { handle, offset: 0, whence: Whence::Set, ..Default::default() };
        let position = line.ask(|client| client.request(seek), |value| FileSeek::returned(value).unwrap().position);
        assert_eq!(position, Ok(0));
        let mut content = Content::new(&bytes[..count]);
        assert_eq!(line.read(handle, count as i64, &mut content), Ok(false));
        content.is_complete();
        line.ask(|client| client.request(seek), |_| ()).expect("it seeks");
    }
    line.close(handle);
}

/// The agent forgets a program with the response that says it has ended.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn output_that_broke_on_the_way_is_gone_and_the_agent_says_so() {
    let (agent, path, bytes) = agent_with_a_file();
    let mut line = Line::new(&agent);
    let pid = line.start_cat(&path);
    // Responses that say that it runs come before that.
    line.fault = Some((8 << 20, Fault::Lost));
    let mut content = Content::new(&bytes);
    let broken = Err(Failure::Client(ClientError::Broken(FrameError::Lost)));
    assert_eq!(line.wait_for(pid, &mut content), broken);
    assert!(content.last > 0, "it broke mid-string");
    line.synchronize(100);
    let gone = line.wait_for(pid, &mut content);
    assert_eq!(gone, Err(Failure::Response("GenericError: Invalid parameter 'pid'".into())));
    assert!(line.client.is_ready());
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_failing_test_leaves_nothing_behind() {
    programs::leaves_nothing_behind(3);
}
