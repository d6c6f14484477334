//! What a handler is given: a request's arguments to read, then a response to give.

use core::ffi::{c_char, c_void};
use core::ptr;

use guestwire::commands::{Bytes, Encode};
use guestwire::json::{DoesNotFit, ValueEncoder};
use guestwire::message::{Argument, ArgumentError, Arguments};
use guestwire::{Call, CommandError, CommandResult};

use crate::memory::{ascii, give, slice, slice_mut, text};
use crate::value::{copy, decode};
use crate::writer::gw_writer;

/// The function of a command. It reads arguments (gw_arg_*), calls gw_ready, acts, and gives one answer: gw_return_*,
/// gw_fail or gw_defer.
///
/// Once a call has returned false, everything else it does with `call` returns false, too: it just returns, and the agent
/// answers with an error that says what was wrong.
pub type gw_handler = Option<unsafe extern "C" fn(context: *mut c_void, call: *mut gw_call<'_>)>;

/// A request that reached its handler. It is valid until the handler returns.
pub struct gw_call<'c> {
    /// Until the arguments have been read.
    call: Option<Call<'c>>,
    /// Where in the arguments a reading function is.
    scope: Scope<'c>,
    writer: gw_writer<'c, 'c>,
    /// What the handler has answered, unless it is what it has written.
    outcome: Option<CommandResult>,
}

/// What the names are those of. The pointers are to locals of the functions that run `read` functions of C's.
#[derive(Clone, Copy)]
enum Scope<'c> {
    Arguments,
    Object(*mut Arguments<'c>),
    Element(*const Argument<'c>),
}

/// What the agent answers if a handler calls functions in the wrong order, or with values that are wrong.
const MISUSE: CommandError = CommandError::Failed("Internal error in the command");

impl<'c> gw_call<'c> {
    pub(crate) fn run(call: Call<'c>, handler: gw_handler, context: *mut c_void) -> CommandResult {
        let Some(handler) = handler else { return Err(MISUSE) };
        let (scope, writer) = (Scope::Arguments, gw_writer::new());
        let mut call = Self { call: Some(call), scope, writer, outcome: None };
        // SAFETY: by the contract.
        unsafe { handler(context, &raw mut call) };
        if let Some(outcome) = call.outcome {
            return outcome;
        }
        if !call.writer.end() {
            return Err(MISUSE);
        }
        call.writer.take_responder().ok_or(MISUSE)?.end()
    }

    /// Ends with an error, unless it has ended. Always false.
    fn fail(&mut self, error: CommandError) -> bool {
        self.outcome.get_or_insert(Err(error));
        false
    }

    fn misuse(&mut self) -> bool {
        self.fail(MISUSE)
    }

    /// What the names are those of, and where that is. NULL: nothing can be read.
    fn scope(&mut self) -> (Scope<'c>, *mut Arguments<'c>) {
        let arguments = match (self.scope, &mut self.call) {
            _ if self.outcome.is_some() => return (Scope::Arguments, ptr::null_mut()),
            (Scope::Object(object), _) => object,
            (Scope::Arguments, Some(call)) => &raw mut *call.arguments,
            _ => ptr::null_mut(),
        };
        (self.scope, arguments)
    }

    /// Says that the arguments have been read, if nobody has.
    fn ready(&mut self) -> bool {
        if self.outcome.is_some() || !matches!(self.scope, Scope::Arguments) {
            return self.misuse();
        }
        match self.call.take().map(Call::respond) {
            None => {}
            Some(Ok(responder)) => self.writer.respond(responder),
            Some(Err(error)) => return self.fail(error),
        }
        true
    }

    /// Where the return value is to be written.
    fn root(&mut self) -> Option<ValueEncoder<'_>> {
        if self.ready() { self.writer.root() } else { None }
    }
}

/// Hands an argument to `read`, where it is: to move it would link memcpy, which is large.
///
/// # Safety
/// By the contract: `call` is NULL or valid, `name` as at [`gw_arg_integer`], and `is_present` NULL or to be written.
unsafe fn visit<'c>(
    call: *mut gw_call<'c>,
    name: *const c_char,
    is_present: Option<*mut bool>,
    read: &mut dyn FnMut(&Argument<'c>) -> Result<(), CommandError>,
) -> bool {
    // SAFETY: the caller's. Nothing is borrowed from `call` while `read` runs.
    let Some((scope, arguments)) = (unsafe { call.as_mut() }).map(gw_call::scope) else { return false };
    // SAFETY: the caller's. What the scope and `arguments` point to is there, and only used here.
    let (known, arguments) = unsafe { (ascii(name), arguments.as_mut()) };
    let outcome = match (scope, known, arguments) {
        // SAFETY: as before.
        (Scope::Element(element), ..) if name.is_null() => read(unsafe { &*element }),
        (_, Some(name), Some(arguments)) => {
            let found = arguments.get(name);
            if let (Some(is_present), Ok(found)) = (is_present, &found) {
                // SAFETY: the caller's.
                unsafe { give(is_present, found.is_some()) };
            }
            match &found {
                Ok(Some(argument)) => read(argument),
                Ok(None) if is_present.is_some() => Ok(()),
                Ok(None) => Err(arguments.missing(name).into()),
                Err(error) => Err((*error).into()),
            }
        }
        _ => Err(MISUSE),
    };
    // SAFETY: the caller's.
    let call = unsafe { &mut *call };
    match outcome {
        Ok(()) => call.outcome.is_none(),
        Err(error) => call.fail(error),
    }
}

