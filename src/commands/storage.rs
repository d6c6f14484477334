//! File systems and disks.

use super::schema::More;
use super::values::{List, Str};

command! {
    /// the mounted file systems that are on disks.
    pub struct GetFsinfo = "guest-get-fsinfo" { .. } -> List<'a, FileSystem<'a>>
}

object! {
    /// A mounted file system.
    pub struct FileSystem<'a> {
        /// The name of its device.
        name: Str<'a> = "name",
        /// In bytes, without what is reserved for the superuser.
        total_bytes: Option<u64> = "total-bytes",
        /// In bytes, with what is reserved for the superuser (QEMU 9.1).
        total_bytes_privileged: Option<u64> = "total-bytes-privileged",
        mountpoint: Str<'a> = "mountpoint",
        /// The disks that it lies on.
        disk: List<'a, DiskAddress<'a>> = "disk",
        used_bytes: Option<u64> = "used-bytes",
        fs_type: Str<'a> = "type",
        ..
    }
}

object! {
    /// Where a disk is attached.
    pub struct DiskAddress<'a> {
        /// On s390x (QEMU 6.0).
        ccw_address: Option<CcwAddress> = "ccw-address",
        serial: Option<Str<'a>> = "serial",
        bus_type: DiskBusType<'a> = "bus-type",
        bus: i64 = "bus",
        unit: i64 = "unit",
        /// All -1 if there is none.
        pci_controller: PciAddress = "pci-controller",
        dev: Option<Str<'a>> = "dev",
        target: i64 = "target",
        ..
    }
}

choices! {
    /// How a disk is attached.
    pub enum DiskBusType<'a> {
        Unknown = "unknown",
        Ide = "ide",
        /// A floppy disk.
        Fdc = "fdc",
        Scsi = "scsi",
        Virtio = "virtio",
        Xen = "xen",
        Usb = "usb",
        /// User-mode Linux.
        Uml = "uml",
        Sata = "sata",
        /// A memory card.
        Sd = "sd",
        Ieee1394 = "ieee1394",
        Ssa = "ssa",
        /// Fibre channel.
        Fibre = "fibre",
        Raid = "raid",
        Iscsi = "iscsi",
        Sas = "sas",
        Mmc = "mmc",
        Virtual = "virtual",
        FileBackedVirtual = "file-backed-virtual",
        /// QEMU 7.1.
        Nvme = "nvme",
        ..
    }
}

object! {
    /// An address on a PCI bus.
    #[derive(PartialEq, Eq)]
    pub struct PciAddress {
        bus: i64 = "bus",
        slot: i64 = "slot",
        domain: i64 = "domain",
        function: i64 = "function",
        ..
    }
}

impl PciAddress {
    /// For a disk that is on no PCI controller.
    pub const NONE: Self = Self { bus: -1, slot: -1, domain: -1, function: -1, _more: More::NONE };
}

object! {
    /// An address on a channel of s390x.
    #[derive(PartialEq, Eq)]
    pub struct CcwAddress {
        /// The channel subsystem image's number.
        cssid: i64 = "cssid",
        /// The subchannel set's number.
        ssid: i64 = "ssid",
        /// The subchannel's number.
        subchno: i64 = "subchno",
        /// The device's number.
        devno: i64 = "devno",
        ..
    }
}

command! {
    /// the disks and their partitions.
    pub struct GetDisks = "guest-get-disks" { .. } -> List<'a, Disk<'a>>
}

object! {
    /// A disk or a partition.
    pub struct Disk<'a> {
        /// Its device node.
        name: Str<'a> = "name",
        /// What it says of its own health (QEMU 7.1).
        smart: Option<DiskSmart<'a>> = "smart",
        /// What it lies on: a partition's disk, for one.
        dependencies: Option<List<'a, Str<'a>>> = "dependencies",
        partition: bool = "partition",
        address: Option<DiskAddress<'a>> = "address",
        /// Its name in the device mapper, for one.
        alias: Option<Str<'a>> = "alias",
        ..
    }
}

union! {
    /// What a disk says of its own health, by its type.
    DiskSmart<'a> {
        Nvme(NvmeSmart) = Nvme "nvme",
    }
}

