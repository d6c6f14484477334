//! The commands that libvirt and its users expect of a healthy guest, for any [`Board`].
#![no_std]

mod addresses;
mod load;
#[cfg(feature = "users")]
mod users;

use core::iter::empty;
use core::net::IpAddr;

#[cfg(feature = "users")]
use guestwire::commands::{SetUserPassword, SshAddAuthorizedKeys, SshGetAuthorizedKeys, SshRemoveAuthorizedKeys};
use guestwire::{
    Call, Command, CommandError, CommandResult, Guest,
    json::{ArrayEncoder, DoesNotFit, ObjectEncoder},
};

use addresses::{write_hardware, write_ip};
use load::Load;

/// What the commands need from the hardware and the rest of the firmware.
///
/// The functions with a body are for what a board may not know. Where an answer may be empty, that is the answer:
/// clients such as KubeVirt want the command to be there. Where an answer would be made up, the command is disabled:
/// `virsh guestinfo` leaves out what is answered with `CommandNotFound`, and stops at any other error.
pub trait Board {
    /// The output of `uname -m`.
    const MACHINE: &'static str;

    /// Nanoseconds since the board started.
    fn uptime(&self) -> i64;

    /// The real-time clock, in nanoseconds since 1970. `None`: the board has none.
    fn clock(&self) -> Option<i64> {
        None
    }

    /// Sets the real-time clock, if the board has one.
    fn set_clock(&mut self, nanoseconds: i64) {
        let _ = nanoseconds;
    }

    fn shut_down(&mut self, how: Shutdown) -> !;

    fn host_name(&self) -> &str {
        "guestwire"
    }

    /// The operating system, or what is there instead.
    fn system(&self) -> System<'_> {
        System {
            id: "guestwire",
            name: "guestwire firmware",
            pretty_name: concat!("guestwire firmware ", env!("CARGO_PKG_VERSION")),
            version_id: env!("CARGO_PKG_VERSION"),
        }
    }

    fn interfaces(&self) -> impl Iterator<Item = Interface<'_>> {
        empty()
    }

    fn file_systems(&self) -> impl Iterator<Item = FileSystem<'_>> {
        empty()
    }

    /// Before file systems count as frozen: writes everything to them, and then nothing until they are thawed.
    fn freeze(&mut self) {}

    fn thaw(&mut self) {}

    /// How many processors run the firmware.
    fn processors(&self) -> u32 {
        1
    }

    /// How many tasks wanted to run in the last 1, 5 and 15 minutes on average, in thousandths. `None`: there is one,
    /// which wants to whenever it does not [`sleep`](Firmware::sleep).
    fn load(&self) -> Option<[u32; 3]> {
        None
    }
}

/// The mode of `guest-shutdown`.
#[derive(Clone, Copy)]
pub enum Shutdown {
    Halt,
    PowerDown,
    Reboot,
}

/// An operating system, as in os-release(5).
pub struct System<'b> {
    pub id: &'b str,
    pub name: &'b str,
    pub pretty_name: &'b str,
    pub version_id: &'b str,
}

/// A network interface.
pub struct Interface<'b> {
    pub name: &'b str,
    pub hardware_address: Option<[u8; 6]>,
    /// Each with the length of its network's prefix.
    pub addresses: &'b [(IpAddr, u8)],
}

/// A mounted file system.
pub struct FileSystem<'b> {
    /// The name of its device.
    pub name: &'b str,
    pub mountpoint: &'b str,
    /// Such as `littlefs`.
    pub format: &'b str,
    pub total_bytes: u64,
    pub used_bytes: u64,
}

/// A board and its state, for an agent to serve.
pub struct Firmware<B> {
    board: B,
    /// Nanoseconds since 1970 when the board started.
    started: i64,
    frozen: bool,
    #[cfg(feature = "users")]
    root: users::Root,
    /// What was asked for, and the uptime when it is done in any case.
    shutdown: Option<(Shutdown, i64)>,
    /// The load, once the board has slept.
    measured: Option<Load>,
    /// The uptime until which that is.
    counted: i64,
}

impl<B: Board> Firmware<B> {
    pub fn new(board: B) -> Self {
        let started = board.clock().unwrap_or(0).saturating_sub(board.uptime());
        let counted = board.uptime();
        Self {
            board,
            started,
            frozen: false,
            shutdown: None,
            measured: None,
            counted,
            #[cfg(feature = "users")]
            root: users::Root::new(),
        }
    }

