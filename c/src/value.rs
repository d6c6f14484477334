//! JSON values that were received.

use core::ffi::c_char;

use guestwire::CommandError;
use guestwire::commands::Bytes;
use guestwire::json::{Kind, Text, Value};

use crate::memory::{give, slice, slice_mut, text as utf8};

/// A JSON value of a frame, or of a reply: its text, which is part of the receive buffer. It is valid until the next byte is
/// pushed. Copy what you need longer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gw_value {
    /// JSON text, without a NUL at its end.
    pub json: *const c_char,
    /// How many bytes.
    pub length: usize,
}

/// The content of a JSON string, escapes included: part of the receive buffer, valid until the next byte is pushed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gw_text {
    /// The content, without a NUL at its end.
    pub escaped: *const c_char,
    /// How many bytes.
    pub length: usize,
}

/// What a value is.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum gw_kind {
    /// No value: NULL was passed.
    GW_KIND_NONE,
    /// null
    GW_KIND_NULL,
    /// true or false
    GW_KIND_BOOLEAN,
    /// Any number, whole or not.
    GW_KIND_NUMBER,
    /// A string.
    GW_KIND_STRING,
    /// An array.
    GW_KIND_ARRAY,
    /// An object.
    GW_KIND_OBJECT,
}

impl gw_value {
    pub(crate) const NONE: Self = Self { json: core::ptr::null(), length: 0 };

    pub(crate) fn of(value: Value<'_>) -> Self {
        let text = value.as_bytes();
        Self { json: text.as_ptr().cast(), length: text.len() }
    }

    /// # Safety
    /// By the contract: the text is still there.
    unsafe fn get<'a>(self) -> Option<Value<'a>> {
        // SAFETY: the caller's.
        unsafe { slice(self.json.cast(), self.length) }.filter(|text| !text.is_empty()).map(Value::new)
    }
}

impl gw_text {
    pub(crate) const NONE: Self = Self { escaped: core::ptr::null(), length: 0 };

    pub(crate) fn of(text: Text<'_>) -> Self {
        let escaped = text.as_escaped_bytes();
        Self { escaped: escaped.as_ptr().cast(), length: escaped.len() }
    }

    /// # Safety
    /// By the contract: the text is still there.
    unsafe fn get<'a>(self) -> Option<Text<'a>> {
        // SAFETY: the caller's.
        unsafe { slice(self.escaped.cast(), self.length) }.map(Text::new)
    }
}

/// Copies a text, with a NUL. Returns whether it fits and holds none.
pub(crate) fn copy(text: Text<'_>, place: &mut [u8]) -> bool {
    let mut places = place.iter_mut();
    for character in text.chars() {
        let mut utf8 = [0; 4];
        for byte in character.encode_utf8(&mut utf8).bytes() {
            match places.next() {
                Some(place) if byte != 0 => *place = byte,
                _ => return false,
            }
        }
    }
    places.next().map(|place| *place = 0).is_some()
}

/// Decodes base64. `None` if the bytes do not fit.
pub(crate) fn decode(text: Text<'_>, place: &mut [u8]) -> Result<Option<usize>, CommandError> {
    let mut bytes = Bytes::Received(text).decoded()?;
    let mut count = 0_usize;
    for (place, byte) in place.iter_mut().zip(&mut bytes) {
        *place = byte;
        count = count.wrapping_add(1);
    }
    Ok(bytes.next().is_none().then_some(count))
}

/// # Safety
/// By the contract: `place` is NULL, or can be written.
unsafe fn found<T>(place: *mut T, value: Option<T>) -> bool {
    let Some(value) = value.filter(|_| !place.is_null()) else { return false };
    // SAFETY: the caller's.
    unsafe { give(place, value) };
    true
}

