//! `memcmp` in a few bytes. That of `compiler_builtins` has 600, for a speed that names of commands do not need.

use core::arch::asm;

/// # Safety
/// As in C: both have this length.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    let (above, below): (u32, u32);
    // SAFETY: it reads what the caller allows. With length 0 that is nothing, and `xor` has set the flags as if equal.
    unsafe {
        asm!(
            "xor edx, edx",
            "xor eax, eax",
            "repe cmpsb",
            "seta al",
            "setb dl",
            inout("rsi") left => _, inout("rdi") right => _, inout("rcx") length => _,
            out("eax") above, out("edx") below, options(nostack, readonly),
        );
    }
    above as i32 - below as i32
}