/// Reads an argument to where C wants it.
///
/// # Safety
/// As [`visit`], and `place` is NULL or a `T` can be written there.
unsafe fn read<'c, T>(
    call: *mut gw_call<'c>,
    name: *const c_char,
    place: *mut T,
    is_present: Option<*mut bool>,
    read: fn(&Argument<'c>) -> Result<T, ArgumentError<'c>>,
) -> bool {
    let mut read = |argument: &Argument<'c>| {
        if place.is_null() {
            return Err(MISUSE);
        }
        // SAFETY: the caller's.
        unsafe { place.write(read(argument)?) };
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { visit(call, name, is_present, &mut read) }
}

/// # Safety
/// As [`read`].
unsafe fn read_string(
    call: *mut gw_call<'_>,
    name: *const c_char,
    place: *mut c_char,
    size: usize,
    is_present: Option<*mut bool>,
) -> bool {
    let mut read = |argument: &Argument<'_>| {
        // SAFETY: the caller's.
        let place = unsafe { slice_mut(place.cast(), size) }.ok_or(MISUSE)?;
        if copy(argument.string()?, place) { Ok(()) } else { Err(argument.invalid().into()) }
    };
    // SAFETY: the caller's.
    unsafe { visit(call, name, is_present, &mut read) }
}

/// # Safety
/// As [`read`].
unsafe fn read_base64(
    call: *mut gw_call<'_>,
    name: *const c_char,
    place: *mut u8,
    size: usize,
    length: *mut usize,
    is_present: Option<*mut bool>,
) -> bool {
    let mut read = |argument: &Argument<'_>| {
        // SAFETY: the caller's.
        let place = unsafe { slice_mut(place, size) }.filter(|_| !length.is_null()).ok_or(MISUSE)?;
        let count = decode(argument.string()?, place)?.ok_or_else(|| argument.invalid())?;
        // SAFETY: the caller's.
        unsafe { length.write(count) };
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { visit(call, name, is_present, &mut read) }
}

/// # Safety
/// As [`visit`], and `read` may be called.
unsafe fn read_object<'c>(
    call: *mut gw_call<'c>,
    name: *const c_char,
    read: gw_handler,
    context: *mut c_void,
    is_present: Option<*mut bool>,
) -> bool {
    let mut visitor = |argument: &Argument<'c>| {
        let read = read.ok_or(MISUSE)?;
        argument.object(|members| {
            // SAFETY: the caller's. The scope ends before the members do.
            unsafe {
                let around = ptr::replace(&raw mut (*call).scope, Scope::Object(members));
                read(context, call);
                (*call).scope = around;
            }
            Ok(())
        })?;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { visit(call, name, is_present, &mut visitor) }
}

/// # Safety
/// As [`read_object`].
unsafe fn read_array<'c>(
    call: *mut gw_call<'c>,
    name: *const c_char,
    read: gw_handler,
    context: *mut c_void,
    is_present: Option<*mut bool>,
) -> bool {
    let mut visitor = |argument: &Argument<'c>| {
        let read = read.ok_or(MISUSE)?;
        for element in argument.array()? {
            // SAFETY: the caller's. The scope ends before the element does.
            unsafe {
                let around = ptr::replace(&raw mut (*call).scope, Scope::Element(&raw const element));
                read(context, call);
                (*call).scope = around;
                if (*call).outcome.is_some() {
                    break;
                }
            }
        }
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { visit(call, name, is_present, &mut visitor) }
}

/// Reads a whole number from -2^63 to 2^63 - 1.
///
/// All functions that read take the argument's name: printable ASCII, a string literal or what else outlives the handler,
/// for the agent's error has the name in it. In a function that gw_arg_array calls, NULL is the element. If the argument is
/// missing, of another type or out of range, they return false and leave `value` alone. Then just return: the agent's answer
/// says what is wrong with the argument, and gw_fail comes too late.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_arg_integer(call: *mut gw_call<'_>, name: *const c_char, value: *mut i64) -> bool {
    // SAFETY: by the contract.
    unsafe { read(call, name, value, None, Argument::integer) }
}

