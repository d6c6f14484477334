//! The guest end: frames in, commands run, responses out.

mod command;

use core::convert::Infallible;
use core::fmt::{self, Write};

pub use command::{Call, Command, CommandError, Handler, Responded, Responder};
use command::{ErrorClass, error};

use crate::decoder::{Decoder, Event, Frame, Signal};
use crate::error::TransmitTooSmall;
use crate::message::{ArgumentError, Request, RequestFault};
use crate::text::Text;
use crate::transmit::Transmit;

/// The guest end of the wire, with everything it needs inside it.
///
/// `S` is the state that commands work on. `RX` is the longest request in bytes, whitespace between tokens not
/// counted, 1 to 65535. `TX` is the longest response, LF and sentinel counted; it must hold the response to
/// `guest-info`, which [`guest_info_size`] tells.
///
/// The agent answers `guest-sync`, `guest-sync-delimited`, `guest-ping` and `guest-info` itself; a table of
/// [`Command`]s does the rest. All I/O is the caller's: bytes go in through [`push`](Self::push) or
/// [`push_slice`](Self::push_slice), those of [`transmit`](Self::transmit) go out.
///
/// ```
/// use guestwire::Agent;
///
/// let mut agent: Agent<(), 256, 512> = Agent::new((), "1.0.0", &[])?;
/// let mut received: &[u8] = br#"{"execute": "guest-sync-delimited", "arguments": {"id": 7}}"#;
/// agent.push_slice(&mut received).expect("nothing waits to be transmitted");
/// assert_eq!(agent.transmit(), b"\xFF{\"return\": 7}\n");
/// agent.transmitted(14);
/// # Ok::<(), guestwire::TransmitTooSmall<()>>(())
/// ```
#[derive(Clone)]
pub struct Agent<S: 'static, const RX: usize, const TX: usize> {
    guest: Guest<S>,
    decoder: Decoder<RX>,
    /// Outcomes that want an answer, while the answer before is being transmitted. Two, for the byte that breaks a
    /// frame may begin another, and [`lost`](Self::lost) may then end that one.
    waiting: [Signal; 2],
    transmit: Transmit<TX>,
}

/// Commands and the state they work on.
#[derive(Clone)]
struct Guest<S: 'static> {
    state: S,
    version: &'static str,
    commands: &'static [Command<S>],
    is_frozen: fn(&S) -> bool,
    is_disabled: fn(&S, &str) -> bool,
}

/// What a request asks for.
enum Asked<S: 'static> {
    SyncDelimited,
    Sync,
    Ping,
    Info,
    Table(&'static Command<S>),
}

impl<S> Asked<S> {
    const fn has_success_response(&self) -> bool {
        match self {
            Self::Table(command) => command.success_response,
            _ => true,
        }
    }
}

impl<S, const RX: usize, const TX: usize> Agent<S, RX, TX> {
    /// An agent that serves `commands`. `version` is shown by `guest-info`; clients expect the form "1.2.3".
    ///
    /// # Errors
    /// [`TransmitTooSmall`] if `TX` cannot hold the response to `guest-info`. A `TX` that could not hold it without a
    /// version and commands does not compile; every error of fixed length and every sync response fits that.
    pub const fn new(
        state: S,
        version: &'static str,
        commands: &'static [Command<S>],
    ) -> Result<Self, TransmitTooSmall<S>> {
        const { assert!(TX >= guest_info_size::<()>("", &[]), "TX is too small for any agent: see guest_info_size") };
        let needed = guest_info_size(version, commands);
        if TX < needed {
            return Err(TransmitTooSmall { needed, state });
        }
        Ok(Self {
            guest: Guest { state, version, commands, is_frozen: |_| false, is_disabled: |_, _| false },
            decoder: Decoder::new(),
            waiting: [Signal::Nothing; 2],
            transmit: Transmit::new(),
        })
    }

    /// Asks `is_frozen` before each command whether file systems are frozen: if so, only the agent's own commands and
    /// those [`allowed_when_frozen`](Command::allowed_when_frozen) are served.
    pub const fn frozen_when(mut self, is_frozen: fn(&S) -> bool) -> Self {
        self.guest.is_frozen = is_frozen;
        self
    }

