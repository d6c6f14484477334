//! Freezing and thawing file systems.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use guestwire::commands::*;
use guestwire::{Call, CommandResult, agent::Responder};
use log::{LevelFilter, info, warn};
use nix::errno::Errno;

use crate::guest::{Linux, failed};
use crate::ioctl;
use crate::mounts::{self, Mount};

/// Whether file systems are frozen. A file records it, too, because the agent may die before it thaws them.
///
/// Nothing is logged while they are: writing the log may block on a frozen file system.
pub struct Frozen {
    /// It has the name that qemu-ga uses, so that each agent knows what the other froze.
    mark: PathBuf,
    is_frozen: bool,
    /// What this agent froze. An open file reaches it even if another mount hides it.
    files: Vec<Opened>,
    level: LevelFilter,
}

/// A file system, and where it is mounted.
type Opened = (PathBuf, File);

struct Failure {
    what: &'static str,
    place: PathBuf,
    error: io::Error,
}

impl Failure {
    fn new(what: &'static str, place: &Path, error: impl Into<io::Error>) -> Self {
        Self { what, place: place.into(), error: error.into() }
    }
}

impl Frozen {
    pub fn recall(state: &Path) -> Self {
        let mark = state.join("qga.state.isfrozen");
        let (is_frozen, level) = (mark.exists(), log::max_level());
        if is_frozen {
            log::set_max_level(LevelFilter::Off);
        }
        Self { mark, is_frozen, files: Vec::new(), level }
    }

    pub const fn any(&self) -> bool {
        self.is_frozen
    }

    fn remember(&mut self) -> Result<(), Failure> {
        File::create(&self.mark).map_err(|error| Failure::new("failed to create", &self.mark, error))?;
        self.is_frozen = true;
        log::set_max_level(LevelFilter::Off);
        Ok(())
    }

    fn forget(&mut self) {
        if !self.is_frozen {
            return;
        }
        self.is_frozen = false;
        log::set_max_level(self.level);
        if let Err(error) = fs::remove_file(&self.mark) {
            warn!("{} cannot be removed: {error}", self.mark.display());
        }
    }

    /// Freezes all or none, the last mounted first: it may lie on another one. If all file systems are to be frozen, types
    /// that cannot be, such as FAT, are skipped if there are others.
    fn freeze(&mut self, file_systems: Vec<Opened>, are_all: bool) -> Result<i64, Failure> {
        if file_systems.is_empty() {
            return Ok(0);
        }
        self.remember()?;
        let mut failure = None;
        for (place, file) in file_systems.into_iter().rev() {
            match ioctl::freeze(&file) {
                Ok(()) => self.files.push((place, file)),
                Err(error) => {
                    failure = Some(Failure::new("failed to freeze", &place, error));
                    if !are_all || error != Errno::EOPNOTSUPP {
                        self.thaw_own()?;
                        break;
                    }
                }
            }
        }
        match failure {
            Some(failure) if self.files.is_empty() => {
                self.forget();
                Err(failure)
            }
            _ => Ok(self.files.len() as i64),
        }
    }

    /// Thaws what this agent froze, and whatever else is frozen: an earlier agent may have frozen it. That may include
    /// file systems that cannot be reached.
    fn thaw(&mut self) -> Result<i64, Failure> {
        let by_another_agent = self.is_frozen && self.files.is_empty();
        let mut thawed = self.thaw_own()?;
        let mounts = mounts::all().map_err(|error| Failure::new("failed to read", mounts::TABLE.as_ref(), error))?;
        let mut unreached = None;
        for file_system in mounts::file_systems(&mounts) {
            let place = &file_system[0].mountpoint;
            match mounts::open(&file_system) {
                Ok(file) => {
                    thawed += thaw_fully(&file).map_err(|error| Failure::new("failed to thaw", place, error))?;
                }
                Err(error) => unreached = Some(Failure::new("failed to open", place, error)),
            }
        }
        match unreached {
            Some(failure) if by_another_agent => Err(failure),
            _ => {
                self.forget();
                Ok(thawed)
            }
        }
    }

