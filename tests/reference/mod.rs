//! A second, slow implementation of the framing rules from their text: it sees the whole input at once, and serde_json
//! judges each candidate.
//!
//! It shares nothing with the crate, so that no test takes its expectation from the code under test.
#![allow(dead_code, reason = "each test uses what it needs")]

use serde_json::Value;

/// What happens on a line.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    Bytes(&'a [u8]),
    Corrupted,
    Lost,
    Reset,
}

/// An expected outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    Sentinel,
    /// Without the whitespace between tokens.
    Frame(Vec<u8>),
    Error(Fault),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Noise,
    Syntax,
    TooDeep,
    Overflow,
    Lost,
}

const MAX_DEPTH: usize = 64;

/// The expected outcomes, each with the index of its byte; for `Corrupted` and `Lost`, of the next byte.
pub fn due(inputs: &[Input<'_>], capacity: usize) -> Vec<(usize, Due)> {
    Line::after(inputs, capacity).due
}

/// The state of the line between frames.
pub fn mode(inputs: &[Input<'_>], capacity: usize) -> Mode {
    Line::after(inputs, capacity).mode
}

pub fn due_bytes(bytes: &[u8], capacity: usize) -> Vec<(usize, Due)> {
    due(&[Input::Bytes(bytes)], capacity)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Between,
    /// Rule 3, and what a broken scalar leaves: up to `{` or `[`.
    Noise,
    /// Rule 4, a prompt or a line of a log: up to `{`.
    Prompt,
    /// Rule 4: up to a boundary. `owed`, rule 6: the first printable byte draws `Lost`.
    Dropping {
        last: Last,
        owed: bool,
    },
    Frame,
}

/// The last of the dropped bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// A byte after which JSON goes on.
    Dropped,
    Closer,
    Word,
    /// A line break, after a word.
    Line,
    /// A line break, after a closer.
    CloserLine,
}

impl Last {
    /// The table of rule 4, a row for each state.
    fn then(self, byte: u8) -> Mode {
        use Last::{Closer, CloserLine, Dropped, Line, Word};
        let last = match (self, byte) {
            (Closer | Line | CloserLine, b'{') | (CloserLine, b'[') => return Mode::Frame,
            (_, b'{' | b'[' | b',' | b':' | b'"') => Dropped,
            (_, b'}' | b']') => Closer,
            (Closer | CloserLine, b'\n' | b'\r') => CloserLine,
            (Word | Line, b'\n' | b'\r') => Line,
            (CloserLine, b' ' | b'\t') => CloserLine,
            (CloserLine, _) => return Mode::Prompt,
            (Line, _) => Word,
            (_, 0x21..=0x7E) => Word,
            (same, _) => same,
        };
        Mode::Dropping { last, owed: false }
    }
}

struct Line {
    due: Vec<(usize, Due)>,
    capacity: usize,
    offset: usize,
    mode: Mode,
}

impl Line {
    fn after(inputs: &[Input<'_>], capacity: usize) -> Self {
        let mut line = Self { due: Vec::new(), capacity, offset: 0, mode: Mode::Between };
        let mut piece = Vec::new();
        for input in inputs {
            if let Input::Bytes(bytes) = input {
                piece.extend_from_slice(bytes);
                continue;
            }
            let open = line.stretch(&piece);
            match input {
                Input::Corrupted => line.corrupted(open),
                Input::Lost => line.lost(open.is_some()),
                _ => line.mode = Mode::Between,
            }
            piece.clear();
        }
        line.stretch(&piece);
        line
    }

    /// Bytes without a gap. Returns the frame that is open at their end.
    fn stretch<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        // Rule 2: bytes between two sentinels do not depend on others.
        let mut open = None;
        for (index, part) in bytes.split(|byte| *byte == 0xFF).enumerate() {
            if index > 0 {
                self.due.push((self.offset, Due::Sentinel));
                self.offset += 1;
                self.mode = Mode::Between;
            }
            open = self.part(part);
            self.offset += part.len();
        }
        open
    }

    /// Rule 6: a byte that is known to be wrong.
    fn corrupted(&mut self, open: Option<&[u8]>) {
        match (open, &mut self.mode) {
            (Some(frame), _) => {
                self.broken(frame, 0, Fault::Syntax);
                if let Mode::Dropping { last, .. } = &mut self.mode {
                    *last = Last::Dropped;
                }
            }
            (None, Mode::Between) => {
                self.error(0, Fault::Noise);
                // It may have been the `{` of a request.
                self.mode = Mode::Dropping { last: Last::CloserLine, owed: false };
            }
            (None, Mode::Dropping { last: Last::CloserLine, .. }) => {}
            // It may have been the comma of `},{`.
            (None, Mode::Dropping { last, .. }) => *last = Last::Dropped,
            _ => {}
        }
    }

    /// Rule 6: missing bytes.
    fn lost(&mut self, is_open: bool) {
        if is_open {
            self.error(0, Fault::Lost);
        }
        let owed = match self.mode {
            _ if is_open => false,
            Mode::Dropping { owed: true, .. } => true,
            Mode::Dropping { last, .. } => matches!(last, Last::Closer | Last::CloserLine),
            _ => true,
        };
        self.mode = Mode::Dropping { last: Last::Dropped, owed };
    }

    fn part<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match self.mode {
                Mode::Between => match rest {
                    [] | [0xEF] | [0xEF, 0xBB] => return None,
                    [byte, ..] if is_whitespace(*byte) => at += 1,
                    [0xEF, 0xBB, 0xBF, ..] => at += 3,
                    [b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n', ..] => self.mode = Mode::Frame,
                    _ => {
                        at += match rest {
                            [0xEF, 0xBB, ..] => 2,
                            [0xEF, ..] => 1,
                            _ => 0,
                        };
                        self.error(at, Fault::Noise);
                        self.mode = Mode::Noise;
                    }
                },
                Mode::Noise | Mode::Prompt => {
                    let ends: &[u8] = if matches!(self.mode, Mode::Noise) { b"{[" } else { b"{" };
                    at += rest.iter().position(|byte| ends.contains(byte))?;
                    self.mode = Mode::Frame;
                }
                Mode::Dropping { last, owed } => {
                    let byte = *rest.first()?;
                    self.mode = last.then(byte);
                    if matches!(self.mode, Mode::Frame) {
                        continue;
                    }
                    if owed && is_printable(byte) {
                        self.error(at, Fault::Lost);
                    } else if let Mode::Dropping { owed: still, .. } = &mut self.mode {
                        *still = owed;
                    }
                    at += 1;
                }
                Mode::Frame => match judge(rest) {
                    Judgement::Open => return Some(rest),
                    Judgement::Whole { length, due_at } => {
                        let text = without_whitespace(&rest[..length]);
                        let fits = text.len() <= self.capacity;
                        let due = if fits { Due::Frame(text) } else { Due::Error(Fault::Overflow) };
                        self.due.push((self.offset + at + due_at, due));
                        (at, self.mode) = (at + length, Mode::Between);
                    }
                    Judgement::Broken { at: broken, fault } => {
                        self.broken(&rest[..broken], at + broken, fault);
                        at += broken;
                    }
                },
            }
        }
    }

    /// A frame that broke after the bytes `before`. The byte at `at`, which broke it, is dropped next.
    fn broken(&mut self, before: &[u8], at: usize, fault: Fault) {
        let fits = without_whitespace(before).len() <= self.capacity;
        self.error(at, if fits { fault } else { Fault::Overflow });
        let scan = scan(before);
        let place = place(before, &scan);
        // Where its first value should begin, or in a keyword.
        let is_prompt = before[0] == b'['
            && scan.depth == 1
            && (place == Place::InKeyword || before[1..].iter().all(|byte| is_whitespace(*byte)));
        self.mode = match place {
            _ if scan.depth == 0 => Mode::Noise,
            _ if is_prompt => Mode::Prompt,
            Place::Between => Mode::Dropping { last: Last::Dropped, owed: false },
            Place::AfterCloser => Mode::Dropping { last: Last::Closer, owed: false },
            Place::InKeyword | Place::In => Mode::Dropping { last: Last::Word, owed: false },
        };
    }

    fn error(&mut self, at: usize, fault: Fault) {
        self.due.push((self.offset + at, Due::Error(fault)));
    }
}

