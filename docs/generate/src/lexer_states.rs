//! The lexer's states, found by running it on every byte in every state that it can get into.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use crate::Outcome;
use crate::error::FrameError;
use crate::frame::lexer::{Lexer, Step};
use crate::frame::nesting::MAX_DEPTH;
use crate::svg::{Graph, Node, Route};
use guestwire::SENTINEL;

/// What one byte did.
struct Transition {
    from: String,
    byte: u8,
    to: String,
    /// Where the scalar that ends with or before the byte leads.
    scalar_then: String,
    broke: Option<FrameError>,
    begins: bool,
}

/// A field's value in what `Debug` prints of a lexer.
fn field(lexer: &Lexer, name: &str) -> Outcome<String> {
    let shown = format!("{lexer:?}");
    let (_, behind) = shown.split_once(&format!("{name}: ")).ok_or(format!("a lexer no longer shows its {name}"))?;
    Ok(behind.chars().take_while(char::is_ascii_alphanumeric).collect())
}

/// Three levels of brackets show all there is, an object or array in an object or array, but for the limit of depth.
fn explore() -> Outcome<Vec<Transition>> {
    let mut transitions = Vec::new();
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([Lexer::new()]);
    let mut lost = Lexer::new();
    let _ = lost.lost();
    let mut deep = Lexer::new();
    (0..MAX_DEPTH).for_each(|_| _ = deep.step(b'['));
    queue.extend([lost, deep]);
    while let Some(lexer) = queue.pop_front() {
        if !seen.insert(format!("{lexer:?}")) || (4..MAX_DEPTH).contains(&lexer.depth()) {
            continue;
        }
        for byte in 0..=u8::MAX {
            let mut next = lexer;
            let step = next.step(byte);
            let (broke, begins) = match step {
                Step::Dropping | Step::Misfit if byte == SENTINEL => {
                    next = Lexer::new();
                    (None, false)
                }
                Step::Dropping | Step::Misfit => (next.recover(byte), next.is_open()),
                step => (None, step == Step::Begin),
            };
            transitions.push(Transition {
                from: field(&lexer, "state")?,
                byte,
                to: field(&next, "state")?,
                scalar_then: field(&lexer, "scalar_then")?,
                broke,
                begins,
            });
            queue.push_back(next);
        }
    }
    let strays = transitions.iter().find(|made| made.byte == SENTINEL && made.to != "Start");
    match strays {
        Some(made) => Err(format!("the sentinel leads from {} to {}", made.from, made.to).into()),
        None => Ok(transitions),
    }
}

/// `0-9 A-F a-f`, and names for the sets that have one.
fn named(bytes: &BTreeSet<u8>) -> String {
    let is = |set: fn(&u8) -> bool| (0..=u8::MAX).all(|byte| set(&byte) == bytes.contains(&byte));
    if is(u8::is_ascii_hexdigit) {
        return "hex".into();
    } else if is(|byte| byte.is_ascii_hexdigit() && !byte.eq_ignore_ascii_case(&b'd')) {
        return "other hex".into();
    } else if is(|byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'{' | b'}' | b']')) {
        return "other printable ASCII".into();
    } else if is(|byte| matches!(byte, 0x20..=0x7F) && !matches!(byte, b'"' | b'\\')) {
        return "other ASCII".into();
    } else if bytes.len() > 120 {
        return "anything else".into();
    }
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in bytes {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*byte) => *last = *byte,
            _ => ranges.push((*byte, *byte)),
        }
    }
    let one = |byte: u8| match byte {
        b' ' => "space".into(),
        b'\t' => "tab".into(),
        b'\n' => "LF".into(),
        b'\r' => "CR".into(),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("{byte:02X}"),
    };
    let range = |(first, last): &(u8, u8)| match last - first {
        0 => one(*first),
        1 => format!("{} {}", one(*first), one(*last)),
        _ => format!("{}-{}", one(*first), one(*last)),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(" ")
}

/// Where a state stands in a picture.
type Place = (&'static str, f64, f64, &'static str);

