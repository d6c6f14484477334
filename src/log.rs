//! Events for defmt. Without the feature nothing of them is there.

#[cfg(feature = "defmt")]
pub(crate) use defmt::{debug, trace, warn};

#[cfg(not(feature = "defmt"))]
macro_rules! discard {
    ($message:literal $(, $value:expr)*) => {{
        $(let _ = &$value;)*
    }};
}

#[cfg(not(feature = "defmt"))]
pub(crate) use {discard as debug, discard as trace, discard as warn};
