//! The decoder with push, poll and `push_slice`.
#![no_std]
#![no_main]

use guestwire::{Decoder, Event};

probe::program! {
    static DECODER: Decoder<128> = Decoder::new();
    |decoder| {
        let mut bytes = [0; 8];
        loop {
            if let Ok(byte) = probe::read()
                && let Ok(Some(Event::Frame(frame))) = decoder.push(byte)
            {
                let _ = probe::write(frame.as_bytes().len() as u8);
            }
            if let Ok(Event::Frame(frame)) = decoder.read_from(probe::read) {
                let _ = probe::write(frame.as_bytes().len() as u8);
            }
            if let Ok(byte) = probe::read() {
                bytes[usize::from(byte) % 8] = byte;
            }
            if let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(&bytes) {
                let _ = probe::write(frame.as_bytes().len() as u8);
            }
        }
    }
}
