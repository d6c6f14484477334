//! The guest end: frames in, commands run, responses out.

mod call;
mod command;
mod dispatch;
mod error;
mod guest;
mod service;

use core::fmt;

pub use call::{Call, CommandResult, Responded, Responder};
pub use command::{Command, Entry, Handler};
pub use dispatch::guest_info_size;
pub use error::CommandError;
pub use guest::Guest;
pub use service::Service;

use self::dispatch::{Attempt, Pieces};
use crate::error::BuildError;
use crate::frame::{Buffer, Decoder, DecoderLent, DecoderOver, Signal, Stream, Streamed};
use crate::log::warn;
use crate::message::Envelope;
use crate::offset::Offset;
use crate::transmit::Transmit;

/// The guest end of the wire, with everything it needs inside it.
///
/// `G` is the [`Guest`]: its commands, and the state that they work on. `RX` is the longest request in bytes, whitespace
/// between tokens not counted: at least 74, and at most 65535 on a target whose pointers have 32 bits. `TX` is the longest response, LF and sentinel counted; it must hold the
/// response to `guest-info`, which [`guest_info_size`] tells. `cargo build` checks all of that, `cargo check` does not.
///
/// The agent answers `guest-sync`, `guest-sync-delimited`, `guest-ping` and `guest-info` itself, and serves the guest's
/// [`Command`]s. All I/O is the caller's: bytes go in through [`push`](Self::push), [`push_slice`](Self::push_slice) or
/// [`read_from`](Self::read_from), those of [`transmit`](Self::transmit) go out. Commands run inside these calls.
///
/// It can be a `static`, in memory that starts as zeros.
///
/// ```
/// use guestwire::Agent;
///
/// let mut agent: Agent<(), 256, 512> = Agent::new(());
/// let mut received: &[u8] = br#"{"execute": "guest-sync-delimited", "arguments": {"id": 7}}"#;
/// while !received.is_empty() {
///     let taken = agent.push_slice(received); // stops where a response has to be transmitted first
///     received = &received[taken..];
///     assert_eq!(agent.transmit(), b"\xFF{\"return\": 7}\n");
///     agent.transmitted(15);
/// }
/// ```
///
/// # Interrupts
///
/// A handler can [`push`](Self::push) what the UART received, if a command may run in it. Where that takes too long, it
/// only queues, and the main loop polls. A byte that the queue has no room for is lost, and the agent has to know: the
/// feature `heapless` has both ends of such a queue, [`io`](crate::io)`::{RxProducer, RxConsumer}`.
pub type Agent<G, const RX: usize, const TX: usize> = AgentOver<G, [u8; RX], [u8; TX]>;

/// An [`Agent`] over buffers that are lent to it, for any [`Service`]: one copy of its code serves all sizes.
///
/// See [`Service`] for an example.
pub type AgentLent<'b, S> = AgentOver<S, &'b mut [u8], &'b mut [u8]>;

/// The agent itself, over arrays of its own ([`Agent`]) or slices that are lent to it ([`AgentLent`]).
#[derive(Clone)]
#[repr(C)] // what every byte needs comes first: 108 bytes of flash less
pub struct AgentOver<S, R, T> {
    /// Outcomes to be answered once the response before them has been transmitted. Two, because the byte that breaks
    /// a frame may begin another, which [`lost`](Self::lost) may then end.
    waiting: [Signal; 2],
    // Four bytes here, before the buffers. After a guest that is aligned to 8 bytes they would take 8.
    stream: Stream,
    pieces: Pieces,
    decoder: DecoderOver<R>,
    transmit: Transmit<T>,
    guest: S,
}

/// An agent must be able to receive any synchronization, and its own error for a frame that does not fit: if the line
/// echoed that error and it did not fit either, the agent would send it again, for ever.
const SMALLEST_RX: usize = {
    let error = r#"{"error":{"class":"GenericError","desc":"JSON token size limit exceeded"}}"#.len();
    let sync = r#"{"execute":"guest-sync-delimited","arguments":{"id":-9223372036854775808}}"#.len();
    if error > sync { error } else { sync }
};

