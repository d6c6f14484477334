//! Must not compile: it allocates, and there is no allocator.
#![no_std]
#![no_main]

extern crate alloc;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        if let Ok(byte) = probe::read() {
            let _ = probe::write(*alloc::boxed::Box::new(byte));
        }
    }
}
