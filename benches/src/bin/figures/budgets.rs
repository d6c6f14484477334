//! What guestwire may cost. The one place to tighten it.

use crate::results::Counts;

/// What is limited, its bench, the bench that it is divided by, the limit and the aim; per byte.
pub type Budget = (&'static str, &'static str, Option<&'static str>, f64, f64);

#[rustfmt::skip]
pub const BUDGETS: &[Budget] = &[
    ("decoder by byte, W1", "decoder_by_byte.w1", None, 30.0, 25.0),
    ("decoder by byte, W2", "decoder_by_byte.w2", None, 25.0, 20.0),
    ("decoder by byte, W3", "decoder_by_byte.w3", None, 30.0, 25.0),
    ("decoder by byte, W5", "decoder_by_byte.w5", None, 33.0, 28.0),
    ("decoder by slice, W1", "decoder_by_slice.w1", None, 15.0, 12.0),
    ("decoder by slice, W2", "decoder_by_slice.w2", None, 1.0, 0.75),
    ("decoder by slice, W3", "decoder_by_slice.w3", None, 14.0, 10.5),
    ("decoder by slice, W5", "decoder_by_slice.w5", None, 18.0, 13.0),
    ("client by slice, W4 (skipped)", "client_skip.w4", None, 0.35, 0.35),
    ("agent by byte, W1, times the decoder", "agent_by_byte.w1", Some("decoder_by_byte.w1"), 3.0, 2.0),
    ("agent by slice, W1, times the decoder", "agent_by_slice.w1", Some("decoder_by_slice.w1"), 3.0, 2.0),
    ("by byte, frames of 60 KiB against 4 KiB", "decoder_by_byte.length_61440", Some("decoder_by_byte.length_4096"), 1.05, 1.0),
    ("by slice, frames of 60 KiB against 4 KiB", "decoder_by_slice.length_61440", Some("decoder_by_slice.length_4096"), 1.05, 1.0),
    ("by byte, 64 levels deep against flat", "decoder_by_byte.depth_64", Some("decoder_by_byte.depth_2"), 1.0, 1.0),
    ("by slice, 64 levels deep against flat", "decoder_by_slice.depth_64", Some("decoder_by_slice.depth_2"), 1.0, 1.0),
    ("requests with 500 members against 125", "agent_growing.members_500", Some("agent_growing.members_125"), 1.05, 1.0),
    ("tables of 1000 commands against 250, each command", "agent_growing.commands_1000", Some("agent_growing.commands_250"), 1.05, 1.0),
    ("streamed strings of 64 KiB against 16 KiB", "agent_growing.streamed_65536", Some("agent_growing.streamed_16384"), 1.05, 1.0),
    ("4000 links against 1000", "client_links.links_4000", Some("client_links.links_1000"), 1.05, 1.0),
];

/// `None`: not counted.
pub fn figure(budget: &Budget, counts: &Counts) -> Option<f64> {
    let per_byte = |bench: &str| counts.get(bench).map(|count| count.per_byte());
    Some(per_byte(budget.1)? / budget.2.map_or(Some(1.0), per_byte)?)
}
