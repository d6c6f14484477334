//! Files that a client opened.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use guestwire::commands::*;
use guestwire::{Call, CommandResult, agent::Responder};
use log::info;
use nix::fcntl::OFlag;

use crate::guest::{Linux, failed, reason};

pub struct Files {
    open: BTreeMap<i64, Opened>,
    next_handle: i64,
}

struct Opened {
    file: File,
    /// Whether a read reached the end since the last seek.
    eof: bool,
}

impl Files {
    pub const fn new() -> Self {
        Self { open: BTreeMap::new(), next_handle: 1000 }
    }
}

/// A mode of fopen(3), with or without `b`.
fn options(mode: &str) -> Option<OpenOptions> {
    let mut options = File::options();
    match mode {
        "r" | "rb" => options.read(true),
        "w" | "wb" => options.write(true).create(true).truncate(true),
        "a" | "ab" => options.append(true).create(true),
        "r+" | "rb+" | "r+b" => options.read(true).write(true),
        "w+" | "wb+" | "w+b" => options.read(true).write(true).create(true).truncate(true),
        "a+" | "ab+" | "a+b" => options.read(true).append(true).create(true),
        _ => return None,
    };
    // The other end of a pipe may be closed, and a terminal must not become the controlling one.
    options.custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
    Some(options)
}

pub fn open(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FileOpen { path, mode, .. }, response) = call.parse()?;
    let (path, mode) = (path.to_string(), mode.map_or("r".into(), |mode| mode.to_string()));
    let Some(options) = options(&mode) else {
        return response.error(format_args!("invalid file open mode '{mode}'"));
    };
    match options.open(&path) {
        Ok(file) => {
            let handle = guest.files.next_handle;
            info!("{path} is open for {mode} as {handle}");
            guest.files.next_handle += 1;
            guest.files.open.insert(handle, Opened { file, eof: false });
            response.integer(handle)
        }
        Err(error) => response.error(format_args!("failed to open file '{path}' (mode: '{mode}'): {}", reason(&error))),
    }
}

fn not_found(response: Responder<'_>, handle: i64) -> CommandResult {
    response.error(format_args!("handle '{handle}' has not been found"))
}

/// The most that fits a response. A shorter read is not an error.
pub fn read(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (request, response): (FileRead, _) = call.parse()?;
    let Some(opened) = guest.files.open.get_mut(&request.handle) else { return not_found(response, request.handle) };
    let Some(wanted) = request.wanted() else {
        let count = request.count.unwrap_or_default();
        return response.error(format_args!("value '{count}' is invalid for argument count"));
    };
    let mut content = response.file_content(wanted);
    let space = content.space();
    let mut count = 0;
    while count < space.len() {
        match opened.file.read(&mut space[count..]) {
            Ok(0) => {
                opened.eof = true;
                break;
            }
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if count > 0 && error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return failed(content.response, "failed to read file", error),
        }
    }
    content.respond(count, opened.eof)
}

pub fn write(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FileWrite { handle, buf_b64, count, .. }, response) = call.parse()?;
    let Some(opened) = guest.files.open.get_mut(&handle) else { return not_found(response, handle) };
    let bytes: Vec<u8> = buf_b64.decoded()?.collect();
    let wanted = match count {
        None => Some(&bytes[..]),
        Some(count) => usize::try_from(count).ok().and_then(|count| bytes.get(..count)),
    };
    let Some(bytes) = wanted else {
        return response.error(format_args!("value '{}' is invalid for argument count", count.unwrap_or_default()));
    };
    let mut count = 0;
    while count < bytes.len() {
        match opened.file.write(&bytes[count..]) {
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A pipe is full: the response says how much was written.
            Err(error) if count > 0 && error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return failed(response, "failed to write to file", error),
        }
    }
    response.encode(FileWritten { count: count as i64, eof: opened.eof, ..Default::default() })
}

pub fn seek(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FileSeek { handle, offset, whence, .. }, response) = call.parse()?;
    let Some(opened) = guest.files.open.get_mut(&handle) else { return not_found(response, handle) };
    let position = match whence {
        Whence::Set => u64::try_from(offset).map(SeekFrom::Start).map_err(|_| nix::Error::EINVAL.into()),
        Whence::Cur => Ok(SeekFrom::Current(offset)),
        Whence::End => Ok(SeekFrom::End(offset)),
        Whence::Unknown(code) => return response.error(format_args!("invalid whence code {code}")),
    };
    match position.and_then(|position: SeekFrom| -> io::Result<u64> { opened.file.seek(position) }) {
        Ok(position) => {
            opened.eof = false;
            response.encode(FilePosition { eof: false, position: position as i64, ..Default::default() })
        }
        Err(error) => failed(response, "failed to seek file", error),
    }
}

pub fn flush(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FileFlush { handle, .. }, response) = call.parse()?;
    // Nothing is buffered here.
    match guest.files.open.contains_key(&handle) {
        true => response.done(),
        false => not_found(response, handle),
    }
}

pub fn close(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FileClose { handle, .. }, response) = call.parse()?;
    match guest.files.open.remove(&handle) {
        Some(_) => response.done(),
        None => not_found(response, handle),
    }
}
