//! The figures in README.md: taken from the pages that the measuring programs write, never typed.

use crate::{Outcome, root};

/// A page with `content` in the place that is marked for it.
pub fn fill(page: &str, place: &str, content: &str) -> Outcome<String> {
    let begin = format!("<!-- {place}: written by docs/generate -->\n");
    let end = format!("<!-- end of {place} -->\n");
    let (before, rest) = page.split_once(&begin).ok_or(format!("no page has a place for the {place}"))?;
    let (_, after) = rest.split_once(&end).ok_or(format!("the place for the {place} has no end"))?;
    Ok([before, &begin, content, &end, after].concat())
}

/// What the crate costs, as README.md shows it. A row of figures replaces `{page/heading/name}`, the row's first four
/// `{page/heading/name/4}`, and the last `{page/heading/name/}`.
const COSTS: &str = "\
| bytes | Cortex-M0 | Cortex-M4F | RISC-V, 32 bits | AArch64 |
|---|--:|--:|--:|--:|
| flash, a decoder by byte | {sizes/Flash, bytes/decoder: push, poll} |
| flash, an agent with 7 commands | {sizes/Flash, bytes/agent: built-in commands and three more} |
| RAM, a `Decoder<N>` beyond N | {sizes/RAM beyond the buffers, bytes/Decoder<N> beyond N} |
| RAM, an `Agent<G, RX, TX>` beyond G, RX and TX | {sizes/RAM beyond the buffers, bytes/Agent<G, RX, TX> beyond G, RX and TX} |

| instructions a byte, x86-64 | small requests | a long string | responses | escapes |
|---|--:|--:|--:|--:|
| a decoder by byte | {performance/Beside its peers/guestwire, by byte/4} |
| a decoder by slice | {performance/Beside its peers/guestwire, slices of 4096/4} |
| serde_json, typed, whole frames | {performance/Beside its peers/serde_json, structs/4} |

| on a Cortex-M3, optimized for size | |
|---|--:|
| the slowest `push` into 4096 bytes, in instructions | {sizes/Worst push, instructions, opt-level z/the worst byte/} |
| stack of `Agent::push`, in bytes | {sizes/Stack, bytes, opt-level z/Agent::push} |
| the same with serde, for `guest-exec` | {sizes/Stack, bytes, opt-level z/Agent::push, guest-exec through serde} |
";

pub fn costs() -> Outcome<String> {
    let mut parts = COSTS.split(['{', '}']);
    let mut text = String::from(parts.next().unwrap_or_default());
    while let (Some(figures), Some(plain)) = (parts.next(), parts.next()) {
        let names: Vec<_> = figures.split('/').collect();
        let (page, heading, name) = (names[0], names[1], names[2]);
        let page = std::fs::read_to_string(root().join(format!("docs/{page}.md")))?.replace("**", "");
        let (_, section) = page.split_once(&format!("\n## {heading}\n")).ok_or(format!("no page has '{heading}'"))?;
        let mut rows =
            section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
        let row = rows.find(|row| row.0 == name).ok_or(format!("nothing under '{heading}' is called '{name}'"))?;
        let cells: Vec<_> = row.1.split(" | ").collect();
        text += &match names.get(3) {
            None => row.1.to_owned(),
            Some(&"") => cells[cells.len() - 1].to_owned(),
            Some(count) => cells[..count.parse::<usize>()?].join(" | "),
        };
        text += plain;
    }
    Ok(text)
}

/// What dependencies cost, as docs/dependencies.md shows it.
pub fn dependencies() -> Outcome<String> {
    let sizes = std::fs::read_to_string(root().join("docs/sizes.md"))?;
    let mut text = String::from(
        "| bytes | flash, Cortex-M0 | Cortex-M4F | RISC-V, 32 bits | AArch64 | stack, Cortex-M3 | can panic |\n\
         |---|--:|--:|--:|--:|--:|---|\n",
    );
    let agent = "agent: built-in commands and three more";
    for (what, flash, stack, panics) in [
        ("agent, three commands that read member by member", agent, "", "no"),
        ("the three as types of `commands`", "the same, as types of guestwire::commands", "", "no"),
        ("with the feature `serde`", "the same, with serde", "serde", "no"),
        ("with serde-json-core", "the same, with serde-json-core (can panic)", "serde-json-core", "yes"),
        ("member by member, with `defmt`", &format!("{agent}, with defmt"), "", "no"),
    ] {
        let flash = row(&sizes, "Flash, bytes", flash)?.join(" | ");
        let stack = match stack {
            "" => "",
            stack => row(&sizes, "Stack, bytes, opt-level z", &format!("Agent::push, guest-exec through {stack}"))?[0],
        };
        text += &format!("| {what} | {flash} | {stack} | {panics} |\n");
    }
    Ok(text)
}

/// The cells after a name in the first table below a heading.
fn row<'p>(page: &'p str, heading: &str, name: &str) -> Result<Vec<&'p str>, String> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).ok_or(format!("no page has '{heading}'"))?;
    let rows = section.lines().map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim_matches([' ', '*'])));
    let mut rows = rows.map(Iterator::collect::<Vec<_>>).filter(|row| row.len() > 1);
    let row = rows.find(|row| row[0] == name).ok_or(format!("nothing under '{heading}' is called '{name}'"))?;
    Ok(row[1..].to_vec())
}
