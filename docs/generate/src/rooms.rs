//! The rooms of src: who imports whom, and a byte's way through them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::Outcome;
use crate::svg::Picture;

/// From the top down, each room with its place from left to right. A room imports from floors below its own.
const FLOORS: &[&[(&str, f64)]] = &[
    &[("serde", 0.2), ("io", 0.45), ("commands", 0.7), ("format", 0.95)],
    &[("agent", 0.25), ("client", 0.75)],
    &[("message", 0.05)],
    &[("frame", 0.35)],
    &[("json", 0.6)],
    &[("transmit", 0.06), ("sentinel", 0.21), ("error", 0.36), ("log", 0.74)],
];

/// The way of a received byte, and of the answer to it.
const WAY: &[(&str, &str)] = &[
    ("io", "agent"),
    ("io", "client"),
    ("agent", "frame"),
    ("client", "frame"),
    ("agent", "message"),
    ("client", "message"),
    ("agent", "json"),
    ("client", "json"),
    ("agent", "transmit"),
    ("client", "transmit"),
];

/// Who imports whom.
pub struct Rooms(BTreeMap<String, BTreeSet<String>>);

impl Rooms {
    pub fn read(src: &Path) -> Outcome<Self> {
        let mut rooms = Self(BTreeMap::new());
        rooms.read_folder(src, None)?;
        Ok(rooms)
    }

