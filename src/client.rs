//! The host end: get in step, ask, and know which answer is whose.

use core::error::Error;
use core::fmt;

use crate::decoder::{Decoder, Event, Signal};
use crate::encoder::{Encoder, ObjectEncoder};
use crate::error::{DoesNotFit, FrameError, PollError};
use crate::lexer::SENTINEL;
use crate::log::{debug, warn};
use crate::message::{ErrorResponse, Response};
use crate::transmit::Transmit;
use crate::value::Value;

/// The host end of the wire.
///
/// `RX` is the longest response in bytes, whitespace between tokens not counted, 31 to 65535. `TX` is the longest
/// request, LF and sentinel counted, at least 80. Both are checked at compile time.
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
/// assert_eq!(client.transmit(), b"{\"execute\": \"guest-get-time\"}\n");
/// client.transmitted(client.transmit().len());
/// let mut received: &[u8] = b"{\"return\": 1795441277004000000}\n";
/// let Ok(Some(Reply::Return(time))) = client.push_slice(&mut received) else { panic!("it was answered") };
/// assert_eq!(time.integer(), Some(1795441277004000000));
/// # Ok::<(), guestwire::ExecuteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client<const RX: usize, const TX: usize> {
    state: State,
    decoder: Decoder<RX>,
    transmit: Transmit<TX>,
}

/// With the sentinel and LF.
const LONGEST_SYNC: usize = r#"_{"execute": "guest-sync-delimited", "arguments": {"id": -9223372036854775808}}_"#.len();

const LONGEST_SYNC_RESPONSE: usize = r#"{"return":-9223372036854775808}"#.len();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)] // so that out of step is 0, and a client's memory starts as zeros
enum State {
    OutOfStep,
    /// Whatever comes is dropped up to the sentinel.
    Sentinel {
        id: i64,
    },
    /// Behind a sentinel: the next frame is the response to this synchronization, or to an earlier one.
    SynchronizedId {
        id: i64,
    },
    /// A synchronization without a sentinel in its response: frames are dropped up to the one that has the id.
    PlainId {
        id: i64,
    },
    InStep,
    Response {
        id: Option<i64>,
        success_is_silent: bool,
    },
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
///         Reply::Error(error) => error.desc.to_string(),
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
}

/// Something came that is no answer to what was asked.
///
/// ```
/// use guestwire::{Client, ClientError};
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
    /// A response is longer than `RX`. The request is over, and the client stays in step.
    ///
    /// Its `id` was not seen: of requests with one, it may answer an earlier one whose response was given up.
    ResponseTooLong,
    /// A broken frame. The client is out of step.
    Broken(FrameError),
    /// A response that nobody waits for, or a sentinel. The client is out of step.
    Unexpected,
}

/// Why a request was not sent.
///
/// ```
/// use guestwire::{Client, ExecuteError};
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
}

/// A request to be sent, beside its arguments.
///
/// ```
/// use guestwire::{Client, Execute};
///
/// # let mut client: Client<1024, 256> = Client::new();
/// # client.synchronize(7);
/// # client.push_slice(&mut &b"\xFF{\"return\": 7}"[..]).expect("in step");
/// let shutdown = Execute::new("guest-shutdown").no_success_response();
/// client.execute_with(shutdown, |arguments| arguments.member("mode").string("reboot"))?;
/// # Ok::<(), guestwire::ExecuteError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Execute<'a> {
    command: &'a str,
    id: Option<i64>,
    success_is_silent: bool,
}

impl<'a> Execute<'a> {
    /// A request for a command that responds.
    pub const fn new(command: &'a str) -> Self {
        Self { command, id: None, success_is_silent: false }
    }

