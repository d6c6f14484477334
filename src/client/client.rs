//! The host end: get in step, ask, and know which answer is whose.

use core::error::Error;
use core::fmt;

use crate::error::{DoesNotFit, FrameError, PollError};
use crate::frame::{Decoder, Signal};
use crate::json::encoder::{Encoder, ObjectEncoder};
use crate::json::value::Value;
use crate::log::{debug, warn};
use crate::message::{ErrorResponse, Response};
use crate::sentinel::SENTINEL;
use crate::transmit::Transmit;

/// The host end of the wire.
///
/// `RX` is the longest response in bytes, whitespace between tokens not counted, 34 to 65535. `TX` is the longest
/// request, LF and sentinel counted, at least 75. Both are checked at compile time.
///
/// Every request carries an `id`, one more than the last, and only the response that has it ends the request: a stale
/// answer is never taken for a new one. [`omit_ids`](Self::omit_ids) is for agents that do not know `id`.
///
/// All I/O is the caller's, and so are time-outs: there is no clock inside. What a caller does:
///
/// 1. [`synchronize`](Self::synchronize), on every new connection and whenever the client is out of step;
/// 2. [`execute`](Self::execute), one request at a time;
/// 3. send what [`transmit`](Self::transmit) says, and report it with [`transmitted`](Self::transmitted) before giving
///    the client what came after it: a response to a request that has not left is nobody's;
/// 4. give what comes to [`push_slice`](Self::push_slice) until it gives a [`Reply`]. Read while you write: an agent may
///    want to be rid of a response before it takes more;
/// 5. when nothing comes for too long, [`timed_out`](Self::timed_out), then 1 again. Do not just send a request again:
///    the agent may have run it, and its answer may still be on the way.
///
/// ```
/// use guestwire::{Client, Reply};
///
/// let mut client: Client<1024, 256> = Client::new();
/// client.synchronize(7211);
/// assert_eq!(client.transmit()[0], 0xFF);
/// client.transmitted(client.transmit().len());
///
/// let mut received: &[u8] = b"of a stale answer\"}\n\xFF{\"return\": 7211}\n";
/// assert_eq!(client.push_slice(&mut received), Ok(Some(Reply::Synchronized)));
///
/// client.execute("guest-get-time")?;
/// assert_eq!(client.transmit(), b"{\"execute\": \"guest-get-time\", \"id\": 7212}\n");
/// client.transmitted(client.transmit().len());
/// let mut received: &[u8] = b"{\"return\": 1795441277004000000, \"id\": 7212}\n";
/// let Ok(Some(Reply::Return(time))) = client.push_slice(&mut received) else { panic!("it was answered") };
/// assert_eq!(time.integer(), Some(1795441277004000000));
/// # Ok::<(), guestwire::client::ExecuteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client<const RX: usize, const TX: usize> {
    state: State,
    /// The `id` used last. `None`: requests carry none.
    last: Option<i64>,
    decoder: Decoder<RX>,
    transmit: Transmit<TX>,
}

/// Numbers have 48 bits: agents built on cJSON print 15 significant digits.
const LARGEST_ID: i64 = (1 << 48) - 1;

/// With the sentinel and LF.
const LONGEST_SYNC: usize = r#"_{"execute": "guest-sync-delimited", "arguments": {"id": 281474976710655}}_"#.len();

const SHORTEST_RX: usize = r#"{"return":{},"id":281474976710655}"#.len();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)] // so that out of step is 0, and a client's memory starts as zeros
enum State {
    /// Whatever comes is dropped.
    OutOfStep,
    /// Whatever comes is dropped up to the sentinel.
    AwaitSentinel {
        id: i64,
    },
    /// After a sentinel: the next frame is the response to this synchronization, or to an earlier one.
    AwaitSyncReply {
        id: i64,
    },
    /// A synchronization without a sentinel in its response: frames are dropped up to the one that returns the number.
    AwaitPlainSyncReply {
        id: i64,
    },
    Ready,
    AwaitReply {
        id: Option<i64>,
        success_is_silent: bool,
    },
}

/// What the decoder made of the bytes.
enum Received<'a> {
    Response(Response<'a>),
    /// Any other frame: an echoed request, an event.
    NotAResponse,
    Sentinel,
    Broken(FrameError),
}

