//! The client's states, found by doing with a client everything that can be done, in every state.

use std::collections::{BTreeMap, BTreeSet};

use guestwire::{Client, client::Execute};

use crate::{Outcome, state};

type TestClient = Client<64, 128>;

/// What can be done with a client.
type Action = (&'static str, fn(&mut TestClient));
const CALLS: &[Action] = &[
    ("synchronize()", |client| client.synchronize(7)),
    ("synchronize_plain()", |client| client.synchronize_plain(7)),
    ("execute()", |client| _ = client.execute(Execute::new("guest-ping"))),
    ("execute()", |client| _ = client.execute(Execute::new("guest-shutdown").no_success_response())),
    ("reset()", |client| _ = client.reset()),
    ("lost()", |client| _ = client.lost()),
    ("corrupted()", |client| _ = client.corrupted()),
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
        let (taken, _) = client.push_slice(bytes);
        bytes = &bytes[taken..];
    }
}

pub fn draw() -> Outcome<String> {
    // What leads from one state to another. What is sent has left before anything else is done.
    let mut found: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![TestClient::new()];
    while let Some(client) = waiting.pop() {
        let from = state(&client)?;
        if seen.insert(from.clone()) {
            for (name, act) in CALLS.iter().chain(BYTES) {
                let mut next = client.clone();
                act(&mut next);
                next.transmitted(usize::MAX);
                found.entry((from.clone(), state(&next)?)).or_default().insert(name);
                waiting.push(next);
            }
        }
    }
    let leads = |from: &String, to: &String, name: &str| {
        found.get(&(from.clone(), to.clone())).is_some_and(|names| names.contains(name))
    };
    let mut edges = BTreeSet::new();
    for from in &seen {
        // Where most bytes lead to one state they are "anything else" there, and those that change nothing are named.
        let rest =
            seen.iter().find(|to| *to != from && BYTES.iter().filter(|(name, _)| leads(from, to, name)).count() > 4);
        for to in &seen {
            let bytes = BYTES.iter().filter(|_| rest != Some(to) && (from != to || rest.is_some()));
            let calls = CALLS.iter().filter(|_| from != to);
            let mut names: BTreeSet<&str> = calls.chain(bytes).map(|(name, _)| *name).collect();
            names.retain(|name| leads(from, to, name));
            names.extend((rest == Some(to)).then_some("anything else"));
            let (everywhere, here): (Vec<&str>, Vec<&str>) =
                names.into_iter().partition(|name| seen.iter().all(|from| leads(from, to, name)));
            for (from, names) in
                [("AnyState", everywhere), (from.as_str(), here)].iter().filter(|edge| !edge.1.is_empty())
            {
                edges.insert(format!("    {from} --> {to} : {}\n", names.join(", ")));
            }
        }
    }
    let edges = String::from_iter(edges);
    Ok(format!("```mermaid\nstateDiagram-v2\n    [*] --> OutOfStep\n{edges}```\n"))
}
