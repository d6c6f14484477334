//! Freezing, in a separate mount namespace and root folder: nothing else can be frozen.

mod peer;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;
use peer::root::{Root, run};
use peer::{Peer, wait_for, worst_moment};
use serde_json::{Value, json};

fn freeze_list(agent: &mut Peer, places: &[&str]) -> Value {
    agent.ask("guest-fsfreeze-freeze-list", json!({"mountpoints": places}))
}

fn assert_nothing_is_frozen(root: &Root, agent: &mut Peer) {
    assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "thawed");
    assert!(!root.inside("/run/qga.state.isfrozen").exists());
    for place in ["/a", "/btrfs", "/sp ace"] {
        assert!(!root.is_frozen(place), "{place}");
    }
}

#[test]
#[ignore = "needs root and loop devices: apt-get install e2fsprogs mount util-linux"]
fn a_file_system_is_frozen_and_thawed() {
    let mut root = Root::new();
    root.file_system("ext4", "/a");
    let mut agent = root.ours(&[]);
    let listed = agent.returned("guest-get-fsinfo", json!({}));
    assert!(listed.as_array().unwrap().iter().any(|fs| fs["mountpoint"] == "/a" && fs["type"] == "ext4"), "{listed}");

    assert_eq!(freeze_list(&mut agent, &["/a"]), json!({"return": 1}));
    assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "frozen");
    let mut touch = root.folder.command("touch").arg(root.inside("/a/file")).spawn().unwrap();
    let refused = agent.error("guest-get-time", json!({}));
    assert_eq!(refused.0, "CommandNotFound");
    assert_eq!(refused.1, "Command guest-get-time has been disabled: the command is not allowed");
    assert!(agent.error("guest-fsfreeze-freeze", json!({})).1.ends_with("the command is not allowed"));
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    let touching = format!("/proc/{}/stat", touch.id());
    wait_for("writer that has to wait", || {
        assert!(touch.try_wait().unwrap().is_none(), "it wrote");
        // The name before the state has a bracket at its end.
        fs::read_to_string(&touching).unwrap().rsplit_once(") ")?.1.starts_with('D').then_some(())
    });
    worst_moment();

    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 1);
    assert!(wait_for("end of the writer", || touch.try_wait().unwrap()).success());
    assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "thawed");
    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 0);
}

/// The same lists asked of both agents: the count of what is frozen and thawed, and whether it is so.
#[test]
#[ignore = "needs root, loop devices and qemu-ga: apt-get install qemu-guest-agent btrfs-progs e2fsprogs mount"]
fn btrfs_and_second_mounts_are_frozen_and_counted_as_by_qemu_ga() {
    let root = Root::with_file_systems();
    for mut agent in [root.ours(&[]), root.theirs()] {
        for (places, count) in [
            (&["/a"][..], 1),
            (&["/bind"], 1),
            (&["/a", "/bind"], 1),
            (&["/btrfs"], 1),
            (&["/part"], 1),
            (&["/part", "/btrfs", "/bind"], 2),
            (&["/sp ace"], 1),
            (&[], 0),
        ] {
            assert_eq!(freeze_list(&mut agent, places), json!({"return": count}), "{places:?}");
            for (names, place) in [(["/a", "/bind"], "/a"), (["/btrfs", "/part"], "/btrfs")] {
                assert_eq!(root.is_frozen(place), names.iter().any(|name| places.contains(name)), "{places:?} {place}");
            }
            assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), count);
            assert_nothing_is_frozen(&root, &mut agent);
        }
        assert_eq!(agent.returned("guest-fsfreeze-freeze", json!({})), 3);
        assert!(root.is_frozen("/a") && root.is_frozen("/btrfs") && root.is_frozen("/sp ace"));
        worst_moment();
        assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 3);
        assert_nothing_is_frozen(&root, &mut agent);
    }
}

/// Freezing writes to what it lies on, which must not be frozen yet, however late that is mounted once more.
#[test]
#[ignore = "needs root and loop devices: apt-get install e2fsprogs mount util-linux"]
fn a_file_system_that_lies_on_another_is_frozen_before_it() {
    let mut root = Root::new();
    root.file_system("ext4", "/a");
    let image = root.inside("/a/image");
    root.file_system_in(&image, "ext4", "/b");
    root.bind(&root.inside("/a"), "/bind");
    let mut agent = root.ours(&[]);
    for knows_what_it_froze in [true, false] {
        fs::write(root.inside("/b/file"), "not written back yet").unwrap();
        assert_eq!(agent.returned("guest-fsfreeze-freeze", json!({})), 2);
        worst_moment();
        if !knows_what_it_froze {
            agent.end(Signal::SIGKILL);
            agent = root.ours(&[]);
        }
        assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 2);
    }
}

