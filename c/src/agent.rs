//! The agent.

use core::ffi::{c_char, c_void};

use guestwire::agent::{AgentLent, Entry, Service};
use guestwire::{Call, CommandError, CommandResult};

use crate::call::{gw_call, gw_handler};
use crate::held::{Held, InUse};
use crate::memory::{ascii, bytes, give_bytes, overlap, slice, slice_mut};

/// Flag of a gw_command: nothing is sent when the command succeeds, as with guest-shutdown. Its handler still calls
/// gw_return_nothing.
pub const GW_NO_SUCCESS_RESPONSE: u32 = 1;

/// Flag of a gw_command: the command is served while file systems are frozen.
pub const GW_ALLOWED_WHEN_FROZEN: u32 = 2;

/// One command.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gw_command {
    /// Its name, as in "execute": printable ASCII, not one of the agent's own (guest-sync, guest-sync-delimited, guest-ping,
    /// guest-info).
    pub name: *const c_char,
    /// Called for each request.
    pub handler: gw_handler,
    /// 0, or GW_NO_SUCCESS_RESPONSE and GW_ALLOWED_WHEN_FROZEN joined by |.
    pub flags: u32,
}

/// More are no array.
const MOST_COMMANDS: usize = isize::MAX as usize / size_of::<gw_command>();

/// What an agent serves. It can be const, and so can its table: both stay in flash. They must neither change nor go away
/// while an agent uses them. One may serve several agents.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gw_guest {
    /// Shown by guest-info: printable ASCII, such as "1.2.3".
    pub version: *const c_char,
    /// The commands. NULL if there are none.
    pub commands: *const gw_command,
    /// How many there are.
    pub command_count: usize,
    /// Whether file systems are frozen: then only commands with GW_ALLOWED_WHEN_FROZEN are served. NULL: never.
    pub is_frozen: Option<unsafe extern "C" fn(context: *mut c_void) -> bool>,
    /// Whether a command is not to be served now: the place for an allow list. NULL: none is.
    pub is_disabled: Option<unsafe extern "C" fn(context: *mut c_void, command: *const c_char) -> bool>,
    /// The command that called gw_defer is not called again: its request was dropped (gw_agent_reset) or answered with an
    /// error (gw_agent_cancel). gw_agent_init does not call it. NULL if no command defers.
    pub cancelled: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

// SAFETY: only read, by the contract.
unsafe impl Sync for gw_guest {}

/// The least `rx_size` of gw_agent_init.
pub const GW_AGENT_RX_MIN: usize = 74;

/// The size of a gw_agent in words of size_t: somewhat more than it takes today.
#[cfg(target_pointer_width = "64")]
pub const GW_AGENT_WORDS: usize = 24;
/// The size of a gw_agent in words of size_t: somewhat more than it takes today.
#[cfg(not(target_pointer_width = "64"))]
pub const GW_AGENT_WORDS: usize = 16;

/// An agent: 64 bytes on 32 bits, its buffers not counted, aligned as size_t. Static, or zeroed before the first
/// gw_agent_init. Do not copy or move it.
#[repr(C)]
pub struct gw_agent {
    /// Not yours.
    pub opaque: [usize; GW_AGENT_WORDS],
}

type Inner = Held<AgentLent<'static, Guest>>;

const _: () = assert!(size_of::<Inner>() <= size_of::<gw_agent>() && align_of::<Inner>() <= align_of::<gw_agent>());

/// The guest as the agent sees it.
struct Guest {
    guest: &'static gw_guest,
    context: *mut c_void,
}

