//! What comes means something else in each state of a client.

use super::error::ClientError;
use super::ids::Ids;
use crate::error::FrameError;
use crate::frame::{Buffer, DecoderOver, Signal, Stream, Streamed};
use crate::json::value::Value;
use crate::length::Length;
use crate::log::{debug, warn};
use crate::message::{ErrorResponse, RawResponse};
use crate::transmit::Transmit;

/// The client itself, over arrays of its own ([`Client`](super::Client)) or slices that are lent to it ([`ClientLent`](super::ClientLent)).
#[derive(Clone, Debug)]
pub struct ClientOver<R: Buffer, T: Buffer> {
    pub(super) state: State,
    pub(super) ids: Ids,
    pub(super) decoder: DecoderOver<R>,
    pub(super) transmit: Transmit<T>,
    pub(super) stream: Stream,
    /// Whether the frame that is open has given pieces.
    pub(super) has_pieces: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)] // so that out of step is 0, and a client's memory starts as zeros
pub(super) enum State {
    /// Whatever comes is dropped.
    OutOfStep,
    /// Whatever comes is dropped up to the sentinel.
    AwaitSentinel { id: i64 },
    /// After a sentinel: the next frame is the response to this synchronization, or to an earlier one.
    AwaitSyncReply { id: i64 },
    /// A synchronization without a sentinel in its response: frames are dropped up to the one that returns the number.
    AwaitPlainSyncReply { id: i64 },
    /// A request can be sent.
    Ready,
    /// A request was sent, with this `id` or without one.
    AwaitReply {
        id: Option<i64>,
        /// Whether the command says nothing when it succeeds.
        silent: bool,
        /// The members of the return value that are handed out in pieces.
        streamed: &'static [&'static str],
    },
}

/// What the decoder made of the bytes.
enum Received<'a> {
    Response(RawResponse<'a>),
    /// Any other frame: an echoed request, an event.
    Other,
    Sentinel,
    Broken(FrameError),
}

/// What a byte led to. It borrows nothing, so that a loop can go on after it; [`Client::reply`] makes a reply of it.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Synchronized,
    Piece(Streamed),
    Discarded,
    /// Where in the frame the return value or the error is.
    Response(Outcome, Span),
    Failed(ClientError),
}

#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Return,
    Error,
    Unattributed,
}

