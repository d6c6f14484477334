//! Streams of embedded-io-async 0.7.

use core::convert::Infallible;
use core::future::{Future, pending, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{BufRead, Read, Write};

use super::error::{IoError, some};
use super::fault::Fault;
use super::policy::{Policy, of_stream};
use crate::agent::{AgentOver, Service};
use crate::client::{ClientError, ClientOver, Reply, Verdict};
use crate::error::LineError;
use crate::frame::Buffer;
use crate::offset::Offset;

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
    /// Serves a port for as long as it works. Feature `embedded-io-async`.
    ///
    /// `fault` says what an error of the port means; [`Fault::by_kind`] fits many ports. After a line error it goes on.
    ///
    /// It reads a byte at a time, so that none is lost when the future is dropped: dropping it is safe if it is safe for
    /// the port's own read, write and flush. It begins with a flush, in case the previous future was dropped in one. For
    /// ports that have a buffer see [`run_buffered`](Self::run_buffered).
    ///
    /// While a command owes its answer, nothing is read, so a closed port goes unnoticed. A
    /// [`poll_ready`](crate::Guest::poll_ready) that is ready while the command still blocks makes a busy loop, in which
    /// no other task runs.
    ///
    /// ```
    /// use embedded_io_async::{Read, Write};
    /// use guestwire::{Agent, Guest, io::{Fault, IoError}};
    ///
    /// /// `open` waits until the port is open, or a little.
    /// async fn task<G: Guest, P: Read + Write>(guest: G, port: &mut P, open: impl AsyncFn()) -> Result<(), P::Error> {
    ///     let mut agent: Agent<G, 256, 1024> = Agent::new(guest);
    ///     loop {
    ///         match agent.run(port, Fault::by_kind).await {
    ///             Err(IoError::Closed) => open().await,
    ///             Err(IoError::Port(error)) => return Err(error),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`IoError::Closed`] when the other end has gone: the agent has been reset, for the next one. Let other tasks run
    /// before you call it again: a closed port may report that at every read. The port's error, if it is fatal or one of
    /// [too many in a row](crate::io); nothing is lost by calling it again.
    pub async fn run<P: Read + Write>(
        &mut self,
        port: &mut P,
        fault: impl FnMut(&P::Error) -> Fault,
    ) -> Result<Infallible, IoError<P::Error>> {
        self.run_with(port, fault, async |agent, port| {
            let mut byte = [0];
            some(port.read(&mut byte).await)?;
            // Nothing waits, for all has been sent.
            let [byte] = byte;
            agent.step(byte);
            Ok(())
        })
        .await
    }

    /// Like [`run`](Self::run), for a port with a buffer: takes all that the buffer holds at once.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_buffered<P: BufRead + Write>(
        &mut self,
        port: &mut P,
        fault: impl FnMut(&P::Error) -> Fault,
    ) -> Result<Infallible, IoError<P::Error>> {
        self.run_with(port, fault, async |agent, port| {
            let bytes = port.fill_buf().await.map_err(IoError::Port)?;
            some(Ok(bytes.len()))?;
            let taken = agent.push_slice(bytes);
            port.consume(taken);
            Ok(())
        })
        .await
    }

    /// `receive` waits for bytes and takes them. Dropped before it is done, it has taken none.
    async fn run_with<P: Write>(
        &mut self,
        port: &mut P,
        fault: impl FnMut(&P::Error) -> Fault,
        mut receive: impl AsyncFnMut(&mut Self, &mut P) -> Result<(), IoError<P::Error>>,
    ) -> Result<Infallible, IoError<P::Error>> {
        let mut policy = Policy::new(of_stream(fault));
        let mut is_flushed = false;
        loop {
            while let bytes @ [_, ..] = self.transmit() {
                is_flushed = false;
                let written = {
                    let mut write = pin!(port.write(bytes));
                    poll_fn(|context| policy.watch(write.as_mut().poll(context))).await
                };
                match some(written) {
                    Ok(count) => {
                        policy.forget_errors();
                        self.transmitted(count);
                    }
                    Err(error) => policy.agent_wrote(self, error)?,
                }
            }
            while !is_flushed {
                let mut flush = pin!(port.flush());
                match poll_fn(|context| policy.watch(flush.as_mut().poll(context))).await {
                    Ok(()) => is_flushed = true,
                    Err(error) => policy.agent_wrote(self, IoError::Port(error))?,
                }
            }
            if S::DEFERS && self.owes() {
                poll_fn(|context| policy.watch(self.guest_mut().poll_ready(context))).await;
                self.retry();
                continue;
            }
            let received = {
                let mut receive = pin!(receive(self, port));
                poll_fn(|context| policy.watch(receive.as_mut().poll(context))).await
            };
            match received {
                Ok(()) => policy.forget_errors(),
                Err(error) => policy.agent_read(self, error)?,
            }
        }
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Sends what is to be sent, and waits for the reply. Feature `embedded-io-async`.
    ///
    /// `fault` says what an error of the port means; [`Fault::by_kind`] fits many ports.
    ///
    /// The port comes in two halves, because it reads while it writes: an agent may have to send a response before it
    /// takes more. When a write ends, a read that waits for its first byte is dropped, so a read must lose nothing when it
    /// is dropped. A time-out drops it, too, and no byte is lost: call this again to wait longer, or
    /// [`reset`](Self::reset) and synchronize.
    ///
    /// It reads a byte at a time; for a reader that has a buffer see [`exchange_buffered`](Self::exchange_buffered).
    ///
    /// ```
    /// use embedded_io_async::{Read, Write};
    /// use guestwire::{Client, Reply, io::Fault};
    ///
    /// async fn is_healthy<R: Read, W: Write<Error = R::Error>>(rx: &mut R, tx: &mut W, random: i64) -> bool {
    ///     let mut client: Client<1024, 256> = Client::new();
    ///     client.synchronize(random);
    ///     if client.exchange(rx, tx, Fault::by_kind).await.is_err() || client.execute("guest-ping").is_err() {
    ///         return false;
    ///     }
    ///     matches!(client.exchange(rx, tx, Fault::by_kind).await, Ok(Reply::Return(_)))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ClientError`], [`IoError::Closed`] when the other end has gone ([`reset`](Self::reset) tells whether that is what
    /// success looks like), or the port's error.
    pub async fn exchange<I: Read, O: Write<Error = I::Error>>(
        &mut self,
        reader: &mut I,
        writer: &mut O,
        fault: impl FnMut(&I::Error) -> Fault,
    ) -> Result<Reply<'_>, LineError<ClientError, IoError<I::Error>>> {
        self.exchange_with(reader, writer, &mut [0; 64], fault, async |client, reader| {
            let mut byte = [0];
            some(reader.read(&mut byte).await)?;
            let [byte] = byte;
            Ok(client.step(byte))
        })
        .await
    }

    /// Like [`exchange`](Self::exchange), for a reader with a buffer: takes all that the buffer holds at once.
    ///
    /// It writes at most 256 bytes at a time, and flushes, so wrap a writer whose writes are system calls in a buffer.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub async fn exchange_buffered<I: BufRead, O: Write<Error = I::Error>>(
        &mut self,
        reader: &mut I,
        writer: &mut O,
        fault: impl FnMut(&I::Error) -> Fault,
    ) -> Result<Reply<'_>, LineError<ClientError, IoError<I::Error>>> {
        self.exchange_with(reader, writer, &mut [0; 256], fault, async |client, reader| {
            let bytes = reader.fill_buf().await.map_err(IoError::Port)?;
            some(Ok(bytes.len()))?;
            let mut rest = bytes;
            let verdict = client.step_slice(&mut rest);
            let taken = Offset::of_rest(rest, bytes).index();
            reader.consume(taken);
            Ok(verdict)
        })
        .await
    }

    /// `receive` waits for bytes and takes them. Dropped before it is done, it has taken none. `piece` holds what is
    /// written, so that the client can receive meanwhile.
    async fn exchange_with<I: embedded_io::ErrorType, O: Write<Error = I::Error>>(
        &mut self,
        reader: &mut I,
        writer: &mut O,
        piece: &mut [u8],
        fault: impl FnMut(&I::Error) -> Fault,
        receive: impl AsyncFnMut(&mut Self, &mut I) -> Result<Option<Verdict>, IoError<I::Error>>,
    ) -> Result<Reply<'_>, LineError<ClientError, IoError<I::Error>>> {
        if !self.is_waiting() {
            return Err(LineError::Protocol(ClientError::NothingAsked));
        }
        let mut receiver = Receiver { reader, receive, policy: Policy::new(of_stream(fault)) };
        let verdict = receiver.verdict(self, writer, piece).await.map_err(LineError::Port)?;
        self.reply(verdict).map_err(LineError::Protocol)
    }
}

