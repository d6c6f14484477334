//! Runs the tests on the targets, and checks that a failure there is reported here.

use std::process::{Command, Output};

use host_tests::workspace;

fn run(target: &str, features: &str) -> Output {
    let mut run = Command::new("cargo");
    run.args(["run", "--release", "--quiet", "--bin", "on-target", "--target", target, "--features", features]);
    run.current_dir(workspace().join("on-target")).output().unwrap()
}

fn passes(target: &str) {
    let output = run(target, "");
    assert!(output.status.success(), "{target}: {output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("\n8 tests passed\n"), "{target}: {output:?}");
    let control = run(target, "control");
    assert_eq!(control.status.code(), Some(101), "{target}: {control:?}");
    assert!(String::from_utf8_lossy(&control.stderr).contains("assertion `left == right` failed"), "{control:?}");
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn on_cortex_m0() {
    passes("thumbv6m-none-eabi");
}

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn on_cortex_m3() {
    passes("thumbv7m-none-eabi");
}

#[test]
#[ignore = "needs qemu-system-riscv32: apt install qemu-system-misc"]
fn on_risc_v() {
    passes("riscv32imac-unknown-none-elf");
}
