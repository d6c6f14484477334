//! What each client asks a healthy guest for.

mod peer;

use peer::{Peer, worst_moment};
use serde_json::{Value, json};

fn listed(agent: &mut Peer) -> Vec<Value> {
    worst_moment();
    let info = agent.returned("guest-info", json!({}));
    info["supported_commands"].as_array().unwrap().clone()
}

fn assert_enabled(commands: &[Value], name: &str) {
    assert!(commands.iter().any(|entry| entry["name"] == name && entry["enabled"] == true), "{name} is not enabled");
}

/// KubeVirt calls an agent supported if it has these ten, and then asks all of them but the one that ends the guest.
#[test]
fn kubevirt() {
    let mut agent = Peer::ours(&["--allow", "shutdown"]);
    let commands = listed(&mut agent);
    for command in [
        "guest-ping",
        "guest-get-time",
        "guest-info",
        "guest-shutdown",
        "guest-network-get-interfaces",
        "guest-get-fsinfo",
        "guest-get-host-name",
        "guest-get-users",
        "guest-get-timezone",
        "guest-get-osinfo",
    ] {
        assert_enabled(&commands, command);
        if command != "guest-shutdown" {
            agent.returned(command, json!({}));
        }
    }
    assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "thawed");
}

/// `virsh guestinfo`: users, os, timezone, hostname, filesystem, disks, interfaces and load, after a guest-sync.
#[test]
fn libvirt_guestinfo() {
    let mut agent = Peer::ours(&[]);
    assert_eq!(agent.returned("guest-sync", json!({"id": 1_795_590_371_806_i64})), 1_795_590_371_806_i64);
    for command in [
        "guest-get-users",
        "guest-get-osinfo",
        "guest-get-timezone",
        "guest-get-host-name",
        "guest-get-fsinfo",
        "guest-get-disks",
        "guest-network-get-interfaces",
        "guest-get-load",
    ] {
        agent.returned(command, json!({}));
    }
    // What it cannot do without: a prefix and a type with each address, a number for each part of a disk's address.
    let interfaces = agent.returned("guest-network-get-interfaces", json!({}));
    let addresses = |interface: &Value| interface["ip-addresses"].as_array().map_or(0, Vec::len);
    assert!(interfaces.as_array().unwrap().iter().map(addresses).sum::<usize>() > 0, "no address: {interfaces}");
    // Soft, so that it goes on with the rest: a command that is off is not found.
    assert_eq!(agent.error("guest-set-time", json!({})).0, "CommandNotFound");
}

/// Proxmox asks in one write, and takes the line after the sentinel's.
#[test]
fn proxmox() {
    let mut agent = Peer::ours(&[]);
    assert_eq!(agent.returned("guest-sync-delimited", json!({"id": 12_340_001})), 12_340_001);
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    agent.returned("guest-network-get-interfaces", json!({}));
    let commands = listed(&mut agent);
    for command in ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw", "guest-fstrim"] {
        assert_enabled(&commands, command);
    }
}

/// oVirt's vdsm: the addresses' and the system's state, and the CPUs.
#[test]
fn ovirt() {
    let mut agent = Peer::ours(&[]);
    let commands = listed(&mut agent);
    for command in [
        "guest-network-get-interfaces",
        "guest-get-osinfo",
        "guest-get-host-name",
        "guest-get-timezone",
        "guest-get-users",
        "guest-get-fsinfo",
        "guest-get-disks",
        "guest-get-vcpus",
    ] {
        assert_enabled(&commands, command);
        agent.returned(command, json!({}));
    }
}
