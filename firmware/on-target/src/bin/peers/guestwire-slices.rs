//! guestwire by slice.
#![no_std]
#![no_main]

use core::hint::black_box;

use guestwire::{Decoder, Event};
use on_target::{entry, read_streams};

#[entry]
fn main() -> ! {
    let mut decoder: Decoder<4096> = Decoder::new();
    read_streams("guestwire, push_slice", |mut stream| {
        let mut frames = 0;
        while !stream.is_empty() {
            let (taken, event) = decoder.push_slice(stream);
            stream = &stream[taken..];
            match event {
                Ok(Some(Event::Frame(frame))) => frames += usize::from(!black_box(frame.as_bytes()).is_empty()),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        frames > 0
    })
}
