//! What is measured: workloads, guestwire's work on them, and that of its peers.

pub mod growth;
pub mod ours;
#[cfg(feature = "peers")]
pub mod peers;
pub mod workloads;

/// On some machines glibc copies and clears long runs with an instruction that Valgrind counts once a byte. This turns
/// that off.
pub const TUNABLES: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000");

/// The result of a run, compared with the workload's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub frames: usize,
    /// Length of the frames' texts, or of what was transmitted.
    pub bytes: usize,
}

impl Tally {
    #[inline]
    pub fn count(&mut self, text: &[u8]) {
        self.frames += 1;
        self.bytes += std::hint::black_box(text).len();
    }
}
