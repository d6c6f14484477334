//! JSON values, written in steps.

use core::ffi::c_char;

use guestwire::agent::Responder;
use guestwire::commands::{Bytes, Encode};
use guestwire::json::{Encoder, ValueEncoder};

use crate::memory::{ascii, slice, text};

/// Writes the members of an object or the elements of an array. The library makes it, and it is valid until the handler, or
/// the function that it was given to, returns.
///
/// All functions take the member's name first: printable ASCII in an object, NULL in an array. They return false if the
/// value does not fit the transmit buffer, if it is not as it should be, or if the name is not. Nothing can be written from
/// then on: an agent answers with an error, and a client sends no request.
pub struct gw_writer<'w, 'e> {
    target: Target<'w, 'e>,
    /// Which of the open brackets are objects', the innermost in the lowest bit.
    objects: u32,
    /// How many brackets are open.
    depth: u32,
    state: State,
}

enum Target<'w, 'e> {
    Nothing,
    Response(Responder<'e>),
    Request(&'w mut Encoder<'e>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The value is being written.
    Open,
    Whole,
    /// A call was wrong.
    Wrong,
}

impl<'w, 'e> gw_writer<'w, 'e> {
    /// Writes nothing, yet.
    pub(crate) const fn new() -> Self {
        Self { target: Target::Nothing, objects: 0, depth: 0, state: State::Open }
    }

    /// Writes the members of a request's arguments.
    pub(crate) const fn members(encoder: &'w mut Encoder<'e>) -> Self {
        Self { target: Target::Request(encoder), objects: 1, depth: 1, state: State::Open }
    }

    /// Writes a return value.
    pub(crate) fn respond(&mut self, responder: Responder<'e>) {
        self.target = Target::Response(responder);
    }

    /// Whose response is to be written. Nothing can be written from then on.
    pub(crate) fn take_responder(&mut self) -> Option<Responder<'e>> {
        match core::mem::replace(&mut self.target, Target::Nothing) {
            Target::Response(responder) => Some(responder),
            _ => None,
        }
    }

    fn encoder(&mut self) -> Option<&mut Encoder<'e>> {
        match &mut self.target {
            Target::Nothing => None,
            Target::Response(responder) => Some(responder.encoder()),
            Target::Request(encoder) => Some(encoder),
        }
    }

    /// The return value's place, once.
    pub(crate) fn root(&mut self) -> Option<ValueEncoder<'_>> {
        let is_first = self.state == State::Open && self.depth == 0;
        self.state = if is_first { State::Whole } else { State::Wrong };
        if !is_first {
            return None;
        }
        Some(self.encoder()?.value())
    }

    /// Opens the return value.
    pub(crate) fn open_root(&mut self, is_object: bool) -> bool {
        let is_open = self.root().is_some_and(|place| open(place, is_object));
        if is_open {
            self.state = State::Open;
            (self.objects, self.depth) = (is_object.into(), 1);
        }
        is_open
    }

    /// Ends the value. Returns whether it is whole, or does not fit.
    pub(crate) fn end(&mut self) -> bool {
        let has_failed = |encoder: &mut Encoder<'_>| encoder.as_bytes().is_empty();
        if self.state == State::Open && self.encoder().is_some_and(has_failed) {
            return true;
        }
        if self.state == State::Open && self.depth == 1 {
            let is_object = self.objects & 1 != 0;
            if let Some(encoder) = self.encoder() {
                close(encoder, is_object);
            }
            self.state = State::Whole;
        }
        self.state == State::Whole
    }

    /// Whether all members of a request were written as they should be.
    pub(crate) fn has_members(&self) -> bool {
        self.state == State::Open && self.depth == 1
    }

    /// # Safety
    /// By the contract: `name` is NULL or a string.
    unsafe fn place(&mut self, name: *const c_char) -> Option<ValueEncoder<'_>> {
        let is_object = self.objects & 1 != 0;
        // SAFETY: the caller's.
        let name = if is_object { unsafe { ascii(name) } } else { name.is_null().then_some("") };
        if self.state != State::Open || self.depth == 0 || name.is_none() {
            self.state = State::Wrong;
        }
        let state = self.state;
        let (encoder, name) = (self.encoder()?, name?);
        match state {
            State::Open => Some(if is_object { encoder.member(name) } else { encoder.element() }),
            _ => None,
        }
    }

    /// # Safety
    /// As [`place`](Self::place).
    unsafe fn begin(&mut self, name: *const c_char, is_object: bool) -> bool {
        if self.depth >= u32::BITS {
            self.state = State::Wrong;
        }
        // SAFETY: the caller's.
        let is_open = unsafe { self.place(name) }.is_some_and(|place| open(place, is_object));
        if is_open {
            self.objects = self.objects << 1 | u32::from(is_object);
            self.depth = self.depth.wrapping_add(1);
        }
        is_open
    }
}

