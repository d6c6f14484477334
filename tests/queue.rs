//! The queue from an interrupt handler to the main loop: every byte arrives in order, and every gap is told where it
//! is.

mod random;

use std::thread;

use guestwire::io::{Fault, RxConsumer, RxEntry, RxProducer};
use guestwire::nb;
use heapless::spsc::Queue;
use random::Random;

/// What the consumer must see: the numbers that were pushed, with each run of missing ones told exactly once.
struct Due {
    next: u8,
    is_gap: bool,
    gaps: usize,
}

impl Due {
    const fn new() -> Self {
        Self { next: 0, is_gap: false, gaps: 0 }
    }

    fn check(&mut self, read: nb::Result<u8, Fault>) {
        match read {
            Ok(byte) => {
                assert!(self.is_gap || byte == self.next, "{byte} after {}, and no gap was told", self.next);
                (self.next, self.is_gap) = (byte.wrapping_add(1), false);
            }
            Err(nb::Error::Other(Fault::Lost)) => {
                assert!(!self.is_gap, "a gap was told twice");
                (self.is_gap, self.gaps) = (true, self.gaps + 1);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn interleaved<const N: usize>(random: &mut Random, bursts: usize) -> usize {
    let mut queue: Queue<RxEntry, N> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, mut main) = (RxProducer::new(producer), RxConsumer::new(consumer));
    let mut due = Due::new();
    let mut byte = 0;
    for _ in 0..bursts {
        for _ in 0..random.below(2 * N) {
            handler.push(byte);
            byte = byte.wrapping_add(1);
        }
        for _ in 0..random.below(2 * N) {
            match main.read() {
                Err(nb::Error::WouldBlock) => break,
                read => due.check(read),
            }
        }
    }
    loop {
        match main.read() {
            Err(nb::Error::WouldBlock) => break,
            read => due.check(read),
        }
    }
    assert!(due.is_gap || due.next == byte, "the last bytes are missing, and no gap was told");
    due.gaps
}

#[test]
fn a_full_queue_tells_where_bytes_are_missing() {
    let mut random = Random(1);
    let gaps = interleaved::<3>(&mut random, 10_000)
        + interleaved::<4>(&mut random, 10_000)
        + interleaved::<16>(&mut random, 10_000)
        + interleaved::<64>(&mut random, 10_000);
    assert!(gaps > 1000, "{gaps}");
}

/// Even if nothing comes after them: whoever has begun a request that was cut gets an error at once.
#[test]
fn missing_bytes_are_told_before_the_next_one_comes() {
    let mut queue: Queue<RxEntry, 4> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, mut main) = (RxProducer::new(producer), RxConsumer::new(consumer));
    (0..100).for_each(|byte| handler.push(byte));
    assert!(!main.is_empty());
    let read = [main.read(), main.read(), main.read(), main.read()];
    assert_eq!(read, [Ok(0), Ok(1), Err(nb::Error::Other(Fault::Lost)), Err(nb::Error::WouldBlock)]);
    assert!(main.is_empty());
    handler.push(100);
    assert_eq!(main.read(), Ok(100));
}

#[test]
fn errors_of_the_uart_keep_their_place() {
    let mut queue: Queue<RxEntry, 16> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, mut main) = (RxProducer::new(producer), RxConsumer::new(consumer));
    handler.push(1);
    handler.corrupted();
    handler.corrupted();
    handler.push(2);
    handler.lost();
    handler.lost();
    handler.push(3);
    handler.lost();
    let (corrupted, lost) = (Err(nb::Error::Other(Fault::Corrupted)), Err(nb::Error::Other(Fault::Lost)));
    let read: Vec<_> = (0..9).map(|_| main.read()).collect();
    assert_eq!(
        read,
        [Ok(1), corrupted, corrupted, Ok(2), lost, Ok(3), lost, Err(nb::Error::WouldBlock), Err(nb::Error::WouldBlock)]
    );
}

/// A queue that holds one entry can say nothing but that bytes are missing.
#[test]
fn the_smallest_queues_lose_bytes_but_tell() {
    let mut queue: Queue<RxEntry, 2> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, mut main) = (RxProducer::new(producer), RxConsumer::new(consumer));
    (0..3).for_each(|byte| handler.push(byte));
    assert_eq!(main.read(), Err(nb::Error::Other(Fault::Lost)));
    assert_eq!(main.read(), Err(nb::Error::WouldBlock));
}

#[test]
fn each_end_shows_how_full_the_queue_is_and_whether_bytes_are_missing() {
    let mut queue: Queue<RxEntry, 3> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, main) = (RxProducer::new(producer), RxConsumer::new(consumer));
    handler.push(b'a');
    assert_eq!(format!("{handler:?} {main:?}"), "RxProducer { length: 1, is_gap: false } RxConsumer { length: 1 }");
    (0..3).for_each(|byte| handler.push(byte));
    assert_eq!(format!("{handler:?} {main:?}"), "RxProducer { length: 2, is_gap: true } RxConsumer { length: 2 }");
}

/// The handler interrupts at any instruction: here it is another thread.
#[test]
fn the_two_ends_in_two_threads() {
    const BYTES: usize = 1_000_000;
    let mut queue: Queue<RxEntry, 32> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, mut main) = (RxProducer::new(producer), RxConsumer::new(consumer));
    let mut due = Due::new();
    thread::scope(|scope| {
        let interrupts = scope.spawn(move || {
            for byte in 0..BYTES {
                handler.push((byte % 256) as u8);
                if byte % 64 == 0 {
                    thread::yield_now();
                }
            }
        });
        loop {
            let has_ended = interrupts.is_finished();
            match main.read() {
                Err(nb::Error::WouldBlock) if has_ended => break,
                Err(nb::Error::WouldBlock) => thread::yield_now(),
                read => due.check(read),
            }
        }
    });
    assert!(due.is_gap || due.next == (BYTES % 256) as u8);
    println!("{} gaps", due.gaps);
}
