//! The client.

use core::ffi::{c_char, c_void};

use guestwire::Reply;
use guestwire::client::{ClientError, ClientLent, Execute};
use guestwire::json::DoesNotFit;
use guestwire::message::ErrorResponse;

use crate::held::{Held, InUse};
use crate::memory::{give, give_bytes, overlap, slice, slice_mut, text};
use crate::value::{gw_text, gw_value};
use crate::writer::gw_writer;

/// What a byte led to.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum gw_reply_kind {
    /// Nothing yet.
    GW_REPLY_NONE,
    /// Both ends are in step.
    GW_REPLY_SYNCHRONIZED,
    /// The command's return value.
    GW_REPLY_RETURN,
    /// The command was not run, or failed.
    GW_REPLY_ERROR,
    /// An error without id: it answers the request, or noise before it. The request still waits for its response, and the
    /// caller's time-out decides.
    GW_REPLY_UNATTRIBUTED,
    /// The response is longer than the receive buffer. The request is over; gw_client_is_ready says whether the client is
    /// still in step.
    GW_REPLY_TOO_LONG,
    /// A broken frame, noise, or bytes that are missing or wrong. The client is out of step.
    GW_REPLY_BROKEN,
    /// A response that was not asked for, or a sentinel. The client is out of step.
    GW_REPLY_UNEXPECTED,
    /// A return value without the id that the request had: see gw_client_omit_ids. The client is out of step.
    GW_REPLY_ID_MISSING,
    /// A pointer was NULL, or the client was not set up.
    GW_REPLY_MISUSE,
}

/// A reply. Its value and texts are part of the receive buffer, and valid until the next call with the client.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gw_reply {
    /// With GW_REPLY_RETURN: what the command returned.
    pub value: gw_value,
    /// With GW_REPLY_ERROR and GW_REPLY_UNATTRIBUTED: "GenericError", "CommandNotFound", or another class of an older agent.
    pub error_class: gw_text,
    /// The same: a sentence for people.
    pub description: gw_text,
}

/// Writes a request's arguments: gw_put_* with a name each.
pub type gw_write = Option<unsafe extern "C" fn(context: *mut c_void, arguments: *mut gw_writer<'_, '_>)>;

/// The least `rx_size` of gw_client_init.
pub const GW_CLIENT_RX_MIN: usize = 34;
/// The least `tx_size` of gw_client_init.
pub const GW_CLIENT_TX_MIN: usize = 75;

/// The size of a gw_client in words of uint64_t: somewhat more than it takes today.
#[cfg(target_pointer_width = "64")]
pub const GW_CLIENT_WORDS: usize = 32;
/// The size of a gw_client in words of uint64_t: somewhat more than it takes today.
#[cfg(not(target_pointer_width = "64"))]
pub const GW_CLIENT_WORDS: usize = 16;

/// The host end of the wire: 128 bytes on 32 bits, its buffers not counted, aligned as uint64_t. Static, or zeroed before the
/// first gw_client_init. Do not copy or move it.
#[repr(C)]
pub struct gw_client {
    /// Not yours.
    pub opaque: [u64; GW_CLIENT_WORDS],
}

type Inner = Held<ClientLent<'static>>;

const _: () = assert!(size_of::<Inner>() <= size_of::<gw_client>() && align_of::<Inner>() <= align_of::<gw_client>());

/// # Safety
/// The contract.
unsafe fn enter<'a>(client: *mut gw_client) -> Option<InUse<'a, ClientLent<'static>>> {
    // SAFETY: the caller's.
    unsafe { Inner::enter(client.cast()) }
}

