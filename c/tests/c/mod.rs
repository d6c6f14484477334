//! C programs of this folder, compiled and linked with the library.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Arguments of the compiler.
pub type Options = &'static [&'static str];

pub const C99: Options = &["-x", "c", "-std=c99", "-Wconversion"];
pub const CPP17: Options = &["-x", "c++", "-std=c++17"];
pub const SANITIZED: Options =
    &["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
const WARNINGS: Options = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

pub struct Program(PathBuf);

impl Program {
    pub fn command(&self) -> Command {
        Command::new(&self.0)
    }
}

/// The library for C, built once. `GUESTWIRE_C` is another one, such as one with sanitizers.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        if let Some(library) = env::var_os("GUESTWIRE_C") {
            return library.into();
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
        let built = Command::new("cargo")
            .args(["rustc", "--quiet", "--crate-type", "staticlib", "--target-dir"])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.expect("cargo can be started").success());
        target.join("debug/libguestwire_c.a")
    })
}

/// CC and CXX name other compilers than gcc.
pub fn compiler(variable: &str, usual: &str) -> Command {
    Command::new(env::var_os(variable).unwrap_or_else(|| usual.into()))
}

/// Compiles a program. Each test gives it a name of its own.
pub fn compile(source: &str, name: &str, options: &[Options]) -> Program {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut compiler = if options.contains(&CPP17) { compiler("CXX", "g++") } else { compiler("CC", "gcc") };
    let compiled = compiler
        .args(WARNINGS)
        .args(options.concat())
        .arg("-I")
        .arg(folder.join("include"))
        .arg(folder.join("tests").join(source))
        .args(["-x", "none"])
        .arg(library())
        .args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-o"])
        .arg(&program)
        .output()
        .expect("a compiler is installed: apt-get install g++");
    assert!(compiled.status.success(), "{source}: {}", String::from_utf8_lossy(&compiled.stderr));
    Program(program)
}
