//! The decoder with push and poll.
#![no_std]
#![no_main]

use guestwire::{Decoder, Event};

#[unsafe(no_mangle)]
static mut DECODER: Decoder<128> = Decoder::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let decoder = &raw mut DECODER;
    // SAFETY: the only mention of it.
    let decoder = unsafe { &mut *decoder };
    loop {
        if let Ok(byte) = probe::read()
            && let Ok(Some(Event::Frame(frame))) = decoder.push(byte)
        {
            let _ = probe::write(frame.as_bytes().len() as u8);
        }
        if let Ok(Event::Frame(frame)) = decoder.read_from(probe::read) {
            let _ = probe::write(frame.as_bytes().len() as u8);
        }
    }
}
