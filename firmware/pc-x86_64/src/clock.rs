//! The real-time clock, and the processor's time-stamp counter, whose rate is measured with the interval timer.

use core::arch::x86_64::_rdtsc;
use core::num::NonZero;

use crate::io_ports::IoPorts;

const SECOND: i64 = 1_000_000_000;

// SAFETY: the interval timer, which nothing else uses.
const TIMER: IoPorts = unsafe { IoPorts::at(0x40) };
const TIMER_2: u16 = 2;
const TIMER_CONTROL: u16 = 3;
const TIMER_FREQUENCY: u64 = 1_193_182;
// SAFETY: the gate of the timer's last counter and of the speaker, which nothing else uses.
const GATE: IoPorts = unsafe { IoPorts::at(0x61) };
/// The counter has passed zero.
const HAS_ENDED: u8 = 1 << 5;

/// The time-stamp counter.
pub struct Ticks {
    at_start: u64,
    per_second: NonZero<u64>,
}

impl Ticks {
    /// Measures the rate, in a twentieth of a second.
    pub fn start() -> Self {
        let at_start = ticks();
        loop {
            GATE.write(0, GATE.read(0) & !0b10 | 0b01); // counts, and the speaker is off
            TIMER.write(TIMER_CONTROL, 0xB0); // counts down once
            TIMER.write(TIMER_2, 0xFF);
            TIMER.write(TIMER_2, 0xFF);
            let (first, first_ticks) = sample();
            let (last, last_ticks) = loop {
                let sample = sample();
                if sample.0 < 0x2000 {
                    break sample;
                }
            };
            // Otherwise the host has let the machine wait for so long that the counter has begun anew.
            if GATE.read(0) & HAS_ENDED == 0
                && let Some(period) = first.checked_sub(last).and_then(|period| NonZero::new(u64::from(period)))
                && let Some(per_second) = NonZero::new((last_ticks - first_ticks) * TIMER_FREQUENCY / period)
            {
                return Self { at_start, per_second };
            }
        }
    }

    /// Nanoseconds since the start.
    #[inline(never)]
    pub fn elapsed(&self) -> i64 {
        let elapsed = ticks() - self.at_start;
        let (seconds, rest) = (elapsed / self.per_second, elapsed % self.per_second);
        (seconds as i64) * SECOND + (rest * SECOND as u64 / self.per_second) as i64
    }
}

fn ticks() -> u64 {
    // SAFETY: it reads a register.
    unsafe { _rdtsc() }
}

/// The timer's count and the time-stamp counter at that moment: of several tries the one that took the shortest time, for
/// the host may let the machine wait at any moment.
fn sample() -> (u16, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..16 {
        let before = ticks();
        TIMER.write(TIMER_CONTROL, 0x80); // latches the count
        let took = ticks() - before;
        let count = u16::from_le_bytes([TIMER.read(TIMER_2), TIMER.read(TIMER_2)]);
        if took < best.0 {
            best = (took, count, before);
        }
    }
    (best.1, best.2)
}

// SAFETY: the real-time clock, which nothing else uses.
const CLOCK: IoPorts = unsafe { IoPorts::at(0x70) };
/// Its registers of seconds, minutes, hours, day, month and year. The BIOS has set it to 24 hours, in decimal digits.
const DATE: [u8; 6] = [0, 2, 4, 7, 8, 9];
const CONTROL_A: u8 = 10;
const CONTROL_B: u8 = 11;
/// The clock is about to advance.
const ADVANCES: u8 = 1 << 7;
/// The clock has stopped.
const SET: u8 = 1 << 7;

/// Days from 1970 to March 1996. Years that begin in March end with the leap day, and until 2100 every fourth has one.
const MARCH_1996: u32 = 9556;

/// Nanoseconds since 1970.
pub fn real_time() -> i64 {
    let date = loop {
        let date = DATE.map(read);
        // Otherwise it may have advanced between two registers.
        if read(CONTROL_A) & ADVANCES == 0 && DATE.map(read) == date {
            break date;
        }
    };
    let [second, minute, hour, day, month, year] =
        date.map(|digits| u32::from(digits >> 4) * 10 + u32::from(digits & 15));
    let (year, month) = if month > 2 { (year + 4, month - 3) } else { (year + 3, month + 9) };
    let days = MARCH_1996 + year * 1461 / 4 + (month * 153 + 2) / 5 + day;
    i64::from((hour * 60 + minute) * 60 + second) * SECOND + (i64::from(days) - 1) * 86_400 * SECOND
}

/// Sets the real-time clock, which knows only this century.
pub fn set_real_time(nanoseconds: i64) {
    let seconds = nanoseconds / SECOND;
    let Some(days) = ((seconds / 86_400) as u32).checked_sub(MARCH_1996) else { return };
    let year = (days * 4 + 3) / 1461;
    let day_of_year = days - year * 1461 / 4;
    let month = (day_of_year * 5 + 2) / 153;
    let day = day_of_year - (month * 153 + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year.wrapping_sub(4), month + 3) } else { (year - 3, month - 9) };
    if year >= 100 {
        return;
    }
    let second = (seconds % 86_400) as u32;
    write(CONTROL_B, read(CONTROL_B) | SET);
    for (register, value) in DATE.into_iter().zip([second % 60, second / 60 % 60, second / 3600, day, month, year]) {
        write(register, (value / 10 * 16 + value % 10) as u8);
    }
    write(CONTROL_B, read(CONTROL_B) & !SET);
}

fn read(register: u8) -> u8 {
    CLOCK.write(0, register);
    CLOCK.read(1)
}

fn write(register: u8, value: u8) {
    CLOCK.write(0, register);
    CLOCK.write(1, value);
}
