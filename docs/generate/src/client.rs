//! The client's states: what every call and everything received leads to from each of them.

use std::collections::BTreeMap;

use guestwire::Client;

use crate::{Outcome, state};

type TestClient = Client<64, 128>;

type Action = (&'static str, fn(&mut TestClient));
const ACTIONS: &[Action] = &[
    ("synchronize()", |client| client.synchronize(7)),
    ("synchronize_plain()", |client| client.synchronize_plain(7)),
    ("execute()", |client| _ = client.execute("guest-ping")),
    ("reset()", |client| _ = client.reset()),
    ("lost()", |client| _ = client.lost()),
    ("corrupted()", |client| _ = client.corrupted()),
    ("0xFF", |client| receive(client, "\u{FF}")),
    ("its number", |client| receive(client, r#"{"return": 7}"#)),
    // A synchronization with 7 comes first.
    ("its response", |client| receive(client, r#"{"return": {}, "id": 8}"#)),
    ("an error without id", |client| receive(client, r#"{"error": {"class": "GenericError", "desc": ""}}"#)),
    ("a return without id", |client| receive(client, r#"{"return": {}}"#)),
    ("a response too long", |client| receive(client, &format!(r#"{{"return": "{}"}}"#, "-".repeat(99)))),
    ("a broken frame", |client| receive(client, "{,")),
    ("noise", |client| receive(client, "?")),
    ("an echoed request", |client| receive(client, r#"{"execute": "guest-ping"}"#)),
];

/// The shortest way into each state.
const STATES: [&[&str]; 6] = [
    &[],
    &["synchronize()"],
    &["synchronize()", "0xFF"],
    &["synchronize_plain()"],
    &["synchronize_plain()", "its number"],
    &["synchronize_plain()", "its number", "execute()"],
];

/// Receives a string in Latin-1, in which 0xFF is a character.
fn receive(client: &mut TestClient, text: &str) {
    text.chars().filter_map(|letter| u8::try_from(letter).ok()).for_each(|byte| _ = client.push_slice(&[byte]));
}

/// The state that these actions lead to, each once what the one before sends has left.
fn after<'a>(actions: impl IntoIterator<Item = &'a str>) -> Outcome<String> {
    let mut client = TestClient::new();
    for name in actions {
        let (_, act) = ACTIONS.iter().find(|action| action.0 == name).ok_or(format!("no action is called {name}"))?;
        act(&mut client);
        client.transmitted(usize::MAX);
    }
    state(&client)
}

pub fn draw() -> Outcome<String> {
    let states = STATES.iter().map(|path| after(path.iter().copied())).collect::<Outcome<Vec<_>>>()?;
    let mut edges: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (name, _) in ACTIONS {
        let mut changes = Vec::new();
        for (path, from) in STATES.iter().zip(&states) {
            let to = after(path.iter().copied().chain([*name]))?;
            if !states.contains(&to) {
                return Err(format!("the client's state {to} is not among those that are drawn").into());
            }
            changes.extend((*from != to).then_some((from.as_str(), to)));
        }
        let to = changes.first().map(|(_, to)| to.clone()).unwrap_or_default();
        if changes.len() == states.len() - 1 && changes.iter().all(|change| change.1 == to) {
            changes = vec![("AnyState", to)];
        }
        changes.into_iter().for_each(|change| edges.entry(change).or_default().push(name));
    }
    let edges = edges.iter().map(|((from, to), names)| format!("    {from} --> {to} : {}\n", names.join(", ")));
    Ok(format!("```mermaid\nstateDiagram-v2\n    [*] --> {}\n{}```\n", states[0], edges.collect::<String>()))
}
