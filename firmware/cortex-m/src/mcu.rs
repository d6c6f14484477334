//! What all Cortex-M have: a timer, interrupts, reset.

use core::cell::Cell;

use cortex_m::asm::wfi;
use cortex_m::interrupt::{self, InterruptNumber, Mutex};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, Peripherals, SCB, SYST};
use cortex_m_rt::exception;
use guest::{Board, Shutdown};

/// The timer counts down from here, and then begins again.
const RELOAD: u32 = 0xFF_FFFF;

/// How often it has begun again.
static ROUNDS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

#[exception]
fn SysTick() {
    interrupt::free(|free| {
        let rounds = ROUNDS.borrow(free);
        rounds.set(rounds.get().wrapping_add(1));
    });
}

pub struct Mcu {
    pub nanoseconds_per_tick: u64,
}

impl Board for Mcu {
    const MACHINE: &'static str = "armv7m";

    fn uptime(&self) -> i64 {
        let ticks = interrupt::free(|free| {
            let (mut rounds, mut left) = (ROUNDS.borrow(free).get(), SYST::get_current());
            if SCB::is_pendst_pending() {
                (rounds, left) = (rounds.wrapping_add(1), SYST::get_current());
            }
            (rounds << 24) | u64::from(RELOAD - left)
        });
        ticks.wrapping_mul(self.nanoseconds_per_tick) as i64
    }

    fn shut_down(&mut self, how: Shutdown) -> ! {
        match how {
            Shutdown::Halt => halt(),
            // There is no power to switch off: this ends QEMU.
            Shutdown::PowerDown => semihosting::process::exit(0),
            Shutdown::Reboot => SCB::sys_reset(),
        }
    }
}

pub fn halt() -> ! {
    loop {
        wfi();
    }
}

/// Starts the timer.
pub fn start_timer() {
    if let Some(Peripherals { SYST: mut timer, .. }) = Peripherals::take() {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(RELOAD);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
    }
}

/// Lets the UART interrupt.
pub(crate) fn unmask(interrupt: u16) {
    // SAFETY: nothing relies on this interrupt being masked.
    unsafe { NVIC::unmask(Interrupt(interrupt)) }
}

#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: always the number it was made with.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}