/// Makes a client, out of step. `rx` holds the longest response, at least GW_CLIENT_RX_MIN bytes; on 32 bits at most 65535
/// are used. `tx` holds the longest request, at least GW_CLIENT_TX_MIN bytes. Both are the client's until it is no longer
/// used, and must not overlap. False if a pointer is NULL or a buffer is too small: there is no client then, not even one
/// that was there before. Or if the client is writing a request: then nothing changes.
#[unsafe(export_name = "gw_client_init_0_1")]
pub unsafe extern "C" fn gw_client_init(
    client: *mut gw_client,
    rx: *mut u8,
    rx_size: usize,
    tx: *mut u8,
    tx_size: usize,
) -> bool {
    let build = || {
        // SAFETY: by the contract.
        let (rx, tx) = unsafe { (slice_mut(rx, rx_size)?, slice_mut(tx, tx_size)?) };
        if overlap(rx, tx) { None } else { ClientLent::new(rx, tx).ok() }
    };
    // SAFETY: by the contract.
    unsafe { Inner::set_up(client.cast(), build) }
}

/// Starts to get in step: on every new connection, and whenever the client is out of step. `id` should be another each time,
/// best random; its low 48 bits are used. Transmit, then push what comes until GW_REPLY_SYNCHRONIZED. A request that was
/// waiting is abandoned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_synchronize(client: *mut gw_client, id: i64) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.map(|mut client| client.synchronize(id)).is_some()
}

/// The same for agents that do not know guest-sync-delimited, or whose sentinel gets lost on the way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_synchronize_plain(client: *mut gw_client, id: i64) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.map(|mut client| client.synchronize_plain(id)).is_some()
}

/// Sends requests without id from now on: for agents that refuse it (qemu-ga before QEMU 3.0) or do not echo it. Then the
/// client is out of step after each error but CommandNotFound.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_omit_ids(client: *mut gw_client) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.map(|mut client| client.omit_ids()).is_some()
}

/// # Safety
/// By the contract: `client` and `command` are NULL or valid, and `arguments` may be called.
unsafe fn execute(
    client: *mut gw_client,
    command: *const c_char,
    is_silent: bool,
    arguments: gw_write,
    context: *mut c_void,
) -> bool {
    // SAFETY: the caller's.
    let Some((mut client, command)) = (unsafe { enter(client).zip(text(command)) }) else { return false };
    let request = Execute::new(command);
    let request = if is_silent { request.no_success_response() } else { request };
    let Some(arguments) = arguments else { return client.execute(request).is_ok() };
    let sent = client.execute_with(request, |members| {
        let mut writer = gw_writer::members(members.encoder());
        // SAFETY: the caller's.
        unsafe { arguments(context, &raw mut writer) };
        if writer.has_members() { Ok(()) } else { Err(DoesNotFit) }
    });
    sent.is_ok()
}

/// Sends a request. `arguments` writes its arguments, and is called with `context`; NULL if there are none. Nothing is sent,
/// and false returned, if the client is not ready, the request does not fit, or the arguments were not written as they
/// should be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_execute(
    client: *mut gw_client,
    command: *const c_char,
    arguments: gw_write,
    context: *mut c_void,
) -> bool {
    // SAFETY: by the contract.
    unsafe { execute(client, command, false, arguments, context) }
}

/// The same for a command that sends nothing when it succeeds, such as guest-shutdown: gw_client_reset then tells whether
/// silence meant success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_execute_silent(
    client: *mut gw_client,
    command: *const c_char,
    arguments: gw_write,
    context: *mut c_void,
) -> bool {
    // SAFETY: by the contract.
    unsafe { execute(client, command, true, arguments, context) }
}

/// The bytes to transmit next, and how many there are. NULL and 0 if there are none. They stay valid until the next call
/// with this client, other than gw_client_is_ready. `length` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_transmit(client: *mut gw_client, length: *mut usize) -> *const u8 {
    // SAFETY: by the contract.
    let client = unsafe { enter(client) };
    // SAFETY: by the contract.
    unsafe { give_bytes(client.as_ref().map_or(&[], |client| client.transmit()), length) }
}

/// Says that the first `count` bytes of gw_client_transmit were sent. A larger count means all of them. Call it before you
/// push what comes next.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_transmitted(client: *mut gw_client, count: usize) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.map(|mut client| client.transmitted(count)).is_some()
}

