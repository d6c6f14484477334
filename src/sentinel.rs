//! The byte that resynchronizes two ends.

/// The byte that drops whatever a parser holds: 0xFF, which no JSON text and no UTF-8 contains.
///
/// `guest-sync-delimited` is answered with one before the response (QEMU's `QGA_SENTINEL_BYTE`).
///
/// ```
/// use guestwire::{Decoder, Event, SENTINEL};
///
/// let mut decoder: Decoder<64> = Decoder::new();
/// assert_eq!(decoder.push_slice(b"{\"half").1, Ok(None));
/// assert_eq!(decoder.push(SENTINEL), Ok(Some(Event::Sentinel)));
/// ```
pub const SENTINEL: u8 = 0xFF;
