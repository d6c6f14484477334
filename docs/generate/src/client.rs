//! The client's states, found by doing with a client everything that can be done, in every state.

use std::collections::{BTreeMap, BTreeSet};

use guestwire::{Client, client::Execute};

use crate::Outcome;

type TestClient = Client<64, 128>;

/// What can be done with a client.
type Action = (&'static str, fn(&mut TestClient));
const CALLS: &[Action] = &[
    ("synchronize()", |client| client.synchronize(7)),
    ("synchronize_plain()", |client| client.synchronize_plain(7)),
    ("execute()", |client| _ = client.execute(Execute::new("guest-ping"))),
    ("execute()", |client| _ = client.execute(Execute::new("guest-shutdown").no_success_response())),
    ("timed_out()", |client| client.timed_out()),
    ("reset()", |client| client.reset()),
    ("lost()", |client| client.lost()),
    ("corrupted()", |client| client.corrupted()),
];

/// What can come.
const BYTES: &[Action] = &[
    ("0xFF", |client| receive(client, b"\xFF")),
    ("its number", |client| receive(client, br#"{"return": 7}"#)),
    // Of the ids one is the request's; a response with another changes nothing then.
    ("its response", |client| {
        (0..99).for_each(|id| receive(client, format!(r#"{{"return": {{}}, "id": {id}}}"#).as_bytes()))
    }),
    ("another response", |client| receive(client, br#"{"return": {}, "id": "another"}"#)),
    ("an error without id", |client| receive(client, br#"{"error": {"class": "GenericError", "desc": ""}}"#)),
    ("a return without id", |client| receive(client, br#"{"return": {}}"#)),
    ("a response too long", |client| receive(client, format!("{{\"return\": \"{}\"}}", "-".repeat(99)).as_bytes())),
    ("a broken frame", |client| receive(client, b"{,")),
    ("noise", |client| receive(client, b"?")),
    ("an echoed request", |client| receive(client, br#"{"execute": "guest-ping"}"#)),
];

fn receive(client: &mut TestClient, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let _ = client.push_slice(&mut bytes);
    }
}

/// The name of the state in what `Debug` prints of a client.
fn state(client: &TestClient) -> Outcome<String> {
    let shown = format!("{client:?}");
    let (_, state) = shown.split_once("state: ").ok_or("a client no longer shows its state")?;
    Ok(state.chars().take_while(char::is_ascii_alphanumeric).collect())
}

pub fn draw() -> Outcome<String> {
    // From, to: what leads there. What is sent has left before anything else is done.
    let mut found: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![TestClient::new()];
    while let Some(client) = waiting.pop() {
        let from = state(&client)?;
        if !seen.insert(from.clone()) {
            continue;
        }
        for (name, act) in CALLS.iter().chain(BYTES) {
            let mut next = client.clone();
            act(&mut next);
            next.transmitted(usize::MAX);
            found.entry((from.clone(), state(&next)?)).or_default().insert(name);
            waiting.push(next);
        }
    }
    // What leads to the same state from everywhere is drawn once.
    let mut edges: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for ((from, to), names) in &found {
        for name in names {
            let is_everywhere = seen
                .iter()
                .all(|from| found.get(&(from.clone(), to.clone())).is_some_and(|names| names.contains(name)));
            let from = if is_everywhere { "AnyState" } else { from };
            edges.entry((from, to)).or_default().insert(name);
        }
    }
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    [*] --> OutOfStep\n");
    // Where much comes to the same, it is "anything else", and what changes nothing is drawn, too.
    let is_byte = |name: &str| BYTES.iter().any(|(byte, _)| *byte == name);
    for ((from, to), names) in &mut edges {
        if from != to && names.iter().filter(|name| is_byte(name)).count() > 4 {
            names.retain(|name| !is_byte(name));
            names.insert("anything else");
        }
    }
    let has_rest: BTreeSet<&str> =
        edges.iter().filter(|(_, names)| names.contains("anything else")).map(|((from, _), _)| *from).collect();
    for ((from, to), mut names) in edges {
        if from == to {
            names.retain(|name| has_rest.contains(from) && is_byte(name));
        }
        if !names.is_empty() {
            diagram += &format!("    {from} --> {to} : {}\n", Vec::from_iter(names).join(", "));
        }
    }
    Ok(diagram + "```\n")
}
