//! File systems and disks: what sysfs and mountinfo say, and freezing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use guestwire::commands::*;
use guestwire::{Call, CommandResult, DoesNotFit, ValueEncoder};
use log::{info, warn};
use nix::errno::Errno;
use nix::sys::statvfs::statvfs;
use procfs::process::Process;

use crate::guest::{Linux, failed, reason};
use crate::system::read_number;

/// A file system on a disk, where it is mounted first.
struct Mount {
    mountpoint: PathBuf,
    fs_type: String,
    /// Its block device, in sysfs.
    device: PathBuf,
}

/// Those that lie on a block device, each once.
fn mounts() -> io::Result<Vec<Mount>> {
    let infos = Process::myself().and_then(|this| this.mountinfo()).map_err(io::Error::other)?;
    let mut mounts: Vec<Mount> = Vec::new();
    for info in infos {
        // Others, such as tmpfs and network file systems, have no entry there.
        let Ok(device) = fs::canonicalize(Path::new("/sys/dev/block").join(&info.majmin)) else { continue };
        if mounts.iter().all(|mount| mount.device != device) {
            mounts.push(Mount { mountpoint: info.mount_point, fs_type: info.fs_type, device });
        }
    }
    Ok(mounts)
}

pub fn get_fsinfo<'q, 't>(_: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let response = call.respond()?;
    match mounts() {
        Ok(mounts) => response.array(|list| mounts.iter().try_for_each(|mount| encode_mount(list.element(), mount))),
        Err(error) => failed(response, "failed to list the file systems", error),
    }
}