    /// Asks `is_disabled` before each command of the table whether the one of that name is disabled.
    pub const fn disabled_when(mut self, is_disabled: fn(&S, &str) -> bool) -> Self {
        self.guest.is_disabled = is_disabled;
        self
    }

    /// The state that commands work on.
    pub const fn state(&self) -> &S {
        &self.guest.state
    }

    /// The same, to be changed.
    pub const fn state_mut(&mut self) -> &mut S {
        &mut self.guest.state
    }

    /// Takes one byte, and runs the command that it completes.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`], and the byte is not taken, while a request waits for the response before it to be
    /// [`transmitted`](Self::transmitted). There is no other error: what is wrong with a request is answered.
    pub fn push(&mut self, byte: u8) -> nb::Result<(), Infallible> {
        if self.is_waiting() {
            return Err(nb::Error::WouldBlock);
        }
        let signal = self.decoder.step(byte);
        self.take(signal);
        Ok(())
    }

    /// Takes as many bytes as it can, runs the commands that they complete, and moves the start of the slice past them.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] if bytes are left in the slice, as [`push`](Self::push).
    pub fn push_slice(&mut self, bytes: &mut &[u8]) -> nb::Result<(), Infallible> {
        while !bytes.is_empty() {
            if self.is_waiting() {
                return Err(nb::Error::WouldBlock);
            }
            let signal = self.decoder.step_slice(bytes);
            self.take(signal);
        }
        Ok(())
    }

    /// Takes bytes from `read` until there are none, or there is a response to transmit.
    ///
    /// `embedded_hal_nb::serial::Read` fits: `agent.poll_read(|| uart.read())`. Every byte that `read` gives is taken;
    /// while a request waits, none is asked for.
    ///
    /// ```
    /// # fn uart() -> impl FnMut() -> nb::Result<u8, ()> {
    /// #     let mut bytes = br#"{"execute": "guest-ping"}"#.iter();
    /// #     move || bytes.next().copied().ok_or(nb::Error::WouldBlock)
    /// # }
    /// # let mut read = uart();
    /// # let mut sent = Vec::new();
    /// # let mut write = |byte| { sent.push(byte); nb::Result::<(), ()>::Ok(()) };
    /// # let mut agent: guestwire::Agent<(), 256, 512> = guestwire::Agent::new((), "1.0.0", &[]).expect("it fits");
    /// # for _ in 0..2 {
    /// agent.poll_read(|| read())?;
    /// agent.poll_write(|byte| write(byte))?;
    /// # }
    /// # assert_eq!(sent, b"{\"return\": {}}\n");
    /// # Ok::<(), ()>(())
    /// ```
    ///
    /// # Errors
    /// The port's own. That `read` would block is none.
    pub fn poll_read<E>(&mut self, mut read: impl FnMut() -> nb::Result<u8, E>) -> Result<(), E> {
        while !self.is_waiting() {
            let had_nothing_to_say = self.transmit().is_empty();
            match read() {
                Ok(byte) => {
                    let signal = self.decoder.step(byte);
                    self.take(signal);
                }
                Err(nb::Error::WouldBlock) => break,
                Err(nb::Error::Other(error)) => return Err(error),
            }
            if had_nothing_to_say && !self.transmit().is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Gives bytes to `write` until it would block or all have gone, and then serves the request that waits.
    ///
    /// A byte that `write` did not take is given again next time.
    ///
    /// # Errors
    /// The port's own. That `write` would block is none.
    pub fn poll_write<E>(&mut self, write: impl FnMut(u8) -> nb::Result<(), E>) -> Result<(), E> {
        let written = self.transmit.poll(write);
        self.transmitted(0);
        written
    }

    /// The bytes to be transmitted next. Empty when there is nothing to say.
    pub fn transmit(&self) -> &[u8] {
        self.transmit.pending()
    }

    /// Says that the first `count` bytes of [`transmit`](Self::transmit) have gone; more than there are is all of them.
    ///
    /// With the last of them the request that waits, if one does, is served.
    pub fn transmitted(&mut self, count: usize) {
        self.transmit.advance(count);
        while self.is_waiting() && self.transmit().is_empty() {
            let [signal, next] = self.waiting;
            self.waiting = [next, Signal::Nothing];
            self.serve(signal);
        }
    }

    /// For a port that was closed or opened. Whatever was received or not yet transmitted is dropped: it was another
    /// client's.
    pub fn reset(&mut self) {
        self.decoder.reset();
        self.waiting = [Signal::Nothing; 2];
        self.transmit.clear();
    }

    /// For bytes known to be missing: see [`Decoder::lost`]. A request that was open is answered with an error.
    pub fn lost(&mut self) {
        if let Err(error) = self.decoder.lost() {
            self.take(Signal::Error(error));
        }
    }

    const fn is_waiting(&self) -> bool {
        !matches!(self.waiting, [Signal::Nothing, _])
    }

    /// Serves an outcome now or lets it wait. What wants no answer never waits.
    fn take(&mut self, signal: Signal) {
        if self.transmit().is_empty() {
            self.serve(signal);
        } else if self.wants_answer(signal) {
            match &mut self.waiting {
                [first @ Signal::Nothing, _] | [_, first] => *first = signal,
            }
        }
    }

    fn wants_answer(&self, signal: Signal) -> bool {
        match self.decoder.event(signal) {
            Ok(Some(Event::Frame(frame))) => {
                !Request::parse(&frame).is_err_and(|error| error.fault == RequestFault::Response)
            }
            Ok(_) => false,
            Err(_) => true,
        }
    }

    fn serve(&mut self, signal: Signal) {
        let Self { guest, decoder, transmit, .. } = self;
        transmit.replace(|transmit| match decoder.event(signal) {
            Ok(Some(Event::Frame(frame))) => guest.answer(&frame, transmit),
            Ok(_) => 0,
            Err(broken) => error(transmit, None, ErrorClass::GenericError, |text| text.write_str(broken.desc())),
        });
    }
}

/// Shows what the agent's behaviour depends on, but for the commands.
impl<S: fmt::Debug, const RX: usize, const TX: usize> fmt::Debug for Agent<S, RX, TX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("state", &self.guest.state)
            .field("decoder", &self.decoder)
            .field("waiting", &self.waiting.map(|signal| self.decoder.event(signal)))
            .field("transmit", &self.transmit)
            .finish_non_exhaustive()
    }
}

