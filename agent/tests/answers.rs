//! What the agent answers: against the schema, and against QEMU's agent on the same machine.

mod peer;

use std::collections::BTreeSet;

use peer::{Peer, qapi, worst_moment};
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

/// Numbers that move between two questions: ours may be as far away from theirs as this.
const MOVING: &[(&str, u64)] = &[
    ("guest-get-time", 1_000_000_000),
    ("login-time", 1),
    // One has two decimals, the other all that the kernel knows.
    ("load1m", 5),
    ("load5m", 5),
    ("load15m", 5),
    ("used-bytes", 1 << 28),
    ("rx-bytes", 1 << 24),
    ("tx-bytes", 1 << 24),
    ("rx-packets", 10_000),
    ("tx-packets", 10_000),
];

/// Of disks and CPUs: all that counts goes on, by a tenth and a little more at most.
const COUNTERS: [&str; 2] = ["guest-get-diskstats", "guest-get-cpustats"];

fn compare(name: &str, ours: &Value, theirs: &Value, at: &str) -> usize {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
            names
                .map(|name| match (ours.get(name), theirs.get(name)) {
                    (Some(ours), Some(theirs)) => compare(name, ours, theirs, &format!("{at}.{name}")),
                    // The reference agent asks udev, which need not run here.
                    (Some(_), None) if name == "serial" => 0,
                    // Since QEMU 9.1.
                    (Some(_), None) if name == "total-bytes-privileged" => 0,
                    (ours, theirs) => panic!("{at}.{name}: ours {ours:?}, theirs {theirs:?}"),
                })
                .sum()
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{at}: ours {ours:?}, theirs {theirs:?}");
            ours.iter().zip(theirs).map(|(ours, theirs)| compare(name, ours, theirs, &format!("{at}[]"))).sum()
        }
        (Value::Number(ours), Value::Number(theirs))
            if COUNTERS.iter().any(|counter| at.starts_with(counter)) && !["cpu", "major", "minor"].contains(&name) =>
        {
            let [ours, theirs] = [ours, theirs].map(|number| number.as_u64().unwrap());
            assert!(ours.abs_diff(theirs) <= 2_000_000 + ours / 10, "{at}: ours {ours}, theirs {theirs}");
            1
        }
        (Value::Number(ours), Value::Number(theirs)) if MOVING.iter().any(|(moving, _)| *moving == name) => {
            let distance = MOVING.iter().find(|(moving, _)| *moving == name).unwrap().1 as f64;
            let [ours, theirs] = [ours, theirs].map(|number| number.as_f64().unwrap());
            assert!((ours - theirs).abs() <= distance, "{at}: ours {ours}, theirs {theirs}");
            1
        }
        // The reference agent takes what has 32 bits for signed: the route to nowhere seems to be the best.
        (Value::Number(ours), Value::Number(theirs)) if ["metric", "flags"].contains(&name) => {
            let low = |number: &Number| number.as_i64().unwrap_or_else(|| number.as_u64().unwrap() as i64) as u32;
            assert_eq!(low(ours), low(theirs), "{at}");
            1
        }
        _ => {
            assert_eq!(ours, theirs, "{at}");
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
        let [ours, theirs] = [&mut ours, &mut theirs].map(|agent| {
            let mut returned = agent.returned(command, json!({}));
            as_sets(&mut returned);
            returned
        });
        let same = compare(command, &ours, &theirs, command);
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
