//! Runs the benches and reads what they say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guestwire_benches::{growth, ours, workloads};
use serde_json::Value;

use crate::results::{Count, Links, Results, Versions};
use crate::{CRATE, Outcome};

pub const PARTS: [&str; 4] = ["instructions", "peers", "time", "links"];

pub fn measure(part: &str, results: &mut Results) -> Outcome<()> {
    match part {
        "instructions" => results.instructions = instructions()?,
        "peers" => results.peers = counts("peers", &["--features", "peers"])?,
        "time" => results.nanoseconds = nanoseconds()?,
        "links" => results.links = links()?,
        _ => return Err(format!("there is no part '{part}' to measure: see --help").into()),
    }
    results.made_with = versions();
    Ok(())
}

/// What guestwire takes.
pub fn instructions() -> Outcome<BTreeMap<String, Count>> {
    counts("instructions", &[])
}

/// Counts what a gungraun bench does, by `function.case`.
fn counts(bench: &str, features: &[&str]) -> Outcome<BTreeMap<String, Count>> {
    let mut arguments = vec!["bench", "--bench", bench];
    arguments.extend_from_slice(features);
    arguments.extend(["--", "--output-format=json", "--parallel=2"]);
    let lines = cargo(&arguments, &[])?;
    lines.lines().map(counted).collect()
}

fn counted(line: &str) -> Outcome<(String, Count)> {
    let summary: Value = serde_json::from_str(line)?;
    let word = |name: &str| summary[name].as_str().unwrap_or_default().to_owned();
    let (function, case) = (word("function_name"), word("id"));
    let counted = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    let instructions = counted.as_u64().ok_or(format!("gungraun counted nothing for {function}.{case}: {line}"))?;
    let bytes = bytes_of(&function, &case).ok_or(format!("nobody knows how many bytes {function}.{case} is about"))?;
    Ok((format!("{function}.{case}"), Count { instructions, bytes: bytes as u64 }))
}

/// How many bytes a bench is about.
fn bytes_of(function: &str, case: &str) -> Option<usize> {
    let workload = match case {
        "w1" | "w1_256" => workloads::requests(),
        "w2" => workloads::file_writes(),
        "w3" => workloads::guest_info(),
        "w4" => return Some(workloads::stale_responses().len()),
        "w5" | "w5_256" => workloads::texts(),
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

fn nanoseconds() -> Outcome<BTreeMap<String, f64>> {
    let home = Path::new(CRATE).join("target/criterion");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let home_text = home.to_str().ok_or("the path to this crate is not UTF-8")?;
    cargo(&["bench", "--bench", "time", "--features", "time"], &[("CRITERION_HOME", home_text)])?;
    let mut nanoseconds = BTreeMap::new();
    for workload in ["w1", "w2", "w3", "w5"] {
        let bytes = bytes_of("", workload).ok_or("a workload has a length")? as f64;
        for entry in fs::read_dir(home.join(workload))? {
            let path: PathBuf = entry?.path().join("new/estimates.json");
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let estimates: Value = serde_json::from_str(&text)?;
            let median = estimates["median"]["point_estimate"].as_f64().ok_or("criterion names no median")?;
            let reader = path.ancestors().nth(2).and_then(Path::file_name).and_then(|name| name.to_str());
            let reader = reader.ok_or("criterion names no bench")?;
            nanoseconds.insert(format!("{reader}.{workload}"), median / bytes);
        }
    }
    Ok(nanoseconds)
}

fn links() -> Outcome<Links> {
    let mut links = Links::default();
    for line in cargo(&["run", "--release", "--bin", "links"], &[])?.lines() {
        match line.split_once(' ').ok_or("links prints two words in a line")? {
            ("size", bytes) => links.size = bytes.parse()?,
            ("resident", bytes) => links.resident = bytes.parse()?,
            (count, requests) => _ = links.requests.insert(count.parse()?, requests.parse()?),
        }
    }
    Ok(links)
}

pub fn versions() -> Versions {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Versions {
        rustc: says("rustc", "-V"),
        valgrind: says("valgrind", "--version"),
        libc: says("ldd", "--version").replace("ldd (", "").replace(')', ""),
        processor: model.map_or("unknown", |(_, model)| model).to_owned(),
    }
}

/// The first line that a program says about itself.
fn says(program: &str, option: &str) -> String {
    let output = Command::new(program).arg(option).current_dir(CRATE).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

/// Runs cargo in this crate and returns what it prints.
fn cargo(arguments: &[&str], variables: &[(&str, &str)]) -> Outcome<String> {
    eprintln!("cargo {}", arguments.join(" "));
    let output = Command::new("cargo")
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(CRATE)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo {} failed: see above, and --help for what it needs", arguments.join(" ")).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
