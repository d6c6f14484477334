//! The client against the real thing: QEMU's guest agent, started here in a temporary folder.
#![cfg(unix)]

mod programs;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use guestwire::commands::{
    Bytes, Exec, ExecStatus, FileClose, FileFlush, FileOpen, FileRead, FileSeek, FileWrite, List, Schema, Whence,
};
use guestwire::{Client, Reply, client::Execute};
use programs::qemu_ga::QemuGa;
use programs::wait_until;

type TestClient = Client<65535, 65535>;

fn send(client: &mut TestClient, stream: &mut UnixStream) {
    stream.write_all(client.transmit()).unwrap();
    client.transmitted(usize::MAX);
}

/// The reply, as text. An error or silence fails the test.
fn reply(client: &mut TestClient, stream: &mut UnixStream) -> String {
    let mut buffer = [0; 65536];
    loop {
        let count = stream.read(&mut buffer).expect("an answer");
        assert_ne!(count, 0, "the agent is still there");
        let mut bytes = &buffer[..count];
        while !bytes.is_empty() {
            let (taken, reply) = client.push_slice(bytes);
            bytes = &bytes[taken..];
            match reply.expect("no error on the way") {
                None => {}
                Some(Reply::Synchronized) => return "synchronized".into(),
                Some(Reply::Return(value)) => return String::from_utf8(value.as_bytes().to_vec()).unwrap(),
                Some(Reply::Error(error) | Reply::Unattributed(error)) => return error.to_string(),
                Some(other) => panic!("{other:?}"),
            }
        }
    }
}

