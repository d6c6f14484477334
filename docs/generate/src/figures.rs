//! The figures in README.md: taken from the pages that the measuring programs write, never typed.

use crate::{Outcome, root};

pub fn fill(page: &str) -> Outcome<String> {
    Ok(std::fs::read_to_string(root().join(page))?)
}
