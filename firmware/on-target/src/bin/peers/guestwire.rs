//! guestwire by byte.
#![no_std]
#![no_main]

use core::hint::black_box;

use guestwire::{Decoder, Event};
use on_target::{entry, read_streams};

#[entry]
fn main() -> ! {
    let mut decoder: Decoder<4096> = Decoder::new();
    read_streams("guestwire, push", |stream| {
        let mut frames = 0;
        for byte in stream {
            match decoder.push(*byte) {
                Ok(Some(Event::Frame(frame))) => frames += usize::from(!black_box(frame.as_bytes()).is_empty()),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        frames > 0
    })
}