    pub fn board(&self) -> &B {
        &self.board
    }

    /// Whether [`shuts_down`](Self::shuts_down) has something to do.
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_some()
    }

    /// Shuts down if that was asked for, as soon as what there was to send has left the board, or after a second: the
    /// host may not read. Returns whether it waits for that. Then do not sleep.
    pub fn shuts_down(&mut self, is_sent: bool) -> bool {
        if let Some((how, latest)) = self.shutdown
            && (is_sent || self.board.uptime() >= latest)
        {
            self.board.shut_down(how);
        }
        self.shutdown.is_some()
    }

    /// Calls `wait`, which returns when there may be something to do. The rest of the time counts as load.
    pub fn sleep(&mut self, wait: impl FnOnce()) {
        self.passed(true);
        wait();
        self.passed(false);
    }

    /// Counts the time since it was called last.
    fn passed(&mut self, at_work: bool) {
        let now = self.board.uptime();
        let passed = now.saturating_sub(self.counted);
        self.measured.get_or_insert_default().passed(passed, at_work);
        self.counted = now;
    }

    fn load(&self) -> Option<[u32; 3]> {
        self.board.load().or_else(|| Some(self.measured.as_ref()?.averages()))
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
        Command::new("guest-get-osinfo", |guest, call| {
            let System { id, name, pretty_name, version_id } = guest.board.system();
            let members = [
                ("id", id),
                ("name", name),
                ("pretty-name", pretty_name),
                ("version-id", version_id),
                ("machine", B::MACHINE),
            ];
            object(call, &mut |system| members.iter().try_for_each(|(name, value)| system.member(name).string(value)))
        }),
        Command::new("guest-get-host-name", |guest, call| {
            object(call, &mut |host| host.member("host-name").string(guest.board.host_name()))
        }),
        Command::new("guest-get-timezone", |_, call| {
            object(call, &mut |timezone| {
                timezone.member("zone").string("UTC")?;
                timezone.member("offset").integer(0)
            })
        }),
        Command::new("guest-get-users", nothing),
        #[cfg(feature = "users")]
        SetUserPassword::command(users::set_password),
        #[cfg(feature = "users")]
        SshGetAuthorizedKeys::command(users::get_keys),
        #[cfg(feature = "users")]
        SshAddAuthorizedKeys::command(users::add_keys),
        #[cfg(feature = "users")]
        SshRemoveAuthorizedKeys::command(users::remove_keys),
        Command::new("guest-get-fsinfo", |guest, call| {
            array(call, &mut |list| {
                guest
                    .board
                    .file_systems()
                    .try_for_each(|system| list.element().object(|object| file_system(object, &system)))
            })
        }),
        Command::new("guest-get-disks", nothing),
        Command::new("guest-network-get-interfaces", |guest, call| {
            array(call, &mut |list| {
                guest.board.interfaces().try_for_each(|found| list.element().object(|object| interface(object, &found)))
            })
        }),
        Command::new("guest-get-load", |guest, call| {
            let [one, five, fifteen] = guest.load().unwrap_or_default().map(i64::from);
            object(call, &mut |load| {
                load.member("load1m").thousandths(one)?;
                load.member("load5m").thousandths(five)?;
                load.member("load15m").thousandths(fifteen)
            })
        }),
        Command::new("guest-get-vcpus", |guest, call| {
            array(call, &mut |vcpus| {
                (0..guest.board.processors()).try_for_each(|id| {
                    vcpus.element().object(|vcpu| {
                        vcpu.member("logical-id").integer(id.into())?;
                        vcpu.member("online").boolean(true)?;
                        vcpu.member("can-offline").boolean(false)
                    })
                })
            })
        }),
        Command::new("guest-set-vcpus", set_vcpus),
        Command::new("guest-fsfreeze-status", |guest: &mut Self, call| {
            call.respond()?.string(if guest.frozen { "frozen" } else { "thawed" })
        })
        .allowed_when_frozen(),
        Command::new("guest-fsfreeze-freeze", freeze),
        Command::new("guest-fsfreeze-freeze-list", |guest, call| {
            if let Some(mountpoints) = call.arguments.get("mountpoints")? {
                mountpoints.array()?.try_for_each(|mountpoint| mountpoint.string().map(drop))?;
            }
            freeze(guest, call)
        }),
        Command::new("guest-fsfreeze-thaw", thaw).allowed_when_frozen(),
        Command::new("guest-fstrim", |_, call| {
            call.arguments.optional_integer("minimum")?;
            object(call, &mut |trimmed| trimmed.member("paths").array(|_| Ok(())))
        }),
    ];

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        command == "guest-get-load" && self.load().is_none()
    }
}