/// Reads a whole number, if it is there. If not, that is no failure: `value` is left alone, so give it its default before.
/// `is_present` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_opt_integer(
    call: *mut gw_call<'_>,
    name: *const c_char,
    value: *mut i64,
    is_present: *mut bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read(call, name, value, Some(is_present), Argument::integer) }
}

/// Reads a whole number from 0 to 2^64 - 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_arg_unsigned(call: *mut gw_call<'_>, name: *const c_char, value: *mut u64) -> bool {
    // SAFETY: by the contract.
    unsafe { read(call, name, value, None, Argument::unsigned) }
}

/// Reads a whole number from 0 on, if it is there: see gw_opt_integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_opt_unsigned(
    call: *mut gw_call<'_>,
    name: *const c_char,
    value: *mut u64,
    is_present: *mut bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read(call, name, value, Some(is_present), Argument::unsigned) }
}

/// Reads true or false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_arg_boolean(call: *mut gw_call<'_>, name: *const c_char, value: *mut bool) -> bool {
    // SAFETY: by the contract.
    unsafe { read(call, name, value, None, Argument::boolean) }
}

/// Reads true or false, if it is there: see gw_opt_integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_opt_boolean(
    call: *mut gw_call<'_>,
    name: *const c_char,
    value: *mut bool,
    is_present: *mut bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read(call, name, value, Some(is_present), Argument::boolean) }
}

/// Copies a string to `text`, an array of `size` bytes: UTF-8, without escapes, with a NUL after it. Fails if it does not fit
/// with its NUL, or holds a NUL. What the array holds then is unspecified.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_arg_string(
    call: *mut gw_call<'_>,
    name: *const c_char,
    text: *mut c_char,
    size: usize,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_string(call, name, text, size, None) }
}

/// Copies a string, if it is there: see gw_arg_string and gw_opt_integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_opt_string(
    call: *mut gw_call<'_>,
    name: *const c_char,
    text: *mut c_char,
    size: usize,
    is_present: *mut bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_string(call, name, text, size, Some(is_present)) }
}

/// Decodes a base64 string to `bytes`, an array of `size` bytes, and says in `length` how many there are. Fails if they do
/// not fit. What the array holds then is unspecified.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_arg_base64(
    call: *mut gw_call<'_>,
    name: *const c_char,
    bytes: *mut u8,
    size: usize,
    length: *mut usize,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_base64(call, name, bytes, size, length, None) }
}

/// Decodes a base64 string, if it is there: see gw_arg_base64 and gw_opt_integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_opt_base64(
    call: *mut gw_call<'_>,
    name: *const c_char,
    bytes: *mut u8,
    size: usize,
    length: *mut usize,
    is_present: *mut bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_base64(call, name, bytes, size, length, Some(is_present)) }
}

/// Reads an object: calls `read` once, in which the names are those of the object's members. A member that it does not read
/// is unexpected, and the call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_arg_object(
    call: *mut gw_call<'_>,
    name: *const c_char,
    read: gw_handler,
    context: *mut c_void,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_object(call, name, read, context, None) }
}

/// Reads an object, if it is there: see gw_arg_object and gw_opt_integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_opt_object(
    call: *mut gw_call<'_>,
    name: *const c_char,
    read: gw_handler,
    context: *mut c_void,
    is_present: *mut bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_object(call, name, read, context, Some(is_present)) }
}

/// Reads an array: calls `read` for each element, which reads it under the name NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_arg_array(
    call: *mut gw_call<'_>,
    name: *const c_char,
    read: gw_handler,
    context: *mut c_void,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_array(call, name, read, context, None) }
}

/// Reads an array, if it is there: see gw_arg_array and gw_opt_integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_opt_array(
    call: *mut gw_call<'_>,
    name: *const c_char,
    read: gw_handler,
    context: *mut c_void,
    is_present: *mut bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe { read_array(call, name, read, context, Some(is_present)) }
}

/// Says that all arguments have been read. Call it before the command acts: it fails if an argument came that was not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_ready(call: *mut gw_call<'_>) -> bool {
    // SAFETY: by the contract.
    let Some(call) = (unsafe { call.as_mut() }) else { return false };
    if call.call.is_some() { call.ready() } else { call.misuse() }
}

