//! defmt's strings, which are the names of symbols in this program, and what is logged with them.
//!
//! `defmt-decoder` expects them in the first 64 KiB, where a firmware's linker script puts them. Here the log holds the
//! lower half of any address.

use std::collections::HashMap;
use std::sync::OnceLock;

use defmt_parser::{DisplayHint, Fragment, ParserMode, Type};
use object::{Object, ObjectSymbol};

/// Each string with its tag (`defmt_warn`, `defmt_derived`), by what is logged for it.
pub(crate) struct Table(HashMap<u16, (String, String)>);

impl Table {
    pub(crate) fn of_this_program() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let path = std::env::current_exe().expect("a program has a path");
            let program = std::fs::read(path).expect("a program can be read");
            Self::read(&object::File::parse(&*program).expect("a program of this machine"))
        })
    }

    fn read(program: &object::File<'_>) -> Self {
        // Where the program was loaded: a function knows where it is.
        let known = program.symbols().find(|symbol| symbol.name() == Ok("_defmt_panic")).expect("it is not stripped");
        let loaded = (crate::_defmt_panic as fn() -> ! as usize as u64).wrapping_sub(known.address());
        let mut table = HashMap::new();
        for symbol in program.symbols() {
            let Ok(name) = symbol.name() else { continue };
            let Ok(name) = serde_json::from_str::<serde_json::Value>(name) else { continue };
            if let (Some(tag), Some(data)) = (name["tag"].as_str(), name["data"].as_str()) {
                let index = symbol.address().wrapping_add(loaded) as u16;
                assert!(table.insert(index, (tag.into(), data.into())).is_none(), "two strings are logged as {index}");
            }
        }
        Self(table)
    }

    /// An event: `WARN out of step: ...`.
    pub(crate) fn line(&self, event: &[u8]) -> String {
        let mut event = Event { table: self, rest: event };
        let (tag, format) = event.string();
        let line = format!("{} {}", tag.trim_start_matches("defmt_").to_uppercase(), event.formatted(format));
        assert!(event.rest.is_empty(), "{line}: {:?} is left", event.rest);
        line
    }
}

/// What is left of an event.
struct Event<'e> {
    table: &'e Table,
    rest: &'e [u8],
}

impl<'e> Event<'e> {
    fn bytes(&mut self, count: usize) -> &'e [u8] {
        let (bytes, rest) = self.rest.split_at(count);
        self.rest = rest;
        bytes
    }

    fn number(&mut self, length: usize) -> u64 {
        self.bytes(length).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn string(&mut self) -> (&'e str, &'e str) {
        let index = self.number(2) as u16;
        let (tag, data) = self.table.0.get(&index).expect("a string for what was logged");
        (tag, data)
    }

    /// The parameters are in the order of the format.
    fn formatted(&mut self, format: &str) -> String {
        let fragments = defmt_parser::parse(format, ParserMode::Strict).expect("a format");
        let mut text = String::new();
        for fragment in fragments {
            match fragment {
                Fragment::Literal(literal) => text.push_str(&literal),
                Fragment::Parameter(parameter) => text.push_str(&self.argument(&parameter.ty, &parameter.hint)),
            }
        }
        text
    }

    /// Which of an enum's variants it is comes first.
    fn variant(&mut self, format: &str) -> String {
        let variant = if format.contains('|') { self.number(1) as usize } else { 0 };
        self.formatted(format.split('|').nth(variant).expect("a variant"))
    }

    /// The format comes once, before all of them.
    fn elements(&mut self, count: usize) -> String {
        let format = self.string().1;
        let elements: Vec<_> = (0..count).map(|_| self.variant(format)).collect();
        format!("[{}]", elements.join(", "))
    }

    fn argument(&mut self, kind: &Type, hint: &Option<DisplayHint>) -> String {
        match kind {
            Type::Bool => (self.number(1) == 1).to_string(),
            Type::U8 => self.number(1).to_string(),
            Type::U16 => self.number(2).to_string(),
            Type::U32 | Type::Usize => self.number(4).to_string(),
            Type::U64 => self.number(8).to_string(),
            Type::I64 => self.number(8).cast_signed().to_string(),
            Type::IStr => self.string().1.to_owned(),
            Type::Str => {
                let length = self.number(4) as usize;
                String::from_utf8(self.bytes(length).to_vec()).expect("a string is UTF-8")
            }
            Type::U8Slice => {
                let length = self.number(4) as usize;
                let bytes = self.bytes(length);
                match hint {
                    Some(DisplayHint::Ascii) => format!("b\"{}\"", bytes.escape_ascii()),
                    _ => format!("{bytes:?}"),
                }
            }
            Type::Format => {
                let format = self.string().1;
                self.variant(format)
            }
            Type::FormatSlice => {
                let count = self.number(4) as usize;
                self.elements(count)
            }
            Type::FormatArray(count) => self.elements(*count),
            // Up to a byte that UTF-8 does not contain.
            Type::Display | Type::Debug => {
                let length = self.rest.iter().position(|byte| *byte == 0xFF).expect("it ends");
                let text = String::from_utf8(self.bytes(length).to_vec()).expect("what is printed is UTF-8");
                self.bytes(1);
                text
            }
            // What `write!` was given in an impl by hand, piece by piece.
            Type::FormatSequence => {
                let mut text = String::new();
                while !self.rest.starts_with(&[0, 0]) {
                    let format = self.string().1;
                    text.push_str(&self.formatted(format));
                }
                self.bytes(2);
                text
            }
            other => panic!("nothing here logs {other:?}"),
        }
    }
}
