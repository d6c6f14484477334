//! The same count for the peers.

use std::hint::black_box;

use guestwire_benches::peers;
use guestwire_benches::workloads::{self, Workload};
use guestwire_benches::{TUNABLES, Tally};
use gungraun::Callgrind;
use gungraun::prelude::*;

fn all_frames((workload, tally): (Workload, Tally)) {
    assert_eq!(tally, workload.tally_of_wire(), "all frames, and all of each");
}

macro_rules! count {
    ($($peer:ident)*) => {
        $(
            #[library_benchmark(teardown = all_frames)]
            #[bench::w1(args = (workloads::requests()))]
            #[bench::w2(args = (workloads::file_writes()))]
            #[bench::w3(args = (workloads::guest_info()))]
            #[bench::w5(args = (workloads::texts()))]
            #[bench::w6(args = (workloads::east_asian_texts()))]
            #[bench::w7(args = (workloads::logs()))]
            #[bench::w8(args = (workloads::numbers()))]
            #[bench::w9(args = (workloads::indented()))]
            #[bench::w10(args = (workloads::brackets()))]
            fn $peer(workload: Workload) -> (Workload, Tally) {
                let tally = peers::$peer(black_box(&workload));
                (workload, tally)
            }
        )*
        library_benchmark_group!(name = readers, benchmarks = [$($peer),*]);
    };
}

count!(
    picojson_by_byte picojson_by_slice serde_json_core_typed serde_json_ignored serde_json_value serde_json_typed
    sonic_rs_ignored sonic_rs_typed simd_json_tape jiter_skipped bufjson_tokens hifijson_skipped nanojson_values
    jsmn_tokens
);

main!(
    config =
        LibraryBenchmarkConfig::default().env(TUNABLES.0, TUNABLES.1).tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [readers]
);
