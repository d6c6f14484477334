//! Both ends get back in step on a dirty line.
//!
//!     cargo run --example demo
//!
//! Shows the bytes that the host sends (`>`), those that the guest sends (`<`), and what the host makes of them (`=`).
//! [FF] is the sentinel, the byte 0xFF.

use std::io::{IsTerminal, Write, stdout};
use std::process::exit;

use guestwire::{Agent, Client, Command, Guest};

struct Board {
    seconds: i64,
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] =
        &[Command::new("guest-get-time", |board, call| call.respond()?.integer(board.seconds * 1_000_000_000))];
}

fn main() {
    // Small buffers, so that a frame can be too long: 128 bytes for a request, 512 for a response.
    let guest: Agent<Board, 128, 512> = Agent::new(Board { seconds: 1_795_441_277 });
    let mut line = Line { host: Client::new(), guest, screen: Screen::new() };

    line.scene("A client dies mid-request. Half a request stays in the guest.");
    line.disturb(br#"{"execute":"guest-get-ti"#);

    line.scene("The next client sends the sentinel first, which flushes that half. The answer\nstarts with a sentinel, too: everything before it is stale.");
    line.synchronize(7301);
    line.scene("In step: each request gets its response.");
    line.execute("guest-ping");
    line.execute("guest-get-time");

    line.scene("An unknown command is an error. Both ends stay in step.");
    line.execute("guest-get-users");

    line.scene("A frame that is too long for the guest's 128 bytes is one error.");
    line.execute(&"long-".repeat(24));

    line.scene("A line fault breaks a frame: one error, and the guest runs nothing of it.\nThe host did not expect the error, so it is out of step.");
    line.disturb(br#"{"execute":guest-exec,"arguments":{"execute":"guest-get-time"}}"#);
    line.execute("guest-ping");

    line.scene("The sentinel again, with a fresh id.");
    line.synchronize(9954);

    line.scene("A response is late. The host gives up, and later drops that response.");
    let late = line.time_out("guest-get-time");
    line.synchronize_past(4410, &late);
    line.execute("guest-ping");
}

/// Both ends, and the line between them.
struct Line {
    host: Client<512, 256>,
    guest: Agent<Board, 128, 512>,
    screen: Screen,
}

impl Line {
    fn scene(&self, title: &str) {
        self.screen.print(&format!("\n{}", self.screen.paint("1", title)));
    }

    /// Bytes from elsewhere.
    fn disturb(&mut self, bytes: &[u8]) {
        self.screen.bytes('>', bytes);
        let answer = self.answer(bytes);
        self.hear(&answer);
    }

    fn synchronize(&mut self, id: i64) {
        self.synchronize_past(id, b"");
    }

    fn synchronize_past(&mut self, id: i64, stale: &[u8]) {
        self.host.synchronize(id);
        let request = self.request();
        if !stale.is_empty() {
            self.screen.bytes('<', stale);
        }
        let mut answer = stale.to_vec();
        answer.extend(self.answer(&request));
        self.hear(&answer);
    }

    fn execute(&mut self, command: &str) {
        match self.host.execute(command) {
            Ok(()) => {
                let request = self.request();
                let answer = self.answer(&request);
                self.hear(&answer);
            }
            Err(error) => self.screen.verdict(&format!("not sent: {error}")),
        }
    }

    /// Sends a request, and returns the late response.
    fn time_out(&mut self, command: &str) -> Vec<u8> {
        if self.host.execute(command).is_err() {
            return Vec::new();
        }
        let request = self.request();
        self.screen.verdict("no answer");
        self.host.reset();
        assert_eq!(self.guest.push_slice(&request), request.len(), "nothing waits");
        let late = self.guest.transmit().to_vec();
        self.guest.transmitted(late.len());
        late
    }

    fn request(&mut self) -> Vec<u8> {
        let request = self.host.transmit().to_vec();
        self.host.transmitted(request.len());
        self.screen.bytes('>', &request);
        request
    }

    fn answer(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        while !bytes.is_empty() {
            // The guest stops taking bytes while a response waits to be sent.
            bytes = &bytes[self.guest.push_slice(bytes)..];
            while !self.guest.transmit().is_empty() {
                self.screen.bytes('<', self.guest.transmit());
                answer.extend_from_slice(self.guest.transmit());
                self.guest.transmitted(usize::MAX);
            }
        }
        answer
    }

    fn hear(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (taken, reply) = self.host.push_slice(bytes);
            bytes = &bytes[taken..];
            match reply {
                Ok(Some(guestwire::Reply::Synchronized)) => self.screen.verdict("in step"),
                Ok(Some(guestwire::Reply::Return(value))) => {
                    self.screen.verdict(&format!("returned {}", value.as_bytes().escape_ascii()));
                }
                Ok(Some(guestwire::Reply::Error(error) | guestwire::Reply::Unattributed(error))) => {
                    self.screen.verdict(&format!("refused: {}", error.class));
                }
                Ok(_) => {}
                Err(error) => self.screen.verdict(&format!("out of step: {error}")),
            }
        }
    }
}

/// Output with colours on a terminal, without in a pipe.
struct Screen {
    colour: bool,
}

impl Screen {
    fn new() -> Self {
        Self { colour: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn bytes(&self, direction: char, bytes: &[u8]) {
        let colour = if direction == '>' { "36" } else { "32" };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = line.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'").replace("\\n", "");
            let (mut shown, mut rest) = (String::new(), text.as_str());
            // Lines of 80 columns, broken at a space if there is one.
            while rest.len() > 74 {
                let end = rest[..74].rfind(' ').map_or(74, |space| space + 1);
                let (head, tail) = rest.split_at(end);
                shown += &format!("{head}\n    ");
                rest = tail;
            }
            shown += rest;
            self.print(&format!("  {} {}", self.paint(colour, &direction.to_string()), self.sentinel(&shown)));
        }
    }

    fn verdict(&self, verdict: &str) {
        self.print(&format!("  {} {}", self.paint("35", "="), self.paint("35", verdict)));
    }

    /// Unlike `println!`, this does not panic if the output is closed: it exits as if by SIGPIPE.
    fn print(&self, line: &str) {
        if writeln!(stdout(), "{line}").is_err() {
            exit(141);
        }
    }

    fn sentinel(&self, text: &str) -> String {
        text.replace("\\xff", &self.paint("1;31", "[FF]"))
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
