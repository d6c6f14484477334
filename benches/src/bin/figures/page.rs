//! Writes the tables of docs/performance.md, and its plot.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use guestwire_benches::growth;

use crate::budgets::{self, BUDGETS};
use crate::results::{Links, Results, Versions};
use crate::{CRATE, Outcome, plot};

/// A name on the page, and in the benches.
type Named = (&'static str, &'static str);

const WORKLOADS: [Named; 4] = [
    ("W1, small requests", "w1"),
    ("W2, 48 KiB of base64", "w2"),
    ("W3, guest-info responses", "w3"),
    ("W5, escapes and UTF-8", "w5"),
];

const READERS: [Named; 10] = [
    ("guestwire, by byte", "decoder_by_byte"),
    ("guestwire, by slice", "decoder_by_slice"),
    ("picojson, by byte", "picojson_by_byte"),
    ("picojson, by slice", "picojson_by_slice"),
    ("serde-json-core, structs", "serde_json_core_typed"),
    ("serde_json, ignored", "serde_json_ignored"),
    ("serde_json, structs", "serde_json_typed"),
    ("serde_json, Value", "serde_json_value"),
    ("sonic-rs, ignored", "sonic_rs_ignored"),
    ("sonic-rs, structs", "sonic_rs_typed"),
];

const REST: [Named; 11] = [
    ("decoder by byte, W1, buffer of 256 bytes", "decoder_by_byte.w1_256"),
    ("decoder by byte, W5, buffer of 256 bytes", "decoder_by_byte.w5_256"),
    ("decoder by slice, W1, buffer of 256 bytes", "decoder_by_slice.w1_256"),
    ("decoder by slice, W5, buffer of 256 bytes", "decoder_by_slice.w5_256"),
    ("agent, request to response, W1, by byte", "agent_by_byte.w1"),
    ("agent, request to response, W1, by slice", "agent_by_slice.w1"),
    ("client, dropping stale bytes, W4", "client_skip.w4"),
    ("client, `guest-info` asked and read, W3", "client_replies.w3"),
    ("encoder, the response to `guest-info`", "encoder_guest_info.w3"),
    ("encoder, 48 KiB of base64", "encoder_text.w2"),
    ("encoder, the texts of W5, escaped to ASCII", "encoder_text.w5"),
];

pub fn write(results: &Results) -> Outcome<()> {
    let docs = Path::new(CRATE).join("../docs");
    let path = docs.join("performance.md");
    let mut page = fs::read_to_string(&path)?;
    let mut fill = |place: &str, content: &str| -> Outcome<()> {
        let (begin, end) = (format!("<!-- {place}: written by benches -->\n"), format!("<!-- end of {place} -->"));
        let (before, rest) = page.split_once(&begin).ok_or(format!("the page has no place for the {place}"))?;
        let (_, after) = rest.split_once(&end).ok_or(format!("the place for the {place} has no end"))?;
        page = [before, &begin, content, &end, after].concat();
        Ok(())
    };
    let Versions { rustc, valgrind, libc, processor } = &results.made_with;
    let versions = format!("* {rustc}\n* {valgrind} and {libc}\n* {processor}, for the clock\n");
    let count = |bench: &str| Some(results.instructions.get(bench).or(results.peers.get(bench))?.per_byte());
    let clock = |bench: &str| Some(1000.0 / results.nanoseconds.get(bench)?);
    let sizes = |name: &str, sizes: [usize; 6]| sizes.map(|size| (size.to_string(), format!("{name}_{size}")));
    let readers = [("by byte", "decoder_by_byte"), ("by slice", "decoder_by_slice")];
    fill("versions", &versions)?;
    fill("instructions", &table("", &WORKLOADS, &READERS, count)?)?;
    fill("clock", &table("", &WORKLOADS, &READERS, clock)?)?;
    fill("budgets", &budgets(results)?)?;
    fill("rest", &table("", &[("instructions a byte", "")], &REST, count)?)?;
    fill("length", &table("bytes in a frame", &sizes("length", growth::LENGTHS), &readers, count)?)?;
    fill("depth", &table("levels of nesting", &sizes("depth", growth::DEPTHS), &readers, count)?)?;
    fill("links", &links(results))?;
    fs::write(path, page)?;

    let values = |case: &str| READERS.iter().filter_map(|(_, bench)| count(&format!("{bench}.{case}"))).collect();
    let panels = WORKLOADS.map(|(heading, case)| (heading, values(case)));
    plot::dots(&docs.join("performance/peers.svg"), &READERS.map(|(name, _)| name), &panels)
}

/// A row for each of `rows`, and in it the figure of each column's bench.
fn table<S: Display>(
    head: &str,
    columns: &[(S, S)],
    rows: &[Named],
    figure_of: impl Fn(&str) -> Option<f64>,
) -> Outcome<String> {
    let names: Vec<_> = columns.iter().map(|(name, _)| name.to_string()).collect();
    let mut table = format!("| {head} | {} |\n|---|{}\n", names.join(" | "), "--:|".repeat(columns.len()));
    for (name, bench) in rows {
        let mark = if name.starts_with("guestwire") { "**" } else { "" };
        table += &format!("| {mark}{name}{mark} |");
        for (_, case) in columns {
            let bench = format!("{bench}.{case}");
            let value =
                figure_of(bench.trim_end_matches('.')).ok_or(format!("results.json has no {bench}: `measure`"))?;
            table += &format!(" {mark}{}{mark} |", figure(value));
        }
        table.push('\n');
    }
    Ok(table)
}

fn budgets(results: &Results) -> Outcome<String> {
    let mut table = String::from("| instructions a byte, or a ratio | figure | budget | aim |\n|---|--:|--:|--:|\n");
    for budget @ (what, _, of, limit, aim) in BUDGETS {
        let value = budgets::figure(budget, &results.instructions).ok_or(format!("results.json lacks '{what}'"))?;
        let shown = if of.is_some() { format!("{value:.3}") } else { figure(value) };
        let mark = if value > *limit { " (over)" } else { "" };
        table += &format!("| {what} | {shown}{mark} | {limit} | {aim} |\n");
    }
    Ok(table)
}

fn links(results: &Results) -> String {
    let Links { requests, size, resident } = &results.links;
    let rows = requests.iter().map(|(links, rate)| format!("| {links} | {:.2} |\n", rate / 1e6));
    let rows: String = rows.collect();
    format!(
        "| links | million requests a second |\n|--:|--:|\n{rows}\n\
         A link is {size} bytes, and {resident} in memory when there are 100 000 of them.\n"
    )
}

/// Three digits that mean something.
pub fn figure(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
