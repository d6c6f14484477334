//! What a client makes of every response that qemu-ga 7.2.22, 10.0.13 and 11.1.3 were recorded with, as serde_json
//! reads it.

mod recordings;

use std::collections::BTreeSet;

use guestwire::client::ClientError;
use guestwire::{Client, Reply};
use recordings::{VERSIONS, recordings_of};
use serde_json::Value;

type TestClient = Client<65535, 256>;

/// All lines without an `id`, and what they say.
fn responses(version: &str) -> Vec<(String, Value)> {
    let lines: BTreeSet<String> = recordings_of(version)
        .into_iter()
        .flat_map(|recording| {
            // A sentinel comes before some.
            let lines = recording.output.split(|byte| matches!(byte, b'\n' | 0xFF)).map(<[u8]>::to_vec);
            lines.filter_map(|line| String::from_utf8(line).ok()).collect::<Vec<_>>()
        })
        .collect();
    lines.into_iter().filter_map(|line| Some((line.clone(), serde_json::from_str(&line).ok()?))).collect()
}

/// A client that waits for the response to its request, which has the id 8 or none.
fn waiting(has_id: bool) -> Box<TestClient> {
    let mut client = Box::new(TestClient::new());
    client.synchronize(7);
    client.transmitted(usize::MAX);
    assert_eq!(client.push_slice(b"\xFF{\"return\": 7}").1, Ok(Some(Reply::Synchronized)));
    if !has_id {
        client.omit_ids();
    }
    client.execute("guest-ping").unwrap();
    client.transmitted(usize::MAX);
    client
}

/// The class and the text that a response has.
fn error(response: &Value) -> Option<(&str, &str)> {
    let error = response.get("error")?;
    Some((error["class"].as_str().unwrap(), error["desc"].as_str().unwrap()))
}

/// The same of a reply.
fn classified(reply: Result<Option<Reply<'_>>, ClientError>) -> (&'static str, String) {
    match reply {
        Ok(Some(Reply::Return(value))) => ("return", value.to_string()),
        Ok(Some(Reply::Error(error))) => ("error", error.to_string()),
        Ok(Some(Reply::Unattributed(error))) => ("unattributed", error.to_string()),
        other => ("failure", format!("{other:?}")),
    }
}

#[test]
fn every_recorded_response_is_classified_by_its_class_and_id_and_not_by_its_text() {
    for version in VERSIONS {
        let mut counts = [0; 3];
        for (line, response) in responses(version) {
            if response.get("id").is_some() {
                continue;
            }
            let alone = format!("{line}\n");
            let (with_id, said) = match error(&response) {
                Some((class, desc)) => (line.replacen('{', "{\"id\": 8, ", 1), format!("{class}: {desc}")),
                None => (line.strip_suffix('}').unwrap().to_owned() + ", \"id\": 8}", String::new()),
            };
            let is_error = !said.is_empty();
            let is_not_found = said.starts_with("CommandNotFound: ");
            counts[usize::from(is_error) + usize::from(is_not_found)] += 1;

            // With its id it is the answer.
            let mut client = waiting(true);
            let (what, text) = classified(client.push_slice(with_id.as_bytes()).1);
            assert_eq!(what, if is_error { "error" } else { "return" }, "{version}: {with_id}");
            assert!(!is_error || text == said, "{text}");
            assert!(client.is_ready(), "in step after {with_id}");

            // Without one an error may be about noise, and the answer may follow.
            let mut client = waiting(true);
            let (what, text) = classified(client.push_slice(alone.as_bytes()).1);
            assert_eq!(what, if is_error { "unattributed" } else { "failure" }, "{version}: {alone}");
            if is_error {
                assert_eq!(text, said);
                assert_eq!(classified(client.push_slice(b"{\"return\": {}, \"id\": 8}").1), ("return", "{}".into()));
            }

            // To an agent without ids it is the answer, but an error that noise may have drawn leaves step.
            let mut client = waiting(false);
            let (what, text) = classified(client.push_slice(alone.as_bytes()).1);
            assert_eq!(what, if is_error { "error" } else { "return" }, "{version}: {alone}");
            assert!(!is_error || text == said, "{text}");
            assert_eq!(client.is_ready(), !is_error || is_not_found, "{version}: {alone}");
        }
        println!("{version}: {counts:?} different return values, errors, and commands not found or disabled");
        assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
    }
}

/// 8.1 to 11.1 say why, 7.2 does not. All have the class by which libvirt does without the command.
#[test]
fn what_is_blocked_or_must_wait_for_the_thaw_is_a_command_that_is_not_found() {
    let refused: fn(&str) -> &str = |version| match version {
        "7.2.22" => "Command guest-get-time has been disabled",
        _ => "Command guest-get-time has been disabled: the command is not allowed",
    };
    for version in VERSIONS {
        let lines = responses(version);
        let found = lines.iter().filter_map(|(_, response)| error(response));
        let found: Vec<_> = found.filter(|(_, desc)| desc.starts_with(refused(version))).collect();
        assert!(
            !found.is_empty() && found.iter().all(|(class, _)| *class == "CommandNotFound"),
            "{version}: {found:?}"
        );
    }
}

#[test]
fn the_place_in_front_of_a_syntax_error_of_11_1_is_part_of_its_text() {
    let mut client = waiting(true);
    let line =
        responses("11.1.3").into_iter().map(|(line, _)| line).find(|line| line.contains(":25: JSON parse error"));
    let line = line.expect("it was recorded");
    let (what, text) = classified(client.push_slice(line.as_bytes()).1);
    assert_eq!(what, "unattributed");
    assert!(text.starts_with("GenericError: ") && text.contains(":25: JSON parse error, "), "{text}");
}