struct Panel {
    file: &'static str,
    title: &'static str,
    size: (f64, f64),
    notes: &'static [(f64, f64, &'static str)],
    places: &'static [Place],
    routes: &'static [(&'static str, &'static str, f64, f64)],
}

impl Panel {
    fn draw(&self, edges: Edges, inside: BTreeMap<String, Vec<String>>) -> Outcome<(&'static str, String)> {
        let mut nodes = BTreeMap::new();
        for (name, x, y, class) in self.places {
            let mut lines = vec![name.trim().to_owned()];
            lines.extend(inside.get(*name).cloned().unwrap_or_default());
            let longest = lines.iter().map(|line| line.len()).max().unwrap_or(0) as f64;
            let size = ((longest * 7.2 + 20.0).max(64.0), 16.0 * lines.len() as f64 + 14.0);
            nodes.insert((*name).to_owned(), Node { at: (*x, *y), size, class, lines });
        }
        let mut routed = Vec::new();
        for ((from, to), labels) in edges.0 {
            for end in [&from, &to] {
                if !nodes.contains_key(end) {
                    return Err(format!("{}: the state {end} has no place", self.file).into());
                }
            }
            let route = self.routes.iter().find(|(a, b, ..)| *a == from && *b == to);
            let route = route.map_or(Route::default(), |(_, _, bend, label)| Route { bend: *bend, label: *label });
            routed.push((from, to, labels, route));
        }
        if let Some(stale) =
            self.places.iter().find(|(name, ..)| !routed.iter().any(|(from, to, ..)| from == name || to == name))
        {
            return Err(format!("{}: nothing leads to or from {}", self.file, stale.0).into());
        }
        let notes = self.notes.iter().map(|(x, y, note)| ((*x, *y), (*note).to_owned())).collect();
        let graph = Graph { title: self.title.into(), size: self.size, notes, nodes, edges: routed };
        Ok((self.file, graph.draw()))
    }
}

#[derive(Default)]
struct Edges(BTreeMap<(String, String), Vec<String>>);

impl Edges {
    /// One edge for each pair of places, labelled with the bytes that lead along it.
    fn of<'t>(
        transitions: impl Iterator<Item = &'t Transition>,
        ends: impl Fn(&Transition) -> Option<(String, String)>,
    ) -> Self {
        let mut sets: BTreeMap<_, BTreeSet<u8>> = BTreeMap::new();
        for made in transitions {
            if let Some(ends) = ends(made) {
                sets.entry(ends).or_default().insert(made.byte);
            }
        }
        Self(sets.into_iter().map(|(ends, bytes)| (ends, vec![named(&bytes)])).collect())
    }

    /// Takes out the edges that lead nowhere else, to be written into the boxes.
    fn take_circles(&mut self) -> BTreeMap<String, Vec<String>> {
        let (circles, others) = std::mem::take(&mut self.0).into_iter().partition(|((from, to), _)| from == to);
        self.0 = others;
        let circles: BTreeMap<_, _> = circles;
        circles.into_iter().map(|((from, _), labels)| (from, labels)).collect()
    }
}

/// While bytes are dropped.
const DROPPED: &[&str] = &["Noise", "Prompt", "Lost", "Dropped", "Closer", "CloserLine", "Word", "Line"];
const BETWEEN: &[&str] = &["Start", "BomBb", "BomBf"];
const TOKENS: &[&str] =
    &["FirstName", "Name", "Colon", "FirstElement", "Value", "AfterMember", "AfterElement", "Closed"];

pub fn draw() -> Outcome<Vec<(&'static str, String)>> {
    let transitions = explore()?;
    let pictures = vec![tokens(&transitions)?, strings(&transitions)?, numbers(&transitions)?];
    let drawn: BTreeSet<&str> = [STRINGS.places, NUMBERS.places]
        .concat()
        .iter()
        .map(|place| place.0)
        .chain(BETWEEN.iter().chain(DROPPED).copied())
        .chain(TOKENS.iter().copied())
        .collect();
    match transitions.iter().find(|made| !drawn.contains(made.from.as_str())) {
        Some(made) => Err(format!("the lexer's state {} is in no picture", made.from).into()),
        None => Ok(pictures),
    }
}

