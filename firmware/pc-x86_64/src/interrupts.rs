//! Sleep until a device interrupts.
//!
//! Interrupts are masked except while the processor sleeps, and the handler only lets it go on: what there is to do, the
//! main loop finds by polling. So nothing is shared with a handler, and no interrupt is missed between the last poll and
//! the sleep. Without interrupts, a guest that has nothing to do would take a whole processor of its host's.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;

use crate::io_ports::IoPorts;

// SAFETY: the first interrupt controller, an 8259, which nothing else uses.
const FIRST: IoPorts = unsafe { IoPorts::at(0x20) };
// SAFETY: the second, for interrupts 8 to 15.
const SECOND: IoPorts = unsafe { IoPorts::at(0xA0) };
const MASK: u16 = 1;
/// The input of the first controller that the second is connected to.
const CASCADE: u8 = 2;
/// Vectors below are the processor's own exceptions.
const FIRST_VECTOR: u8 = 32;

#[repr(C, align(16))]
struct Vectors(UnsafeCell<[[u64; 2]; 48]>);

// SAFETY: there is one processor, which only reads it once it is filled.
unsafe impl Sync for Vectors {}

static VECTORS: Vectors = Vectors(UnsafeCell::new([[0; 2]; 48]));

global_asm!(
    ".section .text.interrupt, \"ax\"",
    "interrupt:",
    "push rax",
    "mov al, 0x20", // end of interrupt
    "out 0xA0, al",
    "out 0x20, al",
    "pop rax",
    "and dword ptr [rsp + 16], ~(1 << 9)", // return with interrupts masked
    "iretq",
);

unsafe extern "C" {
    fn interrupt();
}

/// Masks all interrupts of devices, and lets them end a sleep once they are enabled.
pub fn start() {
    let handler = interrupt as *const () as u64;
    // The first segment of the descriptor table, present, an interrupt gate.
    let gate = [handler & 0xFFFF | 8 << 16 | 0x8E00 << 32 | (handler >> 16 & 0xFFFF) << 48, handler >> 32];
    // SAFETY: nothing else touches them, and interrupts are masked.
    let vectors = unsafe { &mut *VECTORS.0.get() };
    vectors.iter_mut().skip(FIRST_VECTOR.into()).for_each(|vector| *vector = gate);
    #[repr(C, packed)]
    struct Pointer {
        last_byte: u16,
        address: u64,
    }
    let pointer = Pointer { last_byte: size_of::<Vectors>() as u16 - 1, address: VECTORS.0.get() as u64 };
    // SAFETY: the table is a static, and all interrupts that can occur have an entry.
    unsafe { asm!("lidt [{}]", in(reg) &pointer, options(readonly, nostack, preserves_flags)) }
    for (controller, vector, cascade) in [(FIRST, FIRST_VECTOR, 1 << CASCADE), (SECOND, FIRST_VECTOR + 8, CASCADE)] {
        controller.write(0, 0x11); // initialize: four words
        controller.write(MASK, vector);
        controller.write(MASK, cascade);
        controller.write(MASK, 1); // for x86
        controller.write(MASK, 0xFF);
    }
}

/// Lets an interrupt of a device end a sleep.
pub fn enable(number: u8) {
    let (first, second) = if number < 8 { (1 << number, 0) } else { (1 << CASCADE, 1 << (number & 7)) };
    for (controller, enabled) in [(FIRST, first), (SECOND, second)] {
        controller.write(MASK, controller.read(MASK) & !enabled);
    }
}

/// Sleeps until a device interrupts, or has since the last sleep.
pub fn sleep() {
    // SAFETY: the handler changes nothing. The instruction after `sti` is done before any interrupt.
    unsafe { asm!("sti", "hlt", "cli") }
}
