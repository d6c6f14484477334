//! The committed figures: what the report shows and what the check compares with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// By `function.case`.
pub type Counts = BTreeMap<String, Count>;

#[derive(Default, Serialize, Deserialize)]
pub struct Results {
    pub made_with: Versions,
    /// Of benches/instructions.rs.
    pub instructions: Counts,
    /// Of benches/peers.rs.
    pub peers: Counts,
    /// Of src/bin/clock.rs: nanoseconds of processor time for a byte, by `reader.workload`.
    pub nanoseconds: BTreeMap<String, f64>,
    pub links: Links,
    #[serde(default)]
    pub end_to_end: EndToEnd,
}

/// What the figures depend on.
#[derive(Default, Serialize, Deserialize)]
pub struct Versions {
    pub rustc: String,
    pub valgrind: String,
    pub libc: String,
    /// Matters for the clock only.
    pub processor: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Count {
    pub instructions: u64,
    /// Branches that a simple predictor gets wrong. Not counted when figures are checked.
    pub mispredicts: Option<u64>,
    pub bytes: u64,
}

impl Count {
    pub fn per_byte(self) -> f64 {
        self.instructions as f64 / self.bytes as f64
    }
}

/// What src/bin/end_to_end.rs prints: figures of each agent by their names.
pub type EndToEnd = BTreeMap<String, BTreeMap<String, f64>>;

/// What src/bin/links.rs prints.
#[derive(Default, Serialize, Deserialize)]
pub struct Links {
    /// Requests a second, by the number of links.
    pub requests: BTreeMap<u64, f64>,
    /// Bytes of a link, as the compiler sees it.
    pub size: u64,
    /// Bytes of a link in memory, at the largest number of links.
    pub resident: u64,
}

impl Results {
    pub fn read(path: &Path) -> Outcome<Self> {
        let text = fs::read(path).map_err(|error| format!("{error}: {}. First run `measure`", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub fn write(&self, path: &Path) -> Outcome<()> {
        Ok(fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }
}
