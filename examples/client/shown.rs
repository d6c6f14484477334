//! Text of a guest on a terminal: it must not move the cursor, set the title, or look like a message of ours.

use std::fmt::{self, Arguments, Write as _};
use std::io::{Write as _, stderr};

/// Escapes control characters, and those that change the direction of text, as `\u001b` or the like. JSON keeps its
/// meaning.
pub struct Shown<'t>(pub &'t [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\0'..='\x1f'
                    | '\x7f'..='\u{9f}'
                    | '\u{61c}'
                    | '\u{200e}'
                    | '\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2066}'..='\u{2069}' => write!(f, "\\u{:04x}", u32::from(character))?,
                    _ => f.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Prints a line to standard error. Unlike `eprintln!`, this does not panic if it is closed.
pub fn say(message: Arguments<'_>) {
    let _ = writeln!(stderr(), "client: {}", Shown(message.to_string().as_bytes()));
}
