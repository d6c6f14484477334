//! The board's commands. Two of them answer later.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, ready};

use embassy_guest::uart;
use embassy_time::{Duration, Instant, Ticker, Timer, block_for};
use guestwire::{Call, Command, CommandError, CommandResult, Guest};

const PERIOD: Duration = Duration::from_millis(10);

/// How many ticks there were.
static TICKS: AtomicU32 = AtomicU32::new(0);
/// How many of them came when the next one was due.
static MISSED: AtomicU32 = AtomicU32::new(0);
/// How late the latest came, in microseconds.
static LATEST: AtomicU32 = AtomicU32::new(0);

/// The task that keeps time.
#[embassy_executor::task]
pub async fn tick() -> ! {
    let mut due = Instant::now();
    let mut ticker = Ticker::every(PERIOD);
    loop {
        ticker.next().await;
        due += PERIOD;
        let late = Instant::now().saturating_duration_since(due);
        TICKS.fetch_add(1, Ordering::Relaxed);
        if late >= PERIOD {
            MISSED.fetch_add(1, Ordering::Relaxed);
        }
        LATEST.fetch_max(late.as_micros() as u32, Ordering::Relaxed);
    }
}

/// What a command that owes its answer waits for.
#[derive(Default)]
enum Wait {
    #[default]
    Nothing,
    Time(Timer),
    Bytes(u32),
    Over,
}

#[derive(Default)]
pub struct Board {
    wait: Wait,
}

impl Guest for Board {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("board-wait", |board, call| {
            board.waits(call, "milliseconds", |time| Wait::Time(Timer::after_millis(time.into())))
        }),
        Command::new("board-wait-for-bytes", |board, call| board.waits(call, "count", Wait::Bytes)),
        Command::new("board-block", block),
        Command::new("board-counts", counts),
    ];
    const DEFERS: bool = true;

    fn cancelled(&mut self) {
        self.wait = Wait::Nothing;
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.wait {
            Wait::Time(timer) => ready!(Pin::new(timer).poll(context)),
            Wait::Bytes(count) => ready!(uart::poll_count(*count, context)),
            Wait::Nothing | Wait::Over => {}
        }
        self.wait = Wait::Over;
        Poll::Ready(())
    }
}

impl Board {
    /// A command that answers once what it waits for is there.
    fn waits(&mut self, call: Call<'_>, argument: &'static str, wait: fn(u32) -> Wait) -> CommandResult {
        let number = call.arguments.unsigned(argument)?;
        let response = call.respond()?;
        if let Wait::Over = self.wait {
            self.wait = Wait::Nothing;
            return response.done();
        }
        if let Wait::Nothing = self.wait {
            let number = u32::try_from(number).map_err(|_| CommandError::Failed("That is too long"))?;
            self.wait = wait(number);
        }
        Err(CommandError::WouldBlock)
    }
}

/// What no command should do: no other task runs meanwhile.
fn block(_: &mut Board, call: Call<'_>) -> CommandResult {
    let milliseconds = call.arguments.unsigned("milliseconds")?;
    let response = call.respond()?;
    block_for(Duration::from_millis(milliseconds));
    response.done()
}

/// How well the other task keeps time.
fn counts(_: &mut Board, call: Call<'_>) -> CommandResult {
    call.respond()?.object(|counts| {
        let due = Instant::now().as_ticks() / PERIOD.as_ticks();
        counts.member("ticks").unsigned(TICKS.load(Ordering::Relaxed).into())?;
        counts.member("due").unsigned(due)?;
        counts.member("missed").unsigned(MISSED.load(Ordering::Relaxed).into())?;
        counts.member("latest-microseconds").unsigned(LATEST.load(Ordering::Relaxed).into())?;
        counts.member("bytes").unsigned(uart::count().into())
    })
}
