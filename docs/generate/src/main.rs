//! Writes what the documentation shows of the code: diagrams, the table of dropped bytes, the figures in README.md and
//! docs/dependencies.md.
//!
//! With `--check` it writes nothing and fails if something is out of date. It also fails if imports in src run up, or in
//! a circle.

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

#[path = "../../../src/offset.rs"]
#[allow(dead_code, reason = "it is the crate's")]
mod offset;
#[path = "../../../src/target.rs"]
mod target;

use std::path::{Path, PathBuf};

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

fn main() -> Outcome<()> {
    let check = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--check" => true,
        _ => return Err("the one option is --check: write nothing, fail if something is out of date".into()),
    };
    let imports = rooms::Imports::read(&root().join("src"))?;
    imports.check()?;
    for (name, place, content) in [
        ("README.md", "figures", figures::costs()?),
        ("docs/dependencies.md", "dependencies", figures::dependencies()?),
        ("docs/structure.md", "rooms", imports.draw()),
        ("docs/wire-format.md", "client", client::draw()?),
        ("docs/wire-format.md", "dropped", lexer_states::table()?),
        ("docs/wire-format.md", "lexer", lexer_states::draw()?),
    ] {
        let before = std::fs::read_to_string(root().join(name))?;
        let after = figures::fill(&before, place, &content)?;
        if before != after && check {
            return Err(format!("{name}, {place}: out of date, cargo run -p guestwire-docs renews it").into());
        } else if before != after {
            std::fs::write(root().join(name), after)?;
            println!("wrote {name}");
        }
    }
    Ok(())
}