/// # Safety
/// By the contract: `reply` can be written.
unsafe fn give_reply(outcome: Result<Option<Reply<'_>>, ClientError>, reply: *mut gw_reply) -> gw_reply_kind {
    let mut given = gw_reply { value: gw_value::NONE, error_class: gw_text::NONE, description: gw_text::NONE };
    let mut error = |error: ErrorResponse<'_>| {
        given.error_class = gw_text::of(error.class);
        given.description = gw_text::of(error.desc);
    };
    let kind = match outcome {
        Ok(Some(Reply::Synchronized)) => gw_reply_kind::GW_REPLY_SYNCHRONIZED,
        Ok(Some(Reply::Return(value))) => {
            given.value = gw_value::of(value);
            gw_reply_kind::GW_REPLY_RETURN
        }
        Ok(Some(Reply::Error(response))) => {
            error(response);
            gw_reply_kind::GW_REPLY_ERROR
        }
        Ok(Some(Reply::Unattributed(response))) => {
            error(response);
            gw_reply_kind::GW_REPLY_UNATTRIBUTED
        }
        Ok(_) => gw_reply_kind::GW_REPLY_NONE,
        Err(ClientError::ResponseTooLong) => gw_reply_kind::GW_REPLY_TOO_LONG,
        Err(ClientError::IdMissing) => gw_reply_kind::GW_REPLY_ID_MISSING,
        Err(ClientError::Broken(_)) => gw_reply_kind::GW_REPLY_BROKEN,
        Err(_) => gw_reply_kind::GW_REPLY_UNEXPECTED,
    };
    // SAFETY: the caller's.
    unsafe { give(reply, given) };
    kind
}

/// Takes one byte that was received. `reply` must not be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_push(client: *mut gw_client, byte: u8, reply: *mut gw_reply) -> gw_reply_kind {
    // SAFETY: by the contract.
    match unsafe { enter(client) } {
        // SAFETY: by the contract.
        Some(mut client) if !reply.is_null() => unsafe { give_reply(client.push(byte), reply) },
        _ => gw_reply_kind::GW_REPLY_MISUSE,
    }
}

/// Takes bytes that were received until they make a reply, and says in `taken` how many: all with GW_REPLY_NONE, none with
/// GW_REPLY_MISUSE. Call it again with the others. Neither `taken` nor `reply` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_push_slice(
    client: *mut gw_client,
    bytes: *const u8,
    length: usize,
    taken: *mut usize,
    reply: *mut gw_reply,
) -> gw_reply_kind {
    // SAFETY: by the contract.
    match unsafe { (enter(client), slice(bytes, length)) } {
        (Some(mut client), Some(bytes)) if !taken.is_null() && !reply.is_null() => {
            let (count, outcome) = client.push_slice(bytes);
            // SAFETY: by the contract.
            unsafe {
                give(taken, count);
                give_reply(outcome, reply)
            }
        }
        _ => {
            // SAFETY: by the contract.
            unsafe { give(taken, 0) };
            gw_reply_kind::GW_REPLY_MISUSE
        }
    }
}

/// Says that bytes are missing here. False if the client was in step, and no longer is: no reply will come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_lost(client: *mut gw_client) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.is_some_and(|mut client| client.lost().is_ok())
}

/// Says that a byte came that is known to be wrong. False if the client was in step, and no longer is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_corrupted(client: *mut gw_client) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.is_some_and(|mut client| client.corrupted().is_ok())
}

/// Forgets what was asked and what is not yet sent: when the port opens or closes, and when a reply is overdue. Synchronize
/// next. True if the request given up was a silent one (gw_client_execute_silent) that has left: then silence is success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_reset(client: *mut gw_client) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.is_some_and(|mut client| client.reset())
}

/// Whether a request can be sent: the client is in step, and waits for nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_client_is_ready(client: *mut gw_client) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(client) }.is_some_and(|client| client.is_ready())
}
