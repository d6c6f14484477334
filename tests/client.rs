//! The host end from outside: what it sends, which answers it takes, and failures from the field.

mod exchange;

use exchange::exchange;
use guestwire::commands::GetTime;
use guestwire::{
    Agent, Client, Reply,
    client::{ClientError, Execute, ExecuteError},
    frame::FrameError,
    io::LineError,
    nb,
};

type TestClient = Client<256, 128>;

/// What the client sends. It counts as sent.
fn sent(client: &mut TestClient) -> String {
    let sent = client.transmit().escape_ascii().to_string().replace("\\\"", "\"");
    client.transmitted(usize::MAX);
    sent
}

/// All outcomes of `bytes`, by slice and, from the same state, by byte.
fn received(client: &mut TestClient, mut bytes: &[u8]) -> Vec<String> {
    let show = |reply: Result<Option<Reply<'_>>, ClientError>| match reply {
        Ok(None) => None,
        Ok(Some(Reply::Synchronized)) => Some("synchronized".to_owned()),
        Ok(Some(Reply::Return(value))) => Some(String::from_utf8(value.as_bytes().to_vec()).unwrap()),
        Ok(Some(Reply::Error(error))) => Some(error.to_string()),
        Ok(Some(Reply::Unattributed(error))) => Some(format!("unattributed {error}")),
        Ok(Some(other)) => Some(format!("{other:?}")),
        Err(error) => Some(format!("{error:?}")),
    };
    let mut by_byte = client.clone();
    let one_by_one: Vec<_> = bytes.iter().filter_map(|byte| show(by_byte.push(*byte))).collect();
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let (taken, reply) = client.push_slice(bytes);
        bytes = &bytes[taken..];
        replies.extend(show(reply));
    }
    assert_eq!(one_by_one, replies, "by byte and by slice");
    assert_eq!(by_byte.is_ready(), client.is_ready());
    replies
}

fn in_step() -> TestClient {
    let mut client = TestClient::new();
    client.synchronize(77);
    sent(&mut client);
    assert_eq!(received(&mut client, b"\xFF{\"return\": 77}\n"), ["synchronized"]);
    client
}

fn executing(request: Execute<'_>) -> TestClient {
    let mut client = in_step();
    client.execute(request).unwrap();
    sent(&mut client);
    client
}

const PING: Execute<'static> = Execute::new("guest-ping");

/// The same with an agent that refuses or does not echo an `id`.
fn executing_without_id(request: Execute<'_>) -> TestClient {
    let mut client = in_step();
    client.omit_ids();
    client.execute(request).unwrap();
    sent(&mut client);
    client
}