    fn thaw_own(&mut self) -> Result<i64, Failure> {
        let (mut thawed, mut outcome) = (0, Ok(()));
        for (place, file) in std::mem::take(&mut self.files).into_iter().rev() {
            match thaw_fully(&file) {
                Ok(count) => thawed += count,
                Err(error) => {
                    outcome = Err(Failure::new("failed to thaw", &place, error));
                    self.files.push((place, file));
                }
            }
        }
        outcome.map(|()| thawed)
    }
}

/// Returns 1 if it was frozen, 0 if not. A file system that was frozen twice must be thawed twice.
fn thaw_fully(file: &File) -> nix::Result<i64> {
    let mut thawed = 0;
    loop {
        match ioctl::thaw(file) {
            Ok(()) => thawed = 1,
            Err(Errno::EINVAL | Errno::EOPNOTSUPP) => return Ok(thawed),
            Err(error) => return Err(error),
        }
    }
}

/// Opens what to freeze, the first mounted first.
fn open(wanted: Option<List<'_, Str<'_>>>) -> Result<Vec<Opened>, Failure> {
    let mounts = mounts::all().map_err(|error| Failure::new("failed to read", mounts::TABLE.as_ref(), error))?;
    let file_systems = mounts::file_systems(&mounts);
    let Some(wanted) = wanted else {
        let open = |file_system: &Vec<&Mount>| {
            let place = &file_system[0].mountpoint;
            let file = mounts::open(file_system).map_err(|error| Failure::new("failed to open", place, error))?;
            Ok((place.clone(), file))
        };
        return file_systems.iter().map(open).collect();
    };
    let mut opened = BTreeMap::new();
    for place in wanted.iter() {
        let mut outcome = Err(io::Error::other("no file system on a disk is mounted there"));
        for (age, file_system) in file_systems.iter().enumerate() {
            for mount in file_system.iter().filter(|mount| place == *mount.mountpoint.to_string_lossy()) {
                match mount.open() {
                    Ok(file) => {
                        opened.insert(age, (mount.mountpoint.clone(), file));
                        outcome = Ok(());
                    }
                    // One of several mounts at the same place, or its only one.
                    Err(error) => outcome = outcome.or(Err(error)),
                }
            }
        }
        outcome.map_err(|error| Failure::new("failed to open", place.to_string().as_ref(), error))?;
    }
    Ok(opened.into_values().collect())
}

pub fn status(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let state = if guest.frozen.any() { FsfreezeState::Frozen } else { FsfreezeState::Thawed };
    call.respond()?.encode(state)
}

pub fn freeze_all(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FsfreezeFreeze { .. }, response) = call.parse()?;
    freeze(guest, response, None)
}

pub fn freeze_list(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FsfreezeFreezeList { mountpoints, .. }, response) = call.parse()?;
    freeze(guest, response, mountpoints)
}

fn freeze(guest: &mut Linux, response: Responder<'_>, wanted: Option<List<'_, Str<'_>>>) -> CommandResult {
    info!("freezing file systems");
    let are_all = wanted.is_none();
    let frozen = open(wanted).and_then(|file_systems| guest.frozen.freeze(file_systems, are_all));
    respond(response, frozen)
}

pub fn thaw(guest: &mut Linux, call: Call<'_>) -> CommandResult {
    let (FsfreezeThaw { .. }, response) = call.parse()?;
    let thawed = guest.frozen.thaw();
    info!("{} file systems are thawed", thawed.as_ref().unwrap_or(&0));
    respond(response, thawed)
}

fn respond(response: Responder<'_>, outcome: Result<i64, Failure>) -> CommandResult {
    match outcome {
        Ok(count) => response.integer(count),
        Err(Failure { what, place, error }) => failed(response, &format!("{what} {}", place.display()), error),
    }
}