    fn read_folder(&mut self, folder: &Path, room: Option<&str>) -> Outcome<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a file has a name")?.to_owned();
            let room = room.unwrap_or(&stem);
            if path.is_dir() {
                self.read_folder(&path, Some(room))?;
            } else if room != "lib" {
                self.read_file(room, &std::fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    /// A module inside a file is a room of its own. Tests may import what they like.
    fn read_file(&mut self, room: &str, source: &str) {
        self.0.entry(room.to_owned()).or_default();
        let mut inner = None;
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {")) {
                inner = Some(name.to_owned());
            } else if line == "}" {
                inner = None;
            }
            let Some((_, imported)) = line.split_once("use crate::") else { continue };
            if line.trim_start().starts_with("//") || inner.as_deref() == Some("tests") {
                continue;
            }
            let mut imported = imported.to_owned();
            while !imported.ends_with(';') {
                let Some(more) = lines.next() else { break };
                imported.push_str(more.trim());
            }
            let imports = self.0.entry(inner.clone().unwrap_or_else(|| room.to_owned())).or_default();
            imports.extend(first_segments(&imported).filter(|name| name != room));
        }
    }

    /// Imports run down only, and never between the two ends of the wire.
    pub fn check(&self) -> Outcome<()> {
        let mut wrong = Vec::new();
        for (room, imports) in &self.0 {
            let Some(floor) = floor_of(room) else {
                wrong.push(format!("src/{room} has no floor: give it one in docs/generate/src/rooms.rs"));
                continue;
            };
            for import in imports {
                match floor_of(import) {
                    Some(below) if below < floor => {}
                    Some(_) => wrong.push(format!("src/{room} imports {import}, which is not below it")),
                    None => wrong.push(format!("src/{room} imports crate::{import}, which is no room")),
                }
            }
        }
        for (from, to) in WAY {
            if !self.0.get(*from).is_some_and(|imports| imports.contains(*to)) {
                wrong.push(format!("a byte's way leads from {from} to {to}, which it does not import"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n      ").into()) }
    }

    /// Whether one room imports another by way of a third.
    fn is_implied(&self, from: &str, to: &str) -> bool {
        self.0[from].iter().any(|between| between != to && self.reaches(between, to))
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        self.0.get(from).is_some_and(|imports| imports.iter().any(|next| next == to || self.reaches(next, to)))
    }

    pub fn draw(&self) -> Outcome<String> {
        const WIDTH: f64 = 900.0;
        const FLOOR: f64 = 84.0;
        const ROOM: (f64, f64) = (88.0, 36.0);
        let height = 34.0 + FLOOR * FLOORS.len() as f64;
        let mut picture = Picture::new(WIDTH, height, "A byte's way through the rooms of src");
        picture.heading((16.0, 26.0), "A byte's way through the rooms of src");
        picture.text(
            (16.0, 46.0),
            "start",
            "faint",
            "Blue: the way of a byte and of its answer. Grey: what else is imported, where no other import implies it.",
        );
        let mut places = BTreeMap::new();
        for (number, rooms) in FLOORS.iter().enumerate() {
            let y = 88.0 + FLOOR * number as f64;
            let floor = FLOORS.len() - 1 - number;
            picture.text((16.0, y + 4.5), "start", "faint", &floor.to_string());
            for (room, x) in rooms.iter().filter(|(room, _)| self.0.contains_key(*room)) {
                places.insert(*room, (110.0 + (WIDTH - 150.0) * x, y));
            }
        }
        for (from, imports) in &self.0 {
            for to in imports {
                let way = WAY.contains(&(from.as_str(), to.as_str()));
                if !way && self.is_implied(from, to) {
                    continue;
                }
                let ((x1, y1), (x2, y2)) = (places[from.as_str()], places[to.as_str()]);
                let (y1, y2) = (y1 + ROOM.1 / 2.0, y2 - ROOM.1 / 2.0 - 2.0);
                let path =
                    format!("M{x1:.1} {y1:.1}C{x1:.1} {:.1} {x2:.1} {:.1} {x2:.1} {y2:.1}", y1 + 40.0, y2 - 40.0);
                let (class, tip) = if way { ("strong", "strong-tip") } else { ("edge", "tip") };
                picture.path(class, tip, &path);
            }
        }
        for (room, (x, y)) in places {
            let on_way = WAY.iter().any(|(from, to)| *from == room || *to == room);
            picture.rectangle((x - ROOM.0 / 2.0, y - ROOM.1 / 2.0), ROOM, if on_way { "rest" } else { "node" });
            picture.text((x, y + 4.5), "middle", "text", room);
        }
        Ok(picture.finish())
    }
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().rev().position(|rooms| rooms.iter().any(|(name, _)| *name == room))
}

/// `a::b`, `a::{b, c}` and `{a::b, c}`: the rooms named.
fn first_segments(imported: &str) -> impl Iterator<Item = String> {
    let imported = imported.trim_end_matches(';');
    let listed = imported.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(imported);
    let mut depth = 0;
    let mut paths = vec![String::new()];
    for character in listed.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(path) = paths.last_mut() {
            path.push(character);
        }
    }
    let segment = |path: String| path.trim().split("::").next().unwrap_or_default().to_owned();
    paths.into_iter().map(segment).filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(more: &[(&str, &str)]) -> Rooms {
        let mut rooms = Rooms(BTreeMap::new());
        for (from, to) in WAY {
            rooms.read_file(from, &format!("use crate::{to};"));
        }
        for (room, source) in more {
            rooms.read_file(room, source);
        }
        rooms
    }

    fn complaint(room: &str, source: &str) -> String {
        rooms(&[(room, source)]).check().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn imports_run_down() {
        assert_eq!(complaint("client", "use crate::error::{DoesNotFit, FrameError};\nuse crate::json;"), "");
        assert_eq!(complaint("json", "#[cfg(test)]\nmod tests {\n    use crate::agent::Agent;\n}"), "");
        assert_eq!(complaint("log", "mod format {\n    use crate::agent::Agent;\n}"), "");
    }

    #[test]
    fn what_runs_elsewhere_is_refused() {
        assert!(complaint("json", "use crate::frame::Event;").contains("json imports frame"));
        assert!(complaint("agent", "use crate::client::Client;").contains("agent imports client"));
        assert!(complaint("client", "use crate::{\n    agent::Agent,\n    json,\n};").contains("client imports agent"));
        assert!(complaint("json", "use crate::Frame;").contains("crate::Frame, which is no room"));
        assert!(complaint("cellar", "").contains("has no floor"));
        assert!(Rooms(BTreeMap::new()).check().is_err(), "a byte's way has to be there");
    }
}