/// Sets of bytes that lead the same way from each state.
type Column = (&'static str, fn(u8) -> bool);
const COLUMNS: &[Column] = &[
    ("`{`", |byte| byte == b'{'),
    ("`[`", |byte| byte == b'['),
    ("`}` `]`", |byte| matches!(byte, b'}' | b']')),
    ("LF CR", |byte| matches!(byte, b'\n' | b'\r')),
    ("`,` `:` `\"`", |byte| matches!(byte, b',' | b':' | b'"')),
    ("other printable", |byte| byte.is_ascii_graphic() && !b"{}[],:\"".contains(&byte)),
    ("blank, TAB", |byte| matches!(byte, b' ' | b'\t')),
    ("anything else", |byte| !byte.is_ascii_graphic() && !matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | SENTINEL)),
];

/// The table of what is dropped.
pub fn table() -> Outcome<String> {
    dropped(&explore()?)
}

fn dropped(transitions: &[Transition]) -> Outcome<String> {
    let mut table = String::from("|  |");
    table.extend(COLUMNS.iter().map(|(name, _)| format!(" {name} |")));
    table += "\n|---|";
    table += &"---|".repeat(COLUMNS.len());
    for from in DROPPED {
        table += &format!("\n| {from} |");
        for (name, column) in COLUMNS {
            let to: BTreeSet<String> = transitions
                .iter()
                .filter(|made| made.from == *from && column(made.byte))
                .map(|made| match (made.begins, made.broke) {
                    (true, _) => "*frame*".into(),
                    (false, Some(error)) => format!("{}, `{error:?}`", made.to),
                    (false, None) => made.to.clone(),
                })
                .collect();
            match to.iter().collect::<Vec<_>>()[..] {
                [to] => table += &format!(" {to} |"),
                _ => return Err(format!("after {from}, {name} leads to {to:?}").into()),
            }
        }
    }
    table.push('\n');
    Ok(table)
}

const TOKENS_PANEL: Panel = Panel {
    file: "docs/diagrams/lexer-tokens.svg",
    title: "The lexer between the tokens of a frame",
    size: (860.0, 470.0),
    notes: &[
        (
            16.0,
            46.0,
            "A closer ends the frame or leads to Closed, which is AfterMember in an object and AfterElement in an array.",
        ),
        (16.0, 64.0, "Whitespace changes nothing. Any other byte breaks the frame. Value is drawn twice."),
    ],
    places: &[
        ("Start", 70.0, 280.0, "open"),
        ("a value", 220.0, 280.0, "rest"),
        ("Value", 220.0, 120.0, "node"),
        ("Value ", 220.0, 430.0, "node"),
        ("FirstName", 400.0, 180.0, "node"),
        ("FirstElement", 400.0, 370.0, "node"),
        ("a scalar", 470.0, 280.0, "rest"),
        ("Colon", 590.0, 120.0, "node"),
        ("Name", 620.0, 200.0, "node"),
        ("AfterMember", 750.0, 280.0, "node"),
        ("AfterElement", 750.0, 400.0, "node"),
    ],
    routes: &[
        ("a scalar", "Start", 116.0, 0.8),
        ("AfterElement", "Value ", -30.0, 0.5),
        ("FirstElement", "a value", 30.0, 0.5),
        ("a value", "FirstElement", 20.0, 0.5),
        ("a scalar", "Colon", 0.0, 0.6),
    ],
};

