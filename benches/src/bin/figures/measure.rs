//! Runs the benches and reads their output.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use guestwire_benches::{growth, ours, workloads};
use serde_json::Value;

use crate::results::{Count, Counts, Results, Versions};
use crate::{CRATE, Outcome};

pub const PARTS: [&str; 4] = ["instructions", "peers", "time", "links"];

pub fn measure(part: &str, results: &mut Results) -> Outcome<()> {
    match part {
        "instructions" => results.instructions = counts("instructions")?,
        "peers" => results.peers = counts("peers")?,
        "time" => results.nanoseconds = nanoseconds()?,
        "links" => results.links = serde_json::from_str(&cargo(&["run", "--release", "--bin", "links"])?)?,
        _ => return Err(format!("there is no part '{part}' to measure: see --help").into()),
    }
    results.made_with = versions();
    Ok(())
}

/// Counts what a gungraun bench does: `instructions`, or `peers`, which is also the feature that it needs.
pub fn counts(bench: &str) -> Outcome<Counts> {
    let features = if bench == "peers" { bench } else { "" };
    let options = ["bench", "--bench", bench, "--features", features, "--", "--output-format=json", "--parallel=2"];
    cargo(&options)?.lines().map(counted).collect()
}

fn counted(line: &str) -> Outcome<(String, Count)> {
    let summary: Value = serde_json::from_str(line)?;
    let word = |name: &str| summary[name].as_str().unwrap_or_default();
    let (function, case) = (word("function_name"), word("id"));
    let counted = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    let instructions = counted.as_u64().ok_or(format!("gungraun counted nothing for {function}.{case}: {line}"))?;
    let bytes = bytes_of(function, case).ok_or(format!("the number of bytes of {function}.{case} is unknown"))?;
    Ok((format!("{function}.{case}"), Count { instructions, bytes: bytes as u64 }))
}

/// How many bytes a bench processes.
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
            _ => return None,
        },
    };
    Some(match function {
        "encoder_guest_info" => ours::GUEST_INFOS * workloads::GUEST_INFO.len(),
        "encoder_text" => ours::encode_texts(&workload.texts(), &mut vec![0; 2 * workload.wire.len()]),
        _ => workload.wire.len(),
    })
}

/// The median of each criterion bench.
fn nanoseconds() -> Outcome<BTreeMap<String, f64>> {
    let home = Path::new(CRATE).join("target/criterion");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    cargo(&["bench", "--bench", "time", "--features", "time"])?;
    let mut nanoseconds = BTreeMap::new();
    for workload in ["w1", "w2", "w3", "w5", "w6", "w7", "w8", "w9", "w10"] {
        let bytes = bytes_of("", workload).ok_or("a workload has no length")? as f64;
        for reader in fs::read_dir(home.join(workload))? {
            let reader = reader?;
            let Ok(text) = fs::read(reader.path().join("new/estimates.json")) else { continue };
            let estimates: Value = serde_json::from_slice(&text)?;
            let median = estimates["median"]["point_estimate"].as_f64().ok_or("criterion names no median")?;
            nanoseconds.insert(format!("{}.{workload}", reader.file_name().display()), median / bytes);
        }
    }
    Ok(nanoseconds)
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
    cargo
        .args(arguments)
        .current_dir(CRATE)
        .env("CRITERION_HOME", Path::new(CRATE).join("target/criterion"))
        .stderr(Stdio::inherit());
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(format!("cargo {} failed: see above, and --help for what it needs", arguments.join(" ")).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
