//! Instructions of the virtio guest, counted by QEMU: driver and agent, not the waiting.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use host_tests::{Guest, Line, build, succeeds, workspace};

const TARGET: &str = "aarch64-unknown-none";

/// Names, requests, and the most instructions that each may take.
fn exchanges() -> [(&'static str, String, i64); 4] {
    [
        ("a ping", r#"{"execute":"guest-ping"}"#.into(), 2700),
        (
            "480 bytes of text, there and back",
            format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, "x".repeat(440)),
            11_400,
        ),
        ("4000 spaces", format!(r#"{}{{"execute":"guest-ping"}}"#, " ".repeat(4000)), 630_000),
        ("guest-info", r#"{"execute":"guest-info"}"#.into(), 26_900),
    ]
}

#[test]
#[ignore = "needs qemu-system-aarch64: apt install qemu-system-arm"]
fn exchanges_through_a_port_stay_within_their_budgets() {
    let counted = count(&build("virt-aarch64", TARGET, "virt-aarch64", ""));
    for ((name, _, budget), instructions) in exchanges().iter().zip(counted) {
        println!("{name}: {instructions}");
        assert!(instructions <= *budget, "{name}: {instructions} instructions, more than {budget}");
    }
}

/// The same guest, with the driver that was there before virtio-serial was a crate.
#[test]
#[ignore = "needs qemu-system-aarch64, and git with all commits: apt install qemu-system-arm git"]
fn a_port_takes_no_more_instructions_than_with_the_first_driver() {
    let first = count(&build_with_first_driver());
    let now = count(&build("virt-aarch64", TARGET, "virt-aarch64", ""));
    for (((name, request, _), now), first) in exchanges().iter().zip(now).zip(first) {
        println!("{name}: {now} instructions, with the first driver {first}");
        // This driver copies what it receives, so that a device cannot change it under the parser: a word takes 3. The
        // first driver's guest wakes up once more for what it has sent, unless that comes before it sleeps: 5 %.
        let limit = first + first / 20 + request.len() as i64 * 3 / 8;
        assert!(now <= limit, "{name}: {now} instructions, {first} with the first driver");
    }
}

/// The instructions of each exchange.
fn count(elf: &Path) -> [i64; 4] {
    // One instruction takes a nanosecond, and while the guest waits no time passes.
    let guest = Guest::boot("virt-aarch64", elf, "-icount shift=0,sleep=off");
    let mut line = guest.connect();
    exchanges().map(|(_, request, _)| {
        let (rounds, started) = (100, now(&mut line));
        for _ in 0..rounds {
            line.ask(&request);
        }
        (now(&mut line) - started) / rounds
    })
}

fn now(line: &mut Line) -> i64 {
    let said = line.ask(r#"{"execute":"guest-get-time"}"#);
    said.strip_prefix(r#"{"return": "#).unwrap().strip_suffix('}').unwrap().parse().unwrap()
}

/// Builds the guest in a tree of links where `virtio-serial` is `first-driver`, and `firmware/virtio-serial` is what it was
/// before it was deleted.
fn build_with_first_driver() -> PathBuf {
    let root = workspace().parent().unwrap().to_owned();
    let tree = workspace().join("target/first-driver");
    let _ = fs::remove_dir_all(&tree);
    fs::create_dir_all(tree.join("firmware")).unwrap();
    link_all(&root, &tree, &[".git", "firmware", "target", "virtio-serial"]);
    link_all(&workspace(), &tree.join("firmware"), &["Cargo.lock", "target"]);
    fs::copy(workspace().join("Cargo.lock"), tree.join("firmware/Cargo.lock")).unwrap();
    symlink(workspace().join("host-tests/first-driver"), tree.join("virtio-serial")).unwrap();
    let mut log = Command::new("git");
    log.args(["log", "--diff-filter=D", "--max-count=1", "--format=%H~", "--", "firmware/virtio-serial/src/lib.rs"]);
    let last = String::from_utf8(succeeds(log.current_dir(&root)).stdout).unwrap();
    assert!(!last.is_empty(), "the history does not go back to the first driver: git fetch --unshallow");
    let mut archive = Command::new("git")
        .args(["archive", last.trim(), "firmware/virtio-serial"])
        .current_dir(&root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    succeeds(Command::new("tar").args(["-x", "-C"]).arg(&tree).stdin(archive.stdout.take().unwrap()));
    assert!(archive.wait().unwrap().success());
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--target", TARGET, "--manifest-path", "virt-aarch64/Cargo.toml"]);
    succeeds(build.arg("--target-dir").arg(workspace().join("target/first")).current_dir(tree.join("firmware")));
    workspace().join("target/first").join(TARGET).join("release/virt-aarch64")
}

/// Links to all in a folder but some.
fn link_all(from: &Path, to: &Path, but: &[&str]) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if but.iter().all(|name| entry.file_name() != *name) {
            symlink(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