/// Where a frame broke.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    AfterCloser,
    InKeyword,
    /// In a string or a number.
    In,
}

fn place(before: &[u8], scan: &Scan) -> Place {
    let text = before.trim_ascii_end();
    let of_a_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let word = text.iter().rev().take_while(|byte| of_a_word(byte)).count();
    match &text[text.len() - word..] {
        _ if scan.in_string => Place::In,
        [] if text.last().is_some_and(|last| is_closer(*last)) => Place::AfterCloser,
        // A keyword ends with its last letter, a number before the next byte.
        [] | b"true" | b"false" | b"null" => Place::Between,
        _ if text.len() < before.len() => Place::Between,
        [b't' | b'f' | b'n', ..] => Place::InKeyword,
        _ => Place::In,
    }
}

fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_closer(byte: u8) -> bool {
    matches!(byte, b'}' | b']')
}

fn is_printable(byte: u8) -> bool {
    (0x21..=0x7E).contains(&byte)
}

enum Judgement {
    /// There is a continuation that makes it a value.
    Open,
    /// Its first `length` bytes are a value, which is known at byte `due_at`.
    Whole {
        length: usize,
        due_at: usize,
    },
    Broken {
        at: usize,
        fault: Fault,
    },
}

/// The candidate that starts at the first byte.
fn judge(bytes: &[u8]) -> Judgement {
    let is_number = matches!(bytes[0], b'-' | b'0'..=b'9');
    // A complete or broken text stays so, however it continues: so a search finds the shortest such prefix.
    let over = |length: usize| match status(&bytes[..length]) {
        Status::Whole => !is_number,
        Status::Open => false,
        Status::Broken => true,
    };
    let mut end = 1;
    while end < bytes.len() && !over(end) {
        end *= 2;
    }
    let lengths: Vec<usize> = (1..=end.min(bytes.len())).collect();
    let length = 1 + lengths.partition_point(|length| !over(*length));
    let deep = scan(&bytes[..length.min(bytes.len())]).too_deep;
    if let Some(at) = deep.filter(|at| at + 1 < length || length > bytes.len()) {
        return Judgement::Broken { at, fault: Fault::TooDeep };
    }
    if length > bytes.len() {
        return Judgement::Open;
    }
    let last = bytes[length - 1];
    match status(&bytes[..length]) {
        Status::Whole => Judgement::Whole { length, due_at: length - 1 },
        // Rule 1: whitespace ends a number, but is not part of it.
        _ if is_number && is_whitespace(last) && matches!(status(&bytes[..length - 1]), Status::Whole) => {
            Judgement::Whole { length: length - 1, due_at: length - 1 }
        }
        _ => Judgement::Broken { at: length - 1, fault: Fault::Syntax },
    }
}

