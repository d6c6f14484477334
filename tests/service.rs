//! Tables of commands that are known at run time only, and what is asked about names that are in none.

mod exchange;
mod random;

use exchange::{error, error_with_id, exchange};
use guestwire::agent::{AgentLent, Entry, Handler, Service, guest_info_size};
use guestwire::{Agent, BuildError, Call, Command, CommandError, CommandResult, Guest};
use random::Random;
use serde_json::{Value, json};

/// A table that is lent, and what it switches off.
#[derive(Debug, Default)]
struct Table<'t> {
    commands: Vec<Entry<'t, Self>>,
    version: &'t str,
    frozen: bool,
    disabled: Vec<&'t str>,
}

impl Service for Table<'_> {
    fn version(&self) -> &str {
        self.version
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        self.disabled.contains(&command)
    }
}

/// Returns the name that it was called by.
fn name<S>(_: &mut S, call: Call<'_>) -> CommandResult {
    let name = call.command().chars().collect::<String>();
    call.respond()?.string(&name)
}

fn table<'t>(names: &[&'t str]) -> Table<'t> {
    Table { commands: names.iter().map(|command| Entry::new(command, name)).collect(), ..Table::default() }
}

/// What an agent over buffers of these lengths says to a table.
fn build(table: Table<'_>, receive: usize, transmit: usize) -> Result<(), BuildError> {
    AgentLent::new(table, &mut vec![0; receive], &mut vec![0; transmit]).map(|_| ())
}

fn execute(command: &str) -> Vec<u8> {
    format!("{{\"execute\": {}}}\n", json!(command)).into_bytes()
}

fn answer<S: Service>(agent: &mut AgentLent<'_, S>, command: &str) -> String {
    String::from_utf8(exchange(agent, &execute(command))).unwrap()
}

const NOT_FOUND: &str = "CommandNotFound";

#[test]
fn a_name_is_there_once() {
    for names in [
        &["a", "a"][..],
        &["a", "b", "a"],
        &["b", "a", "c", "a"],
        &["", ""],
        &["é", "é"],
        &["guest-ping"],
        &["a", "guest-sync"],
        &["guest-sync-delimited"],
        &["a", "b", "guest-info"],
    ] {
        assert_eq!(build(table(names), 256, 4096), Err(BuildError::DuplicateName), "{names:?}");
    }
    for names in [&[][..], &["a"], &["", "a", "ab", "b"], &["A", "a"], &["guest-pin", "guest-ping-", "Guest-ping"]] {
        assert_eq!(build(table(names), 256, 4096), Ok(()), "{names:?}");
    }
}

#[test]
fn buffers_that_are_too_small() {
    let transmit = guest_info_size::<()>();
    let version = <() as Guest>::VERSION;
    let table = || Table { version, ..Table::default() };
    assert_eq!(build(table(), 74, transmit), Ok(()));
    assert_eq!(build(table(), 73, transmit), Err(BuildError::ReceiveTooSmall));
    assert_eq!(build(table(), 0, transmit), Err(BuildError::ReceiveTooSmall));
    assert_eq!(build(table(), 74, transmit - 1), Err(BuildError::TransmitTooSmall));
    assert_eq!(build(table(), 74, 0), Err(BuildError::TransmitTooSmall));
}

