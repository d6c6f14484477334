//! What each fuzz target checks. `targets/` passes on the bytes; `tests/corpus.rs` runs the same without a fuzzer.

mod agent;
mod arguments;
mod client;
#[path = "../../tests/decoded/mod.rs"]
mod decoded;
mod decoder;
mod encoder;
mod line;
mod loopback;
mod oracle;
mod pieces;
#[path = "../../tests/reference/mod.rs"]
mod reference;
mod tree;
mod typed;

pub use agent::agent;
pub use arguments::arguments;
pub use client::client;
pub use decoder::{decoder_chunks, decoder_push};
pub use encoder::encoder;
pub use loopback::loopback;
pub use oracle::oracle;
pub use pieces::pieces;