/// qemu-ga returns 0 for some of it.
#[test]
#[ignore = "needs root, loop devices and qemu-ga: apt-get install qemu-guest-agent btrfs-progs e2fsprogs mount"]
fn what_cannot_be_frozen_is_an_error_and_nothing_is_frozen() {
    let root = Root::with_file_systems();
    let mut agent = root.ours(&[]);
    let mut assert_refused = |root: &Root, places: &[&str], reason: &str| {
        let response = freeze_list(&mut agent, places);
        assert_eq!(response["error"]["desc"], reason, "{places:?} {response}");
        assert_nothing_is_frozen(root, &mut agent);
    };
    let not_there = "failed to open /nowhere: no file system on a disk is mounted there";
    assert_refused(&root, &["/nowhere"], not_there);
    assert_refused(&root, &["/a", "/nowhere", "/btrfs"], not_there);
    assert_refused(&root, &["/tmp"], "failed to open /tmp: no file system on a disk is mounted there");

    // Hidden at one place, and still there at another.
    let bind = root.inside("/bind");
    mount(Some("none"), &bind, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    assert_refused(&root, &["/bind"], "failed to open /bind: hidden by another mount");
    assert_eq!(agent.returned("guest-fsfreeze-freeze", json!({})), 3);
    assert!(root.is_frozen("/a"));
    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 3);
    umount2(&bind, MntFlags::empty()).unwrap();

    // Frozen by another program, which may thaw it at any time.
    run("fsfreeze", &["-f".as_ref(), root.inside("/sp ace").as_ref()]);
    for (command, arguments) in [
        ("guest-fsfreeze-freeze", json!({})),
        ("guest-fsfreeze-freeze-list", json!({"mountpoints": ["/a", "/sp ace"]})),
    ] {
        assert_eq!(agent.error(command, arguments).1, "failed to freeze /sp ace: Device or resource busy");
        assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "thawed");
        assert!(root.is_frozen("/sp ace") && !root.is_frozen("/a"));
    }
    worst_moment();
    let mut theirs = root.theirs();
    assert_eq!(freeze_list(&mut theirs, &["/nowhere"]), json!({"return": 0}));
    assert_eq!(freeze_list(&mut theirs, &["/sp ace"]), json!({"return": 0}));
    // As qemu-ga does, too.
    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 1);
    assert_nothing_is_frozen(&root, &mut agent);
}

#[test]
#[ignore = "needs root, loop devices and qemu-ga: apt-get install qemu-guest-agent btrfs-progs e2fsprogs mount"]
fn a_mount_point_that_is_not_utf_8_spoils_only_itself() {
    let mut root = Root::with_file_systems();
    root.file_system("ext4", OsStr::from_bytes(b"/not\xFFutf8"));
    let [ours, theirs] = [root.ours(&[]), root.theirs()].map(|mut agent| {
        let mut listed = agent.returned("guest-get-fsinfo", json!({})).as_array().unwrap().clone();
        listed.sort_by_key(|mount| mount["mountpoint"].to_string());
        // Debian 12's qemu-ga does not know it yet.
        listed.iter_mut().for_each(|mount| drop(mount.as_object_mut().unwrap().remove("total-bytes-privileged")));
        for mount in listed.iter_mut().filter(|mount| mount["type"] == "btrfs") {
            for moving in ["total-bytes", "used-bytes"] {
                assert!(mount.as_object_mut().unwrap().remove(moving).unwrap().is_i64());
            }
        }
        assert_eq!(agent.returned("guest-fsfreeze-freeze", json!({})), 4);
        worst_moment();
        assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 4);
        listed
    });
    assert_eq!(ours, theirs);
    let places: Vec<_> = ours.iter().map(|mount| mount["mountpoint"].as_str().unwrap()).collect();
    assert_eq!(places, ["/a", "/bind", "/btrfs", "/not\u{FFFD}utf8", "/part", "/sp ace"]);
    // Its name in that list will do.
    let mut agent = root.ours(&[]);
    assert_eq!(freeze_list(&mut agent, &["/not\u{FFFD}utf8"]), json!({"return": 1}));
    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 1);
}

