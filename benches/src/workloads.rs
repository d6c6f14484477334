//! Byte streams of about 1 MiB each, the same on every run.

use std::ops::Range;

use guestwire::SENTINEL;
use serde::Serialize;

const LENGTH: usize = 1 << 20;

/// The response of qemu-ga 7.2.22 to `guest-info`, with its LF, as recorded.
pub const GUEST_INFO: &[u8] = include_bytes!("guest-info.json");

/// The bytes of one read of a port.
pub const READ: usize = 4096;

pub struct Workload {
    pub wire: Vec<u8>,
    pub shape: Shape,
    frames: Vec<Range<usize>>,
    /// Length of all frames without the whitespace between their tokens.
    pub text_length: usize,
}

/// What the frames are, for peers that read into structs.
#[derive(Clone, Copy)]
pub enum Shape {
    Request,
    GuestInfo,
    Text,
    Numbers,
    Brackets,
    Other,
}

impl Workload {
    fn new(shape: Shape) -> Self {
        Self { wire: Vec::with_capacity(LENGTH + LENGTH / 8), shape, frames: Vec::new(), text_length: 0 }
    }

    fn is_full(&self) -> bool {
        self.wire.len() >= LENGTH
    }

    fn frame(&mut self, frame: &str) {
        let start = self.wire.len();
        self.wire.extend_from_slice(frame.as_bytes());
        self.frames.push(start..self.wire.len());
        self.wire.push(b'\n');
        self.text_length += text_length(frame);
    }

    pub(crate) fn repeating(shape: Shape, frame: &str) -> Self {
        Self::times(LENGTH.div_ceil(frame.len() + 1), shape, frame)
    }

    pub(crate) fn times(count: usize, shape: Shape, frame: &str) -> Self {
        let mut workload = Self::new(shape);
        for _ in 0..count {
            workload.frame(frame);
        }
        workload
    }

    /// The frames, for peers that read single frames.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.frames.iter().map(|range| &self.wire[range.clone()])
    }

    /// The text in each frame, without escapes: of a file write, or of a response that is a string.
    pub fn texts(&self) -> Vec<String> {
        let text = |frame| {
            let message: serde_json::Value = serde_json::from_slice(frame).expect("the workload is valid");
            let text = message.get("return").unwrap_or(&message["arguments"]["buf-b64"]);
            text.as_str().expect("a string").to_owned()
        };
        self.frames().map(text).collect()
    }

    /// The result for frames with the whitespace between their tokens.
    pub fn tally_of_wire(&self) -> crate::Tally {
        crate::Tally { frames: self.frames.len(), bytes: self.frames().map(<[u8]>::len).sum() }
    }

    /// The result for the frames.
    pub fn tally(&self) -> crate::Tally {
        crate::Tally { frames: self.frames.len(), bytes: self.text_length }
    }
}

