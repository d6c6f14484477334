//! The host end from outside: what it sends, what it takes for an answer, and what goes wrong in the field.

use guestwire::{Client, ClientError, Execute, ExecuteError, FrameError, Reply};

type TestClient = Client<256, 128>;

/// What the client is given to send, which then has gone.
fn sent(client: &mut TestClient) -> String {
    let sent = client.transmit().escape_ascii().to_string().replace("\\\"", "\"");
    client.transmitted(usize::MAX);
    sent
}

/// All that comes of `bytes`, by slice and, from the same state, by byte.
fn received(client: &mut TestClient, mut bytes: &[u8]) -> Vec<String> {
    let show = |reply: Result<Option<Reply<'_>>, ClientError>| match reply {
        Ok(None) => None,
        Ok(Some(Reply::Synchronized)) => Some("synchronized".to_owned()),
        Ok(Some(Reply::Return(value))) => Some(String::from_utf8(value.as_bytes().to_vec()).unwrap()),
        Ok(Some(Reply::Error(error))) => Some(error.to_string()),
        Ok(Some(Reply::Unattributed(error))) => Some(format!("unattributed {error}")),
        Err(error) => Some(format!("{error:?}")),
    };
    let mut by_byte = client.clone();
    let one_by_one: Vec<_> = bytes.iter().filter_map(|byte| show(by_byte.push(*byte))).collect();
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        replies.extend(show(client.push_slice(&mut bytes)));
    }
    assert_eq!(one_by_one, replies, "by byte and by slice");
    assert_eq!(by_byte.is_in_step(), client.is_in_step());
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

