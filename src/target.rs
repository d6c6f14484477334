//! What the crate is built for.

/// Where flash is worth more than time: on processors with short registers, and in firmware on any.
pub(crate) const FLASH_IS_SHORT: bool = cfg!(any(not(target_pointer_width = "64"), target_os = "none"));
