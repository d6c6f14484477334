//! A dirty line, and how both ends find their step on it again.
//!
//!     cargo run --example demo
//!
//! Each scene shows the bytes that the host sends (`>`) and those that the guest answers (`<`). The sentinel, the byte
//! 0xFF, is shown as [FF].

use std::io::{IsTerminal, stdout};

use guestwire::{Agent, Command};

struct Board {
    seconds: i64,
}

const COMMANDS: &[Command<Board>] =
    &[Command::new("guest-get-time", |board: &mut Board, call| call.respond()?.integer(board.seconds * 1_000_000_000))];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let screen = Screen { colour: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() };
    // Small buffers, so that a frame can be too long for them: 128 bytes for a request, 512 for a response.
    let mut agent: Agent<Board, 128, 512> = Agent::new(Board { seconds: 1_795_441_277 }, "1.0.0", COMMANDS)?;
    let mut say = |title: &str, sent: &[u8]| {
        screen.title(title);
        screen.bytes('>', sent);
        let mut bytes = sent;
        let mut silent = true;
        while !bytes.is_empty() || !agent.transmit().is_empty() {
            // WouldBlock: a request waits until the response before it has gone, which it does below.
            let _ = agent.push_slice(&mut bytes);
            if !agent.transmit().is_empty() {
                screen.bytes('<', agent.transmit());
                agent.transmitted(agent.transmit().len());
                silent = false;
            }
        }
        if silent {
            screen.silence();
        }
    };

    say("A client dies in mid-request. Half a request stays on the line.", br#"{"execute":"guest-get-ti"#);
    say(
        "The next client sends the sentinel first: the half is gone, and the answer\nstarts with a sentinel too, so that stale bytes in front of it can be told apart.",
        b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":1795441277004}}\n",
    );
    say(
        "In step. A ping, and a command of this guest's own, in one write.",
        b"{\"execute\":\"guest-ping\"}\n{\"execute\":\"guest-get-time\",\"id\":\"t1\"}\n",
    );
    say("A command that the guest does not have.", b"{\"execute\":\"guest-get-users\"}\n");
    say(
        "A broken frame is one error, and nothing inside it is run.",
        b"{\"execute\":guest-exec,\"arguments\":{\"execute\":\"guest-shutdown\"}}\n",
    );
    say("The next good request is served, without any sentinel.", b"{\"execute\":\"guest-ping\"}\n");
    say(
        "A frame that is too long for the guest's 128 bytes is one error too.",
        format!("{{\"execute\":\"guest-ping\",\"id\":\"{}\"}}\n", "long ".repeat(24)).as_bytes(),
    );
    say("And again the next good request is served.", b"{\"execute\":\"guest-ping\"}\n");
    Ok(())
}

/// Writes for people: in colour on a terminal, plainly into a pipe.
struct Screen {
    colour: bool,
}

impl Screen {
    fn title(&self, title: &str) {
        println!("\n{}", self.paint("1", title));
    }

    fn silence(&self) {
        println!("{}", self.paint("2", "  (silence: nothing to answer yet)"));
    }

    fn bytes(&self, direction: char, bytes: &[u8]) {
        let colour = if direction == '>' { "36" } else { "32" };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = line.escape_ascii().to_string().replace("\\\"", "\"").replace("\\n", "");
            let text = text.replace("\\xff", &self.paint("1;31", "[FF]"));
            println!("  {} {text}", self.paint(colour, &direction.to_string()));
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
