//! Takes the figures, checks them, and writes docs/performance.md from them.

mod budgets;
mod check;
mod measure;
mod page;
mod plot;
mod results;

use std::path::Path;
use std::process::ExitCode;

use lexopt::prelude::*;

use measure::Part;
use results::Results;

const HELP: &str = "\
The performance figures of guestwire. To be run in benches/.

Usage: cargo run --release -- COMMAND

  check            count guestwire's instructions and compare them with
                   results.json and with the budgets (1 minute)
  measure [PART]   take all figures anew, or one part of them, into results.json:
                   instructions, peers, time, links (5 minutes for all)
  report           write docs/performance.md and its plots from results.json

Exit codes: 0 all is well, 1 a figure is worse than it may be, 2 it could not be measured.

Needs Valgrind (apt-get install valgrind) and, in the same version as gungraun in
Cargo.toml, its runner (cargo install --locked gungraun-runner@0.20.0).
";

pub const CRATE: &str = env!("CARGO_MANIFEST_DIR");

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Outcome<ExitCode> {
    let mut parser = lexopt::Parser::from_env();
    let mut words = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let path = Path::new(CRATE).join("results.json");
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => {
            let recorded = Results::read(&path)?;
            let all_well = check::check(&recorded, &measure::instructions()?);
            return Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ["measure"] => {
            let mut results = Results::default();
            for part in Part::ALL {
                part.measure(&mut results)?;
            }
            results.write(&path)?;
        }
        ["measure", part] => {
            let part = Part::named(part).ok_or(format!("there is no part '{part}' to measure: see --help"))?;
            let mut results = Results::read(&path)?;
            part.measure(&mut results)?;
            results.write(&path)?;
        }
        ["report"] => page::write(&Results::read(&path)?)?,
        _ => return Err("what is to be done? See --help".into()),
    }
    Ok(ExitCode::SUCCESS)
}
