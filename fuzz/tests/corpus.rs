//! Every target over its corpus, and over mutations of it: what `cargo +nightly fuzz run` does, without a fuzzer.

#[path = "../../tests/random/mod.rs"]
mod random;

use std::path::Path;

use random::Random;

const RUNS: usize = 3_000;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn check(name: &str, target: fn(&[u8])) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has a corpus");
    corpus.iter().for_each(|bytes| target(bytes));
    let mut random = Random(5);
    for _ in 0..RUNS {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len() + 1);
            match random.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, random.next() as u8),
                2 => drop(bytes.drain(..at)),
                _ => bytes.extend_from_slice(&corpus[random.below(corpus.len())]),
            }
        }
        bytes.truncate(4096);
        target(&bytes);
    }
    println!("{name}: {} files, {RUNS} mutations", corpus.len());
}

macro_rules! check_each {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            check(stringify!($target), guestwire_fuzz::$target);
        })*

        #[test]
        fn every_target_is_checked() {
            let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/targets")).unwrap();
            let mut targets: Vec<_> = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned()).collect();
            targets.sort();
            assert_eq!(targets, [$(stringify!($target)),*]);
        }
    };
}

check_each!(agent arguments c client commands decoder_chunks decoder_push deferred encoder loopback loops oracle pieces virtio);
