//! The log on standard error: one line for each event, whatever the other end sent.

use std::fmt::Write as _;
use std::io::Write as _;

/// Journals split longer lines into several.
const LONGEST_LINE: usize = 32 << 10;

pub fn start(level: log::LevelFilter) {
    let mut logger = env_logger::Builder::new();
    logger.filter_level(level);
    logger.format(|out, record| {
        let level = record.level().as_str().to_lowercase();
        writeln!(out, "{level}: {}", one_line(&record.args().to_string()))
    });
    logger.init();
}

/// Escapes what would end the line, or control the terminal.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        if line.len() > LONGEST_LINE {
            line.push_str("...");
            break;
        }
        match character {
            '"' | '\'' | '\\' => line.push(character),
            _ => _ = write!(line, "{}", character.escape_debug()),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_short() {
        for (text, line) in [
            ("plain \"text\" 'of' C:\\ é", "plain \"text\" 'of' C:\\ é"),
            ("a\ninfo: forged", "a\\ninfo: forged"),
            ("\r\x1B[2J\x07\0\x7F\u{9B}", "\\r\\u{1b}[2J\\u{7}\\0\\u{7f}\\u{9b}"),
            ("\u{202E}\u{2028}", "\\u{202e}\\u{2028}"),
        ] {
            assert_eq!(one_line(text), line);
        }
        assert!(one_line(&"\n".repeat(1 << 20)).len() < LONGEST_LINE + 16);
    }
}
