//! docs/porting.md, followed to the letter.

mod guide;
mod page;

use std::sync::{Mutex, PoisonError};

use guide::{count, follow};
use page::blocks;

#[test]
fn the_guide_counts_its_steps_and_lines() {
    let guide = page::read("docs/porting.md");
    let (guide, _) = guide.split_once(OTHERS).unwrap();
    let steps = count(guide, "four files");
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
    let page = page::read("docs/porting.md");
    let (guide, rest) = page.split_once(OTHERS).unwrap();
    let (boxes, _) = rest.split_once(REST).unwrap();
    let (build, start) = guide.split_once("\n## 5. ").unwrap();
    let summary = format!("<summary>{processor}:");
    let of_processor = boxes.split("<details>").find(|text| !processor.is_empty() && text.contains(&summary));
    assert_eq!(of_processor.is_none(), processor.is_empty());
    follow([build, of_processor.unwrap_or_default(), start].into_iter().flat_map(blocks));
}
