//! Writes what the documentation shows of the code, or checks that it is up to date.

mod client;
mod dirty_line;
mod figures;
mod lexer_states;
mod rooms;
mod svg;

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
Writes what the documentation shows of the code: the diagrams in docs/diagrams,
the figures in README.md, and the table of dropped bytes in docs/wire-format.md.

Usage: cargo run -p guestwire-docs              write what is out of date
       cargo run -p guestwire-docs -- --check   write nothing, say what is out of date

It also checks that imports in src run down only, from floor to floor.
Exit codes: 0 all is well, 1 something is out of date or wrong, 2 a bad call.
";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        ["-h" | "--help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match run(check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("docs: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was as it should be, or has been made so.
fn run(check: bool) -> Outcome<bool> {
    let rooms = rooms::Rooms::read(&root().join("src"))?;
    rooms.check()?;
    let mut files =
        vec![("docs/diagrams/dirty-line.svg", dirty_line::draw()?), ("docs/diagrams/rooms.svg", rooms.draw()?)];
    files.extend(lexer_states::draw()?);
    let page = |name: &str| std::fs::read_to_string(root().join(name));
    files.push(("README.md", figures::fill(&page("README.md")?, "figures", &figures::costs()?)?));
    let wire_format = figures::fill(&page("docs/wire-format.md")?, "dropped", &lexer_states::table()?)?;
    files.push(("docs/wire-format.md", figures::fill(&wire_format, "client", &client::draw()?)?));
    let mut all_well = true;
    for (name, content) in files {
        let path = root().join(name);
        if std::fs::read_to_string(&path).is_ok_and(|before| before == content) {
            continue;
        }
        if check {
            eprintln!("docs: {name} is out of date: cargo run -p guestwire-docs");
            all_well = false;
        } else {
            std::fs::create_dir_all(path.parent().ok_or("a file has a folder")?)?;
            std::fs::write(&path, content)?;
            println!("wrote {name}");
        }
    }
    Ok(all_well)
}
