//! docs/c.md, followed to the letter.

mod guide;
mod page;

use std::sync::{Mutex, PoisonError};

use guide::{count, follow};
use page::blocks;

const CMAKE: &str = "\n## With CMake\n";
const REST: &str = "\n## With make\n";

#[test]
fn the_guide_counts_its_steps_and_lines() {
    let page = page::read("docs/c.md");
    count(page.split_once(CMAKE).unwrap().0, "three files");
}

#[test]
#[ignore = "needs arm-none-eabi-gcc and qemu-system-arm: apt-get install gcc-arm-none-eabi qemu-system-arm"]
fn the_guide_leads_to_an_answered_ping() {
    leads_to_an_answered_ping(false);
}

#[test]
#[ignore = "needs cmake, arm-none-eabi-gcc and qemu-system-arm: apt-get install cmake gcc-arm-none-eabi make qemu-system-arm"]
fn the_guide_leads_there_with_cmake() {
    leads_to_an_answered_ping(true);
}

fn leads_to_an_answered_ping(with_cmake: bool) {
    // The socket has the same name in both.
    static SOCKET: Mutex<()> = Mutex::new(());
    let _alone = SOCKET.lock().unwrap_or_else(PoisonError::into_inner);
    let page = page::read("docs/c.md");
    let (guide, rest) = page.split_once(CMAKE).unwrap();
    let (cmake, _) = rest.split_once(REST).unwrap();
    let (sources, build) = guide.split_once("\n## 4. ").unwrap();
    let (build, start) = build.split_once("\n## 5. ").unwrap();
    follow([sources, if with_cmake { cmake } else { build }, start].into_iter().flat_map(blocks));
}
