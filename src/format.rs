//! How defmt shows what has no fields to derive it from.

use defmt::{Format, Formatter, write};

use crate::agent::{Agent, Command, Guest};
use crate::frame::Decoder;
use crate::json::string::Text;
use crate::json::value::Value;

impl Format for Text<'_> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=[u8]:a}", self.as_escaped_bytes());
    }
}

impl Format for Value<'_> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=[u8]:a}", self.as_bytes());
    }
}

impl<const N: usize> Format for Decoder<N> {
    fn format(&self, f: Formatter<'_>) {
        let open = if self.is_receiving() { self.text() } else { b"" };
        write!(f, "Decoder {{ open: {=[u8]:a} }}", open);
    }
}

impl<G: Guest, const RX: usize, const TX: usize> Format for Agent<G, RX, TX> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Agent {{ transmit: {=[u8]:a} }}", self.transmit());
    }
}

impl<G> Format for Command<G> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Command({=str})", self.name());
    }
}
