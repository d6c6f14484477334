//! docs/porting.md, followed to the letter.

mod page;

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use page::{Block, blocks, root};

/// The line before a file's text is its name: `` `src/main.rs`: ``.
fn file_name(block: &Block) -> Option<&str> {
    block.before.strip_prefix('`')?.strip_suffix("`:")
}

#[test]
fn the_guide_counts_its_steps_and_lines() {
    let guide = page::read("docs/porting.md");
    let (guide, _) = guide.split_once(OTHERS).unwrap();
    let steps = guide.lines().filter(|line| line.starts_with("## ") && line.contains(". ")).count();
    let files: Vec<Block> = blocks(guide).into_iter().filter(|block| file_name(block).is_some()).collect();
    let lines = files.iter().flat_map(|file| file.text.lines()).filter(|line| !line.trim().is_empty()).count();
    assert_eq!(files.len(), 4);
    let count = format!("{steps} steps, {lines} lines in four files");
    assert!(guide.contains(&count), "docs/porting.md should say: {count}");
    let readme = page::read("README.md");
    assert!(readme.replace('\n', " ").contains(&format!("takes {steps} steps")), "README.md: {steps} steps");
}

/// Where the boxes begin, and where they end.
const OTHERS: &str = "\n## Another processor\n";
const REST: &str = "\n## From here\n";

#[test]
#[ignore = "needs qemu-system-arm: apt-get install qemu-system-arm"]
fn the_guide_leads_to_an_answered_ping() {
    leads_to_an_answered_ping("");
}

#[test]
#[ignore = "needs qemu-system-riscv32: apt-get install qemu-system-misc"]
fn the_guide_leads_there_on_riscv() {
    leads_to_an_answered_ping("RISC-V");
}

#[test]
#[ignore = "needs qemu-system-aarch64: apt-get install qemu-system-arm"]
fn the_guide_leads_there_on_aarch64() {
    leads_to_an_answered_ping("AArch64");
}

#[test]
#[ignore = "needs qemu-system-x86_64: apt-get install qemu-system-x86"]
fn the_guide_leads_there_on_x86() {
    leads_to_an_answered_ping("x86");
}

/// Follows the guide, with what the box of this processor replaces, if there is one.
fn leads_to_an_answered_ping(processor: &str) {
    // The socket has the same name in all of them.
    static SOCKET: Mutex<()> = Mutex::new(());
    let _alone = SOCKET.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = std::env::temp_dir().join(format!("guestwire-porting-{}-{processor}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    symlink(root().canonicalize().unwrap(), folder.join("guestwire")).unwrap();
    let page = page::read("docs/porting.md");
    let (guide, rest) = page.split_once(OTHERS).unwrap();
    let (boxes, _) = rest.split_once(REST).unwrap();
    let (build, start) = guide.split_once("\n## 5. ").unwrap();
    let summary = format!("<summary>{processor}:");
    let of_processor = boxes.split("<details>").find(|text| !processor.is_empty() && text.contains(&summary));
    assert_eq!(of_processor.is_none(), processor.is_empty());
    // Background jobs end with the shell, whatever happens.
    let mut script = String::from("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    let mut printed = None;
    for block in [build, of_processor.unwrap_or_default(), start].into_iter().flat_map(blocks) {
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