/// W1: small requests back to back.
pub fn requests() -> Workload {
    let mut workload = Workload::new(Shape::Request);
    for round in conversation() {
        workload.frame(r#"{"execute":"guest-ping"}"#);
        workload.wire.push(SENTINEL);
        workload.frame(&format!(r#"{{"execute":"guest-sync-delimited","arguments":{{"id":{}}}}}"#, round.id));
        workload.frame(r#"{"execute":"guest-get-time"}"#);
        workload.frame(
            r#"{"execute":"guest-exec","arguments":{"path":"/bin/ls","arg":["-l","/tmp"],"capture-output":true}}"#,
        );
        if workload.is_full() {
            break;
        }
    }
    workload
}

/// The answer to W1.
pub fn responses() -> Vec<u8> {
    let rounds = requests().frames.len() / 4;
    let mut wire = Vec::new();
    for round in conversation().take(rounds) {
        wire.extend_from_slice(b"{\"return\": {}}\n\xFF");
        let Round { id, time, pid } = round;
        wire.extend_from_slice(format!("{{\"return\": {id}}}\n{{\"return\": {time}}}\n").as_bytes());
        wire.extend_from_slice(format!("{{\"return\": {{\"pid\": {pid}}}}}\n").as_bytes());
    }
    wire
}

pub const FIRST_TIME: i64 = 1_795_441_277_004_000_000;
pub const FIRST_PID: i64 = 812;

struct Round {
    id: u64,
    time: i64,
    pid: i64,
}

fn conversation() -> impl Iterator<Item = Round> {
    let mut random = Random(1);
    (0..).map(move |round| Round { id: random.next() >> 1, time: FIRST_TIME + round, pid: FIRST_PID + round })
}

/// W2: `guest-file-write` with 48 KiB of base64.
pub fn file_writes() -> Workload {
    let mut workload = Workload::new(Shape::Request);
    let mut random = Random(2);
    while !workload.is_full() {
        let text = base64(&mut random);
        workload.frame(&format!(
            r#"{{"execute":"guest-file-write","arguments":{{"handle":1000,"buf-b64":"{text}","count":36864}}}}"#
        ));
    }
    workload
}

fn base64(random: &mut Random) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..48 << 10).map(|_| char::from(random.pick(DIGITS))).collect()
}

/// W3: a response to `guest-info`, repeated.
pub fn guest_info() -> Workload {
    Workload::repeating(Shape::GuestInfo, std::str::from_utf8(GUEST_INFO).expect("it is ASCII").trim_end())
}

/// W4: stale responses, then the sentinel and the response to a synchronization with [`SYNC_ID`].
pub fn stale_responses() -> Vec<u8> {
    let mut wire = responses();
    wire.retain(|byte| *byte != SENTINEL);
    wire = wire.iter().copied().cycle().take(LENGTH).collect();
    wire.push(SENTINEL);
    wire.extend_from_slice(format!("{{\"return\": {SYNC_ID}}}\n").as_bytes());
    wire
}

pub const SYNC_ID: i64 = 140_737_488_355_328;

/// W5: strings dense with `\uXXXX`, `\n` and UTF-8 of two to four bytes.
pub fn texts() -> Workload {
    let mut workload = Workload::new(Shape::Text);
    let mut random = Random(5);
    while !workload.is_full() {
        let text = dense_text(&mut random);
        workload.frame(&format!(r#"{{"return":"{text}"}}"#));
    }
    workload
}

fn dense_text(random: &mut Random) -> String {
    const PIECES: [&str; 8] = [r"\n", r"\u00e9", r"\u20AC", r"\ud83d\ude00", "é", "€", "😀", "日本"];
    const WORDS: [&str; 8] = ["a", "is", "der", "line", "Gerät", "été", "x=1", ", "];
    let mut text = String::new();
    while text.len() < 192 {
        text.push_str(random.pick(&PIECES));
        text.push_str(random.pick(&WORDS));
    }
    text
}

/// W6: Chinese and Japanese text.
pub fn east_asian_texts() -> Workload {
    const WORDS: [&str; 8] = ["系统", "日志", "接続", "失敗しました", "文件", "が", "，", "。"];
    texts_of(&WORDS, 6)
}

/// W7: lines of a log, in which escapes are rare.
pub fn logs() -> Workload {
    const WORDS: [&str; 8] = [
        r"Nov 28 10:12:44 toaster kernel: eth0: link becomes ready\n",
        r#"systemd[1]: Started Session 12 of User \"root\".\n"#,
        r"/usr/sbin/sshd -D: Accepted publickey for root from 192.0.2.7 port 51234\n",
        "audit: type=1400 apparmor=ALLOWED operation=open class=file ",
        r"\tat org.example.Main.run(Main.java:117)\n",
        "GET /index.html HTTP/1.1 200 5123 ",
        r"café: température 21 °C\n",
        "ok ",
    ];
    texts_of(&WORDS, 7)
}

fn texts_of(words: &[&str], seed: u64) -> Workload {
    let mut workload = Workload::new(Shape::Text);
    let mut random = Random(seed);
    while !workload.is_full() {
        let mut text = String::new();
        while text.len() < 4096 {
            text.push_str(random.pick(words));
        }
        workload.frame(&format!(r#"{{"return":"{text}"}}"#));
    }
    workload
}

/// W8: numbers of all lengths.
pub fn numbers() -> Workload {
    let mut workload = Workload::new(Shape::Numbers);
    let mut random = Random(8);
    while !workload.is_full() {
        let number = |random: &mut Random| (random.next() >> random.pick(&[1, 8, 32, 48, 56, 60])) as i64;
        let numbers: Vec<String> = (0..64).map(|_| number(&mut random).to_string()).collect();
        workload.frame(&format!(r#"{{"return":[{}]}}"#, numbers.join(",")));
    }
    workload
}

/// W9: W3, printed with an indentation of 4.
pub fn indented() -> Workload {
    let value: serde_json::Value = serde_json::from_slice(GUEST_INFO).expect("it is valid");
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, format)).expect("memory is enough");
    Workload::repeating(Shape::GuestInfo, std::str::from_utf8(&text).expect("it is ASCII"))
}

/// W10: nothing but brackets.
pub fn brackets() -> Workload {
    Workload::repeating(Shape::Brackets, &["[", &["[[[]]]"; 40].join(","), "]"].concat())
}

/// Length without the whitespace between tokens.
fn text_length(frame: &str) -> usize {
    let (mut length, mut in_string, mut escaped) = (0, false, false);
    for byte in frame.bytes() {
        if in_string || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            length += 1;
        }
        if byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = byte == b'\\' && !escaped;
    }
    length
}

/// Sebastiano Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.next() % from.len() as u64) as usize]
    }
}
