//! Tests for every board with virtio: the agent's port is found by its name, wherever it is.

use std::time::Instant;

use crate::healthy::{PING, PONG};
use crate::{Guest, PATIENCE};

const NOT_FOUND: &str = "there is no port org.qemu.guest_agent.0";

/// `start` starts a board with QEMU options for its ports; `device` is QEMU's name for a virtio-serial device there.
pub fn are_found(start: impl Fn(&str) -> Guest, device: &str) {
    let agent = "-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0";
    let other = |number: usize, name: &str| {
        format!("-chardev null,id=other{number} -device virtserialport,chardev=other{number},name={name}")
    };
    let spice = other(0, "com.redhat.spice.0");
    // QEMU tells of all of them at once.
    let many: String = (1..30).map(|number| other(number, &format!("org.example.{number}")) + " ").collect();
    let similar = [
        other(1, "org.qemu.guest_agent"),
        other(2, "org.qemu.guest_agent.00"),
        other(3, "org.qemu.guest_agent.0.and.more.than.a.buffer.holds"),
    ];
    for (case, options) in [
        ("behind SPICE's", format!("-device {device} {spice} {agent}")),
        ("on the first of two devices", format!("-device {device},id=a -device {device} {spice} {agent},bus=a.0")),
        ("on the second", format!("-device {device},id=a -device {device},id=b {spice},bus=a.0 {agent},bus=b.0")),
        ("beside an empty device", format!("-device {device} -device {device},id=b {agent},bus=b.0")),
        ("as port 30", format!("-device {device} {agent},nr=30")),
        ("as port 510", format!("-device {device},max_ports=511 {agent},nr=510")),
        ("as the last of 30", format!("-device {device} {many} {agent}")),
        ("among similar names", format!("-device {device} {} {agent}", similar.join(" "))),
    ] {
        println!("{case}");
        let guest = start(&options);
        guest.wait_for_log("the agent is ready", 1);
        assert_eq!(guest.connect().ask(PING), PONG, "{case}");
    }
    for options in [format!("-device {device}"), format!("-device {device} {}", similar.join(" "))] {
        start(&options).wait_for_log(NOT_FOUND, 1);
    }
    let guest = start("-display none");
    guest.wait_for_log("there is no virtio-serial device", 1);
    can_be_plugged(&start(&format!("-device {device} -device {device},id=b")));
}

/// At the same number, then at another.
fn can_be_plugged(guest: &Guest) {
    guest.wait_for_log(NOT_FOUND, 1);
    for (times, place) in [r#""bus":"b.0","nr":3"#, r#""bus":"b.0","nr":3"#, r#""bus":"b.0","nr":4"#].iter().enumerate()
    {
        let plug = format!(
            r#"{{"execute":"device_add","arguments":{{"driver":"virtserialport","id":"port","chardev":"agent","name":"org.qemu.guest_agent.0",{place}}}}}"#
        );
        let started = Instant::now();
        // QEMU says "is in use" for a moment after the port was unplugged.
        while guest.try_qmp(&plug) != "{\"return\": {}}\r" {
            assert!(started.elapsed() < PATIENCE, "{}", guest.try_qmp(&plug));
        }
        guest.wait_for_log("the agent is ready", times + 1);
        let mut line = guest.connect();
        assert_eq!(line.ask(PING), PONG, "{place}");
        guest.qmp(r#"{"execute":"device_del","arguments":{"id":"port"}}"#);
        guest.wait_for_log(NOT_FOUND, times + 2);
    }
}