impl<G: Guest, const RX: usize, const TX: usize> AgentOver<G, [u8; RX], [u8; TX]> {
    /// An agent that serves `guest`.
    pub const fn new(guest: G) -> Self {
        const {
            assert!(RX >= SMALLEST_RX, "RX is too small for an agent: it must hold guest-sync-delimited, 74 bytes");
            assert!(TX >= guest_info_size::<G>(), "TX is too small for guest-info: see guest_info_size");
            assert!(dispatch::names_are_unique::<G>(), "a command's name is there twice, or is built in");
        };
        Self::of(guest, Decoder::new(), Transmit::new([0; TX]))
    }
}

impl<'b, S: Service> AgentOver<S, &'b mut [u8], &'b mut [u8]> {
    /// An agent that serves `guest`, over buffers for the longest request and the longest response.
    ///
    /// # Errors
    /// [`BuildError`] if `receive` is shorter than 74 bytes, `transmit` is too short for the response to `guest-info`, or a
    /// command's name is there twice.
    pub fn new(guest: S, receive: &'b mut [u8], transmit: &'b mut [u8]) -> Result<Self, BuildError> {
        if receive.len() < SMALLEST_RX {
            return Err(BuildError::ReceiveTooSmall);
        }
        dispatch::check(&guest, transmit.len())?;
        Ok(Self::of(guest, DecoderLent::new(receive), Transmit::new(transmit)))
    }
}

