//! A logger for the host: collects what each thread logs, and prints it as `defmt-print` does.

mod table;

use std::cell::RefCell;

use table::Table;

thread_local! {
    static EVENTS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// What this thread logs in `run`: a line each, with its level.
pub fn logged(run: impl FnOnce()) -> Vec<String> {
    EVENTS.take();
    run();
    EVENTS.take().iter().map(|event| Table::of_this_program().line(event)).collect()
}

#[defmt::global_logger]
struct Keeper;

// SAFETY: nothing is shared between threads.
unsafe impl defmt::Logger for Keeper {
    fn acquire() {
        EVENTS.with_borrow_mut(|events| events.push(Vec::new()));
    }

    unsafe fn flush() {}

    unsafe fn release() {}

    unsafe fn write(bytes: &[u8]) {
        EVENTS.with_borrow_mut(|events| events.last_mut().expect("acquired").extend_from_slice(bytes));
    }
}

#[unsafe(no_mangle)]
fn _defmt_timestamp(_: defmt::Formatter<'_>) {}

#[unsafe(no_mangle)]
fn _defmt_panic() -> ! {
    panic!("defmt panicked")
}
