//! Time, power, and what the system is.

use super::values::{Done, List, Str, Thousandths};
use crate::agent::CommandError;

command! {
    /// the time, in nanoseconds since the Unix epoch.
    pub struct GetTime = "guest-get-time" { .. } -> i64
}

command! {
    /// sets the time.
    #[derive(PartialEq, Eq)]
    pub struct SetTime = "guest-set-time" {
        /// Nanoseconds since the Unix epoch. Absent: the time of the hardware's clock.
        time: Option<i64> = "time",
        ..
    } -> Done
}

command! {
    /// shuts the system down.
    pub struct Shutdown<'a> = "guest-shutdown" {
        /// See [`Shutdown::mode`].
        mode: Option<Str<'a>> = "mode",
        ..
    } -> Done, no_success_response: true
}

choices! {
    /// What a shutdown ends in.
    pub enum ShutdownMode {
        Powerdown = "powerdown",
        Halt = "halt",
        Reboot = "reboot",
        ..
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
    pub struct SuspendDisk = "guest-suspend-disk" { .. } -> Done, no_success_response: true
}

command! {
    /// suspends to RAM.
    pub struct SuspendRam = "guest-suspend-ram" { .. } -> Done, no_success_response: true
}

command! {
    /// suspends to both.
    pub struct SuspendHybrid = "guest-suspend-hybrid" { .. } -> Done, no_success_response: true
}

command! {
    /// what the operating system is.
    pub struct GetOsinfo = "guest-get-osinfo" { .. } -> OsInfo<'a>
}

object! {
    /// An operating system. The members but for `kernel-*` and `machine` are those of os-release(5).
    pub struct OsInfo<'a> {
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
        ..
    }
}

command! {
    /// the host's name.
    pub struct GetHostName = "guest-get-host-name" { .. } -> HostName<'a>
}

object! {
    /// A host's name.
    pub struct HostName<'a> {
        host_name: Str<'a> = "host-name",
        ..
    }
}

command! {
    /// the time zone.
    pub struct GetTimezone = "guest-get-timezone" { .. } -> Timezone<'a>
}

object! {
    /// A time zone.
    pub struct Timezone<'a> {
        /// Its abbreviation, such as `CET`.
        zone: Option<Str<'a>> = "zone",
        /// Seconds east of UTC, now.
        offset: i64 = "offset",
        ..
    }
}

command! {
    /// who is logged in.
    pub struct GetUsers = "guest-get-users" { .. } -> List<'a, User<'a>>
}

object! {
    /// A user who is logged in.
    pub struct User<'a> {
        /// Seconds since the Unix epoch, of the earliest login.
        login_time: Thousandths = "login-time",
        /// Windows only.
        domain: Option<Str<'a>> = "domain",
        user: Str<'a> = "user",
        ..
    }
}

command! {
    /// how busy the system is (QEMU 10.0).
    pub struct GetLoad = "guest-get-load" { .. } -> Load
}

object! {
    /// How many tasks wanted to run, on average.
    #[derive(PartialEq, Eq)]
    pub struct Load {
        load15m: Thousandths = "load15m",
        load5m: Thousandths = "load5m",
        load1m: Thousandths = "load1m",
        ..
    }
}

command! {
    /// the virtual CPUs.
    pub struct GetVcpus = "guest-get-vcpus" { .. } -> List<'a, LogicalProcessor>
}

command! {
    /// takes virtual CPUs online or offline. Returns how many it could, from the first on; an error if none.
    pub struct SetVcpus<'a> = "guest-set-vcpus" {
        vcpus: List<'a, LogicalProcessor> = "vcpus",
        ..
    } -> i64
}

object! {
    /// A virtual CPU.
    #[derive(PartialEq, Eq)]
    pub struct LogicalProcessor {
        logical_id: i64 = "logical-id",
        online: bool = "online",
        /// Not for `guest-set-vcpus`, which ignores it.
        can_offline: Option<bool> = "can-offline",
        ..
    }
}

