//! A dirty line regaining step: the first bytes that `examples/demo` prints.

use std::process::Command;

use crate::svg::Picture;
use crate::{Outcome, root};

/// What crosses, as the demo shows it: from the host, from the guest, and what the host makes of it.
fn crossings() -> Outcome<Vec<(char, String)>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let demo = Command::new(cargo).args(["run", "--quiet", "--example", "demo"]).current_dir(root()).output()?;
    if !demo.status.success() {
        return Err(format!("the demo failed: {}", String::from_utf8_lossy(&demo.stderr)).into());
    }
    let shown = String::from_utf8(demo.stdout)?.replace("\n    ", "");
    let crossing = |line: &str| {
        let mut characters = line.strip_prefix("  ")?.chars();
        let direction = characters.next().filter(|direction| "<>=".contains(*direction))?;
        Some((direction, characters.as_str().trim_start().to_owned()))
    };
    Ok(shown.lines().filter_map(crossing).collect())
}

pub fn draw() -> Outcome<String> {
    const WIDTH: f64 = 760.0;
    const HOST: f64 = 70.0;
    const GUEST: f64 = WIDTH - 70.0;
    const ROW: f64 = 44.0;
    const COLUMN: f64 = 7.53;
    // Up to the answer to the first request.
    let crossings = crossings()?;
    let end = crossings.iter().position(|(direction, text)| *direction == '=' && text.starts_with("returned"));
    let crossings = &crossings[..=end.ok_or("the demo no longer returns anything")?];
    let rows = crossings.iter().filter(|(direction, _)| *direction != '=').count() as f64;
    let verdicts = crossings.len() as f64 - rows;
    let height = 92.0 + ROW * rows + 26.0 * verdicts;
    let mut picture = Picture::new(WIDTH, height, "A dirty line regains step");
    for (x, name) in [(HOST, "host"), (GUEST, "guest")] {
        picture.rectangle((x - 44.0, 16.0), (88.0, 30.0), "node");
        picture.text((x, 36.0), "middle", "text", name);
        picture.path("edge", "", &format!("M{x} 46V{}", height - 14.0));
    }
    let mut y = 46.0;
    for (index, (direction, text)) in crossings.iter().enumerate() {
        if *direction == '=' {
            y += 26.0;
            picture.text((HOST + 14.0, y - 2.0), "start", "verdict", &format!("\u{2713} {text}"));
            continue;
        }
        y += ROW;
        let dies = index == 0;
        let (from, to) = if *direction == '>' { (HOST + 4.0, GUEST - 4.0) } else { (GUEST - 4.0, HOST + 4.0) };
        picture.path("edge", "tip", &format!("M{from} {y}H{to}"));
        let (sentinel, rest) = text.strip_prefix("[FF]").map_or((false, text.as_str()), |rest| (true, rest));
        let mut x = HOST + 22.0;
        if sentinel {
            picture.rectangle((x - 3.0, y - 22.0), (26.0, 17.0), "badge");
            picture.bytes((x + 10.0, y - 9.0), "middle", "badge-text", "FF");
            x += 30.0;
        }
        picture.bytes((x, y - 9.0), "start", if dies { "stale" } else { "text" }, rest);
        if dies {
            let behind = x + COLUMN * rest.len() as f64 + 14.0;
            picture.text((behind, y - 9.0), "start", "faint", "a client dies here, half a request stays in the guest");
        }
    }
    Ok(picture.finish())
}
