//! How long a message can be: as long as a slice. Where pointers have 32 bits, a smaller word saves memory.

pub(crate) use word::Length;

#[cfg(target_pointer_width = "64")]
mod word {
    /// The length of a message, or a place in it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Length(usize);

    impl Length {
        /// The length, or the longest that there can be.
        pub(crate) const fn at_most(length: usize) -> Self {
            Self(length)
        }

        pub(crate) const fn get(self) -> usize {
            self.0
        }

        pub(crate) const fn plus(self, more: usize) -> Self {
            Self(self.0.wrapping_add(more))
        }
    }
}

#[cfg(not(target_pointer_width = "64"))]
mod word {
    /// The length of a message, or a place in it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Length(u16);

    impl Length {
        /// The length, or the longest that there can be.
        pub(crate) const fn at_most(length: usize) -> Self {
            Self(if length > u16::MAX as usize { u16::MAX } else { length as u16 })
        }

        pub(crate) const fn get(self) -> usize {
            self.0 as usize
        }

        #[inline(always)] // opt-level z would keep calls that are longer than the addition
        pub(crate) const fn plus(self, more: usize) -> Self {
            Self(self.0.wrapping_add(more as u16))
        }
    }
}