fn tokens(transitions: &[Transition]) -> Outcome<(&'static str, String)> {
    let place = |state: &str| match state {
        state if TOKENS.contains(&state) || state == "Start" => state.to_owned(),
        _ => "a scalar".to_owned(),
    };
    // What may follow a closed value is what may follow a scalar in its place.
    let from = |made: &Transition| place(if made.from == "Closed" { &made.scalar_then } else { &made.from });
    let is_value = |state: &str| matches!(state, "Start" | "Value" | "FirstElement");
    let is_between = |state: &str| BETWEEN.contains(&state) || DROPPED.contains(&state);
    let in_frame = |made: &&Transition| {
        made.broke.is_none()
            && made.byte != SENTINEL
            && (made.from == "Start" || !is_between(&made.from))
            && (made.to == "Start" || !is_between(&made.to))
            && place(&made.from) != place(&made.to)
    };
    let is_close = |made: &Transition| matches!(made.byte, b'}' | b']') && TOKENS.contains(&made.from.as_str());
    let mut inside: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
    for made in transitions.iter().filter(|made| made.broke.is_none() && is_close(made)) {
        inside.entry(from(made)).or_default().insert(made.byte);
    }
    // A value's first byte, whatever it is that wants one; and a value behind a comma has a box of its own.
    let mut edges = Edges::of(transitions.iter().filter(in_frame), |made| {
        let (from, to) = (from(made), place(&made.to));
        if is_close(made) || from == "a scalar" {
            None
        } else if is_value(&made.from) {
            Some(("a value".into(), to))
        } else if made.byte == b',' && to == "Value" {
            Some((from, "Value ".into()))
        } else {
            Some((from, to))
        }
    });
    for made in transitions.iter().filter(in_frame).filter(|made| place(&made.from) == "a scalar") {
        edges.0.insert(("a scalar".into(), place(&made.scalar_then)), Vec::new());
    }
    for from in ["Start", "Value", "Value ", "FirstElement"] {
        edges.0.insert((from.into(), "a value".into()), Vec::new());
    }
    let inside = inside.into_iter().map(|(place, bytes)| (place, vec![format!("{} closes", named(&bytes))])).collect();
    TOKENS_PANEL.draw(edges, inside)
}

const STRINGS: Panel = Panel {
    file: "docs/diagrams/lexer-strings.svg",
    title: "The lexer inside a string",
    size: (910.0, 570.0),
    notes: &[
        (
            16.0,
            46.0,
            "Any byte without an arrow breaks the frame: control bytes, unknown escapes, half surrogate pairs, what is not UTF-8.",
        ),
        (16.0, 64.0, "Text is drawn twice."),
    ],
    places: &[
        ("Text", 80.0, 280.0, "rest"),
        ("Escape", 190.0, 110.0, "node"),
        ("Hex1", 310.0, 110.0, "node"),
        ("Hex2", 470.0, 110.0, "node"),
        ("Hex3", 600.0, 110.0, "node"),
        ("Hex4", 730.0, 110.0, "node"),
        ("Text ", 840.0, 280.0, "rest"),
        ("HexD", 310.0, 185.0, "node"),
        ("High3", 470.0, 185.0, "node"),
        ("High4", 600.0, 185.0, "node"),
        ("LowBackslash", 600.0, 255.0, "node"),
        ("LowU", 470.0, 255.0, "node"),
        ("Low1", 360.0, 255.0, "node"),
        ("Low2", 250.0, 255.0, "node"),
        ("Tail1", 720.0, 370.0, "node"),
        ("Tail2", 560.0, 460.0, "node"),
        ("TailE0", 370.0, 350.0, "node"),
        ("TailEd", 370.0, 395.0, "node"),
        ("Tail3", 370.0, 440.0, "node"),
        ("TailF0", 370.0, 485.0, "node"),
        ("TailF4", 370.0, 530.0, "node"),
    ],
    routes: &[
        ("Escape", "Text", 50.0, 0.5),
        ("Text", "Escape", 20.0, 0.5),
        ("Text", "Tail1", 0.0, 0.6),
        ("Text", "Tail2", -360.0, 0.5),
        ("Low2", "Hex3", 0.0, 0.2),
        ("HexD", "Hex3", 0.0, 0.4),
    ],
};