command! {
    /// what each CPU has spent its time on.
    pub struct GetCpustats = "guest-get-cpustats" { .. } -> List<'a, CpuStats<'a>>
}

union! {
    /// What a CPU has spent its time on, by the operating system.
    CpuStats<'a> {
        Linux(LinuxCpuStats) = Linux "linux",
    }
}

object! {
    /// What a CPU of Linux has spent its time on, in milliseconds.
    #[derive(PartialEq, Eq)]
    pub struct LinuxCpuStats {
        /// Its number, from 0.
        cpu: i64 = "cpu",
        guestnice: Option<u64> = "guestnice",
        idle: u64 = "idle",
        /// What the host took.
        steal: Option<u64> = "steal",
        iowait: Option<u64> = "iowait",
        system: u64 = "system",
        /// Running guests.
        guest: Option<u64> = "guest",
        nice: u64 = "nice",
        irq: Option<u64> = "irq",
        #[doc(hidden)]
        tag: Linux = "type",
        user: u64 = "user",
        softirq: Option<u64> = "softirq",
        ..
    }
}

command! {
    /// the blocks of memory that can go online and offline.
    pub struct GetMemoryBlocks = "guest-get-memory-blocks" { .. } -> List<'a, MemoryBlock>
}

command! {
    /// takes blocks of memory online or offline. Returns what became of each.
    pub struct SetMemoryBlocks<'a> = "guest-set-memory-blocks" {
        mem_blks: List<'a, MemoryBlock> = "mem-blks",
        ..
    } -> List<'a, MemoryBlockResponse<'a>>
}

command! {
    /// the size of a block of memory.
    pub struct GetMemoryBlockInfo = "guest-get-memory-block-info" { .. } -> MemoryBlockInfo
}

object! {
    /// A block of memory.
    #[derive(PartialEq, Eq)]
    pub struct MemoryBlock {
        /// Its number.
        phys_index: u64 = "phys-index",
        online: bool = "online",
        /// Not for `guest-set-memory-blocks`, which ignores it.
        can_offline: Option<bool> = "can-offline",
        ..
    }
}

object! {
    /// What became of a block of memory.
    #[derive(PartialEq, Eq)]
    pub struct MemoryBlockResponse<'a> {
        response: MemoryBlockResponseType<'a> = "response",
        /// The system's `errno`.
        error_code: Option<i64> = "error-code",
        /// Its number.
        phys_index: u64 = "phys-index",
        ..
    }
}

choices! {
    /// Whether a block of memory went online or offline.
    pub enum MemoryBlockResponseType<'a> {
        Success = "success",
        NotFound = "not-found",
        OperationNotSupported = "operation-not-supported",
        OperationFailed = "operation-failed",
        ..
    }
}

object! {
    /// The size of blocks of memory.
    #[derive(PartialEq, Eq)]
    pub struct MemoryBlockInfo {
        /// In bytes.
        size: u64 = "size",
        ..
    }
}

command! {
    /// the devices and their drivers. Windows only.
    pub struct GetDevices = "guest-get-devices" { .. } -> List<'a, DeviceInfo<'a>>
}

object! {
    /// A device and its driver.
    pub struct DeviceInfo<'a> {
        /// When the driver was made, in nanoseconds since the Unix epoch.
        driver_date: Option<i64> = "driver-date",
        driver_name: Str<'a> = "driver-name",
        driver_version: Option<Str<'a>> = "driver-version",
        id: Option<DeviceId<'a>> = "id",
        ..
    }
}

union! {
    /// What a device is, by its bus.
    DeviceId<'a> {
        Pci(PciDeviceId) = Pci "pci",
    }
}

object! {
    /// What a device on a PCI bus is.
    #[derive(PartialEq, Eq)]
    pub struct PciDeviceId {
        device_id: u16 = "device-id",
        vendor_id: u16 = "vendor-id",
        #[doc(hidden)]
        tag: Pci = "type",
        ..
    }
}
