//! How busy a board is.

/// About 1, 5 and 15 minutes: powers of two in microseconds, because a shift is faster than a division.
const PERIODS: [u32; 3] = [26, 28, 30];
/// The average of a board that never sleeps.
const FULL: i64 = 1000 << 20;

/// How much of each period the board was awake. The past fades as in Unix's load averages.
#[derive(Default)]
pub(crate) struct Load {
    averages: [i64; 3],
}

impl Load {
    pub(crate) fn passed(&mut self, nanoseconds: i64, at_work: bool) {
        let microseconds = u64::try_from(nanoseconds / 1000).unwrap_or(0);
        let target = if at_work { FULL } else { 0 };
        for (average, period) in self.averages.iter_mut().zip(&PERIODS) {
            let passed = microseconds.min(1 << period) as i64;
            *average += ((target - *average) * passed) >> period;
        }
    }

    /// In thousandths.
    pub(crate) fn averages(&self) -> [u32; 3] {
        self.averages.map(|average| (average >> 20) as u32)
    }
}