/// Whichever agent froze, and whichever comes back.
#[test]
#[ignore = "needs root, loop devices and qemu-ga: apt-get install qemu-guest-agent btrfs-progs e2fsprogs mount"]
fn after_an_agent_died_while_frozen_the_next_one_thaws() {
    let root = Root::with_file_systems();
    let ours: fn(&Root) -> Peer = |root| root.ours(&[]);
    let theirs: fn(&Root) -> Peer = Root::theirs;
    // A frozen qemu-ga takes no notice of SIGTERM.
    for (first, second, signals) in [
        (ours, ours, &[Signal::SIGKILL, Signal::SIGTERM][..]),
        (ours, theirs, &[Signal::SIGKILL]),
        (theirs, ours, &[Signal::SIGKILL]),
    ] {
        for signal in signals {
            let mut agent = first(&root);
            assert_eq!(freeze_list(&mut agent, &["/bind", "/btrfs"]), json!({"return": 2}));
            agent.end(*signal);
            worst_moment();
            let mut agent = second(&root);
            assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "frozen");
            for command in ["guest-get-time", "guest-fsfreeze-freeze"] {
                // The reason differs between versions of qemu-ga.
                assert!(agent.error(command, json!({})).1.contains(" has been disabled: "));
            }
            assert!(root.is_frozen("/a") && root.is_frozen("/btrfs"));
            assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 2);
            assert_nothing_is_frozen(&root, &mut agent);
            assert!(agent.returned("guest-get-time", json!({})).is_i64());
        }
    }
}

/// An earlier agent may have frozen it.
#[test]
#[ignore = "needs root and loop devices: apt-get install e2fsprogs mount util-linux"]
fn what_another_mount_hides_is_not_taken_for_thawed() {
    let mut root = Root::new();
    root.file_system("ext4", "/a");
    root.file_system("ext4", "/b");
    let mut agent = root.ours(&[]);
    assert_eq!(agent.returned("guest-fsfreeze-freeze", json!({})), 2);
    agent.end(Signal::SIGKILL);
    mount(Some("none"), &root.inside("/a"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    root.mounted.push(root.inside("/a"));
    let mut agent = root.ours(&[]);
    worst_moment();
    for _ in 0..2 {
        let error = agent.error("guest-fsfreeze-thaw", json!({})).1;
        assert_eq!(error, "failed to open /a: hidden by another mount");
        assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "frozen");
        assert!(!root.is_frozen("/b"));
    }
    run("umount", &[root.mounted.pop().unwrap().as_ref()]);
    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 1);
    assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "thawed");
    assert!(!root.is_frozen("/a"));

    // One that this agent has not frozen is no concern of it.
    assert_eq!(freeze_list(&mut agent, &["/b"]), json!({"return": 1}));
    mount(Some("none"), &root.inside("/a"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    root.mounted.push(root.inside("/a"));
    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 1);
    assert_eq!(agent.returned("guest-fsfreeze-status", json!({})), "thawed");
}

/// Its log is on the frozen file system, so it would wait for itself forever.
#[test]
#[ignore = "needs root and loop devices: apt-get install e2fsprogs mount util-linux"]
fn nothing_is_logged_while_frozen() {
    let mut root = Root::new();
    root.file_system("ext4", "/a");
    let log = root.inside("/a/log");
    let start = || {
        let mut command = root.agent("/ours", &["--listen", "/run/socket", "--state-dir", "/run", "--log", "debug"]);
        let log = File::options().append(true).create(true).open(&log).unwrap();
        Peer::start(&root.folder, &root.inside("/run/socket"), command.stderr(log))
    };
    let mut agent = start();
    let before = File::open(&log).unwrap();
    assert_eq!(freeze_list(&mut agent, &["/a"]), json!({"return": 1}));
    let size = before.metadata().unwrap().len();
    assert!(size > 0);
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    agent.connect();
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    assert_eq!(before.metadata().unwrap().len(), size);
    worst_moment();
    assert_eq!(agent.returned("guest-fsfreeze-thaw", json!({})), 1);
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    wait_for("log", || (before.metadata().unwrap().len() > size).then_some(()));
}