/// What came of what was asked.
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
///     }
/// }
/// # assert_eq!(shown(Reply::Synchronized), "in step");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reply<'a> {
    /// Both ends are in step.
    Synchronized,
    /// The command's return value.
    Return(Value<'a>),
    /// The command was not run, or failed.
    Error(ErrorResponse<'a>),
    /// An error without `id`, so that nobody can tell what it answers. The request is still waiting for its response.
    ///
    /// An agent answers noise on the line like that, in front of the request or inside it: in the first case the response
    /// follows, in the second none ever comes, and the caller's time-out decides. An agent that knows no `id` (qemu-ga
    /// before QEMU 3.0) refuses every request like that: see [`Client::omit_ids`].
    Unattributed(ErrorResponse<'a>),
}

/// Why there is no reply.
///
/// ```
/// use guestwire::{Client, client::ClientError};
///
/// # let mut client: Client<1024, 256> = Client::new();
/// # client.synchronize(7);
/// # client.push_slice(&mut &b"\xFF{\"return\": 7}"[..]).expect("in step");
/// assert_eq!(client.push_slice(&mut &b"{\"return\": 5}"[..]), Err(ClientError::Unexpected), "nobody asked");
/// assert!(!client.is_in_step());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClientError {
    /// A response is longer than `RX`. The request is over, and the client stays in step, unless it
    /// [omits ids](Client::omit_ids) and the response is an error.
    ///
    /// Its `id` was not seen: it may answer an earlier request whose response was given up.
    ResponseTooLong,
    /// A broken frame, noise, or bytes that are missing or wrong. The client is out of step.
    Broken(FrameError),
    /// A response that nobody waits for, or a sentinel. The client is out of step.
    Unexpected,
    /// A return value without the `id` that the request had: see [`Client::omit_ids`]. The client is out of step.
    IdMissing,
    /// There is nothing to wait for: call `synchronize` or `execute` first.
    NothingAsked,
}

/// Why a request was not sent.
///
/// ```
/// use guestwire::{Client, client::ExecuteError};
///
/// let mut client: Client<1024, 256> = Client::new();
/// assert_eq!(client.execute("guest-ping"), Err(ExecuteError::OutOfStep));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ExecuteError {
    /// The client is out of step: synchronize first.
    OutOfStep,
    /// The response to the request before has not come: wait for it, or synchronize.
    Waiting,
    /// The request is longer than `TX`.
    DoesNotFit,
    /// An argument has no form in JSON, such as NaN, or its type refuses to be serialized: the reason.
    Refused(&'static str),
}

/// A request without its arguments: the command, and whether its success is silent.
///
/// ```
/// use guestwire::{Client, client::Execute};
///
/// # let mut client: Client<1024, 256> = Client::new();
/// # client.synchronize(7);
/// # client.push_slice(&mut &b"\xFF{\"return\": 7}"[..]).expect("in step");
/// let shutdown = Execute::new("guest-shutdown").no_success_response();
/// client.execute_with(shutdown, |arguments| arguments.member("mode").string("reboot"))?;
/// # Ok::<(), guestwire::client::ExecuteError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Execute<'a> {
    command: &'a str,
    success_is_silent: bool,
}

impl<'a> Execute<'a> {
    /// A request for a command that responds.
    pub const fn new(command: &'a str) -> Self {
        Self { command, success_is_silent: false }
    }

    /// For a command that says nothing when it succeeds: `guest-shutdown`, `guest-suspend-*`.
    ///
    /// [`Client::success_is_silent`] then tells, when the line ends or nothing comes, that this is what success looks
    /// like. Some agents do return `{}`.
    pub const fn no_success_response(self) -> Self {
        Self { success_is_silent: true, ..self }
    }
}

impl<'a> From<&'a str> for Execute<'a> {
    fn from(command: &'a str) -> Self {
        Self::new(command)
    }
}

impl<const RX: usize, const TX: usize> Client<RX, TX> {
    /// A client out of step.
    pub const fn new() -> Self {
        const {
            assert!(RX >= SHORTEST_RX, "RX is too small for a client: it must hold a response of 34 bytes");
            assert!(TX >= LONGEST_SYNC, "TX is too small for a client: it must hold guest-sync-delimited, 75 bytes");
        };
        Self { state: State::OutOfStep, last: Some(0), decoder: Decoder::new(), transmit: Transmit::new() }
    }

