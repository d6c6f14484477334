//! The open brackets of a frame, one bit each.

use core::num::Wrapping;

/// How many arrays and objects may be open at once. The 65th opening bracket is [`FrameError::TooDeep`].
///
/// RFC 8259 section 9 allows a parser to set such a limit; the reference agent's is 1024.
///
/// [`FrameError::TooDeep`]: crate::frame::FrameError::TooDeep
///
/// ```
/// use guestwire::{Decoder, frame::{FrameError, MAX_DEPTH}};
///
/// let mut decoder: Decoder<128> = Decoder::new();
/// for _ in 0..MAX_DEPTH {
///     assert_eq!(decoder.push(b'['), Ok(None));
/// }
/// assert_eq!(decoder.push(b'['), Err(FrameError::TooDeep));
/// ```
pub const MAX_DEPTH: usize = 64;

/// What an open bracket opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Array,
    Object,
}

/// A stack of brackets, one bit each. The innermost is the lowest; a set bit is an object.
///
/// Packed: aligned to 8 bytes, it would cost a decoder 6 bytes of padding.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(2))]
pub(crate) struct Nesting {
    open: u64,
    depth: Wrapping<u8>,
}

impl Nesting {
    pub(crate) const fn new() -> Self {
        Self { open: 0, depth: Wrapping(0) }
    }

    pub(crate) const fn depth(&self) -> usize {
        self.depth.0 as usize
    }

    /// The innermost open bracket.
    pub(crate) const fn innermost(&self) -> Option<Container> {
        match (self.depth.0, self.open & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            _ => Some(Container::Object),
        }
    }

    /// Opens a bracket. `None`: there are [`MAX_DEPTH`] already.
    pub(crate) fn open(&mut self, container: Container) -> Option<()> {
        if self.depth() == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        self.open = self.open << 1 | u64::from(container == Container::Object);
        Some(())
    }

    /// Closes the innermost bracket, and tells the one around it.
    pub(crate) fn close(&mut self) -> Option<Container> {
        self.open >>= 1;
        self.depth -= 1;
        self.innermost()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_close_in_the_reverse_order_they_opened_in() {
        let kind = |level: usize| if level.is_multiple_of(3) { Container::Object } else { Container::Array };
        let mut nesting = Nesting::new();
        assert_eq!(nesting.innermost(), None);
        for level in 0..MAX_DEPTH {
            assert_eq!(nesting.open(kind(level)), Some(()));
            assert_eq!(nesting.innermost(), Some(kind(level)));
        }
        assert_eq!(nesting.open(Container::Array), None, "one more than fits");
        for level in (0..MAX_DEPTH).rev() {
            assert_eq!(nesting.close(), level.checked_sub(1).map(kind));
            assert_eq!(nesting.depth(), level);
        }
    }
}
