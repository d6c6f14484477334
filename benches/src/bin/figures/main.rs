//! Measures, checks, and writes docs/performance.md.

mod budgets;
mod check;
mod measure;
mod page;
mod plot;
mod results;

use std::path::Path;
use std::process::ExitCode;

use results::Results;

const HELP: &str = "\
The performance figures of guestwire. Run it in benches/.

Usage: cargo run --release -- COMMAND

  check                count guestwire's instructions and compare them with
                       results.json and the budgets (1 minute)
  measure [PART...]    measure everything, or these parts, into results.json:
                       instructions, peers, time, links, end-to-end (10 minutes
                       for all)
  report               write the tables and the plot of docs/performance.md

Exit codes: 0 no figure is too high, 1 one is, 2 it could not be measured.

Needs Valgrind, jsmn and qemu-ga (apt-get install valgrind libjsmn-dev
qemu-guest-agent; QEMU_GA names another version of it) and, in the same version
as gungraun in Cargo.toml, its runner
(cargo install --locked gungraun-runner@0.20.0).
";

pub const CRATE: &str = env!("CARGO_MANIFEST_DIR");

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::from(2)
        }
    }
}

/// False: a figure is too high.
fn run(words: &[&str]) -> Outcome<bool> {
    let path = Path::new(CRATE).join("results.json");
    match words {
        ["-h" | "--help"] => print!("{HELP}"),
        ["check"] => return Ok(check::check(&Results::read(&path)?, &measure::counts("instructions", &[])?)),
        ["measure", parts @ ..] => {
            let (mut results, parts) = match parts {
                [] => (Results::default(), &measure::PARTS[..]),
                parts => (Results::read(&path)?, parts),
            };
            parts.iter().try_for_each(|part| measure::measure(part, &mut results))?;
            results.write(&path)?;
        }
        ["report"] => page::write(&Results::read(&path)?)?,
        _ => return Err("no such command: see --help".into()),
    }
    Ok(true)
}
