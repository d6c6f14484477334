//! The boards with a virtio-serial port, in plain QEMU.

use host_tests::healthy::{is_healthy, shuts_down_and_reboots};
use host_tests::{Guest, build};

/// The bus of `-device virtserialport`.
const OLD: &str = "-global virtio-mmio.force-legacy=true";
const NEW: &str = "-global virtio-mmio.force-legacy=false";

fn aarch64(qemu_options: &str) -> Guest {
    let elf = build("virt-aarch64", "aarch64-unknown-none", "virt-aarch64", "");
    Guest::boot("virt-aarch64", &elf, qemu_options)
}

fn riscv(qemu_options: &str) -> Guest {
    let elf = build("virt-riscv", "riscv32imac-unknown-none-elf", "virt-riscv", "");
    Guest::boot("virt-riscv", &elf, qemu_options)
}

#[test]
#[ignore = "needs qemu-system-aarch64: apt install qemu-system-arm"]
fn aarch64_is_healthy() {
    [OLD, NEW].into_iter().for_each(|device| is_healthy(&aarch64(device), "aarch64"));
}

#[test]
#[ignore = "needs qemu-system-riscv32: apt install qemu-system-misc"]
fn riscv_is_healthy() {
    [OLD, NEW].into_iter().for_each(|device| is_healthy(&riscv(device), "riscv32"));
}

#[test]
#[ignore = "needs qemu-system-aarch64: apt install qemu-system-arm"]
fn aarch64_shuts_down_and_reboots() {
    shuts_down_and_reboots(aarch64(OLD));
}

#[test]
#[ignore = "needs qemu-system-riscv32: apt install qemu-system-misc"]
fn riscv_shuts_down_and_reboots() {
    shuts_down_and_reboots(riscv(OLD));
}
