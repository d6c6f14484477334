//! Instructions and stack of the crate on a Cortex-M3, one figure a line. `measure` reads the output.
//!
//! Needs QEMU with `-icount shift=6`: an instruction then takes 64 ns.
#![no_std]
#![no_main]

#[path = "../../../probe/src/bin/agent/board.rs"]
mod board;

use core::hint::black_box;

use board::Board;
use cortex_m::peripheral::{Peripherals, SYST, syst::SystClkSource};
use guestwire::Decoder;
use on_target::{Random, deepest_push, entry};
use semihosting::{println, process};

/// Inputs from a host, or for one.
const WORKLOADS: &[(&str, &[u8])] = &[
    (
        "small requests",
        b"{\"execute\":\"guest-sync\", \"arguments\":{\"id\":1795441277004}}\n{\"execute\":\"guest-ping\"}\n\
          {\"execute\":\"guest-get-time\"}\n{\"execute\":\"guest-set-time\",\"arguments\":{\"time\":1795440815000000000}}\n\
          {\"execute\":\"guest-network-get-interfaces\"}\n{\"execute\":\"guest-fsfreeze-status\"}\n\
          {\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"powerdown\"}}\n{\"execute\":\"guest-info\",\"id\":7}\n",
    ),
    ("a long string", &LONG_STRING),
    (
        "the response to guest-info",
        b"{\"return\": {\"version\": \"1.0.0\", \"supported_commands\": [\
          {\"enabled\": true, \"name\": \"guest-sync-delimited\", \"success-response\": true}, \
          {\"enabled\": true, \"name\": \"guest-sync\", \"success-response\": true}, \
          {\"enabled\": true, \"name\": \"guest-ping\", \"success-response\": true}, \
          {\"enabled\": true, \"name\": \"guest-info\", \"success-response\": true}, \
          {\"enabled\": true, \"name\": \"guest-get-time\", \"success-response\": true}, \
          {\"enabled\": true, \"name\": \"guest-set-time\", \"success-response\": true}, \
          {\"enabled\": true, \"name\": \"guest-shutdown\", \"success-response\": false}]}}\n",
    ),
    (
        "escapes and UTF-8",
        "{\"execute\":\"\\u0067uest-p\\u00e9ng\",\"arguments\":{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"é\":\"größer, 東京, 🦀\"}}\n\
          [\"\\ud83e\\udd80\",\"ÀÁÂÃÄÅÆÇÈÉÊË\",\"日本語のテキスト\",\"\\u0000\\u001f\",\"🦀🦀🦀🦀\"]\n"
            .as_bytes(),
    ),
];

const LONG_STRING: [u8; 4000] = {
    let mut string = [b'a'; 4000];
    string[0] = b'"';
    string[3999] = b'"';
    string
};

#[entry]
fn main() -> ! {
    let Some(peripherals) = Peripherals::take() else { process::exit(1) };
    let clock = Clock::start(peripherals.SYST);
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

/// Counts instructions by their time.
struct Clock {
    /// The cost of counting itself.
    own: u32,
}

impl Clock {
    fn start(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(0xFF_FFFF);
        timer.clear_current();
        timer.enable_counter();
        Self { own: Self::ticks(|| {}) }
    }

    fn ticks(run: impl FnOnce()) -> u32 {
        let before = SYST::get_current();
        run();
        let after = SYST::get_current();
        before.wrapping_sub(after) & 0xFF_FFFF
    }

    /// At 25 MHz, 1.6 ticks are 64 ns, an instruction.
    fn instructions(&self, run: impl FnOnce()) -> u32 {
        let ticks = Self::ticks(run) - self.own;
        (ticks * 10 + 8) / 16
    }
}

#[inline(never)]
fn push<const N: usize>(decoder: &mut Decoder<N>, byte: u8) {
    let _ = black_box(decoder.push(byte));
}

fn push_each<const N: usize>(clock: &Clock, bytes: &[u8]) -> u32 {
    let mut decoder = Decoder::<N>::new();
    clock.instructions(|| bytes.iter().for_each(|byte| push(&mut decoder, *byte)))
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
        worst = worst.max(clock.instructions(|| push(&mut decoder, byte)));
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
