//! Places in a slice of bytes.

/// The place of a byte in a slice, counted from its start, or one past the last.
///
/// The step from one place to another is not checked: no slice is so long that it overflows. Whether there is a byte at
/// the place is checked where one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Offset(usize);

impl Offset {
    pub(crate) const START: Self = Self(0);

    pub(crate) const fn new(index: usize) -> Self {
        Self(index)
    }

    /// One past the last byte.
    pub(crate) const fn end(bytes: &[u8]) -> Self {
        Self(bytes.len())
    }

    /// The place in `bytes` at which the `rest` of them begins.
    pub(crate) const fn of_rest(rest: &[u8], bytes: &[u8]) -> Self {
        Self::end(bytes).minus(rest.len())
    }

    pub(crate) const fn index(self) -> usize {
        self.0
    }

    /// The place so many bytes further on.
    pub(crate) const fn plus(self, count: usize) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The place so many bytes further back.
    pub(crate) const fn minus(self, count: usize) -> Self {
        Self(self.0.wrapping_sub(count))
    }

    /// The byte here.
    pub(crate) fn byte(self, bytes: &[u8]) -> Option<u8> {
        bytes.get(self.0).copied()
    }

    /// The bytes from here to just before `end`. `None` if that lies before, or outside.
    pub(crate) fn until(self, end: Self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.0..end.0)
    }
}
