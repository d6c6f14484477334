//! Measures the crate, and writes docs/sizes.md or compares with it.

mod figures;
mod linked;
mod report;

use std::path::Path;
use std::process::ExitCode;

use figures::{Failure, flash_and_ram, guests, in_c, nothing_panics_or_allocates, on_cortex_m3, peers_on_cortex_m3};
use report::Report;

const HELP: &str = "\
Measures the crate on the processors that firmware runs on, and writes the
figures to docs/sizes.md.

Usage: measure            measure and write
       measure --check    measure, and compare with the written figures

  -h, --help              this text

Exit status: 0 success, 1 a figure is more than 3 % over the written one or over
its budget, 2 wrong usage or another failure.

Needs qemu-system-arm, gcc-arm-none-eabi and libjsmn-dev (so Debian names them)
and these targets:
  rustup target add thumbv6m-none-eabi thumbv7m-none-eabi \\
      thumbv7em-none-eabihf riscv32imac-unknown-none-elf aarch64-unknown-none \\
      x86_64-unknown-none
";

enum Mode {
    Write,
    Check,
    Help,
}

fn main() -> ExitCode {
    let outcome = parse().map_err(|error| Failure(format!("{error}. Try --help."))).and_then(|mode| match mode {
        Mode::Write => write(),
        Mode::Check => check(),
        Mode::Help => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
    });
    outcome.unwrap_or_else(|Failure(message)| {
        eprintln!("measure: {message}");
        ExitCode::from(2)
    })
}

fn parse() -> Result<Mode, lexopt::Error> {
    use lexopt::prelude::*;
    let mut mode = Mode::Write;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        mode = match argument {
            Long("check") => Mode::Check,
            Long("help") | Short('h') => return Ok(Mode::Help),
            _ => return Err(argument.unexpected()),
        };
    }
    Ok(mode)
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sizes.md")
}

fn measure() -> Result<Report, Failure> {
    let mut report = flash_and_ram()?;
    report.append(in_c()?);
    report.append(guests()?);
    report.append(on_cortex_m3()?);
    report.append(peers_on_cortex_m3()?);
    Ok(report)
}

fn write() -> Result<ExitCode, Failure> {
    measure()?.write(&path())?;
    nothing_panics_or_allocates().map(|()| ExitCode::SUCCESS)
}

fn check() -> Result<ExitCode, Failure> {
    nothing_panics_or_allocates()?;
    let complaints = measure()?.compare(&Report::read(&path())?);
    complaints.iter().for_each(|complaint| eprintln!("measure: {complaint}"));
    if complaints.is_empty() {
        println!("every figure is within 3 % of the one in docs/sizes.md");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("measure: if this is intended, run `cargo run -p measure` and commit docs/sizes.md with the reason.");
    Ok(ExitCode::FAILURE)
}
