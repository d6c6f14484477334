//! What each fuzz target checks. `targets/` passes on the bytes; `tests/corpus.rs` runs the same without a fuzzer.

mod agent;
mod arguments;
mod c;
mod client;
mod commands;
#[path = "../../tests/decoded/mod.rs"]
mod decoded;
mod decoder;
mod deferred;
mod encoder;
mod line;
mod loopback;
mod loops;
#[path = "../../virtio-serial/tests/model/mod.rs"]
mod model;
mod oracle;
mod pieces;
#[path = "../../tests/qapi/mod.rs"]
mod qapi;
#[path = "../../tests/reference/mod.rs"]
mod reference;
mod tree;
mod typed;
mod virtio;

pub use agent::agent;
pub use arguments::arguments;
pub use c::c;
pub use client::client;
pub use commands::commands;
pub use decoder::{decoder_chunks, decoder_push};
pub use deferred::deferred;
pub use encoder::encoder;
pub use loopback::loopback;
pub use loops::loops;
pub use oracle::oracle;
pub use pieces::pieces;
pub use virtio::virtio;
