//! Shared by the programs of this crate: start-up, and an exit status for QEMU.
#![no_std]

#[cfg(target_arch = "arm")]
mod clock;
#[cfg(target_arch = "arm")]
mod stack;

#[cfg(target_arch = "arm")]
pub use clock::Clock;
#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
use semihosting::{eprintln, process};
#[cfg(target_arch = "arm")]
pub use stack::deepest_push;

// For its critical section.
#[cfg(target_arch = "arm")]
use cortex_m as _;

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    eprintln!("{panic}");
    process::exit(101)
}

/// Inputs from a host, or for one.
pub const WORKLOADS: &[(&str, &[u8])] = &[
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

/// Prints what a reader of single frames takes, for `measure`: its frames are the workloads' lines.
#[cfg(target_arch = "arm")]
pub fn read_frames(reader: &str, mut reads: impl FnMut(&[u8]) -> bool) -> ! {
    read_streams(reader, |stream| stream.split(|byte| *byte == b'\n').filter(|frame| !frame.is_empty()).all(&mut reads))
}

/// The same for one that finds the frames.
#[cfg(target_arch = "arm")]
pub fn read_streams(reader: &str, mut reads: impl FnMut(&[u8]) -> bool) -> ! {
    let clock = Clock::start();
    for (workload, stream) in WORKLOADS {
        let mut is_read = false;
        let instructions = clock.instructions(|| is_read = reads(core::hint::black_box(stream)));
        assert!(is_read, "{workload} is valid");
        let tenths = instructions * 10 / stream.len() as u32;
        semihosting::println!("{reader}/{workload}/{}.{}", tenths / 10, tenths % 10);
    }
    process::exit(0)
}

/// For `guest-exec`, each with a response of another kind.
pub const EXEC_REQUESTS: &[&[u8]] = &[
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/\\u00e9\",\"arg\":[\"-c\",\"ls\"],\"capture-output\":true}}",
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",7]},\"id\":1}",
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"x\":[]},\"id\":1}",
    b"{\"execute\":\"guest-exec\",\"arguments\":{\"env\":[\"A=b\"]}}",
];

/// Pseudo-random numbers, the same ones each time (xorshift32).
pub struct Random(u32);

impl Random {
    #[expect(clippy::new_without_default, reason = "it is a fixed sequence")]
    pub const fn new() -> Self {
        Self(0x9E37_79B9)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}
