//! Time, power, and what the system is.

use super::values::{Done, List, Str, Thousandths};
use crate::agent::CommandError;

command! {
    /// the time, in nanoseconds since 1970 in UTC.
    "guest-get-time" GetTime {} -> i64
}

command! {
    /// sets the time.
    "guest-set-time" SetTime {
        /// Nanoseconds since 1970 in UTC. Absent: the time of the hardware's clock.
        time: Option<i64> = "time",
    } -> Done
}

command! {
    /// shuts the system down.
    "guest-shutdown" Shutdown<'a> {
        /// See [`Shutdown::mode`].
        mode: Option<Str<'a>> = "mode",
    } -> Done, silent no_success_response
}

choices! {
    /// What a shutdown ends in.
    ShutdownMode {
        Powerdown = "powerdown",
        Halt = "halt",
        Reboot = "reboot",
    }
}

impl Shutdown<'_> {
    /// What the shutdown is to end in, `powerdown` if nothing is said.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with the reference agent's description of another mode.
    pub fn mode(&self) -> Result<ShutdownMode, CommandError> {
        let Some(mode) = self.mode else { return Ok(ShutdownMode::Powerdown) };
        let choice = ShutdownMode::CHOICES.iter().find(|(name, _)| mode == *name);
        // Without its bracket, as the reference agent has it.
        choice
            .map(|(_, choice)| *choice)
            .ok_or(CommandError::Failed("mode is invalid (valid values are: halt|powerdown|reboot"))
    }
}

command! {
    /// suspends to disk.
    "guest-suspend-disk" SuspendDisk {} -> Done, silent no_success_response
}

command! {
    /// suspends to RAM.
    "guest-suspend-ram" SuspendRam {} -> Done, silent no_success_response
}

command! {
    /// suspends to both.
    "guest-suspend-hybrid" SuspendHybrid {} -> Done, silent no_success_response
}

command! {
    /// what the operating system is.
    "guest-get-osinfo" GetOsinfo {} -> OsInfo<'a>
}

object! {
    /// An operating system. The members but for `kernel-*` and `machine` are those of os-release(5).
    OsInfo<'a> {
        name: Option<Str<'a>> = "name",
        kernel_release: Option<Str<'a>> = "kernel-release",
        version: Option<Str<'a>> = "version",
        variant: Option<Str<'a>> = "variant",
        pretty_name: Option<Str<'a>> = "pretty-name",
        version_id: Option<Str<'a>> = "version-id",
        variant_id: Option<Str<'a>> = "variant-id",
        kernel_version: Option<Str<'a>> = "kernel-version",
        machine: Option<Str<'a>> = "machine",
        id: Option<Str<'a>> = "id",
    }
}

command! {
    /// the host's name.
    "guest-get-host-name" GetHostName {} -> HostName<'a>
}

object! {
    /// A host's name.
    HostName<'a> {
        host_name: Str<'a> = "host-name",
    }
}

command! {
    /// the time zone.
    "guest-get-timezone" GetTimezone {} -> Timezone<'a>
}

object! {
    /// A time zone.
    Timezone<'a> {
        /// Its abbreviation, such as `CET`.
        zone: Option<Str<'a>> = "zone",
        /// Seconds east of UTC, now.
        offset: i64 = "offset",
    }
}

command! {
    /// who is logged in.
    "guest-get-users" GetUsers {} -> List<'a, User<'a>>
}

object! {
    /// A user who is logged in.
    User<'a> {
        /// Seconds since 1970, of the earliest login.
        login_time: Thousandths = "login-time",
        /// Windows only.
        domain: Option<Str<'a>> = "domain",
        user: Str<'a> = "user",
    }
}

command! {
    /// how busy the system is (QEMU 10.0).
    "guest-get-load" GetLoad {} -> Load
}

object! {
    /// How many tasks wanted to run, on average.
    Load {
        load15m: Thousandths = "load15m",
        load5m: Thousandths = "load5m",
        load1m: Thousandths = "load1m",
    }
}

command! {
    /// the virtual CPUs.
    "guest-get-vcpus" GetVcpus {} -> List<'a, LogicalProcessor>
}

command! {
    /// takes virtual CPUs online or offline. Returns how many it could, from the first on; an error if none.
    "guest-set-vcpus" SetVcpus<'a> {
        vcpus: List<'a, LogicalProcessor> = "vcpus",
    } -> i64
}

object! {
    /// A virtual CPU.
    LogicalProcessor {
        logical_id: i64 = "logical-id",
        online: bool = "online",
        /// Not for `guest-set-vcpus`, which ignores it.
        can_offline: Option<bool> = "can-offline",
    }
}
