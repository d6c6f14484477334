//! What is mounted from disks.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::{major, minor};

pub struct Mount {
    id: String,
    /// `7:0`: the same wherever the file system is mounted.
    file_system: String,
    pub mountpoint: PathBuf,
    pub fs_type: String,
    source: PathBuf,
}

pub const TABLE: &str = "/proc/self/mountinfo";

/// Every mount of a file system on a block device, in the order of mounting.
pub fn all() -> io::Result<Vec<Mount>> {
    let table = fs::read(TABLE)?;
    Ok(table.split(|byte| *byte == b'\n').filter_map(parse).filter(Mount::is_on_disk).collect())
}

/// The mounts of each file system, each after those that it may lie on.
pub fn file_systems(mounts: &[Mount]) -> Vec<Vec<&Mount>> {
    let mut file_systems: Vec<Vec<&Mount>> = Vec::new();
    for mount in mounts {
        match file_systems.iter_mut().find(|known| known[0].file_system == mount.file_system) {
            Some(known) => known.push(mount),
            None => file_systems.push(vec![mount]),
        }
    }
    file_systems
}

/// Opens a file system at the first of its mounts that can be reached.
pub fn open(file_system: &[&Mount]) -> io::Result<File> {
    let mut opened = Err(io::ErrorKind::NotFound.into());
    for mount in file_system {
        opened = mount.open();
        if opened.is_ok() {
            break;
        }
    }
    opened
}

impl Mount {
    /// The device number of btrfs belongs to no block device.
    fn is_on_disk(&self) -> bool {
        !self.file_system.starts_with("0:") || self.fs_type == "btrfs"
    }

    /// Its block device, in sysfs.
    pub fn device(&self) -> Option<PathBuf> {
        let number = match self.file_system.starts_with("0:") {
            true => {
                fs::metadata(&self.source).map(|node| format!("{}:{}", major(node.rdev()), minor(node.rdev()))).ok()?
            }
            false => self.file_system.clone(),
        };
        fs::canonicalize(Path::new("/sys/dev/block").join(number)).ok()
    }

    /// The device's name, even if the device is not found.
    pub fn device_name(&self) -> String {
        file_name(&self.device().unwrap_or_else(|| self.source.clone()))
    }

    /// Its root, unless another mount hides it.
    pub fn open(&self) -> io::Result<File> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY; // a single file can be mounted, too
        let file = File::options().read(true).custom_flags(flags.bits()).open(&self.mountpoint)?;
        let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
        match about.lines().find_map(|line| line.strip_prefix("mnt_id:")) {
            Some(id) if id.trim() == self.id => Ok(file),
            _ => Err(io::Error::other("hidden by another mount")),
        }
    }
}

pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into()
}

/// `67 63 7:0 / /mnt rw,relatime shared:1 - ext4 /dev/loop0 rw`
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let id = text(fields.next()?);
    let file_system = text(fields.nth(1)?);
    let mountpoint = unescaped(fields.nth(1)?);
    fields.find(|field| *field == b"-")?;
    let fs_type = text(fields.next()?);
    Some(Mount { id, file_system, mountpoint, fs_type, source: unescaped(fields.next()?) })
}

/// In that file a space, tab, LF or `\` is written as `\` and three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, others @ ..] = rest {
        let escape = others.first_chunk().filter(|_| *first == b'\\').and_then(octal);
        bytes.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { &others[3..] } else { others };
    }
    OsString::from_vec(bytes).into()
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[u8]) -> Option<(String, Vec<u8>, String, PathBuf, bool)> {
        parse(line).map(|mount| {
            let is_on_disk = mount.is_on_disk();
            (mount.file_system, mount.mountpoint.into_os_string().into_vec(), mount.fs_type, mount.source, is_on_disk)
        })
    }

    fn expected(
        number: &str,
        mountpoint: &[u8],
        fs_type: &str,
        source: &str,
        is_on_disk: bool,
    ) -> Option<(String, Vec<u8>, String, PathBuf, bool)> {
        Some((number.into(), mountpoint.into(), fs_type.into(), source.into(), is_on_disk))
    }

    /// Lines of kernel 6.18.
    #[test]
    fn a_mount_point_is_read_whatever_its_bytes() {
        for (line, expected) in [
            (
                &b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard"[..],
                expected("254:0", b"/", "ext4", "/dev/vda", true),
            ),
            (
                b"73 63 7:4 / /sp\\040ace\\134040 rw shared:1 master:2 - ext4 /dev/loop4 rw",
                expected("7:4", b"/sp ace\\040", "ext4", "/dev/loop4", true),
            ),
            (
                b"74 63 7:5 / /a\\011b\\012c\\9 rw - ext4 /dev/loop5 rw",
                expected("7:5", b"/a\tb\nc\\9", "ext4", "/dev/loop5", true),
            ),
            (
                b"75 63 7:3 / /non\xFFutf8 rw - xfs /dev/loop3 rw",
                expected("7:3", b"/non\xFFutf8", "xfs", "/dev/loop3", true),
            ),
            (
                b"72 63 0:40 /s1 /sub rw - btrfs /dev/loop2 rw,subvol=/s1",
                expected("0:40", b"/sub", "btrfs", "/dev/loop2", true),
            ),
            (
                b"25 24 0:23 / /dev/shm rw - tmpfs /dev/vda rw",
                expected("0:23", b"/dev/shm", "tmpfs", "/dev/vda", false),
            ),
            (b"76 63 7:3 / /cut rw", None),
            (b"", None),
        ] {
            assert_eq!(parsed(line), expected, "{}", line.escape_ascii());
        }
    }
}
