//! The guest of README.md, as it is there, on a port that fails.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

// `Board` and `serve`.
include!("front_page/guest.rs");

#[test]
fn the_guest_is_the_one_on_the_front_page() {
    let readme = include_str!("../README.md");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(include_str!("front_page/guest.rs")));
}

/// A UART by a script. The guest runs for ever, so the script's end takes it down.
struct Uart {
    input: std::vec::IntoIter<Result<u8, serial::ErrorKind>>,
    output: Vec<u8>,
}

struct ScriptEnds;

impl serial::ErrorType for Uart {
    type Error = serial::ErrorKind;
}

impl serial::Read for Uart {
    fn read(&mut self) -> guestwire::nb::Result<u8, serial::ErrorKind> {
        let next = self.input.next().unwrap_or_else(|| panic_any(ScriptEnds));
        next.map_err(guestwire::nb::Error::Other)
    }
}

impl serial::Write for Uart {
    fn write(&mut self, byte: u8) -> guestwire::nb::Result<(), serial::ErrorKind> {
        self.output.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> guestwire::nb::Result<(), serial::ErrorKind> {
        Ok(())
    }
}

fn served(input: Vec<Result<u8, serial::ErrorKind>>) -> String {
    // The last response leaves when the port has nothing more: here, when it fails once again.
    let mut uart = Uart {
        input: [input, vec![Ok(b'\n'); 2], vec![Err(serial::ErrorKind::Noise)]].concat().into_iter(),
        output: Vec::new(),
    };
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| serve(&mut uart)));
    assert!(payload.is::<ScriptEnds>(), "the guest panics");
    String::from_utf8(uart.output).unwrap()
}

/// An overrun, a framing error, and a port that closes (a UART has no word for that, so its driver reports another
/// error), at each byte of a request: the next request is served.
#[test]
fn the_guest_of_the_front_page_serves_on_after_each_fault() {
    let ask = b"{\"execute\": \"guest-get-host-name\"}\n";
    let answer = "{\"return\": {\"host-name\": \"toaster\"}}\n";
    let bytes = |bytes: &[u8]| bytes.iter().copied().map(Ok).collect::<Vec<_>>();
    assert_eq!(served(bytes(ask)), answer);
    for fault in [serial::ErrorKind::Overrun, serial::ErrorKind::FrameFormat, serial::ErrorKind::Other] {
        for place in 0..ask.len() {
            let (before, after) = ask.split_at(place);
            // A port that has closed does not go on where it was.
            let after = if fault == serial::ErrorKind::Other { b"" } else { after };
            let input = [bytes(before), vec![Err(fault)], bytes(after), bytes(&ask.repeat(2))].concat();
            let output = served(input);
            assert!(output.ends_with(answer), "{fault:?} at {place}: {output}");
        }
    }
}
