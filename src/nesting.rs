//! The open brackets of a frame, one bit each.

/// How many arrays and objects may be open at once. The 65th opening bracket is [`FrameError::TooDeep`].
///
/// RFC 8259 section 9 allows a parser to set such a limit; the reference agent's is 1024.
///
/// [`FrameError::TooDeep`]: crate::FrameError::TooDeep
pub const MAX_DEPTH: usize = 64;

/// What an open bracket opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Array,
    Object,
}

/// A stack of brackets. The innermost is the lowest bit of the first word; a set bit is an object.
///
/// Words of 16 bits, so that a decoder wastes none on alignment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nesting {
    words: [u16; 4],
    depth: u8,
}

impl Nesting {
    pub(crate) const fn new() -> Self {
        Self { words: [0; 4], depth: 0 }
    }

    pub(crate) const fn depth(&self) -> usize {
        self.depth as usize
    }

    /// The innermost open bracket.
    pub(crate) const fn innermost(&self) -> Option<Container> {
        let [inner, ..] = self.words;
        match (self.depth, inner & 1) {
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
        let mut carry = u16::from(container == Container::Object);
        for word in &mut self.words {
            (*word, carry) = (*word << 1 | carry, *word >> 15);
        }
        self.depth = self.depth.wrapping_add(1);
        Some(())
    }

    /// Closes the innermost bracket. `None`: it is of the other kind, or none is open.
    pub(crate) fn close(&mut self, container: Container) -> Option<()> {
        if self.innermost() != Some(container) {
            return None;
        }
        let mut carry = 0;
        for word in self.words.iter_mut().rev() {
            (*word, carry) = (*word >> 1 | carry, *word << 15);
        }
        self.depth = self.depth.wrapping_sub(1);
        Some(())
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
        assert_eq!(nesting.close(Container::Array), None);
        for level in 0..MAX_DEPTH {
            assert_eq!(nesting.open(kind(level)), Some(()));
        }
        assert_eq!(nesting.open(Container::Array), None, "one more than fits");
        for level in (0..MAX_DEPTH).rev() {
            let other = if kind(level) == Container::Object { Container::Array } else { Container::Object };
            assert_eq!(nesting.innermost(), Some(kind(level)));
            assert_eq!(nesting.close(other), None);
            assert_eq!(nesting.close(kind(level)), Some(()));
            assert_eq!(nesting.depth(), level);
        }
    }
}
