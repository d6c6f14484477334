//! Writes the tables of docs/performance.md, and its plot.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use guestwire_benches::growth;

use crate::budgets::{self, BUDGETS};
use crate::results::{EndToEnd, Links, Results, Versions};
use crate::{CRATE, Outcome, plot};

/// A name on the page, and in the benches.
type Named = (&'static str, &'static str);

const WORKLOADS: [Named; 9] = [
    ("W1", "w1"),
    ("W2", "w2"),
    ("W3", "w3"),
    ("W5", "w5"),
    ("W6", "w6"),
    ("W7", "w7"),
    ("W8", "w8"),
    ("W9", "w9"),
    ("W10", "w10"),
];

/// Those of the plot.
const PANELS: [Named; 4] = [
    ("W1, small requests", "w1"),
    ("W2, 48 KiB of base64", "w2"),
    ("W3, guest-info responses", "w3"),
    ("W5, escapes and UTF-8", "w5"),
];

const READERS: [Named; 18] = [
    ("guestwire, by byte", "decoder_by_byte"),
    ("guestwire, slices of 4096", "decoder_by_slice"),
    ("guestwire, slices of 64", "decoder_by_64"),
    ("guestwire, slices of 16", "decoder_by_16"),
    ("bufjson, tokens", "bufjson_tokens"),
    ("hifijson, skipped", "hifijson_skipped"),
    ("jiter, skipped", "jiter_skipped"),
    ("jsmn, tokens", "jsmn_tokens"),
    ("nanojson, values", "nanojson_values"),
    ("picojson, by byte", "picojson_by_byte"),
    ("picojson, by slice", "picojson_by_slice"),
    ("serde-json-core, structs", "serde_json_core_typed"),
    ("serde_json, skipped", "serde_json_ignored"),
    ("serde_json, structs", "serde_json_typed"),
    ("serde_json, Value", "serde_json_value"),
    ("simd-json, tape", "simd_json_tape"),
    ("sonic-rs, skipped", "sonic_rs_ignored"),
    ("sonic-rs, structs", "sonic_rs_typed"),
];

/// What the clock's figures are divided by.
const REFERENCE: &str = "serde_json_ignored";

