//! The three requests that no crate wraps. `_IOWR('X', ...)` of the kernel's `linux/fs.h`.
#![allow(unsafe_code, reason = "each passes a file that is open and memory that outlives the call")]

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
