//! What guestwire may cost. The one place to tighten it.

use std::collections::BTreeMap;

use crate::results::Count;

pub struct Budget {
    pub what: &'static str,
    bench: &'static str,
    /// What the bench is measured against, a byte each.
    pub of: Option<&'static str>,
    pub limit: f64,
    pub aim: f64,
}

#[rustfmt::skip]
pub const BUDGETS: &[Budget] = &[
    per_byte("decoder by byte, W1", "decoder_by_byte.w1", 30.0, 25.0),
    per_byte("decoder by byte, W2", "decoder_by_byte.w2", 25.0, 20.0),
    per_byte("decoder by byte, W3", "decoder_by_byte.w3", 30.0, 25.0),
    per_byte("decoder by byte, W5", "decoder_by_byte.w5", 33.0, 28.0),
    per_byte("decoder by slice, W1", "decoder_by_slice.w1", 15.0, 12.0),
    per_byte("decoder by slice, W2", "decoder_by_slice.w2", 1.0, 0.75),
    per_byte("decoder by slice, W3", "decoder_by_slice.w3", 14.0, 10.5),
    per_byte("decoder by slice, W5", "decoder_by_slice.w5", 18.0, 13.0),
    per_byte("client by slice, W4 (skipped)", "client_skip.w4", 0.35, 0.35),
    times("agent by byte, W1, times the decoder", "agent_by_byte.w1", "decoder_by_byte.w1", 3.0, 2.0),
    times("agent by slice, W1, times the decoder", "agent_by_slice.w1", "decoder_by_slice.w1", 3.0, 2.0),
    times("by byte, frames of 60 KiB against 4 KiB", "decoder_by_byte.length_61440", "decoder_by_byte.length_4096", 1.05, 1.0),
    times("by slice, frames of 60 KiB against 4 KiB", "decoder_by_slice.length_61440", "decoder_by_slice.length_4096", 1.05, 1.0),
    times("by byte, 64 levels deep against flat", "decoder_by_byte.depth_64", "decoder_by_byte.depth_2", 1.0, 1.0),
    times("by slice, 64 levels deep against flat", "decoder_by_slice.depth_64", "decoder_by_slice.depth_2", 1.0, 1.0),
];

const fn per_byte(what: &'static str, bench: &'static str, limit: f64, aim: f64) -> Budget {
    Budget { what, bench, of: None, limit, aim }
}

const fn times(what: &'static str, bench: &'static str, of: &'static str, limit: f64, aim: f64) -> Budget {
    Budget { what, bench, of: Some(of), limit, aim }
}

impl Budget {
    /// What it is about, in `counts`. `None`: it was not counted.
    pub fn figure(&self, counts: &BTreeMap<String, Count>) -> Option<f64> {
        let per_byte = |bench: &str| counts.get(bench).map(|count| count.per_byte());
        Some(per_byte(self.bench)? / self.of.map_or(Some(1.0), per_byte)?)
    }
}
