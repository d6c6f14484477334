//! Where a file from the guest goes.

use std::fs::{File, Permissions, canonicalize};
use std::io::{self, ErrorKind, IsTerminal, Write, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::line::Interrupts;
use crate::shown::Shown;
use crate::unix::{Failure, unwritten};

pub struct Target<'n> {
    name: &'n str,
    output: Output,
}

enum Output {
    /// Replaces `path` when it is complete, and is removed otherwise. It has a new name, so that nothing is written to
    /// a file or link that another user put there.
    Unfinished { file: NamedTempFile, path: PathBuf },
    /// Standard output, a device or a FIFO.
    Through(File),
}

impl<'n> Target<'n> {
    pub fn open(name: &'n str, interrupts: &Interrupts) -> Result<Self, Failure> {
        let failed = |error| unwritten(name, error);
        if name == "-" {
            let stdout = stdout().as_fd().try_clone_to_owned().map_err(failed)?;
            return Ok(Self { name, output: Output::Through(stdout.into()) });
        }
        // It must not become the controlling terminal, or wait forever for the reader of a FIFO.
        let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
        let mut options = File::options();
        options.write(true).custom_flags(flags.bits() as i32);
        let output = loop {
            match options.open(name) {
                Ok(old) => {
                    let old_metadata = old.metadata().map_err(failed)?;
                    if !old_metadata.is_file() {
                        break Output::Through(old);
                    }
                    // Of a link, the target is replaced.
                    let path = canonicalize(name).map_err(failed)?;
                    let file = unfinished(&path).map_err(failed)?;
                    let mode = old_metadata.permissions().mode() & 0o777;
                    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
                    break Output::Unfinished { file, path };
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if Path::new(name).is_symlink() {
                        return Err(failed(io::Error::new(error.kind(), "a link to a file that does not exist")));
                    }
                    let path = PathBuf::from(name);
                    break Output::Unfinished { file: unfinished(&path).map_err(failed)?, path };
                }
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) && is_fifo(name) => {
                    interrupts.sleep(Duration::from_millis(100))?;
                }
                Err(error) => return Err(failed(error)),
            }
        };
        Ok(Self { name, output })
    }

    pub fn write(&mut self, bytes: &[u8], interrupts: &Interrupts) -> Result<(), Failure> {
        let mut output = match &self.output {
            Output::Unfinished { file, .. } => file.as_file(),
            Output::Through(file) => file,
        };
        let shown;
        let mut rest = bytes;
        if output.is_terminal() {
            shown = lines_shown(bytes);
            rest = shown.as_bytes();
        }
        while !rest.is_empty() {
            interrupts.wait_to_write(output)?;
            // At most what a pipe with room takes at once.
            match output.write(&rest[..rest.len().min(4096)]) {
                Ok(0) => return Err(unwritten(self.name, ErrorKind::WriteZero.into())),
                Ok(count) => rest = &rest[count..],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(unwritten(self.name, error)),
            }
        }
        Ok(())
    }

    /// The file is complete.
    pub fn finish(self) -> Result<(), Failure> {
        if let Output::Unfinished { file, path } = self.output {
            file.as_file().sync_all().map_err(|error| unwritten(self.name, error))?;
            file.persist(path).map_err(|error| unwritten(self.name, error.error))?;
        }
        Ok(())
    }
}

/// A new file in the same folder, with the usual permissions.
fn unfinished(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().suffix(".part").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)
}

fn is_fifo(name: &str) -> bool {
    std::fs::metadata(name).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

fn lines_shown(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.split(|byte| *byte == b'\n').map(|line| Shown(line).to_string()).collect();
    lines.join("\n")
}