    /// Sends requests without `id` from now on, for agents that refuse it (qemu-ga before QEMU 3.0) or do not echo it.
    ///
    /// Then any response without `id` is the answer to the request that is waiting, once that has left. Noise may have
    /// caused an error, with the answer still to come, so the client is out of step after each error but
    /// `CommandNotFound`.
    pub const fn omit_ids(&mut self) {
        self.last = None;
    }

    /// Starts to get in step: sends the sentinel and `guest-sync-delimited`, and drops whatever comes before the
    /// sentinel and the number that answer it.
    ///
    /// Call it in any state, as often as it takes, each time with another `id`: random, of which the low 48 bits are
    /// used. A request that was waiting is abandoned.
    pub fn synchronize(&mut self, id: i64) {
        let id = self.start_counting(id);
        self.state = State::AwaitSentinel { id };
        self.send_sync("guest-sync-delimited", id);
    }

    /// The same with `guest-sync`, for agents that do not know the delimited form (before QEMU 1.1) or whose sentinel
    /// gets lost on the way: drops all frames before the one with the number.
    pub fn synchronize_plain(&mut self, id: i64) {
        let id = self.start_counting(id);
        self.state = State::AwaitPlainSyncReply { id };
        self.decoder.reset();
        self.send_sync("guest-sync", id);
    }

    /// Requests are numbered from `id` on, or from the last number if that is larger.
    fn start_counting(&mut self, id: i64) -> i64 {
        let id = id & LARGEST_ID;
        self.last = self.last.map(|last| last.max(id));
        id
    }

    fn send_sync(&mut self, command: &str, id: i64) {
        self.transmit.replace(|transmit| {
            let mut encoder = Encoder::new(transmit);
            let written = encoder.sentinel().and_then(|()| {
                let arguments = |arguments: &mut ObjectEncoder<'_>| arguments.member("id").integer(id);
                write_request(&mut encoder, command, Some(arguments), None)
            });
            written.map_or(0, |()| encoder.as_bytes().len())
        });
    }