/// What users can have is the whole, as df(1) has it.
fn encode_mount(place: ValueEncoder<'_>, mount: &Mount) -> Result<(), DoesNotFit> {
    let space = statvfs(&mount.mountpoint).ok();
    let used = |space: &nix::sys::statvfs::Statvfs| space.blocks() - space.blocks_free();
    let disks = disks_below(&mount.device);
    place.encode(FileSystem {
        name: (&*file_name(&mount.device)).into(),
        total_bytes: space.as_ref().map(|space| (used(space) + space.blocks_available()) * space.fragment_size()),
        mountpoint: (&*mount.mountpoint.to_string_lossy()).into(),
        disk: List::of(&|list| {
            disks.iter().try_for_each(|disk| with_address(disk, |address| list.element().encode(address)))
        }),
        used_bytes: space.as_ref().map(|space| used(space) * space.fragment_size()),
        fs_type: mount.fs_type.as_str().into(),
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into()
}

/// The disks that a device is made of: through partitions, and what the device mapper puts together.
fn disks_below(device: &Path) -> Vec<PathBuf> {
    let parts = parts_of(device);
    match device.parent() {
        Some(disk) if device.join("partition").exists() => disks_below(disk),
        _ if parts.is_empty() => vec![device.into()],
        _ => parts.iter().flat_map(|part| disks_below(part)).collect(),
    }
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
        () if starts("nvme") => "nvme",
        () if starts("virtio") && scsi.is_none() => "virtio",
        () if starts("usb") => "usb",
        () if starts("ata") => "sata",
        () if scsi.is_some() => "scsi",
        () => "unknown",
    };
    let [_, bus, target, unit] = scsi.unwrap_or_default();
    let serial = fs::read_to_string(disk.join("serial")).unwrap_or_default();
    let dev = format!("/dev/{}", file_name(disk));
    then(DiskAddress {
        serial: Some(serial.trim()).filter(|serial| !serial.is_empty()).map(Str::from),
        bus_type: bus_type.into(),
        bus,
        unit,
        pci_controller: parts.iter().rev().find_map(|part| pci_address(part)).unwrap_or(PciAddress::NONE),
        dev: Some(dev.as_str().into()),
        target,
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
    Some(PciAddress { bus, slot, domain, function })
}

pub fn get_disks<'q, 't>(_: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
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

fn encode_disk(place: ValueEncoder<'_>, disk: &Path) -> Result<(), DoesNotFit> {
    let is_partition = disk.join("partition").exists();
    let parts = match disk.parent() {
        Some(whole) if is_partition => vec![whole.into()],
        _ => parts_of(disk),
    };
    let alias = fs::read_to_string(disk.join("dm/name")).unwrap_or_default();
    let name = format!("/dev/{}", file_name(disk));
    let is_virtual = disk.starts_with("/sys/devices/virtual");
    let encode = |address: Option<DiskAddress<'_>>| {
        place.encode(Disk {
            name: name.as_str().into(),
            dependencies: Some(List::of(&|list| {
                parts.iter().try_for_each(|part| list.element().string(&format!("/dev/{}", file_name(part))))
            })),
            partition: is_partition,
            address,
            alias: Some(alias.trim()).filter(|alias| !alias.is_empty()).map(Str::from),
        })
    };
    if is_partition || is_virtual { encode(None) } else { with_address(disk, |address| encode(Some(address))) }
}

/// The file systems that this agent froze.
pub struct Frozen(Vec<(PathBuf, File)>);

impl Frozen {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub const fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Those that cannot be frozen, or are frozen already, are left out.
    fn freeze(&mut self, mountpoint: &Path) -> io::Result<()> {
        let file = File::open(mountpoint)?;
        match ioctl::freeze(&file) {
            Ok(()) => self.0.push((mountpoint.into(), file)),
            Err(Errno::EOPNOTSUPP | Errno::EBUSY) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn thaw(&mut self) -> (i64, Option<(PathBuf, Errno)>) {
        let (mut thawed, mut failure) = (0, None);
        // The last first: the log may lie on the first.
        while let Some((mountpoint, file)) = self.0.pop() {
            match ioctl::thaw(&file) {
                Ok(()) => thawed += 1,
                Err(Errno::EINVAL) => {} // somebody else thawed it
                Err(error) => failure = Some((mountpoint, error)),
            }
        }
        (thawed, failure)
    }
}

pub fn fsfreeze_status<'q, 't>(guest: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let state = if guest.frozen.any() { FsfreezeState::Frozen } else { FsfreezeState::Thawed };
    call.respond()?.encode(state)
}

pub fn fsfreeze_freeze<'q, 't>(guest: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let (FsfreezeFreeze {}, response) = call.parse()?;
    freeze(guest, response, |_| true)
}

pub fn fsfreeze_freeze_list<'q, 't>(guest: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let (FsfreezeFreezeList { mountpoints }, response) = call.parse()?;
    freeze(guest, response, |mount| match mountpoints {
        Some(list) => list.iter().any(|wanted| wanted == *mount.to_string_lossy()),
        None => true,
    })
}

/// All or none, what was mounted last first. Nothing is logged while something is frozen.
fn freeze<'q, 't>(
    guest: &mut Linux,
    response: guestwire::Responder<'q, 't>,
    is_wanted: impl Fn(&Path) -> bool,
) -> CommandResult<'q, 't> {
    let mounts = match mounts() {
        Ok(mounts) => mounts,
        Err(error) => return failed(response, "failed to list the file systems", error),
    };
    info!("freezing file systems");
    for Mount { mountpoint, .. } in mounts.iter().rev().filter(|mount| is_wanted(&mount.mountpoint)) {
        if let Err(error) = guest.frozen.freeze(mountpoint) {
            guest.frozen.thaw();
            return failed(response, &format!("failed to freeze {}", mountpoint.display()), error);
        }
    }
    response.integer(guest.frozen.0.len() as i64)
}

pub fn fsfreeze_thaw<'q, 't>(guest: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let (FsfreezeThaw {}, response) = call.parse()?;
    let (thawed, failure) = guest.frozen.thaw();
    info!("{thawed} file systems thawed");
    match failure {
        None => response.integer(thawed),
        Some((mountpoint, error)) => failed(response, &format!("failed to thaw {}", mountpoint.display()), error),
    }
}

pub fn fstrim<'q, 't>(_: &mut Linux, call: Call<'q, 't>) -> CommandResult<'q, 't> {
    let (FsTrim { minimum }, response) = call.parse()?;
    let mounts = match mounts() {
        Ok(mounts) => mounts,
        Err(error) => return failed(response, "failed to list the file systems", error),
    };
    let trimmed: Vec<_> = mounts
        .iter()
        .map(|mount| {
            let path = mount.mountpoint.to_string_lossy();
            let trimmed = File::open(&mount.mountpoint).and_then(|file| ioctl::trim(&file, minimum.unwrap_or(0)));
            let trimmed = trimmed.map_err(|error| {
                warn!("{path} is not trimmed: {error}");
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
                })
            })
        }),
    })
}

/// The three requests that no crate wraps. `_IOWR('X', ...)` of the kernel's `linux/fs.h`.
#[allow(unsafe_code, reason = "each passes a file that is open and memory that outlives the call")]
mod ioctl {
    use std::ffi::c_int;
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    #[repr(C)]
    pub struct Range {
        start: u64,
        length: u64,
        minimum: u64,
    }

    nix::ioctl_readwrite!(fifreeze, b'X', 119, c_int);
    nix::ioctl_readwrite!(fithaw, b'X', 120, c_int);
    nix::ioctl_readwrite!(fitrim, b'X', 121, Range);

    pub fn freeze(file: &File) -> nix::Result<()> {
        // SAFETY: the kernel reads and writes no memory for it.
        unsafe { fifreeze(file.as_raw_fd(), &mut 0) }.map(drop)
    }

    pub fn thaw(file: &File) -> nix::Result<()> {
        // SAFETY: the kernel reads and writes no memory for it.
        unsafe { fithaw(file.as_raw_fd(), &mut 0) }.map(drop)
    }

    /// The minimum that was used, and the bytes trimmed.
    pub fn trim(file: &File, minimum: i64) -> io::Result<(i64, i64)> {
        let minimum = u64::try_from(minimum).map_err(|_| nix::Error::EINVAL)?;
        let mut range = Range { start: 0, length: u64::MAX, minimum };
        // SAFETY: the kernel reads and writes the range, which has its layout.
        unsafe { fitrim(file.as_raw_fd(), &mut range) }?;
        Ok((range.minimum as i64, range.length as i64))
    }
}
