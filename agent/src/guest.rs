//! The table of commands, and which of them are off.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guestwire::commands::*;
use guestwire::{CommandResult, Guest, agent::Responder};

use crate::files::Files;
use crate::freeze::Frozen;
use crate::programs::Programs;
use crate::{accounts, files, freeze, memory, network, power, programs, statistics, storage, system};

/// This system.
pub struct Linux {
    pub settings: Settings,
    pub files: Files,
    pub programs: Programs,
    pub frozen: Frozen,
}

pub struct Settings {
    pub allowed: Vec<Group>,
    pub blocked: Vec<&'static str>,
    /// The folder for state that outlives the agent.
    pub state: PathBuf,
    /// The program that shuts down, if not the system's own.
    pub shutdown_command: Option<PathBuf>,
}

/// Commands that are off unless allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Shutdown,
    SetTime,
    Files,
    Exec,
    Accounts,
}

impl Group {
    const NAMES: [(&'static str, Self); 5] = [
        ("shutdown", Self::Shutdown),
        ("set-time", Self::SetTime),
        ("files", Self::Files),
        ("exec", Self::Exec),
        ("accounts", Self::Accounts),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, group)| *group)
    }

    /// All names, for a complaint.
    pub fn names() -> String {
        Self::NAMES.map(|(name, _)| name).join(", ")
    }

    fn of(command: &str) -> Option<Self> {
        match command {
            Shutdown::NAME | SuspendDisk::NAME | SuspendRam::NAME | SuspendHybrid::NAME => Some(Self::Shutdown),
            SetTime::NAME => Some(Self::SetTime),
            Exec::NAME | ExecStatus::NAME => Some(Self::Exec),
            SetUserPassword::NAME => Some(Self::Accounts),
            _ if command.starts_with("guest-ssh-") => Some(Self::Accounts),
            _ if command.starts_with("guest-file-") => Some(Self::Files),
            _ => None,
        }
    }
}

impl Linux {
    pub fn new(settings: Settings) -> Self {
        let frozen = Frozen::recall(&settings.state);
        Self { settings, files: Files::new(), programs: Programs::default(), frozen }
    }
}

impl Guest for Linux {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [guestwire::Command<Self>] = &[
        GetTime::command(system::get_time),
        SetTime::command(system::set_time),
        Shutdown::command(power::shutdown),
        SuspendDisk::command(|_, call| power::suspend(call, "platform", "disk")),
        SuspendRam::command(|_, call| power::suspend(call, "", "mem")),
        SuspendHybrid::command(|_, call| power::suspend(call, "suspend", "disk")),
        GetOsinfo::command(system::get_osinfo),
        GetHostName::command(system::get_host_name),
        GetTimezone::command(system::get_timezone),
        GetUsers::command(system::get_users),
        GetLoad::command(system::get_load),
        GetVcpus::command(system::get_vcpus),
        SetVcpus::command(system::set_vcpus),
        GetCpustats::command(statistics::get_cpustats),
        GetMemoryBlocks::command(memory::get_memory_blocks),
        SetMemoryBlocks::command(memory::set_memory_blocks),
        GetMemoryBlockInfo::command(memory::get_memory_block_info),
        NetworkGetInterfaces::command(network::get_interfaces),
        NetworkGetRoute::command(network::get_route),
        GetFsinfo::command(storage::get_fsinfo),
        GetDisks::command(storage::get_disks),
        GetDiskstats::command(statistics::get_diskstats),
        FsfreezeStatus::command(freeze::status),
        FsfreezeFreeze::command(freeze::freeze_all),
        FsfreezeFreezeList::command(freeze::freeze_list),
        FsfreezeThaw::command(freeze::thaw),
        FsTrim::command(storage::fstrim),
        FileOpen::command(files::open),
        FileRead::command(files::read),
        FileWrite::command(files::write),
        FileSeek::command(files::seek),
        FileFlush::command(files::flush),
        FileClose::command(files::close),
        Exec::command(programs::exec),
        ExecStatus::command(programs::status),
        SetUserPassword::command(accounts::set_user_password),
        SshGetAuthorizedKeys::command(accounts::ssh_get_authorized_keys),
        SshAddAuthorizedKeys::command(accounts::ssh_add_authorized_keys),
        SshRemoveAuthorizedKeys::command(accounts::ssh_remove_authorized_keys),
    ];

    fn is_frozen(&self) -> bool {
        self.frozen.any()
    }

    fn is_disabled(&self, command: &str) -> bool {
        let Settings { allowed, blocked, .. } = &self.settings;
        blocked.contains(&command) || Group::of(command).is_some_and(|group| !allowed.contains(&group))
    }
}

/// The command of that name, if it can be blocked.
pub fn blockable(name: &str) -> Option<&'static str> {
    Linux::COMMANDS.iter().map(|command| command.name()).find(|known| *known == name)
}

pub fn list(out: &mut impl io::Write) -> io::Result<()> {
    for command in Linux::COMMANDS {
        match Group::NAMES.iter().find(|(_, group)| Group::of(command.name()) == Some(*group)) {
            Some((group, _)) => writeln!(out, "{} (--allow {group})", command.name())?,
            None => writeln!(out, "{}", command.name())?,
        }
    }
    writeln!(out, "guest-sync-delimited, guest-sync, guest-ping, guest-info (always served)")
}

/// A program of the system's own. Its output must not get between the responses.
pub fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.env("PATH", std::env::var_os("PATH").unwrap_or("/usr/sbin:/usr/bin:/sbin:/bin".into()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The system's error text, without the number that the standard library adds.
pub fn reason(error: &io::Error) -> String {
    let words = error.to_string();
    words.split_once(" (os error ").map_or(words.clone(), |(words, _)| words.into())
}

/// Says what failed, and why.
pub fn failed(response: Responder<'_>, what: &str, error: impl Into<io::Error>) -> CommandResult {
    response.error(format_args!("{what}: {}", reason(&error.into())))
}
