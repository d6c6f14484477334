//! The processor time of guestwire and its peers: nanoseconds a byte, by `reader.workload`, as JSON.
//!
//! In each round every reader reads a workload once, so that all meet the same machine; then the medians are comparable, and
//! a busy machine changes their ratio little.

use std::collections::BTreeMap;
use std::hint::black_box;

use guestwire_benches::ours::{LARGE, decoder_by_byte, decoder_by_slice};
use guestwire_benches::workloads::{self, READ, Workload};
use guestwire_benches::{Tally, peers};
use rustix::time::{ClockId, clock_gettime};

type Reader = fn(&Workload) -> Tally;

const READERS: [(&str, Reader); 18] = [
    ("decoder_by_byte", |workload| decoder_by_byte::<LARGE>(&workload.wire)),
    ("decoder_by_slice", |workload| by_slice(workload, READ)),
    ("decoder_by_64", |workload| by_slice(workload, 64)),
    ("decoder_by_16", |workload| by_slice(workload, 16)),
    ("bufjson_tokens", peers::bufjson_tokens),
    ("hifijson_skipped", peers::hifijson_skipped),
    ("jiter_skipped", peers::jiter_skipped),
    ("jsmn_tokens", peers::jsmn_tokens),
    ("nanojson_values", peers::nanojson_values),
    ("picojson_by_byte", peers::picojson_by_byte),
    ("picojson_by_slice", peers::picojson_by_slice),
    ("serde_json_core_typed", peers::serde_json_core_typed),
    ("serde_json_ignored", peers::serde_json_ignored),
    ("serde_json_typed", peers::serde_json_typed),
    ("serde_json_value", peers::serde_json_value),
    ("simd_json_tape", peers::simd_json_tape),
    ("sonic_rs_ignored", peers::sonic_rs_ignored),
    ("sonic_rs_typed", peers::sonic_rs_typed),
];

const ROUNDS: usize = 25;

fn by_slice(workload: &Workload, read: usize) -> Tally {
    decoder_by_slice::<LARGE>(&workload.wire, read)
}

fn main() {
    let mut medians = BTreeMap::new();
    for (name, workload) in [
        ("w1", workloads::requests()),
        ("w2", workloads::file_writes()),
        ("w3", workloads::guest_info()),
        ("w5", workloads::texts()),
        ("w6", workloads::east_asian_texts()),
        ("w7", workloads::logs()),
        ("w8", workloads::numbers()),
        ("w9", workloads::indented()),
        ("w10", workloads::brackets()),
    ] {
        let mut taken = READERS.map(|_| Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            for ((_, read), taken) in READERS.iter().zip(&mut taken) {
                let before = processor_time();
                let tally = read(black_box(&workload));
                taken.push(processor_time() - before);
                assert!(tally == workload.tally() || tally == workload.tally_of_wire(), "all of {name} is read");
            }
        }
        for ((reader, _), taken) in READERS.iter().zip(&mut taken) {
            taken.sort_unstable();
            medians.insert(format!("{reader}.{name}"), taken[ROUNDS / 2] as f64 / workload.wire.len() as f64);
        }
    }
    println!("{}", serde_json::to_string(&medians).expect("names and numbers are JSON"));
}

/// Nanoseconds that this thread has run.
fn processor_time() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    1_000_000_000 * time.tv_sec + time.tv_nsec
}