    /// Sends a request for a command without arguments.
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn execute<'e>(&mut self, request: impl Into<Execute<'e>>) -> Result<(), ExecuteError> {
        self.send_request(request.into(), None::<fn(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>>)
    }

    /// Sends a request with the arguments that the closure writes.
    ///
    /// ```
    /// # use guestwire::{Client, Reply};
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(&mut &b"\xFF{\"return\": 7}"[..]).expect("in step");
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
        self.send_request(request.into(), Some(arguments))
    }

    fn send_request(
        &mut self,
        request: Execute<'_>,
        arguments: Option<impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>>,
    ) -> Result<(), ExecuteError> {
        match self.state {
            // What is open was begun before this request, and is not its response.
            State::Ready if self.decoder.is_receiving() => {
                self.reset();
                return Err(ExecuteError::OutOfStep);
            }
            State::Ready => {}
            State::AwaitReply { .. } => return Err(ExecuteError::Waiting),
            _ => return Err(ExecuteError::OutOfStep),
        }
        let id = self.last.map(|last| last.wrapping_add(1) & LARGEST_ID);
        let mut written = Ok(());
        self.transmit.replace(|transmit| {
            let mut encoder = Encoder::new(transmit);
            written = write_request(&mut encoder, request.command, arguments, id)
                .map_err(|DoesNotFit| encoder.refusal_text().map_or(ExecuteError::DoesNotFit, ExecuteError::Refused));
            written.map_or(0, |()| encoder.as_bytes().len())
        });
        written?;
        self.last = id;
        self.state = State::AwaitReply { id, success_is_silent: request.success_is_silent };
        Ok(())
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`ClientError`], which says whether the client is still in step.
    pub fn push(&mut self, byte: u8) -> Result<Option<Reply<'_>>, ClientError> {
        let verdict = self.step(byte);
        self.reply(verdict)
    }

    /// Takes bytes until they make a reply or an error, and moves the start of the slice past them.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_slice(&mut self, bytes: &mut &[u8]) -> Result<Option<Reply<'_>>, ClientError> {
        let verdict = self.step_slice(bytes);
        self.reply(verdict)
    }

    /// Takes bytes from `read` until they make a reply or an error, or there are none.
    ///
    /// `embedded_hal_nb::serial::Read` fits: `client.poll_read(|| uart.read())`. Every byte that `read` gives is taken.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] when `read` does, the port's error, or [`ClientError`].
    pub fn poll_read<E>(
        &mut self,
        mut read: impl FnMut() -> nb::Result<u8, E>,
    ) -> nb::Result<Reply<'_>, PollError<ClientError, E>> {
        let verdict = loop {
            let byte = read().map_err(|error| error.map(PollError::Port))?;
            match self.step(byte) {
                Verdict::GoOn => {}
                verdict => break verdict,
            }
        };
        self.polled(verdict)
    }

    /// Gives bytes to `write` until it would block or all have gone. A byte that it did not take is given again.
    ///
    /// # Errors
    /// The port's own, but for [`nb::Error::WouldBlock`].
    pub fn poll_write<E>(&mut self, write: impl FnMut(u8) -> nb::Result<(), E>) -> Result<(), E> {
        self.transmit.poll(write)
    }

    pub(crate) fn step(&mut self, byte: u8) -> Verdict {
        match self.state {
            State::OutOfStep => Verdict::GoOn,
            State::AwaitSentinel { id } => {
                if byte == SENTINEL {
                    self.decoder.reset();
                    self.state = State::AwaitSyncReply { id };
                }
                Verdict::GoOn
            }
            _ => {
                let signal = self.decoder.step(byte);
                self.judge(signal)
            }
        }
    }

    fn step_slice(&mut self, bytes: &mut &[u8]) -> Verdict {
        let mut verdict = Verdict::GoOn;
        while verdict == Verdict::GoOn && !bytes.is_empty() {
            match self.state {
                State::OutOfStep => *bytes = &[],
                State::AwaitSentinel { id } => self.skip_to_sentinel(bytes, id),
                _ => {
                    let signal = self.decoder.step_slice(bytes);
                    verdict = self.judge(signal);
                }
            }
        }
        verdict
    }

    /// The reply that a verdict stands for. That of a response stays until the next byte is taken.
    pub(crate) fn reply(&self, verdict: Verdict) -> Result<Option<Reply<'_>>, ClientError> {
        match verdict {
            Verdict::GoOn => Ok(None),
            Verdict::Synchronized => Ok(Some(Reply::Synchronized)),
            Verdict::Response | Verdict::Unattributed => {
                let response = Response::parse(&self.decoder.frame());
                Ok(response.map(|response| match response.outcome {
                    Ok(value) => Reply::Return(value),
                    Err(error) if verdict == Verdict::Unattributed => Reply::Unattributed(error),
                    Err(error) => Reply::Error(error),
                }))
            }
            Verdict::Error(error) => Err(error),
        }
    }

    pub(crate) fn polled<E>(&self, verdict: Verdict) -> nb::Result<Reply<'_>, PollError<ClientError, E>> {
        match self.reply(verdict) {
            Ok(reply) => reply.ok_or(nb::Error::WouldBlock),
            Err(error) => Err(nb::Error::Other(PollError::Protocol(error))),
        }
    }

    /// The bytes to be transmitted next.
    pub fn transmit(&self) -> &[u8] {
        self.transmit.pending()
    }

    /// Reports that the first `count` bytes of [`transmit`](Self::transmit) were sent. A larger count means all of them.
    pub fn transmitted(&mut self, count: usize) {
        self.transmit.advance(count);
    }

    /// Whether a request can be sent, or its response is awaited.
    pub const fn is_in_step(&self) -> bool {
        matches!(self.state, State::Ready | State::AwaitReply { .. })
    }

    #[cfg(feature = "embedded-io-async")]
    pub(crate) const fn is_waiting(&self) -> bool {
        !matches!(self.state, State::OutOfStep | State::Ready)
    }

    /// Whether a request can be sent: the client is in step and waits for nothing.
    pub const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Whether silence, or the end of the line, is what success looks like: the request that waits is for a command
    /// without success response, and has left. Ask before [`timed_out`](Self::timed_out) and [`reset`](Self::reset).
    pub fn success_is_silent(&self) -> bool {
        matches!(self.state, State::AwaitReply { success_is_silent: true, .. }) && self.has_left()
    }

    /// Gives up a reply that is overdue. The client is out of step: synchronize next.
    ///
    /// The request that was waiting may have been run all the same.
    pub fn timed_out(&mut self) {
        self.reset();
    }

    /// Forgets what was asked and what is not yet sent. Call it when the port opens or closes, and synchronize next.
    pub fn reset(&mut self) {
        self.state = State::OutOfStep;
        self.transmit.clear();
    }

    /// Takes note that bytes are missing here (an overrun, a full queue). A client that was in step is out of step; one
    /// that synchronizes drops what may be half a frame, and waits on.
    pub fn lost(&mut self) {
        let _ = self.step_lost();
    }

    /// Takes a byte that is known to be wrong: a framing, parity or noise error, or a break. A client that was in step is
    /// out of step.
    pub fn corrupted(&mut self) {
        let _ = self.step_corrupted();
    }

    pub(crate) fn step_lost(&mut self) -> Verdict {
        // A response may have been lost as a whole.
        let _ = self.decoder.lost();
        self.judge(Signal::Error(FrameError::Lost))
    }

    pub(crate) fn step_corrupted(&mut self) -> Verdict {
        match self.decoder.corrupted() {
            Ok(()) => Verdict::GoOn,
            Err(error) => self.judge(Signal::Error(error)),
        }
    }

    /// Whether the request has gone, but for its LF: an agent may answer before that.
    fn has_left(&self) -> bool {
        self.transmit().len() <= 1
    }

    fn skip_to_sentinel(&mut self, bytes: &mut &[u8], id: i64) {
        // In steps that compilers turn into a few vector instructions: 0.3 instead of 6 instructions a byte.
        while let Some((chunk, rest)) = bytes.split_first_chunk::<128>() {
            if chunk.iter().fold(false, |found, byte| found | (*byte == SENTINEL)) {
                break;
            }
            *bytes = rest;
        }
        let at = bytes.iter().position(|byte| *byte == SENTINEL);
        *bytes = at.and_then(|at| bytes.get(at.saturating_add(1)..)).unwrap_or_default();
        if at.is_some() {
            self.decoder.reset();
            self.state = State::AwaitSyncReply { id };
        }
    }

    /// What came means something else in each state.
    fn judge(&mut self, signal: Signal) -> Verdict {
        let received = match signal {
            Signal::Nothing => return Verdict::GoOn,
            Signal::Sentinel => Received::Sentinel,
            Signal::Frame => Response::parse(&self.decoder.frame()).map_or(Received::NotAResponse, Received::Response),
            Signal::Error(error) => Received::Broken(error),
        };
        let (next, verdict) = match self.state {
            State::OutOfStep | State::AwaitSentinel { .. } => self.stay(),
            State::AwaitSyncReply { id } => self.sync_reply(id, &received),
            State::AwaitPlainSyncReply { id } => self.plain_sync_reply(id, &received),
            State::Ready => self.unasked(&received),
            State::AwaitReply { id: Some(id), .. } => self.reply_with_id(id, &received),
            State::AwaitReply { id: None, .. } => self.reply_without_id(&received),
        };
        match next {
            State::OutOfStep => self.reset(),
            next => self.state = next,
        }
        match verdict {
            Verdict::Synchronized => debug!("in step"),
            Verdict::Error(ClientError::ResponseTooLong) => warn!("response too long"),
            Verdict::Error(error) => warn!("out of step: {}", error),
            Verdict::Unattributed => warn!("an error without id"),
            Verdict::GoOn | Verdict::Response => {}
        }
        verdict
    }

    /// The first frame after the sentinel decides.
    fn sync_reply(&self, id: i64, received: &Received<'_>) -> (State, Verdict) {
        match received {
            Received::Response(response) if response.synchronizes(id) => (State::Ready, Verdict::Synchronized),
            Received::Sentinel => self.stay(),
            _ => (State::AwaitSentinel { id }, Verdict::GoOn),
        }
    }

    fn plain_sync_reply(&self, id: i64, received: &Received<'_>) -> (State, Verdict) {
        match received {
            Received::Response(response) if response.synchronizes(id) => (State::Ready, Verdict::Synchronized),
            _ => self.stay(),
        }
    }

    /// Nothing was asked, but what was asked before and given up may be answered yet.
    fn unasked(&self, received: &Received<'_>) -> (State, Verdict) {
        match received {
            Received::Response(Response { id: Some(_), .. }) | Received::NotAResponse => self.stay(),
            // An agent's answer to noise.
            Received::Response(Response { outcome: Err(_), .. }) if self.last.is_some() => self.stay(),
            Received::Response(_) | Received::Sentinel => out_of_step(ClientError::Unexpected),
            Received::Broken(error) => out_of_step(ClientError::Broken(*error)),
        }
    }

    fn reply_with_id(&self, id: i64, received: &Received<'_>) -> (State, Verdict) {
        match received {
            Received::Response(Response { id: Some(received), .. }) => match received.integer() == Some(id) {
                true => (State::Ready, Verdict::Response),
                false => self.stay(),
            },
            Received::Response(Response { outcome: Err(_), .. }) => (self.state, Verdict::Unattributed),
            Received::Response(_) => out_of_step(ClientError::IdMissing),
            Received::NotAResponse => self.stay(),
            Received::Sentinel => out_of_step(ClientError::Unexpected),
            Received::Broken(error) => self.broken_reply(*error),
        }
    }

    fn reply_without_id(&self, received: &Received<'_>) -> (State, Verdict) {
        match received {
            Received::Response(Response { id: Some(_), .. }) | Received::NotAResponse => self.stay(),
            Received::Response(_) if !self.has_left() => out_of_step(ClientError::Unexpected),
            // It may answer noise, and the answer to the request may follow.
            Received::Response(Response { outcome: Err(error), .. }) if error.class != "CommandNotFound" => {
                (State::OutOfStep, Verdict::Response)
            }
            Received::Response(_) => (State::Ready, Verdict::Response),
            Received::Sentinel => out_of_step(ClientError::Unexpected),
            Received::Broken(error) => self.broken_reply(*error),
        }
    }

    /// Of a frame that is too long only the start is known: it may be an echoed request.
    fn broken_reply(&self, error: FrameError) -> (State, Verdict) {
        let is_too_long = error == FrameError::Overflow && self.decoder.is_between();
        let starts = [b"{\"return\"".as_slice(), b"{\"error\"", b"{\"id\""];
        if !is_too_long {
            out_of_step(ClientError::Broken(error))
        } else if !starts.iter().any(|start| self.decoder.text().starts_with(start)) {
            self.stay()
        } else if !self.has_left() {
            out_of_step(ClientError::Unexpected)
        } else if self.last.is_none() && self.decoder.text().starts_with(b"{\"error\"") {
            // It may answer noise, and the answer to the request may follow.
            out_of_step(ClientError::ResponseTooLong)
        } else {
            (State::Ready, Verdict::Error(ClientError::ResponseTooLong))
        }
    }

    const fn stay(&self) -> (State, Verdict) {
        (self.state, Verdict::GoOn)
    }
}

