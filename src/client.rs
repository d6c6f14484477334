//! The host end: get in step, ask, and know which answer is whose.

use core::error::Error;
use core::fmt;

use crate::decoder::{Decoder, Event, Signal};
use crate::encoder::{Encoder, ValueEncoder};
use crate::error::{DoesNotFit, FrameError, PollError};
use crate::lexer::SENTINEL;
use crate::message::{Outcome, Response};
use crate::text::Text;
use crate::transmit::Transmit;
use crate::value::Value;

/// The host end of the wire.
///
/// `RX` is the longest response in bytes, whitespace between tokens not counted, 1 to 65535. `TX` is the longest
/// request, LF and sentinel counted, at least 80.
///
/// All I/O is the caller's, and so are time-outs: there is no clock inside. What a caller does:
///
/// 1. [`synchronize`](Self::synchronize), on every new connection and whenever the client is out of step;
/// 2. [`execute`](Self::execute), one request at a time;
/// 3. give what comes to [`push_slice`](Self::push_slice) until it gives a [`Reply`];
/// 4. when nothing comes for too long, [`timed_out`](Self::timed_out), then 1 again. Do not just send a request again:
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
/// client.execute("guest-get-time", |_| Ok(()))?;
/// assert_eq!(client.transmit(), b"{\"execute\": \"guest-get-time\"}\n");
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        done_at_end: bool,
    },
}

/// What came of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Both ends are in step.
    Synchronized,
    /// The command's return value.
    Return(Value<'a>),
    /// The command was not run, or failed.
    Error {
        /// `GenericError`, `CommandNotFound` (not there, or disabled), or another class of an older agent.
        class: Text<'a>,
        /// A sentence for people.
        desc: Text<'a>,
    },
}

/// Something came that is no answer to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The response is longer than `RX`. The request is over, and the client stays in step.
    ResponseTooLong,
    /// A broken frame. The client is out of step.
    Broken(FrameError),
    /// A response that nobody waits for, or a sentinel. The client is out of step.
    Unexpected,
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
/// use guestwire::Execute;
///
/// let shutdown = Execute::new("guest-shutdown").no_success_response().id(62);
/// # let _ = shutdown;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    command: &'a str,
    id: Option<i64>,
    done_at_end: bool,
}

impl<'a> Execute<'a> {
    /// A request for a command that responds.
    pub const fn new(command: &'a str) -> Self {
        Self { command, id: None, done_at_end: false }
    }

    /// With an `id`, to be sent back with the response: random, 63 bits, fresh for each request.
    ///
    /// No response to another request is then ever taken for this one's. Agents before QEMU 3.0 refuse it, so use it
    /// once a `guest-ping` with one was answered.
    pub const fn id(self, id: i64) -> Self {
        Self { id: Some(id), ..self }
    }

    /// For a command that says nothing when it succeeds: `guest-shutdown`, `guest-suspend-*`.
    ///
    /// It is done when the line ends, which [`Client::line_ended`] tells. Some agents do return `{}`.
    pub const fn no_success_response(self) -> Self {
        Self { done_at_end: true, ..self }
    }
}