/// The smallest buffer that is accepted is that of the longest response to guest-info: all disabled, with the longest
/// number as `id`.
#[test]
fn guest_info_fits_the_smallest_buffer_and_no_smaller_one_does() {
    let mut random = Random(5);
    for _ in 0..500 {
        let mut text = |most: usize| -> String {
            let characters = ['a', '-', '"', '\\', '\n', '\u{1}', '\u{7F}', 'é', '€', '😀'];
            (0..random.below(most)).map(|_| random.pick(&characters)).collect()
        };
        let (version, names) = (text(9), [0; 4].map(|_| text(12)));
        let table = || {
            let mut commands: Vec<Entry<'_, Table<'_>>> =
                names.iter().map(|command| Entry::new(command, name)).collect();
            commands.dedup_by_key(|command| command.name());
            commands[0] = commands[0].no_success_response();
            let disabled = names.iter().map(String::as_str).collect();
            Table { commands, version: &version, disabled, frozen: false }
        };
        let Some(smallest) = (300..1200).find(|length| build(table(), 128, *length).is_ok()) else {
            assert_eq!(build(table(), 128, 4096), Err(BuildError::DuplicateName), "{names:?}");
            continue;
        };
        let (mut receive, mut transmit) = ([0; 128], vec![0; smallest]);
        let mut agent = AgentLent::new(table(), &mut receive, &mut transmit).unwrap();
        let info = exchange(&mut agent, b"{\"execute\":\"guest-info\",\"id\":-9223372036854775808}");
        assert_eq!(info.len(), smallest, "{}", info.escape_ascii());
        let info: Value = serde_json::from_slice(&info).unwrap();
        assert_eq!(info["return"]["version"], json!(version));
        let shown = info["return"]["supported_commands"].as_array().unwrap();
        for (shown, due) in shown.iter().skip(4).zip(&agent.guest().commands) {
            assert_eq!(shown["name"], json!(due.name()));
        }
        assert_eq!(shown.len(), 4 + agent.guest().commands.len());
    }
}

/// One answer for each state, by the table itself.
#[test]
fn guest_info_is_written_from_the_table() {
    let commands = vec![
        Entry::new("plain", name),
        Entry::new("silent", name).no_success_response(),
        Entry::new("status", name).allowed_when_frozen(),
    ];
    let (mut receive, mut transmit) = ([0; 128], [0; 1024]);
    let table = Table { commands, version: "1.2.3", ..Table::default() };
    let mut agent = AgentLent::new(table, &mut receive, &mut transmit).unwrap();
    let own = ["guest-sync-delimited", "guest-sync", "guest-ping", "guest-info"];
    let check = |agent: &mut AgentLent<'_, Table<'_>>, enabled: [bool; 3]| {
        let mut due: Vec<_> = own.map(|name| json!({"enabled": true, "name": name, "success-response": true})).to_vec();
        for ((name, responds), enabled) in [("plain", true), ("silent", false), ("status", true)].iter().zip(enabled) {
            due.push(json!({"enabled": enabled, "name": name, "success-response": responds}));
        }
        let info: Value = serde_json::from_str(&answer(agent, "guest-info")).unwrap();
        assert_eq!(info, json!({"return": {"version": "1.2.3", "supported_commands": due}}));
        // What it says is so.
        for (name, enabled) in ["plain", "silent", "status"].iter().zip(enabled) {
            assert_eq!(answer(agent, name).contains(NOT_FOUND), !enabled, "{name}");
        }
    };
    check(&mut agent, [true; 3]);
    agent.guest_mut().frozen = true;
    check(&mut agent, [false, false, true]);
    agent.guest_mut().disabled = vec!["status", "guest-ping", "guest-info"];
    check(&mut agent, [false; 3]);
    agent.guest_mut().frozen = false;
    check(&mut agent, [true, true, false]);
    agent.guest_mut().disabled.clear();
    check(&mut agent, [true; 3]);
    assert_eq!(answer(&mut agent, "guest-ping"), "{\"return\": {}}\n");
}

#[test]
fn a_command_is_switched_off_and_on_while_it_runs() {
    let (mut receive, mut transmit) = ([0; 128], [0; 1024]);
    let mut agent = AgentLent::new(table(&["a", "b"]), &mut receive, &mut transmit).unwrap();
    for _ in 0..2 {
        assert_eq!(answer(&mut agent, "a"), "{\"return\": \"a\"}\n");
        agent.guest_mut().disabled.push("a");
        assert_eq!(
            answer(&mut agent, "a"),
            error(NOT_FOUND, "Command a has been disabled: the command is not allowed")
        );
        assert_eq!(answer(&mut agent, "b"), "{\"return\": \"b\"}\n");
        agent.guest_mut().disabled.clear();
        agent.guest_mut().frozen = true;
        let frozen = "Command a has been disabled: the command is not allowed";
        assert_eq!(answer(&mut agent, "a"), error(NOT_FOUND, frozen));
        agent.guest_mut().frozen = false;
    }
}

