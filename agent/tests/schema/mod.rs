//! What QAPI's guest agent schema says of each command's return value (QEMU 7.2, and 10.0 for the load).
#![allow(dead_code, reason = "each test uses what it needs")]

use Shape::*;
use serde_json::Value;

pub enum Shape {
    Bool,
    /// From -2^63 to 2^63 - 1.
    Int,
    /// From 0 to 2^64 - 1.
    Uint64,
    Number,
    Str,
    OneOf(&'static [&'static str]),
    List(&'static Shape),
    /// Members: an asterisk before the name where they are optional.
    Object(&'static [(&'static str, Shape)]),
}

/// Of the commands that return something on this machine and change nothing.
pub const SCHEMA: &[(&str, Shape)] = &[
    ("guest-ping", Object(&[])),
    (
        "guest-info",
        Object(&[
            ("version", Str),
            ("supported_commands", List(&Object(&[("name", Str), ("enabled", Bool), ("success-response", Bool)]))),
        ]),
    ),
    ("guest-get-time", Int),
    (
        "guest-get-osinfo",
        Object(&[
            ("*kernel-release", Str),
            ("*kernel-version", Str),
            ("*machine", Str),
            ("*id", Str),
            ("*name", Str),
            ("*pretty-name", Str),
            ("*version", Str),
            ("*version-id", Str),
            ("*variant", Str),
            ("*variant-id", Str),
        ]),
    ),
    ("guest-get-host-name", Object(&[("host-name", Str)])),
    ("guest-get-timezone", Object(&[("*zone", Str), ("offset", Int)])),
    ("guest-get-users", List(&Object(&[("user", Str), ("login-time", Number), ("*domain", Str)]))),
    ("guest-get-load", Object(&[("load1m", Number), ("load5m", Number), ("load15m", Number)])),
    ("guest-get-vcpus", List(&Object(&[("logical-id", Int), ("online", Bool), ("*can-offline", Bool)]))),
    (
        "guest-network-get-interfaces",
        List(&Object(&[
            ("name", Str),
            ("*hardware-address", Str),
            (
                "*ip-addresses",
                List(&Object(&[("ip-address", Str), ("ip-address-type", OneOf(&["ipv4", "ipv6"])), ("prefix", Int)])),
            ),
            (
                "*statistics",
                Object(&[
                    ("rx-bytes", Uint64),
                    ("rx-packets", Uint64),
                    ("rx-errs", Uint64),
                    ("rx-dropped", Uint64),
                    ("tx-bytes", Uint64),
                    ("tx-packets", Uint64),
                    ("tx-errs", Uint64),
                    ("tx-dropped", Uint64),
                ]),
            ),
        ])),
    ),
    (
        "guest-get-fsinfo",
        List(&Object(&[
            ("name", Str),
            ("mountpoint", Str),
            ("type", Str),
            ("*used-bytes", Uint64),
            ("*total-bytes", Uint64),
            ("disk", List(&ADDRESS)),
        ])),
    ),
    (
        "guest-get-disks",
        List(&Object(&[
            ("name", Str),
            ("partition", Bool),
            ("*dependencies", List(&Str)),
            ("*address", ADDRESS),
            ("*alias", Str),
        ])),
    ),
    ("guest-fsfreeze-status", OneOf(&["thawed", "frozen"])),
];

const ADDRESS: Shape = Object(&[
    ("pci-controller", Object(&[("domain", Int), ("bus", Int), ("slot", Int), ("function", Int)])),
    (
        "bus-type",
        OneOf(&[
            "ide",
            "fdc",
            "scsi",
            "virtio",
            "xen",
            "usb",
            "uml",
            "sata",
            "sd",
            "unknown",
            "ieee1394",
            "ssa",
            "fibre",
            "raid",
            "iscsi",
            "sas",
            "mmc",
            "virtual",
            "file-backed-virtual",
            "nvme",
        ]),
    ),
    ("bus", Int),
    ("target", Int),
    ("unit", Int),
    ("*serial", Str),
    ("*dev", Str),
]);

pub fn of(command: &str) -> &'static Shape {
    &SCHEMA.iter().find(|(name, _)| *name == command).unwrap_or_else(|| panic!("{command} has no schema")).1
}

/// Fails where a value is not what the schema says.
pub fn validate(shape: &Shape, value: &Value, at: &str) {
    match shape {
        Bool => assert!(value.is_boolean(), "{at}: {value}"),
        Int => assert!(value.is_i64(), "{at}: {value}"),
        Uint64 => assert!(value.is_u64(), "{at}: {value}"),
        Number => assert!(value.is_number(), "{at}: {value}"),
        Str => assert!(value.is_string(), "{at}: {value}"),
        OneOf(choices) => assert!(value.as_str().is_some_and(|value| choices.contains(&value)), "{at}: {value}"),
        List(element) => {
            let list = value.as_array().unwrap_or_else(|| panic!("{at}: {value}"));
            list.iter().enumerate().for_each(|(index, value)| validate(element, value, &format!("{at}[{index}]")));
        }
        Object(members) => {
            let object = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
            for (name, shape) in *members {
                let plain = name.trim_start_matches('*');
                match object.get(plain) {
                    Some(value) => validate(shape, value, &format!("{at}.{plain}")),
                    None => assert!(name.starts_with('*'), "{at}.{plain} is missing"),
                }
            }
            for name in object.keys() {
                let known = members.iter().any(|(known, _)| known.trim_start_matches('*') == name);
                assert!(known, "{at}.{name} is not in the schema");
            }
        }
    }
}
