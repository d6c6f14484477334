//! Guides that lead from an empty folder to an answered ping, and how to follow them to the letter.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::page::{self, Block, root};

/// The line before a file's text is its name: `` `src/main.rs`: ``.
fn file_name(block: &Block) -> Option<&str> {
    block.before.strip_prefix('`')?.strip_suffix("`:")
}

/// The steps of a guide, which must say how many there are, and how many lines in how many files.
pub fn count(guide: &str, in_files: &str) -> usize {
    let steps = guide.lines().filter(|line| line.starts_with("## ") && line.contains(". ")).count();
    let files = page::blocks(guide).into_iter().filter(|block| file_name(block).is_some());
    let lines = files.map(|file| file.text.lines().filter(|line| !line.trim().is_empty()).count());
    let lines: Vec<usize> = lines.collect();
    assert_eq!(["no file", "one file", "two files", "three files", "four files"][lines.len()], in_files);
    let count = format!("{steps} steps, {} lines in {in_files}", lines.iter().sum::<usize>());
    assert!(guide.replace('\n', " ").contains(&count), "the guide should say: {count}");
    steps
}

/// Writes the files and runs the shell commands, in a folder with the repository in it. They must print what the last block says.
pub fn follow(blocks: impl Iterator<Item = Block>) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = std::env::temp_dir().join(format!(
        "guestwire-guide-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::create_dir(&folder).unwrap();
    symlink(root().canonicalize().unwrap(), folder.join("guestwire")).unwrap();
    // Background jobs end with the shell, whatever happens.
    let mut script = String::from("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    let mut printed = None;
    for block in blocks {
        if let Some(name) = file_name(&block) {
            script +=
                &format!("mkdir -p \"$(dirname {name})\"\ncat > {name} <<'END OF FILE'\n{}END OF FILE\n", block.text);
        } else if block.language == "sh" {
            script += &block.text;
        } else {
            printed = Some(block.text);
        }
    }
    let mut shell = Command::new("timeout");
    // The package is not part of this workspace, and builds in its own folder.
    shell.args(["600", "bash", "-c", &script]).current_dir(&folder).env_remove("CARGO_TARGET_DIR");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG") || name == "CARGO_MANIFEST_DIR")
    {
        shell.env_remove(name);
    }
    let output = shell.output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), printed.unwrap(), "{errors}");
}
