//! The commands that libvirt and its users expect of a healthy guest, for any [`Board`].
#![no_std]

mod users;

use guestwire::commands::{SetUserPassword, SshAddAuthorizedKeys, SshGetAuthorizedKeys, SshRemoveAuthorizedKeys};
use guestwire::{
    Call, Command, CommandError, CommandResult, Guest,
    message::{ArgumentError, Arguments},
};

/// What the commands need from the hardware.
pub trait Board {
    /// The output of `uname -m`.
    const MACHINE: &'static str;

    /// Nanoseconds since the board started.
    fn uptime(&self) -> i64;

    /// The real-time clock, in nanoseconds since 1970. `None`: the board has none.
    fn clock(&self) -> Option<i64>;

    /// Sets the real-time clock, if the board has one.
    fn set_clock(&mut self, nanoseconds: i64);

    fn shut_down(&mut self, how: Shutdown) -> !;
}

/// The mode of `guest-shutdown`.
#[derive(Clone, Copy)]
pub enum Shutdown {
    Halt,
    PowerDown,
    Reboot,
}

/// A board and its state, for an agent to serve.
pub struct Firmware<B> {
    board: B,
    /// Nanoseconds since 1970 when the board started.
    started: i64,
    frozen: bool,
    root: users::Root,
}

impl<B: Board> Firmware<B> {
    pub fn new(board: B) -> Self {
        let started = board.clock().unwrap_or(0).saturating_sub(board.uptime());
        Self { board, started, frozen: false, root: users::Root::new() }
    }
}

impl<B: Board + 'static> Guest for Firmware<B> {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("guest-get-time", |guest, call| {
            call.respond()?.integer(guest.board.uptime().saturating_add(guest.started))
        }),
        Command::new("guest-set-time", set_time),
        Command::new("guest-shutdown", shutdown).no_success_response(),
        Command::new("guest-get-osinfo", |_, call| {
            call.respond()?.object(|system| {
                system.member("id").string("guestwire")?;
                system.member("name").string("guestwire firmware")?;
                system.member("pretty-name").string(concat!("guestwire firmware ", env!("CARGO_PKG_VERSION")))?;
                system.member("version-id").string(Self::VERSION)?;
                system.member("machine").string(B::MACHINE)
            })
        }),
        Command::new("guest-get-host-name", |_, call| {
            call.respond()?.object(|host| host.member("host-name").string("guestwire"))
        }),
        Command::new("guest-get-timezone", |_, call| {
            call.respond()?.object(|timezone| {
                timezone.member("zone").string("UTC")?;
                timezone.member("offset").integer(0)
            })
        }),
        Command::new("guest-get-users", nothing),
        SetUserPassword::command(users::set_password),
        SshGetAuthorizedKeys::command(users::get_keys),
        SshAddAuthorizedKeys::command(users::add_keys),
        SshRemoveAuthorizedKeys::command(users::remove_keys),
        Command::new("guest-get-fsinfo", nothing),
        Command::new("guest-get-disks", nothing),
        Command::new("guest-network-get-interfaces", nothing),
        Command::new("guest-get-vcpus", |_, call| {
            call.respond()?.array(|vcpus| {
                vcpus.element().object(|vcpu| {
                    vcpu.member("logical-id").integer(0)?;
                    vcpu.member("online").boolean(true)?;
                    vcpu.member("can-offline").boolean(false)
                })
            })
        }),
        Command::new("guest-set-vcpus", set_vcpus),
        Command::new("guest-fsfreeze-status", |guest: &mut Self, call| {
            call.respond()?.string(if guest.frozen { "frozen" } else { "thawed" })
        })
        .allowed_when_frozen(),
        Command::new("guest-fsfreeze-freeze", |guest, call| freeze(guest, call, true)),
        Command::new("guest-fsfreeze-freeze-list", |guest, call| {
            if let Some(mut mountpoints) = call.arguments.optional_array("mountpoints")? {
                mountpoints.try_for_each(|mountpoint| mountpoint.string().map(drop))?;
            }
            freeze(guest, call, true)
        }),
        Command::new("guest-fsfreeze-thaw", |guest: &mut Self, call| freeze(guest, call, false)).allowed_when_frozen(),
        Command::new("guest-fstrim", |_, call| {
            call.arguments.optional_integer("minimum")?;
            call.respond()?.object(|trimmed| trimmed.member("paths").array(|_| Ok(())))
        }),
    ];

    fn is_frozen(&self) -> bool {
        self.frozen
    }
}

/// An empty list.
fn nothing<B>(_: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    call.respond()?.array(|_| Ok(()))
}

/// There is no file system to freeze, but after a freeze the agent counts as frozen until it is thawed.
fn freeze<B>(guest: &mut Firmware<B>, call: Call<'_>, frozen: bool) -> CommandResult {
    let response = call.respond()?;
    guest.frozen = frozen;
    response.integer(0)
}

/// Without a time, it uses the real-time clock.
fn set_time<B: Board>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let time = call.arguments.optional_integer("time")?;
    let response = call.respond()?;
    let time = match time {
        Some(time) => {
            guest.board.set_clock(time);
            time
        }
        None => guest.board.clock().ok_or(CommandError::Failed("There is no real-time clock"))?,
    };
    guest.started = time.saturating_sub(guest.board.uptime());
    response.done()
}

fn shutdown<B: Board>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let mode = call.arguments.optional_string("mode")?;
    let _responder = call.respond()?;
    let how = match mode {
        None => Shutdown::PowerDown,
        Some(mode) if mode == "powerdown" => Shutdown::PowerDown,
        Some(mode) if mode == "reboot" => Shutdown::Reboot,
        Some(mode) if mode == "halt" => Shutdown::Halt,
        Some(_) => return Err(CommandError::Failed("mode is invalid (valid values are: halt|powerdown|reboot")),
    };
    guest.board.shut_down(how)
}

/// Returns how many were done, as the reference agent does: an error only if none was.
fn set_vcpus<B>(_: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let vcpus = call.arguments.array("vcpus")?.map(|vcpu| vcpu.object(Vcpu::read));
    vcpus.clone().try_for_each(|vcpu| vcpu.map(drop))?;
    let response = call.respond()?;
    let mut done = 0;
    for vcpu in vcpus {
        match vcpu? {
            Vcpu { logical_id: 0, online: true } => done += 1,
            _ if done > 0 => break,
            Vcpu { logical_id: 0, .. } => return Err(CommandError::Failed("logical processor #0 can't be offlined")),
            _ => return Err(CommandError::Failed("there is only logical processor #0")),
        }
    }
    response.integer(done)
}

struct Vcpu {
    logical_id: i64,
    online: bool,
}

impl Vcpu {
    fn read<'q>(vcpu: &mut Arguments<'q>) -> Result<Self, ArgumentError<'q>> {
        let logical_id = vcpu.integer("logical-id")?;
        let online = vcpu.boolean("online")?;
        vcpu.optional_boolean("can-offline")?;
        Ok(Self { logical_id, online })
    }
}