/// Returns what a function writes.
///
/// # Safety
/// By the contract: `call` is NULL or valid.
unsafe fn put<'c>(call: *mut gw_call<'c>, write: impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>) -> bool {
    // SAFETY: the caller's.
    unsafe { call.as_mut() }.and_then(|call| call.root()).is_some_and(|place| write(place).is_ok())
}

/// Returns {}: the command has nothing to tell.
///
/// All functions that return call gw_ready themselves if the handler has not. They fail if something was returned already,
/// or the response does not fit the transmit buffer; then an error is answered. What the command has done is done: if that
/// matters, give the buffer enough room for the longest answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_nothing(call: *mut gw_call<'_>) -> bool {
    // SAFETY: by the contract.
    unsafe { put(call, |place| place.finish(b"{}")) }
}

/// Returns a whole number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_integer(call: *mut gw_call<'_>, value: i64) -> bool {
    // SAFETY: by the contract.
    unsafe { put(call, |place| place.integer(value)) }
}

/// Returns a whole number that is not negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_unsigned(call: *mut gw_call<'_>, value: u64) -> bool {
    // SAFETY: by the contract.
    unsafe { put(call, |place| place.unsigned(value)) }
}

/// Returns true or false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_boolean(call: *mut gw_call<'_>, value: bool) -> bool {
    // SAFETY: by the contract.
    unsafe { put(call, |place| place.boolean(value)) }
}

/// Returns a string: UTF-8 that a NUL ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_string(call: *mut gw_call<'_>, value: *const c_char) -> bool {
    // SAFETY: by the contract.
    match unsafe { (text(value), call.as_mut()) } {
        // SAFETY: by the contract.
        (Some(value), _) => unsafe { put(call, |place| place.string(value)) },
        (None, Some(call)) => call.misuse(),
        _ => false,
    }
}

/// Returns bytes as a base64 string. `bytes` may be NULL if `length` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_base64(call: *mut gw_call<'_>, bytes: *const u8, length: usize) -> bool {
    // SAFETY: by the contract.
    match unsafe { (slice(bytes, length), call.as_mut()) } {
        // SAFETY: by the contract.
        (Some(bytes), _) => unsafe { put(call, |place| Bytes::Plain(bytes).encode(place)) },
        (None, Some(call)) => call.misuse(),
        _ => false,
    }
}

/// Returns an object: gw_put_* write its members. The library ends it when the handler returns. NULL if that fails; the
/// functions that write take NULL and return false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_object<'c>(call: *mut gw_call<'c>) -> *mut gw_writer<'c, 'c> {
    // SAFETY: by the contract.
    unsafe { open(call, true) }
}

/// Returns an array: gw_put_* write its elements, each under the name NULL. The library ends it when the handler returns.
/// NULL if that fails; the functions that write take NULL and return false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_return_array<'c>(call: *mut gw_call<'c>) -> *mut gw_writer<'c, 'c> {
    // SAFETY: by the contract.
    unsafe { open(call, false) }
}

/// # Safety
/// By the contract: `call` is NULL or valid.
unsafe fn open<'c>(call: *mut gw_call<'c>, is_object: bool) -> *mut gw_writer<'c, 'c> {
    // SAFETY: the caller's.
    let is_open = unsafe { call.as_mut() }.is_some_and(|call| call.ready() && call.writer.open_root(is_object));
    // SAFETY: `call` is valid. From the raw pointer, so that the writer stays usable while the call is.
    if is_open { unsafe { &raw mut (*call).writer } } else { ptr::null_mut() }
}

/// Answers with an error, class GenericError: a text in UTF-8 for people. It is copied. Whatever the handler has written is
/// dropped. False, and another error is the answer, if a call has failed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_fail(call: *mut gw_call<'_>, description: *const c_char) -> bool {
    // SAFETY: by the contract.
    let (call, description) = match unsafe { (call.as_mut(), text(description)) } {
        (Some(call), Some(description)) => (call, description),
        (Some(call), None) => return call.misuse(),
        _ => return false,
    };
    if call.outcome.is_some() {
        return false;
    }
    call.outcome = match (call.call.take(), call.writer.take_responder()) {
        (Some(call), _) => Some(call.failed(description)),
        (_, Some(responder)) => Some(responder.failed(description)),
        _ => return call.misuse(),
    };
    true
}

/// There is no answer yet: gw_agent_retry calls the handler again, from its beginning, with the same request. The agent
/// takes no byte before. What the handler has begun, it keeps in its context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_defer(call: *mut gw_call<'_>) -> bool {
    // SAFETY: by the contract.
    let Some(call) = (unsafe { call.as_mut() }) else { return false };
    let is_first = call.outcome.is_none();
    call.fail(CommandError::WouldBlock);
    is_first
}
