//! Counts instructions.

use cortex_m::peripheral::{Peripherals, SYST, syst::SystClkSource};

/// Counts instructions by their time.
pub struct Clock {
    /// The cost of counting itself.
    own: u32,
}

impl Clock {
    pub fn start() -> Self {
        let mut timer = Peripherals::take().expect("started once").SYST;
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
    pub fn instructions(&self, run: impl FnOnce()) -> u32 {
        let ticks = Self::ticks(run) - self.own;
        (ticks * 10 + 8) / 16
    }
}
