//! The figures, from ELF files and from a run under QEMU.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};

use crate::linked;
use crate::report::Report;

pub struct Failure(pub String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

const TARGETS: &[&str] =
    &["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf", "aarch64-unknown-none"];

/// The probes of `firmware/probe`, and their names in the report.
const PROBES: &[(&str, &str)] = &[
    ("decoder", "decoder: push, poll"),
    ("decoder-slices", "decoder: push, poll, push_slice"),
    ("agent", "agent: built-in commands and three more"),
    ("agent-typed", "the same, as types of guestwire::commands"),
    ("agent-serde", "the same, with serde"),
    ("agent-serde-json-core", "the same, with serde-json-core (can panic)"),
    ("agent-lent", "the same, over lent buffers"),
    ("agent-table", "the same, over lent buffers, the table at run time"),
    ("agent-deferred", "the same, one of the three answers later"),
    ("agent-pieces", "the same, and guest-file-write in pieces"),
    ("agent-nb", "the same, by poll_nb over a port with errors"),
    ("agent-queue", "the same, by poll_nb over a queue that an interrupt fills"),
    ("agent-run", "the same, by run over a port with errors (can panic)"),
    ("agent-defmt", "agent: built-in commands and three more, with defmt"),
];

/// The row of the program in C.
pub const IN_C: &str = "agent: built-in commands and three more";

/// What an async loop takes that one which polls does not.
pub const RUN: &str = "run beyond poll_nb";

/// The same of virtio-serial.
const DRIVERS: &[(&str, &str)] = &[("virtio-mmio", "flash, virtio-mmio"), ("virtio-pci", "flash, virtio-pci")];

pub fn flash_and_ram() -> Result<Report, Failure> {
    let mut report = Report::default();
    for target in TARGETS {
        let short = target.split('-').next().unwrap_or(target);
        let empty = Elf::build("empty", target)?.flash()?;
        for (probe, row) in PROBES {
            report.add("Flash, bytes", row, short, (Elf::build(probe, target)?.flash()? - empty) as f64);
        }
        let (run, poll) = (Elf::build("agent-run", target)?.flash()?, Elf::build("agent-nb", target)?.flash()?);
        report.add("Flash, bytes", RUN, short, run as f64 - poll as f64);
        let decoder = Elf::build("decoder", target)?.size_of("DECODER")?;
        report.add("RAM beyond the buffers, bytes", "Decoder<N> beyond N", short, (decoder - 128) as f64);
        let agent = Elf::build("agent", target)?.size_of("AGENT")?;
        let (buffers, state) = (256 + 640, 8);
        let table = "A virtio port, bytes";
        for (probe, row) in DRIVERS {
            report.add(table, row, short, (Elf::build(probe, target)?.flash()? - empty) as f64);
        }
        let port = Elf::build("virtio-mmio", target)?.size_of("PORT")?;
        report.add(table, "RAM, buffers included", short, port as f64);
        let row = "Agent<G, RX, TX> beyond G, RX and TX";
        report.add("RAM beyond the buffers, bytes", row, short, (agent - buffers - state) as f64);
    }
    Ok(report)
}

/// The guests with a virtio port, and their targets.
const GUESTS: &[(&str, &str)] = &[
    ("pc-x86_64", "x86_64-unknown-none"),
    ("virt-aarch64", "aarch64-unknown-none"),
    ("virt-riscv", "riscv32imac-unknown-none-elf"),
];

pub fn guests() -> Result<Report, Failure> {
    let mut report = Report::default();
    for (guest, target) in GUESTS {
        // In its own folder, which has the options for the linker.
        let built = cargo(&["build", "--release", "--quiet"]).current_dir(workspace().join(guest)).output()?;
        if !built.status.success() {
            return Err(Failure(format!("{guest} does not build\n{}", String::from_utf8_lossy(&built.stderr))));
        }
        let elf = Elf::read(guest, target)?;
        report.add("Guests, bytes", guest, "flash", elf.flash()? as f64);
        report.add("Guests, bytes", guest, "RAM without the stack", elf.statics()? as f64);
    }
    Ok(report)
}

/// A program with every public function links only if none of them can panic, and builds only if none allocates. To
/// show that this check can fail, a program that panics and one that allocates must not build. docs/dependencies.md
/// says that serde-json-core can panic: its program must not build either.
pub fn nothing_panics_or_allocates() -> Result<(), Failure> {
    every_public_function_is_linked()?;
    for target in TARGETS {
        Elf::build("everything", target)?;
    }
    futures_panic_only_after_their_end()?;
    for (probe, features, reason) in [
        ("control-panic", "controls", "panic_is_reachable"),
        ("control-alloc", "controls", "no global memory allocator"),
        ("agent-serde-json-core", "serde-json-core", "panic_is_reachable"),
    ] {
        let built = cargo(&["build", "--release", "-p", "probe", "--features", features])
            .args(["--bin", probe, "--target", "thumbv7em-none-eabihf"])
            .output()?;
        if built.status.success() || !String::from_utf8_lossy(&built.stderr).contains(reason) {
            return Err(Failure(format!("{probe} should fail to build, with \"{reason}\" among the errors")));
        }
    }
    Ok(())
}

/// Without optimization, which leaves each function its symbol.
fn every_public_function_is_linked() -> Result<(), Failure> {
    const TARGET: &str = "thumbv7em-none-eabihf";
    let mut build =
        cargo(&["build", "--quiet", "-p", "probe", "--features", "everything may-panic", "--target", TARGET]);
    build.args(["--bin", "everything", "--bin", "everything-async"]);
    build.args(["--config", &rustflag(TARGET, "-Csymbol-mangling-version=v0")]);
    succeeds(&mut build)?;
    let mut names = HashSet::new();
    for program in ["everything", "everything-async"] {
        let elf = std::fs::read(workspace().join("target").join(TARGET).join("debug").join(program))?;
        let elf = object::File::parse(&*elf)?;
        names.extend(elf.symbols().filter_map(|symbol| symbol.name().ok()).flat_map(linked::names));
    }
    let api = std::fs::read_to_string(workspace().join("../docs/public-api.txt"))?;
    match linked::missing(&api, &names)[..] {
        [] => Ok(()),
        ref missing => Err(Failure(format!("firmware/probe/src/bin/everything does not call\n{}", missing.join("\n")))),
    }
}

/// A future panics when it is polled after its end, and only then.
fn futures_panic_only_after_their_end() -> Result<(), Failure> {
    for target in TARGETS {
        let mut build = cargo(&["build", "--release", "--quiet", "-p", "probe", "--features", "everything may-panic"]);
        build.args(["--bin", "everything-async", "--target", target]);
        // In a folder of its own: other programs are built without relocations.
        build.args(["--config", &rustflag(target, "-Clink-arg=--emit-relocs"), "--target-dir", "target/relocations"]);
        succeeds(&mut build)?;
        let elf = std::fs::read(workspace().join("target/relocations").join(target).join("release/everything-async"))?;
        let panics = linked::panics(&object::File::parse(&*elf)?);
        let others: Vec<_> =
            panics.iter().filter(|(_, panic)| !panic.ends_with("panic_const_async_fn_resumed")).collect();
        if panics.is_empty() || !others.is_empty() {
            return Err(Failure(format!(
                "{target}: everything-async should only panic in futures that have ended, not: {others:?}"
            )));
        }
    }
    Ok(())
}

fn rustflag(target: &str, flag: &str) -> String {
    format!("target.{target}.rustflags=['{flag}']")
}

fn succeeds(cargo: &mut Command) -> Result<(), Failure> {
    let built = cargo.output()?;
    let said = || Failure(String::from_utf8_lossy(&built.stderr).into_owned());
    built.status.success().then_some(()).ok_or_else(said)
}

/// Runs the programs in `firmware/on-target/src/bin`, which print "table/row/column/value" lines.
pub fn on_cortex_m3() -> Result<Report, Failure> {
    let mut report = Report::default();
    let bins = [("figures", ""), ("figures-serde", "serde"), ("figures-serde-json-core", "serde-json-core")];
    for (level, (bin, features)) in ["z", "3"].into_iter().flat_map(|level| bins.map(|bin| (level, bin))) {
        let mut run = cargo(&["run", "--release", "--quiet", "--bin", bin, "--target", "thumbv7m-none-eabi"]);
        run.args(["--features", features]);
        run.current_dir(workspace().join("on-target")).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level);
        let output = run.output()?;
        if !output.status.success() {
            return Err(Failure(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        for line in String::from_utf8(output.stdout)?.lines() {
            let fields: Vec<_> = line.split('/').collect();
            let [table, row, column, value] = fields[..] else { return Err(Failure(format!("not a figure: {line}"))) };
            report.add(&format!("{table}, opt-level {level}"), row, column, value.parse()?);
        }
    }
    Ok(report)
}

/// Programs in `firmware/on-target/src/bin/peers`, which print "reader/workload/instructions" lines.
const PEERS: &[&str] = &["guestwire", "guestwire-slices", "jsmn", "picojson", "serde-json-core"];

/// Other parsers on the same board, beyond a program that reads nothing.
pub fn peers_on_cortex_m3() -> Result<Report, Failure> {
    const TARGET: &str = "thumbv7m-none-eabi";
    let mut report = Report::default();
    let run = |peer: &str| -> Result<(String, u64), Failure> {
        let bin = format!("peer-{peer}");
        let mut run = cargo(&["run", "--release", "--quiet", "--bin", &bin, "--target", TARGET, "--features", "peers"]);
        let output = run.current_dir(workspace().join("on-target")).output()?;
        if !output.status.success() {
            return Err(Failure(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok((String::from_utf8(output.stdout)?, Elf::read(&bin, TARGET)?.flash()?))
    };
    let (_, empty) = run("none")?;
    for peer in PEERS {
        let (printed, flash) = run(peer)?;
        let mut reader = "";
        for line in printed.lines() {
            let fields: Vec<_> = line.split('/').collect();
            let [name, workload, value] = fields[..] else { return Err(Failure(format!("not a figure: {line}"))) };
            reader = name;
            report.add(PEERS_TITLE, name, workload, value.parse()?);
        }
        report.add(PEERS_TITLE, reader, "flash", flash as f64 - empty as f64);
    }
    Ok(report)
}

const PEERS_TITLE: &str = "Instructions a byte and flash beside other parsers, opt-level z";

/// The agent with the three commands in C, on the library for C. Less an empty program in C.
pub fn in_c() -> Result<Report, Failure> {
    let target = "thumbv7m-none-eabi";
    let folder = workspace().join("target");
    let mut library = cargo(&["rustc", "--profile", "firmware", "--crate-type", "staticlib", "--quiet"]);
    library.args(["--target", target, "--target-dir"]).arg(&folder);
    let built = library.current_dir(workspace().join("../c")).output()?;
    if !built.status.success() {
        return Err(Failure(format!("the library for C does not build\n{}", String::from_utf8_lossy(&built.stderr))));
    }
    let flash = |program: &str| {
        let path = folder.join(target).join(format!("firmware/{program}-c"));
        let mut gcc = Command::new("arm-none-eabi-gcc");
        gcc.args(["-mcpu=cortex-m3", "-mthumb", "-std=c99", "-Os", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion"]);
        gcc.args(["-Werror", "-ffreestanding", "-ffunction-sections", "-nostdlib", "-Wl,--gc-sections,-z,noexecstack"]);
        gcc.args(["-I", "../c/include", "-o"]).arg(&path).arg(format!("probe/c/{program}.c"));
        let linked =
            gcc.arg(folder.join(target).join("firmware/libguestwire_c.a")).current_dir(workspace()).output()?;
        if !linked.status.success() {
            return Err(Failure(format!("{program}.c does not link\n{}", String::from_utf8_lossy(&linked.stderr))));
        }
        Elf(std::fs::read(path)?).flash()
    };
    let mut report = Report::default();
    report.add("Flash in C, bytes", IN_C, "thumbv7m", flash("agent")? as f64 - flash("empty")? as f64);
    Ok(report)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(workspace());
    cargo
}

/// The features that a program of the package `probe` needs.
fn features(probe: &str) -> &str {
    match probe {
        "agent-defmt" => "defmt",
        "agent-nb" | "agent-queue" => "loops",
        "agent-run" => "loops may-panic",
        "agent-serde" => "serde",
        "agent-serde-json-core" => "serde-json-core may-panic",
        "everything" => "everything",
        _ => "",
    }
}

struct Elf(Vec<u8>);

impl Elf {
    fn build(probe: &str, target: &str) -> Result<Self, Failure> {
        let built = cargo(&["build", "--release", "--quiet", "-p", "probe", "--bin", probe, "--target", target])
            .args(["--features", features(probe)])
            .output()?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr);
            let hint = if said.contains("panic_is_reachable") { ": it can panic" } else { "" };
            return Err(Failure(format!("{probe} does not build for {target}{hint}\n{said}")));
        }
        Self::read(probe, target)
    }

    fn read(program: &str, target: &str) -> Result<Self, Failure> {
        let path = workspace().join("target").join(target).join("release").join(program);
        Ok(Self(std::fs::read(path)?))
    }

    /// Code and constants.
    fn flash(&self) -> Result<u64, Failure> {
        let elf = object::File::parse(&*self.0)?;
        // defmt's linker script leaves `.text.this` and `.text.that`.
        let is_flash = |name: &str| name.starts_with(".text") || name.starts_with(".rodata");
        let sections = elf.sections().filter(|section| section.name().is_ok_and(is_flash));
        Ok(sections.map(|section| section.size()).sum())
    }

    fn statics(&self) -> Result<u64, Failure> {
        let elf = object::File::parse(&*self.0)?;
        let sections =
            elf.sections().filter(|section| section.name().is_ok_and(|name| [".data", ".bss"].contains(&name)));
        Ok(sections.map(|section| section.size()).sum())
    }

    fn size_of(&self, symbol: &str) -> Result<u64, Failure> {
        let elf = object::File::parse(&*self.0)?;
        let found = elf.symbols().find(|candidate| candidate.name() == Ok(symbol));
        found.map(|symbol| symbol.size()).ok_or_else(|| Failure(format!("there is no {symbol}")))
    }
}