impl Verdict {
    pub(super) const fn failure(self) -> Result<(), ClientError> {
        match self {
            Self::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// A value's place in the frame.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    start: Length,
    end: Length,
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// What came means something else in each state.
    pub(super) fn judge(&mut self, signal: Signal) -> Option<Verdict> {
        let received = match signal {
            Signal::Nothing => return None,
            Signal::Piece => {
                self.has_pieces = true;
                return self.streamed().map(Verdict::Piece);
            }
            Signal::Sentinel => Received::Sentinel,
            Signal::Frame => RawResponse::parse(&self.decoder.frame()).map_or(Received::Other, Received::Response),
            Signal::Error(error) => Received::Broken(error),
        };
        let (next, verdict) = match self.state {
            State::OutOfStep | State::AwaitSentinel { .. } => self.stay(),
            State::AwaitSyncReply { id } => self.await_sync_reply(id, &received),
            State::AwaitPlainSyncReply { id } => self.await_plain_sync_reply(id, &received),
            State::Ready => self.ready(&received),
            State::AwaitReply { id: Some(id), .. } => self.await_reply(id, &received),
            State::AwaitReply { id: None, .. } => self.await_reply_without_id(&received),
        };
        match next {
            State::OutOfStep => self.leave_step(),
            next => self.state = next,
        }
        let verdict = match verdict {
            // An error beside a return value, and without `id`: the request still waits for its response.
            None | Some(Verdict::Response(Outcome::Unattributed, _)) if self.has_pieces => Some(Verdict::Discarded),
            verdict => verdict,
        };
        self.has_pieces = false;
        match verdict {
            Some(Verdict::Synchronized) => debug!("in step"),
            Some(Verdict::Failed(ClientError::ResponseTooLong)) => warn!("response too long"),
            Some(Verdict::Failed(error)) => warn!("out of step: {}", error),
            Some(Verdict::Response(Outcome::Unattributed, _)) => warn!("an error without id"),
            None | Some(Verdict::Response(..) | Verdict::Piece(_) | Verdict::Discarded) => {}
        }
        verdict
    }

    fn await_sync_reply(&self, id: i64, received: &Received<'_>) -> (State, Option<Verdict>) {
        match received {
            Received::Response(response) if response.synchronizes(id) => (State::Ready, Some(Verdict::Synchronized)),
            Received::Sentinel => self.stay(),
            // The first frame after the sentinel decides.
            _ => (State::AwaitSentinel { id }, None),
        }
    }

    fn await_plain_sync_reply(&self, id: i64, received: &Received<'_>) -> (State, Option<Verdict>) {
        match received {
            Received::Response(response) if response.synchronizes(id) => (State::Ready, Some(Verdict::Synchronized)),
            _ => self.stay(),
        }
    }

    /// Nothing was asked, but what was asked before and given up may be answered yet.
    fn ready(&self, received: &Received<'_>) -> (State, Option<Verdict>) {
        match received {
            Received::Response(RawResponse { id: Some(_), .. }) => self.stay(),
            // An agent's answer to noise.
            Received::Response(RawResponse { outcome: Err(_), .. }) if self.ids != Ids::Omitted => self.stay(),
            Received::Response(_) | Received::Sentinel => out_of_step(ClientError::Unexpected),
            Received::Other => self.stay(),
            Received::Broken(error) => out_of_step(ClientError::Broken(*error)),
        }
    }

    fn await_reply(&self, own: i64, received: &Received<'_>) -> (State, Option<Verdict>) {
        match received {
            Received::Response(response @ RawResponse { id: Some(id), .. }) => match id.integer() == Some(own) {
                true => self.deliver(response),
                false => self.stay(),
            },
            Received::Response(RawResponse { outcome: Err(error), .. }) => {
                (self.state, Some(Verdict::Response(Outcome::Unattributed, self.span(*error))))
            }
            Received::Response(_) => out_of_step(ClientError::IdMissing),
            Received::Sentinel => out_of_step(ClientError::Unexpected),
            Received::Other => self.stay(),
            Received::Broken(error) => self.broken_reply(*error),
        }
    }

    fn await_reply_without_id(&self, received: &Received<'_>) -> (State, Option<Verdict>) {
        match received {
            Received::Response(RawResponse { id: Some(_), .. }) => self.stay(),
            Received::Response(_) if !self.has_left() => out_of_step(ClientError::Unexpected),
            // It may answer noise, and the answer to the request may follow.
            Received::Response(RawResponse { outcome: Err(error), .. })
                if ErrorResponse::read(*error).class != "CommandNotFound" =>
            {
                (State::OutOfStep, Some(Verdict::Response(Outcome::Error, self.span(*error))))
            }
            Received::Response(response) => self.deliver(response),
            Received::Sentinel => out_of_step(ClientError::Unexpected),
            Received::Other => self.stay(),
            Received::Broken(error) => self.broken_reply(*error),
        }
    }

    /// Of a frame that is too long only the start is known: it may be an echoed request.
    fn broken_reply(&self, error: FrameError) -> (State, Option<Verdict>) {
        let is_too_long = error == FrameError::Overflow && self.decoder.is_between();
        let starts = [b"{\"return\"".as_slice(), b"{\"error\"", b"{\"id\""];
        if !is_too_long {
            out_of_step(ClientError::Broken(error))
        } else if !starts.iter().any(|start| self.decoder.text().starts_with(start)) {
            self.stay()
        } else if !self.has_left() {
            out_of_step(ClientError::Unexpected)
        } else if self.ids == Ids::Omitted && self.decoder.text().starts_with(b"{\"error\"") {
            // It may answer noise, and the answer to the request may follow.
            out_of_step(ClientError::ResponseTooLong)
        } else {
            (State::Ready, Some(Verdict::Failed(ClientError::ResponseTooLong)))
        }
    }

    fn deliver(&self, response: &RawResponse<'_>) -> (State, Option<Verdict>) {
        let (outcome, value) = match response.outcome {
            Ok(value) => (Outcome::Return, value),
            Err(error) => (Outcome::Error, error),
        };
        (State::Ready, Some(Verdict::Response(outcome, self.span(value))))
    }

    /// Where in the frame a value of it is.
    fn span(&self, value: Value<'_>) -> Span {
        let start = self.decoder.frame().value().place_of(value);
        let end = start.plus(value.as_bytes().len());
        Span { start: Length::at_most(start.index()), end: Length::at_most(end.index()) }
    }

    pub(super) fn value(&self, span: Span) -> Value<'_> {
        Value::new(self.decoder.text().get(span.start.get()..span.end.get()).unwrap_or_default())
    }
    /// What is handed out in pieces.
    pub(super) const fn streamed(&self) -> Option<Streamed> {
        match self.state {
            State::AwaitReply { streamed: members @ [_, ..], .. } => Some(Streamed { parent: "return", members }),
            _ => None,
        }
    }

    /// Whether all of the request but its LF was sent: an agent may answer before the LF.
    pub(super) fn has_left(&self) -> bool {
        self.transmit.pending().len() <= 1
    }

    const fn stay(&self) -> (State, Option<Verdict>) {
        (self.state, None)
    }

    pub(super) fn leave_step(&mut self) {
        self.state = State::OutOfStep;
        self.has_pieces = false;
        self.transmit.clear();
    }
}

const fn out_of_step(error: ClientError) -> (State, Option<Verdict>) {
    (State::OutOfStep, Some(Verdict::Failed(error)))
}
