//! A guest agent on QEMU's 32-bit RISC-V `virt` machine: UART, clocks, power, interrupts. Start-up is that of
//! `riscv-rt`.
#![no_std]
#![no_main]

use core::arch::asm;
use core::ops::Range;

use guest::{Board, Firmware, Shutdown};
use registers::Registers;
use virt::{Machine, Served, halt};
use virtio_serial::{Identity, Mmio, Window};

// SAFETY: the device that ends the machine, which nothing else uses.
const TEST: Registers = unsafe { Registers::at(0x0010_0000) };
// SAFETY: the machine's clock, which nothing else uses. It counts nanoseconds since 1970, in two halves.
const CLOCK: Registers = unsafe { Registers::at(0x0010_1000) };
// SAFETY: the time since start-up, in two halves, which nothing else uses.
const TIME: Registers = unsafe { Registers::at(0x0200_BFF8) };
const NANOSECONDS_PER_TICK: i64 = 100;
// SAFETY: the machine's interrupt controller, which nothing else uses.
const PLIC: Registers = unsafe { Registers::at(0x0C00_0000) };
/// These belong to the only hart.
const PLIC_ENABLE: usize = 0x2000;
const PLIC_CLAIM: usize = 0x20_0004;
/// A 16550.
const UART: *mut u8 = 0x1000_0000 as *mut u8;
const VIRTIO: Range<u64> = 0x1000_1000..0x1000_9000;
const VIRTIO_SLOT: usize = 0x1000;
const VIRTIO_FIRST_INTERRUPT: usize = 1;

#[riscv_rt::entry]
fn main() -> ! {
    virt::serve(&mut Served::new(Firmware::new(Riscv)))
}

struct Riscv;

impl Board for Riscv {
    const MACHINE: &'static str = "riscv32";

    fn uptime(&self) -> i64 {
        loop {
            let high = TIME.read(4);
            let low = TIME.read(0);
            // Otherwise the low half has just wrapped.
            if TIME.read(4) == high {
                return (i64::from(high) << 32 | i64::from(low)) * NANOSECONDS_PER_TICK;
            }
        }
    }

    fn clock(&self) -> Option<i64> {
        // Reading the low half latches the high one.
        let low = CLOCK.read(0);
        Some(i64::from(CLOCK.read(4)) << 32 | i64::from(low))
    }

    fn set_clock(&mut self, nanoseconds: i64) {
        CLOCK.write(4, (nanoseconds >> 32) as u32);
        CLOCK.write(0, nanoseconds as u32);
    }

    fn shut_down(&mut self, how: Shutdown) -> ! {
        match how {
            Shutdown::Halt => {}
            Shutdown::PowerDown => TEST.write(0, 0x5555),
            Shutdown::Reboot => TEST.write(0, 0x7777),
        }
        halt::<Self>()
    }
}

impl Machine for Riscv {
    type Bus = Identity;
    type Transport = Mmio<Window>;

    fn bus() -> Identity {
        // SAFETY: the machine's virtio slots, which nothing else uses. In machine mode memory is mapped one to one.
        unsafe { Identity::new(VIRTIO) }
    }

    fn devices(bus: &Identity) -> impl Iterator<Item = Mmio<Window>> {
        // SAFETY: enables external interrupts, which are masked as a whole.
        unsafe { asm!("csrs mie, {}", in(reg) 1 << 11) }
        let mut enabled = 0;
        VIRTIO.step_by(VIRTIO_SLOT).zip(VIRTIO_FIRST_INTERRUPT..).filter_map(move |(slot, interrupt)| {
            let device = Mmio::new(bus, slot).ok()?;
            enabled |= 1 << interrupt;
            PLIC.write(interrupt * 4, 1); // its priority
            PLIC.write(PLIC_ENABLE, enabled);
            Some(device)
        })
    }

    fn wait_for_interrupt() {
        // SAFETY: it only waits.
        unsafe { asm!("wfi") }
        let claimed = PLIC.read(PLIC_CLAIM);
        PLIC.write(PLIC_CLAIM, claimed);
    }

    fn log(text: &str) {
        // SAFETY: the UART's register for bytes to send.
        text.bytes().for_each(|byte| unsafe { UART.write_volatile(byte) });
    }
}
