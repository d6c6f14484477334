//! One buffer of bytes on their way out.

use core::fmt;

/// A message being transmitted, and how much of it has been sent.
#[derive(Clone)]
pub(crate) struct Transmit<B> {
    buffer: B,
    gone: usize,
    length: usize,
}

impl<B> Transmit<B> {
    pub(crate) const fn new(buffer: B) -> Self {
        Self { buffer, gone: 0, length: 0 }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Transmit<B> {
    /// Replaces the message: `write` fills the buffer and returns the length.
    pub(crate) fn replace(&mut self, write: impl FnOnce(&mut [u8]) -> usize) {
        self.length = write(self.buffer.as_mut());
        self.gone = 0;
    }

    pub(crate) const fn clear(&mut self) {
        self.gone = 0;
        self.length = 0;
    }

    /// What has still to go.
    pub(crate) fn pending(&self) -> &[u8] {
        self.buffer.as_ref().get(self.gone..self.length).unwrap_or_default()
    }

    /// Gives bytes to `write` until it would block. A byte that it did not take is given again next time.
    pub(crate) fn write_to<E>(&mut self, mut write: impl FnMut(u8) -> nb::Result<(), E>) -> Result<(), E> {
        while let [byte, ..] = *self.pending() {
            match write(byte) {
                Ok(()) => self.advance(1),
                Err(nb::Error::WouldBlock) => break,
                Err(nb::Error::Other(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Marks the next `count` bytes as sent. A larger count means all of them.
    pub(crate) fn advance(&mut self, count: usize) {
        self.gone = self.gone.saturating_add(count).min(self.length);
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> fmt::Debug for Transmit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pending().escape_ascii())
    }
}
