//! Writes what the documentation shows of the code, or checks that it is up to date.

mod client;
mod figures;
mod lexer_states;
mod rooms;

// The lexer is not public: its states are found by running a copy of it.
#[path = "../../../src/error.rs"]
#[allow(dead_code, reason = "it is the crate's")]
mod error;
#[path = "../../../src/frame"]
#[allow(dead_code, reason = "it is the crate's")]
mod frame {
    pub mod lexer;
    pub mod nesting;
}

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Writes what the documentation shows of the code: the diagrams and the table of
dropped bytes in docs, and the figures in README.md. It also checks that imports
in src run down only, from floor to floor, and in no circle.

Usage: cargo run -p guestwire-docs              write what is out of date
       cargo run -p guestwire-docs -- --check   write nothing, say what is out of date
";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The name of the state in what `Debug` prints of a machine.
fn state(machine: &impl std::fmt::Debug) -> Outcome<String> {
    let shown = format!("{machine:?}");
    let (_, state) = shown.split_once("state: ").ok_or("a machine no longer shows its state")?;
    Ok(state.chars().take_while(char::is_ascii_alphanumeric).collect())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = arguments == ["--check"];
    if !check && !arguments.is_empty() {
        eprint!("{HELP}");
        return ExitCode::from(2);
    }
    match run(check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("docs: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything is up to date now.
fn run(check: bool) -> Outcome<bool> {
    let imports = rooms::Imports::read(&root().join("src"))?;
    imports.check()?;
    let places = [
        ("README.md", "figures", figures::costs()?),
        ("docs/structure.md", "rooms", imports.draw()),
        ("docs/wire-format.md", "client", client::draw()?),
        ("docs/wire-format.md", "dropped", lexer_states::table()?),
        ("docs/wire-format.md", "lexer", lexer_states::draw()?),
    ];
    let mut is_well = true;
    for (name, place, content) in places {
        let before = std::fs::read_to_string(root().join(name))?;
        let after = figures::fill(&before, place, &content)?;
        if before == after {
            continue;
        } else if check {
            eprintln!("{name}: {place} is out of date: cargo run -p guestwire-docs");
            is_well = false;
        } else {
            std::fs::write(root().join(name), after)?;
            println!("wrote {name}");
        }
    }
    Ok(is_well)
}
