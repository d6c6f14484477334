//! A page of documentation and the blocks of code in it.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// README.md and every page in docs.
pub fn all() -> Vec<String> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let pages =
        docs.filter_map(|name| name.to_str().filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")));
    let mut all: Vec<String> = pages.collect();
    all.sort();
    let others = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    others.map(String::from).into_iter().chain(all).collect()
}

#[derive(Debug)]
pub struct Block {
    pub language: String,
    pub text: String,
    /// The last line of text in front of it.
    pub before: String,
    /// The number of its first line.
    pub line: usize,
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut before, mut line) = ("", 1);
    for (index, part) in page.split("\n```").enumerate() {
        if index % 2 == 0 {
            before = part.trim_end().lines().last().unwrap_or_default();
        } else {
            let (language, text) = part.split_once('\n').unwrap_or((part, ""));
            let (language, text, before) = (language.into(), format!("{text}\n"), before.into());
            blocks.push(Block { language, text, before, line: line + 1 });
        }
        line += part.matches('\n').count() + 1;
    }
    blocks
}
