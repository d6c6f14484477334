//! Instructions that guestwire takes, counted under Valgrind.

use std::hint::black_box;

use guestwire::json::Base64;
use guestwire_benches::growth::{self, Requests, of_depth, of_length};
use guestwire_benches::ours::{self, BoardAgent, LARGE, Link, Listed, SMALL};
use guestwire_benches::workloads::{self, READ, Workload};
use guestwire_benches::{TUNABLES, Tally};
use gungraun::Callgrind;
use gungraun::prelude::*;

// Set-up and checks outside the benches' functions are not counted.

fn all_frames((workload, tally): (Workload, Tally)) {
    assert_eq!(tally, workload.tally(), "all frames, and all of each");
}

#[library_benchmark(teardown = all_frames)]
#[bench::w1_256(consts = (SMALL), args = (workloads::requests()))]
#[bench::w1(consts = (LARGE), args = (workloads::requests()))]
#[bench::w2(consts = (LARGE), args = (workloads::file_writes()))]
#[bench::w3(consts = (LARGE), args = (workloads::guest_info()))]
#[bench::w5_256(consts = (SMALL), args = (workloads::texts()))]
#[bench::w5(consts = (LARGE), args = (workloads::texts()))]
#[bench::w6(consts = (LARGE), args = (workloads::east_asian_texts()))]
#[bench::w7(consts = (LARGE), args = (workloads::logs()))]
#[bench::w8(consts = (LARGE), args = (workloads::numbers()))]
#[bench::w9(consts = (LARGE), args = (workloads::indented()))]
#[bench::w10(consts = (LARGE), args = (workloads::brackets()))]
#[bench::length_64(consts = (LARGE), args = (of_length(64)))]
#[bench::length_256(consts = (LARGE), args = (of_length(256)))]
#[bench::length_1024(consts = (LARGE), args = (of_length(1024)))]
#[bench::length_4096(consts = (LARGE), args = (of_length(4096)))]
#[bench::length_16384(consts = (LARGE), args = (of_length(16_384)))]
#[bench::length_61440(consts = (LARGE), args = (of_length(61_440)))]
#[bench::depth_2(consts = (LARGE), args = (of_depth(2)))]
#[bench::depth_4(consts = (LARGE), args = (of_depth(4)))]
#[bench::depth_8(consts = (LARGE), args = (of_depth(8)))]
#[bench::depth_16(consts = (LARGE), args = (of_depth(16)))]
#[bench::depth_32(consts = (LARGE), args = (of_depth(32)))]
#[bench::depth_64(consts = (LARGE), args = (of_depth(64)))]
fn decoder_by_byte<const N: usize>(workload: Workload) -> (Workload, Tally) {
    let tally = ours::decoder_by_byte::<N>(black_box(&workload.wire));
    (workload, tally)
}

#[library_benchmark(teardown = all_frames)]
#[bench::w1_256(consts = (SMALL), args = (workloads::requests()))]
#[bench::w1(consts = (LARGE), args = (workloads::requests()))]
#[bench::w2(consts = (LARGE), args = (workloads::file_writes()))]
#[bench::w3(consts = (LARGE), args = (workloads::guest_info()))]
#[bench::w5_256(consts = (SMALL), args = (workloads::texts()))]
#[bench::w5(consts = (LARGE), args = (workloads::texts()))]
#[bench::w6(consts = (LARGE), args = (workloads::east_asian_texts()))]
#[bench::w7(consts = (LARGE), args = (workloads::logs()))]
#[bench::w8(consts = (LARGE), args = (workloads::numbers()))]
#[bench::w9(consts = (LARGE), args = (workloads::indented()))]
#[bench::w10(consts = (LARGE), args = (workloads::brackets()))]
#[bench::length_64(consts = (LARGE), args = (of_length(64)))]
#[bench::length_256(consts = (LARGE), args = (of_length(256)))]
#[bench::length_1024(consts = (LARGE), args = (of_length(1024)))]
#[bench::length_4096(consts = (LARGE), args = (of_length(4096)))]
#[bench::length_16384(consts = (LARGE), args = (of_length(16_384)))]
#[bench::length_61440(consts = (LARGE), args = (of_length(61_440)))]
#[bench::depth_2(consts = (LARGE), args = (of_depth(2)))]
#[bench::depth_4(consts = (LARGE), args = (of_depth(4)))]
#[bench::depth_8(consts = (LARGE), args = (of_depth(8)))]
#[bench::depth_16(consts = (LARGE), args = (of_depth(16)))]
#[bench::depth_32(consts = (LARGE), args = (of_depth(32)))]
#[bench::depth_64(consts = (LARGE), args = (of_depth(64)))]
fn decoder_by_slice<const N: usize>(workload: Workload) -> (Workload, Tally) {
    let tally = ours::decoder_by_slice::<N>(black_box(&workload.wire), READ);
    (workload, tally)
}

macro_rules! in_short_slices {
    ($($name:ident $length:literal)*) => {
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
            fn $name(workload: Workload) -> (Workload, Tally) {
                let tally = ours::decoder_by_slice::<LARGE>(black_box(&workload.wire), $length);
                (workload, tally)
            }
        )*
    };
}

in_short_slices!(decoder_by_64 64 decoder_by_16 16);

struct Line {
    wire: Vec<u8>,
    agent: BoardAgent,
    sent: Vec<u8>,
}

fn line() -> Line {
    let Workload { wire, .. } = workloads::requests();
    Line { sent: Vec::with_capacity(wire.len()), wire, agent: ours::agent() }
}

fn all_responses(line: Line) {
    assert!(line.sent == workloads::responses(), "the responses, byte for byte");
}