#[test]
fn a_table_grows_and_shrinks_while_it_runs() {
    let (mut receive, mut transmit) = ([0; 128], [0; 512]);
    let mut agent = AgentLent::new(table(&["a"]), &mut receive, &mut transmit).unwrap();
    assert_eq!(answer(&mut agent, "b"), error(NOT_FOUND, "The command b has not been found"));
    agent.guest_mut().commands.insert(0, Entry::new("b", name));
    assert_eq!(answer(&mut agent, "b"), "{\"return\": \"b\"}\n");
    assert_eq!(answer(&mut agent, "a"), "{\"return\": \"a\"}\n");
    agent.guest_mut().commands.clear();
    assert_eq!(answer(&mut agent, "a"), error(NOT_FOUND, "The command a has not been found"));
    // It was checked when the agent was built: what it has grown to since may be too long to be shown.
    let names: Vec<String> = (0..20).map(|number| format!("command-{number}")).collect();
    agent.guest_mut().commands = names.iter().map(|command| Entry::new(command.clone().leak(), name)).collect();
    assert_eq!(answer(&mut agent, "guest-info"), error("GenericError", "Response does not fit the transmit buffer"));
    assert_eq!(answer(&mut agent, "command-19"), "{\"return\": \"command-19\"}\n");
}

/// What the table of a guest is, at run time.
#[test]
fn a_guest_is_a_service() {
    struct Board;

    impl Guest for Board {
        const VERSION: &'static str = "1.2.3";
        const COMMANDS: &'static [Command<Self>] =
            &[Command::new("a", name), Command::new("b", name).no_success_response()];

        fn is_disabled(&self, command: &str) -> bool {
            command == "b"
        }
    }

    const TX: usize = guest_info_size::<Board>();
    let (mut receive, mut transmit) = ([0; 128], [0; TX]);
    assert!(AgentLent::new(Board, &mut receive, &mut transmit[1..]).is_err());
    let mut lent = AgentLent::new(Board, &mut receive, &mut transmit).unwrap();
    let mut agent: Agent<Board, 128, TX> = Agent::new(Board);
    for command in ["guest-info", "a", "b", "c", "guest-ping"] {
        assert_eq!(exchange(&mut agent, &execute(command)), exchange(&mut lent, &execute(command)), "{command}");
    }
}

/// Passes on what is not in its table.
struct Proxy {
    commands: Vec<Entry<'static, Self>>,
    seen: Vec<String>,
    frozen: bool,
    disabled: &'static str,
}

impl Service for Proxy {
    const CATCH_ALL: Option<Handler<Self>> = Some(|proxy, call| {
        let name: String = call.command().chars().collect();
        proxy.seen.push(name.clone());
        match name.as_str() {
            "refused" => Err(CommandError::NotFound),
            "failing" => Err(CommandError::Failed("it failed")),
            "adding" => {
                let sum = call.arguments.integer("a")? + call.arguments.integer("b")?;
                call.respond()?.integer(sum)
            }
            name => call.respond()?.string(name),
        }
    });

    fn version(&self) -> &str {
        "1.0.0"
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        self.disabled == command
    }
}

fn proxy() -> Proxy {
    let own: Handler<Proxy> = |_, call| call.respond()?.string("of the table");
    Proxy { commands: vec![Entry::new("own", own)], seen: Vec::new(), frozen: false, disabled: "" }
}