/// What a value is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_kind(value: gw_value) -> gw_kind {
    // SAFETY: by the contract.
    match unsafe { value.get() }.map(|value| value.kind()) {
        None => gw_kind::GW_KIND_NONE,
        Some(Kind::Null) => gw_kind::GW_KIND_NULL,
        Some(Kind::Boolean) => gw_kind::GW_KIND_BOOLEAN,
        Some(Kind::Number) => gw_kind::GW_KIND_NUMBER,
        Some(Kind::String) => gw_kind::GW_KIND_STRING,
        Some(Kind::Array) => gw_kind::GW_KIND_ARRAY,
        Some(Kind::Object) => gw_kind::GW_KIND_OBJECT,
    }
}

/// Reads a whole number from -2^63 to 2^63 - 1, in any spelling: 1e2, too. False if the value is something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_integer(value: gw_value, integer: *mut i64) -> bool {
    // SAFETY: by the contract.
    unsafe { found(integer, value.get().and_then(|value| value.whole())) }
}

/// Reads a whole number from 0 to 2^64 - 1, in any spelling. False if the value is something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_unsigned(value: gw_value, number: *mut u64) -> bool {
    // SAFETY: by the contract.
    unsafe { found(number, value.get().and_then(|value| value.whole_unsigned())) }
}

/// Reads true or false. False if the value is something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_boolean(value: gw_value, boolean: *mut bool) -> bool {
    // SAFETY: by the contract.
    unsafe { found(boolean, value.get().and_then(|value| value.boolean())) }
}

/// Finds the content of a string. False if the value is something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_text(value: gw_value, text: *mut gw_text) -> bool {
    // SAFETY: by the contract.
    unsafe { found(text, value.get().and_then(|value| value.string()).map(gw_text::of)) }
}

/// Finds the member of that name. Returns false if the object has no such member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_member(object: gw_value, name: *const c_char, member: *mut gw_value) -> bool {
    // SAFETY: by the contract.
    unsafe {
        let value = object.get().zip(utf8(name)).and_then(|(object, name)| object.member(name));
        found(member, value.map(gw_value::of))
    }
}

/// Finds the element at an index, counted from 0. Returns false if the array is shorter. The time grows with the index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_element(array: gw_value, index: usize, element: *mut gw_value) -> bool {
    // SAFETY: by the contract.
    unsafe {
        let value = array.get().and_then(|array| array.elements()).and_then(|mut elements| elements.nth(index));
        found(element, value.map(gw_value::of))
    }
}

/// Finds the value at a JSON Pointer (RFC 6901): "/0/ip-addresses/0/ip-address". Returns false if it leads nowhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_value_pointer(value: gw_value, pointer: *const c_char, inner: *mut gw_value) -> bool {
    // SAFETY: by the contract.
    unsafe {
        let value = value.get().zip(utf8(pointer)).and_then(|(value, pointer)| value.pointer(pointer));
        found(inner, value.map(gw_value::of))
    }
}

/// Copies a text to `place`, an array of `size` bytes: UTF-8, without escapes, with a NUL after it. False if it does not fit
/// with its NUL, or holds a NUL. What the array holds then is unspecified.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_text_copy(text: gw_text, place: *mut c_char, size: usize) -> bool {
    // SAFETY: by the contract.
    unsafe { text.get().zip(slice_mut(place.cast(), size)) }.is_some_and(|(text, place)| copy(text, place))
}

/// Whether a text means the same as a string in UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_text_equals(text: gw_text, other: *const c_char) -> bool {
    // SAFETY: by the contract.
    unsafe { text.get().zip(utf8(other)) }.is_some_and(|(text, other)| text == *other)
}

/// Decodes base64 to `bytes`, an array of `size` bytes, and says in `length` how many there are. False if it is not base64,
/// or does not fit. What the array holds then is unspecified.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_text_base64(text: gw_text, bytes: *mut u8, size: usize, length: *mut usize) -> bool {
    // SAFETY: by the contract.
    unsafe {
        let decoded =
            text.get().zip(slice_mut(bytes, size)).and_then(|(text, bytes)| decode(text, bytes).ok().flatten());
        found(length, decoded)
    }
}
