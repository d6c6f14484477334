//! docs/porting.md, followed to the letter.

mod page;

use std::os::unix::fs::symlink;
use std::process::Command;

use page::{Block, blocks, root};

/// The line before a file's text is its name: `` `src/main.rs`: ``.
fn file_name(block: &Block) -> Option<&str> {
    block.before.strip_prefix('`')?.strip_suffix("`:")
}

#[test]
fn the_guide_counts_its_steps_and_lines() {
    let guide = page::read("docs/porting.md");
    let steps = guide.lines().filter(|line| line.starts_with("## ") && line.contains(". ")).count();
    let files: Vec<Block> = blocks(&guide).into_iter().filter(|block| file_name(block).is_some()).collect();
    let lines = files.iter().flat_map(|file| file.text.lines()).filter(|line| !line.trim().is_empty()).count();
    assert_eq!(files.len(), 4);
    let count = format!("{steps} steps, {lines} lines in four files");
    assert!(guide.contains(&count), "docs/porting.md should say: {count}");
    let readme = page::read("README.md");
    assert!(readme.replace('\n', " ").contains(&format!("takes {steps} steps")), "README.md: {steps} steps");
}

#[test]
#[ignore = "needs qemu-system-arm: apt-get install qemu-system-arm"]
fn the_guide_leads_to_an_answered_ping() {
    let folder = std::env::temp_dir().join(format!("guestwire-porting-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    symlink(root().canonicalize().unwrap(), folder.join("guestwire")).unwrap();
    let guide = page::read("docs/porting.md");
    // Background jobs end with the shell, whatever happens.
    let mut script = String::from("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    let mut printed = None;
    for block in blocks(&guide) {
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