    /// With an `id`, to be sent back with the response: random, 63 bits, fresh for each request.
    ///
    /// No response to another request is then ever taken for this one's. Agents before QEMU 3.0 refuse it, with an error
    /// that has no `id` and is therefore [`ClientError::Unexpected`]: use it once a `guest-ping` with one was answered.
    pub const fn id(self, id: i64) -> Self {
        Self { id: Some(id), ..self }
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
            assert!(RX >= LONGEST_SYNC_RESPONSE, "RX is too small for a client: it must hold a response of 31 bytes");
            assert!(TX >= LONGEST_SYNC, "TX is too small for a client: it must hold guest-sync-delimited, 80 bytes");
        };
        Self { state: State::OutOfStep, decoder: Decoder::new(), transmit: Transmit::new() }
    }

    /// Starts to get in step: sends the sentinel and `guest-sync-delimited`, and drops whatever comes before the
    /// sentinel and the id that answer it.
    ///
    /// To be called in any state, as often as it takes, each time with another `id`: random, 63 bits. A request that
    /// was waiting is abandoned.
    pub fn synchronize(&mut self, id: i64) {
        self.state = State::Sentinel { id };
        self.send_sync("guest-sync-delimited", id);
    }

    /// The same with `guest-sync`, for agents that do not know the delimited form (before QEMU 1.1) or whose sentinel
    /// gets lost on the way: drops all frames before the one with the id.
    pub fn synchronize_plain(&mut self, id: i64) {
        self.state = State::PlainId { id };
        self.decoder.reset();
        self.send_sync("guest-sync", id);
    }

    fn send_sync(&mut self, command: &str, id: i64) {
        self.transmit.replace(|transmit| {
            let mut encoder = Encoder::new(transmit);
            let written = encoder.sentinel().and_then(|()| {
                let arguments = |arguments: &mut ObjectEncoder<'_>| arguments.member("id").integer(id);
                write_request(&mut encoder, Execute::new(command), Some(arguments))
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
    /// # Ok::<(), guestwire::ExecuteError>(())
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
            State::InStep if self.decoder.is_open() => {
                self.reset();
                return Err(ExecuteError::OutOfStep);
            }
            State::InStep => {}
            State::Response { .. } => return Err(ExecuteError::Waiting),
            _ => return Err(ExecuteError::OutOfStep),
        }
        self.transmit.replace(|transmit| {
            let mut encoder = Encoder::new(transmit);
            write_request(&mut encoder, request, arguments).map_or(0, |()| encoder.as_bytes().len())
        });
        if self.transmit().is_empty() {
            return Err(ExecuteError::DoesNotFit);
        }
        self.state = State::Response { id: request.id, success_is_silent: request.success_is_silent };
        Ok(())
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`ClientError`]: whether the client is still in step stands there.
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
    /// The port's own. That `write` would block is none.
    pub fn poll_write<E>(&mut self, write: impl FnMut(u8) -> nb::Result<(), E>) -> Result<(), E> {
        self.transmit.poll(write)
    }

    pub(crate) fn step(&mut self, byte: u8) -> Verdict {
        match self.state {
            State::OutOfStep => Verdict::GoOn,
            State::Sentinel { id } => {
                if byte == SENTINEL {
                    self.decoder.reset();
                    self.state = State::SynchronizedId { id };
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
                State::Sentinel { id } => self.skip_to_sentinel(bytes, id),
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
            Verdict::Response => match self.decoder.event(Signal::Frame) {
                Ok(Some(Event::Frame(frame))) => Ok(Response::parse(&frame).map(|response| match response.outcome {
                    Ok(value) => Reply::Return(value),
                    Err(error) => Reply::Error(error),
                })),
                _ => Ok(None),
            },
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
        matches!(self.state, State::InStep | State::Response { .. })
    }

    /// Whether silence, or the end of the line, is what success looks like: the request that waits is for a command
    /// without success response, and has left. To be asked before [`timed_out`](Self::timed_out) and
    /// [`reset`](Self::reset).
    pub fn success_is_silent(&self) -> bool {
        matches!(self.state, State::Response { success_is_silent: true, .. }) && self.has_left()
    }

    /// Gives up: the link is dirty, and the next thing must be to synchronize. To be called when a reply is overdue.
    ///
    /// The request that was waiting may have been run all the same.
    pub fn timed_out(&mut self) {
        self.reset();
    }

    /// Forgets what was asked and what is not yet sent: the next thing must be to synchronize. To be called when the port
    /// opens or closes.
    pub fn reset(&mut self) {
        self.state = State::OutOfStep;
        self.transmit.clear();
    }

    /// Takes note that bytes are missing: a client in step no longer is, and one that synchronizes drops what may be
    /// half a frame. To be called after an overrun or a framing error.
    pub fn lost(&mut self) {
        let _ = self.step_lost();
    }

    pub(crate) fn step_lost(&mut self) -> Verdict {
        let _ = self.decoder.lost();
        match self.state {
            State::SynchronizedId { id } => self.state = State::Sentinel { id },
            State::InStep | State::Response { .. } => {
                self.reset();
                return Verdict::Error(ClientError::Broken(FrameError::Lost));
            }
            State::OutOfStep | State::Sentinel { .. } | State::PlainId { .. } => {}
        }
        Verdict::GoOn
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
            self.state = State::SynchronizedId { id };
        }
    }

    /// What an event means in the state that it comes in, and which state follows.
    fn judge(&mut self, signal: Signal) -> Verdict {
        let event = self.decoder.event(signal);
        let response = match event {
            Ok(Some(Event::Frame(frame))) => Response::parse(&frame),
            _ => None,
        };
        let (next, verdict) = match (self.state, event, response) {
            (state, Ok(None), _) => (state, Verdict::GoOn),
            // Synchronizing.
            (State::SynchronizedId { id } | State::PlainId { id }, _, Some(response)) if response.synchronizes(id) => {
                (State::InStep, Verdict::Synchronized)
            }
            (state @ State::SynchronizedId { .. }, Ok(Some(Event::Sentinel)), _) => (state, Verdict::GoOn),
            (State::SynchronizedId { id }, ..) => (State::Sentinel { id }, Verdict::GoOn),
            (state @ State::PlainId { .. }, ..) => (state, Verdict::GoOn),
            // In step.
            (State::Response { id, .. }, _, Some(response))
                if response.answers(id) && (id.is_some() || self.has_left()) =>
            {
                (State::InStep, Verdict::Response)
            }
            // A late response to a request that had an id can be mistaken for no other.
            (state, _, Some(Response { id: Some(_), .. })) => (state, Verdict::GoOn),
            (_, _, Some(_)) | (_, Ok(Some(Event::Sentinel)), _) => Self::out_of_step(ClientError::Unexpected),
            // Not a response: an echoed request, an event.
            (state, Ok(Some(Event::Frame(_))), None) => (state, Verdict::GoOn),
            (state @ State::Response { .. }, Err(FrameError::Overflow), _) if self.decoder.is_between() => {
                let text = self.decoder.text();
                // Of what is too long only the start is known: it may be an echoed request.
                let starts = [b"{\"return\"".as_slice(), b"{\"error\"", b"{\"id\""];
                if starts.iter().any(|start| text.starts_with(start)) {
                    (State::InStep, Verdict::Error(ClientError::ResponseTooLong))
                } else {
                    (state, Verdict::GoOn)
                }
            }
            (_, Err(error), _) => Self::out_of_step(ClientError::Broken(error)),
        };
        match next {
            State::OutOfStep => self.reset(),
            next => self.state = next,
        }
        match verdict {
            Verdict::Synchronized => debug!("in step"),
            Verdict::Error(ClientError::ResponseTooLong) => warn!("response too long"),
            Verdict::Error(error) => warn!("out of step: {}", error),
            Verdict::GoOn | Verdict::Response => {}
        }
        verdict
    }

    const fn out_of_step(error: ClientError) -> (State, Verdict) {
        (State::OutOfStep, Verdict::Error(error))
    }
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
    Error(ClientError),
}

/// `{"execute": ..., "arguments": {...}, "id": ...}` LF. Some agents wait for the LF.
fn write_request(
    encoder: &mut Encoder<'_>,
    request: Execute<'_>,
    arguments: Option<impl FnOnce(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>>,
) -> Result<(), DoesNotFit> {
    encoder.value().object(|members| {
        members.member("execute").string(request.command)?;
        if let Some(arguments) = arguments {
            members.member("arguments").object(arguments)?;
        }
        match request.id {
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
        })
    }
}

impl Error for ExecuteError {}
