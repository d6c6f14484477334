//! What the agent answers: against the schema, and against QEMU's agent on the same machine.

mod peer;

use std::collections::BTreeSet;

use peer::{Folder, Peer, install, qapi, worst_moment};
use serde_json::{Number, Value, json};

/// They return something on this machine and change nothing.
const QUIET: [&str; 18] = [
    "guest-ping",
    "guest-info",
    "guest-get-time",
    "guest-get-osinfo",
    "guest-get-host-name",
    "guest-get-timezone",
    "guest-get-users",
    "guest-get-load",
    "guest-get-vcpus",
    "guest-get-cpustats",
    "guest-get-memory-blocks",
    "guest-get-memory-block-info",
    "guest-network-get-interfaces",
    "guest-network-get-route",
    "guest-get-fsinfo",
    "guest-get-disks",
    "guest-get-diskstats",
    "guest-fsfreeze-status",
];

#[test]
fn every_return_value_follows_the_schema() {
    let mut ours = Peer::ours(&[]);
    for command in QUIET {
        ours.returned(command, json!({})); // It checks that.
    }
    for command in ["guest-sync", "guest-sync-delimited"] {
        assert_eq!(ours.returned(command, json!({"id": i64::MIN})), json!(i64::MIN));
    }
}

#[test]
#[ignore = "needs root and setpriv: apt-get install util-linux"]
fn commands_that_only_read_run_without_root() {
    let folder = Folder::new();
    let user = 1_000_000 + std::process::id() * 10;
    let program = folder.join("agent");
    install(env!("CARGO_BIN_EXE_guestwire-agent").as_ref(), &program);
    std::os::unix::fs::chown(folder.path(), Some(user), None).unwrap();
    let mut command = folder.command("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .arg("--clear-groups")
        .arg(program)
        .arg("--listen")
        .arg(folder.join("socket"));
    let mut agent = Peer::start(&folder, &folder.join("socket"), &mut command);
    for command in QUIET {
        agent.returned(command, json!({}));
    }
}

#[test]
fn every_command_of_the_schema_for_linux_is_there() {
    let info = Peer::ours(&[]).returned("guest-info", json!({}));
    let listed = info["supported_commands"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap());
    let listed: BTreeSet<&str> = listed.collect();
    // Windows only.
    let due = qapi::commands().map(|(name, _)| name).filter(|name| *name != "guest-get-devices");
    assert_eq!(listed, due.collect());
}

/// Of an unknown program qemu-ga says `PID ld does not exist` since 10.0.
fn answer(agent: &mut Peer, command: &str, arguments: Value) -> Value {
    let mut answer = agent.ask(command, arguments);
    if answer.pointer("/error/desc").is_some_and(|text| text == "PID ld does not exist") {
        answer["error"]["desc"] = "Invalid parameter 'pid'".into();
    }
    answer
}

/// Lists as sets: sorted by their elements' text.
fn as_sets(value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.iter_mut().for_each(as_sets);
            list.sort_by_key(Value::to_string);
        }
        Value::Object(object) => object.values_mut().for_each(as_sets),
        _ => {}
    }
}

/// Numbers that move either way: theirs lies between our two, or as far outside as this. The kernel takes back some of
/// `idle` and `iowait`, and of the load one agent has two decimals, the other all that the kernel knows.
const MOVING: &[(&str, f64)] = &[
    ("idle", 10_000.0),
    ("ios-pgr", 1000.0),
    ("iowait", 10_000.0),
    ("load1m", 0.5),
    ("load5m", 0.5),
    ("load15m", 0.5),
    ("login-time", 1.0),
    ("used-bytes", (1_u64 << 28) as f64),
];

/// Numbers that only grow: theirs lies between our two.
const GROWING: [&str; 5] = ["guest-get-time", "rx-bytes", "rx-packets", "tx-bytes", "tx-packets"];

/// All other numbers of these commands grow, too, but for those that say which disk or CPU it is.
const COUNTERS: [&str; 2] = ["guest-get-diskstats", "guest-get-cpustats"];

fn grows(name: &str, at: &str) -> bool {
    let counts = COUNTERS.iter().any(|counter| at.starts_with(counter)) && !["cpu", "major", "minor"].contains(&name);
    counts || GROWING.contains(&name)
}

