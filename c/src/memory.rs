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
    // SAFETY: up to the NUL all bytes are there.
    while unsafe { *text.wrapping_add(length) } != 0 {
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
    // SAFETY: the caller's.
    unsafe { bytes(text) }.and_then(|text| str::from_utf8(text).ok())
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

/// Whether two buffers share memory.
pub(crate) fn overlap(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (one.as_ptr_range(), other.as_ptr_range());
    one.start < other.end && other.start < one.end
}
