//! The client against the real thing: QEMU's guest agent, started here in a temporary folder.
#![cfg(unix)]

mod peer;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use guestwire::{Client, Execute, Reply};
use peer::QemuGa;

type TestClient = Client<65535, 65535>;

fn send(client: &mut TestClient, stream: &mut UnixStream) {
    stream.write_all(client.transmit()).unwrap();
    client.transmitted(usize::MAX);
}

/// The reply, as text. An error or silence fails the test.
fn reply(client: &mut TestClient, stream: &mut UnixStream) -> String {
    let mut buffer = [0; 65536];
    loop {
        let count = stream.read(&mut buffer).expect("an answer within 10 s");
        assert_ne!(count, 0, "the agent is still there");
        let mut bytes = &buffer[..count];
        while !bytes.is_empty() {
            match client.push_slice(&mut bytes).expect("no error on the way") {
                None => {}
                Some(Reply::Synchronized) => return "synchronized".into(),
                Some(Reply::Return(value)) => return String::from_utf8(value.as_bytes().to_vec()).unwrap(),
                Some(Reply::Error(error)) => return error.to_string(),
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
    let agent = QemuGa::start("cut", "");
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
        client.timed_out();
    }
    println!("in step at the first synchronize at {} of {} cut points", stale.len() + 1, stale.len() + 1);
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn what_the_agent_answers_comes_right() {
    let agent = QemuGa::start("answers", "");
    let mut stream = agent.connect();
    let mut client = Box::new(TestClient::new());
    client.synchronize(7);
    send(&mut client, &mut stream);
    assert_eq!(reply(&mut client, &mut stream), "synchronized");

    assert_eq!(ask(&mut client, &mut stream, Execute::new("guest-ping").id(i64::MAX)), "{}");
    let info: serde_json::Value =
        serde_json::from_str(&ask(&mut client, &mut stream, Execute::new("guest-info").id(8))).unwrap();
    assert!(info["version"].is_string() && info["supported_commands"].as_array().unwrap().len() > 10);
    let time: i64 = ask(&mut client, &mut stream, Execute::new("guest-get-time")).parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as i64;
    assert!((now - time).abs() < 60_000_000_000, "{time} ns is about now");
    assert_eq!(
        ask(&mut client, &mut stream, Execute::new("guest-nope").id(9)),
        "CommandNotFound: The command guest-nope has not been found"
    );

    client.synchronize_plain(10);
    send(&mut client, &mut stream);
    assert_eq!(reply(&mut client, &mut stream), "synchronized");
    assert_eq!(ask(&mut client, &mut stream, Execute::new("guest-ping")), "{}");
}

/// 60 KiB each way. The client's own ids are numbers, so this one travels as a command's name and comes back in the
/// error, and again as a member of a request written by hand.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn sixty_kibibytes_come_back() {
    let agent = QemuGa::start("long", "");
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
        if let Ok(Some(guestwire::Event::Frame(frame))) = decoder.push_slice(&mut &buffer[..count]) {
            let response = guestwire::Response::parse(&frame).unwrap();
            assert!(response.id.unwrap().string().unwrap() == *long);
            break;
        }
    }
}
