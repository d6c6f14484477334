//! The lexer's states, found by running it on every byte in every state that it can get into.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::frame::lexer::{Lexer, Step};
use crate::{Outcome, state};
use guestwire::SENTINEL;

/// From a state, by a byte, to a state, to an error as well, or to the frame that the byte begins.
type Transition = (String, u8, String);

const FRAME: &str = "*frame*";

/// Every transition. Three levels of brackets show all there is.
fn explore() -> Outcome<Vec<Transition>> {
    let mut transitions = Vec::new();
    let mut seen = HashSet::new();
    let mut lost = Lexer::new();
    let _ = lost.lost();
    let mut waiting = vec![Lexer::new(), lost];
    while let Some(lexer) = waiting.pop() {
        if !seen.insert(format!("{lexer:?}")) || lexer.depth() > 3 {
            continue;
        }
        for byte in (0..=u8::MAX).filter(|byte| *byte != SENTINEL) {
            let mut next = lexer;
            let (error, begins) = match next.step(byte) {
                Step::Dropping | Step::Misfit => (next.recover(byte), next.is_open()),
                step => (None, step == Step::Begin),
            };
            let to = match error {
                _ if begins => FRAME.to_owned(),
                Some(error) => format!("{}, `{error:?}`", state(&next)?),
                None => state(&next)?,
            };
            transitions.push((state(&lexer)?, byte, to));
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

/// The table of dropped bytes.
pub fn table() -> Outcome<String> {
    let transitions = explore()?;
    let heads = COLUMNS.iter().map(|(name, _)| format!(" {name} |")).collect::<String>();
    let mut table = format!("|  |{heads}\n|---|{}\n", "---|".repeat(COLUMNS.len()));
    for row in DROPPED {
        table += &format!("| {row} |");
        for (name, column) in COLUMNS {
            let made = transitions.iter().filter(|(from, byte, _)| from == row && column(*byte));
            let cells: BTreeSet<&str> = made.map(|(_, _, to)| to.as_str()).collect();
            match cells.iter().collect::<Vec<_>>()[..] {
                [cell] => table += &format!(" {cell} |"),
                _ => return Err(format!("after {row}, {name} leads to {cells:?}").into()),
            }
        }
        table.push('\n');
    }
    Ok(table)
}

/// The states inside a valid frame, in groups that read the same kind of thing.
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
    for (from, byte, to) in &explore()? {
        // An error names two things, a frame that begins or has ended none.
        let leaves = to == FRAME || to == "Start" || to.contains(' ');
        if !leaves && !DROPPED.contains(&from.as_str()) && group(from)? != group(to)? {
            edges.entry((group(from)?, group(to)?)).or_default().insert(*byte);
        }
    }
    let edges = edges.into_iter().map(|((from, to), bytes)| {
        let words: BTreeSet<_> = bytes.iter().map(|byte| named(*byte, bytes.len() > 20)).collect();
        format!("    {from} --> {to} : {}\n", words.into_iter().collect::<Vec<_>>().join(", "))
    });
    Ok(format!("```mermaid\nstateDiagram-v2\n    [*] --> Value\n{}```\n", edges.collect::<String>()))
}

/// In words where Mermaid has a use for the character.
fn named(byte: u8, is_hex: bool) -> String {
    let word = match byte {
        b'"' => "quote",
        b'\\' => "backslash",
        b',' => "comma",
        b':' => "colon",
        b'{' | b'}' => "brace",
        b'[' | b']' => "bracket",
        b'0'..=b'9' => "digit",
        b'a'..=b'f' | b'A'..=b'F' if is_hex => "hex digit",
        b' ' | b'\t' | b'\r' | b'\n' => "whitespace",
        _ => return char::from(byte).to_string(),
    };
    word.to_owned()
}