fn open(place: ValueEncoder<'_>, is_object: bool) -> bool {
    place.finish(if is_object { b"{" } else { b"[" }).is_ok()
}

fn close(encoder: &mut Encoder<'_>, is_object: bool) -> bool {
    encoder.value().finish(if is_object { b"}" } else { b"]" }).is_ok()
}

/// # Safety
/// By the contract: `writer` is NULL or valid.
unsafe fn place<'a, 'w: 'a, 'e: 'a>(writer: *mut gw_writer<'w, 'e>, name: *const c_char) -> Option<ValueEncoder<'a>> {
    // SAFETY: the caller's.
    unsafe { writer.as_mut()?.place(name) }
}

/// The value given is wrong.
///
/// # Safety
/// As [`place`].
unsafe fn wrong(writer: *mut gw_writer<'_, '_>) -> bool {
    // SAFETY: the caller's.
    if let Some(writer) = unsafe { writer.as_mut() } {
        writer.state = State::Wrong;
    }
    false
}

/// Writes a whole number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_put_integer(writer: *mut gw_writer<'_, '_>, name: *const c_char, value: i64) -> bool {
    // SAFETY: by the contract.
    unsafe { place(writer, name) }.is_some_and(|place| place.integer(value).is_ok())
}

/// Writes a whole number that is not negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_put_unsigned(writer: *mut gw_writer<'_, '_>, name: *const c_char, value: u64) -> bool {
    // SAFETY: by the contract.
    unsafe { place(writer, name) }.is_some_and(|place| place.unsigned(value).is_ok())
}

/// Writes so many thousandths as a number with a fraction: -1.250 for -1250. The guest agent's commands
/// have such numbers, and null, in what they return only, and never alone: so no other function has to do with them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_put_thousandths(writer: *mut gw_writer<'_, '_>, name: *const c_char, value: i64) -> bool {
    // SAFETY: by the contract.
    unsafe { place(writer, name) }.is_some_and(|place| place.thousandths(value).is_ok())
}

/// Writes true or false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_put_boolean(writer: *mut gw_writer<'_, '_>, name: *const c_char, value: bool) -> bool {
    // SAFETY: by the contract.
    unsafe { place(writer, name) }.is_some_and(|place| place.boolean(value).is_ok())
}

/// Writes null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_put_null(writer: *mut gw_writer<'_, '_>, name: *const c_char) -> bool {
    // SAFETY: by the contract.
    unsafe { place(writer, name) }.is_some_and(|place| place.null().is_ok())
}

/// Writes a string: UTF-8 that a NUL ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_put_string(
    writer: *mut gw_writer<'_, '_>,
    name: *const c_char,
    value: *const c_char,
) -> bool {
    // SAFETY: by the contract.
    unsafe {
        let Some(value) = text(value) else { return wrong(writer) };
        place(writer, name).is_some_and(|place| place.string(value).is_ok())
    }
}

/// Writes bytes as a base64 string. `bytes` may be NULL if `length` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_put_base64(
    writer: *mut gw_writer<'_, '_>,
    name: *const c_char,
    bytes: *const u8,
    length: usize,
) -> bool {
    // SAFETY: by the contract.
    unsafe {
        let Some(bytes) = slice(bytes, length) else { return wrong(writer) };
        place(writer, name).is_some_and(|place| Bytes::Plain(bytes).encode(place).is_ok())
    }
}

/// Begins an object. The members follow, then gw_end. At most 32 objects and arrays can be open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_begin_object(writer: *mut gw_writer<'_, '_>, name: *const c_char) -> bool {
    // SAFETY: by the contract.
    unsafe { writer.as_mut() }.is_some_and(|writer| unsafe { writer.begin(name, true) })
}

/// Begins an array. The elements follow, then gw_end. At most 32 objects and arrays can be open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_begin_array(writer: *mut gw_writer<'_, '_>, name: *const c_char) -> bool {
    // SAFETY: by the contract.
    unsafe { writer.as_mut() }.is_some_and(|writer| unsafe { writer.begin(name, false) })
}

/// Ends the innermost object or array that gw_begin_object or gw_begin_array has begun. The outermost, which the library has
/// begun, it ends itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_end(writer: *mut gw_writer<'_, '_>) -> bool {
    // SAFETY: by the contract.
    let Some(writer) = (unsafe { writer.as_mut() }) else { return false };
    if writer.state != State::Open || writer.depth < 2 {
        writer.state = State::Wrong;
        return false;
    }
    let is_object = writer.objects & 1 != 0;
    writer.objects >>= 1;
    writer.depth = writer.depth.wrapping_sub(1);
    writer.encoder().is_some_and(|encoder| close(encoder, is_object))
}
