//! How busy a board is.

/// In microseconds.
const MINUTE: u64 = 60_000_000;
const MINUTES: [u64; 3] = [1, 5, 15];
/// The averages are this much finer than thousandths, or a microsecond would not count.
const FINER: u64 = 1_000_000;
/// After this long at work all averages are close to 1. Products of less fit.
const LONGEST: u64 = 300 * MINUTE;

/// The part of the time that was not slept, over each number of minutes. The past fades, as it does in Unix's load averages.
#[derive(Default)]
pub(crate) struct Load {
    averages: [u64; 3],
}

impl Load {
    pub(crate) fn passed(&mut self, nanoseconds: i64, at_work: bool) {
        let passed = u64::try_from(nanoseconds / 1000).unwrap_or(0);
        let (passed, work) = if at_work { (passed.min(LONGEST), passed.min(LONGEST)) } else { (passed, 0) };
        for (average, minutes) in self.averages.iter_mut().zip(MINUTES) {
            let period = minutes * MINUTE;
            *average = (*average * period + work * 1000 * FINER).checked_div(period + passed).unwrap_or(0);
        }
    }

    /// In thousandths.
    pub(crate) fn averages(&self) -> [u32; 3] {
        self.averages.map(|average| (average / FINER) as u32)
    }
}
