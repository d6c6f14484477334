//! Error responses.

use super::command::DOES_NOT_FIT;
use crate::json::encoder::{Encoder, TextEncoder};
use crate::json::value::Value;
use crate::message::Description;

/// The reference agent's error classes. libvirt skips what it asked for, without complaint, on `CommandNotFound`.
#[derive(Clone, Copy)]
pub(super) enum ErrorClass {
    GenericError,
    CommandNotFound,
}

/// What writes a description. By reference, so that there is one copy of what uses it.
pub(super) trait Describe {
    fn write(&self, to: &mut TextEncoder<'_, '_>);
}

impl Describe for Description<'_> {
    fn write(&self, to: &mut TextEncoder<'_, '_>) {
        let _ = Description::write(self, to);
    }
}

/// Writes an error response and returns its length: as it should be, or as much of it as fits, the `id` first.
pub(super) fn error_response(
    transmit: &mut [u8],
    mut id: Option<Value<'_>>,
    class: ErrorClass,
    description: &dyn Describe,
) -> usize {
    loop {
        let mut length = write_error(transmit, id, class, description);
        if length == 0 {
            length = write_error(transmit, id, class, const { &Description::fixed(DOES_NOT_FIT) });
        }
        if length > 0 || id.is_none() {
            return length;
        }
        id = None;
    }
}

/// 0 if it does not fit.
fn write_error(transmit: &mut [u8], id: Option<Value<'_>>, class: ErrorClass, description: &dyn Describe) -> usize {
    let mut encoder = Encoder::new(transmit);
    encoder.put(b"{");
    if let Some(id) = id {
        encoder.put(b"\"id\": ");
        encoder.put(id.as_bytes());
        encoder.put(b", ");
    }
    encoder.put(b"\"error\": {\"class\": \"");
    encoder.put(match class {
        ErrorClass::GenericError => b"GenericError",
        ErrorClass::CommandNotFound => b"CommandNotFound",
    });
    encoder.put(b"\", \"desc\": \"");
    description.write(&mut encoder.text());
    encoder.put(b"\"}}\n");
    encoder.as_bytes().len()
}
