//! Steps of the client that are easy to get wrong: half a frame before a synchronization, bytes lost after a
//! sentinel, an answer before its request has gone, and one that is too long.
//!
//! Answers have the request's `id`, if there is one.

use guestwire::{Client, Reply, client::ClientError, frame::FrameError};
use serde_json::Value;

type TestClient = Client<64, 256>;

/// All outcomes of `bytes`.
fn received(client: &mut TestClient, bytes: &[u8]) -> Vec<String> {
    let shown = |reply: Result<Option<Reply<'_>>, ClientError>| match reply {
        Ok(None) => None,
        Ok(Some(Reply::Return(value))) => Some(value.to_string()),
        Ok(Some(reply)) => Some(format!("{reply:?}")),
        Err(error) => Some(format!("{error:?}")),
    };
    bytes.iter().filter_map(|byte| shown(client.push(*byte))).collect()
}

fn in_step() -> TestClient {
    let mut client = TestClient::new();
    client.synchronize(77);
    client.transmitted(usize::MAX);
    assert_eq!(received(&mut client, b"\xFF{\"return\": 77}\n"), ["Synchronized"]);
    client
}

/// A comma and a member `id` for the answer to the client's next request.
fn id(client: &TestClient) -> String {
    let request: Value = serde_json::from_slice(client.transmit()).unwrap();
    request.get("id").map_or(String::new(), |id| format!(", \"id\": {id}"))
}

const HALVES: [&[u8]; 9] = [
    b"{",
    b"{\"return\": ",
    b"{\"return\": {\"name\": \"lo",
    b"{\"return\": \"\\",
    b"[[[[",
    b"\"",
    b"\"\xC3",
    b"7",
    b"tru",
];

/// A plain synchronization waits for no sentinel, which would end the half frame.
#[test]
fn half_a_frame_before_a_synchronization_is_forgotten() {
    for half in HALVES {
        for mut client in [in_step(), {
            let mut client = TestClient::new();
            client.synchronize_plain(76);
            client
        }] {
            assert_eq!(received(&mut client, half), [""; 0], "{}", half.escape_ascii());
            let mut delimited = client.clone();
            client.synchronize_plain(78);
            assert_eq!(received(&mut client, b"{\"return\": 78}\n"), ["Synchronized"], "{}", half.escape_ascii());
            delimited.synchronize(78);
            let answer = b"\xFF{\"return\": 78}\n";
            assert_eq!(received(&mut delimited, answer), ["Synchronized"], "{}", half.escape_ascii());
        }
    }
}

/// Bytes after the gap may be the answer to an earlier synchronization, or a fragment: the client needs another
/// sentinel.
#[test]
fn bytes_lost_after_the_sentinel_take_another_sentinel() {
    for half in [&b""[..], b"{", b"{\"return\": ", b"{\"return\": 7"] {
        let mut client = TestClient::new();
        client.synchronize(77);
        assert_eq!(received(&mut client, &[b"\xFF", half].concat()), [""; 0]);
        assert_eq!(client.lost(), Ok(()));
        // A frame that begins where one may begin after a gap.
        let late = b"x}\n}\n{\"return\": 77}\n";
        assert_eq!(received(&mut client, late), [""; 0], "{}", half.escape_ascii());
        assert!(!client.is_ready());
        assert_eq!(received(&mut client, b"\xFF{\"return\": 77}\n"), ["Synchronized"]);
    }
}

/// A plain synchronization goes on waiting.
#[test]
fn bytes_lost_in_a_plain_synchronization_take_another_answer() {
    let mut client = TestClient::new();
    client.synchronize_plain(77);
    assert_eq!(received(&mut client, b"{\"return\": 7"), [""; 0]);
    assert_eq!(client.lost(), Ok(()));
    assert_eq!(received(&mut client, b"7}\n"), [""; 0]);
    assert_eq!(received(&mut client, b"{\"return\": 77}\n"), ["Synchronized"]);
}

