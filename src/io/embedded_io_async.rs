//! Ports of embedded-io-async 0.7.

use core::convert::Infallible;
use core::future::{Future, pending, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{BufRead, Read, Write};

use super::error::{IoError, some};
use crate::agent::{AgentOver, Service};
use crate::client::{ClientError, ClientOver, Reply, Verdict};
use crate::error::LineError;
use crate::frame::Buffer;

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
    /// Serves a port for as long as it works. Feature `embedded-io-async`.
    ///
    /// It reads a byte at a time, so that none is lost when the future is dropped: dropping it is safe if it is safe for
    /// the port's own read, write and flush. It begins with a flush, in case the previous future was dropped in one. For
    /// ports that have a buffer see [`run_buffered`](Self::run_buffered).
    ///
    /// It returns every error of the port. Call it again, but let other tasks run first: a closed port may report its end
    /// at every read.
    ///
    /// While a command owes its answer, nothing is read, so a closed port goes unnoticed. A
    /// [`poll_ready`](crate::Guest::poll_ready) that is ready while the command still blocks makes a busy loop, in which
    /// no other task runs.
    ///
    /// ```
    /// use embedded_io_async::{Read, Write};
    /// use guestwire::{Agent, Guest, io::IoError};
    ///
    /// /// `pause` waits a little, or until the port has something new to tell.
    /// async fn task<G: Guest, P: Read + Write>(guest: G, port: &mut P, pause: impl AsyncFn()) {
    ///     let mut agent: Agent<G, 256, 1024> = Agent::new(guest);
    ///     loop {
    ///         match agent.run(port).await {
    ///             Err(IoError::Ended) => agent.reset(), // the host has closed the port
    ///             Err(IoError::Port(_)) => agent.lost(), // bytes may be missing
    ///         }
    ///         pause().await;
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`IoError::Ended`] when the stream has ended: [`reset`](Self::reset) when it begins again. The port's error.
    pub async fn run<P: Read + Write>(&mut self, port: &mut P) -> Result<Infallible, IoError<P::Error>> {
        let mut buffer = [0];
        let mut is_flushed = false;
        loop {
            self.send(port, &mut is_flushed).await?;
            if self.asks_again().await {
                continue;
            }
            some(port.read(&mut buffer).await)?;
            // Nothing waits, for all has been sent.
            let [byte] = buffer;
            self.step(byte);
        }
    }

    /// The same for a port that has a buffer, which is taken from as a whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_buffered<P: BufRead + Write>(&mut self, port: &mut P) -> Result<Infallible, IoError<P::Error>> {
        let mut is_flushed = false;
        loop {
            self.send(port, &mut is_flushed).await?;
            if self.asks_again().await {
                continue;
            }
            let bytes = port.fill_buf().await.map_err(IoError::Port)?;
            some(Ok(bytes.len()))?;
            let taken = self.push_slice(bytes);
            port.consume(taken);
        }
    }

    /// Waits until a command that owes its answer is worth asking again, and asks it. Whether there was one.
    async fn asks_again(&mut self) -> bool {
        let owes = S::DEFERS && self.owes();
        if owes {
            poll_fn(|context| self.guest_mut().poll_ready(context)).await;
            self.retry();
        }
        owes
    }

    async fn send<P: Write>(&mut self, port: &mut P, is_flushed: &mut bool) -> Result<(), IoError<P::Error>> {
        while !self.transmit().is_empty() {
            *is_flushed = false;
            let count = some(port.write(self.transmit()).await)?;
            self.transmitted(count);
        }
        if !*is_flushed {
            port.flush().await.map_err(IoError::Port)?;
            *is_flushed = true;
        }
        Ok(())
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Sends what is to be sent, and waits for the reply. Feature `embedded-io-async`.
    ///
    /// The port comes in two halves, because it reads while it writes: an agent may have to send a response before it
    /// takes more. When a write ends, a read that waits for its first byte is dropped, so a read must lose nothing when it
    /// is dropped. A time-out of the executor drops it, too: then [`reset`](Self::reset) and synchronize.
    ///
    /// ```
    /// use embedded_io_async::{Read, Write};
    /// use guestwire::{Client, Reply};
    ///
    /// async fn is_healthy<R: Read, W: Write<Error = R::Error>>(rx: &mut R, tx: &mut W, random: i64) -> bool {
    ///     let mut client: Client<1024, 256> = Client::new();
    ///     client.synchronize(random);
    ///     if client.exchange(rx, tx).await.is_err() || client.execute("guest-ping").is_err() {
    ///         return false;
    ///     }
    ///     matches!(client.exchange(rx, tx).await, Ok(Reply::Return(_)))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ClientError`], [`IoError::Ended`] when the stream has ended, or the port's error.
    pub async fn exchange<I: Read, O: Write<Error = I::Error>>(
        &mut self,
        reader: &mut I,
        writer: &mut O,
    ) -> Result<Reply<'_>, LineError<ClientError, IoError<I::Error>>> {
        if !self.is_waiting() {
            return Err(LineError::Protocol(ClientError::NothingAsked));
        }
        let verdict = self.verdict(reader, writer).await.map_err(LineError::Port)?;
        match self.reply(verdict) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(LineError::Protocol(ClientError::Unexpected)),
            Err(error) => Err(LineError::Protocol(error)),
        }
    }

    async fn verdict<I: Read, O: Write<Error = I::Error>>(
        &mut self,
        reader: &mut I,
        writer: &mut O,
    ) -> Result<Verdict, IoError<I::Error>> {
        while !self.transmit().is_empty() {
            let mut piece = [0; 16];
            let count = piece.iter_mut().zip(self.transmit()).map(|(to, from)| *to = *from).count();
            let written = match self.read_beside(reader, writer.write(piece.get(..count).unwrap_or_default())).await? {
                Ok(written) => some(written)?,
                Err(verdict) => return Ok(verdict),
            };
            self.transmitted(written);
        }
        // Also where nothing was written: the future before may have been dropped while it flushed.
        match self.read_beside(reader, writer.flush()).await? {
            Ok(flushed) => flushed.map_err(IoError::Port)?,
            Err(verdict) => return Ok(verdict),
        }
        match self.read_beside(reader, pending::<Infallible>()).await? {
            Ok(never) => match never {},
            Err(verdict) => Ok(verdict),
        }
    }

    /// Takes bytes until `write` is done, or until they lead to a verdict.
    async fn read_beside<I: Read, W>(
        &mut self,
        reader: &mut I,
        write: impl Future<Output = W>,
    ) -> Result<Result<W, Verdict>, IoError<I::Error>> {
        let mut write = pin!(write);
        let mut byte = [0];
        loop {
            let read = {
                let mut read = pin!(reader.read(&mut byte));
                let either = poll_fn(|context| match write.as_mut().poll(context) {
                    Poll::Ready(written) => Poll::Ready(Err(written)),
                    Poll::Pending => read.as_mut().poll(context).map(Ok),
                });
                either.await
            };
            match read {
                Ok(read) => some(read)?,
                Err(written) => return Ok(Ok(written)),
            };
            let [byte] = byte;
            match self.step(byte) {
                Verdict::Nothing => {}
                verdict => return Ok(Err(verdict)),
            }
        }
    }
}
