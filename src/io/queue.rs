//! A queue from an interrupt handler to the main loop.

use core::fmt;

use heapless::spsc::{Consumer, Producer};

use super::fault::Fault;

/// An entry of the queue from an interrupt handler to the main loop. It takes two bytes.
///
/// ```
/// use guestwire::io::{RxConsumer, RxEntry, RxProducer};
/// use heapless::spsc::Queue;
///
/// let mut queue: Queue<RxEntry, 64> = Queue::new();
/// let (producer, consumer) = queue.split();
/// let (mut handler, mut main_loop) = (RxProducer::new(producer), RxConsumer::new(consumer));
/// handler.push(b'{');
/// assert_eq!(main_loop.read(), Ok(b'{'));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RxEntry {
    /// A byte.
    Byte(u8),
    /// A byte that is known to be wrong.
    Corrupted,
    /// Bytes are missing here.
    Lost,
}

/// The handler's end of a queue: takes what the UART received. Feature `heapless`.
///
/// When the queue is full, it notes once where bytes are missing, and the main loop goes on after the gap.
///
/// ```
/// use guestwire::{Agent, io::{Fault, RxConsumer, RxEntry, RxProducer}};
/// use heapless::spsc::Queue;
///
/// struct UartStatus { is_overrun: bool, is_wrong: bool }
///
/// fn on_receive(status: &UartStatus, byte: u8, queue: &mut RxProducer<'_>) {
///     if status.is_overrun {
///         queue.lost();
///     }
///     if status.is_wrong { queue.corrupted() } else { queue.push(byte) }
/// }
///
/// fn main_loop(agent: &mut Agent<(), 256, 512>, queue: &mut RxConsumer<'_>) {
///     while let Err(fault) = agent.read_from(|| queue.read()) {
///         if fault == Fault::Lost { agent.lost() } else { agent.corrupted() }
///     }
///     // agent.write_to(|byte| uart.write(byte))
/// }
/// # let mut queue: Queue<RxEntry, 8> = Queue::new();
/// # let (producer, consumer) = queue.split();
/// # let (mut producer, mut consumer) = (RxProducer::new(producer), RxConsumer::new(consumer));
/// # let mut agent = Agent::new(());
/// # let fine = UartStatus { is_overrun: false, is_wrong: false };
/// # for byte in br#"{"execute": "guest-ping"}"# {
/// #     on_receive(&fine, *byte, &mut producer);
/// #     main_loop(&mut agent, &mut consumer);
/// # }
/// # assert_eq!(agent.transmit(), b"{\"return\": {}}\n");
/// # agent.transmitted(15);
/// # for byte in br#"{"execute": "#.iter().chain(b"{") { on_receive(&fine, *byte, &mut producer) }
/// # main_loop(&mut agent, &mut consumer);
/// # assert!(agent.transmit().ends_with(b"bytes were lost\"}}\n"));
/// ```
pub struct RxProducer<'q> {
    queue: Producer<'q, RxEntry>,
    /// Whether the last entry of the queue says that bytes are missing.
    is_gap: bool,
}

impl<'q> RxProducer<'q> {
    /// The handler's end of a queue that holds at least 2 entries: at least a `Queue<RxEntry, 3>`, for heapless keeps one
    /// place free.
    pub const fn new(queue: Producer<'q, RxEntry>) -> Self {
        Self { queue, is_gap: false }
    }

    /// Takes a byte.
    pub fn push(&mut self, byte: u8) {
        self.enqueue(RxEntry::Byte(byte));
    }

    /// Takes a byte that is known to be wrong: a framing, parity or noise error, or a break.
    pub fn corrupted(&mut self) {
        self.enqueue(RxEntry::Corrupted);
    }

    /// Notes that bytes are missing here: an overrun.
    pub fn lost(&mut self) {
        if !self.is_gap {
            // The last place is always free for this.
            self.is_gap = self.queue.enqueue(RxEntry::Lost).is_ok();
        }
    }

    fn enqueue(&mut self, entry: RxEntry) {
        let free = self.queue.capacity().saturating_sub(self.queue.len());
        if free > 1 && self.queue.enqueue(entry).is_ok() {
            self.is_gap = false;
        } else {
            self.lost();
        }
    }
}

/// The main loop's end of a queue: a port that can be read. Feature `heapless`.
///
/// With the feature `embedded-hal-nb` it reads as a serial port does, and with a writer it is one: see
/// [`Halves`](super::Halves).
///
/// ```
/// use guestwire::{Agent, io::{Fault, Halves, RxConsumer, RxEntry, RxProducer}};
/// use embedded_hal_nb::serial;
///
/// fn main_loop<U: serial::Write>(agent: &mut Agent<(), 256, 512>, queue: RxConsumer<'_>, tx: &mut U) {
///     let mut port = Halves { reader: queue, writer: tx };
///     loop {
///         let _ = agent.poll_nb(&mut port); // an error of the writer: it is tried again
///     }
/// }
/// ```
pub struct RxConsumer<'q> {
    queue: Consumer<'q, RxEntry>,
}

impl<'q> RxConsumer<'q> {
    /// The main loop's end of a queue that an [`RxProducer`] fills.
    pub const fn new(queue: Consumer<'q, RxEntry>) -> Self {
        Self { queue }
    }

    /// Whether there is nothing to read. Before you sleep, ask with interrupts masked, so that no byte
    /// comes between the answer and the sleep.
    pub fn is_empty(&self) -> bool {
        !self.queue.ready()
    }

    /// The next byte, for [`Agent::read_from`](crate::agent::AgentOver::read_from) and
    /// [`Client::read_reply`](crate::client::ClientOver::read_reply).
    ///
    /// # Errors
    /// [`Fault::Lost`] where bytes are missing, [`Fault::Corrupted`] for a byte that is wrong, [`nb::Error::WouldBlock`] if
    /// there is none.
    pub fn read(&mut self) -> nb::Result<u8, Fault> {
        match self.queue.dequeue() {
            Some(RxEntry::Byte(byte)) => Ok(byte),
            Some(RxEntry::Corrupted) => Err(nb::Error::Other(Fault::Corrupted)),
            Some(RxEntry::Lost) => Err(nb::Error::Other(Fault::Lost)),
            None => Err(nb::Error::WouldBlock),
        }
    }
}

impl fmt::Debug for RxProducer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxProducer").field("length", &self.queue.len()).field("is_gap", &self.is_gap).finish()
    }
}

impl fmt::Debug for RxConsumer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxConsumer").field("length", &self.queue.len()).finish()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for RxProducer<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "RxProducer {{ length: {=usize}, is_gap: {=bool} }}", self.queue.len(), self.is_gap);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for RxConsumer<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "RxConsumer {{ length: {=usize} }}", self.queue.len());
    }
}

#[cfg(feature = "embedded-hal-nb")]
mod uart {
    use embedded_hal_nb::serial::{Error, ErrorKind, ErrorType, Read};

    use super::{Fault, RxConsumer};

    impl Error for Fault {
        fn kind(&self) -> ErrorKind {
            match self {
                Self::Corrupted => ErrorKind::Noise,
                Self::Lost => ErrorKind::Overrun,
                Self::Interrupted | Self::Closed | Self::Fatal => ErrorKind::Other,
            }
        }
    }

    impl ErrorType for RxConsumer<'_> {
        type Error = Fault;
    }

    impl Read for RxConsumer<'_> {
        fn read(&mut self) -> nb::Result<u8, Fault> {
            self.read()
        }
    }
}
