//! The code in the guides, compiled and run as the documentation of empty modules.

#[doc = include_str!("../../buffers.md")]
pub mod buffers {}

#[doc = include_str!("../../commands.md")]
pub mod commands {}

#[doc = include_str!("../../dependencies.md")]
pub mod dependencies {}

#[doc = include_str!("../../doors.md")]
pub mod doors {}

#[doc = include_str!("../../line-faults.md")]
pub mod line_faults {}

#[doc = include_str!("../../loops.md")]
pub mod loops {}
