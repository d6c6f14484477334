//! One client link to 100 000 in one process and one thread: requests a second, and memory a link.
//!
//! Prints JSON, as `Links` in figures/results.rs.

use std::collections::BTreeMap;
use std::time::Instant;

use guestwire_benches::ours::{self, Link, ask_all};

const REQUESTS: usize = 2_000_000;

fn main() {
    let (mut requests, mut resident_bytes) = (BTreeMap::new(), 0);
    for count in [1, 10, 100, 1000, 10_000, 100_000] {
        let before = resident();
        let mut links = ours::links(count);
        ask_all(&mut links);
        resident_bytes = resident().saturating_sub(before) / count;
        let rounds = REQUESTS / count;
        let start = Instant::now();
        for _ in 0..rounds {
            ask_all(&mut links);
        }
        requests.insert(count, ((rounds * count) as f64 / start.elapsed().as_secs_f64()).round());
    }
    let links = serde_json::json!({"requests": requests, "size": size_of::<Link>(), "resident": resident_bytes});
    println!("{links}");
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux counts pages");
    4096 * pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("the second is resident")
}