/// The half of the port that is read from, and how.
struct Receiver<'p, I, C, F> {
    reader: &'p mut I,
    receive: C,
    policy: Policy<F>,
}

impl<I, C, F> Receiver<'_, I, C, F> {
    async fn verdict<R: Buffer, T: Buffer, O: Write>(
        &mut self,
        client: &mut ClientOver<R, T>,
        writer: &mut O,
        piece: &mut [u8],
    ) -> Result<Verdict, IoError<O::Error>>
    where
        C: AsyncFnMut(&mut ClientOver<R, T>, &mut I) -> Result<Option<Verdict>, IoError<O::Error>>,
        F: FnMut(&mut IoError<O::Error>) -> Fault,
    {
        while !client.transmit().is_empty() {
            let count = piece.iter_mut().zip(client.transmit()).map(|(to, from)| *to = *from).count();
            let write = writer.write(piece.get(..count).unwrap_or_default());
            match self.receive_until(client, write).await? {
                Ok(written) => match some(written) {
                    Ok(count) => {
                        self.policy.forget_errors();
                        client.transmitted(count);
                    }
                    Err(error) => self.policy.client_wrote(error)?,
                },
                Err(verdict) => return Ok(verdict),
            }
        }
        // Also where nothing was written: the future before may have been dropped while it flushed.
        loop {
            match self.receive_until(client, writer.flush()).await? {
                Ok(Ok(())) => break,
                Ok(Err(error)) => self.policy.client_wrote(IoError::Port(error))?,
                Err(verdict) => return Ok(verdict),
            }
        }
        match self.receive_until(client, pending::<Infallible>()).await? {
            Ok(never) => match never {},
            Err(verdict) => Ok(verdict),
        }
    }

    /// Receives until `write` is done, or until there is a verdict.
    async fn receive_until<R: Buffer, T: Buffer, E, W>(
        &mut self,
        client: &mut ClientOver<R, T>,
        write: impl Future<Output = W>,
    ) -> Result<Result<W, Verdict>, IoError<E>>
    where
        C: AsyncFnMut(&mut ClientOver<R, T>, &mut I) -> Result<Option<Verdict>, IoError<E>>,
        F: FnMut(&mut IoError<E>) -> Fault,
    {
        let mut write = pin!(write);
        loop {
            let received = {
                let mut receive = pin!((self.receive)(client, self.reader));
                let either = poll_fn(|context| match write.as_mut().poll(context) {
                    Poll::Ready(written) => Poll::Ready(Err(written)),
                    Poll::Pending => self.policy.watch(receive.as_mut().poll(context)).map(Ok),
                });
                either.await
            };
            let verdict = match received {
                Err(written) => return Ok(Ok(written)),
                Ok(Ok(verdict)) => {
                    self.policy.forget_errors();
                    verdict
                }
                Ok(Err(error)) => self.policy.client_read(client, error)?,
            };
            if let Some(verdict) = verdict {
                return Ok(Err(verdict));
            }
        }
    }
}