#[test]
fn requests_on_the_wire() {
    let mut client = TestClient::new();
    assert_eq!(client.execute("guest-ping"), Err(ExecuteError::OutOfStep));
    client.synchronize(-5);
    assert_eq!(client.execute("guest-ping"), Err(ExecuteError::OutOfStep));
    assert_eq!(sent(&mut client), r#"\xff{"execute": "guest-sync-delimited", "arguments": {"id": -5}}\n"#);
    client.synchronize_plain(i64::MIN);
    assert_eq!(sent(&mut client), r#"\xff{"execute": "guest-sync", "arguments": {"id": -9223372036854775808}}\n"#);
    let mut client = in_step();
    client.execute("guest-ping").unwrap();
    assert_eq!(sent(&mut client), r#"{"execute": "guest-ping"}\n"#);
    assert_eq!(client.execute("guest-ping"), Err(ExecuteError::Waiting));
    let mut client = in_step();
    let stat = Execute::new("guest-exec-status").id(9);
    client.execute_with(stat, |arguments| arguments.member("pid").integer(7)).unwrap();
    assert_eq!(sent(&mut client), r#"{"execute": "guest-exec-status", "arguments": {"pid": 7}, "id": 9}\n"#);
}

#[test]
fn the_longest_synchronization_fits_the_smallest_buffer() {
    let mut client: Client<31, 80> = Client::new();
    client.synchronize(i64::MIN);
    assert_eq!(client.transmit().len(), 80);
}

#[test]
fn a_request_that_just_fits_and_one_that_does_not() {
    let fits = |length: usize| {
        let mut client = in_step();
        let outcome = client.execute_with("guest-x", |arguments| arguments.member("x").string(&"x".repeat(length)));
        (outcome, client.transmit().len(), client.is_in_step(), client.execute("guest-ping"))
    };
    let room = 128 - "{\"execute\": \"guest-x\", \"arguments\": {\"x\": \"\"}}\n".len();
    assert_eq!(fits(room), (Ok(()), 128, true, Err(ExecuteError::Waiting)));
    assert_eq!(fits(room + 1), (Err(ExecuteError::DoesNotFit), 0, true, Ok(())));
}

#[test]
fn replies() {
    assert_eq!(received(&mut executing(PING), b"{\"return\": {}}\n"), ["{}"]);
    assert_eq!(received(&mut executing(PING), b"{\"return\": {}}"), ["{}"], "no LF is waited for");
    let error = br#"{"error": {"class": "CommandNotFound", "desc": "\u0041 x"}}"#;
    assert_eq!(received(&mut executing(PING), error), ["CommandNotFound: A x"]);
    assert_eq!(received(&mut executing(PING), br#"{"return": 1, "error": {}}"#), [": "], "the error counts");
    let mut client = executing(PING);
    assert_eq!(received(&mut client, br#"{"event": "X"} [1] 5 "x" {"execute": "guest-ping"} {"return": 2}"#), ["2"]);
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
    received(&mut client, b"{\"return\": {}}");
    assert!(client.is_ready());
}

#[test]
fn errors_for_people() {
    for (error, text) in [
        (ClientError::ResponseTooLong, "the response does not fit the receive buffer"),
        (ClientError::Broken(FrameError::Lost), "a broken frame: JSON parse error, bytes were lost"),
        (ClientError::Unexpected, "a response that nobody waited for"),
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
    let mut client = executing(PING.id(5));
    assert_eq!(received(&mut client, br#"{"return": 1, "id": 4}{"return": 2, "id": "5"}"#), [""; 0]);
    assert_eq!(received(&mut client, br#"{"id": 6, "error": {"class": "A", "desc": "b"}}"#), [""; 0]);
    assert_eq!(received(&mut client, br#"{"return": 3, "id": 5}"#), ["3"]);
    assert_eq!(received(&mut client, br#"{"return": 3, "id": 5}"#), [""; 0], "a second one while idle");
    assert!(client.is_in_step());
    let mut client = executing(PING.id(5));
    assert_eq!(received(&mut client, br#"{"return": 1, "return": 2, "id": 5}"#), [""; 0], "which one counts?");
    assert_eq!(received(&mut client, br#"{"return": 1}"#), ["Unexpected"]);
    assert!(!client.is_in_step());
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
        let mut client = executing(PING);
        assert_eq!(received(&mut client, bytes), outcome, "{}", bytes.escape_ascii());
        assert!(!client.is_in_step());
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

#[test]
fn a_response_that_just_fits_and_one_that_does_not() {
    let response = |length: usize| format!("{{\"return\":\"{}\"}}", "x".repeat(length - 13)).into_bytes();
    assert_eq!(received(&mut executing(PING), &response(256))[0].len(), 245);
    let mut client = executing(PING);
    assert_eq!(received(&mut client, &response(257)), ["ResponseTooLong"]);
    client.execute(PING).expect("still in step");
    sent(&mut client);
    assert_eq!(received(&mut client, b"\n{\"return\": 1}"), ["1"]);
    assert_eq!(received(&mut client, &response(257)), ["Broken(Overflow)"], "nobody waited for it");
}

/// A line that echoes: what comes back is too long, but no response.
#[test]
fn an_echo_that_does_not_fit_is_not_the_response() {
    let mut client = executing(PING);
    let echo = format!("{{\"execute\":\"guest-exec\",\"arguments\":{{\"path\":\"{}\"}}}}", "x".repeat(256));
    assert_eq!(received(&mut client, echo.as_bytes()), [""; 0]);
    assert_eq!(received(&mut client, b"{\"return\": {\"pid\": 1}}"), ["{\"pid\":1}"]);
}

/// The closing quote of a long response was lost: nobody can say where the next one begins.
#[test]
fn a_response_that_breaks_after_it_does_not_fit() {
    let mut client = executing(PING);
    let broken = format!("{{\"return\": \"{}\n", "x".repeat(256));
    assert_eq!(received(&mut client, broken.as_bytes()), ["Broken(Overflow)"]);
    assert!(!client.is_in_step());
}

#[test]
fn a_response_that_began_before_the_request_is_not_its_own() {
    let mut client = in_step();
    assert_eq!(received(&mut client, b"\n{\"return\": \"sta"), [""; 0]);
    assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
    assert!(!client.is_in_step() && client.transmit().is_empty());
}

#[test]
fn a_response_that_comes_before_the_request_has_left_is_not_its_own() {
    let mut client = in_step();
    client.execute(PING).unwrap();
    client.transmitted(client.transmit().len() - 2);
    assert_eq!(received(&mut client, b"{\"return\": 5}"), ["Unexpected"]);
    assert!(client.transmit().is_empty(), "the rest is not sent");
    let mut client = in_step();
    client.execute(PING).unwrap();
    client.transmitted(client.transmit().len() - 1);
    assert_eq!(received(&mut client, b"{\"return\": {}}"), ["{}"], "an agent does not wait for the LF");
    let mut client = in_step();
    client.execute(PING).unwrap();
    client.transmitted(5);
    let too_long = format!("{{\"return\":\"{}\"}}", "x".repeat(256));
    assert_eq!(received(&mut client, too_long.as_bytes()), ["Unexpected"]);
    assert!(client.transmit().is_empty() && !client.is_in_step(), "the rest is not sent");
}

#[test]
fn bytes_known_to_be_missing() {
    let mut client = executing(PING);
    assert_eq!(received(&mut client, b"{\"return\": "), [""; 0]);
    client.lost();
    assert!(!client.is_in_step());

    let mut client = TestClient::new();
    client.synchronize(77);
    assert_eq!(received(&mut client, b"\xFF{\"return\": 7"), [""; 0]);
    client.lost();
    assert_eq!(received(&mut client, b"7}\n\xFF{\"return\": 77}"), ["synchronized"]);

    let mut client = TestClient::new();
    client.synchronize_plain(177);
    assert_eq!(received(&mut client, b"{\"return\": 1"), [""; 0]);
    client.lost();
    assert_eq!(received(&mut client, b"77}"), [""; 0], "two halves are no whole");
    assert_eq!(received(&mut client, b"\n{\"return\": 177}"), ["synchronized"]);
}

mod synchronizing {
    use super::*;

    /// With the smallest buffers, the longest id.
    #[test]
    fn the_smallest_client() {
        let mut client: Client<31, 80> = Client::new();
        client.synchronize(i64::MIN);
        let mut bytes: &[u8] = b"\xFF{\"return\": -9223372036854775808}\n";
        assert_eq!(client.push_slice(&mut bytes), Ok(Some(Reply::Synchronized)));
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

    /// It is looked for in steps of many bytes, and found wherever it stands in one.
    #[test]
    #[cfg_attr(miri, ignore = "takes too long there")]
    fn the_sentinel_is_found_at_every_place() {
        for stale in 0..200 {
            for (byte, behind) in [(b"\xFE", 0), (b"\xFE", 100), (b"\xFF", 0), (b"\xFF", 100)] {
                let mut client = synchronizing(7);
                let bytes = [&byte.repeat(stale), b"\xFF{\"return\": 7}".as_slice(), &b" ".repeat(behind)].concat();
                assert_eq!(received(&mut client, &bytes), ["synchronized"], "{stale} bytes in front of it");
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
        assert!(!client.is_in_step());
    }

    #[test]
    fn an_echoed_request_and_an_error_behind_a_sentinel_are_skipped() {
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

/// What goes wrong in the field, and is right here.
mod field {
    use super::*;

    /// danobi/vmtest 17: the client connects before the agent is up.
    #[test]
    fn an_agent_that_is_not_up_yet_is_asked_again_on_the_same_connection() {
        let mut client = TestClient::new();
        for attempt in 1..10 {
            client.synchronize(attempt);
            client.timed_out();
        }
        client.synchronize(10);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 9}\n\xFF{\"return\": 10}\n"), ["synchronized"]);
    }

    /// FDio/csit 2354 and 2686: the late response to a request that timed out is taken for the next one's.
    #[test]
    fn a_late_response_is_not_the_answer_to_the_next_request() {
        let mut client = executing(Execute::new("guest-get-time"));
        client.timed_out();
        assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
        client.synchronize(78);
        assert_eq!(received(&mut client, b"{\"return\": 1795}\n\xFF{\"return\": 78}\n"), ["synchronized"]);
        client.execute(PING).unwrap();
        sent(&mut client);
        assert_eq!(received(&mut client, b"{\"return\": {}}\n"), ["{}"]);
    }

    /// QEMU's own agent: half a request of a client that was killed waits in its parser.
    #[test]
    fn the_sentinel_goes_in_front_of_every_synchronization() {
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
        assert_eq!(received(&mut client, b"{\"return\": {}}\n"), ["{}"]);
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
        assert_eq!(received(&mut client, b"\r\n\r\n{\"return\": {}}"), ["{}"]);
    }

    /// RHBZ 1705426: a command without an answer holds the caller for ever.
    #[test]
    fn giving_up_is_the_callers_and_always_possible() {
        for mut client in [TestClient::new(), in_step(), executing(PING), executing(PING.no_success_response())] {
            client.timed_out();
            assert!(!client.is_in_step() && client.transmit().is_empty());
            client.synchronize(78);
            assert_eq!(received(&mut client, b"\xFF{\"return\": 78}"), ["synchronized"]);
        }
    }

    /// danobi/vmtest 18: a request sent again blindly loses a result that is given only once.
    #[test]
    fn nothing_can_be_sent_again_before_synchronizing() {
        let mut client = executing(Execute::new("guest-exec-status"));
        assert_eq!(client.execute(PING), Err(ExecuteError::Waiting));
        client.timed_out();
        assert_eq!(client.execute(PING), Err(ExecuteError::OutOfStep));
    }

    /// avocado-vt 1391: guest-shutdown is answered with nothing, or with {} by some versions, or with an error.
    #[test]
    fn a_shutdown_is_done_by_an_answer_or_by_the_end_of_the_line() {
        let shutdown = Execute::new("guest-shutdown").no_success_response();
        assert_eq!(received(&mut executing(shutdown), b"{\"return\": {}}"), ["{}"]);
        assert_eq!(received(&mut executing(shutdown), br#"{"error": {"class": "A", "desc": "no"}}"#), ["A: no"]);
        assert!(executing(shutdown).success_is_silent(), "the end of the line is the answer");
        assert!(!executing(PING).success_is_silent());
        assert!(!in_step().success_is_silent());
        let mut client = executing(shutdown.id(4));
        assert_eq!(received(&mut client, br#"{"return": {}, "id": 3}"#), [""; 0]);
        assert!(client.success_is_silent());
        client.reset();
        assert!(!client.success_is_silent() && !client.is_in_step());
        let mut client = in_step();
        client.execute(shutdown).unwrap();
        client.transmitted(client.transmit().len() - 2);
        assert!(!client.success_is_silent(), "it has not left");
        client.transmitted(1);
        assert!(client.success_is_silent(), "but for its LF");
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
    fn synchronizing_and_a_plain_request_carry_no_id() {
        let mut client = in_step();
        client.synchronize(1);
        assert!(!sent(&mut client).contains("}, \"id\""));
        let mut client = executing(PING.id(5));
        let refused = br#"{"error": {"class": "GenericError", "desc": "QMP input member 'id' is unexpected"}}"#;
        assert_eq!(received(&mut client, refused), ["Unexpected"], "nobody can say whose error it is");
        client.synchronize(78);
        assert_eq!(received(&mut client, b"\xFF{\"return\": 78}"), ["synchronized"]);
        client.execute(PING).unwrap();
        sent(&mut client);
        assert_eq!(received(&mut client, b"{\"return\": {}}"), ["{}"]);
    }

    #[test]
    fn noise_is_named() {
        assert_eq!(executing(PING).push(b'#'), Err(ClientError::Broken(FrameError::Noise)));
    }
}
