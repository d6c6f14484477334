//! Ports of embedded-io-async 0.7.

use core::convert::Infallible;

use embedded_io_async::{BufRead, Read, Write};

use super::error::{IoError, some};
use crate::agent::{Agent, Guest};
use crate::client::{Client, ClientError, Reply, Verdict};
use crate::error::PollError;

impl<G: Guest, const RX: usize, const TX: usize> Agent<G, RX, TX> {
    /// Serves a port for as long as it works. Feature `embedded-io-async`.
    ///
    /// It reads a byte at a time, so that none is lost when the future is dropped: that is safe wherever it is for the
    /// port's own read and write. For ports that have a buffer see [`run_buffered`](Self::run_buffered).
    ///
    /// ```
    /// use embedded_io_async::{Read, Write};
    /// use guestwire::{Agent, Guest, IoError};
    ///
    /// async fn task<G: Guest, P: Read + Write>(guest: G, port: &mut P) {
    ///     let mut agent: Agent<G, 256, 1024> = Agent::new(guest);
    ///     while let Err(IoError::Ended) = agent.run(port).await {
    ///         agent.reset(); // the host has closed the port
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`IoError::Ended`] when the stream has ended: [`reset`](Self::reset) when it begins again. The port's error.
    pub async fn run<P: Read + Write>(&mut self, port: &mut P) -> Result<Infallible, IoError<P::Error>> {
        let mut byte = [0];
        loop {
            self.send(port).await?;
            some(port.read(&mut byte).await)?;
            // Nothing waits: all has been sent.
            let _ = self.push_slice(&mut &byte[..]);
        }
    }

    /// The same for a port that has a buffer, which is taken from as a whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_buffered<P: BufRead + Write>(&mut self, port: &mut P) -> Result<Infallible, IoError<P::Error>> {
        loop {
            self.send(port).await?;
            let mut bytes = port.fill_buf().await.map_err(IoError::Port)?;
            let there = some(Ok(bytes.len()))?;
            let _ = self.push_slice(&mut bytes);
            let left = bytes.len();
            port.consume(there.saturating_sub(left));
        }
    }

    async fn send<P: Write>(&mut self, port: &mut P) -> Result<(), IoError<P::Error>> {
        while !self.transmit().is_empty() {
            let count = some(port.write(self.transmit()).await)?;
            self.transmitted(count);
            if self.transmit().is_empty() {
                port.flush().await.map_err(IoError::Port)?;
            }
        }
        Ok(())
    }
}

impl<const RX: usize, const TX: usize> Client<RX, TX> {
    /// Sends what is to be sent, and waits for the reply. Feature `embedded-io-async`.
    ///
    /// When the executor's time-out drops it, [`timed_out`](Self::timed_out) and synchronize: bytes that come later are
    /// not lost, wherever the port's own read loses none.
    ///
    /// ```
    /// use embedded_io_async::{Read, Write};
    /// use guestwire::{Client, Reply};
    ///
    /// async fn is_healthy<P: Read + Write>(port: &mut P, random: i64) -> bool {
    ///     let mut client: Client<1024, 256> = Client::new();
    ///     client.synchronize(random);
    ///     if client.exchange(port).await.is_err() || client.execute("guest-ping").is_err() {
    ///         return false;
    ///     }
    ///     matches!(client.exchange(port).await, Ok(Reply::Return(_)))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ClientError`], [`IoError::Ended`] when the stream has ended, or the port's error.
    pub async fn exchange<P: Read + Write>(
        &mut self,
        port: &mut P,
    ) -> Result<Reply<'_>, PollError<ClientError, IoError<P::Error>>> {
        while !self.transmit().is_empty() {
            let count = some(port.write(self.transmit()).await).map_err(PollError::Port)?;
            self.transmitted(count);
            if self.transmit().is_empty() {
                port.flush().await.map_err(|error| PollError::Port(IoError::Port(error)))?;
            }
        }
        let mut byte = [0];
        let verdict = loop {
            some(port.read(&mut byte).await).map_err(PollError::Port)?;
            let [byte] = byte;
            match self.step(byte) {
                Verdict::GoOn => {}
                verdict => break verdict,
            }
        };
        match self.reply(verdict) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(PollError::Protocol(ClientError::Unexpected)),
            Err(error) => Err(PollError::Protocol(error)),
        }
    }
}
