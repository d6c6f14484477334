//! Ports of embedded-io 0.7 that can say whether they are ready.

use embedded_io::{Read, ReadReady, Write, WriteReady};

use super::error::{IoError, some};
use crate::agent::{AgentOver, Service};
use crate::client::{ClientError, ClientOver, Reply};
use crate::error::LineError;
use crate::frame::Buffer;

/// One byte, or none yet. A port that is ready does not block for one read.
fn read<P: Read + ReadReady>(port: &mut P) -> nb::Result<u8, IoError<P::Error>> {
    let mut byte = [0];
    if port.read_ready().map_err(IoError::Port)? {
        some(port.read(&mut byte))?;
        let [byte] = byte;
        Ok(byte)
    } else {
        Err(nb::Error::WouldBlock)
    }
}

fn write<P: Write + WriteReady>(port: &mut P, byte: u8) -> nb::Result<(), IoError<P::Error>> {
    if port.write_ready().map_err(IoError::Port)? {
        some(port.write(&[byte]))?;
        Ok(())
    } else {
        Err(nb::Error::WouldBlock)
    }
}

impl<S: Service, R: Buffer, T: Buffer> AgentOver<S, R, T> {
    /// Reads and writes until neither can go on before the port is ready again. Feature `embedded-io`.
    ///
    /// For a port that hands out its own buffer (`BufRead`), give that to [`push_slice`](Self::push_slice), and the number
    /// of bytes that it took to `consume`.
    ///
    /// # Errors
    /// [`IoError::Ended`] when the stream has ended: [`reset`](Self::reset) when it begins again. The port's error.
    pub fn poll_io<P>(&mut self, port: &mut P) -> Result<(), IoError<P::Error>>
    where
        P: Read + ReadReady + Write + WriteReady,
    {
        self.poll(port, read, write)
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Writes what is to be sent and reads until there is a reply. Feature `embedded-io`.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] while there is no reply, [`IoError`], or [`ClientError`].
    pub fn exchange_io<P>(&mut self, port: &mut P) -> nb::Result<Reply<'_>, LineError<ClientError, IoError<P::Error>>>
    where
        P: Read + ReadReady + Write + WriteReady,
    {
        self.write_to(|byte| write(port, byte)).map_err(LineError::Port)?;
        self.read_reply(|| read(port))
    }
}