impl<S> Guest<S> {
    /// Answers a frame and returns the length of the response, 0 for none.
    fn answer(&mut self, frame: &Frame<'_>, transmit: &mut [u8]) -> usize {
        match Request::parse(frame) {
            Ok(request) => self.execute(request, transmit),
            // A response is never answered, or two agents on a line would never fall silent.
            Err(refused) if refused.fault == RequestFault::Response => 0,
            Err(refused) => error(transmit, refused.id, ErrorClass::GenericError, |text| refused.fault.describe(text)),
        }
    }

    fn execute(&mut self, request: Request<'_>, transmit: &mut [u8]) -> usize {
        let name = request.command;
        let refuse = |transmit: &mut [u8], before, after| {
            error(transmit, request.id, ErrorClass::CommandNotFound, |text| {
                text.write_str(before)?;
                name.chars().try_for_each(|character| text.write_char(character))?;
                text.write_str(after)
            })
        };
        let Some(asked) = self.find(name) else {
            return refuse(transmit, "The command ", " has not been found");
        };
        if let Asked::Table(command) = asked {
            if let Some(objection) = self.objection(command) {
                return refuse(transmit, "Command ", objection);
            }
        }
        let call = Call::new(request.arguments, request.id, transmit);
        match self.call(&asked, call) {
            Ok(response) if response.success && !asked.has_success_response() => 0,
            Ok(response) => response.length,
            Err(failed) => {
                let id = request.id.filter(|_| failed != CommandError::Argument(ArgumentError::DuplicateKey));
                error(transmit, id, ErrorClass::GenericError, |text| failed.describe(text))
            }
        }
    }

