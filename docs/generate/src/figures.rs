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
    let sizes = Tables::read("docs/sizes.md")?;
    let performance = Tables::read("docs/performance.md")?;
    write_costs(&sizes, &performance)
}

fn write_costs(sizes: &Tables, performance: &Tables) -> Outcome<String> {
    const TARGETS: [&str; 4] = ["thumbv6m", "thumbv7em", "riscv32imac", "aarch64"];
    let row = |what: &str, heading: &str, row: &str, before: &str| -> Outcome<String> {
        let cells = TARGETS.map(|target| Ok(format!("{before}{}", sizes.cell(heading, row, target)?)));
        let cells = cells.into_iter().collect::<Outcome<Vec<_>>>()?;
        Ok(format!("| {what} | {} |\n", cells.join(" | ")))
    };
    let mut text =
        String::from("| bytes | Cortex-M0 | Cortex-M4F | RISC-V, 32 bits | AArch64 |\n|---|--:|--:|--:|--:|\n");
    text += &row("flash, a decoder by byte", "Flash, bytes", "decoder: push, poll", "")?;
    text += &row("flash, an agent with 7 commands", "Flash, bytes", "agent: its own four commands, and three", "")?;
    text += &row("RAM, a `Decoder<N>`", "RAM beyond the buffers, bytes", "Decoder<N> beyond N", "N + ")?;
    let agent = "Agent<G, RX, TX> beyond G, RX and TX";
    text += &row("RAM, an `Agent<G, RX, TX>`", "RAM beyond the buffers, bytes", agent, "G + RX + TX + ")?;
    text += "\n| instructions a byte, x86-64 | small requests | a long string | responses | escapes |\n|---|--:|--:|--:|--:|\n";
    for (what, row) in [
        ("a decoder by byte", "guestwire, by byte"),
        ("a decoder by slice", "guestwire, by slice"),
        ("picojson, by slice", "picojson, by slice"),
        ("serde_json, typed, whole frames", "serde_json, structs"),
    ] {
        let cells = performance.row("Beside its peers", row)?.join(" | ");
        text += &format!("| {what} | {cells} |\n");
    }
    let worst = "Worst push, instructions, opt-level z";
    text += &format!(
        "\nOn a Cortex-M3, built for size, the worst `push` of {} bytes, many of them of broken frames, into a buffer of\n\
         4096 took {} instructions, and `Agent::push` went {} bytes deep into the stack; where serde reads the arguments of\n\
         a `guest-exec` into types of its own, {}.\n",
        sizes.cell(worst, "of so many", "push, N = 4096")?,
        sizes.cell(worst, "the worst byte", "push, N = 4096")?,
        sizes.cell("Stack, bytes, opt-level z", "Agent::push", "deepest")?,
        sizes.cell("Stack, bytes, opt-level z", "Agent::push, guest-exec through serde", "deepest")?,
    );
    Ok(text)
}

/// The tables of a page: heading, then rows of cells, the first of which has the columns' names.
struct Tables {
    page: &'static str,
    rows: Vec<(String, Vec<String>)>,
}

impl Tables {
    fn read(page: &'static str) -> Outcome<Self> {
        let mut heading = String::new();
        let mut rows = Vec::new();
        for line in std::fs::read_to_string(root().join(page))?.lines() {
            if let Some(text) = line.strip_prefix("## ") {
                text.clone_into(&mut heading);
            } else if let Some(row) = line.strip_prefix('|') {
                let cells = row.trim_end_matches('|').split('|').map(|cell| cell.replace("**", "").trim().to_owned());
                rows.push((heading.clone(), cells.collect()));
            }
        }
        Ok(Self { page, rows })
    }

    fn row(&self, heading: &str, row: &str) -> Outcome<&[String]> {
        let mut rows = self.rows.iter().filter(|(under, _)| under == heading).map(|(_, cells)| cells);
        match rows.find(|cells| cells.first().is_some_and(|name| name == row)) {
            Some(cells) => Ok(&cells[1..]),
            None => Err(format!("{}: nothing under '{heading}' is called '{row}'", self.page).into()),
        }
    }

    fn cell(&self, heading: &str, row: &str, column: &str) -> Outcome<&str> {
        let columns = self.row(heading, "")?;
        let index = columns.iter().position(|name| name == column);
        let index = index.ok_or(format!("{}: nothing under '{heading}' has a column '{column}'", self.page))?;
        let cell = self.row(heading, row)?.get(index);
        Ok(cell.ok_or(format!("{}: '{row}' under '{heading}' is too short", self.page))?)
    }
}