impl<S, R, T> AgentOver<S, R, T> {
    const fn of(guest: S, decoder: DecoderOver<R>, transmit: Transmit<T>) -> Self {
        let (waiting, stream, pieces) = ([Signal::Nothing; 2], Stream::new(), Pieces::None);
        Self { waiting, decoder, transmit, guest, stream, pieces }
    }
}

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
    const STREAMED: Streamed = Streamed { parent: "arguments", members: S::STREAMED };
    const STREAMS: bool = !S::STREAMED.is_empty();

    /// The guest.
    pub const fn guest(&self) -> &S {
        &self.guest
    }

    /// Mutable access to the guest.
    pub const fn guest_mut(&mut self) -> &mut S {
        &mut self.guest
    }

    /// Takes one byte, and runs the command that it completes. Returns whether it was taken.
    ///
    /// The byte is not taken while a request waits for the previous response to be [`transmitted`](Self::transmitted).
    /// There are no errors: the agent answers a bad request with an error response.
    #[must_use = "a byte that was not taken has to be pushed again"]
    pub fn push(&mut self, byte: u8) -> bool {
        if self.is_waiting() {
            return false;
        }
        // Where flash is short it costs 84 bytes of it.
        let is_plain = cfg!(target_pointer_width = "64") && !Self::STREAMS && self.decoder.takes_plain(byte);
        if !is_plain {
            self.step(byte);
        }
        true
    }

    /// Takes bytes from the start of a slice, and runs the commands that they complete. Returns how many it has taken.
    ///
    /// It takes all of them, unless a request waits for the previous response to be
    /// [`transmitted`](Self::transmitted).
    #[must_use = "bytes that were not taken have to be pushed again"]
    pub fn push_slice(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_waiting() {
            let signal = if Self::STREAMS {
                self.decoder.step_slice_in_pieces(&mut self.stream, Self::STREAMED, &mut rest)
            } else {
                self.decoder.step_slice(&mut rest)
            };
            self.take(signal);
        }
        Offset::of_rest(rest, bytes).index()
    }

    /// Takes bytes from `read` until it has no more, or a request waits for the previous response to be transmitted.
    ///
    /// `embedded_hal_nb::serial::Read` fits: `agent.read_from(|| uart.read())`. Every byte that `read` returns is taken, and
    /// `read` is not called while a request waits. If an error means that bytes are missing (an overrun), call
    /// [`lost`](Self::lost); if it means that a byte is wrong, call [`corrupted`](Self::corrupted).
    ///
    /// ```
    /// # fn uart() -> impl FnMut() -> nb::Result<u8, ()> {
    /// #     let mut bytes = br#"{"execute": "guest-ping"}"#.iter();
    /// #     move || bytes.next().copied().ok_or(nb::Error::WouldBlock)
    /// # }
    /// # let mut read = uart();
    /// # let mut sent = Vec::new();
    /// # let mut write = |byte| { sent.push(byte); nb::Result::<(), ()>::Ok(()) };
    /// # let mut agent: guestwire::Agent<(), 256, 512> = guestwire::Agent::new(());
    /// # for _ in 0..2 {
    /// agent.read_from(|| read())?;
    /// agent.write_to(|byte| write(byte))?;
    /// # }
    /// # assert_eq!(sent, b"{\"return\": {}}\n");
    /// # Ok::<(), ()>(())
    /// ```
    ///
    /// Firmware that sleeps until its port interrupts wants [`poll`](Self::poll), which reads and writes until there is
    /// nothing left to do.
    ///
    /// # Errors
    /// Any error of `read` except [`nb::Error::WouldBlock`].
    pub fn read_from<E>(&mut self, mut read: impl FnMut() -> nb::Result<u8, E>) -> Result<(), E> {
        while !self.is_waiting() {
            match read() {
                Ok(byte) => self.step(byte),
                Err(nb::Error::WouldBlock) => break,
                Err(nb::Error::Other(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives bytes to `write` until it would block or everything is sent, including responses to requests that were waiting.
    ///
    /// A byte that `write` did not take is given again next time.
    ///
    /// # Errors
    /// Any error of `write` except [`nb::Error::WouldBlock`].
    pub fn write_to<E>(&mut self, mut write: impl FnMut(u8) -> nb::Result<(), E>) -> Result<(), E> {
        while let [byte, ..] = *self.transmit() {
            match write(byte) {
                Ok(()) => self.transmitted(1),
                Err(nb::Error::WouldBlock) => break,
                Err(nb::Error::Other(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads and writes until neither can go on before the port is ready again.
    ///
    /// ```
    /// # struct Uart<'a>(core::slice::Iter<'a, u8>, Vec<u8>);
    /// # impl Uart<'_> {
    /// #     fn read(&mut self) -> nb::Result<u8, ()> { self.0.next().copied().ok_or(nb::Error::WouldBlock) }
    /// #     fn write(&mut self, byte: u8) -> nb::Result<(), ()> { self.1.push(byte); Ok(()) }
    /// # }
    /// # let mut uart = Uart(br#"{"execute": "guest-ping"}{"execute": "guest-ping"}"#.iter(), Vec::new());
    /// # let mut agent: guestwire::Agent<(), 256, 512> = guestwire::Agent::new(());
    /// agent.poll(&mut uart, |uart| uart.read(), |uart, byte| uart.write(byte))?;
    /// // Here it is safe to sleep until the UART interrupts.
    /// # assert_eq!(uart.1, b"{\"return\": {}}\n{\"return\": {}}\n");
    /// # Ok::<(), ()>(())
    /// ```
    ///
    /// # Errors
    /// Any error of `read` or `write` except [`nb::Error::WouldBlock`]; that of `read` if both fail. It writes what it can
    /// before it returns an error of `read`.
    pub fn poll<P, E>(
        &mut self,
        port: &mut P,
        mut read: impl FnMut(&mut P) -> nb::Result<u8, E>,
        mut write: impl FnMut(&mut P, u8) -> nb::Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let read = self.read_from(|| read(port));
            let stopped_reading = self.is_waiting();
            // Also after a failed read: a peer that has closed its end may still wait for the response.
            let written = self.write_to(|byte| write(port, byte));
            // The read's error first: it may mean that bytes are missing. A failed write will fail again.
            read?;
            written?;
            if !stopped_reading || !self.transmit().is_empty() || self.owes() {
                return Ok(());
            }
        }
    }

    /// The bytes to transmit next. Empty if there are none.
    pub fn transmit(&self) -> &[u8] {
        self.transmit.pending()
    }

    /// Reports that the first `count` bytes of [`transmit`](Self::transmit) were sent. A larger count means all of them.
    ///
    /// Once all are sent, a request that was waiting is served: its command runs in this call.
    pub fn transmitted(&mut self, count: usize) {
        if !self.owes() {
            self.transmit.advance(count);
            self.serve_waiting(Attempt::First);
        }
    }

    /// Whether a command or a piece [would have blocked](CommandError::WouldBlock). No byte is taken until
    /// [`retry`](Self::retry) is answered.
    pub fn owes(&self) -> bool {
        S::DEFERS && self.is_waiting() && self.transmit().is_empty()
    }

    /// Calls the command again that owes its answer, or gives the guest its piece again. Does nothing if nothing is owed.
    pub fn retry(&mut self) {
        if self.owes() {
            self.serve_waiting(Attempt::Again);
        }
    }

    /// Answers with an error where a command owes the answer. Does nothing if none does.
    ///
    /// A piece that the guest has not taken is dropped; the error follows when the request is whole.
    ///
    /// For a deadline, note in the guest when its command first blocked, and forget that in
    /// [`cancelled`](Guest::cancelled): the next request may be owed before [`owes`](Self::owes) was ever false.
    pub fn cancel(&mut self) {
        if self.owes() {
            self.cancel_command();
            self.serve_waiting(Attempt::Cancel);
        }
    }

    /// Forgets everything received and everything not yet sent. Call it when the port opens or closes: the next client
    /// must not get the previous one's answers.
    pub fn reset(&mut self) {
        self.cancel_command();
        self.discard();
        self.decoder.reset();
        self.waiting = [Signal::Nothing; 2];
        self.transmit.clear();
    }

    /// Takes note that bytes are missing here: an overrun, a full queue, a time-out in mid-request.
    ///
    /// What may be the rest of a request is dropped, with one error response at most: see [`Decoder::lost`].
    pub fn lost(&mut self) {
        if let Err(error) = self.decoder.lost() {
            self.take(Signal::Error(error));
        }
    }

    /// Takes a byte that is known to be wrong: a framing, parity or noise error, or a break. See [`Decoder::corrupted`].
    pub fn corrupted(&mut self) {
        if let Err(error) = self.decoder.corrupted() {
            self.take(Signal::Error(error));
        }
    }

    /// Whether a request has begun and neither ended nor broken.
    ///
    /// A caller with a clock may call [`lost`](Self::lost) when that lasts too long.
    pub const fn is_receiving(&self) -> bool {
        self.decoder.is_receiving()
    }

    fn cancel_command(&mut self) {
        if self.owes() && matches!(self.waiting, [Signal::Frame, _]) {
            self.guest.cancelled();
        }
    }

    /// Tells the guest that a request which gave it pieces is not run.
    fn discard(&mut self) {
        if Self::STREAMS {
            if self.pieces == Pieces::Given {
                self.guest.discarded();
            }
            (self.stream, self.pieces) = (Stream::new(), Pieces::None);
        }
    }

    const fn is_waiting(&self) -> bool {
        !matches!(self.waiting, [Signal::Nothing, _])
    }

    /// Takes one byte. Nothing may wait.
    pub(crate) fn step(&mut self, byte: u8) {
        let signal = if Self::STREAMS {
            self.decoder.step_in_pieces(&mut self.stream, Self::STREAMED, byte)
        } else {
            self.decoder.step(byte)
        };
        self.take(signal);
    }

    /// Serves an outcome now or lets it wait. What wants no answer never waits.
    fn take(&mut self, signal: Signal) {
        if Self::STREAMS && matches!(signal, Signal::Sentinel | Signal::Error(_)) {
            self.leave_frame();
        }
        if matches!(signal, Signal::Nothing | Signal::Sentinel) || !self.owes() && self.serve(signal, Attempt::First) {
            return;
        }
        match &mut self.waiting {
            [first @ Signal::Nothing, _] | [_, first] => *first = signal,
        }
    }

    /// Serves what waits, until there is something to transmit or an answer is owed.
    fn serve_waiting(&mut self, mut attempt: Attempt) {
        while self.is_waiting() && self.transmit().is_empty() {
            let [signal, next] = self.waiting;
            self.waiting = [next, Signal::Nothing];
            if !self.serve(signal, attempt) && S::DEFERS {
                self.waiting = [signal, next];
                return;
            }
            attempt = Attempt::First;
        }
    }

    /// Serves an outcome. Returns whether that is done: not while the previous response is being sent, or if the guest
    /// would block.
    fn serve(&mut self, signal: Signal, attempt: Attempt) -> bool {
        let Self { guest, decoder, transmit, pieces, .. } = self;
        let mut envelope = Envelope::default();
        let error = match signal {
            Signal::Frame => {
                envelope.read(&decoder.frame());
                // Never answered, or two agents on a line would never fall silent.
                if envelope.is_response() {
                    self.discard();
                    return true;
                }
                None
            }
            Signal::Error(error) => {
                warn!("{} after {} bytes", error, decoder.text().len());
                Some(error)
            }
            Signal::Piece if Self::STREAMS => return self.offer(attempt),
            Signal::Nothing | Signal::Sentinel | Signal::Piece => return true,
        };
        if !transmit.pending().is_empty() {
            return false;
        }
        let attempt = if Self::STREAMS && *pieces == Pieces::Refused { Attempt::Refused } else { attempt };
        let mut is_done = true;
        transmit.replace(|transmit| {
            dispatch::answer(guest, &envelope, error, attempt, pieces, transmit).unwrap_or_else(|| {
                is_done = false;
                0
            })
        });
        if Self::STREAMS && signal == Signal::Frame && is_done {
            self.discard();
        }
        is_done
    }

    /// Gives the guest a piece. Returns whether that is done: not if the guest would block.
    fn offer(&mut self, attempt: Attempt) -> bool {
        let piece = self.decoder.piece(&self.stream, Self::STREAMED);
        let is_refused = attempt == Attempt::Cancel || self.pieces == Pieces::Refused;
        if !is_refused && !dispatch::refuses(&self.guest, &piece) {
            match self.guest.piece(piece) {
                Ok(()) => {
                    self.pieces = Pieces::Given;
                    return true;
                }
                Err(nb::Error::WouldBlock) if S::DEFERS => return false,
                Err(nb::Error::WouldBlock) => {}
                Err(nb::Error::Other(never)) => match never {},
            }
        }
        if self.pieces == Pieces::Given {
            self.guest.discarded();
        }
        self.pieces = Pieces::Refused;
        true
    }

    /// A frame has broken off. A frame that waits is whole, and keeps its pieces.
    fn leave_frame(&mut self) {
        if self.waiting == [Signal::Piece, Signal::Nothing] {
            self.waiting = [Signal::Nothing; 2];
        }
        if !self.is_waiting() {
            self.discard();
        }
    }
}

/// Shows what the agent's behaviour depends on, but for the commands.
impl<S: fmt::Debug, R: Buffer, T: Buffer> fmt::Debug for AgentOver<S, R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("guest", &self.guest)
            .field("decoder", &self.decoder)
            .field("waiting", &self.waiting.map(|signal| self.decoder.event(signal)))
            .field("transmit", &self.transmit)
            .finish()
    }
}

#[cfg(feature = "defmt")]
impl<S: Service, R: Buffer, T: Buffer> defmt::Format for AgentOver<S, R, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Agent {{ transmit: {=[u8]:a} }}", self.transmit());
    }
}
