//! Runs the benches and reads their output.

use std::fs;
use std::process::{Command, Stdio};

use guestwire_benches::{growth, ours, workloads};
use serde_json::Value;

use crate::results::{Count, Counts, Results, Versions};
use crate::{CRATE, Outcome};

pub const PARTS: [&str; 5] = ["instructions", "peers", "time", "links", "end-to-end"];

pub fn measure(part: &str, results: &mut Results) -> Outcome<()> {
    match part {
        "instructions" => results.instructions = counts("instructions", &[BRANCHES])?,
        "peers" => results.peers = counts("peers", &[BRANCHES])?,
        "time" => {
            let clock = cargo(&["run", "--release", "--bin", "clock", "--features", "peers"])?;
            results.nanoseconds = serde_json::from_str(&clock)?;
        }
        "links" => results.links = serde_json::from_str(&cargo(&["run", "--release", "--bin", "links"])?)?,
        "end-to-end" => {
            let newer = std::env::var("QEMU_GA").ok();
            let mut options = vec!["run", "--release", "--bin", "end_to_end", "--features", "peers", "--", "qemu-ga"];
            options.extend(newer.as_deref());
            results.end_to_end = serde_json::from_str(&cargo(&options)?)?;
        }
        _ => return Err(format!("there is no part '{part}' to measure: see --help").into()),
    }
    results.made_with = versions();
    Ok(())
}

/// Has Callgrind predict branches, too.
const BRANCHES: &str = "--callgrind-args=--branch-sim=yes";

/// Counts what a gungraun bench does: `instructions`, or `peers`, which is also the feature that it needs.
pub fn counts(bench: &str, more: &[&str]) -> Outcome<Counts> {
    let features = if bench == "peers" { bench } else { "" };
    let options = ["bench", "--bench", bench, "--features", features, "--", "--output-format=json", "--parallel=2"];
    cargo(&[&options, more].concat())?.lines().map(counted).collect()
}

fn counted(line: &str) -> Outcome<(String, Count)> {
    let summary: Value = serde_json::from_str(line)?;
    let word = |name: &str| summary[name].as_str().unwrap_or_default();
    let (function, case) = (word("function_name"), word("id"));
    let metric = |name: &str| summary["profiles"][0]["data"]["total"]["metrics"][name]["values"]["new"].as_u64();
    let instructions = metric("Ir").ok_or(format!("gungraun counted nothing for {function}.{case}: {line}"))?;
    let mispredicts = metric("Bcm").zip(metric("Bim")).map(|(conditional, indirect)| conditional + indirect);
    let bytes = bytes_of(function, case).ok_or(format!("the number of bytes of {function}.{case} is unknown"))?;
    Ok((format!("{function}.{case}"), Count { instructions, mispredicts, bytes: bytes as u64 }))
}

/// How many bytes a bench processes; for tables of commands, how many commands are searched.
fn bytes_of(function: &str, case: &str) -> Option<usize> {
    let workload = match case {
        "w1" | "w1_256" => workloads::requests(),
        "w2" => workloads::file_writes(),
        "w3" => workloads::guest_info(),
        "w4" => return Some(workloads::stale_responses().len()),
        "w5" | "w5_256" => workloads::texts(),
        "w6" => workloads::east_asian_texts(),
        "w7" => workloads::logs(),
        "w8" => workloads::numbers(),
        "w9" => workloads::indented(),
        "w10" => workloads::brackets(),
        _ => match case.split_once('_')? {
            ("length", length) => growth::of_length(length.parse().ok()?),
            ("depth", depth) => growth::of_depth(depth.parse().ok()?),
            ("members", count) => growth::members(count.parse().ok()?).workload,
            ("streamed", length) => growth::streamed(length.parse().ok()?).workload,
            // What grows is not the wire.
            ("commands", count) => return Some(growth::LOOKUPS * count.parse::<usize>().ok()?),
            ("links", count) => return Some(ours::TIME_RESPONSE.len() * count.parse::<usize>().ok()?),
            _ => return None,
        },
    };
    Some(match function {
        "encoder_guest_info" => ours::GUEST_INFOS * workloads::GUEST_INFO.len(),
        "encoder_base64" => workload.wire.len(),
        "encoder_text" => ours::encode_texts(&workload.texts(), &mut vec![0; 2 * workload.wire.len()]),
        _ => workload.wire.len(),
    })
}

pub fn versions() -> Versions {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Versions {
        rustc: first_line("rustc", "-V"),
        valgrind: first_line("valgrind", "--version"),
        libc: first_line("ldd", "--version").replace("ldd (", "").replace(')', ""),
        processor: model.map_or("unknown", |(_, model)| model).to_owned(),
    }
}

/// The first line that a program prints.
fn first_line(program: &str, option: &str) -> String {
    let output = Command::new(program).arg(option).current_dir(CRATE).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

/// Runs cargo in this crate and returns what it prints.
fn cargo(arguments: &[&str]) -> Outcome<String> {
    eprintln!("cargo {}", arguments.join(" "));
    let mut cargo = Command::new("cargo");
    let output = cargo.args(arguments).current_dir(CRATE).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("cargo {} failed: see above, and --help for what it needs", arguments.join(" ")).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
