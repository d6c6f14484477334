//! QEMU's guest agent, started in a temporary folder.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running qemu-ga, ended with the test.
pub struct QemuGa {
    child: Child,
    pub folder: PathBuf,
}

impl QemuGa {
    /// `name`: of the folder. `blocked`: commands that are to be disabled.
    pub fn start(name: &str, blocked: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("guestwire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = |file: &str| folder.join(file).into_os_string();
        let child = Command::new("qemu-ga")
            .args(["-m", "unix-listen", "-p"])
            .arg(path("socket"))
            .arg("-t")
            .arg(&folder)
            .arg("-f")
            .arg(path("pid"))
            .args(if blocked.is_empty() { vec![] } else { vec!["-b", blocked] })
            .stderr(Stdio::null())
            .spawn()
            .expect("qemu-ga is installed: apt-get install qemu-guest-agent");
        Self { child, folder }
    }

    pub fn connect(&self) -> UnixStream {
        let started = Instant::now();
        loop {
            match UnixStream::connect(self.folder.join("socket")) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                    return stream;
                }
                Err(error) => assert!(started.elapsed() < Duration::from_secs(10), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for QemuGa {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