impl Guest {
    fn commands(&self) -> &'static [gw_command] {
        if self.guest.commands.is_null() {
            return &[];
        }
        // SAFETY: by the contract so many are there, and they do not change. `gw_agent_init` has checked that there can be.
        unsafe { core::slice::from_raw_parts(self.guest.commands, self.guest.command_count) }
    }

    /// Whether it can be served.
    ///
    /// # Safety
    /// By the contract: each pointer is NULL or valid.
    unsafe fn is_valid(&self) -> bool {
        let is_command = |command: &gw_command| {
            command.handler.is_some()
                && command.flags & !(GW_NO_SUCCESS_RESPONSE | GW_ALLOWED_WHEN_FROZEN) == 0
                // SAFETY: the caller's.
                && unsafe { ascii(command.name) }.is_some()
        };
        let has_commands = match self.guest.commands.is_null() {
            true => self.guest.command_count == 0,
            false => self.guest.commands.is_aligned() && self.guest.command_count <= MOST_COMMANDS,
        };
        // SAFETY: the caller's.
        has_commands && unsafe { ascii(self.guest.version) }.is_some() && self.commands().iter().all(is_command)
    }
}

/// A name or version that `gw_agent_init` has checked.
fn checked(text: *const c_char) -> &'static str {
    // SAFETY: it is ASCII, ends with a NUL, and does not change, by the contract.
    unsafe { core::str::from_utf8_unchecked(bytes(text).unwrap_or_default()) }
}

impl Service for Guest {
    const DEFERS: bool = true;

    fn version(&self) -> &str {
        checked(self.guest.version)
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        let command = self.commands().get(index)?;
        let mut entry = Entry::new(checked(command.name), run);
        if command.flags & GW_NO_SUCCESS_RESPONSE != 0 {
            entry = entry.no_success_response();
        }
        if command.flags & GW_ALLOWED_WHEN_FROZEN != 0 {
            entry = entry.allowed_when_frozen();
        }
        Some(entry)
    }

    fn is_frozen(&self) -> bool {
        // SAFETY: by the contract the function may be called.
        self.guest.is_frozen.is_some_and(|is_frozen| unsafe { is_frozen(self.context) })
    }

    fn is_disabled(&self, command: &str) -> bool {
        self.guest.is_disabled.is_some_and(|is_disabled| {
            let named = self.commands().iter().find(|candidate| checked(candidate.name) == command);
            // SAFETY: by the contract the function may be called.
            named.is_some_and(|named| unsafe { is_disabled(self.context, named.name) })
        })
    }

    fn cancelled(&mut self) {
        if let Some(cancelled) = self.guest.cancelled {
            // SAFETY: by the contract the function may be called.
            unsafe { cancelled(self.context) }
        }
    }
}

/// Every command's function: calls the handler of C's.
fn run(guest: &mut Guest, call: Call<'_>) -> CommandResult {
    let name = call.command();
    let command = guest.commands().iter().find(|command| name == *checked(command.name));
    match command {
        Some(command) => gw_call::run(call, command.handler, guest.context),
        None => Err(CommandError::NotFound),
    }
}

/// # Safety
/// The contract.
unsafe fn enter<'a>(agent: *mut gw_agent) -> Option<InUse<'a, AgentLent<'static, Guest>>> {
    // SAFETY: the caller's.
    unsafe { Inner::enter(agent.cast()) }
}

/// Makes an agent that serves `guest`.
///
/// `context` is passed to all functions of `guest`; it may be NULL. `rx` holds the longest request: at least
/// GW_AGENT_RX_MIN bytes, of which at most 65535 are used on 32 bits. `tx` holds the longest response: at least that of
/// guest-info, which is about 300 bytes and 60 and its name for each command. Both are the agent's until it is no longer
/// used, and must not overlap.
///
/// False if a pointer is NULL, a buffer is too small, a name or the version is not as it should be, a name is there twice or
/// is one of the agent's own, or a handler is missing. There is no agent then, not even one that was there before. Or if the
/// agent is running a handler: then nothing changes. An agent that is there already starts anew; call gw_agent_reset first
/// if an answer may be owed.
#[unsafe(export_name = "gw_agent_init_0_1")]
pub unsafe extern "C" fn gw_agent_init(
    agent: *mut gw_agent,
    guest: *const gw_guest,
    context: *mut c_void,
    rx: *mut u8,
    rx_size: usize,
    tx: *mut u8,
    tx_size: usize,
) -> bool {
    let build = || {
        // SAFETY: by the contract.
        let (guest, rx, tx) = unsafe { (guest.as_ref()?, slice_mut(rx, rx_size)?, slice_mut(tx, tx_size)?) };
        let guest = Guest { guest, context };
        // SAFETY: by the contract.
        if overlap(rx, tx) || !unsafe { guest.is_valid() } {
            return None;
        }
        AgentLent::new(guest, rx, tx).ok()
    };
    // SAFETY: by the contract.
    unsafe { Inner::set_up(agent.cast(), build) }
}

