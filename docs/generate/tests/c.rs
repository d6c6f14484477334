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
    leads_to_an_answered_ping(&page::read("docs/c.md"), false);
}

#[test]
#[ignore = "needs cmake, arm-none-eabi-gcc and qemu-system-arm: apt-get install cmake gcc-arm-none-eabi make qemu-system-arm"]
fn the_guide_leads_there_with_cmake() {
    leads_to_an_answered_ping(&page::read("docs/c.md"), true);
}

#[test]
#[ignore = "needs arm-none-eabi-gcc and qemu-system-arm: apt-get install gcc-arm-none-eabi qemu-system-arm"]
fn initialized_variables_have_their_values() {
    let page = page::read("docs/c.md");
    let with_variable = page
        .replacen("static void host_name", "char name[] = \"toaster\";\n\nstatic void host_name", 1)
        .replacen("\"host-name\", \"toaster\"", "\"host-name\", name", 1);
    assert_eq!(
        with_variable.len(),
        page.len() + "char name[] = \"toaster\";\n\n".len() - "\"toaster\"".len() + "name".len()
    );
    leads_to_an_answered_ping(&with_variable, false);
}

fn leads_to_an_answered_ping(page: &str, with_cmake: bool) {
    // The socket has the same name in both.
    static SOCKET: Mutex<()> = Mutex::new(());
    let _alone = SOCKET.lock().unwrap_or_else(PoisonError::into_inner);
    let (guide, rest) = page.split_once(CMAKE).unwrap();
    let (cmake, _) = rest.split_once(REST).unwrap();
    let (sources, build) = guide.split_once("\n## 4. ").unwrap();
    let (build, start) = build.split_once("\n## 5. ").unwrap();
    follow([sources, if with_cmake { cmake } else { build }, start].into_iter().flat_map(blocks));
}
