//! File systems and disks, from sysfs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use guestwire::commands::*;
use guestwire::{
    Call, CommandResult,
    json::{DoesNotFit, ValueEncoder},
};
use log::warn;
use nix::sys::statvfs::statvfs;

use crate::guest::{Linux, failed, reason};
use crate::ioctl;
use crate::mounts::{self, Mount, file_name};
use crate::system::read_number;

pub fn get_fsinfo(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    match mounts::all() {
        Ok(mounts) => response.array(|list| mounts.iter().try_for_each(|mount| encode_mount(list.element(), mount))),
        Err(error) => failed(response, "failed to list the file systems", error),
    }
}

/// The total is what users can use, as in df(1).
fn encode_mount(encoder: ValueEncoder<'_>, mount: &Mount) -> Result<(), DoesNotFit> {
    let space = statvfs(&mount.mountpoint).ok();
    let used = |space: &nix::sys::statvfs::Statvfs| space.blocks() - space.blocks_free();
    let disks = mount.device().map(|device| disks_below(&device)).unwrap_or_default();
    encoder.encode(FileSystem {
        name: (&*mount.device_name()).into(),
        total_bytes: space.as_ref().map(|space| (used(space) + space.blocks_available()) * space.fragment_size()),
        total_bytes_privileged: space.as_ref().map(|space| space.blocks() * space.fragment_size()),
        mountpoint: (&*mount.mountpoint.to_string_lossy()).into(),
        disk: List::of(&|list| {
            disks.iter().try_for_each(|disk| with_address(disk, |address| list.element().encode(address)))
        }),
        used_bytes: space.as_ref().map(|space| used(space) * space.fragment_size()),
        fs_type: mount.fs_type.as_str().into(),
        ..Default::default()
    })
}

/// The disks below a device, through partitions and the device mapper. A device that is not made of others and has no
/// hardware, such as a loop device, is not a disk.
fn disks_below(device: &Path) -> Vec<PathBuf> {
    let parts = parts_of(device);
    match device.parent() {
        Some(disk) if device.join("partition").exists() => disks_below(disk),
        _ if parts.is_empty() && is_virtual(device) => Vec::new(),
        _ if parts.is_empty() => vec![device.into()],
        _ => parts.iter().flat_map(|part| disks_below(part)).collect(),
    }
}

fn is_virtual(device: &Path) -> bool {
    device.starts_with("/sys/devices/virtual/block")
}

fn parts_of(device: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(device.join("slaves")).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::canonicalize(entry.path()).ok()).collect()
}

/// Where a disk is attached, from its path: `.../0000:00:02.0/virtio1/block/vda`.
fn with_address<T>(disk: &Path, then: impl FnOnce(DiskAddress<'_>) -> T) -> T {
    let parts: Vec<&str> = disk.iter().filter_map(|part| part.to_str()).collect();
    let starts = |prefix: &str| parts.iter().any(|part| part.strip_prefix(prefix).is_some_and(starts_digit));
    // Host, bus, target and unit: 0:0:1:0.
    let scsi = parts.iter().find_map(|part| numbers::<4>(part.split(':'), 10));
    let bus_type = match () {
        () if starts("nvme") => DiskBusType::Nvme,
        () if starts("virtio") && scsi.is_none() => DiskBusType::Virtio,
        () if starts("usb") => DiskBusType::Usb,
        () if starts("ata") => DiskBusType::Sata,
        () if scsi.is_some() => DiskBusType::Scsi,
        () => DiskBusType::Unknown,
    };
    let [_, bus, target, unit] = scsi.unwrap_or_default();
    let serial = fs::read_to_string(disk.join("serial")).unwrap_or_default();
    let dev = format!("/dev/{}", file_name(disk));
    then(DiskAddress {
        serial: Some(serial.trim()).filter(|serial| !serial.is_empty()).map(Str::from),
        bus_type,
        bus,
        unit,
        pci_controller: parts.iter().rev().find_map(|part| pci_address(part)).unwrap_or(PciAddress::NONE),
        dev: Some(dev.as_str().into()),
        target,
        ..Default::default()
    })
}

fn starts_digit(text: &str) -> bool {
    text.starts_with(|character: char| character.is_ascii_digit())
}

fn numbers<'a, const N: usize>(parts: impl Iterator<Item = &'a str>, radix: u32) -> Option<[i64; N]> {
    let numbers: Option<Vec<i64>> = parts.map(|part| i64::from_str_radix(part, radix).ok()).collect();
    numbers?.try_into().ok()
}

/// `0000:00:02.0`: domain, bus, slot and function.
fn pci_address(text: &str) -> Option<PciAddress> {
    let (device, function) = text.split_once('.')?;
    let [domain, bus, slot] = numbers(device.split(':'), 16)?;
    let function = i64::from_str_radix(function, 16).ok()?;
    Some(PciAddress { bus, slot, domain, function, ..Default::default() })
}

pub fn get_disks(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    match disks() {
        Ok(disks) => response.array(|list| disks.iter().try_for_each(|disk| encode_disk(list.element(), disk))),
        Err(error) => failed(response, "failed to list the disks", error),
    }
}