/// The edges between a panel's own states.
fn own_edges(panel: &Panel, transitions: &[Transition]) -> Edges {
    let own = |state: &str| panel.places.iter().any(|(name, ..)| *name == state);
    let quiet = transitions.iter().filter(|made| made.broke.is_none() && made.byte != SENTINEL);
    Edges::of(quiet, |made| {
        // Drawn twice, so that the arrows back to it cross no others.
        let to = if matches!(made.from.as_str(), "Hex4" | "Tail1") { "Text " } else { &made.to };
        (own(&made.from) && own(&made.to)).then(|| (made.from.clone(), to.to_owned()))
    })
}

fn strings(transitions: &[Transition]) -> Outcome<(&'static str, String)> {
    let mut edges = own_edges(&STRINGS, transitions);
    let mut circles = edges.take_circles();
    circles.values_mut().flatten().for_each(|bytes| *bytes = format!("\u{21BB} {bytes}"));
    let ends = transitions.iter().filter(|made| made.from == "Text" && made.broke.is_none());
    let outside = ends.filter(|made| !STRINGS.places.iter().any(|place| place.0 == made.to) && made.byte != SENTINEL);
    let closing: BTreeSet<u8> = outside.map(|made| made.byte).collect();
    circles.entry("Text".into()).or_default().push(format!("{} ends", named(&closing)));
    STRINGS.draw(edges, circles)
}

const NUMBERS: Panel = Panel {
    file: "docs/diagrams/lexer-numbers.svg",
    title: "The lexer inside a number and inside a keyword",
    size: (860.0, 400.0),
    notes: &[
        (
            16.0,
            46.0,
            "Green: the number may end here. It has no last byte of its own: the byte behind it is looked at again as what follows a value.",
        ),
        (16.0, 64.0, "At top level it ends at whitespace only. A keyword ends with its last letter."),
    ],
    places: &[
        ("a value", 70.0, 160.0, "rest"),
        ("Minus", 190.0, 160.0, "node"),
        ("Zero", 330.0, 110.0, "open"),
        ("Integer", 330.0, 210.0, "open"),
        ("Point", 460.0, 160.0, "node"),
        ("Fraction", 590.0, 110.0, "open"),
        ("Exponent", 590.0, 210.0, "node"),
        ("ExponentSign", 740.0, 110.0, "node"),
        ("ExponentDigits", 740.0, 210.0, "open"),
        ("T", 190.0, 290.0, "node"),
        ("Tr", 330.0, 290.0, "node"),
        ("Tru", 470.0, 290.0, "node"),
        ("F", 190.0, 330.0, "node"),
        ("Fa", 330.0, 330.0, "node"),
        ("Fal", 470.0, 330.0, "node"),
        ("Fals", 610.0, 330.0, "node"),
        ("N", 190.0, 370.0, "node"),
        ("Nu", 330.0, 370.0, "node"),
        ("Nul", 470.0, 370.0, "node"),
        ("the keyword's end", 760.0, 330.0, "open"),
    ],
    routes: &[
        ("a value", "Zero", 50.0, 0.5),
        ("a value", "Integer", -50.0, 0.5),
        ("Zero", "Exponent", 60.0, 0.2),
        ("Integer", "Exponent", -40.0, 0.5),
        ("Tru", "the keyword's end", 0.0, 0.3),
        ("Nul", "the keyword's end", 0.0, 0.3),
    ],
};

fn numbers(transitions: &[Transition]) -> Outcome<(&'static str, String)> {
    let own = |state: &str| NUMBERS.places.iter().any(|(name, ..)| *name == state);
    let quiet = transitions.iter().filter(|made| made.broke.is_none() && made.byte != SENTINEL);
    let mut edges = Edges::of(quiet, |made| {
        let letters = made.from.len() < 5 && made.from != "Zero" && made.from != "Name";
        match (own(&made.from), own(&made.to)) {
            (true, true) => Some((made.from.clone(), made.to.clone())),
            (false, true) => Some(("a value".into(), made.to.clone())),
            (true, false) if letters => Some((made.from.clone(), "the keyword's end".into())),
            _ => None,
        }
    });
    let mut circles = edges.take_circles();
    circles.values_mut().flatten().for_each(|bytes| *bytes = format!("\u{21BB} {bytes}"));
    NUMBERS.draw(edges, circles)
}
