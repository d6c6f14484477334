//! Embassy's time from the timers of ARM's Cortex-M System Design Kit.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, time_driver_impl};
use embassy_time_queue_utils::Queue;
use registers::Registers;

const CONTROL: usize = 0x00;
const VALUE: usize = 0x04;
const RELOAD: usize = 0x08;
const INTERRUPT: usize = 0x0C;

const STOP: u32 = 0;
const START: u32 = 1 << 0 | 1 << 3; // and its interrupt

/// The timers count at 25 MHz, Embassy's time in microseconds.
const COUNTS_PER_TICK: u64 = 25;

// SAFETY: the board's timer 0, and nothing else uses it.
static CLOCK: Registers = unsafe { Registers::at(0x4000_0000) };
pub const CLOCK_INTERRUPT: u16 = 8;
// SAFETY: the board's timer 1, and nothing else uses it.
static ALARM: Registers = unsafe { Registers::at(0x4000_1000) };
pub const ALARM_INTERRUPT: u16 = 9;

time_driver_impl!(static TIME: Time = Time {
    rounds: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

struct Time {
    /// How often the clock has counted down to 0.
    rounds: Mutex<Cell<u32>>,
    queue: Mutex<RefCell<Queue>>,
}

pub fn start() {
    CLOCK.write(RELOAD, u32::MAX);
    CLOCK.write(VALUE, u32::MAX);
    CLOCK.write(CONTROL, START);
}

pub fn on_clock(section: CriticalSection<'_>) {
    let rounds = TIME.rounds.borrow(section);
    rounds.set(rounds.get().wrapping_add(1));
    CLOCK.write(INTERRUPT, 1);
}

pub fn on_alarm(section: CriticalSection<'_>) {
    ALARM.write(CONTROL, STOP);
    ALARM.write(INTERRUPT, 1);
    TIME.wake(section);
}

impl Time {
    /// Wakes the tasks whose time has come, and sets the alarm for the next.
    fn wake(&self, section: CriticalSection<'_>) {
        let now = self.now();
        let next = self.queue.borrow_ref_mut(section).next_expiration(now);
        if next == u64::MAX {
            return;
        }
        // One that is further off than the timer can count rings early, and is set again.
        let counts = next.saturating_sub(now).saturating_mul(COUNTS_PER_TICK).clamp(1, u32::MAX.into()) as u32;
        ALARM.write(CONTROL, STOP);
        ALARM.write(RELOAD, counts);
        ALARM.write(VALUE, counts);
        ALARM.write(CONTROL, START);
    }
}

impl Driver for Time {
    fn now(&self) -> u64 {
        let counts = critical_section::with(|section| {
            let (mut rounds, mut left) = (self.rounds.borrow(section).get(), CLOCK.read(VALUE));
            if CLOCK.read(INTERRUPT) != 0 {
                (rounds, left) = (rounds.wrapping_add(1), CLOCK.read(VALUE));
            }
            u64::from(rounds) << 32 | u64::from(u32::MAX - left)
        });
        counts / COUNTS_PER_TICK
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| {
            if self.queue.borrow_ref_mut(section).schedule_wake(at, waker) {
                self.wake(section);
            }
        });
    }
}
