//! Unmodified libvirt finds a healthy agent in every board with a virtio port.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use host_tests::healthy::count_commands;
use host_tests::{Folder, build, terminate};

/// At its first start libvirt probes every installed QEMU.
const PATIENCE: Duration = Duration::from_secs(120);
/// The account for libvirt when the test runs as root: `nobody`.
const NOBODY: u32 = 65534;

/// A board, and what its domain has in particular.
struct Board {
    name: &'static str,
    target: &'static str,
    /// The output of `uname -m`.
    machine: &'static str,
    system: &'static str,
    devices: &'static str,
    /// QEMU says that the guest shuts down before it ends.
    tells_shutdown: bool,
}

/// The most common machine. libvirt puts its virtio device behind a PCIe root port.
const PC: Board = Board {
    name: "pc-x86_64",
    target: "x86_64-unknown-none",
    machine: "x86_64",
    system: "<os><type arch='x86_64' machine='q35'>hvm</type><kernel>HERE/firmware.elf</kernel></os>
        <features><acpi/><apic/></features>",
    devices: "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>",
    tells_shutdown: true,
};

const AARCH64: Board = Board {
    name: "virt-aarch64",
    target: "aarch64-unknown-none",
    machine: "aarch64",
    system: "<os><type arch='aarch64' machine='virt'>hvm</type><kernel>HERE/firmware.elf</kernel></os>
        <cpu mode='custom'><model>cortex-a53</model></cpu>",
    devices: "<controller type='virtio-serial' index='0'><address type='virtio-mmio'/></controller>",
    tells_shutdown: true,
};

const RISCV: Board = Board {
    name: "virt-riscv",
    target: "riscv32imac-unknown-none-elf",
    machine: "riscv32",
    system: "<os><type arch='riscv32' machine='virt'>hvm</type><loader type='rom'>HERE/firmware.elf</loader></os>",
    devices: "<controller type='virtio-serial' index='0'><address type='virtio-mmio'/></controller>",
    tells_shutdown: false, // QEMU 7.2 does not
};

#[test]
#[ignore = "needs libvirt: apt install libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-arm qemu-system-misc qemu-system-x86"]
fn libvirt_finds_a_healthy_agent() {
    finds_a_healthy_agent(&Libvirt::start(None), &[PC, AARCH64, RISCV]);
}

/// That of another Debian, which is in a folder.
#[test]
#[ignore = "needs root, and LIBVIRT_ROOT: `.ci/run newer-libvirt` makes it"]
fn a_newer_libvirt_finds_a_healthy_agent() {
    let root = std::env::var_os("LIBVIRT_ROOT").expect("LIBVIRT_ROOT is the folder with a system that has libvirt");
    finds_a_healthy_agent(&Libvirt::start(Some(root.into())), &[PC, AARCH64]);
}

fn finds_a_healthy_agent(libvirt: &Libvirt, boards: &[Board]) {
    for board in boards {
        println!("{}", board.name);
        libvirt.define(board);
        libvirt.says("start guestwire", "Domain 'guestwire' started\n\n");
        libvirt.wait_for_agent();
        reads(libvirt, board.machine);
        if board.machine == AARCH64.machine {
            users(libvirt);
        }
        time(libvirt);
        freeze(libvirt);
        killed_in_mid_command(libvirt);
        power(libvirt, board.tells_shutdown);
        libvirt.succeeds("destroy guestwire");
        libvirt.succeeds("undefine guestwire");
    }
}

