//! QEMU's guest agent, started in a temporary folder.

use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use super::{Folder, Program, connect};

/// A running qemu-ga, ended with the test.
pub struct QemuGa {
    _program: Program,
    pub folder: Folder,
}

impl QemuGa {
    /// `blocked`: commands that are to be disabled.
    pub fn start(blocked: &str) -> Self {
        let folder = Folder::new();
        let mut qemu_ga = Command::new("qemu-ga");
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
