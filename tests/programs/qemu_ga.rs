//! QEMU's guest agent, started in a temporary folder.

use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use super::{Folder, Program, connect, output};

/// `QEMU_GA` names another than the first in `PATH`; `.ci/qemu-ga` fetches one.
fn program() -> OsString {
    std::env::var_os("QEMU_GA").unwrap_or_else(|| "qemu-ga".into())
}

/// As in `QEMU Guest Agent 7.2.22`.
pub fn version() -> String {
    let said = output(Command::new(program()).arg("--version").stdin(Stdio::null()).stdout(Stdio::piped())).stdout;
    String::from_utf8(said).unwrap().split_whitespace().last().expect("a version").to_owned()
}

/// Whether it is at least of this version.
pub fn is_since(major: u32) -> bool {
    version().split('.').next().and_then(|version| version.parse().ok()).is_some_and(|version: u32| version >= major)
}

/// A running qemu-ga, ended with the test.
pub struct QemuGa {
    _program: Program,
    pub folder: Folder,
}

impl QemuGa {
    /// `blocked`: commands that are to be disabled.
    pub fn start(blocked: &str) -> Self {
        let folder = Folder::new();
        let mut qemu_ga = Command::new(program());
        qemu_ga.args(["-m", "unix-listen", "-p"]).arg(folder.path("socket"));
        qemu_ga.arg("-t").arg(folder.path("")).arg("-f").arg(folder.path("pid"));
        if !blocked.is_empty() {
            qemu_ga.args(["-b", blocked]);
        }
        qemu_ga.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { _program: Program::start(&mut qemu_ga), folder }
    }

    pub fn connect(&self) -> UnixStream {
        connect(&self.folder.path("socket"))
    }
}
