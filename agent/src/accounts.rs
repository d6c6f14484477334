//! How users log in: their passwords, and their keys for SSH.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use guestwire::commands::*;
use guestwire::{Call, CommandError, CommandResult};
use log::info;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{User, setfsgid, setfsuid};
use tempfile::NamedTempFile;

use crate::guest::{Linux, failed, program, reason};

pub fn set_user_password(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (SetUserPassword { username, password, crypted, .. }, response) = call.parse()?;
    let username = username.to_string();
    let password: Vec<u8> = password.decoded()?.collect();
    // Both go into one line, and chpasswd(8) reads no further than to a NUL.
    if password.iter().any(|byte| b"\n\0".contains(byte)) {
        return Err(CommandError::Failed("forbidden characters in raw password"));
    }
    if username.contains(['\n', '\0', ':']) {
        return Err(CommandError::Failed("forbidden characters in username"));
    }
    let line = [username.as_bytes(), b":", &password, b"\n"].concat();
    match chpasswd(&line, crypted) {
        Ok((status, _)) if status.success() => {
            info!("set the password of {username}");
            response.done()
        }
        Ok((_, said)) if said.is_empty() => Err(CommandError::Failed("child process has failed to set user password")),
        Ok((_, said)) => response.error(format_args!("child process has failed to set user password: {said}")),
        Err(error) => failed(response, "failed to run chpasswd", error),
    }
}

/// How it ended, and what it complained of.
fn chpasswd(line: &[u8], is_crypted: bool) -> io::Result<(ExitStatus, String)> {
    let mut command = program(Path::new("chpasswd"));
    command.args(is_crypted.then_some("-e"));
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // If it ends without reading, its exit status says more.
        let _ = input.write_all(line);
    }
    let output = child.wait_with_output()?;
    Ok((output.status, String::from_utf8_lossy(&output.stderr).trim().into()))
}

/// The most that is read of a user's keys.
const MOST_KEYS: u64 = 1 << 20;

/// Where a user's keys are.
struct Keys {
    user: User,
    folder: PathBuf,
    file: PathBuf,
}

impl Keys {
    fn of(username: &Str<'_>) -> Result<Self, String> {
        let user = match User::from_name(&username.to_string()) {
            Ok(Some(user)) => user,
            Ok(None) => return Err(format!("failed to lookup user '{username}': no such user")),
            Err(error) => return Err(format!("failed to lookup user '{username}': {}", error.desc())),
        };
        let folder = user.dir.join(".ssh");
        Ok(Self { file: folder.join("authorized_keys"), folder, user })
    }

    /// Acts on files as the user would: what is made is the user's, and a link in the user's folders leads to nothing
    /// that the user may not read or write.
    fn as_user<T>(&self, act: impl FnOnce() -> T) -> T {
        let (group, user) = (setfsgid(self.user.gid), setfsuid(self.user.uid));
        let outcome = act();
        setfsuid(user);
        setfsgid(group);
        outcome
    }

    /// `None` if there is no such file.
    fn read(&self) -> Result<Option<Vec<u8>>, String> {
        let read = || {
            // The user may have put something there that would wait for ever.
            let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
            let file = File::options().read(true).custom_flags(flags).open(&self.file)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("not a regular file"));
            }
            let mut text = Vec::new();
            match file.take(MOST_KEYS + 1).read_to_end(&mut text)? as u64 {
                0..=MOST_KEYS => Ok(text),
                _ => Err(Errno::EFBIG.into()),
            }
        };
        match self.as_user(read) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed_to("read", &error)),
        }
    }

    /// Replaces the file in one step, so that a login in the meantime reads either the old file or the new one.
    fn write(&self, text: &[u8]) -> Result<(), String> {
        let write = || {
            match DirBuilder::new().mode(0o700).create(&self.folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let mut file = NamedTempFile::new_in(&self.folder)?;
            file.write_all(text)?;
            file.as_file().sync_all()?;
            file.persist(&self.file)?;
            Ok(())
        };
        self.as_user(write).map_err(|error| self.failed_to("write to", &error))
    }

    fn failed_to(&self, act: &str, error: &io::Error) -> String {
        format!("failed to {act} '{}': {}", self.file.display(), reason(error))
    }
}

/// The keys of a request, none of which can become a comment or more than one line.
fn checked(keys: List<'_, Str<'_>>) -> Result<Vec<String>, String> {
    let check = |key: String| match key.starts_with('#') || key.contains(['\n', '\0']) {
        true => Err(format!("invalid OpenSSH public key: '{key}'")),
        false => Ok(key),
    };
    keys.iter().map(|key| check(key.to_string())).collect()
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)
}

pub fn ssh_get_authorized_keys(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (SshGetAuthorizedKeys { username, .. }, response) = call.parse()?;
    let text = Keys::of(&username).and_then(|keys| {
        let text = keys.read()?;
        text.ok_or_else(|| keys.failed_to("read", &Errno::ENOENT.into()))
    });
    let text = match text {
        Ok(text) => text,
        Err(why) => return response.error(why),
    };
    let is_key = |line: &&[u8]| !line.is_empty() && !line.starts_with(b"#");
    response.encode(AuthorizedKeys {
        keys: List::of(&|list| {
            let mut keys = lines(&text).filter(is_key);
            keys.try_for_each(|key| list.element().string(&String::from_utf8_lossy(key)))
        }),
        ..Default::default()
    })
}

pub fn ssh_add_authorized_keys(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (SshAddAuthorizedKeys { username, keys: added, reset, .. }, response) = call.parse()?;
    let add = || {
        let (added, keys) = (checked(added)?, Keys::of(&username)?);
        let mut text = if reset == Some(true) { Vec::new() } else { keys.read()?.unwrap_or_default() };
        for key in added {
            if lines(&text).any(|line| line == key.as_bytes().trim_ascii()) {
                continue;
            }
            if text.last().is_some_and(|last| *last != b'\n') {
                text.push(b'\n');
            }
            text.extend_from_slice(key.as_bytes());
            text.push(b'\n');
        }
        keys.write(&text)
    };
    match add() {
        Ok(()) => {
            info!("added keys of {username}");
            response.done()
        }
        Err(why) => response.error(why),
    }
}

pub fn ssh_remove_authorized_keys(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (SshRemoveAuthorizedKeys { username, keys: removed, .. }, response) = call.parse()?;
    let remove = || {
        let (removed, keys) = (checked(removed)?, Keys::of(&username)?);
        let Some(text) = keys.read()? else { return Ok(()) };
        let is_kept = |line: &&[u8]| !removed.iter().any(|key| key.as_bytes().trim_ascii() == line.trim_ascii());
        let kept: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').filter(is_kept).collect();
        keys.write(&kept.concat())
    };
    match remove() {
        Ok(()) => {
            info!("removed keys of {username}");
            response.done()
        }
        Err(why) => response.error(why),
    }
}
