//! What a program is linked of, from its symbols and relocations.

use std::collections::{BTreeMap, HashSet};

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SymbolKind};
use rustc_demangle::demangle;

/// The functions of docs/public-api.txt that have no symbol in the programs. They are compared by their own name, and by that of
/// their type or trait: programs have types of their own in place of type parameters.
pub fn missing<'a>(api: &'a str, symbols: &HashSet<String>) -> Vec<&'a str> {
    let functions = api.lines().filter_map(|line| line.split_once("fn guestwire::"));
    let functions = functions.filter(|(_, function)| {
        let path = without_generics(function, 0);
        let (path, _) = path.split_once('(').unwrap_or((&path, ""));
        !NOT_LINKED.iter().any(|name| path.ends_with(name)) && !symbols.contains(owner_and_name(path))
    });
    functions.map(|(_, function)| function).collect()
}

/// `Debug`, `Display` and defmt's `Format`; and what reads and prints an `f64`.
const NOT_LINKED: &[&str] = &["::fmt", "::format", "json::Value::serialize"];

/// What a symbol is called in `missing`, after its type and after its trait.
pub fn names(symbol: &str) -> Vec<String> {
    let symbol = format!("{:#}", demangle(symbol));
    let qualified = without_generics(&symbol, 1);
    let Some((owners, name)) = qualified.strip_prefix('<').and_then(|path| path.split_once(">::")) else {
        let path = without_generics(&symbol, 0);
        return vec![owner_and_name(path.trim_end_matches("::")).to_owned()];
    };
    let name = identifier(name);
    owners
        .split(" as ")
        .map(|owner| format!("{}::{name}", identifier(owner.rsplit("::").next().unwrap_or(owner))))
        .collect()
}

fn identifier(text: &str) -> &str {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or(text)
}

/// The last two parts of a path, or only the last one after a module: it may be public elsewhere than it is defined.
fn owner_and_name(path: &str) -> &str {
    let after = |parts: usize| path.rmatch_indices("::").nth(parts).map_or(path, |(at, _)| &path[at + 2..]);
    if after(1).starts_with(|letter: char| letter.is_uppercase()) { after(1) } else { after(0) }
}

/// Removes what is nested deeper than `most` in angle brackets. The `>` of an arrow is not a bracket.
fn without_generics(text: &str, most: u32) -> String {
    let (mut depth, mut last) = (0, ' ');
    let mut flat = String::new();
    for letter in text.chars() {
        let closes = letter == '>' && last != '-';
        depth += u32::from(letter == '<');
        if depth <= most {
            flat.push(letter);
        }
        depth -= u32::from(closes);
        last = letter;
    }
    flat
}

/// The functions outside `core::panicking` that refer to it, each with what it refers to. The program needs relocations.
pub fn panics(elf: &object::File<'_>) -> HashSet<(String, String)> {
    let symbols = elf.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
    let functions: BTreeMap<_, _> = symbols.map(|symbol| (symbol.address() & !1, symbol)).collect();
    let function = |address: u64| {
        let (start, symbol) = functions.range(..=address).next_back()?;
        (address < start + symbol.size()).then(|| format!("{:#}", demangle(symbol.name().unwrap_or_default())))
    };
    let mut panics = HashSet::new();
    for (address, relocation) in elf.sections().flat_map(|section| section.relocations().collect::<Vec<_>>()) {
        let RelocationTarget::Symbol(index) = relocation.target() else { continue };
        let Ok(symbol) = elf.symbol_by_index(index) else { continue };
        // Of a function, or of its section.
        let target = function(symbol.address().wrapping_add_signed(relocation.addend())).unwrap_or_default();
        let from = function(address).unwrap_or_default();
        if target.contains("core::panicking::") && !from.contains("core::panicking::") {
            panics.insert((from, target));
        }
    }
    panics
}

#[cfg(test)]
mod tests {
    use super::{missing, names};

    #[test]
    fn functions_are_known_by_their_symbols() {
        for (symbol, due) in [
            ("_RNvMNtNtCs1_9guestwire4json5valueNtB2_5Value6member", &["Value::member"][..]),
            ("_RINvNtNtCs1_9guestwire5agent8dispatch15guest_info_sizeNtCs2_5probe5BoardEB4_", &["guest_info_size"]),
            (
                "_RNvXs_NtNtCs1_9guestwire4json6stringNtB4_4TextNtNtCs2_4core3cmp9PartialEq2eq",
                &["Text::eq", "PartialEq::eq"],
            ),
        ] {
            assert_eq!(names(symbol), due);
        }
    }

    #[test]
    fn what_is_not_linked_is_missing() {
        let api = "pub struct guestwire::json::Value<'a>\n\
            pub fn guestwire::json::Value<'a>::member(&self, &str) -> core::option::Option<Self>\n\
            pub async fn guestwire::agent::AgentOver<S, R, T>::run<P: Read>(&mut self, impl Fn(&P) -> Fault)\n\
            pub const fn guestwire::agent::guest_info_size<G: guestwire::Guest>() -> usize\n\
            pub fn guestwire::json::Value<'a>::fmt(&self)";
        let linked = ["Value::member", "guest_info_size"].map(str::to_owned).into();
        assert_eq!(missing(api, &linked).len(), 1);
        assert!(missing(api, &linked)[0].starts_with("agent::AgentOver<S, R, T>::run"));
    }
}
