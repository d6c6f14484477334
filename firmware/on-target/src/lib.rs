//! Shared by the programs of this crate: start-up, and an exit status for QEMU.
#![no_std]

#[cfg(target_arch = "arm")]
mod stack;

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
use semihosting::{eprintln, process};
#[cfg(target_arch = "arm")]
pub use stack::deepest_push;

// For its critical section.
#[cfg(target_arch = "arm")]
use cortex_m as _;

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    eprintln!("{panic}");
    process::exit(101)
}

/// For `guest-exec`, each with a response of another kind.
pub const EXEC_REQUESTS: &[&[u8]] = &[
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/\\u00e9\",\"arg\":[\"-c\",\"ls\"],\"capture-output\":true}}",
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",7]},\"id\":1}",
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"x\":[]},\"id\":1}",
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"env\":[\"A=b\"]}}",
];

/// Pseudo-random numbers, the same ones each time (xorshift32).
pub struct Random(u32);

impl Random {
    #[expect(clippy::new_without_default, reason = "it is a fixed sequence")]
    pub const fn new() -> Self {
        Self(0x9E37_79B9)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}
