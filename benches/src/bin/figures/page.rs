//! docs/performance.md and its plots.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use guestwire_benches::TUNABLES;
use guestwire_benches::growth::{DEPTHS, LENGTHS};

use crate::budgets::BUDGETS;
use crate::plot::{Colour, Dots, Lines, figure};
use crate::results::{Count, Results};
use crate::{CRATE, Outcome};

/// What stands between these is written by hand and kept.
const BY_HAND: [&str; 2] = ["<!-- written by hand from here -->", "<!-- to here -->"];

const WORKLOADS: [(&str, &str); 4] = [
    ("w1", "W1, small requests"),
    ("w2", "W2, 48 KiB of base64"),
    ("w3", "W3, guest-info responses"),
    ("w5", "W5, escapes and UTF-8"),
];

struct Reader {
    name: &'static str,
    /// As the benches call it.
    bench: &'static str,
    does: &'static str,
}

const fn reader(name: &'static str, bench: &'static str, does: &'static str) -> Reader {
    Reader { name, bench, does }
}

#[rustfmt::skip]
const STREAM: [Reader; 4] = [
    reader("guestwire, by byte", "decoder_by_byte", "finds frames, checks all, stores the text"),
    reader("guestwire, by slice", "decoder_by_slice", "the same"),
    reader("picojson, by byte", "picojson_by_byte", "checks all, hands out tokens, stores no text"),
    reader("picojson, by slice", "picojson_by_slice", "the same"),
];

#[rustfmt::skip]
const GIVEN: [Reader; 6] = [
    reader("serde-json-core, structs", "serde_json_core_typed", "leaves escapes and unknown values unchecked"),
    reader("serde_json, ignored", "serde_json_ignored", "checks all but the UTF-8"),
    reader("serde_json, structs", "serde_json_typed", "checks all, unescapes"),
    reader("serde_json, Value", "serde_json_value", "checks all, unescapes, builds a tree"),
    reader("sonic-rs, ignored", "sonic_rs_ignored", "SIMD; checks all"),
    reader("sonic-rs, structs", "sonic_rs_typed", "SIMD; checks all, unescapes"),
];

pub fn write(results: &Results) -> Outcome<()> {
    let docs = Path::new(CRATE).join("../docs");
    let plots = docs.join("performance");
    fs::create_dir_all(&plots)?;
    fs::write(plots.join("peers.svg"), peers_plot(results)?)?;
    fs::write(plots.join("length.svg"), growth_plot(results, &LENGTH)?)?;
    fs::write(plots.join("depth.svg"), growth_plot(results, &DEPTH)?)?;
    fs::write(plots.join("links.svg"), links_plot(results))?;
    let path = docs.join("performance.md");
    let before = fs::read_to_string(&path).unwrap_or_default();
    Ok(fs::write(path, page(results, by_hand(&before))?)?)
}

fn by_hand(page: &str) -> &str {
    let [from, to] = BY_HAND;
    page.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("\n", |(kept, _)| kept)
}

