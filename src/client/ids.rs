//! Which `id` a request has.

/// Numbers have 48 bits: agents built on cJSON print 15 significant digits.
const LARGEST: i64 = (1 << 48) - 1;

/// The `id` of the last request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    /// The next is one more, or 0 after the largest.
    Counted { last: i64 },
    /// For agents that refuse it or do not return it.
    Omitted,
}

impl Ids {
    pub(super) const fn new() -> Self {
        Self::Counted { last: 0 }
    }

    pub(super) const fn next(self) -> Self {
        match self {
            Self::Counted { last } => Self::Counted { last: last.wrapping_add(1) & LARGEST },
            Self::Omitted => Self::Omitted,
        }
    }

    pub(super) const fn last(self) -> Option<i64> {
        match self {
            Self::Counted { last } => Some(last),
            Self::Omitted => None,
        }
    }

    /// Counts on from the number of a synchronization, if that is larger, and returns the number.
    pub(super) fn synchronize(&mut self, id: i64) -> i64 {
        let id = id & LARGEST;
        if let Self::Counted { last } = self {
            *last = id.max(*last);
        }
        id
    }
}
