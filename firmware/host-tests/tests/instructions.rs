//! Instructions of the virtio guest, counted by QEMU: driver and agent, not the waiting.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use host_tests::{Guest, Line, PATIENCE, build, succeeds, workspace};

const TARGET: &str = "aarch64-unknown-none";

/// How often each exchange is repeated: the port has 4 buffers, and which of them comes next makes a difference.
const ROUNDS: u64 = 16;
/// What the port's buffers hold.
const BUFFERS: usize = 1024;

/// Names, requests, and the most instructions that each may take.
fn exchanges() -> [(&'static str, String, u64); 4] {
    [
        ("a ping", r#"{"execute":"guest-ping"}"#.into(), 2300),
        (
            "480 bytes of text, there and back",
            format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, "x".repeat(440)),
            8700,
        ),
        ("4000 spaces", format!(r#"{}{{"execute":"guest-ping"}}"#, " ".repeat(4000)), 203_000),
        ("guest-info", r#"{"execute":"guest-info"}"#.into(), 26_800),
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
    let first = count(&build_to_compare(&with_first_driver(), "first"));
    let now = count(&build_to_compare(&workspace(), "now"));
    let counted: Vec<_> = exchanges().into_iter().zip(now.into_iter().zip(first)).collect();
    for ((name, ..), (now, first)) in &counted {
        println!("{name}: {now} instructions, with the first driver {first}");
    }
    for ((name, ..), (now, first)) in counted {
        assert!(now <= first, "{name}: {now} instructions, {first} with the first driver");
    }
}

/// The instructions of each exchange: the same in every run.
fn count(elf: &Path) -> [u64; 4] {
    // While the guest sleeps no time passes, or there would be more of it to count.
    let guest = Guest::boot("virt-aarch64", elf, "-icount shift=0,sleep=off");
    let mut line = guest.connect();
    guest.wait_for_log("a client has come", 1);
    exchanges().map(|(_, request, _)| {
        let started = sleeps(&guest);
        (0..ROUNDS).for_each(|_| exchange(&guest, &mut line, &request));
        (sleeps(&guest) - started) / ROUNDS
    })
}

/// QEMU passes on what comes at any time, so how often a guest at work finds something would be chance: it gets what fits
/// into its buffers, and the next when it sleeps.
fn exchange(guest: &Guest, line: &mut Line, request: &str) {
    for piece in request.as_bytes().chunks(BUFFERS) {
        sleeps(guest);
        line.send(piece);
        line.wait_until_read();
    }
    line.receive();
}

/// Waits until the guest sleeps, and returns how many instructions it has executed.
fn sleeps(guest: &Guest) -> u64 {
    const WAIT_FOR_INTERRUPT: u64 = 0xD503_207F;
    /// A bit for each reason for an interrupt. The only virtio device is in the last slot.
    const INTERRUPT_STATUS: u64 = 0x0A00_3E60;
    let started = Instant::now();
    loop {
        // Only now its registers are what they seem.
        guest.qmp(r#"{"execute":"stop"}"#);
        let at = monitor(guest, "info registers", "PC=");
        let waits = read(guest, at - 4) == WAIT_FOR_INTERRUPT;
        // If it has just been woken up, it has still to acknowledge the interrupt.
        let sleeps = waits && read(guest, INTERRUPT_STATUS) == 0;
        let replay = guest.try_qmp(r#"{"execute":"query-replay"}"#);
        guest.qmp(r#"{"execute":"cont"}"#);
        if sleeps {
            return number(&replay, "\"icount\": ", 10);
        }
        assert!(started.elapsed() < PATIENCE, "the guest does not sleep");
    }
}

/// A word of the guest's memory or registers.
fn read(guest: &Guest, address: u64) -> u64 {
    monitor(guest, &format!("xp /1wx {address}"), ": 0x")
}

/// The hexadecimal number that QEMU's monitor answers a command with.
fn monitor(guest: &Guest, command: &str, before: &str) -> u64 {
    let command = format!(r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"{command}"}}}}"#);
    number(&guest.try_qmp(&command), before, 16)
}

/// The first number after this.
fn number(text: &str, before: &str, radix: u32) -> u64 {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} is not in {text}"));
    let digits = rest.split(|character: char| !character.is_digit(radix)).next();
    u64::from_str_radix(digits.unwrap(), radix).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Builds the guest of a workspace. Without the flag, the linker makes functions of what parser and driver have in common:
/// an instruction more or less for each byte, which is not the driver's merit.
fn build_to_compare(firmware: &Path, folder: &str) -> PathBuf {
    let target = workspace().join("target").join(folder);
    let mut build = Command::new("cargo");
    // Not in the guest's folder: its path is also that of a link's target.
    build.args([
        "build",
        "--release",
        "--manifest-path",
        "virt-aarch64/Cargo.toml",
        "--target",
        TARGET,
        "--target-dir",
    ]);
    build.arg(&target).env("RUSTFLAGS", "-Cllvm-args=-enable-machine-outliner=never");
    succeeds(build.current_dir(firmware));
    target.join(TARGET).join("release/virt-aarch64")
}

/// A workspace in a tree of links where `virtio-serial` is `first-driver`, and `firmware/virtio-serial` is what it was before
/// it was deleted.
fn with_first_driver() -> PathBuf {
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
    tree.join("firmware")
}

/// Links to all in a folder but some.
fn link_all(from: &Path, to: &Path, but: &[&str]) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if but.iter().all(|name| entry.file_name() != *name) {
            symlink(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
