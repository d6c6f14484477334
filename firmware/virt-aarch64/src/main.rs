//! A guest agent on QEMU's aarch64 `virt` machine: start-up, UART, clocks, power, interrupts.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::num::NonZero;
use core::ops::Range;

use guest::{Board, Firmware, Shutdown};
use registers::Registers;
use virt::{Machine, Served, halt};
use virtio_serial::{Identity, Mmio, Window};

// SAFETY: the machine's interrupt controller, which nothing else uses.
const GIC_DISTRIBUTOR: Registers = unsafe { Registers::at(0x0800_0000) };
// SAFETY: the interrupt controller's interface of the only processor, which nothing else uses.
const GIC_CPU: Registers = unsafe { Registers::at(0x0801_0000) };
// SAFETY: the machine's PL011, which nothing else uses.
const UART: Registers = unsafe { Registers::at(0x0900_0000) };
// SAFETY: the machine's PL031, which nothing else uses. It counts seconds.
const CLOCK: Registers = unsafe { Registers::at(0x0901_0000) };
const CLOCK_LOAD: usize = 8;
const VIRTIO: Range<u64> = 0x0A00_0000..0x0A00_4000;
const VIRTIO_SLOT: usize = 0x200;
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

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    virt::serve(&mut Served::new(Firmware::new(Aarch64)))
}

struct Aarch64;

impl Board for Aarch64 {
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
        Some(i64::from(CLOCK.read(0)) * SECOND)
    }

    fn set_clock(&mut self, nanoseconds: i64) {
        CLOCK.write(CLOCK_LOAD, (nanoseconds / SECOND) as u32);
    }

    fn shut_down(&mut self, how: Shutdown) -> ! {
        match how {
            Shutdown::Halt => {}
            Shutdown::PowerDown => power(0x8400_0008),
            Shutdown::Reboot => power(0x8400_0009),
        }
        halt::<Self>()
    }
}

/// PSCI's SYSTEM_OFF or SYSTEM_RESET.
fn power(function: u64) {
    // SAFETY: neither returns. If QEMU has no PSCI, the call is undefined and the machine stops there.
    unsafe { asm!("hvc #0", in("x0") function) }
}

impl Machine for Aarch64 {
    type Bus = Identity;
    type Transport = Mmio<Window>;

    fn bus() -> Identity {
        // SAFETY: the machine's virtio slots, which nothing else uses. MMU and caches are off.
        unsafe { Identity::new(VIRTIO) }
    }

    fn devices(bus: &Identity) -> impl Iterator<Item = Mmio<Window>> {
        GIC_DISTRIBUTOR.write(0, 1);
        GIC_CPU.write(4, 0xFF); // of any priority
        GIC_CPU.write(0, 1);
        VIRTIO.step_by(VIRTIO_SLOT).zip(VIRTIO_FIRST_INTERRUPT..).filter_map(|(slot, interrupt)| {
            let device = Mmio::new(bus, slot).ok()?;
            GIC_DISTRIBUTOR.write(0x100 + interrupt / 32 * 4, 1 << (interrupt % 32));
            Some(device)
        })
    }

    fn wait_for_interrupt() {
        // SAFETY: it only waits.
        unsafe { asm!("wfi") }
    }

    fn log(text: &str) {
        text.bytes().for_each(|byte| UART.write(0, byte.into()));
    }
}
