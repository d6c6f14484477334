//! Memory of the caller.

use core::ffi::c_char;
use core::str;

/// A string of C's, without its NUL. `None` for NULL.
///
/// # Safety
/// By the contract: a NUL ends it, and it stays as it is for `'a`.
pub(crate) unsafe fn bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    let mut length = 0_usize;
    // SAFETY: up to the NUL all bytes are there. The limit, which is never reached, keeps strlen out of small firmware.
    while length < isize::MAX as usize && unsafe { *text.wrapping_add(length) } != 0 {
        length = length.wrapping_add(1);
    }
    // SAFETY: so many are there, and nobody changes them.
    Some(unsafe { core::slice::from_raw_parts(text.cast(), length) })
}

/// The same, if it is UTF-8.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    // SAFETY: the caller's, and it was checked.
    unsafe { bytes(text).filter(|text| is_utf8(text)).map(|text| str::from_utf8_unchecked(text)) }
}

/// The same for a name: printable ASCII, and not empty.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn ascii<'a>(text: *const c_char) -> Option<&'a str> {
    // SAFETY: the caller's.
    let text = unsafe { bytes(text) }?;
    if text.is_empty() || !text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    // SAFETY: it is ASCII.
    Some(unsafe { str::from_utf8_unchecked(text) })
}

/// RFC 3629. `str::from_utf8` takes more than twice the flash.
fn is_utf8(mut text: &[u8]) -> bool {
    while let [lead, rest @ ..] = text {
        let (count, least) = match lead {
            0..0x80 => (0, 0),
            0xC0..0xE0 => (1, 0x80),
            0xE0..0xF0 => (2, 0x800),
            0xF0..0xF8 => (3, 0x1_0000),
            _ => return false,
        };
        let Some((others, rest)) = rest.split_at_checked(count) else { return false };
        let mut code = u32::from(*lead) & 0x7F_u32.unbounded_shr(lead.leading_ones());
        for other in others {
            if other & 0xC0 != 0x80 {
                return false;
            }
            code = code << 6 | u32::from(other & 0x3F);
        }
        if code < least || char::from_u32(code).is_none() {
            return false;
        }
        text = rest;
    }
    true
}

/// `None` for NULL, unless nothing is there, and for more than there can be.
///
/// # Safety
/// By the contract: so many bytes are there, and they stay as they are for `'a`.
pub(crate) unsafe fn slice<'a>(start: *const u8, length: usize) -> Option<&'a [u8]> {
    if length == 0 {
        return Some(&[]);
    }
    if start.is_null() || length > isize::MAX as usize {
        return None;
    }
    // SAFETY: so many are there, and nobody changes them.
    Some(unsafe { core::slice::from_raw_parts(start, length) })
}

/// The same to write to. `None` for nothing, too.
///
/// # Safety
/// By the contract: so many bytes are there, and they are this library's alone for `'a`.
pub(crate) unsafe fn slice_mut<'a>(start: *mut u8, length: usize) -> Option<&'a mut [u8]> {
    if start.is_null() || length == 0 || length > isize::MAX as usize {
        return None;
    }
    // SAFETY: so many are there, and nobody else uses them.
    Some(unsafe { core::slice::from_raw_parts_mut(start, length) })
}

/// Writes a result, unless C does not want it.
///
/// # Safety
/// By the contract: `place` is NULL, or a `T` can be written there.
pub(crate) unsafe fn give<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller's.
        unsafe { place.write(value) }
    }
}

/// What a function that gives bytes returns: where they are, NULL if there are none. How many is a result.
///
/// # Safety
/// As [`give`].
pub(crate) unsafe fn give_bytes(bytes: &[u8], length: *mut usize) -> *const u8 {
    // SAFETY: the caller's.
    unsafe { give(length, bytes.len()) };
    if bytes.is_empty() { core::ptr::null() } else { bytes.as_ptr() }
}

/// Whether two buffers share memory.
pub(crate) fn overlap(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (one.as_ptr_range(), other.as_ptr_range());
    one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_what_the_standard_library_takes_for_it() {
        // The bytes at which the rules change.
        let bytes = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF,
        ];
        for one in bytes {
            for two in bytes {
                for three in bytes {
                    for four in bytes {
                        let text = [one, two, three, four, one];
                        for length in 0..=text.len() {
                            let text = text.get(..length).unwrap_or_default();
                            assert_eq!(is_utf8(text), str::from_utf8(text).is_ok(), "{text:?}");
                        }
                    }
                }
            }
        }
    }
}
