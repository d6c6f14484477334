//! The library in a kernel, and beside another one written in Rust: as docs/c.md says.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

const TARGET: &str = "x86_64-unknown-none";

/// Builds a package's static library into a test's folder. One after the other, for cargo's folder is shared.
fn library(package: &Path, folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    static BUILT: Mutex<()> = Mutex::new(());
    let _alone = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images");
    let mut cargo = Command::new("cargo");
    cargo.args(["rustc", "--quiet", "--profile", "firmware", "--crate-type", "staticlib", "--target", TARGET]);
    succeeds(cargo.args(options).arg("--target-dir").arg(&built).current_dir(package));
    let library = folder.join(name);
    std::fs::copy(built.join(TARGET).join("firmware").join(name), &library).unwrap();
    library
}

fn guestwire(folder: &Path, options: &[&str]) -> PathBuf {
    library(here(), folder, "libguestwire_c.a", options)
}

fn other(folder: &Path) -> PathBuf {
    library(folder, folder, "libother.a", &[])
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Compiles a program as a kernel is, and links it with libraries.
fn link(folder: &Path, program: &str, libraries: &[&Path]) -> Output {
    let source = folder.join("kernel.c");
    std::fs::write(&source, program).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c99", "-ffreestanding", "-fno-pic", "-mno-red-zone", "-mgeneral-regs-only", "-mcmodel=kernel"]);
    gcc.args(["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fno-stack-protector", "-nostdlib"]);
    gcc.args(["-static", "-no-pie", "-I"]);
    gcc.arg(here().join("include")).arg(source).args(libraries).arg("-o").arg(folder.join("kernel"));
    gcc.output().unwrap()
}

/// How many instructions of a program use the red zone or a floating-point register.
fn forbidden(program: &Path) -> usize {
    let listing = succeeds(Command::new("objdump").arg("-d").arg(program)).stdout;
    let is_forbidden = |line: &&str| {
        let below_the_stack = line.split("-0x").skip(1).any(|rest| {
            let digits = rest.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
            digits.starts_with("(%rsp")
        });
        below_the_stack || line.contains("%xmm") || line.contains("%st")
    };
    String::from_utf8_lossy(&listing).lines().filter(is_forbidden).count()
}

const KERNEL: &str = r#"
#include "guestwire.h"
static const gw_guest guest = {.version = "1.0.0"};
static gw_agent agent;
static uint8_t rx[256], tx[512];
void _start(void);
void _start(void)
{
    gw_agent_init(&agent, &guest, NULL, rx, sizeof rx, tx, sizeof tx);
    for (;;) {
        gw_agent_push(&agent, 0);
    }
}
"#;

#[test]
#[ignore = "needs gcc, objdump and a target: apt-get install gcc binutils, rustup target add x86_64-unknown-none"]
fn a_kernel_has_no_red_zone_and_no_floating_point() {
    let folder = TempDir::new().unwrap();
    // What is looked for can be found.
    let [source, object] = ["leaf.c", "leaf.o"].map(|name| folder.path().join(name));
    std::fs::write(&source, "double leaf(double x) { volatile double twice = 2 * x; return twice; }").unwrap();
    succeeds(Command::new("gcc").args(["-O2", "-c"]).arg(&source).arg("-o").arg(&object));
    assert!(forbidden(&object) >= 2);
    let linked = link(folder.path(), KERNEL, &[&guestwire(folder.path(), &[])]);
    assert!(linked.status.success(), "{}", String::from_utf8_lossy(&linked.stderr));
    assert_eq!(forbidden(&folder.path().join("kernel")), 0);
}

/// Another library written in Rust, as small as can be.
fn other_library(folder: &Path) {
    std::fs::create_dir(folder.join("src")).unwrap();
    let manifest = "package.name = \"other\"\npackage.edition = \"2024\"\nworkspace = {}\n[profile.firmware]\ninherits = \"release\"\npanic = \"abort\"\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let source = r#"#![no_std]
        #[unsafe(no_mangle)]
        pub extern "C" fn other(divisor: u32) -> u32 { 7 / divisor }
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
    "#;
    std::fs::write(folder.join("src/lib.rs"), source).unwrap();
}

#[test]
#[ignore = "needs gcc and a target: apt-get install gcc, rustup target add x86_64-unknown-none"]
fn a_second_rust_library_links_beside_one_with_link_time_optimization() {
    let folder = TempDir::new().unwrap();
    other_library(folder.path());
    let other = other(folder.path());
    let program = KERNEL.replace("push(&agent, 0)", "push(&agent, (uint8_t)other(agent.opaque[0] != 0))");
    let program = format!("unsigned other(unsigned divisor);{program}");
    let linked = link(folder.path(), &program, &[&guestwire(folder.path(), &[]), &other]);
    assert!(linked.status.success(), "{}", String::from_utf8_lossy(&linked.stderr));
    let without = guestwire(folder.path(), &["--config", "profile.firmware.lto=false"]);
    let linked = link(folder.path(), &program, &[&without, &other]);
    let said = String::from_utf8_lossy(&linked.stderr);
    assert!(said.contains("multiple definition of `__rustc::rust_begin_unwind'"), "{said}");
    let page = include_str!("../../docs/c.md");
    assert!(page.contains("multiple definition of `__rustc::rust_begin_unwind'"));
}

#[test]
#[ignore = "needs gcc and a target: apt-get install gcc, rustup target add x86_64-unknown-none"]
fn one_library_of_two_crates_has_the_functions_of_both() {
    let folder = TempDir::new().unwrap();
    other_library(folder.path());
    let mut manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    let here = here().display();
    manifest += &format!("[dependencies]\nguestwire-c = {{ path = \"{here}\", default-features = false }}\n");
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let path = folder.path().join("src/lib.rs");
    let source = std::fs::read_to_string(&path).unwrap() + "pub use guestwire_c::*;";
    std::fs::write(path, source).unwrap();
    let both = other(folder.path());
    let program = KERNEL.replace("push(&agent, 0)", "push(&agent, (uint8_t)other(agent.opaque[0] != 0))");
    let linked = link(folder.path(), &format!("unsigned other(unsigned divisor);{program}"), &[&both]);
    assert!(linked.status.success(), "{}", String::from_utf8_lossy(&linked.stderr));
}
