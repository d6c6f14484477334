//! serde-json-core, skipping values.
#![no_std]
#![no_main]

use on_target::{entry, read_frames};
use serde::de::IgnoredAny;

#[entry]
fn main() -> ! {
    read_frames("serde-json-core, skipped", |frame| serde_json_core::from_slice::<IgnoredAny>(frame).is_ok())
}
