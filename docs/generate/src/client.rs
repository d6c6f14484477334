//! The client's states, found by doing with a client everything that can be done, in every state.

use std::collections::{BTreeMap, BTreeSet};

use guestwire::{Client, client::Execute};

use crate::Outcome;

type TestClient = Client<64, 128>;

/// What can be done with a client, and what can come.
type Action = (&'static str, fn(&mut TestClient));
const ACTIONS: &[Action] = &[
    ("synchronize()", |client| client.synchronize(7)),
    ("synchronize_plain()", |client| client.synchronize_plain(7)),
    ("execute()", |client| execute(client, Execute::new("guest-ping"))),
    ("execute()", |client| execute(client, Execute::new("guest-shutdown").no_success_response())),
    ("reset()", |client| {
        client.reset();
    }),
    ("lost()", |client| client.lost().unwrap_or_default()),
    ("corrupted()", |client| client.corrupted().unwrap_or_default()),
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

fn execute(client: &mut TestClient, request: Execute<'_>) {
    let _ = client.execute(request);
}

fn receive(client: &mut TestClient, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let (taken, _) = client.push_slice(bytes);
        bytes = &bytes[taken..];
    }
}

/// The name of the state in what `Debug` prints of a client.
fn state(client: &TestClient) -> Outcome<String> {
    let shown = format!("{client:?}");
    let (_, behind) = shown.split_once("state: ").ok_or("a client no longer shows its state")?;
    Ok(behind.chars().take_while(char::is_ascii_alphanumeric).collect())
}

/// For each state and action, where it leads. What is sent has left before anything else is done.
fn explore() -> Outcome<BTreeMap<(String, &'static str), BTreeSet<String>>> {
    let mut found: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![TestClient::new()];
    while let Some(client) = waiting.pop() {
        let from = state(&client)?;
        if !seen.insert(from.clone()) {
            continue;
        }
        for (name, act) in ACTIONS {
            let mut next = client.clone();
            act(&mut next);
            next.transmitted(usize::MAX);
            found.entry((from.clone(), name)).or_default().insert(state(&next)?);
            waiting.push(next);
        }
    }
    Ok(found)
}

/// Of the actions, those that are bytes from the guest.
const COMES: &[&str] = &[
    "0xFF",
    "its number",
    "its response",
    "another response",
    "an error without id",
    "a return without id",
    "a response too long",
    "a broken frame",
    "noise",
    "an echoed request",
];

/// A state diagram in Mermaid, which GitHub draws.
pub fn draw() -> Outcome<String> {
    let found = explore()?;
    let states: BTreeSet<&String> = found.keys().map(|(from, _)| from).collect();
    let names: BTreeSet<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
    let mut everywhere: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut edges: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for name in names {
        let targets: BTreeSet<&String> = states.iter().flat_map(|from| &found[&((*from).clone(), name)]).collect();
        if let [target] = targets.iter().collect::<Vec<_>>()[..] {
            everywhere.entry(target).or_default().push(name);
            continue;
        }
        for from in &states {
            for to in found[&((*from).clone(), name)].iter().filter(|to| to != from) {
                edges.entry((from, to)).or_default().push(name.into());
            }
        }
    }
    // The number is a return without id like any other where none is waited for.
    for labels in edges.values_mut().filter(|labels| labels.iter().any(|label| label == "a return without id")) {
        labels.retain(|label| label != "its number");
    }
    // Where most of what can come leads the same way, what changes nothing is said instead.
    let mut quiet: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ((from, _), labels) in &mut edges {
        if labels.iter().filter(|label| COMES.contains(&label.as_str())).count() > 4 {
            labels.retain(|label| !COMES.contains(&label.as_str()));
            labels.insert(0, "anything else".into());
            let stays = |name: &&&str| found[&((*from).to_owned(), **name)].iter().all(|to| to == from);
            quiet.insert(from, COMES.iter().filter(stays).copied().collect());
        }
    }
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    [*] --> OutOfStep\n");
    for state in states {
        for (what, names) in
            [("from everywhere", everywhere.get(state.as_str())), ("no change", quiet.get(state.as_str()))]
        {
            if let Some(names) = names {
                // The first line is the title.
                diagram += &format!("    {state} : {state}\n    {state} : {what}, {}\n", names.join(", "));
            }
        }
    }
    for ((from, to), labels) in edges {
        diagram += &format!("    {from} --> {to} : {}\n", labels.join(", "));
    }
    diagram += "```\n";
    Ok(diagram)
}
