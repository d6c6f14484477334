//! File systems and disks.

use super::values::{List, Str};

command! {
    /// the mounted file systems that are on disks.
    "guest-get-fsinfo" GetFsinfo {} -> List<'a, FileSystem<'a>>
}

object! {
    /// A mounted file system.
    FileSystem<'a> {
        /// The name of its device.
        name: Str<'a> = "name",
        total_bytes: Option<u64> = "total-bytes",
        mountpoint: Str<'a> = "mountpoint",
        /// The disks that it lies on.
        disk: List<'a, DiskAddress<'a>> = "disk",
        used_bytes: Option<u64> = "used-bytes",
        fs_type: Str<'a> = "type",
    }
}

object! {
    /// Where a disk is attached.
    DiskAddress<'a> {
        serial: Option<Str<'a>> = "serial",
        /// `virtio`, `scsi`, `sata`, `nvme`, `unknown` and others.
        bus_type: Str<'a> = "bus-type",
        bus: i64 = "bus",
        unit: i64 = "unit",
        /// All -1 if there is none.
        pci_controller: PciAddress = "pci-controller",
        dev: Option<Str<'a>> = "dev",
        target: i64 = "target",
    }
}

object! {
    /// An address on a PCI bus.
    PciAddress {
        bus: i64 = "bus",
        slot: i64 = "slot",
        domain: i64 = "domain",
        function: i64 = "function",
    }
}

impl PciAddress {
    /// For a disk that is on no PCI controller.
    pub const NONE: Self = Self { bus: -1, slot: -1, domain: -1, function: -1 };
}

command! {
    /// the disks and their partitions.
    "guest-get-disks" GetDisks {} -> List<'a, Disk<'a>>
}

object! {
    /// A disk or a partition.
    Disk<'a> {
        /// Its device node.
        name: Str<'a> = "name",
        /// What it lies on: a partition's disk, for one.
        dependencies: Option<List<'a, Str<'a>>> = "dependencies",
        partition: bool = "partition",
        address: Option<DiskAddress<'a>> = "address",
        /// Its name in the device mapper, for one.
        alias: Option<Str<'a>> = "alias",
    }
}

choices! {
    /// Whether file systems are frozen.
    FsfreezeState {
        Thawed = "thawed",
        Frozen = "frozen",
    }
}

command! {
    /// whether file systems are frozen.
    "guest-fsfreeze-status" FsfreezeStatus {} -> FsfreezeState, frozen allowed_when_frozen
}

command! {
    /// freezes all file systems. Returns how many.
    "guest-fsfreeze-freeze" FsfreezeFreeze {} -> i64
}

command! {
    /// freezes some file systems, all if none is named. Returns how many.
    "guest-fsfreeze-freeze-list" FsfreezeFreezeList<'a> {
        mountpoints: Option<List<'a, Str<'a>>> = "mountpoints",
    } -> i64
}

command! {
    /// thaws what was frozen. Returns how many.
    "guest-fsfreeze-thaw" FsfreezeThaw {} -> i64, frozen allowed_when_frozen
}

command! {
    /// tells disks which blocks are unused.
    "guest-fstrim" FsTrim {
        /// Bytes. Free ranges that are shorter may be left alone.
        minimum: Option<i64> = "minimum",
    } -> FsTrimmed<'a>
}

object! {
    /// What was trimmed.
    FsTrimmed<'a> {
        paths: List<'a, FsTrimResult<'a>> = "paths",
    }
}

object! {
    /// What was trimmed of one file system, or why it was not.
    FsTrimResult<'a> {
        minimum: Option<i64> = "minimum",
        path: Str<'a> = "path",
        /// Bytes.
        trimmed: Option<i64> = "trimmed",
        error: Option<Str<'a>> = "error",
    }
}
