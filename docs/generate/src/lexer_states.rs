//! The lexer's states, found by running it on every byte in every state that it can get into.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::error::FrameError;
use crate::frame::lexer::{Lexer, Step};
use crate::frame::nesting::MAX_DEPTH;
use crate::{Outcome, state};
use guestwire::SENTINEL;

/// What one byte did.
struct Transition {
    from: String,
    byte: u8,
    to: String,
    broke: Option<FrameError>,
    begins: bool,
}

/// Three levels of brackets show all there is, an object or array in an object or array, but for the limit of depth.
fn explore() -> Outcome<Vec<Transition>> {
    let mut transitions = Vec::new();
    let mut seen = HashSet::new();
    let (mut lost, mut deep) = (Lexer::new(), Lexer::new());
    let _ = lost.lost();
    (0..MAX_DEPTH).for_each(|_| _ = deep.step(b'['));
    let mut waiting = vec![Lexer::new(), lost, deep];
    while let Some(lexer) = waiting.pop() {
        if !seen.insert(format!("{lexer:?}")) || (4..MAX_DEPTH).contains(&lexer.depth()) {
            continue;
        }
        for byte in (0..=u8::MAX).filter(|byte| *byte != SENTINEL) {
            let mut next = lexer;
            let (broke, begins) = match next.step(byte) {
                Step::Dropping | Step::Misfit => (next.recover(byte), next.is_open()),
                step => (None, step == Step::Begin),
            };
            transitions.push(Transition { from: state(&lexer)?, byte, to: state(&next)?, broke, begins });
            waiting.push(next);
        }
    }
    Ok(transitions)
}

/// While bytes are dropped.
const DROPPED: [&str; 8] = ["Noise", "Prompt", "Lost", "Dropped", "Closer", "CloserLine", "Word", "Line"];

/// Sets of bytes that lead the same way from each of them.
type Column = (&'static str, fn(u8) -> bool);
const COLUMNS: &[Column] = &[
    ("`{`", |byte| byte == b'{'),
    ("`[`", |byte| byte == b'['),
    ("`}` `]`", |byte| matches!(byte, b'}' | b']')),
    ("LF CR", |byte| matches!(byte, b'\n' | b'\r')),
    ("`,` `:` `\"`", |byte| matches!(byte, b',' | b':' | b'"')),
    ("other printable", |byte| byte.is_ascii_graphic() && !b"{}[],:\"".contains(&byte)),
    ("blank, TAB", |byte| matches!(byte, b' ' | b'\t')),
    ("anything else", |byte| !byte.is_ascii_graphic() && !b"\n\r \t".contains(&byte)),
];

/// The table of what is dropped.
pub fn table() -> Outcome<String> {
    let transitions = explore()?;
    let mut table = String::from("|  |");
    table.extend(COLUMNS.iter().map(|(name, _)| format!(" {name} |")));
    table += &format!("\n|---|{}", "---|".repeat(COLUMNS.len()));
    for from in DROPPED {
        table += &format!("\n| {from} |");
        for (name, column) in COLUMNS {
            let made = transitions.iter().filter(|made| made.from == from && column(made.byte));
            let cells: BTreeSet<String> = made
                .map(|made| match (made.begins, made.broke) {
                    (true, _) => "*frame*".into(),
                    (false, Some(error)) => format!("{}, `{error:?}`", made.to),
                    (false, None) => made.to.clone(),
                })
                .collect();
            match cells.iter().collect::<Vec<_>>()[..] {
                [cell] => table += &format!(" {cell} |"),
                _ => return Err(format!("after {from}, {name} leads to {cells:?}").into()),
            }
        }
    }
    Ok(table + "\n")
}

/// The states of a frame that is not broken, in groups that read the same kind of thing.
const GROUPS: [(&str, &str); 8] = [
    ("Name", "FirstName Name"),
    ("Colon", "Colon"),
    ("Value", "Start BomBb BomBf FirstElement Value"),
    ("AfterValue", "AfterMember AfterElement Closed"),
    ("String", "String Tail1 Tail2 Tail3 TailE0 TailEd TailF0 TailF4"),
    ("Escape", "Escape Hex1 Hex2 Hex3 Hex4 HexD High3 High4 LowBackslash LowU Low1 Low2"),
    ("Number", "Minus Zero Integer Point Fraction Exponent ExponentSign ExponentDigits"),
    ("Keyword", "T Tr Tru F Fa Fal Fals N Nu Nul"),
];

/// What leads from group to group until the frame ends.
pub fn draw() -> Outcome<String> {
    let group = |state: &str| {
        let found = GROUPS.iter().find(|(_, states)| states.split(' ').any(|name| name == state));
        found.map(|(group, _)| *group).ok_or(format!("the lexer's state {state} is in no group"))
    };
    let mut edges: BTreeMap<_, BTreeSet<u8>> = BTreeMap::new();
    for made in explore()?.iter().filter(|made| made.broke.is_none() && !DROPPED.contains(&made.from.as_str())) {
        let (from, to) = (group(&made.from)?, group(&made.to)?);
        if from != to && made.to != "Start" {
            edges.entry((from, to)).or_default().insert(made.byte);
        }
    }
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    [*] --> Value\n");
    for ((from, to), bytes) in edges {
        diagram += &format!("    {from} --> {to} : {}\n", named(&bytes));
    }
    Ok(diagram + "```\n")
}

/// In words where Mermaid has a use for the character.
fn named(bytes: &BTreeSet<u8>) -> String {
    let word = |byte: &u8| match byte {
        b'"' => "quote".into(),
        b'\\' => "backslash".into(),
        b',' => "comma".into(),
        b':' => "colon".into(),
        b'{' | b'}' => "brace".into(),
        b'[' | b']' => "bracket".into(),
        b'0'..=b'9' => "digit".into(),
        b'a'..=b'f' | b'A'..=b'F' if bytes.len() > 20 => "hex digit".into(),
        b' ' | b'\t' | b'\r' | b'\n' => "whitespace".into(),
        _ => char::from(*byte).to_string(),
    };
    let words: BTreeSet<String> = bytes.iter().map(word).collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}