    /// The agent's own commands come first, so that nothing in the table can stand in the way of regaining step.
    fn find(&self, name: Text<'_>) -> Option<Asked<S>> {
        let [sync_delimited, sync, ping, info] = BUILT_IN;
        match () {
            () if name == sync_delimited => Some(Asked::SyncDelimited),
            () if name == sync => Some(Asked::Sync),
            () if name == ping => Some(Asked::Ping),
            () if name == info => Some(Asked::Info),
            () => self.commands.iter().find(|command| name == command.name).map(Asked::Table),
        }
    }

    /// Why a command of the table is not to be run now.
    fn objection(&self, command: &Command<S>) -> Option<&'static str> {
        if (self.is_frozen)(&self.state) && !command.allowed_when_frozen {
            Some(" has been disabled: the agent is in frozen state")
        } else if (self.is_disabled)(&self.state, command.name) {
            Some(" has been disabled")
        } else {
            None
        }
    }

    fn call<'q, 't>(&mut self, asked: &Asked<S>, mut call: Call<'q, 't>) -> Result<Responded<'t>, CommandError<'q>> {
        match asked {
            Asked::SyncDelimited => {
                let id = call.arguments.integer("id")?;
                call.respond()?.delimited(id)
            }
            Asked::Sync => {
                let id = call.arguments.integer("id")?;
                call.respond()?.integer(id)
            }
            Asked::Ping => call.respond()?.empty(),
            Asked::Info => self.info(call.respond()?),
            Asked::Table(command) => (command.handler)(&mut self.state, call),
        }
    }

    fn info<'q, 't>(&self, response: Responder<'q, 't>) -> Result<Responded<'t>, CommandError<'q>> {
        let built_in = BUILT_IN.into_iter().map(|name| (name, true, true));
        let table = self
            .commands
            .iter()
            .map(|command| (command.name, self.objection(command).is_none(), command.success_response));
        response.object(|info| {
            info.member("version").string(self.version)?;
            info.member("supported_commands").array(|commands| {
                built_in.chain(table).try_for_each(|(name, enabled, success_response)| {
                    commands.element().object(|command| {
                        command.member("enabled").boolean(enabled)?;
                        command.member("name").string(name)?;
                        command.member("success-response").boolean(success_response)
                    })
                })
            })
        })
    }
}

/// The names of the agent's own commands.
const BUILT_IN: [&str; 4] = ["guest-sync-delimited", "guest-sync", "guest-ping", "guest-info"];

/// The bytes of `TX` that the response to `guest-info` takes at most, without an `id`.
///
/// ```
/// use guestwire::guest_info_size;
///
/// assert_eq!(guest_info_size::<()>("1.0.0", &[]), 335);
/// ```
pub const fn guest_info_size<S>(version: &str, commands: &[Command<S>]) -> usize {
    let mut size = r#"{"return": {"version": "", "supported_commands": []}}_"#.len();
    size = size.saturating_add(encoded_size(version));
    let mut built_in: &[&str] = &BUILT_IN;
    while let Some((name, rest)) = built_in.split_first() {
        built_in = rest;
        size = size.saturating_add(entry_size(name, true, true));
    }
    let mut table = commands;
    while let Some((command, rest)) = table.split_first() {
        table = rest;
        size = size.saturating_add(entry_size(command.name, false, command.success_response));
    }
    size.saturating_sub(", ".len())
}

const fn entry_size(name: &str, enabled: bool, success_response: bool) -> usize {
    r#"{"enabled": , "name": "", "success-response": }, "#
        .len()
        .saturating_add(encoded_size(name))
        .saturating_add(word_size(enabled))
        .saturating_add(word_size(success_response))
}

const fn word_size(value: bool) -> usize {
    if value { "true".len() } else { "false".len() }
}

/// The bytes that a text takes in a JSON string of ours: printable ASCII, escapes of two and of six bytes.
const fn encoded_size(text: &str) -> usize {
    let mut size = 0_usize;
    let mut bytes = text.as_bytes();
    while let Some((byte, rest)) = bytes.split_first() {
        bytes = rest;
        size = size.saturating_add(match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
            b' '..=b'~' => 1,
            // Bytes after the first of a character, and characters beyond \uFFFF.
            0x80..=0xBF => 0,
            0xF0..=0xFF => 12,
            _ => 6,
        });
    }
    size
}