const REST: [Named; 12] = [
    ("decoder by byte, W1, buffer of 256 bytes", "decoder_by_byte.w1_256"),
    ("decoder by byte, W5, buffer of 256 bytes", "decoder_by_byte.w5_256"),
    ("decoder by slice, W1, buffer of 256 bytes", "decoder_by_slice.w1_256"),
    ("decoder by slice, W5, buffer of 256 bytes", "decoder_by_slice.w5_256"),
    ("agent, request to response, W1, by byte", "agent_by_byte.w1"),
    ("agent, request to response, W1, by slice", "agent_by_slice.w1"),
    ("client, dropping stale bytes, W4", "client_skip.w4"),
    ("client, `guest-info` asked and read, W3", "client_replies.w3"),
    ("encoder, the response to `guest-info`", "encoder_guest_info.w3"),
    ("encoder, 48 KiB of text", "encoder_text.w2"),
    ("encoder, 36 KiB of bytes as base64", "encoder_base64.w2"),
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
    let counted = |bench: &str| results.instructions.get(bench).or(results.peers.get(bench));
    let count = |bench: &str| Some(counted(bench)?.per_byte());
    let mispredicts =
        |bench: &str| counted(bench).and_then(|count| Some(count.mispredicts? as f64 / count.bytes as f64));
    let clock = |bench: &str| {
        let (_, workload) = bench.split_once('.')?;
        Some(results.nanoseconds.get(bench)? / results.nanoseconds.get(&format!("{REFERENCE}.{workload}"))?)
    };
    let sizes = |name: &str, sizes: [usize; 6]| sizes.map(|size| (size.to_string(), format!("{name}_{size}")));
    let readers = [("by byte", "decoder_by_byte"), ("by slice", "decoder_by_slice")];
    fill("versions", &versions)?;
    fill("instructions", &peers(count)?)?;
    fill("mispredicts", &table("", &WORKLOADS, &READERS, mispredicts)?)?;
    fill("clock", &peers(clock)?)?;
    fill("budgets", &budgets(results)?)?;
    fill("rest", &table("", &[("instructions a byte", "")], &REST, count)?)?;
    fill("length", &table("bytes in a frame", &sizes("length", growth::LENGTHS), &readers, count)?)?;
    fill("depth", &table("levels of nesting", &sizes("depth", growth::DEPTHS), &readers, count)?)?;
    fill("growth", &growth(count)?)?;
    fill("links", &links(results))?;
    fill("agents", &agents(&results.end_to_end))?;
    fs::write(path, page)?;

    let values = |case: &str| READERS.iter().filter_map(|(_, bench)| count(&format!("{bench}.{case}"))).collect();
    let panels = PANELS.map(|(heading, case)| (heading, values(case)));
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

/// The table of all readers, and below it on which workloads another is ahead of guestwire's slices.
fn peers(figure_of: impl Fn(&str) -> Option<f64>) -> Outcome<String> {
    let mut table = table("", &WORKLOADS, &READERS, &figure_of)?;
    let behind = WORKLOADS.iter().filter_map(|(name, case)| {
        let of = |reader: &str| figure_of(&format!("{reader}.{case}"));
        let readers = READERS.iter().filter_map(|(name, reader)| Some((*name, of(reader)?)));
        let (first, least) = readers.min_by(|(_, one), (_, other)| one.total_cmp(other))?;
        let ours = of("decoder_by_slice")?;
        (!first.starts_with("guestwire"))
            .then(|| format!("{name} ({first}: {}, guestwire: {})", figure(least), figure(ours)))
    });
    let behind: Vec<String> = behind.collect();
    if !behind.is_empty() {
        table += &format!("\nNot first: {}.\n", behind.join(", "));
    }
    Ok(table)
}

/// What grows to the double and fourfold.
fn growth(figure_of: impl Fn(&str) -> Option<f64>) -> Outcome<String> {
    let mut table = String::from("| instructions | n | 2n | 4n |\n|---|--:|--:|--:|\n");
    for (what, bench, sizes) in [
        ("a byte of requests with 125, 250 and 500 members", "agent_growing.members", growth::MEMBERS),
        ("a byte of streamed strings of 16, 32 and 64 KiB", "agent_growing.streamed", growth::STREAMED),
        ("a command of a table of 250, 500 and 1000, at each request", "agent_growing.commands", growth::COMMANDS),
        ("a byte of responses on 1000, 2000 and 4000 links", "client_links.links", growth::LINKS),
    ] {
        table += &format!("| {what} |");
        for size in sizes {
            let bench = format!("{bench}_{size}");
            table += &format!(" {} |", figure(figure_of(&bench).ok_or(format!("results.json has no {bench}"))?));
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

/// Agents beside each other, the others with their ratio to ours.
fn agents(figures: &EndToEnd) -> String {
    let is_ours = |name: &str| name.starts_with("guestwire");
    let Some((_, ours)) = figures.iter().find(|(name, _)| is_ours(name)) else { return String::new() };
    let names: String = figures.keys().map(|name| format!(" {name} |")).collect();
    let mut table = format!("| |{names}\n|---|{}\n", "--:|".repeat(figures.len()));
    for (what, value) in ours {
        table += &format!("| {what} |");
        for (name, theirs) in figures {
            let theirs = theirs.get(what).copied().unwrap_or(f64::NAN);
            table += &match is_ours(name) {
                true => format!(" **{}** |", figure(*value)),
                false => format!(" {} ({:.2}) |", figure(theirs), theirs / value),
            };
        }
        table.push('\n');
    }
    table
}

/// Three digits that mean something.
pub fn figure(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