#[library_benchmark]
#[bench::w1(args = (line()), teardown = all_responses)]
fn agent_by_byte(mut line: Line) -> Line {
    ours::agent_by_byte(&mut line.agent, black_box(&line.wire), &mut line.sent);
    line
}

#[library_benchmark]
#[bench::w1(args = (line()), teardown = all_responses)]
fn agent_by_slice(mut line: Line) -> Line {
    ours::agent_by_slice(&mut line.agent, black_box(&line.wire), &mut line.sent);
    line
}

fn all_answered((workload, responses): (Workload, usize)) {
    assert_eq!(responses, workload.tally().frames);
}

#[library_benchmark(teardown = all_answered)]
#[bench::members_125(args = (growth::members(125)))]
#[bench::members_250(args = (growth::members(250)))]
#[bench::members_500(args = (growth::members(500)))]
#[bench::commands_250(args = (growth::commands(250)))]
#[bench::commands_500(args = (growth::commands(500)))]
#[bench::commands_1000(args = (growth::commands(1000)))]
#[bench::streamed_16384(args = (growth::streamed(16_384)))]
#[bench::streamed_32768(args = (growth::streamed(32_768)))]
#[bench::streamed_65536(args = (growth::streamed(65_536)))]
fn agent_growing(Requests { mut agent, workload }: Requests) -> (Workload, usize) {
    let responses = ours::growing_responses(&mut agent, black_box(&workload.wire));
    (workload, responses)
}

#[library_benchmark]
#[bench::links_1000(args = (ours::links(1000)))]
#[bench::links_2000(args = (ours::links(2000)))]
#[bench::links_4000(args = (ours::links(4000)))]
fn client_links(mut links: Vec<Link>) -> Vec<Link> {
    ours::ask_all(&mut links);
    links
}

fn in_step((wire, tally): (Vec<u8>, Tally)) {
    assert_eq!((wire.len(), tally.frames), (workloads::stale_responses().len(), 1));
}

#[library_benchmark]
#[bench::w4(args = (workloads::stale_responses()), teardown = in_step)]
fn client_skip(wire: Vec<u8>) -> (Vec<u8>, Tally) {
    let tally = ours::client_skip(black_box(&wire));
    (wire, tally)
}

fn all_returned((workload, tally): (Workload, Tally)) {
    // The brackets and name around what was returned.
    let Tally { frames, bytes } = workload.tally();
    assert_eq!(tally, Tally { frames, bytes: bytes - frames * br#"{"return":}"#.len() });
}

#[library_benchmark]
#[bench::w3(args = (workloads::guest_info()), teardown = all_returned)]
fn client_replies(workload: Workload) -> (Workload, Tally) {
    let tally = ours::client_replies(black_box(&workload.wire));
    (workload, tally)
}

fn as_recorded(done: bool) {
    assert!(done, "the recorded response, byte for byte");
}

#[library_benchmark]
#[bench::w3(args = (ours::recorded_commands()), teardown = as_recorded)]
fn encoder_guest_info(commands: Vec<Listed>) -> bool {
    ours::encode_guest_info(black_box(&commands))
}

struct Encoding {
    texts: Vec<String>,
    buffer: Vec<u8>,
    length: usize,
}

fn encoding(workload: &Workload) -> Encoding {
    Encoding { texts: workload.texts(), buffer: vec![0; 2 * workload.wire.len()], length: 0 }
}

fn all_texts(Encoding { texts, buffer, length }: Encoding) {
    let wire = &buffer[..length];
    let sent = serde_json::Deserializer::from_slice(wire).into_iter::<serde_json::Value>();
    let sent: Vec<_> = sent.map(|response| response.expect("it is JSON")["return"].clone()).collect();
    assert!(wire.is_ascii() && sent == texts, "the texts come back");
}

#[library_benchmark(teardown = all_texts)]
#[bench::w2(args = (encoding(&workloads::file_writes())))]
#[bench::w5(args = (encoding(&workloads::texts())))]
fn encoder_text(mut encoding: Encoding) -> Encoding {
    encoding.length = ours::encode_texts(black_box(&encoding.texts), &mut encoding.buffer);
    encoding
}

struct Contents {
    texts: Vec<String>,
    contents: Vec<Vec<u8>>,
    buffer: Vec<u8>,
    length: usize,
}

fn contents() -> Contents {
    let texts = workloads::file_writes().texts();
    let content = |text: &String| Base64::new().read(text.as_bytes()).collect::<Result<_, _>>().expect("it is base64");
    Contents { contents: texts.iter().map(content).collect(), texts, buffer: vec![0; 2 << 20], length: 0 }
}

fn all_contents(Contents { texts, buffer, length, .. }: Contents) {
    assert!(buffer[..length] == *texts.iter().map(|text| format!("\"{text}\"")).collect::<String>().as_bytes());
}

#[library_benchmark]
#[bench::w2(args = (contents()), teardown = all_contents)]
fn encoder_base64(mut contents: Contents) -> Contents {
    contents.length = ours::encode_base64(black_box(&contents.contents), &mut contents.buffer);
    contents
}

library_benchmark_group!(
    name = decoder,
    benchmarks = [decoder_by_byte, decoder_by_slice, decoder_by_64, decoder_by_16]
);
library_benchmark_group!(name = agent, benchmarks = [agent_by_byte, agent_by_slice, agent_growing]);
library_benchmark_group!(name = client, benchmarks = [client_skip, client_replies, client_links]);
library_benchmark_group!(name = encoder, benchmarks = [encoder_guest_info, encoder_text, encoder_base64]);

main!(
    config =
        LibraryBenchmarkConfig::default().env(TUNABLES.0, TUNABLES.1).tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [decoder, agent, client, encoder]
);
