//! Instructions and stack of the crate on a Cortex-M3, one figure a line. `measure` reads the output.
//!
//! Needs QEMU with `-icount shift=6`: an instruction then takes 64 ns.
#![no_std]
#![no_main]

#[path = "../../../probe/src/bin/agent/board.rs"]
mod board;

use core::hint::black_box;

use board::Board;
use guestwire::{Decoder, Event};
use on_target::{Clock, Random, WORKLOADS, deepest_push, entry};
use semihosting::{println, process};

#[entry]
fn main() -> ! {
    let clock = Clock::start();
    for (name, workload) in WORKLOADS {
        let by_byte = [push_each::<128>(&clock, workload), push_each::<4096>(&clock, workload)];
        let slices = push_slice(&clock, workload);
        for (how, instructions) in
            [("push, N = 128", by_byte[0]), ("push, N = 4096", by_byte[1]), ("push_slice", slices)]
        {
            let tenths = instructions * 10 / workload.len() as u32;
            println!("Instructions a byte/{name}/{how}/{}.{}", tenths / 10, tenths % 10);
        }
    }
    for (how, (worst, bytes)) in
        [("push, N = 128", worst_push::<128>(&clock)), ("push, N = 4096", worst_push::<4096>(&clock))]
    {
        println!("Worst push, instructions/the worst byte/{how}/{worst}");
        println!("Worst push, instructions/bytes measured/{how}/{bytes}");
    }
    println!("Stack, bytes/Agent::push/deepest/{}", deepest_push(Board { nanoseconds: 0 }, REQUESTS));
    process::exit(0)
}

/// As a program with a port calls it.
#[inline(never)]
fn push_all<const N: usize>(decoder: &mut Decoder<N>, bytes: &[u8]) {
    for byte in bytes {
        if let Ok(Some(Event::Frame(frame))) = decoder.push(*byte) {
            black_box(frame.as_bytes());
        }
    }
}

fn push_each<const N: usize>(clock: &Clock, bytes: &[u8]) -> u32 {
    let mut decoder = Decoder::<N>::new();
    clock.instructions(|| push_all(&mut decoder, bytes))
}

fn push_slice(clock: &Clock, mut bytes: &[u8]) -> u32 {
    // No other decoder has this size. Otherwise one of the two pushes would share code with this, but not the other.
    let mut decoder = Decoder::<4000>::new();
    clock.instructions(|| {
        while !bytes.is_empty() {
            let (taken, event) = decoder.push_slice(bytes);
            let _ = black_box(event);
            bytes = &bytes[taken..];
        }
    })
}

/// The most instructions that one byte takes, in the workloads and in broken input, and the number of bytes.
fn worst_push<const N: usize>(clock: &Clock) -> (u32, u32) {
    let mut decoder = Decoder::<N>::new();
    let (mut worst, mut bytes) = (0, 0);
    let mut count = |byte| {
        worst = worst.max(clock.instructions(|| push_all(&mut decoder, &[byte])));
        bytes += 1;
    };
    WORKLOADS.iter().for_each(|(_, workload)| workload.iter().for_each(|byte| count(*byte)));
    let mut random = Random::new();
    for _ in 0..20_000 {
        let (_, workload) = WORKLOADS[random.below(WORKLOADS.len())];
        let start = random.below(workload.len());
        workload[start..].iter().take(1 + random.below(8)).for_each(|byte| count(*byte));
        count(b"\xFF{}[]\",:\\\x80 -0e.tfn\xED\xA0\xF0"[random.below(21)]);
    }
    (worst, bytes)
}

/// Each has another kind of response.
const REQUESTS: &[&[u8]] = &[
    b"{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":-9223372036854775808},\"id\":\"\\u00e9\"}",
    b"{\"execute\":\"guest-sync\",\"arguments\":{\"id\":9223372036854775807},\"id\":[1]}",
    b"{\"execute\":\"guest-info\",\"id\":{\"a\":1}}",
    b"{\"execute\":\"guest-get-time\"}",
    b"{\"execute\":\"guest-set-time\",\"arguments\":{\"time\":1}}",
    b"{\"execute\":\"guest-set-time\",\"arguments\":{\"time\":1,\"time\":2}}",
    b"{\"execute\":\"guest-set-time\",\"arguments\":{\"tim\\u0065\":[]},\"id\":1}",
    b"{\"execute\":\"guest-set-time\",\"arguments\":{\"time\":1,\"\\ud83e\\udd80\":{\"x\":1}},\"id\":1}",
    b"{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"p\\u006fwerdown\"}}",
    b"{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"up\"},\"id\":null}",
    b"{\"execute\":\"guest-n\\u00f6ne \\ud83e\\udd80\",\"id\":1}",
    b"{\"execute\":\"guest-ping\",\"execute\":\"guest-ping\"}",
    b"{\"execute\":\"guest-ping\",\"what\":1,\"id\":1}",
    b"{\"execute\":7,\"id\":1}",
    b"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"execute\":\"guest-ping\"}",
    b"[{\"a\":[{}]}]",
    b"{\"return\":{}}",
    b"{\"execute\":}\n",
    b"{\xFF",
];
