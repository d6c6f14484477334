//! A logger for the host: counts the events of the thread that logs them.

use std::cell::Cell;

thread_local! {
    static EVENTS: Cell<usize> = const { Cell::new(0) };
}

/// How many events this thread has logged so far.
pub fn events() -> usize {
    EVENTS.get()
}

#[defmt::global_logger]
struct Counter;

// SAFETY: nothing is shared between threads, and nothing is written.
unsafe impl defmt::Logger for Counter {
    fn acquire() {
        EVENTS.set(EVENTS.get() + 1);
    }

    unsafe fn flush() {}

    unsafe fn release() {}

    unsafe fn write(_: &[u8]) {}
}

#[unsafe(no_mangle)]
fn _defmt_timestamp(_: defmt::Formatter<'_>) {}

#[unsafe(no_mangle)]
fn _defmt_panic() -> ! {
    panic!("defmt panicked")
}
