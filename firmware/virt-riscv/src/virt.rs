//! The machine: UART, clocks, power, interrupts. Start-up is that of `riscv-rt`.

use core::arch::asm;

use guest::{Board, Shutdown};

/// A device that ends the machine.
const TEST: usize = 0x0010_0000;
/// A clock that counts nanoseconds since 1970, in two halves.
const CLOCK: usize = 0x0010_1000;
/// The high half of the time since start-up, its low half before it.
const TIME_HIGH: usize = 0x0200_BFFC;
const TIME_LOW: usize = 0x0200_BFF8;
const NANOSECONDS_PER_TICK: i64 = 100;
/// The interrupt controller, and what belongs to the one hart there is.
const PLIC: usize = 0x0C00_0000;
const PLIC_ENABLE: usize = PLIC + 0x2000;
const PLIC_CLAIM: usize = PLIC + 0x20_0004;
/// A 16550.
const UART: *mut u8 = 0x1000_0000 as *mut u8;
const VIRTIO: usize = 0x1000_1000;
const VIRTIO_STRIDE: usize = 0x1000;
const VIRTIO_FIRST_INTERRUPT: usize = 1;

pub struct Virt;

impl Board for Virt {
    const MACHINE: &'static str = "riscv32";

    fn uptime(&self) -> i64 {
        loop {
            let high = read(TIME_HIGH);
            let low = read(TIME_LOW);
            // Else the low half has just begun again.
            if read(TIME_HIGH) == high {
                return (i64::from(high) << 32 | i64::from(low)) * NANOSECONDS_PER_TICK;
            }
        }
    }

    fn clock(&self) -> Option<i64> {
        // Reading the low half keeps the high one until that is read.
        let low = read(CLOCK);
        Some(i64::from(read(CLOCK + 4)) << 32 | i64::from(low))
    }

    fn set_clock(&mut self, nanoseconds: i64) {
        write(CLOCK + 4, (nanoseconds >> 32) as u32);
        write(CLOCK, nanoseconds as u32);
    }

    fn shut_down(&mut self, how: Shutdown) -> ! {
        match how {
            Shutdown::Halt => {}
            Shutdown::PowerDown => write(TEST, 0x5555),
            Shutdown::Reboot => write(TEST, 0x7777),
        }
        halt()
    }
}

pub fn halt() -> ! {
    loop {
        wait_for_interrupt();
    }
}

pub fn log(text: &str) {
    // SAFETY: the UART's register for bytes to send.
    text.bytes().for_each(|byte| unsafe { UART.write_volatile(byte) });
}

pub fn virtio_slots() -> impl Iterator<Item = usize> {
    (0..8).map(|slot| VIRTIO + slot * VIRTIO_STRIDE)
}

/// Lets the device in this virtio slot end a [`wait_for_interrupt`]. There is no interrupt handler: interrupts stay
/// masked, as they are at start-up.
pub fn enable_interrupt(slot: usize) {
    let number = VIRTIO_FIRST_INTERRUPT + (slot - VIRTIO) / VIRTIO_STRIDE;
    write(PLIC + number * 4, 1); // its priority
    write(PLIC_ENABLE, 1 << number);
    // SAFETY: enables external interrupts, which are masked as a whole.
    unsafe { asm!("csrs mie, {}", in(reg) 1 << 11) }
}

pub fn wait_for_interrupt() {
    // SAFETY: waits, and that is all.
    unsafe { asm!("wfi") }
    let claimed = read(PLIC_CLAIM);
    write(PLIC_CLAIM, claimed);
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
