//! The program to subtract from the others.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        if let Ok(byte) = probe::read() {
            let _ = probe::write(byte);
        }
    }
}