/// What ours answered before theirs and after it.
fn compare(name: &str, [before, after]: [&Value; 2], theirs: &Value, at: &str) -> usize {
    match (before, after, theirs) {
        (Value::Object(before), Value::Object(after), Value::Object(theirs)) => {
            let names: BTreeSet<_> = before.keys().chain(after.keys()).chain(theirs.keys()).collect();
            let member = |name: &String| {
                let at = format!("{at}.{name}");
                match (before.get(name), after.get(name), theirs.get(name)) {
                    (Some(before), Some(after), Some(theirs)) => compare(name, [before, after], theirs, &at),
                    // The reference agent asks udev, which need not run here.
                    (Some(_), Some(_), None) if name == "serial" => 0,
                    // Since QEMU 9.1.
                    (Some(_), Some(_), None) if name == "total-bytes-privileged" => 0,
                    (before, after, theirs) => panic!("{at}: ours {before:?}, {after:?}, theirs {theirs:?}"),
                }
            };
            names.into_iter().map(member).sum()
        }
        (Value::Array(before), Value::Array(after), Value::Array(theirs)) => {
            assert_eq!(before.len(), theirs.len(), "{at}: ours {before:?}, theirs {theirs:?}");
            assert_eq!(after.len(), theirs.len(), "{at}: ours {after:?}, theirs {theirs:?}");
            let ours = before.iter().zip(after);
            ours.zip(theirs)
                .map(|((before, after), theirs)| compare(name, [before, after], theirs, &format!("{at}[]")))
                .sum()
        }
        (Value::Number(before), Value::Number(after), Value::Number(theirs)) => {
            let moving = MOVING.iter().find(|(moving, _)| *moving == name);
            if let Some((_, slack)) = moving {
                let [before, after, theirs] = [before, after, theirs].map(|number| number.as_f64().unwrap());
                let range = before.min(after) - slack..=before.max(after) + slack;
                assert!(range.contains(&theirs), "{at}: ours {before}, {after}, theirs {theirs}");
            } else if grows(name, at) {
                let [before, after, theirs] = [before, after, theirs].map(|number| number.as_u64().unwrap());
                assert!((before..=after).contains(&theirs), "{at}: ours {before}, {after}, theirs {theirs}");
            } else if ["metric", "flags"].contains(&name) {
                // The reference agent takes what has 32 bits for signed: the route to nowhere seems to be the best.
                let low = |number: &Number| number.as_i64().unwrap_or_else(|| number.as_u64().unwrap() as i64) as u32;
                assert_eq!([low(before), low(after)], [low(theirs); 2], "{at}");
            } else {
                assert_eq!([before, after], [theirs; 2], "{at}");
            }
            1
        }
        _ => {
            assert_eq!([before, after], [theirs; 2], "{at}");
            1
        }
    }
}

#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn qemu_ga_on_the_same_machine_answers_the_same_field_by_field() {
    let (mut ours, mut theirs) = (Peer::ours(&["--allow", "shutdown,set-time,files,exec,accounts"]), Peer::qemu_ga());
    let listed = theirs.returned("guest-info", json!({}))["supported_commands"].clone();
    let has = |command: &str| listed.as_array().unwrap().iter().any(|entry| entry["name"] == command);
    let mut fields = 0;
    for command in QUIET {
        if command == "guest-info" || !has(command) {
            continue;
        }
        let answer = |agent: &mut Peer| {
            let mut returned = agent.returned(command, json!({}));
            as_sets(&mut returned);
            returned
        };
        let (before, theirs, after) = (answer(&mut ours), answer(&mut theirs), answer(&mut ours));
        let same = compare(command, [&before, &after], &theirs, command);
        println!("{command}: {same} fields");
        fields += same;
    }
    println!("{fields} fields agree");

    // What both say of each command that ours has.
    let info = ours.returned("guest-info", json!({}));
    for entry in info["supported_commands"].as_array().unwrap() {
        let known = ["guest-get-load", "guest-network-get-route"].iter().any(|newer| entry["name"] == *newer)
            || listed.as_array().unwrap().contains(entry);
        assert!(known, "{entry}");
    }

    // Errors, and what changes nothing.
    for (command, arguments) in [
        ("guest-set-vcpus", json!({"vcpus": []})),
        ("guest-set-vcpus", json!({"vcpus": [{"logical-id": 0, "online": true}]})),
        ("guest-fsfreeze-freeze-list", json!({"mountpoints": []})),
        ("guest-shutdown", json!({"mode": "sideways"})),
        ("guest-exec-status", json!({"pid": 0})),
        ("guest-file-open", json!({"path": "/nowhere/at/all"})),
        ("guest-file-open", json!({"path": "/nowhere", "mode": "q"})),
        ("guest-file-close", json!({"handle": 5})),
        ("guest-file-read", json!({"handle": 5, "count": -1})),
        ("guest-get-time", json!({"when": "now"})),
    ] {
        let [ours, theirs] = [&mut ours, &mut theirs].map(|agent| answer(agent, command, arguments.clone()));
        assert_eq!(ours, theirs, "{command}");
    }
}