#[derive(Debug)]
enum Status {
    Whole,
    Open,
    Broken,
}

/// What serde_json says about a text, or, where it does not check enough, about its continuations.
fn status(text: &[u8]) -> Status {
    if matches!(text[0], b'-' | b'0'..=b'9') {
        // serde_json would take whitespace after a number for part of the text.
        return if text.last().is_some_and(|last| is_whitespace(*last)) { Status::Broken } else { parse(text) };
    }
    let incomplete = match std::str::from_utf8(text) {
        Ok(_) => false,
        Err(error) if error.error_len().is_some() => return Status::Broken,
        Err(_) => true,
    };
    let continuations: Vec<&[u8]> = if incomplete {
        // The rest of a character: the first byte of it decides whether it can be one.
        vec![b"\x80", b"\x90", b"\xA0", b"\x80\x80", b"\x90\x80", b"\xA0\x80", b"\x90\x80\x80", b"\x80\x80\x80"]
    } else if let Some(digits) = unfinished_escape(text) {
        // serde_json checks the digits only when there are four.
        match digits {
            None => vec![b"n", b"u0000", b"uDC00"],
            Some(digits) => vec![&b"0000"[digits..], &b"D000"[digits..], &b"D800"[digits..], &b"DC00"[digits..]],
        }
    } else {
        return parse(text);
    };
    let goes_on = |continuation: &&[u8]| {
        let text = [text, continuation].concat();
        std::str::from_utf8(&text).is_ok() && !matches!(status(&text), Status::Broken)
    };
    if continuations.iter().any(goes_on) { Status::Open } else { Status::Broken }
}

fn parse(text: &[u8]) -> Status {
    match serde_json::from_slice::<Value>(text) {
        Ok(_) => Status::Whole,
        Err(error) if error.is_eof() => Status::Open,
        Err(_) => Status::Broken,
    }
}

/// A text that ends in an escape: without its letter, or with so many hexadecimal digits, less than four.
fn unfinished_escape(text: &[u8]) -> Option<Option<usize>> {
    (text.len().saturating_sub(5)..text.len()).find_map(|start| {
        let (before, escape) = text.split_at(start);
        let escaped = before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        match escape {
            _ if escaped => None,
            [b'\\'] => Some(None),
            [b'\\', b'u', digits @ ..] => Some(Some(digits.len())),
            _ => None,
        }
    })
}

#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    /// The place of the first bracket beyond the limit.
    too_deep: Option<usize>,
    /// Brackets, commas and colons.
    marks: usize,
    whitespace: Vec<usize>,
}

/// Brackets, quotes and blanks of a text that is not broken.
fn scan(text: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if scan.in_string => escaped = true,
            b'"' => scan.in_string = !scan.in_string,
            _ if scan.in_string => {}
            b',' | b':' => scan.marks += 1,
            b'{' | b'[' => {
                scan.marks += 1;
                scan.depth += 1;
                if scan.depth > MAX_DEPTH {
                    scan.too_deep.get_or_insert(at);
                }
            }
            b'}' | b']' => {
                scan.marks += 1;
                scan.depth = scan.depth.saturating_sub(1);
            }
            _ if is_whitespace(*byte) => scan.whitespace.push(at),
            _ => {}
        }
    }
    scan
}

fn without_whitespace(text: &[u8]) -> Vec<u8> {
    let whitespace = scan(text).whitespace;
    let kept = |(at, byte): (usize, &u8)| whitespace.binary_search(&at).is_err().then_some(*byte);
    text.iter().enumerate().filter_map(kept).collect()
}
