//! How long a message can be.

/// The length of a message, and a place in it. Where pointers have 32 bits the smaller word saves memory.
#[cfg(target_pointer_width = "64")]
pub(crate) type Length = usize;
#[cfg(not(target_pointer_width = "64"))]
pub(crate) type Length = u16;

pub(crate) const MAX_LENGTH: usize = Length::MAX as usize;