fn reads(libvirt: &Libvirt, machine: &str) {
    libvirt.agent(r#"{"execute":"guest-ping"}"#, "{\"return\":{}}\n\n");
    let info = libvirt.succeeds("qemu-agent-command guestwire {\"execute\":\"guest-info\"}");
    assert!(info.starts_with(r#"{"return":{"version":"1.0.0","supported_commands":[{"enabled":true,"#), "{info}");
    assert_eq!(info.matches(r#""enabled":true"#).count(), count_commands(machine));

    let machine = format!("os.machine          : {machine}");
    let system = [
        "os.id               : guestwire",
        "os.name             : guestwire firmware",
        "os.pretty-name      : guestwire firmware 1.0.0",
        "os.version-id       : 1.0.0",
        &machine,
    ]
    .join("\n");
    let timezone = "timezone.name       : UTC\ntimezone.offset     : 0";
    let all = format!("user.count          : 0\n{system}\n{timezone}\nhostname            : guestwire\n\n");
    // Newer ones ask for more, and print the average load with six digits.
    let without_load =
        |said: String| said.split_inclusive('\n').filter(|line| !line.starts_with("load.")).collect::<String>();
    assert_eq!(without_load(libvirt.succeeds("guestinfo guestwire")), all);
    if libvirt.succeeds("help guestinfo").contains("--load") {
        let every_type = "--user --os --timezone --hostname --filesystem --disk --interface --load";
        let said = libvirt.succeeds(&format!("guestinfo guestwire {every_type}"));
        assert_eq!(said.lines().filter(|line| line.starts_with("load.")).count(), 3, "{said}");
        assert_eq!(without_load(said), all);
    } else {
        libvirt.says("guestinfo guestwire --user --os --timezone --hostname --filesystem --disk --interface", &all);
    }
    libvirt.says("guestinfo guestwire --os --timezone", &format!("{system}\n{timezone}\n\n"));
    libvirt.says("guestinfo guestwire --user --filesystem", "user.count          : 0\n\n");
    libvirt.says("domhostname guestwire --source agent", "guestwire\n\n");
    // Newer ones make an empty table narrower.
    let addresses = libvirt.succeeds("domifaddr guestwire --source agent");
    assert!(addresses.split_whitespace().eq([
        "Name",
        "MAC",
        "address",
        "Protocol",
        "Address",
        addresses.lines().nth(1).unwrap()
    ]));
    libvirt.says("domfsinfo guestwire", "No filesystems are mounted in the domain\n");
    libvirt.says("guestvcpus guestwire", "vcpus          : 0\nonline         : 0\nofflinable     : \n\n");
    libvirt.says("vcpucount guestwire --guest", "1\n\n");
    libvirt.says("setvcpus guestwire 1 --guest", "\n");
    libvirt.says("domfstrim guestwire", "\n");
    libvirt.fails("guestvcpus guestwire --cpulist 0 --disable", "vCPU '0' is not offlinable");
}

/// There is only `root`, and only while the firmware runs.
fn users(libvirt: &Libvirt) {
    libvirt.says("set-user-password guestwire root s3cret", "Password set successfully for root in guestwire\n");
    libvirt.fails("set-user-password guestwire toor s3cret", "There is only the user root");
    let long = format!("set-user-password guestwire root {}", "p".repeat(33));
    libvirt.fails(&long, "A password has at most 32 bytes here");
    libvirt.says(&long.replace("pp", "p"), "Password set successfully for root in guestwire\n");

    let (one, two) = ("ssh-ed25519 AAAA/+= one@host", "ssh-ed25519 BBBB \u{e9}\\\"");
    for (name, content) in [("one", format!("{one}\n")), ("two", format!("{two}\n{one}\n"))] {
        std::fs::write(libvirt.place.folder.path(name), content).unwrap();
    }
    // virsh 9.0 prints no line ends between keys.
    let keys = || libvirt.succeeds("get-user-sshkeys guestwire root").replace('\n', "");
    assert_eq!(keys(), "");
    for (arguments, all) in [
        ("one", one.to_owned()),
        ("two", format!("{one}{two}")),
        ("one --remove", two.to_owned()),
        ("one --reset", one.to_owned()),
    ] {
        libvirt.says(&format!("set-user-sshkeys guestwire root {arguments}"), "\n");
        assert_eq!(keys(), all, "{arguments}");
    }
    libvirt.fails("get-user-sshkeys guestwire toor", "There is only the user root");
}

fn time(libvirt: &Libvirt) {
    let host = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let guest = || -> u64 {
        let said = libvirt.succeeds("domtime guestwire");
        said.trim().strip_prefix("Time: ").unwrap_or_else(|| panic!("{said}")).parse().unwrap()
    };
    // When the guest has set its clock, libvirt 12.8 asks QEMU 11.1 for something that a machine other than a PC does
    // not have.
    let set = |how: &str| {
        let output = libvirt.run(&format!("domtime guestwire {how}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("rtc-reset-reinjection"), "{output:?}");
        assert_eq!(output.stdout, b"\n");
    };
    assert!(guest().abs_diff(host()) <= 5);
    set("--time 1700000000");
    assert!((1_700_000_000..1_700_000_030).contains(&guest()));
    set("--now");
    assert!(guest().abs_diff(host()) <= 5);
    set("--sync");
    assert!(guest().abs_diff(host()) <= 5);
}

fn freeze(libvirt: &Libvirt) {
    let status = r#"{"execute":"guest-fsfreeze-status"}"#;
    for verb in ["domfsfreeze guestwire", "domfsfreeze guestwire --mountpoint /"] {
        libvirt.says(verb, "Froze 0 filesystem(s)\n\n");
        libvirt.agent(status, "{\"return\":\"frozen\"}\n\n");
        libvirt.fails("domhostname guestwire --source agent", "no hostname found");
        libvirt.says("domfsthaw guestwire", "Thawed 0 filesystem(s)\n\n");
        libvirt.agent(status, "{\"return\":\"thawed\"}\n\n");
    }
}

/// `virsh` is killed at any moment, even while it waits for an answer that never arrives (a response is never
/// answered). The next command works.
fn killed_in_mid_command(libvirt: &Libvirt) {
    for milliseconds in 0..20 {
        let mut virsh = libvirt.virsh(&[], "guestinfo guestwire").stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds * 3));
        virsh.kill().unwrap();
        virsh.wait().unwrap();
        libvirt.agent(r#"{"execute":"guest-ping"}"#, "{\"return\":{}}\n\n");
    }
    let mut virsh =
        libvirt.virsh(&[], "qemu-agent-command guestwire {\"return\":{}}").stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert!(virsh.try_wait().unwrap().is_none(), "it should be waiting");
    virsh.kill().unwrap();
    virsh.wait().unwrap();
    libvirt.agent(r#"{"execute":"guest-ping"}"#, "{\"return\":{}}\n\n");
}

fn power(libvirt: &Libvirt, tells_shutdown: bool) {
    let ready = || libvirt.log().matches("the agent is ready\n").count();
    assert_eq!(ready(), 1);
    libvirt.says("reboot guestwire --mode agent", "Domain 'guestwire' is being rebooted\n\n");
    libvirt.wait_for_agent();
    assert_eq!(ready(), 2);
    libvirt.says("domstate guestwire", "running\n\n");

    // One thread of libvirt notices that the guest has shut down, another that the agent's socket has closed. If the
    // second is first, virsh fails although all is well.
    let reason = if tells_shutdown { "shutdown" } else { "crashed" };
    let shut_down = (0..3).any(|_| {
        let output = libvirt.run("shutdown guestwire --mode agent");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("End of file from agent socket"), "{output:?}");
        libvirt.waits_for("domstate guestwire --reason", &format!("shut off ({reason})\n\n"));
        libvirt.says("start guestwire", "Domain 'guestwire' started\n\n");
        libvirt.wait_for_agent();
        !tells_shutdown || output.status.success() && output.stdout == b"Domain 'guestwire' is being shutdown\n\n"
    });
    assert!(shut_down);
}

/// A separate libvirt, independent of systemd and the machine's libvirt.
struct Libvirt {
    daemon: Child,
    place: Place,
}

/// Where it runs: with a separate home, and not as root.
struct Place {
    folder: Folder,
    /// The folder with the system that it belongs to, if that is not this one.
    root: Option<PathBuf>,
}

/// Runs a command in another system, which has the current folder as /mnt. Mounts and processes end with the command. The
/// shell stays as process 1 and reaps orphans: to libvirt a machine runs until its process is reaped.
const ENTER: [&str; 7] = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec"];
const ENTERED: &str = r#"
mount --rbind /dev "$0/dev"
mount --rbind /sys "$0/sys"
mount -t proc proc "$0/proc"
mount --bind . "$0/mnt"
chroot "$0" sh -c 'cd /mnt && exec "$0" "$@"' "$@"
exit
"#;

impl Place {
    /// The folder as libvirt sees it.
    fn path(&self, name: &str) -> PathBuf {
        if self.root.is_some() { Path::new("/mnt").join(name) } else { self.folder.path(name) }
    }

    /// `limits` is a command that runs the command.
    fn command(&self, limits: &[&str], program: &str) -> Command {
        let mut words: Vec<OsString> = limits.iter().map(OsString::from).collect();
        if let Some(root) = &self.root {
            words.extend(ENTER.map(OsString::from));
            words.extend([ENTERED.into(), root.into()]);
        }
        if rustix::process::geteuid().is_root() {
            let nobody = &NOBODY.to_string();
            words.extend(["setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups"].map(OsString::from));
        }
        words.push(program.into());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.folder.path(""))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.path("run")).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null());
        command
    }
}

const LIMITS: [&str; 3] = ["timeout", "--kill-after=10", "600"];

impl Libvirt {
    fn start(root: Option<PathBuf>) -> Self {
        let folder = Folder::new();
        let config = folder.path("home/.config/libvirt");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir(folder.path("run")).unwrap();
        // QEMU writes the guest's log itself; by default that is a job for another daemon.
        std::fs::write(config.join("qemu.conf"), "stdio_handler = \"file\"\n").unwrap();
        if rustix::process::geteuid().is_root() {
            for owned in ["", "home", "home/.config", "home/.config/libvirt", "run"] {
                chown(folder.path(owned), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        std::fs::set_permissions(folder.path("run"), PermissionsExt::from_mode(0o700)).unwrap();
        let place = Place { folder, root };
        let daemon = place.command(&LIMITS, "libvirtd").stderr(Stdio::null()).spawn().unwrap();
        let libvirt = Self { daemon, place };
        libvirt.waits_for("uri", "qemu:///session\n\n");
        libvirt
    }

    /// Defines the domain `guestwire`.
    fn define(&self, board: &Board) {
        let elf = build(board.name, board.target, board.name, "");
        let folder = &self.place.folder;
        std::fs::copy(elf, folder.path("firmware.elf")).unwrap();
        let domain = DOMAIN.replace("SYSTEM", board.system).replace("DEVICES", board.devices);
        let here = self.place.path("").to_str().unwrap().to_owned();
        std::fs::write(folder.path("domain.xml"), domain.replace("HERE/", &here)).unwrap();
        let _ = std::fs::remove_file(folder.path("log"));
        self.says("define domain.xml", "Domain 'guestwire' defined from domain.xml\n\n");
    }

    /// `arguments` are split at spaces.
    fn virsh(&self, limits: &[&str], arguments: &str) -> Command {
        let mut command = self.place.command(limits, "virsh");
        command.args(["-c", "qemu:///session"]).args(arguments.split(' '));
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.virsh(&LIMITS, arguments).output().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "virsh {arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn says(&self, arguments: &str, said: &str) {
        assert_eq!(self.succeeds(arguments), said, "virsh {arguments}");
    }

    #[track_caller]
    fn agent(&self, request: &str, response: &str) {
        self.says(&format!("qemu-agent-command guestwire {request}"), response);
    }

    #[track_caller]
    fn fails(&self, arguments: &str, because: &str) {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "virsh {arguments}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(because), "virsh {arguments}: {output:?}");
    }

    #[track_caller]
    fn waits_for(&self, arguments: &str, said: &str) {
        let started = Instant::now();
        loop {
            let output = self.run(arguments);
            if output.status.success() && output.stdout == said.as_bytes() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "virsh {arguments}: {output:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn wait_for_agent(&self) {
        self.waits_for("qemu-agent-command guestwire {\"execute\":\"guest-ping\"}", "{\"return\":{}}\n\n");
    }

    /// What the guest logged.
    fn log(&self) -> String {
        std::fs::read_to_string(self.place.folder.path("log")).unwrap_or_default()
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        let _ = self.run("destroy guestwire");
        terminate(&mut self.daemon);
    }
}

const DOMAIN: &str = "
<domain type='qemu'>
  <name>guestwire</name>
  <memory unit='MiB'>32</memory>
  <vcpu>1</vcpu>
  SYSTEM
  <devices>
    DEVICES
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <serial type='file'><source path='HERE/log'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
";
