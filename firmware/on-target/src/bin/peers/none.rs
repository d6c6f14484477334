//! Reads nothing: what the other programs here have in common.
#![no_std]
#![no_main]

use core::hint::black_box;

use on_target::{entry, read_streams};

#[entry]
fn main() -> ! {
    read_streams("none", |stream| !black_box(stream).is_empty())
}
