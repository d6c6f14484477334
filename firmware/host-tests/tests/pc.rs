//! The PC, in plain QEMU.

use std::path::PathBuf;
use std::{io, thread};

use host_tests::healthy::{PING, PONG, asks_as_proxmox, is_healthy, shuts_down_and_reboots, time};
use host_tests::{Guest, build, named_ports};

const MACHINES: [&str; 2] = ["-M pc", "-M q35"];

/// The first serial port is the agent's, the second has the log.
const COM1: &str = "-serial chardev:agent";
/// The other way round.
const COM2: &str = "-device isa-serial,chardev=agent,index=1";

const AGENT: &str = "-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0";

fn elf() -> PathBuf {
    build("pc-x86_64", "x86_64-unknown-none", "pc-x86_64", "")
}

fn boot_on(port: &str, qemu_options: &str) -> Guest {
    let guest = Guest::start_on("pc-x86_64", &elf(), port, qemu_options);
    guest.wait_for_log("the agent is ready", 1);
    guest
}

fn com1(machine: &str) -> Guest {
    boot_on(COM1, &format!("{machine} -append agent=com1"))
}

fn com2(machine: &str) -> Guest {
    boot_on(COM2, &format!("{machine} -append agent=com2"))
}

fn virtio(machine: &str, port: &str) -> Guest {
    boot_on(port, machine)
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_virtio_port_is_healthy() {
    for machine in MACHINES {
        for device in ["virtio-serial-pci", "virtio-serial-pci-non-transitional", "virtio-serial-pci-transitional"] {
            is_healthy(&virtio(machine, &format!("-device {device} {AGENT}")), "x86_64");
        }
    }
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn the_agents_port_is_found_by_its_name() {
    let elf = elf();
    for machine in MACHINES {
        named_ports::are_found(|ports| Guest::start_on("pc-x86_64", &elf, ports, machine), "virtio-serial-pci");
    }
}

/// Behind bridges, and with registers above 4 GiB, where the BIOS puts all that can be there if not all fit below.
#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_virtio_device_can_be_anywhere() {
    let large = "-object memory-backend-ram,id=large,size=8G,share=on -device ivshmem-plain,memdev=large";
    for (machine, bridges, bus) in [
        ("-M q35", "-device pcie-root-port,id=root,chassis=1", "root"),
        (
            "-M q35",
            "-device pcie-root-port,id=root,chassis=1 -device x3130-upstream,id=up,bus=root \
             -device xio3130-downstream,id=down,bus=up,chassis=2",
            "down",
        ),
        (
            "-M pc",
            "-device pci-bridge,id=first,chassis_nr=1 -device pci-bridge,id=second,bus=first,chassis_nr=2",
            "second",
        ),
        ("-M q35", large, "pcie.0"),
        ("-M pc", large, "pci.0"),
        // Memory could grow to 2 TiB, and what is above 4 GiB is above that.
        ("-M q35 -cpu max,phys-bits=46 -m 32M,slots=1,maxmem=2T", large, "pcie.0"),
    ] {
        let guest = boot_on(&format!("{bridges} -device virtio-serial-pci,bus={bus} {AGENT}"), machine);
        if bridges == large {
            let found = guest.try_qmp(r#"{"execute":"query-pci"}"#);
            let addresses =
                found.split(r#""address": "#).filter_map(|rest| rest.split([',', '}']).next()?.parse().ok());
            assert_eq!(addresses.filter(|address: &u64| *address >= 1 << 32).count(), 2, "{found}");
        }
        let mut line = guest.connect();
        assert_eq!(line.ask(PING), PONG, "{bridges}");
        // Once more, after it has slept.
        guest.wait_for_log("a client has come", 1);
        assert_eq!(line.ask(PING), PONG, "{bridges}");
    }
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_guest_on_a_virtio_port_shuts_down_and_reboots() {
    MACHINES.map(|machine| virtio(machine, "")).into_iter().for_each(shuts_down_and_reboots);
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_serial_port_is_healthy() {
    MACHINES.map(com1).iter().for_each(|guest| is_healthy(guest, "x86_64"));
    MACHINES.map(com2).iter().for_each(|guest| is_healthy(guest, "x86_64"));
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_guest_on_a_serial_port_shuts_down_and_reboots() {
    MACHINES.map(com1).into_iter().for_each(shuts_down_and_reboots);
    MACHINES.map(com2).into_iter().for_each(shuts_down_and_reboots);
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn proxmox_finds_a_healthy_agent_on_a_serial_port() {
    for machine in MACHINES {
        // `agent: type=isa` puts it after the other serial ports: it is the first if there are none.
        for guest in [com1(machine), com2(machine)] {
            assert_eq!(asks_as_proxmox(&guest, "guest-ping"), PONG);
            for list in ["guest-network-get-interfaces", "guest-get-fsinfo", "guest-get-users"] {
                assert_eq!(asks_as_proxmox(&guest, list), r#"{"return": []}"#);
            }
            assert!(asks_as_proxmox(&guest, "guest-get-osinfo").starts_with(r#"{"return": {"id": "guestwire""#));
            assert!(asks_as_proxmox(&guest, "guest-info").contains(r#""name": "guest-fsfreeze-freeze""#));
            for (command, returned) in [
                ("status", r#""thawed""#),
                ("freeze", "0"),
                ("status", r#""frozen""#),
                ("thaw", "0"),
                ("status", r#""thawed""#),
            ] {
                let response = asks_as_proxmox(&guest, &format!("guest-fsfreeze-{command}"));
                assert_eq!(response, format!(r#"{{"return": {returned}}}"#), "{command}");
            }
            // A client dies mid-request, which takes the next one's synchronization with it. Then all is well.
            guest.connect().send(br#"{"execute":"guest-get-ti"#);
            let mut next = guest.connect();
            let sync = r#"{"execute":"guest-sync-delimited","arguments":{"id":1}}"#;
            next.send(format!("{sync}\n{PING}\n").as_bytes());
            while next.receive() != PONG {}
            drop(next);
            assert_eq!(asks_as_proxmox(&guest, "guest-ping"), PONG);
        }
    }
}

/// A host that listens from the start gets nothing before it asks: no boot message, no log.
#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn nothing_else_is_printed_on_the_agents_port() {
    for (port, options) in [(COM1, "-append agent=com1"), (COM2, "-append agent=com2")] {
        let mut guest = Guest::start_on("pc-x86_64", &elf(), port, options);
        let mut line = guest.connect();
        guest.wait_for_log("the agent is ready", 1);
        assert_eq!(line.ask(PING), PONG);
        line.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#);
        guest.wait_for_log("the agent is ready", 2);
        assert_eq!(line.ask(PING), PONG);
        line.send(br#"{"execute":"guest-shutdown"}"#);
        assert!(guest.ends_well());
        assert_eq!(String::from_utf8(guest.log()).unwrap(), "the agent is ready\n".repeat(2));
    }
}

/// What the command line says comes first.
#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn the_agents_serial_port_can_be_built_in() {
    for (feature, port, options) in [("com1", COM1, ""), ("com2", COM2, ""), ("com1", COM2, "-append agent=com2")] {
        let elf = build("pc-x86_64", "x86_64-unknown-none", "pc-x86_64", feature);
        let guest = Guest::start_on("pc-x86_64", &elf, port, options);
        guest.wait_for_log("the agent is ready", 1);
        assert_eq!(guest.connect().ask(PING), PONG, "{feature} {options}");
    }
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_serial_port_that_is_not_there_is_logged() {
    let guest = Guest::start_on("pc-x86_64", &elf(), "-chardev null,id=none", "-append agent=com2");
    guest.wait_for_log("there is no such serial port", 1);
}

/// A break mid-request: the agent answers with an error and drops the rest of the request.
#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_break_mid_request_is_a_corrupted_byte() {
    let guest = com1("-M pc");
    let mut line = guest.connect();
    let begun = r#"{"execute":"guest-set-time","argu"#;
    assert_eq!(line.ask(&format!("{PING}{begun}")), PONG);
    // The line status of COM1: nothing received, the transmitter is empty.
    guest.send_break(&line, "i /1b 0x3fd", "= 0x60");
    let error = line.receive();
    assert_eq!(error, r#"{"error": {"class": "GenericError", "desc": "JSON parse error, invalid syntax"}}"#);
    guest.wait_for_log("a byte is corrupted", 1);
    line.send(br#"ments":{"time":1}}"#);
    line.send(b"\xFF{\"execute\":\"guest-ping\"}");
    assert_eq!(line.receive(), PONG);
}

/// A 16550 reports a break to the first read of its line status only, and sending reads it, too.
#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn a_break_while_responses_are_sent_is_a_corrupted_byte() {
    let guest = com1("-M pc");
    let mut line = guest.connect();
    let mut responses = line.stream();
    thread::spawn(move || io::copy(&mut responses, &mut io::sink()));
    for breaks in 1..=20 {
        line.send(&b"\xFF{\"execute\":\"guest-info\"}".repeat(10));
        guest.qmp(r#"{"execute":"chardev-send-break","arguments":{"id":"agent"}}"#);
        guest.wait_for_log("a byte is corrupted", breaks);
    }
}

/// The clock has calendar dates. `guest-set-time` with a time sets it, and without one reads it.
#[test]
#[ignore = "needs qemu-system-x86_64: apt install qemu-system-x86"]
fn the_clock_knows_every_kind_of_day() {
    let guest = com1("-M q35");
    let mut line = guest.connect();
    let day = 86_400_i64;
    for seconds in [
        946_684_800,            // the first second of 2000
        951_782_400,            // 29 February 2000
        951_782_400 + day - 20, // its end
        1_709_164_800,          // 29 February 2024
        1_709_251_200,          // 1 March 2024
        1_740_700_800,          // 28 February 2025
        1_735_689_599 - 20,     // the end of 2024
        1_735_689_600,          // the beginning of 2025
        1_796_039_999,          // 30 November 2026
        4_102_444_800 - 60,     // the end of 2099
    ] {
        let set = seconds * 1_000_000_000;
        assert_eq!(line.ask(&format!(r#"{{"execute":"guest-set-time","arguments":{{"time":{set}}}}}"#)), PONG);
        assert_eq!(line.ask(r#"{"execute":"guest-set-time"}"#), PONG);
        let read = time(&mut line);
        assert!((set - 1_000_000_000..set + 20_000_000_000).contains(&read), "{seconds}: {read}");
    }
}
