//! Writes and reads the tables of docs/sizes.md.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::figures::{Failure, IN_C, RUN};

/// What no figure may exceed: table, row, column, limit.
const BUDGETS: &[(&str, &str, &str, f64)] = &[
    ("Flash, bytes", "decoder: push, poll", "thumbv7em", 2304.0),
    ("Flash, bytes", "decoder: push, poll, push_slice", "thumbv7em", 3584.0),
    ("Flash, bytes", "agent: built-in commands and three more", "thumbv7em", 7528.0),
    ("Flash, bytes", "the same, over lent buffers, the table at run time", "thumbv7em", 8288.0),
    ("Flash, bytes", RUN, "thumbv7em", 500.0),
    ("Flash in C, bytes", IN_C, "thumbv7m", 12_800.0),
    ("RAM beyond the buffers, bytes", "Decoder<N> beyond N", "thumbv6m", 32.0),
    ("RAM beyond the buffers, bytes", "Decoder<N> beyond N", "thumbv7em", 32.0),
    ("RAM beyond the buffers, bytes", "Decoder<N> beyond N", "riscv32imac", 32.0),
    ("Guests, bytes", "pc-x86_64", "flash", 32_768.0),
    ("Stack, bytes, opt-level z", "Agent::push", "deepest", 512.0),
];

/// Tables in the order in which they were added, as are their rows and columns.
#[derive(Default)]
pub struct Report {
    tables: Vec<Table>,
}

struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<String>,
    values: BTreeMap<(usize, usize), f64>,
}

fn position(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

impl Report {
    pub fn add(&mut self, title: &str, row: &str, column: &str, value: f64) {
        if !self.tables.iter().any(|table| table.title == title) {
            let title = title.to_owned();
            self.tables.push(Table { title, columns: Vec::new(), rows: Vec::new(), values: BTreeMap::new() });
        }
        for table in self.tables.iter_mut().filter(|table| table.title == title) {
            let place = (position(&mut table.rows, row), position(&mut table.columns, column));
            table.values.insert(place, value);
        }
    }

    pub fn append(&mut self, mut other: Self) {
        self.tables.append(&mut other.tables);
    }

    fn figures(&self) -> impl Iterator<Item = (&str, &str, &str, f64)> {
        self.tables.iter().flat_map(|table| {
            table.values.iter().map(|((row, column), value)| {
                (table.title.as_str(), table.rows[*row].as_str(), table.columns[*column].as_str(), *value)
            })
        })
    }

    fn figure(&self, title: &str, row: &str, column: &str) -> Option<f64> {
        self.figures().find(|figure| (figure.0, figure.1, figure.2) == (title, row, column)).map(|figure| figure.3)
    }

    /// A complaint about each figure that is more than 3 % off the written one, over its budget, or no longer measured.
    pub fn compare(&self, written: &Self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (title, row, column, value) in self.figures() {
            let name = format!("{title}: {row}: {column}");
            match written.figure(title, row, column) {
                None => complaints.push(format!("{name}: {value}, which is not in docs/sizes.md")),
                Some(before) if value > before * 1.03 => complaints.push(format!("{name}: {value}, was {before}")),
                Some(before) if value < before * 0.97 => {
                    complaints.push(format!("{name}: {value}, less than {before}"))
                }
                Some(_) => {}
            }
        }
        for (title, row, column, _) in written.figures() {
            if self.figure(title, row, column).is_none() {
                complaints.push(format!("{title}: {row}: {column}: in docs/sizes.md, but not measured"));
            }
        }
        for (title, row, column, limit) in BUDGETS {
            match self.figure(title, row, column) {
                None => complaints.push(format!("{title}: {row}: {column}: has a budget, but was not measured")),
                Some(value) if value > *limit => {
                    complaints.push(format!("{title}: {row}: {column}: {value}, the budget is {limit}"))
                }
                Some(_) => {}
            }
        }
        complaints
    }

    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure(format!("docs/sizes.md: {error}")))?;
        let mut report = Self::default();
        let (mut title, mut columns) = ("", Vec::new());
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                (title, columns) = (heading, Vec::new());
            } else if let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) {
                let mut cells = cells.split(" | ").map(str::trim);
                let row = cells.next().unwrap_or_default();
                if columns.is_empty() {
                    columns = cells.collect();
                } else {
                    for (column, cell) in columns.iter().zip(cells) {
                        cell.parse().into_iter().for_each(|value| report.add(title, row, column, value));
                    }
                }
            }
        }
        Ok(report)
    }

    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut text = String::from(INTRODUCTION);
        for table in &self.tables {
            write!(text, "\n## {}\n\n| ", table.title)?;
            table.columns.iter().try_for_each(|column| write!(text, " | {column}"))?;
            write!(text, " |\n|---|")?;
            table.columns.iter().try_for_each(|_| write!(text, "---:|"))?;
            for (row, name) in table.rows.iter().enumerate() {
                write!(text, "\n| {name}")?;
                for column in 0..table.columns.len() {
                    match table.values.get(&(row, column)) {
                        Some(value) => write!(text, " | {value}")?,
                        None => write!(text, " | ")?,
                    }
                }
                write!(text, " |")?;
            }
            text.push('\n');
        }
        text.push_str("\n## Against the budgets\n\n");
        for (title, row, column, limit) in BUDGETS {
            if let Some(value) = self.figure(title, row, column) {
                let mark = if value > *limit { ", **over**" } else { "" };
                writeln!(text, "- {title}: {row}, {column}: {value} of {limit}{mark}")?;
            }
        }
        std::fs::write(path, text)?;
        println!("written: docs/sizes.md");
        Ok(())
    }
}

