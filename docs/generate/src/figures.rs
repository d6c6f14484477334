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

/// What the crate costs, as README.md shows it.
pub fn costs() -> Outcome<String> {
    let sizes = std::fs::read_to_string(root().join("docs/sizes.md"))?;
    let performance = std::fs::read_to_string(root().join("docs/performance.md"))?;
    let mut text =
        String::from("| bytes | Cortex-M0 | Cortex-M4F | RISC-V, 32 bits | AArch64 |\n|---|--:|--:|--:|--:|\n");
    for (what, heading, name, before) in [
        ("flash, a decoder by byte", "Flash, bytes", "decoder: push, poll", ""),
        ("flash, an agent with 7 commands", "Flash, bytes", "agent: its own four commands, and three", ""),
        ("RAM, a `Decoder<N>`", "RAM beyond the buffers, bytes", "Decoder<N> beyond N", "N + "),
        (
            "RAM, an `Agent<G, RX, TX>`",
            "RAM beyond the buffers, bytes",
            "Agent<G, RX, TX> beyond G, RX and TX",
            "G + RX + TX + ",
        ),
    ] {
        if row(&sizes, heading, "")? != ["thumbv6m", "thumbv7em", "riscv32imac", "aarch64"] {
            return Err(format!("docs/sizes.md has other targets under '{heading}'").into());
        }
        let cells = row(&sizes, heading, name)?.join(&format!(" | {before}"));
        text += &format!("| {what} | {before}{cells} |\n");
    }
    text += "\n| instructions a byte, x86-64 | small requests | a long string | responses | escapes |\n|---|--:|--:|--:|--:|\n";
    for (what, name) in [
        ("a decoder by byte", "guestwire, by byte"),
        ("a decoder by slice", "guestwire, by slice"),
        ("picojson, by slice", "picojson, by slice"),
        ("serde_json, typed, whole frames", "serde_json, structs"),
    ] {
        text += &format!("| {what} | {} |\n", row(&performance, "Beside its peers", name)?.join(" | "));
    }
    let last = |heading: &str, name: &str| Ok::<_, String>(row(&sizes, heading, name)?.pop().unwrap_or_default());
    let (worst, stack) = ("Worst push, instructions, opt-level z", "Stack, bytes, opt-level z");
    text += &format!(
        "\nOn a Cortex-M3, built for size, the worst `push` of {} bytes, many of them of broken frames, into a buffer of\n\
         4096 took {} instructions, and `Agent::push` went {} bytes deep into the stack; where serde reads the arguments of\n\
         a `guest-exec` into types of its own, {}.\n",
        last(worst, "of so many")?,
        last(worst, "the worst byte")?,
        last(stack, "Agent::push")?,
        last(stack, "Agent::push, guest-exec through serde")?,
    );
    Ok(text)
}

/// What dependencies cost, as docs/dependencies.md shows it.
pub fn dependencies() -> Outcome<String> {
    let sizes = std::fs::read_to_string(root().join("docs/sizes.md"))?;
    let mut text = String::from(
        "| bytes | flash, Cortex-M0 | Cortex-M4F | RISC-V, 32 bits | AArch64 | stack, Cortex-M3 | can panic |\n\
         |---|--:|--:|--:|--:|--:|---|\n",
    );
    let agent = "agent: its own four commands, and three";
    for (what, flash, stack, panics) in [
        ("agent, three commands that read member by member", agent, "", "no"),
        ("the three as types of `commands`", "the same, the three as types of guestwire::commands", "", "no"),
        ("with the feature `serde`", "the same, the three with serde", "serde", "no"),
        ("with serde-json-core", "the same, the three with serde-json-core (can panic)", "serde-json-core", "yes"),
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
