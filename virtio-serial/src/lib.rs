#![no_std]
#![warn(missing_docs, unreachable_pub)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo,
    clippy::indexing_slicing,
    clippy::string_slice
)]
#![doc = include_str!("../README.md")]

#[cfg(target_endian = "big")]
compile_error!("rings and control messages are little-endian");

mod bus;
mod control;
mod device;
mod error;
mod memory;
mod port;
mod queue;
#[cfg(any(feature = "embedded-io", feature = "embedded-hal-nb"))]
mod stream;
mod transport;

pub use bus::{Bus, Identity, Registers, Window};
pub use control::MAX_NAME;
pub use device::{Device, Event};
pub use error::Error;
pub use memory::Memory;
#[cfg(any(feature = "embedded-io", feature = "embedded-hal-nb"))]
pub use stream::{Lock, Stream};
pub use transport::{Mmio, Pci, Rings, Transport, pci};
