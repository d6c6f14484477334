//! The boards find the agent's port by its name.

use host_tests::{Guest, build, named_ports};

/// The buses of virtio-mmio, legacy and modern.
const BUSES: [&str; 2] = ["-global virtio-mmio.force-legacy=true", "-global virtio-mmio.force-legacy=false"];

#[test]
#[ignore = "needs qemu-system-aarch64: apt install qemu-system-arm"]
fn aarch64_finds_its_port() {
    let elf = build("virt-aarch64", "aarch64-unknown-none", "virt-aarch64", "");
    for bus in BUSES {
        named_ports::are_found(|ports| Guest::start_on("virt-aarch64", &elf, ports, bus), "virtio-serial-device");
    }
}

#[test]
#[ignore = "needs qemu-system-riscv32: apt install qemu-system-misc"]
fn riscv_finds_its_port() {
    let elf = build("virt-riscv", "riscv32imac-unknown-none-elf", "virt-riscv", "");
    for bus in BUSES {
        named_ports::are_found(|ports| Guest::start_on("virt-riscv", &elf, ports, bus), "virtio-serial-device");
    }
}