/// The same conversation with both, about a file and a program.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn files_and_programs_behave_as_those_of_qemu_ga() {
    let [ours, theirs] = [Peer::ours(&["--allow", "files,exec"]), Peer::qemu_ga()].map(|mut agent| {
        let path = agent.folder().join("file");
        let mut said = Vec::new();
        let handle = agent.returned("guest-file-open", json!({"path": path, "mode": "w+"}));
        assert!(handle.is_i64());
        for (command, more) in [
            ("guest-file-write", json!({"buf-b64": "aGVsbG8gd29ybGQ="})),
            ("guest-file-write", json!({"buf-b64": "aGVsbG8=", "count": 2})),
            ("guest-file-write", json!({"buf-b64": "aGVsbG8=", "count": 6})),
            ("guest-file-write", json!({"buf-b64": "?"})),
            ("guest-file-flush", json!({})),
            ("guest-file-seek", json!({"offset": -4, "whence": "end"})),
            ("guest-file-read", json!({"count": 3})),
            ("guest-file-read", json!({"count": 3})),
            ("guest-file-read", json!({})),
            ("guest-file-seek", json!({"offset": 0, "whence": 0})),
            ("guest-file-read", json!({"count": 0})),
            ("guest-file-read", json!({"count": -1})),
            ("guest-file-read", json!({})),
            ("guest-file-seek", json!({"offset": -1, "whence": "set"})),
            ("guest-file-seek", json!({"offset": 0, "whence": 3})),
            ("guest-file-close", json!({})),
        ] {
            let mut arguments = more;
            arguments["handle"] = handle.clone();
            said.push(agent.ask(command, arguments));
        }
        let stale = agent.error("guest-file-close", json!({"handle": handle}));
        assert_eq!(stale.1, format!("handle '{handle}' has not been found"));
        for exec in [
            json!({"path": "/bin/sh", "arg": ["-c", "echo out; echo err >&2; exit 7"], "capture-output": true}),
            json!({"path": "/bin/sh", "arg": ["-c", "kill -9 $$"], "capture-output": true}),
            json!({"path": "/bin/cat", "input-data": "AAH/", "capture-output": true}),
            json!({"path": "/usr/bin/env", "env": ["A=b", "C="], "capture-output": true}),
            json!({"path": "/bin/echo", "arg": ["unheard"]}),
        ] {
            let pid = agent.returned("guest-exec", exec)["pid"].clone();
            worst_moment();
            said.push(agent.ended(&pid));
            said.push(answer(&mut agent, "guest-exec-status", json!({"pid": pid})));
        }
        said
    });
    assert_eq!(ours, theirs);
    assert!(ours.len() > 20);
}

/// What fits into a request, and into a response.
#[test]
fn a_file_is_written_by_48_kib_and_read_by_768_kib_at_most() {
    let mut agent = Peer::ours(&["--allow", "files"]);
    let path = agent.folder().join("file");
    let handle = agent.returned("guest-file-open", json!({"path": path, "mode": "w+"}));
    let mut write =
        |digits: usize| agent.ask("guest-file-write", json!({"handle": handle, "buf-b64": "A".repeat(digits)}));
    let error = write((48 << 10) / 3 * 4);
    assert_eq!(error.pointer("/error/desc"), Some(&json!("JSON token size limit exceeded")));
    let written = 48_000;
    for _ in 0..40 {
        assert_eq!(write(written / 3 * 4)["return"]["count"], written);
    }
    agent.returned("guest-file-seek", json!({"handle": handle, "offset": 0, "whence": "set"}));
    let mut counts = Vec::new();
    loop {
        let content = agent.returned("guest-file-read", json!({"handle": handle, "count": 4 << 20}));
        counts.push(content["count"].as_u64().unwrap());
        if content["eof"] == true {
            break;
        }
    }
    assert_eq!(counts.iter().sum::<u64>(), 40 * written as u64);
    let most = (1 << 20) / 4 * 3;
    assert!((most - 100..most).contains(&counts[0]) && counts[0] == counts[1], "{counts:?}");
}