object! {
    /// The health of an NVMe disk, as in its SMART log. Numbers of 128 bits are in two halves.
    #[derive(PartialEq, Eq)]
    pub struct NvmeSmart {
        /// Percent of the spare blocks that are left.
        available_spare: i64 = "available-spare",
        host_write_commands_hi: u64 = "host-write-commands-hi",
        /// In kelvins.
        temperature: i64 = "temperature",
        power_on_hours_lo: u64 = "power-on-hours-lo",
        host_read_commands_hi: u64 = "host-read-commands-hi",
        host_read_commands_lo: u64 = "host-read-commands-lo",
        number_of_error_log_entries_hi: u64 = "number-of-error-log-entries-hi",
        unsafe_shutdowns_hi: u64 = "unsafe-shutdowns-hi",
        unsafe_shutdowns_lo: u64 = "unsafe-shutdowns-lo",
        host_write_commands_lo: u64 = "host-write-commands-lo",
        /// The percentage below which it warns.
        available_spare_threshold: i64 = "available-spare-threshold",
        power_on_hours_hi: u64 = "power-on-hours-hi",
        /// In minutes.
        controller_busy_time_hi: u64 = "controller-busy-time-hi",
        controller_busy_time_lo: u64 = "controller-busy-time-lo",
        /// In 1000 blocks of 512 bytes.
        data_units_read_hi: u64 = "data-units-read-hi",
        data_units_read_lo: u64 = "data-units-read-lo",
        power_cycles_hi: u64 = "power-cycles-hi",
        power_cycles_lo: u64 = "power-cycles-lo",
        media_errors_hi: u64 = "media-errors-hi",
        media_errors_lo: u64 = "media-errors-lo",
        /// In 1000 blocks of 512 bytes.
        data_units_written_hi: u64 = "data-units-written-hi",
        data_units_written_lo: u64 = "data-units-written-lo",
        #[doc(hidden)]
        tag: Nvme = "type",
        /// One bit for each warning.
        critical_warning: i64 = "critical-warning",
        /// Percent of its life, by the maker's reckoning. May exceed 100.
        percentage_used: i64 = "percentage-used",
        number_of_error_log_entries_lo: u64 = "number-of-error-log-entries-lo",
        ..
    }
}

command! {
    /// what disks have read and written since the system started.
    pub struct GetDiskstats = "guest-get-diskstats" { .. } -> List<'a, DiskStatsInfo<'a>>
}

object! {
    /// A disk or partition, and what it has read and written.
    pub struct DiskStatsInfo<'a> {
        name: Str<'a> = "name",
        stats: DiskStats = "stats",
        /// Of its device number.
        minor: u64 = "minor",
        /// Of its device number.
        major: u64 = "major",
        ..
    }
}

object! {
    /// What a disk has read and written. Sectors have 512 bytes, ticks are milliseconds.
    #[derive(PartialEq, Eq)]
    pub struct DiskStats {
        discard_sectors: Option<u64> = "discard-sectors",
        write_ios: Option<u64> = "write-ios",
        discard_ios: Option<u64> = "discard-ios",
        discard_ticks: Option<u64> = "discard-ticks",
        /// The time that each request took, summed.
        weight_ticks: Option<u64> = "weight-ticks",
        read_ios: Option<u64> = "read-ios",
        flush_ios: Option<u64> = "flush-ios",
        write_sectors: Option<u64> = "write-sectors",
        write_merges: Option<u64> = "write-merges",
        write_ticks: Option<u64> = "write-ticks",
        /// How many are in progress now.
        ios_pgr: Option<u64> = "ios-pgr",
        read_sectors: Option<u64> = "read-sectors",
        read_merges: Option<u64> = "read-merges",
        /// The time in which something was in progress.
        total_ticks: Option<u64> = "total-ticks",
        discard_merges: Option<u64> = "discard-merges",
        flush_ticks: Option<u64> = "flush-ticks",
        read_ticks: Option<u64> = "read-ticks",
        ..
    }
}

choices! {
    /// Whether file systems are frozen.
    pub enum FsfreezeState<'a> {
        Thawed = "thawed",
        Frozen = "frozen",
        ..
    }
}

command! {
    /// whether file systems are frozen.
    pub struct FsfreezeStatus = "guest-fsfreeze-status" { .. } -> FsfreezeState<'a>, allowed_when_frozen: true
}

command! {
    /// freezes all file systems. Returns how many.
    pub struct FsfreezeFreeze = "guest-fsfreeze-freeze" { .. } -> i64
}

command! {
    /// freezes some file systems, all if none is named. Returns how many.
    pub struct FsfreezeFreezeList<'a> = "guest-fsfreeze-freeze-list" {
        mountpoints: Option<List<'a, Str<'a>>> = "mountpoints",
        ..
    } -> i64
}

command! {
    /// thaws what was frozen. Returns how many.
    pub struct FsfreezeThaw = "guest-fsfreeze-thaw" { .. } -> i64, allowed_when_frozen: true
}

command! {
    /// tells disks which blocks are unused.
    #[derive(PartialEq, Eq)]
    pub struct FsTrim = "guest-fstrim" {
        /// Bytes. Free ranges that are shorter may be left alone.
        minimum: Option<i64> = "minimum",
        ..
    } -> FsTrimmed<'a>
}

object! {
    /// What was trimmed.
    pub struct FsTrimmed<'a> {
        paths: List<'a, FsTrimResult<'a>> = "paths",
        ..
    }
}

object! {
    /// What was trimmed of one file system, or why it was not.
    pub struct FsTrimResult<'a> {
        minimum: Option<i64> = "minimum",
        path: Str<'a> = "path",
        /// Bytes.
        trimmed: Option<i64> = "trimmed",
        error: Option<Str<'a>> = "error",
        ..
    }
}