#[test]
fn requests_on_the_wire() {
    let mut client = TestClient::new();
    assert_eq!(client.execute("guest-ping"), Err(ExecuteError::OutOfStep));
    client.synchronize(5);
    assert_eq!(client.execute("guest-ping"), Err(ExecuteError::OutOfStep));
    assert_eq!(sent(&mut client), r#"\xff{"execute": "guest-sync-delimited", "arguments": {"id": 5}}\n"#);
    client.synchronize_plain(5);
    assert_eq!(sent(&mut client), r#"\xff{"execute": "guest-sync", "arguments": {"id": 5}}\n"#);
    let mut client = in_step();
    client.execute("guest-ping").unwrap();
    assert_eq!(sent(&mut client), r#"{"execute": "guest-ping", "id": 78}\n"#);
    assert_eq!(client.execute("guest-ping"), Err(ExecuteError::Waiting));
    let mut client = in_step();
    client.omit_ids();
    client.execute("guest-ping").unwrap();
    assert_eq!(sent(&mut client), r#"{"execute": "guest-ping"}\n"#);
    let mut client = in_step();
    client.execute_with("guest-exec-status", |arguments| arguments.member("pid").integer(7)).unwrap();
    assert_eq!(sent(&mut client), r#"{"execute": "guest-exec-status", "arguments": {"pid": 7}, "id": 78}\n"#);
    let mut client = in_step();
    client.request(GetTime::default()).unwrap();
    assert!(sent(&mut client).ends_with(r#", "id": 78}\n"#), "a typed request has one, too");
    let mut client = in_step();
    client.omit_ids();
    client.request(GetTime::default()).unwrap();
    assert!(!sent(&mut client).contains(", \"id\""));
}

/// The id of the next request.
fn next_id(client: &mut TestClient) -> u64 {
    client.execute(PING).unwrap();
    let request = sent(client);
    let id = request.split_once("\"id\": ").unwrap().1.trim_end_matches("}\\n").parse().unwrap();
    let answer = format!("{{\"return\": {{}}, \"id\": {id}}}\n");
    assert_eq!(received(client, answer.as_bytes()), ["{}"]);
    id
}

fn synchronize(client: &mut TestClient, number: i64, on_the_wire: u64) {
    client.synchronize(number);
    assert!(sent(client).contains(&format!("{{\"id\": {on_the_wire}}}")), "{number}");
    let answer = format!("{{\"return\": {on_the_wire}}}\n");
    assert_eq!(received(client, &[b"\xFF", answer.as_bytes()].concat()), ["synchronized"]);
}

/// Agents built on cJSON print numbers as doubles with 15 digits.
#[test]
fn an_id_and_the_number_of_a_synchronization_have_48_bits() {
    const MASK: u64 = (1 << 48) - 1;
    for (number, on_the_wire) in
        [(0, 0), (1 << 48, 0), (MASK as i64, MASK), (-1, MASK), (i64::MIN, 0), (i64::MAX, MASK), (-5, MASK - 4)]
    {
        synchronize(&mut TestClient::new(), number, on_the_wire);
        let mut client = TestClient::new();
        client.synchronize_plain(number);
        assert!(sent(&mut client).contains(&format!("{{\"id\": {on_the_wire}}}")));
        assert_eq!(received(&mut client, format!("{{\"return\": {on_the_wire}}}").as_bytes()), ["synchronized"]);
    }
    let mut client = TestClient::new();
    synchronize(&mut client, MASK as i64 - 1, MASK - 1);
    assert_eq!((next_id(&mut client), next_id(&mut client), next_id(&mut client)), (MASK, 0, 1));
}

#[test]
fn an_id_is_never_used_twice() {
    let mut client = in_step();
    assert_eq!((next_id(&mut client), next_id(&mut client)), (78, 79));
    // A synchronization with a smaller number does not set it back.
    synchronize(&mut client, 5, 5);
    assert_eq!(next_id(&mut client), 80);
    synchronize(&mut client, 500, 500);
    assert_eq!(next_id(&mut client), 501);
    // An id that was given up is used.
    client.execute(PING).unwrap();
    client.reset();
    synchronize(&mut client, 6, 6);
    assert_eq!(next_id(&mut client), 503);
    // An id of a request that did not fit is not.
    assert_eq!(client.execute(Execute::new(&"x".repeat(128))), Err(ExecuteError::DoesNotFit));
    assert_eq!(next_id(&mut client), 504);
}

#[test]
fn the_longest_synchronization_fits_the_smallest_buffer() {
    let mut client: Client<34, 75> = Client::new();
    client.synchronize((1 << 48) - 1);
    assert_eq!(
        client.transmit().len(),
        "_{\"execute\": \"guest-sync-delimited\", \"arguments\": {\"id\": 281474976710655}}_".len()
    );
}

#[test]
fn a_request_that_just_fits_and_one_that_does_not() {
    let fits = |length: usize| {
        let mut client = in_step();
        let outcome = client.execute_with("guest-x", |arguments| arguments.member("x").string(&"x".repeat(length)));
        (outcome, client.transmit().len(), client.execute("guest-ping"))
    };
    let room = 128 - "{\"execute\": \"guest-x\", \"arguments\": {\"x\": \"\"}, \"id\": 78}\n".len();
    assert_eq!(fits(room), (Ok(()), 128, Err(ExecuteError::Waiting)));
    assert_eq!(fits(room + 1), (Err(ExecuteError::DoesNotFit), 0, Ok(())));
}

#[test]
fn replies() {
    assert_eq!(received(&mut executing(PING), b"{\"return\": {}, \"id\": 78}\n"), ["{}"]);
    assert_eq!(received(&mut executing_without_id(PING), b"{\"return\": {}}\n"), ["{}"]);
    assert_eq!(received(&mut executing_without_id(PING), b"{\"return\": {}}"), ["{}"], "no LF is waited for");
    let error = br#"{"id": 78, "error": {"class": "CommandNotFound", "desc": "\u0041 x"}}"#;
    assert_eq!(received(&mut executing(PING), error), ["CommandNotFound: A x"]);
    assert_eq!(received(&mut executing_without_id(PING), br#"{"return": 1, "error": {}}"#), [": "], "the error counts");
    let mut client = executing(PING);
    let bytes = br#"{"event": "X"} [1] 5 "x" {"execute": "guest-ping"} {"return": 2, "id": 78}"#;
    assert_eq!(received(&mut client, bytes), ["2"]);
    client.execute(PING).expect("in step after a response");
}

#[test]
fn ready_for_a_request_while_none_waits() {
    let mut client = TestClient::new();
    assert!(!client.is_ready());
    client.synchronize(77);
    assert!(!client.is_ready(), "the synchronization waits");
    let mut client = in_step();
    assert!(client.is_ready());
    client.execute(PING).unwrap();
    assert!(!client.is_ready(), "the request waits");
    sent(&mut client);
    received(&mut client, b"{\"return\": {}, \"id\": 78}");
    assert!(client.is_ready());
}

#[test]
fn errors_for_people() {
    for (error, text) in [
        (ClientError::ResponseTooLong, "the response does not fit the receive buffer"),
        (ClientError::Broken(FrameError::Lost), "a broken frame: JSON parse error, bytes were lost"),
        (ClientError::Unexpected, "a response that was not asked for"),
        (ClientError::NothingAsked, "nothing was asked: synchronize or execute first"),
    ] {
        assert_eq!(error.to_string(), text);
    }
    for (error, text) in [
        (ExecuteError::OutOfStep, "out of step: synchronize first"),
        (ExecuteError::Waiting, "the response to the request before has not come"),
        (ExecuteError::DoesNotFit, "the request does not fit the transmit buffer"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn with_an_id_no_other_response_is_taken() {
    let mut client = executing(PING);
    assert_eq!(received(&mut client, br#"{"return": 1, "id": 4}{"return": 2, "id": "78"}"#), [""; 0]);
    assert_eq!(received(&mut client, br#"{"id": 6, "error": {"class": "A", "desc": "b"}}"#), [""; 0]);
    assert_eq!(received(&mut client, br#"{"return": 3, "id": 78}"#), ["3"]);
    assert_eq!(received(&mut client, br#"{"return": 3, "id": 78}"#), [""; 0], "a second one while idle");
    assert!(client.is_ready());
    let mut client = executing(PING);
    assert_eq!(received(&mut client, br#"{"return": 1, "return": 2, "id": 78}"#), [""; 0], "which one counts?");
    assert_eq!(received(&mut client, br#"{"return": 1}"#), ["IdMissing"]);
    assert!(!client.is_ready());
}

/// Each state and each event: a column is an event, a row its outcome and the next state.
mod table {
    use super::*;

    fn out_of_step() -> TestClient {
        let mut client = in_step();
        client.reset();
        client
    }

    fn await_sentinel() -> TestClient {
        let mut client = in_step();
        client.synchronize(77);
        sent(&mut client);
        client
    }

    fn await_sync_reply() -> TestClient {
        let mut client = await_sentinel();
        assert_eq!(received(&mut client, b"\xFF"), [""; 0]);
        client
    }

    fn await_plain_sync_reply() -> TestClient {
        let mut client = in_step();
        client.synchronize_plain(77);
        sent(&mut client);
        client
    }

    /// After a request with an id.
    fn ready() -> TestClient {
        let mut client = executing(PING);
        assert_eq!(received(&mut client, br#"{"return": {}, "id": 78}"#), ["{}"]);
        client
    }

    /// After a request without.
    fn ready_without_ids() -> TestClient {
        let mut client = executing_without_id(PING);
        assert_eq!(received(&mut client, br#"{"return": {}}"#), ["{}"]);
        client
    }

    /// The state, by what the client says and by what brings it in step.
    fn state(client: &TestClient) -> &'static str {
        let in_step_by = |bytes: &[u8]| received(&mut client.clone(), bytes) == ["synchronized"];
        let after =
            [b"{\"return\": 77}\n".as_slice(), b"{\"return\": 1}\n{\"return\": 77}\n", b"\xFF{\"return\": 77}\n"];
        match after.map(in_step_by) {
            _ if client.is_ready() => "Ready",
            _ if client.clone().execute(PING) == Err(ExecuteError::Waiting) => "AwaitReply",
            [false, false, false] => "OutOfStep",
            [false, false, true] => "AwaitSentinel",
            [true, false, true] => "AwaitSyncReply",
            [true, true, true] => "AwaitPlainSyncReply",
            other => panic!("{other:?}"),
        }
    }

    const OWN_ID: &[u8] = br#"{"return": 77, "id": 78}"#;
    const OWN_ID_ERROR: &[u8] = br#"{"id": 78, "error": {"class": "GenericError", "desc": "no"}}"#;
    const OTHER_ID: &[u8] = br#"{"return": 77, "id": 76}{"id": "78", "error": {"class": "A", "desc": "b"}}"#;
    const ERROR: &[u8] = br#"{"error": {"class": "GenericError", "desc": "stray"}}"#;
    const RETURN: &[u8] = b"{\"return\": 77}";
    const OTHER_RETURN: &[u8] = b"{\"return\": 76}";
    const SENTINEL: &[u8] = b"\xFF";
    const NO_RESPONSE: &[u8] = b"{\"event\": 1}[77]5 {\"execute\": \"guest-ping\"}{\"return\": 1, \"return\": 2}";
    const SYNTAX: &[u8] = b"{\"return\":: 77}\n";
    const NOISE: &[u8] = b"#\n";

    /// Longer than the buffer: a response, and something else.
    fn too_long() -> [Vec<u8>; 2] {
        ["{\"return\":\"", "{\"event\":\""].map(|start| format!("{start}{}\"}}\n", "x".repeat(256)).into_bytes())
    }

    #[track_caller]
    fn check(start: fn() -> TestClient, cells: &[(&[u8], &[&str], &str)]) {
        for (event, replies, leads_to) in cells {
            let mut client = start();
            assert_eq!(received(&mut client, event), *replies, "{}", event.escape_ascii());
            assert_eq!(state(&client), *leads_to, "{}", event.escape_ascii());
        }
    }

    /// `Lost` and what is known to be corrupted, with nothing open.
    #[track_caller]
    fn check_line_faults(start: fn() -> TestClient, leads_to: &str) {
        for (call, error) in [
            (TestClient::lost as fn(&mut TestClient) -> _, FrameError::Lost),
            (TestClient::corrupted, FrameError::Noise),
        ] {
            let mut client = start();
            // Only a caller that waits for a reply is told that none will arrive.
            let was_in_step = matches!(state(&client), "Ready" | "AwaitReply");
            let told = if was_in_step { Err(ClientError::Broken(error)) } else { Ok(()) };
            assert_eq!(call(&mut client), told);
            // The first printable byte after lost ones is an error; state() begins with one.
            assert_eq!(received(&mut client, b"#\n{}\n"), [""; 0]);
            assert_eq!(state(&client), leads_to);
        }
    }

    #[test]
    fn out_of_step_drops_everything() {
        let [long, other] = too_long();
        for event in [
            OWN_ID,
            OTHER_ID,
            ERROR,
            RETURN,
            SENTINEL,
            b"\xFF{\"return\": 77}",
            NO_RESPONSE,
            &long,
            &other,
            SYNTAX,
            NOISE,
        ] {
            check(out_of_step, &[(event, &[], "OutOfStep")]);
        }
        check_line_faults(out_of_step, "OutOfStep");
    }

    #[test]
    fn await_sentinel_drops_everything_before_it() {
        let [long, other] = too_long();
        for event in [OWN_ID, OTHER_ID, ERROR, RETURN, NO_RESPONSE, &long, &other, SYNTAX, NOISE] {
            check(await_sentinel, &[(event, &[], "AwaitSentinel")]);
        }
        check(await_sentinel, &[(SENTINEL, &[], "AwaitSyncReply")]);
        check_line_faults(await_sentinel, "AwaitSentinel");
    }

    #[test]
    fn await_sync_reply_takes_the_number_and_nothing_else() {
        let [long, other] = too_long();
        for event in [OWN_ID, OTHER_ID, ERROR, OTHER_RETURN, NO_RESPONSE, &long, &other, SYNTAX, NOISE] {
            check(await_sync_reply, &[(event, &[], "AwaitSentinel")]);
        }
        check(await_sync_reply, &[(RETURN, &["synchronized"], "Ready"), (SENTINEL, &[], "AwaitSyncReply")]);
        check_line_faults(await_sync_reply, "AwaitSentinel");
    }

    #[test]
    fn await_plain_sync_reply_skips_everything_except_the_number() {
        let [long, other] = too_long();
        let events =
            [OWN_ID, OTHER_ID, ERROR, OTHER_RETURN, SENTINEL, NO_RESPONSE, &long, &other, b"{\"a\":: 1}\n".as_slice()];
        for event in events {
            check(await_plain_sync_reply, &[(event, &[], "AwaitPlainSyncReply")]);
        }
        check(await_plain_sync_reply, &[(NOISE, &[], "AwaitPlainSyncReply"), (RETURN, &["synchronized"], "Ready")]);
        check_line_faults(await_plain_sync_reply, "AwaitPlainSyncReply");
    }

    #[test]
    fn ready_drops_what_has_an_id_or_may_be_stale() {
        let [long, other] = too_long();
        let cells: [(&[u8], &[&str], &str); 11] = [
            (OWN_ID, &[], "Ready"),
            (OTHER_ID, &[], "Ready"),
            (ERROR, &[], "Ready"),
            (RETURN, &["Unexpected"], "OutOfStep"),
            (SENTINEL, &["Unexpected"], "OutOfStep"),
            (NO_RESPONSE, &[], "Ready"),
            (&long, &["Broken(Overflow)"], "OutOfStep"),
            (&other, &["Broken(Overflow)"], "OutOfStep"),
            (SYNTAX, &["Broken(Syntax)"], "OutOfStep"),
            (NOISE, &["Broken(Noise)"], "OutOfStep"),
            (OWN_ID_ERROR, &[], "Ready"),
        ];
        check(ready, &cells);
        check(in_step, &cells);
        check(ready_without_ids, &[(ERROR, &["Unexpected"], "OutOfStep"), (RETURN, &["Unexpected"], "OutOfStep")]);
        check_line_faults(ready, "OutOfStep");
    }

    #[test]
    fn await_reply_with_an_id_takes_the_response_with_that_id() {
        let [long, other] = too_long();
        check(
            || executing(PING),
            &[
                (OWN_ID, &["77"], "Ready"),
                (OWN_ID_ERROR, &["GenericError: no"], "Ready"),
                (OTHER_ID, &[], "AwaitReply"),
                (ERROR, &["unattributed GenericError: stray"], "AwaitReply"),
                (RETURN, &["IdMissing"], "OutOfStep"),
                (SENTINEL, &["Unexpected"], "OutOfStep"),
                (NO_RESPONSE, &[], "AwaitReply"),
                (&long, &["ResponseTooLong"], "Ready"),
                (&other, &[], "AwaitReply"),
                (SYNTAX, &["Broken(Syntax)"], "OutOfStep"),
                (NOISE, &["Broken(Noise)"], "OutOfStep"),
            ],
        );
        check_line_faults(|| executing(PING), "OutOfStep");
    }

    #[test]
    fn await_reply_without_an_id_takes_the_response_without_one() {
        let [long, other] = too_long();
        check(
            || executing_without_id(PING),
            &[
                (OTHER_ID, &[], "AwaitReply"),
                (ERROR, &["GenericError: stray"], "OutOfStep"),
                (br#"{"error": {"class": "CommandNotFound", "desc": "no"}}"#, &["CommandNotFound: no"], "Ready"),
                (RETURN, &["77"], "Ready"),
                (SENTINEL, &["Unexpected"], "OutOfStep"),
                (NO_RESPONSE, &[], "AwaitReply"),
                (&long, &["ResponseTooLong"], "Ready"),
                (&other, &[], "AwaitReply"),
                (SYNTAX, &["Broken(Syntax)"], "OutOfStep"),
                (NOISE, &["Broken(Noise)"], "OutOfStep"),
            ],
        );
        // The request has not left.
        check(
            || {
                let mut client = in_step();
                client.omit_ids();
                client.execute(PING).unwrap();
                client
            },
            &[(ERROR, &["Unexpected"], "OutOfStep"), (RETURN, &["Unexpected"], "OutOfStep")],
        );
        check_line_faults(|| executing_without_id(PING), "OutOfStep");
    }
}

#[test]
fn without_an_id_whatever_is_odd_makes_the_client_out_of_step() {
    for (bytes, outcome) in [
        (&b"noise"[..], &["Broken(Syntax)"][..]),
        (b"#", &["Broken(Noise)"]),
        (b"{\"return\": @}", &["Broken(Syntax)"]),
        (b"\xFF", &["Unexpected"]),
        (b"{\"return\": {}}{\"return\": {}}", &["{}", "Unexpected"]),
        (b"{\"return\": {}}\xFF", &["{}", "Unexpected"]),
        (b"{\"return\": {}}?", &["{}", "Broken(Noise)"]),
    ] {
        let mut client = executing_without_id(PING);
        assert_eq!(received(&mut client, bytes), outcome, "{}", bytes.escape_ascii());
        assert!(!client.is_ready());
        assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
        assert_eq!(
            received(&mut client, b"{\"return\": {}}\xFF{\"return\": 77}"),
            [""; 0],
            "nothing is taken any more"
        );
        client.synchronize(78);
        assert_eq!(received(&mut client, b"{}\xFF{\"return\": 78}"), ["synchronized"]);
    }
}

/// The rest of a read is the caller's, who may send a request first.
#[test]
fn bytes_after_a_reply_are_not_taken() {
    let mut client = executing(PING);
    let stale = "{\"return\": 1, \"id\": 5}\n[1] ";
    let answer = "{\"return\": 2, \"id\": 78}";
    let bytes = format!("{stale}{answer}\n#");
    let (taken, reply) = client.push_slice(bytes.as_bytes());
    assert!(matches!(reply, Ok(Some(Reply::Return(value))) if value.integer() == Some(2)));
    assert_eq!(taken, stale.len() + answer.len());
    assert_eq!(client.push_slice(b"\n# more"), (2, Err(ClientError::Broken(FrameError::Noise))));
    assert_eq!(client.push_slice(b" more"), (5, Ok(None)), "out of step all is dropped");
    assert_eq!(client.push_slice(b""), (0, Ok(None)));
}

#[test]
fn a_response_that_just_fits_and_one_that_does_not() {
    let response = |length: usize| format!("{{\"return\":\"{}\"}}", "x".repeat(length - 13)).into_bytes();
    assert_eq!(received(&mut executing_without_id(PING), &response(256))[0].len(), 245);
    let mut client = executing_without_id(PING);
    assert_eq!(received(&mut client, &response(257)), ["ResponseTooLong"]);
    client.execute(PING).expect("still in step");
    sent(&mut client);
    assert_eq!(received(&mut client, b"\n{\"return\": 1}"), ["1"]);
    assert_eq!(received(&mut client, &response(257)), ["Broken(Overflow)"], "no request was waiting for it");
}

/// Noise draws an error longer than the buffer, and then the answer arrives: it would be taken for the next one's.
#[test]
fn without_an_id_an_error_that_does_not_fit_makes_the_client_out_of_step() {
    let error = format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{}\"}}}}\n", "x".repeat(256));
    let mut client = executing_without_id(PING);
    assert_eq!(received(&mut client, error.as_bytes()), ["ResponseTooLong"]);
    assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
    assert_eq!(received(&mut client, b"{\"return\": {}}\n"), [""; 0]);
}

/// A line that echoes: the echo is too long, but it is not a response.
#[test]
fn an_echo_that_does_not_fit_is_not_the_response() {
    let mut client = executing_without_id(PING);
    let echo = format!("{{\"execute\":\"guest-exec\",\"arguments\":{{\"path\":\"{}\"}}}}", "x".repeat(256));
    assert_eq!(received(&mut client, echo.as_bytes()), [""; 0]);
    assert_eq!(received(&mut client, b"{\"return\": {\"pid\": 1}}"), ["{\"pid\":1}"]);
}

/// The closing quote of a long response was lost, so the start of the next one is unknown.
#[test]
fn a_response_that_breaks_after_it_does_not_fit() {
    let mut client = executing_without_id(PING);
    let broken = format!("{{\"return\": \"{}\n", "x".repeat(256));
    assert_eq!(received(&mut client, broken.as_bytes()), ["Broken(Overflow)"]);
    assert!(!client.is_ready());
}

#[test]
fn a_response_that_began_before_the_request_is_not_its_own() {
    let mut client = in_step();
    assert_eq!(received(&mut client, b"\n{\"return\": \"sta"), [""; 0]);
    assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
    assert!(!client.is_ready() && client.transmit().is_empty());
}

#[test]
fn a_count_beyond_the_request_means_all_that_is_left() {
    for count in [usize::MAX, usize::MAX - 4, 1000] {
        let mut client = in_step();
        client.execute(PING).unwrap();
        client.transmitted(5);
        client.transmitted(count);
        assert_eq!(client.transmit(), b"", "{count}");
        assert_eq!(received(&mut client, b"{\"return\": {}, \"id\": 78}"), ["{}"]);
    }
}

#[test]
fn a_response_that_comes_before_the_request_has_left_is_not_its_own() {
    let mut client = in_step();
    client.omit_ids();
    client.execute(PING).unwrap();
    client.transmitted(client.transmit().len() - 2);
    assert_eq!(received(&mut client, b"{\"return\": 5}"), ["Unexpected"]);
    assert!(client.transmit().is_empty(), "the rest is not sent");
    let mut client = in_step();
    client.omit_ids();
    client.execute(PING).unwrap();
    client.transmitted(client.transmit().len() - 1);
    assert_eq!(received(&mut client, b"{\"return\": {}}"), ["{}"], "an agent does not wait for the LF");
    let mut client = in_step();
    client.omit_ids();
    client.execute(PING).unwrap();
    client.transmitted(5);
    let too_long = format!("{{\"return\":\"{}\"}}", "x".repeat(256));
    assert_eq!(received(&mut client, too_long.as_bytes()), ["Unexpected"]);
    assert!(client.transmit().is_empty() && !client.is_ready(), "the rest is not sent");
}

#[test]
fn bytes_known_to_be_missing() {
    let mut client = executing(PING);
    assert_eq!(received(&mut client, b"{\"return\": "), [""; 0]);
    assert_eq!(client.lost(), Err(ClientError::Broken(FrameError::Lost)));
    assert!(!client.is_ready());

    let mut client = TestClient::new();
    client.synchronize(77);
    assert_eq!(received(&mut client, b"\xFF{\"return\": 7"), [""; 0]);
    assert_eq!(client.lost(), Ok(()));
    assert_eq!(received(&mut client, b"7}\n\xFF{\"return\": 77}"), ["synchronized"]);

    let mut client = TestClient::new();
    client.synchronize_plain(177);
    assert_eq!(received(&mut client, b"{\"return\": 1"), [""; 0]);
    assert_eq!(client.lost(), Ok(()));
    assert_eq!(received(&mut client, b"77}"), [""; 0], "two halves are no whole");
    assert_eq!(received(&mut client, b"\n{\"return\": 177}"), ["synchronized"]);
}

mod synchronizing {
    use super::*;

    /// With the smallest buffers, the longest id.
    #[test]
    fn the_smallest_client() {
        let mut client: Client<34, 75> = Client::new();
        client.synchronize((1 << 48) - 2);
        assert_eq!(client.push_slice(b"\xFF{\"return\": 281474976710654}\n").1, Ok(Some(Reply::Synchronized)));
        client.execute("guest-ping").unwrap();
        let (_, reply) = client.push_slice(b"{\"return\": {}, \"id\": 281474976710655}\n");
        assert!(matches!(reply, Ok(Some(Reply::Return(_)))));
    }

    fn synchronizing(id: i64) -> TestClient {
        let mut client = TestClient::new();
        client.synchronize(id);
        client
    }

    #[test]
    fn whatever_comes_before_the_sentinel_is_dropped() {
        for stale in [
            &b""[..],
            b"{\"return\": 77}\n",
            b"{\"return\": [{\"name\": \"lo",
            b"\"\\",
            b"[[[[[[[[[{{{{",
            b"\0\x01\xFE\x80login: ",
            b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray '\\uFFFD'\"}}\n",
            &[b'x'; 5000],
        ] {
            let bytes = [stale, b"\xFF{\"return\": 77}\n"].concat();
            assert_eq!(received(&mut synchronizing(77), &bytes), ["synchronized"], "{}", stale.escape_ascii());
        }
    }

    /// The search takes several bytes at a time, and finds it at each place in them.
    #[test]
    #[cfg_attr(miri, ignore = "takes too long there")]
    fn the_sentinel_is_found_at_every_place() {
        for stale in 0..200 {
            for (byte, after) in [(b"\xFE", 0), (b"\xFE", 100), (b"\xFF", 0), (b"\xFF", 100)] {
                let mut client = synchronizing(7);
                let bytes = [&byte.repeat(stale), b"\xFF{\"return\": 7}".as_slice(), &b" ".repeat(after)].concat();
                assert_eq!(received(&mut client, &bytes), ["synchronized"], "after {stale} bytes");
            }
        }
    }

    #[test]
    fn a_sentinel_in_mid_response_flushes() {
        let mut client = synchronizing(77);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 7\xFF{\"return\": 77}"), ["synchronized"]);
    }

    #[test]
    fn another_id_is_skipped_smaller_or_greater() {
        for other in ["76", "78", "-77", "77.0", "\"77\"", "[77]", "77, \"id\": 1", "7.7e1"] {
            let bytes = format!("{{\"return\": {other}}}\n");
            let bytes = [b"\xFF", bytes.as_bytes(), b"\xFF{\"return\": 77}"].concat();
            let mut client = synchronizing(77);
            assert_eq!(received(&mut client, &bytes), ["synchronized"], "{other}");
        }
        let mut client = synchronizing(77);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 76}\n{\"return\": 77}\n"), [""; 0], "no sentinel in front");
        assert!(!client.is_ready());
    }

    #[test]
    fn an_echoed_request_and_an_error_after_a_sentinel_are_skipped() {
        let mut client = synchronizing(77);
        let echo = b"\xFF{\"execute\": \"guest-sync-delimited\", \"arguments\": {\"id\": 77}}\n";
        assert_eq!(received(&mut client, echo), [""; 0]);
        assert_eq!(received(&mut client, b"\xFF{\"error\": {}}\n\xFF\xFF\xFF#\xFF{\"return\":77}"), ["synchronized"]);
    }

    #[test]
    fn plain_copes_with_stale_lines() {
        let plain = || {
            let mut client = TestClient::new();
            client.synchronize_plain(77);
            client
        };
        for stale in [
            &b""[..],
            b"{\"return\": 76}\n",
            b"tale\"}]}\n",
            b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\n",
            b"[1, {\"return\": 77}]\n",
            b"{,{},}\n",
            b"\xFF",
        ] {
            let bytes = [stale, b"{\"return\": 77}\n"].concat();
            assert_eq!(received(&mut plain(), &bytes), ["synchronized"], "{}", stale.escape_ascii());
        }
    }
}

/// Failures of other clients in the field.
mod field {
    use super::*;

    /// danobi/vmtest 17: the client connects before the agent is up.
    #[test]
    fn an_agent_that_is_not_up_yet_gets_another_try_on_the_same_connection() {
        let mut client = TestClient::new();
        for attempt in 1..10 {
            client.synchronize(attempt);
            client.reset();
        }
        client.synchronize(10);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 9}\n\xFF{\"return\": 10}\n"), ["synchronized"]);
    }

    /// FDio/csit 2354 and 2686: the late response to a request that timed out is taken for the next one's.
    #[test]
    fn a_late_response_is_not_the_answer_to_the_next_request() {
        let mut client = executing(Execute::new("guest-get-time"));
        client.reset();
        assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
        client.synchronize(78);
        assert_eq!(received(&mut client, b"{\"return\": 1795}\n\xFF{\"return\": 78}\n"), ["synchronized"]);
        client.execute(PING).unwrap();
        sent(&mut client);
        assert_eq!(received(&mut client, b"{\"return\": {}, \"id\": 79}\n"), ["{}"]);
    }

    /// QEMU's own agent: half a request of a client that was killed waits in its parser.
    #[test]
    fn the_sentinel_goes_before_every_synchronization() {
        let mut client = TestClient::new();
        client.synchronize(1);
        assert_eq!(client.transmit().first(), Some(&0xFF));
        client.synchronize_plain(1);
        assert_eq!(client.transmit().first(), Some(&0xFF));
    }

    /// qemu.qmp: the error that 0xFF draws from QEMU's agent shifts all replies by one.
    #[test]
    fn the_error_that_the_sentinel_draws_shifts_nothing() {
        let mut client = TestClient::new();
        client.synchronize(77);
        let error = b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray '\\uFFFD'\"}}\n";
        assert_eq!(received(&mut client, &[error, &b"\xFF{\"return\": 77}\n"[..]].concat()), ["synchronized"]);
        client.execute(PING).unwrap();
        sent(&mut client);
        assert_eq!(received(&mut client, b"{\"return\": {}, \"id\": 78}\n"), ["{}"]);
    }

    /// qemu-server: "got wrong command id", from another process's answer.
    #[test]
    fn the_answer_to_another_process_is_skipped() {
        let mut client = TestClient::new();
        client.synchronize(500);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 499}\n\xFF{\"return\": 501}\n"), [""; 0]);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 500}\n"), ["synchronized"]);
    }

    /// qemu-server 148850f6: some agents want the LF, some send none.
    #[test]
    fn requests_end_with_lf_and_responses_need_none() {
        let mut client = TestClient::new();
        client.synchronize(77);
        assert!(sent(&mut client).ends_with("}\\n"));
        assert_eq!(received(&mut client, b"\xFF{\"return\": 77}"), ["synchronized"]);
        client.execute(PING).unwrap();
        assert!(sent(&mut client).ends_with("}\\n"));
        assert_eq!(received(&mut client, b"\r\n\r\n{\"return\": {}, \"id\": 78}"), ["{}"]);
    }

    /// RHBZ 1705426: a command without an answer blocks the caller forever.
    #[test]
    fn the_caller_can_always_give_up() {
        for mut client in [TestClient::new(), in_step(), executing(PING), executing(PING.no_success_response())] {
            client.reset();
            assert!(!client.is_ready() && client.transmit().is_empty());
            client.synchronize(78);
            assert_eq!(received(&mut client, b"\xFF{\"return\": 78}"), ["synchronized"]);
        }
    }

    /// danobi/vmtest 18: blindly repeating a request loses a result that is returned only once.
    #[test]
    fn nothing_can_be_sent_again_before_synchronizing() {
        let mut client = executing(Execute::new("guest-exec-status"));
        assert_eq!(client.execute(PING), Err(ExecuteError::Waiting));
        client.reset();
        assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
    }

    /// avocado-vt 1391: guest-shutdown is answered with nothing, or with {} by some versions, or with an error.
    #[test]
    fn a_shutdown_is_done_by_an_answer_or_by_the_end_of_the_line() {
        let shutdown = Execute::new("guest-shutdown").no_success_response();
        assert_eq!(received(&mut executing(shutdown), b"{\"return\": {}, \"id\": 78}"), ["{}"]);
        assert_eq!(received(&mut executing_without_id(shutdown), b"{\"return\": {}}"), ["{}"]);
        assert_eq!(
            received(&mut executing_without_id(shutdown), br#"{"error": {"class": "A", "desc": "no"}}"#),
            ["A: no"]
        );
        assert!(executing(shutdown).reset(), "the end of the line is the answer");
        assert!(!executing(PING).reset());
        assert!(!in_step().reset());
        let mut client = executing(shutdown);
        assert_eq!(received(&mut client, br#"{"return": {}, "id": 3}"#), [""; 0]);
        assert!(client.reset());
        assert!(!client.is_ready());
        assert!(!client.reset(), "only once");
        let mut client = in_step();
        client.execute(shutdown).unwrap();
        client.transmitted(client.transmit().len() - 2);
        assert!(!client.clone().reset(), "it has not left");
        client.transmitted(1);
        assert!(client.reset(), "but for its LF");
    }

    /// apache/cloudstack 13715: the answer compared as text.
    #[test]
    fn the_spelling_of_an_answer_does_not_matter() {
        for spelled in ["{\"return\":77}", " {\t\"re\\u0074urn\" :\r\n77 , \"x\": [{}] }", "{\"return\": 77}\r\n"] {
            let mut client = TestClient::new();
            client.synchronize(77);
            let bytes = [b"\xFF", spelled.as_bytes()].concat();
            assert_eq!(received(&mut client, &bytes), ["synchronized"], "{spelled}");
        }
    }

    /// QEMU before 3.0 (EL7, Ubuntu 18.04) refuses `id`.
    #[test]
    fn an_agent_that_refuses_an_id_gets_requests_without() {
        let mut client = in_step();
        client.synchronize(1);
        assert!(!sent(&mut client).contains("}, \"id\""));
        let mut client = executing(PING);
        let refused = br#"{"error": {"class": "GenericError", "desc": "QMP input member 'id' is unexpected"}}"#;
        let reason = "unattributed GenericError: QMP input member 'id' is unexpected";
        assert_eq!(received(&mut client, refused), [reason], "the error may belong to noise");
        client.omit_ids();
        client.synchronize(78);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 78}"), ["synchronized"]);
        client.execute(PING).unwrap();
        assert!(!sent(&mut client).contains(", \"id\""));
        assert_eq!(received(&mut client, b"{\"return\": {}}\n"), ["{}"]);
    }

    /// An agent that answers, but leaves the id out.
    #[test]
    fn an_agent_that_does_not_echo_the_id_is_named() {
        assert_eq!(received(&mut executing(PING), b"{\"return\": {}}"), ["IdMissing"]);
    }

    /// A noise byte before a request draws an error, and then the request is answered.
    #[test]
    fn the_error_that_noise_draws_shifts_no_answer_to_the_next_request() {
        for errors in ["unattributed ", ""] {
            let mut client = TestClient::new();
            if errors.is_empty() {
                client.omit_ids();
            }
            let mut agent: Agent<(), 160, 400> = Agent::new(());
            for number in 1..10 {
                if !client.is_ready() {
                    client.synchronize(number);
                    let answer = exchange(&mut agent, client.transmit());
                    sent(&mut client);
                    assert_eq!(received(&mut client, &answer), ["synchronized"]);
                }
                client.execute_with("guest-sync", |arguments| arguments.member("id").integer(number)).unwrap();
                let answer = exchange(&mut agent, &[b"#", client.transmit()].concat());
                sent(&mut client);
                let replies = received(&mut client, &answer);
                assert_eq!(replies[0], format!("{errors}GenericError: JSON parse error, expecting value"));
                // Without ids the error may belong to noise, so no further answer is taken.
                let own = (!errors.is_empty()).then(|| number.to_string());
                assert_eq!(replies[1..], own.into_iter().collect::<Vec<_>>());
                assert_eq!(client.is_ready(), !errors.is_empty());
            }
        }
    }

    #[test]
    fn noise_is_named() {
        assert_eq!(executing(PING).push(b'#'), Err(ClientError::Broken(FrameError::Noise)));
    }
}

/// qemu-ga before QEMU 1.2 answers noise with an error of class `JSONParsing`, and then the request.
#[test]
fn without_ids_an_error_of_another_class_is_not_followed_by_a_stale_answer() {
    let mut client: Client<256, 128> = Client::new();
    client.omit_ids();
    client.synchronize(7);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}\n").1, Ok(Some(Reply::Synchronized)));
    client.execute("guest-get-time").unwrap();
    client.transmitted(usize::MAX);
    let error = br#"{"error": {"class": "JSONParsing", "data": {}}}"#;
    assert!(matches!(client.push_slice(error).1, Ok(Some(Reply::Error(_)))));
    assert_eq!(client.execute("guest-ping"), Err(ExecuteError::OutOfStep));
}

#[test]
fn a_reply_is_read_byte_by_byte_from_a_port() {
    #[derive(Debug, PartialEq)]
    struct Overrun;

    let read = |client: &mut Client<256, 128>, bytes: &[u8]| {
        let mut bytes = bytes.iter();
        let reply = client.read_reply(|| match bytes.next() {
            None => Err(nb::Error::WouldBlock),
            Some(b'!') => Err(nb::Error::Other(Overrun)),
            Some(byte) => Ok(*byte),
        });
        (reply.map(|reply| format!("{reply:?}")), bytes.count())
    };
    let mut client: Client<256, 128> = Client::new();
    client.synchronize(7);
    assert_eq!(read(&mut client, b"\xFF{\"return\": "), (Err(nb::Error::WouldBlock), 0));
    assert_eq!(read(&mut client, b"!7}"), (Err(nb::Error::Other(LineError::Port(Overrun))), 2));
    assert_eq!(read(&mut client, b"7}{}"), (Ok("Synchronized".into()), 2), "no byte after the reply is read");
    client.execute("guest-ping").unwrap();
    client.transmitted(client.transmit().len());
    let broken = LineError::Protocol(ClientError::Broken(FrameError::Syntax));
    assert_eq!(read(&mut client, b"{]"), (Err(nb::Error::Other(broken)), 0));
}