#[test]
fn a_catch_all_is_given_every_name_that_no_command_has() {
    let (mut receive, mut transmit) = ([0; 256], [0; 512]);
    let mut agent = AgentLent::new(proxy(), &mut receive, &mut transmit).unwrap();
    let mut ask = |request: &str| String::from_utf8(exchange(&mut agent, request.as_bytes())).unwrap();
    assert_eq!(ask(r#"{"execute": "own"}"#), "{\"return\": \"of the table\"}\n");
    assert_eq!(ask(r#"{"execute": "\u006Fwn"}"#), "{\"return\": \"of the table\"}\n");
    assert_eq!(ask(r#"{"execute": "guest-ping"}"#), "{\"return\": {}}\n");
    assert_eq!(ask(r#"{"execute": "guest-pin"}"#), "{\"return\": \"guest-pin\"}\n");
    assert_eq!(ask(r#"{"execute": "", "id": 1}"#), "{\"return\": \"\", \"id\": 1}\n");
    assert_eq!(ask(r#"{"execute": "caf\u00e9"}"#), "{\"return\": \"caf\\u00E9\"}\n");
    let sum = r#"{"execute": "adding", "arguments": {"a": 1, "b": 2}, "id": 2}"#;
    assert_eq!(ask(sum), "{\"return\": 3, \"id\": 2}\n");
    let failed = ask(r#"{"execute": "failing", "id": 3}"#);
    assert_eq!(failed, error_with_id("3", "GenericError", "it failed"));
    let unread = ask(r#"{"execute": "other", "arguments": {"a": 1}}"#);
    assert!(unread.contains("\"GenericError\""), "arguments that it does not read are refused: {unread}");
    assert!(ask(r#"{"execute": 5}"#).contains("must be a string"), "what is no request is none for it");
    assert_eq!(agent.guest().seen, ["guest-pin", "", "café", "adding", "failing", "other"]);
}

#[test]
fn a_catch_all_refuses_in_the_agents_words() {
    let (mut receive, mut transmit) = ([0; 256], [0; 512]);
    let mut agent = AgentLent::new(proxy(), &mut receive, &mut transmit).unwrap();
    assert_eq!(answer(&mut agent, "refused"), error(NOT_FOUND, "The command refused has not been found"));
    let escaped = exchange(&mut agent, br#"{"execute": "r\u0065fused", "id": "x"}"#);
    let due = error_with_id("\"x\"", NOT_FOUND, "The command refused has not been found");
    assert_eq!(String::from_utf8(escaped).unwrap(), due);
}

#[test]
fn a_catch_all_is_not_asked_while_frozen() {
    let (mut receive, mut transmit) = ([0; 256], [0; 512]);
    let mut agent = AgentLent::new(proxy(), &mut receive, &mut transmit).unwrap();
    agent.guest_mut().frozen = true;
    let frozen = |name| error(NOT_FOUND, &format!("Command {name} has been disabled: the command is not allowed"));
    for name in ["other", "refused", "own"] {
        assert_eq!(answer(&mut agent, name), frozen(name));
    }
    assert_eq!(answer(&mut agent, "guest-ping"), "{\"return\": {}}\n");
    assert!(agent.guest().seen.is_empty());
    agent.guest_mut().frozen = false;
    assert_eq!(answer(&mut agent, "other"), "{\"return\": \"other\"}\n");
}

#[test]
fn a_disabled_command_does_not_fall_through_to_the_catch_all() {
    let (mut receive, mut transmit) = ([0; 256], [0; 512]);
    let mut agent = AgentLent::new(proxy(), &mut receive, &mut transmit).unwrap();
    agent.guest_mut().disabled = "own";
    assert_eq!(
        answer(&mut agent, "own"),
        error(NOT_FOUND, "Command own has been disabled: the command is not allowed")
    );
    assert!(agent.guest().seen.is_empty());
    agent.guest_mut().commands.clear();
    assert_eq!(answer(&mut agent, "own"), "{\"return\": \"own\"}\n", "one that is not there does");
}

#[test]
fn a_guest_whose_table_is_compiled_has_a_catch_all_too() {
    struct Board;

    impl Guest for Board {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("own", |_, call| call.respond()?.integer(1))];
        const CATCH_ALL: Option<Handler<Self>> = Some(name);
    }

    let mut agent: Agent<Board, 128, 512> = Agent::new(Board);
    assert_eq!(exchange(&mut agent, &execute("own")), b"{\"return\": 1}\n");
    assert_eq!(exchange(&mut agent, &execute("other")), b"{\"return\": \"other\"}\n");
}

/// Who has no catch-all cannot say that there is no such command: there is.
#[test]
fn a_command_of_the_table_does_not_deny_that_it_is_there() {
    let (mut receive, mut transmit) = ([0; 128], [0; 512]);
    let commands = vec![Entry::new("a", |_, _| Err(CommandError::NotFound))];
    let table = Table { commands, ..Table::default() };
    let mut agent = AgentLent::new(table, &mut receive, &mut transmit).unwrap();
    assert_eq!(answer(&mut agent, "a"), error("GenericError", "No answer"));
}
