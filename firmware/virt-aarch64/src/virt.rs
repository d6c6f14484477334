//! The machine: start-up, UART, clocks, power, interrupts.

use core::arch::{asm, global_asm};
use core::num::NonZero;

use guest::{Board, Shutdown};

const GIC_DISTRIBUTOR: usize = 0x0800_0000;
const GIC_CPU: usize = 0x0801_0000;
/// A PL011.
const UART: usize = 0x0900_0000;
/// A PL031, which counts seconds.
const CLOCK: usize = 0x0901_0000;
const CLOCK_LOAD: usize = CLOCK + 8;
const VIRTIO: usize = 0x0A00_0000;
const VIRTIO_STRIDE: usize = 0x200;
const VIRTIO_FIRST_INTERRUPT: usize = 48;

const SECOND: i64 = 1_000_000_000;

global_asm!(
    ".section .text.start, \"ax\"",
    ".global _start",
    "_start:",
    "ldr x0, =__stack_end",
    "mov sp, x0",
    "mov x0, #(3 << 20)", // floating-point registers may be used
    "msr cpacr_el1, x0",
    "isb",
    "ldr x0, =__bss_start",
    "ldr x1, =__bss_end",
    "0: cmp x0, x1",
    "b.hs 1f",
    "stp xzr, xzr, [x0], #16",
    "b 0b",
    "1: b main",
);

pub struct Virt;

impl Board for Virt {
    const MACHINE: &'static str = "aarch64";

    fn uptime(&self) -> i64 {
        let (ticks, frequency): (u64, u64);
        // SAFETY: reads two registers.
        unsafe {
            asm!("isb", "mrs {}, cntvct_el0", "mrs {}, cntfrq_el0", out(reg) ticks, out(reg) frequency);
        }
        let frequency = NonZero::new(frequency).unwrap_or(NonZero::<u64>::MIN);
        let (seconds, rest) = (ticks / frequency, ticks % frequency);
        (seconds as i64) * SECOND + (rest * SECOND as u64 / frequency) as i64
    }

    fn clock(&self) -> Option<i64> {
        Some(i64::from(read(CLOCK)) * SECOND)
    }

    fn set_clock(&mut self, nanoseconds: i64) {
        write(CLOCK_LOAD, (nanoseconds / SECOND) as u32);
    }

    fn shut_down(&mut self, how: Shutdown) -> ! {
        match how {
            Shutdown::Halt => {}
            Shutdown::PowerDown => power(0x8400_0008),
            Shutdown::Reboot => power(0x8400_0009),
        }
        halt()
    }
}

/// PSCI's SYSTEM_OFF or SYSTEM_RESET.
fn power(function: u64) {
    // SAFETY: neither comes back. If QEMU has no PSCI, the call is undefined and the machine stops there.
    unsafe { asm!("hvc #0", in("x0") function) }
}

pub fn halt() -> ! {
    loop {
        wait_for_interrupt();
    }
}

pub fn log(text: &str) {
    text.bytes().for_each(|byte| write(UART, byte.into()));
}

pub fn virtio_slots() -> impl Iterator<Item = usize> {
    (0..32).map(|slot| VIRTIO + slot * VIRTIO_STRIDE)
}

/// Lets the device in this virtio slot end a [`wait_for_interrupt`]. There is no interrupt handler: interrupts stay
/// masked, as they are at start-up.
pub fn enable_interrupt(slot: usize) {
    let number = VIRTIO_FIRST_INTERRUPT + (slot - VIRTIO) / VIRTIO_STRIDE;
    write(GIC_DISTRIBUTOR + 0x100 + number / 32 * 4, 1 << (number % 32));
    write(GIC_DISTRIBUTOR, 1);
    write(GIC_CPU + 4, 0xFF); // of any priority
    write(GIC_CPU, 1);
}

pub fn wait_for_interrupt() {
    // SAFETY: waits, and that is all.
    unsafe { asm!("wfi") }
}

fn read(register: usize) -> u32 {
    // SAFETY: the callers are in this file, and name registers that the machine has.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as in `read`; none of these registers makes the machine touch memory.
    unsafe { (register as *mut u32).write_volatile(value) }
}

#[cfg(debug_assertions)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    log("panic\n");
    halt()
}

/// A release build links only if nothing can panic: there is no such function.
#[cfg(not(debug_assertions))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn panic_is_reachable() -> !;
    }
    panic_is_reachable()
}
