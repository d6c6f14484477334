//! The host end: get in step, ask, and know which answer is whose.

mod error;
mod ids;
mod request;
mod state;

pub use error::{ClientError, ExecuteError};
use ids::Ids;
pub use request::Execute;
use request::{LONGEST_SYNC, write_sync};
pub use state::ClientOver;
pub(crate) use state::Verdict;
use state::{Outcome, State};

use crate::error::{BuildError, DoesNotFit, FrameError, LineError};
use crate::frame::{Buffer, Decoder, DecoderLent, DecoderOver, Piece, Signal, Stream};
use crate::json::encoder::{ObjectEncoder, ValueEncoder};
use crate::json::value::Value;
use crate::message::ErrorResponse;
use crate::offset::Offset;
use crate::sentinel::SENTINEL;
use crate::transmit::Transmit;

/// The host end of the wire.
///
/// `RX` is the longest response in bytes, whitespace between tokens not counted: at least 34, and at most 65535 on a
/// target whose pointers have 32 bits. `TX` is the longest request, LF and sentinel counted, at least 75. `cargo build`
/// checks both, `cargo check` does not.
///
/// Every request carries an `id`, one more than the last (after 2^48 - 1 comes 0), and only the response that has it ends the request: a stale
/// answer is never taken for a new one. [`omit_ids`](Self::omit_ids) is for agents that do not know `id`.
///
/// All I/O is the caller's, and so are time-outs: there is no clock inside. What a caller does:
///
/// 1. [`synchronize`](Self::synchronize), on every new connection and whenever the client is out of step;
/// 2. [`execute`](Self::execute), one request at a time;
/// 3. send the bytes of [`transmit`](Self::transmit), and report that with [`transmitted`](Self::transmitted) before you
///    push what comes next: a client does not accept a response to a request that has not been sent;
/// 4. push what comes with [`push_slice`](Self::push_slice) until there is a [`Reply`]. Read while you write: an agent may
///    have to send a response before it takes more;
/// 5. when nothing comes for too long, [`reset`](Self::reset), then 1 again. Do not just send a request again: the agent
///    may have run it, and its answer may still be on the way.
///
/// ```
/// use guestwire::{Client, Reply};
///
/// let mut client: Client<1024, 256> = Client::new();
/// client.synchronize(7211);
/// assert_eq!(client.transmit()[0], 0xFF);
/// client.transmitted(client.transmit().len());
///
/// let received = b"of a stale answer\"}\n\xFF{\"return\": 7211}";
/// assert_eq!(client.push_slice(received), (received.len(), Ok(Some(Reply::Synchronized))));
///
/// client.execute("guest-get-time")?;
/// assert_eq!(client.transmit(), b"{\"execute\": \"guest-get-time\", \"id\": 7212}\n");
/// client.transmitted(client.transmit().len());
/// let (_, reply) = client.push_slice(b"{\"return\": 1795441277004000000, \"id\": 7212}");
/// let Ok(Some(Reply::Return(time))) = reply else { panic!("it was answered") };
/// assert_eq!(time.integer(), Some(1795441277004000000));
/// # Ok::<(), guestwire::client::ExecuteError>(())
/// ```
pub type Client<const RX: usize, const TX: usize> = ClientOver<[u8; RX], [u8; TX]>;

/// A [`Client`] over buffers that are lent to it: one copy of its code serves all sizes.
///
/// ```
/// use guestwire::client::ClientLent;
///
/// let (mut receive, mut transmit) = ([0; 1024], [0; 256]);
/// let mut client = ClientLent::new(&mut receive, &mut transmit)?;
/// client.synchronize(7211);
/// assert_eq!(client.transmit()[0], 0xFF);
/// # Ok::<(), guestwire::BuildError>(())
/// ```
pub type ClientLent<'b> = ClientOver<&'b mut [u8], &'b mut [u8]>;

const SHORTEST_RX: usize = r#"{"return":{},"id":281474976710655}"#.len();

