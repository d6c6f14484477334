//! A guest's root folder, in a mount namespace of its own: what agents change there is gone with it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::{Folder, Peer, install};

pub fn run(tool: &str, arguments: &[&OsStr]) {
    let output = Command::new(tool).args(arguments).output().unwrap_or_else(|error| panic!("{tool}: {error}"));
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The root folder of a guest: agents, what they need to run, and file systems in files.
pub struct Root {
    pub place: PathBuf,
    /// In the order in which they were mounted.
    pub mounted: Vec<PathBuf>,
    pub folder: Rc<Folder>,
}

impl Root {
    pub fn new() -> Self {
        let folder = Folder::new();
        // This thread's alone, and that of what it starts.
        unshare(CloneFlags::CLONE_NEWNS).expect("root");
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        let mut root = Self { place: folder.join("root"), mounted: Vec::new(), folder };
        let place = root.make_folder("");
        mount(Some("none"), &place, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        root.mounted.push(place);
        for kernel in ["/proc", "/sys", "/dev"] {
            root.bind(Path::new(kernel), kernel);
            // Whatever goes wrong, nothing is removed from them.
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
            mount(None::<&str>, &root.inside(kernel), None::<&str>, flags, None::<&str>).unwrap();
        }
        for folder in ["run", "tmp"] {
            root.make_folder(folder);
        }
        root.install(Path::new(env!("CARGO_BIN_EXE_guestwire-agent")), "ours");
        if let Some(path) = ["/usr/sbin/qemu-ga", "/usr/bin/qemu-ga"].iter().find(|path| Path::new(path).exists()) {
            root.install(Path::new(path), "theirs");
        }
        root
    }

    /// With the libraries that it needs.
    pub fn install(&self, program: &Path, name: &str) {
        install(program, &self.inside(name));
        let libraries = Command::new("ldd").arg(program).output().unwrap().stdout;
        for library in String::from_utf8(libraries).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
            let copy = self.inside(library);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            install(library.as_ref(), &copy);
        }
    }

    pub fn inside(&self, place: impl AsRef<OsStr>) -> PathBuf {
        self.place.join(Path::new(place.as_ref()).strip_prefix("/").unwrap_or(Path::new(place.as_ref())))
    }

    pub fn make_folder(&self, place: impl AsRef<OsStr>) -> PathBuf {
        let place = self.inside(place);
        fs::create_dir_all(&place).unwrap();
        place
    }

    pub fn bind(&mut self, source: &Path, place: &str) {
        let place = self.make_folder(place);
        mount(Some(source), &place, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        self.mounted.push(place);
    }

    /// A new file system, mounted there.
    pub fn file_system(&mut self, kind: &str, place: impl AsRef<OsStr>) {
        let image = self.folder.join(&format!("image-{}", self.mounted.len()));
        self.file_system_in(&image, kind, place);
    }

    pub fn file_system_in(&mut self, image: &Path, kind: &str, place: impl AsRef<OsStr>) {
        // btrfs takes 109 MiB.
        File::create(image).unwrap().set_len(if kind == "btrfs" { 120 << 20 } else { 16 << 20 }).unwrap();
        run(&format!("mkfs.{kind}"), &["-q".as_ref(), image.as_ref()]);
        self.mount("loop", image.as_ref(), place);
    }

    pub fn mount(&mut self, options: &str, source: &OsStr, place: impl AsRef<OsStr>) {
        let place = self.make_folder(place);
        run("mount", &["-o".as_ref(), options.as_ref(), source, place.as_ref()]);
        self.mounted.push(place);
    }

    /// `/a` and its other mount `/bind`, the btrfs `/btrfs` and its part `/part`, and `/sp ace`.
    pub fn with_file_systems() -> Self {
        let mut root = Self::new();
        root.file_system("ext4", "/a");
        root.bind(&root.inside("/a"), "/bind");
        root.file_system("btrfs", "/btrfs");
        run("btrfs", &["subvolume".as_ref(), "create".as_ref(), root.inside("/btrfs/part").as_ref()]);
        let device =
            Command::new("findmnt").args(["-no", "SOURCE"]).arg(root.inside("/btrfs")).output().unwrap().stdout;
        root.mount("subvol=part", OsStr::from_bytes(device.trim_ascii()), "/part");
        root.file_system("ext4", "/sp ace");
        root
    }

    pub fn agent(&self, program: &str, options: &[&str]) -> Command {
        let mut command = self.folder.command("chroot");
        command.arg(&self.place).arg(program).args(options);
        command
    }

    pub fn ours(&self, options: &[&str]) -> Peer {
        let mut command = self.agent("/ours", &["--listen", "/run/socket", "--state-dir", "/run"]);
        Peer::start(&self.folder, &self.inside("/run/socket"), command.args(options))
    }

    pub fn theirs(&self) -> Peer {
        let mut command =
            self.agent("/theirs", &["-m", "unix-listen", "-p", "/run/theirs", "-t", "/run", "-f", "/run/pid"]);
        Peer::start(&self.folder, &self.inside("/run/theirs"), &mut command)
    }

    pub fn is_frozen(&self, place: &str) -> bool {
        let freeze = |option| {
            let mut tool = Command::new("fsfreeze");
            tool.arg(option).arg(self.inside(place)).stderr(Stdio::null()).status().unwrap().success()
        };
        let could_be_frozen = freeze("-f");
        assert!(!could_be_frozen || freeze("-u"));
        !could_be_frozen
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // What is frozen outlives its mounts.
        for place in self.mounted.iter().rev() {
            let _ = Command::new("fsfreeze").arg("-u").arg(place).stderr(Stdio::null()).status();
            let _ = umount2(place, MntFlags::MNT_DETACH);
        }
    }
}
