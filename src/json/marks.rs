//! Where the separators of an object are, noted as they go by so that its members need not be looked for.
//!
//! Only where registers have 64 bits. Elsewhere flash and memory are worth more than time, and these types are empty.

#[cfg(not(target_pointer_width = "64"))]
pub(crate) use nothing::{Marks, Separators};
#[cfg(target_pointer_width = "64")]
pub(crate) use noting::{Marks, Separators};

#[cfg(target_pointer_width = "64")]
mod noting {
    use core::fmt;

    use crate::offset::Offset;

    /// The offsets of an object's colons and commas, if there are no more than `N`.
    #[derive(Clone, Copy)]
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub(crate) struct Separators<const N: usize> {
        at: [Offset; N],
        count: u8,
    }

    impl<const N: usize> Separators<N> {
        pub(crate) const fn new() -> Self {
            Self { at: [Offset::START; N], count: 0 }
        }

        /// Forgets them. What is left in the array is dead.
        pub(crate) const fn clear(&mut self) {
            self.count = 0;
        }

        pub(crate) fn note(&mut self, at: Offset) {
            match self.at.get_mut(usize::from(self.count)) {
                Some(next) => {
                    *next = at;
                    self.count = self.count.wrapping_add(1);
                }
                None => self.count = u8::MAX,
            }
        }

        /// Whether there are more than could be noted.
        pub(crate) const fn are_too_many(&self) -> bool {
            N == 0 || self.count as usize > N
        }

        #[inline(always)]
        pub(crate) fn marks(&self) -> Marks<'_> {
            Marks(self.at.get(..usize::from(self.count)).unwrap_or_default())
        }
    }

    impl<const N: usize> fmt::Debug for Separators<N> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.marks().fmt(f)
        }
    }

    /// The separators still to come. None: there are no more, or more than could be noted.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub(crate) struct Marks<'s>(&'s [Offset]);

    impl Marks<'_> {
        /// The next colon, and the comma that ends its member unless it is the last.
        #[inline(always)] // into the loop over members, which keeps its state in registers
        pub(crate) fn next(&mut self) -> Option<(Offset, Option<Offset>)> {
            match *self.0 {
                [] => None,
                [colon] => Some((colon, None)),
                [colon, comma, ref rest @ ..] => {
                    self.0 = rest;
                    Some((colon, Some(comma)))
                }
            }
        }
    }
}

#[cfg(not(target_pointer_width = "64"))]
mod nothing {
    use core::marker::PhantomData;

    use crate::offset::Offset;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub(crate) struct Separators<const N: usize>;

    impl<const N: usize> Separators<N> {
        pub(crate) const fn new() -> Self {
            Self
        }

        pub(crate) const fn clear(&mut self) {}

        pub(crate) const fn note(&mut self, _: Offset) {}

        pub(crate) const fn are_too_many(&self) -> bool {
            true
        }

        pub(crate) const fn marks(&self) -> Marks<'_> {
            Marks(PhantomData)
        }
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub(crate) struct Marks<'s>(PhantomData<&'s ()>);

    impl Marks<'_> {
        pub(crate) const fn next(&mut self) -> Option<(Offset, Option<Offset>)> {
            None
        }
    }
}
