//! Freezing, in a separate mount namespace and root folder: nothing else can be frozen.

mod peer;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use peer::{Folder, Peer, install, wait_for, worst_moment};
use serde_json::{Value, json};

fn run(tool: &str, arguments: &[&OsStr]) {
    let output = Command::new(tool).args(arguments).output().unwrap_or_else(|error| panic!("{tool}: {error}"));
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The root folder of a guest: agents, what they need to run, and file systems in files.
struct Root {
    place: PathBuf,
    /// In the order in which they were mounted.
    mounted: Vec<PathBuf>,
    folder: Rc<Folder>,
}

impl Root {
    fn new() -> Self {
        let folder = Folder::new();
        // This thread's alone, and that of what it starts.
        unshare(CloneFlags::CLONE_NEWNS).expect("root");
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        let mut root = Self { place: folder.join("root"), mounted: Vec::new(), folder };
        let place = root.make_folder("");
        mount(Some("none"), &place, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        root.mounted.push(place);
        for kernel in ["/proc", "/sys", "/dev"] {
            root.bind(Path::new(kernel), kernel);
            // Whatever goes wrong, nothing is removed from them.
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
            mount(None::<&str>, &root.inside(kernel), None::<&str>, flags, None::<&str>).unwrap();
        }
        for folder in ["run", "tmp"] {
            root.make_folder(folder);
        }
        root.install(Path::new(env!("CARGO_BIN_EXE_guestwire-agent")), "ours");
        if let Some(path) = ["/usr/sbin/qemu-ga", "/usr/bin/qemu-ga"].iter().find(|path| Path::new(path).exists()) {
            root.install(Path::new(path), "theirs");
        }
        root
    }

    fn install(&self, program: &Path, name: &str) {
        install(program, &self.place.join(name));
        let libraries = Command::new("ldd").arg(program).output().unwrap().stdout;
        for library in String::from_utf8(libraries).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
            let copy = self.place.join(&library[1..]);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            install(library.as_ref(), &copy);
        }
    }

    fn inside(&self, place: impl AsRef<OsStr>) -> PathBuf {
        self.place.join(Path::new(place.as_ref()).strip_prefix("/").unwrap_or(Path::new(place.as_ref())))
    }

    fn make_folder(&self, place: impl AsRef<OsStr>) -> PathBuf {
        let place = self.inside(place);
        fs::create_dir_all(&place).unwrap();
        place
    }

    fn bind(&mut self, source: &Path, place: &str) {
        let place = self.make_folder(place);
        mount(Some(source), &place, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        self.mounted.push(place);
    }

    /// A new file system, mounted there.
    fn file_system(&mut self, kind: &str, place: impl AsRef<OsStr>) {
        let image = self.folder.join(&format!("image-{}", self.mounted.len()));
        self.file_system_in(&image, kind, place);
    }

    fn file_system_in(&mut self, image: &Path, kind: &str, place: impl AsRef<OsStr>) {
        // btrfs takes 109 MiB.
        File::create(image).unwrap().set_len(if kind == "btrfs" { 120 << 20 } else { 16 << 20 }).unwrap();
        run(&format!("mkfs.{kind}"), &["-q".as_ref(), image.as_ref()]);
        self.mount("loop", image.as_ref(), place);
    }

    fn mount(&mut self, options: &str, source: &OsStr, place: impl AsRef<OsStr>) {
        let place = self.make_folder(place);
        run("mount", &["-o".as_ref(), options.as_ref(), source, place.as_ref()]);
        self.mounted.push(place);
    }

    /// `/a` and its other mount `/bind`, the btrfs `/btrfs` and its part `/part`, and `/sp ace`.
    fn with_file_systems() -> Self {
        let mut root = Self::new();
        root.file_system("ext4", "/a");
        root.bind(&root.inside("/a"), "/bind");
        root.file_system("btrfs", "/btrfs");
        run("btrfs", &["subvolume".as_ref(), "create".as_ref(), root.inside("/btrfs/part").as_ref()]);
        let device =
            Command::new("findmnt").args(["-no", "SOURCE"]).arg(root.inside("/btrfs")).output().unwrap().stdout;
        root.mount("subvol=part", OsStr::from_bytes(device.trim_ascii()), "/part");
        root.file_system("ext4", "/sp ace");
        root
    }

    fn agent(&self, program: &str, options: &[&str]) -> Command {
        let mut command = self.folder.command("chroot");
        command.arg(&self.place).arg(program).args(options);
        command
    }

    fn ours(&self, options: &[&str]) -> Peer {
        let mut command = self.agent("/ours", &["--listen", "/run/socket", "--state-dir", "/run"]);
        Peer::start(&self.folder, &self.inside("/run/socket"), command.args(options))
    }

    fn theirs(&self) -> Peer {
        let mut command =
            self.agent("/theirs", &["-m", "unix-listen", "-p", "/run/theirs", "-t", "/run", "-f", "/run/pid"]);
        Peer::start(&self.folder, &self.inside("/run/theirs"), &mut command)
    }

    fn is_frozen(&self, place: &str) -> bool {
        let freeze = |option| {
            let mut tool = Command::new("fsfreeze");
            tool.arg(option).arg(self.inside(place)).stderr(Stdio::null()).status().unwrap().success()
        };
        let could_be_frozen = freeze("-f");
        assert!(!could_be_frozen || freeze("-u"));
        !could_be_frozen
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // What is frozen outlives its mounts.
        for place in self.mounted.iter().rev() {
            let _ = Command::new("fsfreeze").arg("-u").arg(place).stderr(Stdio::null()).status();
            let _ = umount2(place, MntFlags::MNT_DETACH);
        }
    }
}

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
    assert!(touch.try_wait().unwrap().is_none(), "who writes has to wait");
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