/// The outcome of a synchronization or a request.
///
/// It borrows the client: copy what you need out of it before you go on.
///
/// ```
/// use guestwire::Reply;
///
/// fn shown(reply: Reply<'_>) -> String {
///     match reply {
///         Reply::Synchronized => "in step".into(),
///         Reply::Return(value) => value.to_string(),
///         Reply::Error(error) | Reply::Unattributed(error) => error.desc.to_string(),
///         _ => "something new".into(),
///     }
/// }
/// # assert_eq!(shown(Reply::Synchronized), "in step");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reply<'a> {
    /// Both ends are in step.
    Synchronized,
    /// A piece of a string of the return value, for a request that asked for [pieces](Execute::pieces). The pieces are
    /// followed by the rest of the value as [`Return`](Self::Return), by [`Discarded`](Self::Discarded), or by an error.
    Piece(Piece<'a>),
    /// The pieces so far belong to another response: drop them. The request still waits for its own.
    Discarded,
    /// The command's return value.
    Return(Value<'a>),
    /// The command was not run, or failed.
    Error(ErrorResponse<'a>),
    /// An error without `id`: it may answer the request, or noise before it. The request still waits for its response.
    ///
    /// An agent answers noise on the line like that, before the request or inside it: in the first case the response
    /// follows, in the second none ever comes, and the caller's time-out decides. An agent that knows no `id` (qemu-ga
    /// before QEMU 3.0) refuses every request like that: see [`Client::omit_ids`].
    Unattributed(ErrorResponse<'a>),
}

impl<const RX: usize, const TX: usize> ClientOver<[u8; RX], [u8; TX]> {
    /// A client out of step.
    pub const fn new() -> Self {
        const {
            assert!(RX >= SHORTEST_RX, "RX is too small for a client: it must hold a response of 34 bytes");
            assert!(TX >= LONGEST_SYNC, "TX is too small for a client: it must hold guest-sync-delimited, 75 bytes");
        };
        Self::of(Decoder::new(), Transmit::new([0; TX]))
    }
}

impl<'b> ClientOver<&'b mut [u8], &'b mut [u8]> {
    /// A client out of step, over buffers for the longest response and the longest request.
    ///
    /// # Errors
    /// [`BuildError`] if one is too small: `receive` takes at least 34 bytes, `transmit` 75.
    pub fn new(receive: &'b mut [u8], transmit: &'b mut [u8]) -> Result<Self, BuildError> {
        if receive.len() < SHORTEST_RX {
            return Err(BuildError::ReceiveTooSmall);
        }
        if transmit.len() < LONGEST_SYNC {
            return Err(BuildError::TransmitTooSmall);
        }
        Ok(Self::of(DecoderLent::new(receive), Transmit::new(transmit)))
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    const fn of(decoder: DecoderOver<R>, transmit: Transmit<T>) -> Self {
        let (state, ids, stream) = (State::OutOfStep, Ids::new(), Stream::new());
        Self { state, ids, decoder, transmit, stream, has_pieces: false }
    }

    /// Sends requests without `id` from now on, for agents that refuse it (qemu-ga before QEMU 3.0) or do not echo it.
    ///
    /// Then any response without `id` is the answer to the request that is waiting, once that has left. Noise may have
    /// caused an error, with the answer still to come, so the client is out of step after each error but
    /// `CommandNotFound`.
    pub const fn omit_ids(&mut self) {
        self.ids = Ids::Omitted;
    }

    /// Starts to get in step: sends the sentinel and `guest-sync-delimited`, and drops everything up to the sentinel and
    /// the number that answer it.
    ///
    /// Call it in any state, as often as it takes, each time with another `id`: random, of which the low 48 bits are
    /// used. A request that was waiting is abandoned.
    pub fn synchronize(&mut self, id: i64) {
        let id = self.ids.synchronize(id);
        self.state = State::AwaitSentinel { id };
        self.send_sync("guest-sync-delimited", id);
    }

    /// Like [`synchronize`](Self::synchronize), but with `guest-sync`, for agents that do not know the delimited form (before QEMU 1.1) or whose sentinel
    /// gets lost on the way: drops all frames before the one with the number.
    pub fn synchronize_plain(&mut self, id: i64) {
        let id = self.ids.synchronize(id);
        self.state = State::AwaitPlainSyncReply { id };
        self.decoder.reset();
        self.send_sync("guest-sync", id);
    }

    fn send_sync(&mut self, command: &str, id: i64) {
        self.has_pieces = false; // the request that asked for them is abandoned
        self.transmit.replace(|buffer| write_sync(buffer, command, id));
    }

    /// Sends a request for a command without arguments.
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn execute<'e>(&mut self, request: impl Into<Execute<'e>>) -> Result<(), ExecuteError> {
        self.send_request(request.into(), None::<fn(ValueEncoder<'_>) -> Result<(), DoesNotFit>>)
    }

    /// Sends a request with the arguments that the closure writes.
    ///
    /// ```
    /// # use guestwire::{Client, Reply};
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.execute_with("guest-exec-status", |arguments| arguments.member("pid").integer(812))?;
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn execute_with<'e>(
        &mut self,
        request: impl Into<Execute<'e>>,
        arguments: impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), ExecuteError> {
        self.send_request(request.into(), Some(|encoder: ValueEncoder<'_>| encoder.object(arguments)))
    }

    /// Sends a request with the arguments whose JSON text another encoder made: an object, of which the names are the
    /// arguments. See [`ValueEncoder::json`].
    ///
    /// ```
    /// # use guestwire::{Client, Reply};
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.execute_json("guest-exec-status", r#"{"pid": 812}"#)?;
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`], [`Refused`](ExecuteError::Refused) for what is not one JSON value; nothing is sent then.
    pub fn execute_json<'e>(
        &mut self,
        request: impl Into<Execute<'e>>,
        arguments: impl AsRef<[u8]>,
    ) -> Result<(), ExecuteError> {
        let mut written = Ok(());
        let sent = self.execute_value(request, |encoder| {
            written = encoder.json(arguments);
            Ok(written?)
        });
        written?;
        sent
    }

    /// Sends a request with the arguments that the closure writes, an object.
    pub(crate) fn execute_value<'e>(
        &mut self,
        request: impl Into<Execute<'e>>,
        arguments: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), ExecuteError> {
        self.send_request(request.into(), Some(arguments))
    }

    fn send_request(
        &mut self,
        request: Execute<'_>,
        arguments: Option<impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>>,
    ) -> Result<(), ExecuteError> {
        match self.state {
            // What is open was begun before this request, and is not its response.
            State::Ready if self.decoder.is_receiving() => {
                self.leave_step();
                return Err(ExecuteError::OutOfStep);
            }
            State::Ready => {}
            State::AwaitReply { .. } => return Err(ExecuteError::Waiting),
            _ => return Err(ExecuteError::OutOfStep),
        }
        let ids = self.ids.next();
        let id = ids.last();
        let mut written = Ok(());
        self.transmit.replace(|buffer| {
            request.write(buffer, arguments, id).unwrap_or_else(|error| {
                written = Err(error);
                0
            })
        });
        written?;
        self.ids = ids;
        self.state = State::AwaitReply { id, silent: request.silent, streamed: request.streamed };
        self.stream = Stream::new();
        Ok(())
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`ClientError`], which says whether the client is still in step.
    pub fn push(&mut self, byte: u8) -> Result<Option<Reply<'_>>, ClientError> {
        match self.step(byte) {
            Some(verdict) => self.reply(verdict).map(Some),
            None => Ok(None),
        }
    }

    /// Takes bytes until they make a reply or an error, and says how many it has taken. Where there is neither, it has
    /// taken all.
    ///
    /// ```
    /// use guestwire::{Client, Reply, client::ClientError};
    ///
    /// /// Prints all that comes of some bytes.
    /// fn receive(client: &mut Client<1024, 256>, mut bytes: &[u8]) -> Result<(), ClientError> {
    ///     while !bytes.is_empty() {
    ///         let (taken, reply) = client.push_slice(bytes);
    ///         bytes = &bytes[taken..];
    ///         if let Some(reply) = reply? {
    ///             println!("{reply:?}");
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// # let mut client = Client::new();
    /// # client.synchronize(7);
    /// # receive(&mut client, b"\xFF{\"return\": 7}\n").expect("in step");
    /// # assert!(client.is_ready());
    /// ```
    ///
    /// # Errors
    /// As [`push`](Self::push), with what came before taken. Go on with the rest.
    #[must_use = "it says how many bytes were taken, and what came of them"]
    pub fn push_slice(&mut self, bytes: &[u8]) -> (usize, Result<Option<Reply<'_>>, ClientError>) {
        let mut rest = bytes;
        let verdict = self.step_slice(&mut rest);
        let reply = verdict.map(|verdict| self.reply(verdict)).transpose();
        (Offset::of_rest(rest, bytes).index(), reply)
    }

    /// Takes bytes from `read` until they make a reply or an error, or `read` has no more.
    ///
    /// `embedded_hal_nb::serial::Read` fits: `client.read_reply(|| uart.read())`. Every byte that `read` gives is taken.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] when `read` does, the port's error, or [`ClientError`].
    pub fn read_reply<E>(
        &mut self,
        mut read: impl FnMut() -> nb::Result<u8, E>,
    ) -> nb::Result<Reply<'_>, LineError<ClientError, E>> {
        let verdict = loop {
            let byte = read().map_err(|error| error.map(LineError::Port))?;
            if let Some(verdict) = self.step(byte) {
                break verdict;
            }
        };
        Ok(self.reply(verdict).map_err(LineError::Protocol)?)
    }

    /// Gives bytes to `write` until it would block or all are sent. A byte that it did not take is given again.
    ///
    /// # Errors
    /// The port's own, but for [`nb::Error::WouldBlock`].
    pub fn write_to<E>(&mut self, write: impl FnMut(u8) -> nb::Result<(), E>) -> Result<(), E> {
        self.transmit.write_to(write)
    }

    pub(crate) fn step(&mut self, byte: u8) -> Option<Verdict> {
        match self.state {
            State::OutOfStep => None,
            State::AwaitSentinel { id } => {
                if byte == SENTINEL {
                    self.decoder.reset();
                    self.state = State::AwaitSyncReply { id };
                }
                None
            }
            _ => {
                let signal = match self.streamed() {
                    Some(streamed) => self.decoder.step_in_pieces(&mut self.stream, streamed, byte),
                    None => self.decoder.step(byte),
                };
                self.judge(signal)
            }
        }
    }

    pub(crate) fn step_slice(&mut self, bytes: &mut &[u8]) -> Option<Verdict> {
        let mut verdict = None;
        while verdict.is_none() && !bytes.is_empty() {
            match self.state {
                State::OutOfStep => *bytes = &[],
                State::AwaitSentinel { id } => self.skip_to_sentinel(bytes, id),
                _ => {
                    let signal = match self.streamed() {
                        Some(streamed) => self.decoder.step_slice_in_pieces(&mut self.stream, streamed, bytes),
                        None => self.decoder.step_slice(bytes),
                    };
                    verdict = self.judge(signal);
                }
            }
        }
        verdict
    }

    /// The reply that a verdict announces. It stays until the next byte is taken.
    pub(crate) fn reply(&self, verdict: Verdict) -> Result<Reply<'_>, ClientError> {
        Ok(match verdict {
            Verdict::Synchronized => Reply::Synchronized,
            Verdict::Piece(streamed) => Reply::Piece(self.decoder.piece(&self.stream, streamed)),
            Verdict::Discarded => Reply::Discarded,
            Verdict::Response(Outcome::Return, span) => Reply::Return(self.value(span)),
            Verdict::Response(Outcome::Error, span) => Reply::Error(ErrorResponse::read(self.value(span))),
            Verdict::Response(Outcome::Unattributed, span) => {
                Reply::Unattributed(ErrorResponse::read(self.value(span)))
            }
            Verdict::Failed(error) => return Err(error),
        })
    }

    /// The bytes to transmit next.
    pub fn transmit(&self) -> &[u8] {
        self.transmit.pending()
    }

    /// Reports that the first `count` bytes of [`transmit`](Self::transmit) were sent. A larger count means all of them.
    pub fn transmitted(&mut self, count: usize) {
        self.transmit.advance(count);
    }

    /// Whether a request can be sent: the client is in step and waits for nothing.
    ///
    /// After an error it says whether the client is still in step.
    pub const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Whether there is a reply to wait for.
    #[cfg(any(feature = "embedded-hal-nb", feature = "embedded-io", feature = "embedded-io-async"))]
    pub(crate) const fn is_waiting(&self) -> bool {
        !matches!(self.state, State::OutOfStep | State::Ready)
    }

    /// Forgets what was asked and what is not yet sent. Call it when the port opens or closes and when a reply is
    /// overdue, and synchronize next.
    ///
    /// It returns `true` if the request given up was sent and is for a command
    /// [without success response](Execute::no_success_response): silence is what its success looks like. Any other
    /// request may or may not have run.
    ///
    /// ```
    /// use guestwire::{Client, client::Execute};
    ///
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.execute(Execute::new("guest-shutdown").no_success_response())?;
    /// client.transmitted(client.transmit().len());
    /// // Nothing comes, for too long.
    /// let has_shut_down = client.reset();
    /// assert!(has_shut_down);
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    pub fn reset(&mut self) -> bool {
        let succeeded = matches!(self.state, State::AwaitReply { silent: true, .. }) && self.has_left();
        self.leave_step();
        succeeded
    }

    /// Takes note that bytes are missing here: an overrun, a full queue. A client that synchronizes drops what may be half
    /// a frame, and waits on.
    ///
    /// # Errors
    /// [`ClientError::Broken`] if the client was in step. Now it is not, and no reply will come.
    pub fn lost(&mut self) -> Result<(), ClientError> {
        self.step_lost().map_or(Ok(()), Verdict::failure)
    }

    /// Takes a byte that is known to be wrong: a framing, parity or noise error, or a break.
    ///
    /// # Errors
    /// [`ClientError::Broken`] if the client was in step. Now it is not, and no reply will come.
    pub fn corrupted(&mut self) -> Result<(), ClientError> {
        self.step_corrupted().map_or(Ok(()), Verdict::failure)
    }

    pub(crate) fn step_lost(&mut self) -> Option<Verdict> {
        // Even where no frame was open: a whole response may be missing.
        let _ = self.decoder.lost();
        self.judge(Signal::Error(FrameError::Lost))
    }

    pub(crate) fn step_corrupted(&mut self) -> Option<Verdict> {
        self.decoder.corrupted().err().and_then(|error| self.judge(Signal::Error(error)))
    }

    #[inline(never)] // its loop wants all registers
    fn skip_to_sentinel(&mut self, bytes: &mut &[u8], id: i64) {
        // In steps that compilers turn into a few vector instructions: 0.3 instead of 6 instructions a byte.
        let mut rest = *bytes;
        while let Some((chunk, after)) = rest.split_first_chunk::<128>() {
            if chunk.iter().fold(false, |found, byte| found | (*byte == SENTINEL)) {
                break;
            }
            rest = after;
        }
        let at = rest.iter().position(|byte| *byte == SENTINEL);
        let from = at.and_then(|at| rest.get(at..)).unwrap_or_default();
        *bytes = from.split_first().map_or(&[], |(_, rest)| rest);
        if at.is_some() {
            self.decoder.reset();
            self.state = State::AwaitSyncReply { id };
        }
    }
}

impl<const RX: usize, const TX: usize> Default for ClientOver<[u8; RX], [u8; TX]> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "defmt")]
impl<R: Buffer, T: Buffer> defmt::Format for ClientOver<R, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Client {{ state: {}, transmit: {=[u8]:a} }}", self.state, self.transmit());
    }
}
