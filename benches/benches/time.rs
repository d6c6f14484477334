//! Wall clock, guestwire and its peers in one run. It is not checked: the same code varies by 10 % between runs.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use guestwire_benches::workloads::{self, Workload};
use guestwire_benches::{Tally, ours, peers};

type Reader = fn(&Workload) -> Tally;

const READERS: [(&str, Reader); 10] = [
    ("decoder_by_byte", |workload| ours::decoder_by_byte::<{ ours::LARGE }>(&workload.wire)),
    ("decoder_by_slice", |workload| ours::decoder_by_slice::<{ ours::LARGE }>(&workload.wire)),
    ("picojson_by_byte", peers::picojson_by_byte),
    ("picojson_by_slice", peers::picojson_by_slice),
    ("serde_json_core_typed", peers::serde_json_core_typed),
    ("serde_json_ignored", peers::serde_json_ignored),
    ("serde_json_value", peers::serde_json_value),
    ("serde_json_typed", peers::serde_json_typed),
    ("sonic_rs_ignored", peers::sonic_rs_ignored),
    ("sonic_rs_typed", peers::sonic_rs_typed),
];

fn readers(criterion: &mut Criterion) {
    for (name, workload) in [
        ("w1", workloads::requests()),
        ("w2", workloads::file_writes()),
        ("w3", workloads::guest_info()),
        ("w5", workloads::texts()),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(workload.wire.len() as u64));
        for (reader, read) in READERS {
            let tally = read(&workload);
            assert!(tally == workload.tally() || tally == workload.tally_of_wire(), "{reader} reads all of {name}");
            group.bench_function(BenchmarkId::from_parameter(reader), |bencher| {
                bencher.iter(|| read(black_box(&workload)));
            });
        }
    }
}

criterion_group!(
    name = time;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = readers
);
criterion_main!(time);