/// Disks that have a size, each followed by its partitions.
fn disks() -> io::Result<Vec<PathBuf>> {
    let mut disks = Vec::new();
    for entry in fs::read_dir("/sys/block")? {
        let disk = fs::canonicalize(entry?.path())?;
        if read_number(disk.join("size")).unwrap_or(0) == 0 {
            continue;
        }
        let inside = fs::read_dir(&disk)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let partitions: Vec<_> = inside.filter(|path| path.join("partition").exists()).collect();
        disks.push(disk);
        disks.extend(partitions);
    }
    Ok(disks)
}

fn encode_disk(encoder: ValueEncoder<'_>, disk: &Path) -> Result<(), DoesNotFit> {
    let is_partition = disk.join("partition").exists();
    let parts = match disk.parent() {
        Some(whole) if is_partition => vec![whole.into()],
        _ => parts_of(disk),
    };
    let alias = fs::read_to_string(disk.join("dm/name")).unwrap_or_default();
    let name = format!("/dev/{}", file_name(disk));
    let encode = |address: Option<DiskAddress<'_>>| {
        encoder.encode(Disk {
            name: name.as_str().into(),
            dependencies: Some(List::of(&|list| {
                parts.iter().try_for_each(|part| list.element().string(&format!("/dev/{}", file_name(part))))
            })),
            partition: is_partition,
            address,
            alias: Some(alias.trim()).filter(|alias| !alias.is_empty()).map(Str::from),
            ..Default::default()
        })
    };
    if is_partition || is_virtual(disk) { encode(None) } else { with_address(disk, |address| encode(Some(address))) }
}

pub fn fstrim(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FsTrim { minimum, .. }, response) = call.parse()?;
    let mounts = match mounts::all() {
        Ok(mounts) => mounts,
        Err(error) => return failed(response, "failed to list the file systems", error),
    };
    let trimmed: Vec<_> = mounts::file_systems(&mounts)
        .iter()
        .map(|file_system| {
            let path = file_system[0].mountpoint.to_string_lossy();
            let trimmed = mounts::open(file_system).and_then(|file| ioctl::trim(&file, minimum.unwrap_or(0)));
            let trimmed = trimmed.map_err(|error| {
                warn!("{path} cannot be trimmed: {error}");
                reason(&error)
            });
            (path, trimmed)
        })
        .collect();
    response.encode(FsTrimmed {
        paths: List::of(&|list| {
            trimmed.iter().try_for_each(|(path, trimmed)| {
                list.element().encode(FsTrimResult {
                    minimum: trimmed.as_ref().ok().map(|(minimum, _)| *minimum),
                    path: (&**path).into(),
                    trimmed: trimmed.as_ref().ok().map(|(_, trimmed)| *trimmed),
                    error: trimmed.as_ref().err().map(|error| error.as_str().into()),
                    ..Default::default()
                })
            })
        }),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel names them below `/sys/devices`.
    #[test]
    fn a_disk_is_attached_where_its_path_says() {
        let pci = |domain, bus, slot, function| PciAddress { domain, bus, slot, function, ..Default::default() };
        for (path, bus_type, controller, [bus, target, unit]) in [
            ("pci0000:00/0000:00:02.0/virtio1/block/vda", DiskBusType::Virtio, pci(0, 0, 2, 0), [0, 0, 0]),
            // Behind two bridges.
            (
                "pci0000:00/0000:00:1e.0/0000:05:01.0/0000:06:1f.7/virtio3/block/vdb",
                DiskBusType::Virtio,
                pci(0, 6, 31, 7),
                [0, 0, 0],
            ),
            (
                "pci0000:00/0000:00:03.0/virtio0/host2/target2:0:1/2:0:1:4/block/sda",
                DiskBusType::Scsi,
                pci(0, 0, 3, 0),
                [0, 1, 4],
            ),
            (
                "pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sr0",
                DiskBusType::Sata,
                pci(0, 0, 31, 2),
                [0, 0, 0],
            ),
            (
                "pci0001:00/0001:00:14.0/usb2/2-1/2-1:1.0/host6/target6:1:2/6:1:2:3/block/sdb",
                DiskBusType::Usb,
                pci(1, 0, 20, 0),
                [1, 2, 3],
            ),
            (
                "pci0000:ae/0000:ae:00.0/0000:af:00.0/nvme/nvme0/nvme0n1",
                DiskBusType::Nvme,
                pci(0, 0xAF, 0, 0),
                [0, 0, 0],
            ),
            ("platform/a003e00.virtio_mmio/virtio5/block/vdc", DiskBusType::Virtio, PciAddress::NONE, [0, 0, 0]),
            ("platform/soc/mmc0/mmc0:0001/block/mmcblk0", DiskBusType::Unknown, PciAddress::NONE, [0, 0, 0]),
        ] {
            with_address(&Path::new("/sys/devices").join(path), |address| {
                assert_eq!(address.bus_type, bus_type, "{path}");
                assert_eq!((address.bus, address.target, address.unit), (bus, target, unit), "{path}");
                let [given, expected] = [address.pci_controller, controller]
                    .map(|controller| [controller.domain, controller.bus, controller.slot, controller.function]);
                assert_eq!(given, expected, "{path}");
            });
        }
    }
}