const INTRODUCTION: &str = "\
# Sizes

Written by `cargo run -p measure` in `firmware/`; CI fails when a figure is more than 3 % off.

Flash is `.text` and `.rodata` of a program that uses guestwire, less those of an empty one, with opt-level \"z\", LTO and
one codegen unit. Each program links only if nothing in it can panic, except those that say so, and there is no
allocator. Two of them call every public function except `Debug`, `Display` and defmt's `Format`, and serde with `f32` and
`f64` (`core` reads and prints them): CI compares their symbols with docs/public-api.txt. The async functions are in one of
their own, whose only panic is that of a future that is polled after its end. The program in C is compiled by gcc with -Os,
without a libc, and linked with the library for C. A guest is all there is: agent, 18 commands (22 on aarch64), driver,
board. Instructions and stack are counted on a Cortex-M3 (mps2-an385) in QEMU, independent of the host. The worst push is
the most instructions that one byte took, in valid and broken input.

The other parsers read single frames, whose ends the caller has to find, and need all of a frame in memory; jsmn also 20
bytes for each value, picojson a buffer for the longest string. guestwire stores the frames that it finds.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn report(value: f64) -> Report {
        let mut report = Report::default();
        BUDGETS.iter().for_each(|(title, row, column, _)| report.add(title, row, column, value));
        report
    }

    #[test]
    fn what_is_written_can_be_read() {
        let path = std::env::temp_dir().join(format!("sizes-{}.md", std::process::id()));
        report(61.5).write(&path).unwrap_or_else(|Failure(message)| panic!("{message}"));
        let read = Report::read(&path).unwrap_or_else(|Failure(message)| panic!("{message}"));
        std::fs::remove_file(&path).unwrap();
        assert!(read.figures().eq(report(61.5).figures()));
    }

    #[test]
    fn more_than_three_percent_off_is_too_much() {
        for (value, complaints) in [(20.6, 0), (20.7, BUDGETS.len()), (19.4, 0), (19.3, BUDGETS.len())] {
            assert_eq!(report(value).compare(&report(20.0)).len(), complaints, "{value}");
        }
    }

    #[test]
    fn a_written_figure_is_measured() {
        let mut written = report(20.0);
        written.add("Flash, bytes", "a program that has gone", "thumbv7em", 20.0);
        assert_eq!(report(20.0).compare(&written).len(), 1);
    }

    #[test]
    fn a_budget_is_kept_and_a_figure_is_written() {
        let over = report(33.0).compare(&report(33.0));
        assert_eq!(over.len(), 3, "32 bytes beyond N on three targets: {over:?}");
        assert_eq!(Report::default().compare(&report(1.0)).len(), 2 * BUDGETS.len(), "nothing measured");
        assert_eq!(report(1.0).compare(&Report::default()).len(), BUDGETS.len(), "nothing written");
    }
}