/// Returns an object. Not a generic function: there is one copy of it.
fn object(call: Call<'_>, members: &mut dyn FnMut(&mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>) -> CommandResult {
    call.respond()?.object(members)
}

/// Returns an array, likewise.
fn array(call: Call<'_>, elements: &mut dyn FnMut(&mut ArrayEncoder<'_>) -> Result<(), DoesNotFit>) -> CommandResult {
    call.respond()?.array(elements)
}

/// An empty list.
fn nothing<B>(_: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    array(call, &mut |_| Ok(()))
}

fn interface(object: &mut ObjectEncoder<'_>, interface: &Interface<'_>) -> Result<(), DoesNotFit> {
    object.member("name").string(interface.name)?;
    object.member("ip-addresses").array(|list| {
        interface.addresses.iter().try_for_each(|(address, prefix)| {
            list.element().object(|object| {
                let version = if address.is_ipv4() { "ipv4" } else { "ipv6" };
                object.member("ip-address-type").string(version)?;
                object.member("ip-address").text(|text| write_ip(text, *address))?;
                object.member("prefix").integer((*prefix).into())
            })
        })
    })?;
    match interface.hardware_address {
        Some(address) => object.member("hardware-address").text(|text| write_hardware(text, address)),
        None => Ok(()),
    }
}

fn file_system(object: &mut ObjectEncoder<'_>, system: &FileSystem<'_>) -> Result<(), DoesNotFit> {
    object.member("name").string(system.name)?;
    object.member("total-bytes").unsigned(system.total_bytes)?;
    object.member("mountpoint").string(system.mountpoint)?;
    object.member("disk").array(|_| Ok(()))?;
    object.member("used-bytes").unsigned(system.used_bytes)?;
    object.member("type").string(system.format)
}

/// All file systems, even if only some were named. Without any, too, the agent counts as frozen until it is thawed.
fn freeze<B: Board>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    guest.board.freeze();
    guest.frozen = true;
    response.integer(guest.board.file_systems().count() as i64)
}

fn thaw<B: Board>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    if !guest.frozen {
        return response.integer(0);
    }
    guest.board.thaw();
    guest.frozen = false;
    response.integer(guest.board.file_systems().count() as i64)
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
    let response = call.respond()?;
    let how = match mode {
        None => Shutdown::PowerDown,
        Some(mode) if mode == "powerdown" => Shutdown::PowerDown,
        Some(mode) if mode == "reboot" => Shutdown::Reboot,
        Some(mode) if mode == "halt" => Shutdown::Halt,
        // as qemu-ga says it: nothing closes the bracket
        Some(_) => return Err(CommandError::Failed("mode is invalid (valid values are: halt|powerdown|reboot")),
    };
    guest.shutdown = Some((how, guest.board.uptime().saturating_add(1_000_000_000)));
    response.done()
}

/// Returns how many are as they should be, as the reference agent does: an error only if the first is not.
fn set_vcpus<B: Board>(guest: &mut Firmware<B>, call: Call<'_>) -> CommandResult {
    let (mut done, mut refusal) = (0, None);
    for vcpu in call.arguments.array("vcpus")? {
        let (id, online) = vcpu.object(|vcpu| {
            let logical_id = vcpu.integer("logical-id")?;
            let online = vcpu.boolean("online")?;
            vcpu.optional_boolean("can-offline")?;
            Ok((logical_id, online))
        })?;
        if !(0..guest.board.processors().into()).contains(&id) {
            refusal = refusal.or(Some("there is no such logical processor"));
        } else if !online {
            refusal = refusal.or(Some("a logical processor can't be offlined"));
        } else if refusal.is_none() {
            done += 1;
        }
    }
    let response = call.respond()?;
    match refusal {
        Some(refusal) if done == 0 => Err(CommandError::Failed(refusal)),
        _ => response.integer(done),
    }
}