fn page(results: &Results, kept: &str) -> Outcome<String> {
    let mut page = String::new();
    let made_with = &results.made_with;
    let [from, to] = BY_HAND;
    write!(
        page,
        "# What guestwire costs in time

Everything on this page but the section [What was tried](#what-was-tried) is written by a program from
[benches/results.json](../benches/results.json), which another run of it writes:

```sh
apt-get install valgrind
cargo install --locked gungraun-runner@{gungraun}
cd benches
cargo run --release -- measure    # all figures anew
cargo run --release -- report     # this page and its plots
```

CI counts again on every change (`cargo run --release -- check`), and fails if a count is more than 2 % over the one
recorded or over its [budget](#budgets).

Instructions are what the figures are made of: the same code gives the same count on any machine. They are counted by
Valgrind's Callgrind for baseline x86-64, in a release build. This run was made with

* {rustc}
* {valgrind} and {libc}
* {processor}, for what is measured by the clock
* {peers}

## Beside its peers

Instructions a byte, the decoder with a buffer of 64 KiB:

{instructions}
![The table as a plot](performance/peers.svg)

guestwire and picojson are given a stream as it comes. The others are given each frame by itself, and somebody else has
to find where it ends; guestwire's figures include that. What each does for its instructions:

{what}
The same by the clock, in MB/s, each beside the others in one run. It moves by 10 % from run to run:

{clock}
## Budgets

{budgets}
## The rest

{rest}
## As frames grow

{length}
![Cost as frames grow](performance/length.svg)

## As nesting grows

The tokens are the same at every depth, in another order.

{depth}
![Cost as nesting grows](performance/depth.svg)

## One link to 100 000

The host's side of a large fleet: so many clients with buffers of 4096 and 256 bytes in one process, in turn each sends a
`guest-get-time` and reads the response, all in one thread and without the I/O. By the clock:

{links}
![Requests a second as links grow](performance/links.svg)

A link is {size} bytes, and {resident} in memory when there are 100 000 of them.

## What was tried

{from}{kept}{to}

## How it is measured

| workload | what it is |
|---|---|
| W1 | `guest-ping`, 0xFF and `guest-sync-delimited` with a random id, `guest-get-time`, `guest-exec` with path, two arguments and capture-output, over and over |
| W2 | `guest-file-write` with 48 KiB of base64 |
| W3 | the response of qemu-ga 7.2.22 to `guest-info`, as recorded: 42 commands, 3220 bytes |
| W4 | 1 MiB of stale responses, then 0xFF and the response that the client waits for |
| W5 | strings dense with `\\uXXXX`, surrogate pairs, `\\n` and UTF-8 of two to four bytes |

Each is about 1 MiB, generated or recorded, and the same on every run. \"By slice\" means slices of 4 KiB, as a read gives
them. Every bench checks what came of it: the frames' number and length, an agent's responses byte for byte. Nothing is
inlined by hand: `push` and `push_slice` are called from another crate, with LTO and one codegen unit.
glibc is told not to copy and clear with `rep`, which Valgrind counts as one instruction a byte on machines that glibc
thinks it is good for (`{variable}={tunable}`).
",
        gungraun = version("gungraun")?,
        rustc = made_with.rustc,
        valgrind = made_with.valgrind,
        libc = made_with.libc,
        processor = made_with.processor,
        peers = peers()?,
        instructions = beside(|bench, workload| {
            Some(count(results, &format!("{bench}.{workload}")).ok()?.per_byte())
        })?,
        what = what(),
        clock = beside(|bench, workload| Some(1000.0 / results.nanoseconds.get(&format!("{bench}.{workload}"))?))?,
        budgets = budgets(results)?,
        rest = rest(results)?,
        length = growth(results, &LENGTH)?,
        depth = growth(results, &DEPTH)?,
        links = links(results),
        size = results.links.size,
        resident = results.links.resident,
        variable = TUNABLES.0,
        tunable = TUNABLES.1,
    )?;
    Ok(page)
}

fn count(results: &Results, bench: &str) -> Outcome<Count> {
    let counted = results.instructions.get(bench).or_else(|| results.peers.get(bench));
    Ok(*counted.ok_or(format!("results.json has no {bench}: take the figures anew, with `measure`"))?)
}

/// One row for each reader, one column for each workload.
fn beside(figure_of: impl Fn(&str, &str) -> Option<f64>) -> Outcome<String> {
    let mut table = String::from("| |");
    for (_, workload) in WORKLOADS {
        write!(table, " {workload} |")?;
    }
    table.push_str("\n|---|--:|--:|--:|--:|\n");
    for Reader { name, bench, .. } in STREAM.iter().chain(&GIVEN) {
        let mark = if name.starts_with("guestwire") { "**" } else { "" };
        write!(table, "| {mark}{name}{mark} |")?;
        for (workload, _) in WORKLOADS {
            let value = figure_of(bench, workload)
                .ok_or(format!("results.json has no {bench}.{workload}: take the figures anew, with `measure`"))?;
            write!(table, " {mark}{}{mark} |", figure(value))?;
        }
        table.push('\n');
    }
    Ok(table)
}

fn what() -> String {
    let mut table = String::from("| | is given | what it does |\n|---|---|---|\n");
    let rows = STREAM.iter().map(|reader| (reader, "a stream")).chain(GIVEN.iter().map(|reader| (reader, "a frame")));
    for (Reader { name, does, .. }, given) in rows {
        table.push_str(&format!("| {name} | {given} | {does} |\n"));
    }
    table
}

fn budgets(results: &Results) -> Outcome<String> {
    let mut table = String::from(
        "| instructions a byte, or one of them against another | figure | budget | aim |\n|---|--:|--:|--:|\n",
    );
    for budget in BUDGETS {
        let value = budget.figure(&results.instructions).ok_or(format!("results.json lacks '{}'", budget.what))?;
        let shown = if budget.is_ratio() { format!("{value:.3}") } else { figure(value) };
        let mark = if value > budget.limit { " (over)" } else { "" };
        writeln!(table, "| {} | {shown}{mark} | {} | {} |", budget.what, budget.limit, budget.aim)?;
    }
    Ok(table)
}

fn rest(results: &Results) -> Outcome<String> {
    const REST: [(&str, &str); 11] = [
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
    let mut table = String::from("| | instructions a byte |\n|---|--:|\n");
    for (what, bench) in REST {
        writeln!(table, "| {what} | {} |", figure(count(results, bench)?.per_byte()))?;
    }
    Ok(table)
}

struct Growth {
    title: &'static str,
    axis: &'static str,
    case: &'static str,
    steps: [usize; 6],
    label: fn(usize) -> String,
}

const LENGTH: Growth = Growth {
    title: "Cost as frames grow",
    axis: "length of a frame",
    case: "length",
    steps: LENGTHS,
    label: |length| if length < 1024 { format!("{length} B") } else { format!("{} KiB", length / 1024) },
};

const DEPTH: Growth = Growth {
    title: "Cost as nesting grows",
    axis: "levels of nesting, in frames of 4 KiB",
    case: "depth",
    steps: DEPTHS,
    label: |depth| if depth == 2 { "2 (flat)".to_owned() } else { depth.to_string() },
};

impl Growth {
    fn labels(&self) -> Vec<String> {
        self.steps.iter().map(|step| (self.label)(*step)).collect()
    }

    fn figures(&self, results: &Results, bench: &str) -> Outcome<Vec<f64>> {
        let of = |step| Ok(count(results, &format!("{bench}.{}_{step}", self.case))?.per_byte());
        self.steps.iter().map(of).collect()
    }
}

fn growth(results: &Results, growth: &Growth) -> Outcome<String> {
    let mut table = format!("| {} | {} |\n|---|", growth.axis, growth.labels().join(" | "));
    table.push_str(&"--:|".repeat(growth.steps.len()));
    table.push('\n');
    for (bench, name) in [("decoder_by_byte", "by byte"), ("decoder_by_slice", "by slice")] {
        let figures: Vec<_> = growth.figures(results, bench)?.into_iter().map(figure).collect();
        writeln!(table, "| instructions a byte, {name} | {} |", figures.join(" | "))?;
    }
    Ok(table)
}

fn growth_plot(results: &Results, growth: &Growth) -> Outcome<String> {
    let lines = Lines {
        title: growth.title,
        x: growth.axis,
        y: "instructions a byte",
        ticks: growth.labels(),
        series: vec![
            ("by byte", Colour::Other, growth.figures(results, "decoder_by_byte")?),
            ("by slice", Colour::Ours, growth.figures(results, "decoder_by_slice")?),
        ],
    };
    Ok(lines.draw())
}

fn links(results: &Results) -> String {
    let requests = &results.links.requests;
    let row = |cells: Vec<String>| cells.join(" | ");
    let counts = row(requests.keys().map(|count| grouped(*count)).collect());
    let rates = row(requests.values().map(|rate| format!("{:.2}", rate / 1e6)).collect());
    let bars = "--:|".repeat(requests.len());
    format!("| links | {counts} |\n|---|{bars}\n| million requests a second | {rates} |\n")
}

fn links_plot(results: &Results) -> String {
    let requests = &results.links.requests;
    let lines = Lines {
        title: "Requests a second as links grow",
        x: "client links in one process",
        y: "million requests a second, one thread",
        ticks: requests.keys().map(|count| grouped(*count)).collect(),
        series: vec![("", Colour::Ours, requests.values().map(|rate| rate / 1e6).collect())],
    };
    lines.draw()
}

fn grouped(count: u64) -> String {
    if count < 10_000 { count.to_string() } else { format!("{} 000", count / 1000) }
}

fn peers_plot(results: &Results) -> Outcome<String> {
    let rows = |readers: &'static [Reader]| -> Vec<_> {
        let colour = |name: &str| match name {
            "guestwire, by byte" => Colour::Other,
            "guestwire, by slice" => Colour::Ours,
            _ => Colour::Peer,
        };
        readers.iter().map(|reader| (reader.name, colour(reader.name))).collect()
    };
    let mut panels = Vec::new();
    for (workload, heading) in WORKLOADS {
        let of = |reader: &Reader| Ok(count(results, &format!("{}.{workload}", reader.bench))?.per_byte());
        panels.push((heading, STREAM.iter().chain(&GIVEN).map(of).collect::<Outcome<_>>()?));
    }
    let dots = Dots {
        title: "Instructions a byte, beside the peers",
        x: "instructions a byte, logarithmic; less is better",
        groups: vec![("given a stream:", rows(&STREAM)), ("given each frame by itself:", rows(&GIVEN))],
        panels,
    };
    Ok(dots.draw())
}

fn peers() -> Outcome<String> {
    let names = ["picojson", "serde-json-core", "serde_json", "sonic-rs"];
    let versions: Outcome<Vec<_>> = names.iter().map(|name| Ok(format!("{name} {}", version(name)?))).collect();
    Ok(versions?.join(", "))
}

/// The version of a package that Cargo.lock names.
fn version(package: &str) -> Outcome<String> {
    let lock = fs::read_to_string(Path::new(CRATE).join("Cargo.lock"))?;
    let entry = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).map(|(_, rest)| rest);
    let version = entry.and_then(|rest| rest.split_once('"')).map(|(version, _)| version.to_owned());
    Ok(version.ok_or(format!("Cargo.lock does not name {package}"))?)
}