const fn out_of_step(error: ClientError) -> (State, Verdict) {
    (State::OutOfStep, Verdict::Error(error))
}

impl<const RX: usize, const TX: usize> Default for Client<RX, TX> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a byte led to. It borrows nothing, so that the reply can be made of it behind the loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    Synchronized,
    Response,
    Unattributed,
    Error(ClientError),
}

/// `{"execute": ..., "arguments": {...}, "id": ...}` LF. Some agents wait for the LF.
fn write_request(
    encoder: &mut Encoder<'_>,
    command: &str,
    arguments: Option<impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>>,
    id: Option<i64>,
) -> Result<(), DoesNotFit> {
    encoder.value().object(|members| {
        members.member("execute").string(command)?;
        if let Some(arguments) = arguments {
            members.member("arguments").object(arguments)?;
        }
        match id {
            Some(id) => members.member("id").integer(id),
            None => Ok(()),
        }
    })?;
    encoder.line_feed()
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseTooLong => f.write_str("the response does not fit the receive buffer"),
            Self::Broken(error) => write!(f, "a broken frame: {error}"),
            Self::Unexpected => f.write_str("a response that nobody waited for"),
            Self::IdMissing => f.write_str("a return value without the id of its request"),
            Self::NothingAsked => f.write_str("nothing was asked: synchronize or execute first"),
        }
    }
}

impl Error for ClientError {}

impl fmt::Display for ExecuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfStep => "out of step: synchronize first",
            Self::Waiting => "the response to the request before has not come",
            Self::DoesNotFit => "the request does not fit the transmit buffer",
            Self::Refused(reason) => reason,
        })
    }
}

impl Error for ExecuteError {}
