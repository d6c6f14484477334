//! Tests forevery board's agent.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::{Guest, Line, SENTINEL, client, succeeds};

pub const PING: &str = r#"{"execute":"guest-ping"}"#;
pub const PONG: &str = r#"{"return": {}}"#;

/// Sends every command that does not change the guest.
#[track_caller]
pub fn answers_all_commands(line: &mut Line, machine: &str) {
    let mut answers = |request: &str, response: &str| assert_eq!(line.ask(request), response, "{request}");
    answers(PING, PONG);
    answers(r#"{"execute":"guest-sync","arguments":{"id":1795441277004}}"#, r#"{"return": 1795441277004}"#);
    answers(r#"{"execute":"guest-sync-delimited","arguments":{"id":-1}}"#, &format!(r#"{SENTINEL}{{"return": -1}}"#));
    let system = format!(
        r#"{{"return": {{"id": "guestwire", "name": "guestwire firmware", "pretty-name": "guestwire firmware 1.0.0", "version-id": "1.0.0", "machine": "{machine}"}}}}"#
    );
    answers(r#"{"execute":"guest-get-osinfo"}"#, &system);
    answers(r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name": "guestwire"}}"#);
    answers(r#"{"execute":"guest-get-timezone"}"#, r#"{"return": {"zone": "UTC", "offset": 0}}"#);
    for list in ["get-users", "get-fsinfo", "get-disks", "network-get-interfaces"] {
        answers(&format!(r#"{{"execute":"guest-{list}"}}"#), r#"{"return": []}"#);
    }
    answers(
        r#"{"execute":"guest-get-vcpus"}"#,
        r#"{"return": [{"logical-id": 0, "online": true, "can-offline": false}]}"#,
    );
    let set_vcpus = |vcpus: &str| format!(r#"{{"execute":"guest-set-vcpus","arguments":{{"vcpus":[{vcpus}]}}}}"#);
    let (on, off, other) = (
        r#"{"logical-id":0,"online":true}"#,
        r#"{"logical-id":0,"online":false}"#,
        r#"{"logical-id":1,"online":false,"can-offline":true}"#,
    );
    let failed = |desc: &str| format!(r#"{{"error": {{"class": "GenericError", "desc": "{desc}"}}}}"#);
    answers(&set_vcpus(""), r#"{"return": 0}"#);
    answers(&set_vcpus(on), r#"{"return": 1}"#);
    answers(&set_vcpus(&[on, off].join(",")), r#"{"return": 1}"#);
    answers(&set_vcpus(off), &failed("a logical processor can't be offlined"));
    answers(&set_vcpus(other), &failed("there is no such logical processor"));
    let text = r#"{"logical-id":0,"online":"x"}"#;
    answers(&set_vcpus(text), &failed("Invalid parameter type for 'vcpus[0].online', expected: boolean"));
    let trim = r#"{"execute":"guest-fstrim","arguments":{"minimum":0}}"#;
    answers(trim, r#"{"return": {"paths": []}}"#);

    let status = r#"{"execute":"guest-fsfreeze-status"}"#;
    let thaw = r#"{"execute":"guest-fsfreeze-thaw"}"#;
    let list = r#"{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":["/"]}}"#;
    answers(status, r#"{"return": "thawed"}"#);
    for freeze in [r#"{"execute":"guest-fsfreeze-freeze"}"#, list] {
        answers(freeze, r#"{"return": 0}"#);
        answers(status, r#"{"return": "frozen"}"#);
        answers(PING, PONG);
        answers(
            trim,
            r#"{"error": {"class": "CommandNotFound", "desc": "Command guest-fstrim has been disabled: the agent is in frozen state"}}"#,
        );
        answers(thaw, r#"{"return": 0}"#);
        answers(status, r#"{"return": "thawed"}"#);
    }
    answers(
        r#"{"execute":"guest-shutdown","arguments":{"mode":"up"}}"#,
        &failed("mode is invalid (valid values are: halt|powerdown|reboot"),
    );
    answers(
        r#"{"execute":"guest-exec"}"#,
        r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-exec has not been found"}}"#,
    );
    let info = line.ask(r#"{"execute":"guest-info"}"#);
    assert!(info.starts_with(r#"{"return": {"version": "1.0.0", "supported_commands": [{"enabled": true,"#), "{info}");
    assert_eq!(info.matches(r#""enabled": true"#).count(), 21, "{info}");
    assert_eq!(info.matches(r#""success-response": false"#).count(), 1, "{info}");
}

/// A client dies at each byte of a request, and the next one is in step at its first try.
pub fn survives_dead_clients(guest: &Guest) {
    let request = "\u{e9}{\"execute\":\"guest-set-time\",\"arguments\":{\"time\":0},\"id\":\"\\u00e9\"}\n";
    for cut in 0..=request.len() {
        let mut dying = guest.connect();
        dying.send(&request.as_bytes()[..cut]);
        drop(dying);
        next_client_is_in_step(guest, 1);
    }
}

/// `examples/client`, which may synchronize this often.
#[track_caller]
pub fn next_client_is_in_step(guest: &Guest, tries: u32) {
    static CLIENT: LazyLock<PathBuf> = LazyLock::new(client);
    let mut next = Command::new(&*CLIENT);
    next.args(["--retries", &tries.to_string()]).arg(guest.socket()).arg("guest-ping");
    assert_eq!(succeeds(&mut next).stdout, b"{}\n");
}