impl<'a> From<Response<'a>> for Reply<'a> {
    fn from(response: Response<'a>) -> Self {
        match response.outcome {
            Outcome::Return(value) => Self::Return(value),
            Outcome::Error { class, desc } => Self::Error { class, desc },
        }
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
        const { assert!(TX >= LONGEST_SYNC, "TX is too small for a Client: it must hold guest-sync-delimited, 80 bytes") };
        Self { state: State::OutOfStep, decoder: Decoder::new(), transmit: Transmit::new() }
    }

    /// Starts to get in step: sends the sentinel and `guest-sync-delimited`, and drops whatever comes before the
    /// sentinel and the id that answer it.
    ///
    /// To be called in any state, as often as it takes, each time with another `id`: random, 63 bits. A request that
    /// was waiting is given up.
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
                write_request(&mut encoder, Execute::new(command), |arguments| {
                    arguments.object(|arguments| arguments.member("id").integer(id))
                })
            });
            written.map_or(0, |()| encoder.as_bytes().len())
        });
    }

    /// Sends a request. `arguments` writes the command's arguments, or nothing if it takes none.
    ///
    /// ```
    /// # use guestwire::{Client, Reply};
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(&mut &b"\xFF{\"return\": 7}"[..]).expect("in step");
    /// client.execute("guest-exec-status", |arguments| {
    ///     arguments.object(|arguments| arguments.member("pid").integer(812))
    /// })?;
    /// # Ok::<(), guestwire::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn execute<'e>(
        &mut self,
        request: impl Into<Execute<'e>>,
        arguments: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>,
    ) -> Result<(), ExecuteError> {
        match self.state {
            State::InStep => {}
            State::Response { .. } => return Err(ExecuteError::Waiting),
            _ => return Err(ExecuteError::OutOfStep),
        }
        let request = request.into();
        self.transmit.replace(|transmit| {
            let mut encoder = Encoder::new(transmit);
            write_request(&mut encoder, request, arguments).map_or(0, |()| encoder.as_bytes().len())
        });
        if self.transmit().is_empty() {
            return Err(ExecuteError::DoesNotFit);
        }
        self.state = State::Response { id: request.id, done_at_end: request.done_at_end };
        Ok(())
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`ClientError`]: whether the client is still in step stands there.
    pub fn push(&mut self, byte: u8) -> Result<Option<Reply<'_>>, ClientError> {
        self.push_slice(&mut core::slice::from_ref(&byte))
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
            match self.step_slice(&mut core::slice::from_ref(&byte)) {
                Verdict::GoOn => {}
                verdict => break verdict,
            }
        };
        match self.reply(verdict) {
            Ok(reply) => reply.ok_or(nb::Error::WouldBlock),
            Err(error) => Err(nb::Error::Other(PollError::Protocol(error))),
        }
    }

    /// Gives bytes to `write` until it would block or all have gone. A byte that it did not take is given again.
    ///
    /// # Errors
    /// The port's own. That `write` would block is none.
    pub fn poll_write<E>(&mut self, write: impl FnMut(u8) -> nb::Result<(), E>) -> Result<(), E> {
        self.transmit.poll(write)
    }

    pub(crate) fn step_slice(&mut self, bytes: &mut &[u8]) -> Verdict {
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
                Ok(Some(Event::Frame(frame))) => Ok(Response::parse(&frame).map(Reply::from)),
                _ => Ok(None),
            },
            Verdict::Error(error) => Err(error),
        }
    }

    /// The bytes to be transmitted next.
    pub fn transmit(&self) -> &[u8] {
        self.transmit.pending()
    }

    /// Says that the first `count` bytes of [`transmit`](Self::transmit) have gone; more than there are is all of them.
    pub fn transmitted(&mut self, count: usize) {
        self.transmit.advance(count);
    }

    /// Whether a request can be sent, or its response is awaited.
    pub const fn is_in_step(&self) -> bool {
        matches!(self.state, State::InStep | State::Response { .. })
    }

    /// For a caller that has waited long enough: the link is dirty, and the next thing must be to synchronize.
    ///
    /// The request that was waiting may have been run all the same.
    pub fn timed_out(&mut self) {
        self.reset();
    }

    /// For a port that was closed or opened: the next thing must be to synchronize.
    pub fn reset(&mut self) {
        self.state = State::OutOfStep;
        self.transmit.clear();
    }

    /// For bytes known to be missing (an overrun, a framing error): a response that was awaited, or whatever it is that
    /// came, can no longer be told.
    ///
    /// # Errors
    /// [`ClientError::Broken`] with [`FrameError::Lost`] if the client was in step. It is no longer.
    pub fn lost(&mut self) -> Result<(), ClientError> {
        let in_step = self.is_in_step();
        self.state = match self.state {
            State::SynchronizedId { id } => State::Sentinel { id },
            state if !in_step => state,
            _ => State::OutOfStep,
        };
        if in_step { Err(ClientError::Broken(FrameError::Lost)) } else { Ok(()) }
    }

    /// For a line that ended: as [`reset`](Self::reset), and says whether that was the answer, to a request for a
    /// command without success response.
    pub fn line_ended(&mut self) -> bool {
        let done = matches!(self.state, State::Response { done_at_end: true, .. });
        self.reset();
        done
    }

    fn skip_to_sentinel(&mut self, bytes: &mut &[u8], id: i64) {
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
        let (next, verdict) = match (self.state, event) {
            (state, Ok(None)) => (state, Verdict::GoOn),
            (State::SynchronizedId { id } | State::PlainId { id }, _) if response.is_some_and(|it| it.returns(id)) => {
                (State::InStep, Verdict::Synchronized)
            }
            (State::SynchronizedId { id }, Ok(Some(Event::Sentinel))) => (State::SynchronizedId { id }, Verdict::GoOn),
            (State::SynchronizedId { id }, _) => (State::Sentinel { id }, Verdict::GoOn),
            (State::PlainId { id }, _) => (State::PlainId { id }, Verdict::GoOn),
            (State::Response { .. }, Err(FrameError::Overflow)) => {
                (State::InStep, Verdict::Error(ClientError::ResponseTooLong))
            }
            (_, Err(error)) => (State::OutOfStep, Verdict::Error(ClientError::Broken(error))),
            (state, Ok(Some(Event::Frame(_)))) => match (state, response) {
                // Not a response: an echoed request, an event.
                (state, None) => (state, Verdict::GoOn),
                (State::Response { id, .. }, Some(response)) if response.answers(id) => {
                    (State::InStep, Verdict::Response)
                }
                // A late response to a request that had an id can be mistaken for no other.
                (state, Some(response)) if response.id.is_some() => (state, Verdict::GoOn),
                _ => (State::OutOfStep, Verdict::Error(ClientError::Unexpected)),
            },
            (_, Ok(Some(Event::Sentinel))) => (State::OutOfStep, Verdict::Error(ClientError::Unexpected)),
        };
        self.state = next;
        verdict
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

impl Response<'_> {
    /// Whether it is the response to a synchronization with that id.
    fn returns(&self, id: i64) -> bool {
        match self.outcome {
            Outcome::Return(value) => self.id.is_none() && value.integer() == Some(id),
            Outcome::Error { .. } => false,
        }
    }

    /// Whether it is the response to a request with that `id`, or to one without.
    fn answers(&self, id: Option<i64>) -> bool {
        match (id, self.id) {
            (None, None) => true,
            (Some(id), Some(received)) => received.integer() == Some(id),
            _ => false,
        }
    }
}

/// `{"execute": ..., "arguments": ..., "id": ...}` LF. Some agents wait for the LF.
fn write_request(
    encoder: &mut Encoder<'_>,
    request: Execute<'_>,
    arguments: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>,
) -> Result<(), DoesNotFit> {
    encoder.value().object(|members| {
        members.member("execute").string(request.command)?;
        arguments(members.member("arguments"))?;
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