/// Whatever a client in step waits for: bytes after the gap may be the end of something else.
#[test]
fn lost_bytes_put_the_client_out_of_step() {
    let mut waiting = in_step();
    waiting.execute("guest-ping").unwrap();
    let answer = format!("{{\"return\": {{}}{}}}\n", id(&waiting));
    for mut client in [in_step(), waiting] {
        assert_eq!(client.lost(), Err(ClientError::Broken(FrameError::Lost)));
        let replies = received(&mut client, answer.as_bytes());
        assert!(replies.iter().all(|reply| reply.starts_with("Broken(Lost)")), "{replies:?}");
        assert!(!client.is_ready() && client.transmit().is_empty());
    }
}

/// The `id` shows whose answer it is, so an agent may answer before it has the whole request.
#[test]
fn an_answer_with_the_id_is_taken_before_the_request_has_gone() {
    let asked = || {
        let mut client = in_step();
        client.execute("guest-ping").unwrap();
        client
    };
    for gone in 0..=asked().transmit().len() {
        let mut client = asked();
        let id = id(&client);
        assert!(id.starts_with(", \"id\": "), "{id}");
        client.transmitted(gone);
        assert_eq!(
            received(&mut client, format!("{{\"return\": 1{id}}}\n").as_bytes()),
            ["1"],
            "{gone} bytes have gone"
        );
        let mut client = asked();
        client.transmitted(gone);
        let error = format!("{{\"error\": {{\"class\": \"A\", \"desc\": \"b\"}}{id}}}\n");
        let replies = received(&mut client, error.as_bytes());
        assert!(replies.len() == 1 && replies[0].starts_with("Error"), "{replies:?}");
        assert!(client.is_ready());
    }
}

/// Only the places of the first few members are noted.
#[test]
fn an_id_after_more_members_than_are_noted_is_found() {
    for others in 0..8 {
        let mut client = in_step();
        client.execute("guest-ping").unwrap();
        let answer = format!("{{\"return\": 1{}{}}}\n", ", \"x\": 2".repeat(others), id(&client));
        assert_eq!(received(&mut client, answer.as_bytes()), ["1"], "{answer}");
    }
}

/// Of a frame that is too long only the start is known.
#[test]
fn what_is_too_long_and_starts_like_a_response_is_the_response() {
    let long = "x".repeat(100);
    for start in [
        "{\"return\": \"",
        "{\"return\":{\"a\":\"",
        "{\"return\": [1, \"",
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"",
        "{\"error\":\"",
        "{\"id\": 5, \"error\": \"",
        "{\"id\":5,\"return\":\"",
        "{ \t\"id\" : \"",
        "\r\n{\n\"return\" : \"",
    ] {
        let close = if start.contains("[1") { "\"]}" } else { "\"}" };
        let close = if start.matches('{').count() == 2 { format!("{close}}}") } else { close.to_owned() };
        let mut client = in_step();
        client.execute("guest-ping").unwrap();
        client.transmitted(usize::MAX);
        let too_long = format!("{start}{long}{close}\n");
        serde_json::from_str::<Value>(&too_long).expect("a whole frame");
        assert_eq!(received(&mut client, too_long.as_bytes()), ["ResponseTooLong"], "{start}");
        assert!(client.is_ready(), "{start}");
        client.execute("guest-ping").unwrap();
        let answer = format!("{{\"return\": 2{}}}\n", id(&client));
        client.transmitted(usize::MAX);
        assert_eq!(received(&mut client, answer.as_bytes()), ["2"], "{start}");
    }
    for start in
        ["{\"execute\": \"", "{\"event\": \"", "{\"returns\": \"", "{\"errors\": \"", "{\"ids\": \"", "{\"\": \"", "\""]
    {
        let mut client = in_step();
        client.execute("guest-ping").unwrap();
        let answer = format!("{{\"return\": 2{}}}\n", id(&client));
        client.transmitted(usize::MAX);
        let close = if start == "\"" { "\"" } else { "\"}" };
        assert_eq!(received(&mut client, format!("{start}{long}{close}\n").as_bytes()), [""; 0], "{start}");
        assert_eq!(received(&mut client, answer.as_bytes()), ["2"], "{start}: it still waits");
    }
}
