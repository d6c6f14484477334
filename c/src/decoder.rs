//! The decoder.

use guestwire::Event;
use guestwire::frame::{DecoderLent, FrameError};

use crate::held::{Held, InUse};
use crate::memory::{give, slice, slice_mut};
use crate::value::gw_value;

/// What a byte led to.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum gw_event {
    /// Nothing yet.
    GW_EVENT_NONE,
    /// The byte 0xFF: an open frame has been dropped.
    GW_EVENT_SENTINEL,
    /// A whole frame.
    GW_EVENT_FRAME,
    /// Bytes between frames that cannot start a value.
    GW_EVENT_NOISE,
    /// The frame is not JSON (RFC 8259) or not UTF-8.
    GW_EVENT_SYNTAX,
    /// The frame nests deeper than 64 arrays and objects.
    GW_EVENT_TOO_DEEP,
    /// The frame is longer than the buffer.
    GW_EVENT_OVERFLOW,
    /// gw_decoder_lost was called in a frame, or where one may have begun.
    GW_EVENT_LOST,
    /// A pointer was NULL, or the decoder was not set up.
    GW_EVENT_MISUSE,
}

impl gw_event {
    const fn of(error: FrameError) -> Self {
        match error {
            FrameError::Noise => Self::GW_EVENT_NOISE,
            FrameError::Syntax => Self::GW_EVENT_SYNTAX,
            FrameError::TooDeep => Self::GW_EVENT_TOO_DEEP,
            FrameError::Overflow => Self::GW_EVENT_OVERFLOW,
            _ => Self::GW_EVENT_LOST,
        }
    }
}

/// The size of a gw_decoder in words of size_t: somewhat more than it takes today.
#[cfg(target_pointer_width = "64")]
pub const GW_DECODER_WORDS: usize = 16;
/// The size of a gw_decoder in words of size_t: somewhat more than it takes today.
#[cfg(not(target_pointer_width = "64"))]
pub const GW_DECODER_WORDS: usize = 8;

/// Cuts a stream of bytes into frames: JSON values, and the sentinel 0xFF. An agent and a client have one inside. 32
/// bytes on 32 bits, its buffer not counted, aligned as size_t. Static, or zeroed before the first gw_decoder_init. Do not
/// copy or move it.
#[repr(C)]
pub struct gw_decoder {
    /// Not yours.
    pub opaque: [usize; GW_DECODER_WORDS],
}

type Inner = Held<DecoderLent<'static>>;

const _: () = assert!(size_of::<Inner>() <= size_of::<gw_decoder>() && align_of::<Inner>() <= align_of::<gw_decoder>());

/// # Safety
/// The contract.
unsafe fn enter<'a>(decoder: *mut gw_decoder) -> Option<InUse<'a, DecoderLent<'static>>> {
    // SAFETY: the caller's.
    unsafe { Inner::enter(decoder.cast()) }
}

/// # Safety
/// By the contract: `frame` is NULL or can be written.
unsafe fn event(event: Result<Option<Event<'_>>, FrameError>, frame: *mut gw_value) -> gw_event {
    let (event, value) = match event {
        Ok(None) => (gw_event::GW_EVENT_NONE, gw_value::NONE),
        Ok(Some(Event::Sentinel)) => (gw_event::GW_EVENT_SENTINEL, gw_value::NONE),
        Ok(Some(Event::Frame(frame))) => (gw_event::GW_EVENT_FRAME, gw_value::of(frame.value())),
        Err(error) => (gw_event::of(error), gw_value::NONE),
    };
    // SAFETY: the caller's.
    unsafe { give(frame, value) };
    event
}

/// Makes a decoder. `buffer` holds the longest frame, whitespace between tokens not counted; on 32 bits at most 65535 bytes
/// of it are used. It is the decoder's until that is no longer used. False if a pointer is NULL or `size` is 0: there is no
/// decoder then, not even one that was there before.
#[unsafe(export_name = "gw_decoder_init_0_1")]
pub unsafe extern "C" fn gw_decoder_init(decoder: *mut gw_decoder, buffer: *mut u8, size: usize) -> bool {
    // SAFETY: by the contract.
    unsafe { Inner::set_up(decoder.cast(), || slice_mut(buffer, size).map(DecoderLent::new)) }
}

/// Takes one byte. With GW_EVENT_FRAME, `frame` is the frame. It may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_decoder_push(decoder: *mut gw_decoder, byte: u8, frame: *mut gw_value) -> gw_event {
    // SAFETY: by the contract.
    match unsafe { enter(decoder) } {
        // SAFETY: by the contract.
        Some(mut decoder) => unsafe { event(decoder.push(byte), frame) },
        None => gw_event::GW_EVENT_MISUSE,
    }
}

/// Takes bytes until one of them leads to something, and says in `taken` how many: all with GW_EVENT_NONE, none with
/// GW_EVENT_MISUSE. Call it again with the others. With GW_EVENT_FRAME, `frame` is the frame. It may be NULL, `taken` must
/// not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_decoder_push_slice(
    decoder: *mut gw_decoder,
    bytes: *const u8,
    length: usize,
    taken: *mut usize,
    frame: *mut gw_value,
) -> gw_event {
    // SAFETY: by the contract.
    match unsafe { (enter(decoder), slice(bytes, length)) } {
        (Some(mut decoder), Some(bytes)) if !taken.is_null() => {
            let (count, outcome) = decoder.push_slice(bytes);
            // SAFETY: by the contract.
            unsafe {
                give(taken, count);
                event(outcome, frame)
            }
        }
        _ => {
            // SAFETY: by the contract.
            unsafe { give(taken, 0) };
            gw_event::GW_EVENT_MISUSE
        }
    }
}

/// Says that bytes are missing here. GW_EVENT_LOST if a frame was open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_decoder_lost(decoder: *mut gw_decoder) -> gw_event {
    // SAFETY: by the contract.
    unsafe { enter(decoder) }.map_or(gw_event::GW_EVENT_MISUSE, |mut decoder| {
        decoder.lost().map_or_else(gw_event::of, |()| gw_event::GW_EVENT_NONE)
    })
}

/// Says that a byte came that is known to be wrong: GW_EVENT_SYNTAX or GW_EVENT_OVERFLOW if a frame was open,
/// GW_EVENT_NOISE on an idle line.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_decoder_corrupted(decoder: *mut gw_decoder) -> gw_event {
    // SAFETY: by the contract.
    unsafe { enter(decoder) }.map_or(gw_event::GW_EVENT_MISUSE, |mut decoder| {
        decoder.corrupted().map_or_else(gw_event::of, |()| gw_event::GW_EVENT_NONE)
    })
}

/// Forgets what was received: the port was closed or opened.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_decoder_reset(decoder: *mut gw_decoder) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(decoder) }.map(|mut decoder| decoder.reset()).is_some()
}

/// Whether a frame has begun and neither ended nor broken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_decoder_is_receiving(decoder: *mut gw_decoder) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(decoder) }.is_some_and(|decoder| decoder.is_receiving())
}
