//! Must not link: an index that may be out of bounds.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let bytes = [1, 2, 3];
    loop {
        if let Ok(byte) = probe::read() {
            let _ = probe::write(bytes[usize::from(byte)]);
        }
    }
}