/// Takes one byte that was received, and runs the handler of the request that it completes.
///
/// False if the byte was not taken. It has to be pushed again: a request waits until the previous response is transmitted,
/// or a deferred answer is owed. (Or there is no such agent, or it is busy.) A bad request is no failure: it is answered with
/// an error response.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_push(agent: *mut gw_agent, byte: u8) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.is_some_and(|mut agent| agent.push(byte))
}

/// Takes bytes that were received, and runs the handlers of the requests that they complete. Returns how many it has taken,
/// from the start: push the others again once the response is transmitted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_push_slice(agent: *mut gw_agent, bytes: *const u8, length: usize) -> usize {
    // SAFETY: by the contract.
    match unsafe { (enter(agent), slice(bytes, length)) } {
        (Some(mut agent), Some(bytes)) => agent.push_slice(bytes),
        _ => 0,
    }
}

/// The bytes to transmit next, and how many there are. NULL and 0 if there are none.
///
/// They stay where and as they are, so that DMA may read them, until gw_agent_transmitted has counted them, gw_agent_reset,
/// or gw_agent_init. `length` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_transmit(agent: *mut gw_agent, length: *mut usize) -> *const u8 {
    // SAFETY: by the contract.
    let agent = unsafe { enter(agent) };
    // SAFETY: by the contract.
    unsafe { give_bytes(agent.as_ref().map_or(&[], |agent| agent.transmit()), length) }
}

/// Says that the first `count` bytes of gw_agent_transmit were sent. A larger count means all of them.
///
/// Once all are sent, a request that was waiting is served: its handler runs in this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_transmitted(agent: *mut gw_agent, count: usize) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.map(|mut agent| agent.transmitted(count)).is_some()
}

/// Says that bytes are missing here: an overrun, a full queue, a time-out in mid-request. What may be the rest of a request
/// is dropped, with one error response at most.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_lost(agent: *mut gw_agent) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.map(|mut agent| agent.lost()).is_some()
}

/// Says that a byte came that is known to be wrong: a framing, parity or noise error, or a break. Do not push that byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_corrupted(agent: *mut gw_agent) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.map(|mut agent| agent.corrupted()).is_some()
}

/// Forgets everything received and everything not yet sent. Call it when the port opens or closes: the next client must not
/// get the previous one's answers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_reset(agent: *mut gw_agent) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.map(|mut agent| agent.reset()).is_some()
}

/// Whether a request has begun and neither ended nor broken. A program with a clock may call gw_agent_lost when that lasts
/// too long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_is_receiving(agent: *mut gw_agent) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.is_some_and(|agent| agent.is_receiving())
}

/// Whether a handler has called gw_defer, and its answer is owed. No byte is taken until gw_agent_retry has it: what never
/// comes, gw_agent_cancel has to end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_owes(agent: *mut gw_agent) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.is_some_and(|agent| agent.owes())
}

/// Calls the handler again whose answer is owed. False if none is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_retry(agent: *mut gw_agent) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.filter(|agent| agent.owes()).map(|mut agent| agent.retry()).is_some()
}

/// Gives an error as the answer that is owed, and calls `cancelled`. False if none is owed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gw_agent_cancel(agent: *mut gw_agent) -> bool {
    // SAFETY: by the contract.
    unsafe { enter(agent) }.filter(|agent| agent.owes()).map(|mut agent| agent.cancel()).is_some()
}
