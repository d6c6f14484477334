//! What the programs of this crate share: start-up, and an exit status for QEMU.
#![no_std]

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
use semihosting::{eprintln, process};

// Linked for its critical section.
#[cfg(target_arch = "arm")]
use cortex_m as _;

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    eprintln!("{panic}");
    process::exit(101)
}

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

#[cfg(target_arch = "arm")]
const UNTOUCHED: u8 = 0xA5;

/// Paints the stack, calls, and looks how far down the paint is gone.
#[cfg(target_arch = "arm")]
#[inline(never)]
pub fn stack_of(call: impl FnOnce()) -> u32 {
    const DEPTH: u32 = 8192;
    use cortex_m::register::msp;

    let bottom = msp::read() - DEPTH;
    // Down to a little below this frame.
    for address in bottom..msp::read() - 16 {
        // SAFETY: free stack: the programs that ask need far less than there is between its statics and here.
        unsafe { (address as *mut u8).write_volatile(UNTOUCHED) }
    }
    call();
    // SAFETY: as above.
    let untouched = (bottom..).take_while(|address| unsafe { (*address as *const u8).read_volatile() } == UNTOUCHED);
    DEPTH - untouched.count() as u32
}
