//! Which file of src imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::Outcome;

/// From the top down. A room imports from the floors below its own only.
const FLOORS: &str =
    "serde io commands/agent client/message/frame/json/sentinel offset error length transmit log target";

/// The files that each file imports; `frame/lexer` is one, and `frame` is `frame/mod.rs`.
pub struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    pub fn read(src: &Path) -> Outcome<Self> {
        let mut sources = BTreeMap::new();
        read_folder(src, "", &mut sources)?;
        sources.remove("lib");
        Ok(Self::of(&sources))
    }

    fn of(sources: &BTreeMap<String, String>) -> Self {
        let longest = |path: String| {
            let mut prefixes = path.match_indices('/').map(|(end, _)| &path[..end]).chain([path.as_str()]);
            prefixes.rfind(|prefix| sources.contains_key(*prefix)).unwrap_or(&path).to_owned()
        };
        let imports = |(file, source): (&String, &String)| {
            let imports = paths(file, source).into_iter().map(longest);
            (file.clone(), imports.filter(|import| import != file).collect())
        };
        Self(sources.iter().map(imports).collect())
    }

    /// Imports run down from floor to floor, and in no circle within a room.
    pub fn check(&self) -> Outcome<()> {
        let mut left = Vec::new();
        for (file, imports) in &self.0 {
            let own = floor(file).ok_or(format!("src/{file} has no floor in {}", file!()))?;
            for import in imports {
                if room(import) != room(file) && floor(import).is_none_or(|floor| floor >= own) {
                    return Err(format!("src/{file} imports {import}, which is not below it").into());
                }
                left.push((file, import));
            }
        }
        // A circle is left once the files that import none of the others are taken away, and those that none imports.
        loop {
            let before = left.len();
            let (from, to): (BTreeSet<_>, BTreeSet<_>) = left.iter().copied().unzip();
            left.retain(|(file, import)| to.contains(file) && from.contains(import));
            match left[..] {
                [] => return Ok(()),
                _ if left.len() < before => {}
                _ => return Err(format!("imports go in a circle: {from:?}").into()),
            }
        }
    }

    /// The rooms. An import that others imply is not drawn.
    pub fn draw(&self) -> String {
        let mut below: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (file, imports) in &self.0 {
            let others = imports.iter().map(|import| room(import)).filter(|import| *import != room(file));
            below.entry(room(file)).or_default().extend(others);
        }
        fn reaches(below: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
            below[from].iter().any(|next| *next == to || reaches(below, next, to))
        }
        let mut diagram = String::from("```mermaid\nflowchart TD\n");
        for (from, imports) in &below {
            for to in imports.iter().filter(|to| !imports.iter().any(|between| reaches(&below, between, to))) {
                diagram += &format!("    {from} --> {to}\n");
            }
        }
        diagram + "```\n"
    }
}

fn read_folder(folder: &Path, prefix: &str, sources: &mut BTreeMap<String, String>) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{prefix}{}", path.file_stem().and_then(|stem| stem.to_str()).ok_or("a file has no name")?);
        if path.is_dir() {
            read_folder(&path, &format!("{name}/"), sources)?;
        } else {
            sources.insert(name.trim_end_matches("/mod").to_owned(), std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// What a file names with a path into src, as `frame/Decoder`. Tests and re-exports do not count.
fn paths(file: &str, source: &str) -> Vec<String> {
    let code = source.lines().take_while(|line| *line != "mod tests {");
    let code: String =
        code.filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("\n{line}")).collect();
    // What a macro names is imported where it is used.
    let code = code.replace("$crate::", "");
    let parent = file.rsplit_once('/').map_or(String::new(), |(parent, _)| format!("{parent}/"));
    let mut paths = Vec::new();
    for (mark, folder) in [("crate::", ""), ("super::", &parent), ("\nuse ", &format!("{file}/"))] {
        for rest in code.split(mark).skip(1) {
            let group = rest.strip_prefix('{').and_then(|group| group.split('}').next());
            for path in group.unwrap_or(rest.split(',').next().unwrap_or_default()).split(',') {
                let rest = path.trim_start();
                let end = rest.find(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter));
                let (path, after) = rest.split_at(end.unwrap_or(rest.len()));
                // A macro lies at the root, wherever it is declared.
                let counts = !path.is_empty() && !after.starts_with('!');
                paths.extend(counts.then(|| format!("{folder}{}", path.replace("::", "/"))));
            }
        }
    }
    paths
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or_default()
}

/// Counted from the ground up.
fn floor(file: &str) -> Option<usize> {
    FLOORS.rsplit('/').position(|rooms| rooms.split(' ').any(|name| name == room(file)))
}

#[test]
fn imports_that_run_elsewhere_than_down_are_found() {
    let complaint = |more: &[(&str, &str)]| {
        let files = ["error", "json", "json/value", "frame", "client", "agent", "agent/call", "agent/guest"];
        let files = files.map(|file| (file, "")).into_iter().chain(more.iter().copied());
        let sources = files.map(|(file, source)| (file.to_owned(), source.to_owned())).collect();
        Imports::of(&sources).check().err().map(|error| error.to_string()).unwrap_or_default()
    };
    let up = "src/json imports frame, which is not below it";
    assert_eq!(complaint(&[("client", "use crate::{\n    error::FrameError, json::value::Value,\n};")]), "");
    assert_eq!(complaint(&[("json", "mod tests {\n    use crate::frame::Event;\n}")]), "");
    assert_eq!(complaint(&[("json", "use crate::frame::Event;")]), up);
    assert_eq!(complaint(&[("json", "fn count(event: crate::frame::Event) {}")]), up);
    assert_eq!(complaint(&[("json", "use crate::{\n    error::FrameError, frame::Event,\n};")]), up);
    assert!(complaint(&[("agent/call", "use crate::client;")]).contains("agent/call imports client"));
    assert!(complaint(&[("json", "use crate::Event;")]).contains("src/json imports Event"));
    assert_eq!(complaint(&[("json", "$crate::event! { Event }")]), "");
    assert!(complaint(&[("cellar", "")]).contains("src/cellar has no floor"));
    let (guest, circle) =
        (("agent/guest", "use super::call::Call;"), r#"imports go in a circle: {"agent/call", "agent/guest"}"#);
    assert_eq!(complaint(&[guest, ("agent/call", "use crate::json::value::Value;")]), "");
    assert_eq!(complaint(&[guest, ("agent/call", "use super::guest::Guest;")]), circle);
    assert_eq!(complaint(&[guest, ("agent/call", "use crate::agent::guest::Guest;")]), circle);
    assert_eq!(complaint(&[("json/value", "use super::Kind;"), ("json", "pub use value::Value;")]), "");
    assert!(complaint(&[("json/value", "use super::Kind;"), ("json", "\nuse value::Value;")]).contains("circle"));
}