fn ask(client: &mut TestClient, stream: &mut UnixStream, request: Execute<'_>) -> String {
    client.execute(request).unwrap();
    send(client, stream);
    reply(client, stream)
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn in_step_at_the_first_synchronize_wherever_a_stale_request_was_cut() {
    let agent = QemuGa::start("");
    let mut stream = agent.connect();
    let mut client = Box::new(TestClient::new());
    let stale = br#"{"execute":"guest-sync","arguments":{"id":5},"id":{"a":[1,-2.5e3,true,"\u00e9\\"],"b":"x"}}"#;
    assert!(stale.len() >= 91);
    for cut in 0..=stale.len() {
        stream.write_all(&stale[..cut]).unwrap();
        client.synchronize(1000 + cut as i64);
        send(&mut client, &mut stream);
        assert_eq!(reply(&mut client, &mut stream), "synchronized", "cut at {cut}");
        assert_eq!(ask(&mut client, &mut stream, Execute::new("guest-ping")), "{}");
        client.reset();
    }
    println!("in step at the first synchronize at {} of {} cut points", stale.len() + 1, stale.len() + 1);
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn the_agents_answers_are_read_correctly() {
    let agent = QemuGa::start("");
    let mut stream = agent.connect();
    let mut client = Box::new(TestClient::new());
    client.synchronize(7);
    send(&mut client, &mut stream);
    assert_eq!(reply(&mut client, &mut stream), "synchronized");

    assert_eq!(ask(&mut client, &mut stream, Execute::new("guest-ping")), "{}");
    let info: serde_json::Value =
        serde_json::from_str(&ask(&mut client, &mut stream, Execute::new("guest-info"))).unwrap();
    assert!(info["version"].is_string() && info["supported_commands"].as_array().unwrap().len() > 10);
    let time: i64 = ask(&mut client, &mut stream, Execute::new("guest-get-time")).parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as i64;
    assert!((now - time).abs() < 60_000_000_000, "{time} ns is about now");
    assert_eq!(
        ask(&mut client, &mut stream, Execute::new("guest-nope")),
        "CommandNotFound: The command guest-nope has not been found"
    );

    client.synchronize_plain(10);
    send(&mut client, &mut stream);
    assert_eq!(reply(&mut client, &mut stream), "synchronized");
    assert_eq!(ask(&mut client, &mut stream, Execute::new("guest-ping")), "{}");
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_blocked_command_has_the_class_of_one_that_is_not_there() {
    let agent = QemuGa::start("guest-get-osinfo");
    let mut stream = agent.connect();
    let mut client = Box::new(TestClient::new());
    client.synchronize(7);
    send(&mut client, &mut stream);
    assert_eq!(reply(&mut client, &mut stream), "synchronized");
    let refused = ask(&mut client, &mut stream, Execute::new("guest-get-osinfo"));
    assert!(refused.starts_with("CommandNotFound: Command guest-get-osinfo has been disabled"), "{refused}");
    assert!(client.is_ready());
}

/// 60 KiB each way. The client's own ids are numbers, so this one travels as a command's name and comes back in the
/// error, and again as a member of a request written by hand.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn sixty_kibibytes_come_back() {
    let agent = QemuGa::start("");
    let mut stream = agent.connect();
    let mut client = Box::new(TestClient::new());
    client.synchronize(7);
    send(&mut client, &mut stream);
    assert_eq!(reply(&mut client, &mut stream), "synchronized");
    let long: String = ('a'..='z').cycle().take(60 * 1024).collect();
    assert_eq!(
        ask(&mut client, &mut stream, Execute::new(&long)),
        format!("CommandNotFound: The command {long} has not been found")
    );

    let mut decoder: Box<guestwire::Decoder<65535>> = Box::default();
    stream.write_all(format!("{{\"execute\": \"guest-ping\", \"id\": \"{long}\"}}\n").as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        if let (_, Ok(Some(guestwire::Event::Frame(frame)))) = decoder.push_slice(&buffer[..count]) {
            let response = guestwire::message::Response::parse(&frame).unwrap();
            assert!(response.id.unwrap().string().unwrap() == *long);
            break;
        }
    }
}

/// A connection in step, for requests of the schema.
struct Typed {
    client: Box<TestClient>,
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
}

impl Typed {
    fn new(agent: &QemuGa) -> Self {
        let (mut client, mut stream) = (Box::new(TestClient::new()), agent.connect());
        client.synchronize(7);
        send(&mut client, &mut stream);
        assert_eq!(reply(&mut client, &mut stream), "synchronized");
        Self { client, stream: BufReader::new(stream), line: Vec::new() }
    }

    fn ask<'a, C: Schema<'a>>(&'a mut self, command: C) -> C::Return {
        self.client.request(command).unwrap();
        send(&mut self.client, self.stream.get_mut());
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line).expect("an answer");
        match self.client.push_slice(&self.line).1.expect("no error on the way") {
            Some(Reply::Return(value)) => C::returned(value).expect("what the schema says"),
            other => panic!("{}: {other:?}", C::NAME),
        }
    }
}

fn mebibyte() -> Vec<u8> {
    (0..1 << 20_u32).map(|index: u32| (index.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect()
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_mebibyte_is_written_to_a_file_and_read_back_with_typed_calls() {
    let agent = QemuGa::start("");
    let mut line = Typed::new(&agent);
    let path = agent.folder.path("file");
    let content = mebibyte();

    let handle =
        line.ask(FileOpen { path: path.to_str().unwrap().into(), mode: Some("w+".into()), ..Default::default() });
    for chunk in content.chunks(40_000) {
        let written = line.ask(FileWrite { handle, buf_b64: Bytes::Plain(chunk), count: None, ..Default::default() });
        assert_eq!(written.count, chunk.len() as i64);
    }
    line.ask(FileFlush { handle, ..Default::default() });
    assert!(std::fs::read(&path).unwrap() == content, "the file holds what was written");

    let end = line.ask(FileSeek { handle, offset: 0, whence: Whence::End, ..Default::default() });
    assert_eq!((end.position, end.eof), (1 << 20, false));
    assert_eq!(line.ask(FileSeek { handle, offset: 0, whence: Whence::Set, ..Default::default() }).position, 0);
    let mut received = Vec::new();
    loop {
        let read = line.ask(FileRead { handle, count: Some(45_000), ..Default::default() });
        let before = received.len();
        received.extend(read.buf_b64.decoded().expect("base64"));
        assert_eq!(read.count, (received.len() - before) as i64);
        if read.eof {
            break;
        }
    }
    assert!(received == content, "{} bytes came back", received.len());
    line.ask(FileClose { handle, ..Default::default() });
}

/// 1 MiB through a program's standard input and output, of which a response holds 30 000 bytes.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_mebibyte_goes_through_a_program_and_back_with_typed_calls() {
    let agent = QemuGa::start("");
    let mut line = Typed::new(&agent);
    for chunk in mebibyte().chunks(30_000) {
        let script = r#"cat; printf "$0 $WORD" >&2; exit 3"#;
        let arguments = ["-c", script, "é\"\\"];
        let started = line.ask(Exec {
            path: "/bin/sh".into(),
            arg: Some(List::of(&|list| arguments.iter().try_for_each(|argument| list.element().string(argument)))),
            env: Some(List::of(&|list| list.element().string("WORD=from the environment"))),
            input_data: Some(Bytes::Plain(chunk)),
            capture_output: Some(true.into()),
            ..Default::default()
        });
        let pid = started.pid;
        wait_until("the program ends", || {
            let status = line.ask(ExecStatus { pid, ..Default::default() });
            if status.exited {
                assert_eq!((status.exitcode, status.signal), (Some(3), None));
                let out = status.out_data.expect("output").decoded().expect("base64");
                assert!(out.eq(chunk.iter().copied()));
                let err: Vec<u8> = status.err_data.expect("errors").decoded().expect("base64").collect();
                assert_eq!(String::from_utf8(err).unwrap(), "é\"\\ from the environment");
            }
            status.exited
        });
    }
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn a_failing_test_leaves_nothing_behind() {
    programs::leaves_nothing_behind(3);
}
