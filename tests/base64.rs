//! Base64 as clients write it: each text, how qemu-ga 7.2 decodes it, and how our agent does.

mod exchange;
#[cfg(unix)]
mod programs;

use exchange::exchange;
use guestwire::commands::{FileWrite, FileWritten};
use guestwire::{Agent, Command, Guest};

/// The bytes that `guest-file-write` writes, or `None` for "Base64 data contains invalid characters".
type Written = Option<&'static [u8]>;

/// The same bytes from both, or both refuse.
const SAME: &[(&str, Written)] = &[
    ("", Some(b"")),
    ("aGVsbG8gd29ybGQ=", Some(b"hello world")),
    // Proxmox breaks lines at 76 digits, and ends with one.
    ("aGVsbG8gd29ybGQ=\n", Some(b"hello world")),
    ("\naGV\nsbG8gd29ybGQ\n=\n\n", Some(b"hello world")),
    (
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\nNzg5\n",
        Some(b"012345678901234567890123456789012345678901234567890123456789"),
    ),
    ("\n", Some(b"")),
    ("aGVsbA==", Some(b"hell")),
    ("AP+/fw==", Some(b"\x00\xFF\xBF\x7F")),
    // Unused bits are ignored.
    ("aGl=", Some(b"hi")),
    ("aH==", Some(b"h")),
    // Two texts, one after the other.
    ("aGk=aGk=", Some(b"hihi")),
    ("YQ==\nYg==\n", Some(b"ab")),
    ("aGVsbG8gd29ybGQ=\r\n", None),
    ("aGVs bG8=", None),
    ("aGVs\tbG8=", None),
    ("aGVs\u{b}bG8=", None),
    ("-_-_", None),
    ("aGk*", None),
    ("aGk=.", None),
    ("aGk\0", None),
    ("aGk=\0", None),
    ("aGk\u{e9}", None),
    ("=\u{e9}==", None),
];

/// What qemu-ga writes for an incomplete group of four, or misplaced padding: it silently drops an incomplete group,
/// and takes `=` for zero bits. Our agent refuses all of them.
const REFUSED_HERE: &[(&str, &[u8])] = &[
    ("a", b""),
    ("ab", b""),
    ("abc", b""),
    ("aGVsb", b"hel"),
    ("aGVsbA", b"hel"),
    ("aGVsbG8", b"hel"),
    ("aGVsbA=", b"hel"),
    ("=", b""),
    ("==", b""),
    ("====", b"\0"),
    ("a===", b"h"),
    ("ab=c", b"i\x1C"),
    ("=abc", b"\x01\xA6\xDC"),
    ("a=bc", b"h\x06\xDC"),
    ("aGk==", b"hi"),
    ("aGk===", b"hi"),
    ("aGk====", b"hi"),
    ("aGk=====", b"hi\0"),
    ("aGk=aGk", b"hi"),
];

const INVALID: &str = "Base64 data contains invalid characters";

#[derive(Default)]
struct File(Vec<u8>);

impl Guest for File {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[FileWrite::command(|file: &mut Self, call| {
        let (write, response): (FileWrite<'_>, _) = call.parse()?;
        file.0 = write.buf_b64.decoded()?.collect();
        response.encode(FileWritten { count: file.0.len() as i64, eof: false, ..Default::default() })
    })];
}

fn request(handle: i64, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(r#"{{"arguments":{{"buf-b64":{text},"handle":{handle}}},"execute":"guest-file-write"}}"#) + "\n"
}

/// The expected answer, without the LF.
fn response(written: Written) -> String {
    match written {
        Some(bytes) => format!("{{\"return\": {{\"count\": {}, \"eof\": false}}}}", bytes.len()),
        None => exchange::error("GenericError", INVALID).trim_end().to_owned(),
    }
}

#[test]
fn line_breaks_are_skipped_and_groups_that_are_not_whole_refused() {
    let refused_here = REFUSED_HERE.iter().map(|(text, _)| (*text, None));
    for (text, due) in SAME.iter().copied().chain(refused_here) {
        let mut agent: Agent<File, 512, 512> = Agent::new(File::default());
        let answer = String::from_utf8(exchange(&mut agent, request(1000, text).as_bytes())).unwrap();
        assert_eq!(answer.trim_end(), response(due), "{text:?}");
        assert_eq!(agent.guest().0.as_slice(), due.unwrap_or_default(), "{text:?}");
    }
}

#[cfg(unix)]
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn qemu_ga_decodes_the_same() {
    use std::io::{BufRead, BufReader, Write};

    let agent = programs::qemu_ga::QemuGa::start("");
    let mut stream = BufReader::new(agent.connect());
    let mut ask = |request: &str| {
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).expect("an answer in time");
        line.trim_end().to_owned()
    };
    let path = agent.folder.path("file");
    let open = format!(r#"{{"execute":"guest-file-open","arguments":{{"path":{path:?},"mode":"w"}}}}"#);
    let theirs = REFUSED_HERE.iter().map(|(text, written)| (*text, Some(*written)));
    for (text, due) in SAME.iter().copied().chain(theirs) {
        let opened: serde_json::Value = serde_json::from_str(&ask(&open)).unwrap();
        let handle = opened["return"].as_i64().unwrap();
        assert_eq!(ask(&request(handle, text)), response(due), "{text:?}");
        let close = format!(r#"{{"execute":"guest-file-close","arguments":{{"handle":{handle}}}}}"#);
        assert_eq!(ask(&close), "{\"return\": {}}");
        assert_eq!(std::fs::read(&path).unwrap(), due.unwrap_or_default(), "{text:?}");
    }
}
