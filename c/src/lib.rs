//! The C interface of guestwire: see `include/guestwire.h`, which is made from this crate.
//!
//! All `unsafe` of the project's library is here. It turns what C hands over into references, and nothing else; what C
//! has to see to is in the header's introduction, and the comments refer to it as "the contract".
#![no_std]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects
)]
#![allow(non_camel_case_types, reason = "the names are C's")]
#![allow(clippy::missing_safety_doc, reason = "the contract is said once, in the header's introduction")]

mod agent;
mod call;
mod client;
mod decoder;
mod held;
mod memory;
mod value;
mod writer;

pub use agent::*;
pub use call::*;
pub use client::*;
pub use decoder::*;
pub use value::*;
pub use writer::*;

/// Hosts have a panic handler.
#[cfg(not(target_os = "none"))]
extern crate std;

/// No function here can panic. If one could, the program would not link: there is no function of this name.
#[cfg(all(target_os = "none", feature = "panic-handler"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn gw_can_panic() -> !;
    }
    gw_can_panic()
}
