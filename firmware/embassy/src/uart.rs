//! The UART of ARM's Cortex-M System Design Kit: its interrupts fill a queue and wake the task that waits.

use core::cell::RefCell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};

use cortex_m::singleton;
use critical_section::{CriticalSection, Mutex};
use embassy_futures::yield_now;
use embassy_sync::waitqueue::AtomicWaker;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use guestwire::io::{RxConsumer, RxEntry, RxProducer};
use guestwire::nb;
use heapless::spsc::Queue;
use registers::Registers;

const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const INTERRUPT: usize = 0x0C;
const DIVISOR: usize = 0x10;

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
const RECEIVE_OVERRUN: u32 = 1 << 3;
const ENABLE: u32 = 0b1011; // transmit, receive, the receive interrupt
const ENABLE_TRANSMIT_INTERRUPT: u32 = 1 << 2;
const TRANSMIT_INTERRUPT: u32 = 1 << 0;
const RECEIVE_INTERRUPT: u32 = 1 << 1;

/// The longest request, and the place that a queue keeps free.
const QUEUE: usize = 513;

/// How many bytes the agent's task reads or writes before the others get a turn. It need not wait for QEMU's UART,
/// which is faster than any line.
const TURN: u8 = 32;

// SAFETY: the board's UART 0, and nothing else uses it.
static UART: Registers = unsafe { Registers::at(0x4000_4000) };
pub const RECEIVE: u16 = 0;
pub const TRANSMIT: u16 = 1;

static QUEUED: Mutex<RefCell<Option<RxProducer<'static>>>> = Mutex::new(RefCell::new(None));
/// How many bytes have come, including those that the queue had no room for.
static COUNT: AtomicU32 = AtomicU32::new(0);
static RECEIVED: AtomicWaker = AtomicWaker::new();
static TRANSMITTED: AtomicWaker = AtomicWaker::new();

/// Starts the UART, once.
pub fn split() -> Option<(Rx, Tx)> {
    let queue = singleton!(: Queue<RxEntry, QUEUE> = Queue::new())?;
    let (producer, consumer) = queue.split();
    critical_section::with(|section| QUEUED.replace(section, Some(RxProducer::new(producer))));
    UART.write(DIVISOR, 16);
    UART.write(CONTROL, ENABLE);
    Some((Rx { queue: RxConsumer::new(consumer), turn: Turn(TURN) }, Tx { turn: Turn(TURN) }))
}

pub fn on_receive(section: CriticalSection<'_>) {
    let mut queued = QUEUED.borrow_ref_mut(section);
    let Some(queue) = queued.as_mut() else { return };
    UART.write(INTERRUPT, RECEIVE_INTERRUPT);
    loop {
        let state = UART.read(STATE);
        if state & RECEIVE_OVERRUN != 0 {
            UART.write(STATE, RECEIVE_OVERRUN);
            queue.lost();
        } else if state & RECEIVE_FULL != 0 {
            queue.push(UART.read(0) as u8);
            COUNT.fetch_add(1, Ordering::Relaxed);
        } else {
            break;
        }
    }
    RECEIVED.wake();
}

/// Only a task that waits enables this interrupt.
pub fn on_transmit() {
    UART.write(CONTROL, ENABLE);
    UART.write(INTERRUPT, TRANSMIT_INTERRUPT);
    TRANSMITTED.wake();
}

/// How many bytes have come.
pub fn count() -> u32 {
    COUNT.load(Ordering::Relaxed)
}

/// Waits until this many bytes have come. One task at a time may wait for bytes.
pub fn poll_count(due: u32, context: &mut Context<'_>) -> Poll<()> {
    RECEIVED.register(context.waker());
    if count().wrapping_sub(due).cast_signed() >= 0 { Poll::Ready(()) } else { Poll::Pending }
}

/// What the UART received. Its only error is that bytes are missing.
pub struct Rx {
    queue: RxConsumer<'static>,
    turn: Turn,
}

impl ErrorType for Rx {
    type Error = ErrorKind;
}

impl Read for Rx {
    /// Dropped before it is done, it has taken nothing.
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(first) = to.first_mut() else { return Ok(0) };
        self.turn.take().await;
        let mut read = self.queue.read();
        if let Err(nb::Error::WouldBlock) = read {
            read = poll_fn(|context| {
                RECEIVED.register(context.waker());
                match self.queue.read() {
                    Err(nb::Error::WouldBlock) => Poll::Pending,
                    read => Poll::Ready(read),
                }
            })
            .await;
        }
        *first = read.map_err(|_| ErrorKind::Other)?;
        Ok(1)
    }
}

pub struct Tx {
    turn: Turn,
}

impl Tx {
    async fn ready(&mut self) {
        let is_ready = || UART.read(STATE) & TRANSMIT_FULL == 0;
        if !is_ready() {
            poll_fn(|context| {
                TRANSMITTED.register(context.waker());
                UART.write(CONTROL, ENABLE | ENABLE_TRANSMIT_INTERRUPT);
                if is_ready() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }
}

impl ErrorType for Tx {
    type Error = Infallible;
}

impl Write for Tx {
    /// Dropped before it is done, it has sent nothing.
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        let Some(first) = from.first() else { return Ok(0) };
        self.turn.take().await;
        self.ready().await;
        UART.write(0, (*first).into());
        Ok(1)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.ready().await;
        Ok(())
    }
}

/// How many bytes are left of a turn.
struct Turn(u8);

impl Turn {
    async fn take(&mut self) {
        if self.0 == 0 {
            yield_now().await;
            self.0 = TURN;
        }
        self.0 = self.0.saturating_sub(1);
    }
}
