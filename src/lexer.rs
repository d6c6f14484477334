//! One byte in, one [`Step`] out: RFC 8259, strict UTF-8 and the sentinel, without a buffer.
//!
//! The lexer knows where a frame begins, ends and breaks, and where the next one may begin. It stores no byte: what
//! to keep is the decoder's to say.

use crate::error::FrameError;
use crate::nesting::{Container, Nesting};

/// The byte that drops whatever a parser holds: 0xFF, which no JSON text and no UTF-8 contains.
///
/// `guest-sync-delimited` is answered with one in front of the response (QEMU's `QGA_SENTINEL_BYTE`).
pub const SENTINEL: u8 = 0xFF;

/// What one byte meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A further byte of the frame.
    Inside,
    /// Not part of a frame's text: whitespace between tokens, noise, dropped bytes, a byte order mark.
    Skip,
    /// A colon or comma between the members of the frame itself, not of something in it.
    Separator,
    /// The first byte of a frame.
    Begin,
    /// The last byte of the frame.
    End,
    /// The frame, a number at top level, ended before this byte.
    EndBefore,
    /// The grammar has no place for the byte, and nothing has changed: [`Lexer::recover`] says what now.
    Misfit,
}

/// What a byte meant that the grammar has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// It is the sentinel.
    Sentinel,
    /// It broke the frame, or is the first of a run of noise.
    Broken(FrameError),
    /// The same, and it is the first byte of the next frame.
    BrokenBegin(FrameError),
}

/// What is expected next, or what the byte stream is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    // Between frames.
    Start,
    BomBb,
    BomBf,
    Noise,
    Dropped,
    DroppedCloser,
    // Between the tokens of a frame.
    FirstName,
    Name,
    Colon,
    FirstElement,
    Value,
    AfterMember,
    AfterElement,
    // The same, where the value was closed by a bracket.
    ClosedMember,
    ClosedElement,
    // Inside a string.
    Text,
    Escape,
    Hex1,
    Hex2,
    Hex3,
    Hex4,
    HexD,
    High3,
    High4,
    LowBackslash,
    LowU,
    Low1,
    Low2,
    Tail1,
    Tail2,
    Tail3,
    TailE0,
    TailEd,
    TailF0,
    TailF4,
    // Inside a number.
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    // Inside a keyword, named after its letters so far.
    T,
    Tr,
    Tru,
    F,
    Fa,
    Fal,
    Fals,
    N,
    Nu,
    Nul,
}

/// The state machine. `scalar_then` is the state that follows the string, number or keyword being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexer {
    state: State,
    scalar_then: State,
    nesting: Nesting,
}

impl Lexer {
    pub(crate) const fn new() -> Self {
        Self { state: State::Start, scalar_then: State::Start, nesting: Nesting::new() }
    }

    /// RFC 8259's grammar, quoted beside its arms; RFC 3629 section 4 for what is not ASCII.
    #[inline(always)]
    pub(crate) fn step(&mut self, byte: u8) -> Step {
        use State::*;
        loop {
            self.state = match self.state {
                // string = quotation-mark *char quotation-mark
                Text => match byte {
                    b'"' => return self.end_scalar(),
                    // char = unescaped / escape (...)   unescaped = %x20-21 / %x23-5B / %x5D-10FFFF
                    b'\\' => Escape,
                    0x20..=0x7F => return Step::Inside,
                    0xC2..=0xDF => Tail1,
                    0xE0 => TailE0,
                    0xED => TailEd,
                    0xE1..=0xEF => Tail2,
                    0xF0 => TailF0,
                    0xF1..=0xF3 => Tail3,
                    0xF4 => TailF4,
                    _ => return Step::Misfit,
                },
                Tail1 if matches!(byte, 0x80..=0xBF) => Text,
                Tail2 if matches!(byte, 0x80..=0xBF) => Tail1,
                Tail3 if matches!(byte, 0x80..=0xBF) => Tail2,
                TailE0 if matches!(byte, 0xA0..=0xBF) => Tail1,
                TailEd if matches!(byte, 0x80..=0x9F) => Tail1,
                TailF0 if matches!(byte, 0x90..=0xBF) => Tail2,
                TailF4 if matches!(byte, 0x80..=0x8F) => Tail2,
                // escape ( %x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74 / %x75 4HEXDIG )
                Escape => match byte {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Text,
                    b'u' => Hex1,
                    _ => return Step::Misfit,
                },
                // A surrogate is half a character: D800-DBFF must be followed by an escaped DC00-DFFF (section 7).
                Hex1 if matches!(byte, b'd' | b'D') => HexD,
                Hex1 if byte.is_ascii_hexdigit() => Hex2,
                Hex2 if byte.is_ascii_hexdigit() => Hex3,
                Hex3 if byte.is_ascii_hexdigit() => Hex4,
                Hex4 if byte.is_ascii_hexdigit() => Text,
                HexD if matches!(byte, b'0'..=b'7') => Hex3,
                HexD if matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B') => High3,
                High3 if byte.is_ascii_hexdigit() => High4,
                High4 if byte.is_ascii_hexdigit() => LowBackslash,
                LowBackslash if byte == b'\\' => LowU,
                LowU if byte == b'u' => Low1,
                Low1 if matches!(byte, b'd' | b'D') => Low2,
                Low2 if matches!(byte, b'c'..=b'f' | b'C'..=b'F') => Hex3,
                // number = [ minus ] int [ frac ] [ exp ]   int = zero / ( digit1-9 *DIGIT )
                // frac = decimal-point 1*DIGIT   exp = e [ minus / plus ] 1*DIGIT
                Minus if byte == b'0' => Zero,
                Minus | Integer if byte.is_ascii_digit() => Integer,
                Zero | Integer if byte == b'.' => Point,
                Point | Fraction if byte.is_ascii_digit() => Fraction,
                Zero | Integer | Fraction if matches!(byte, b'e' | b'E') => Exponent,
                Exponent if matches!(byte, b'+' | b'-') => ExponentSign,
                Exponent | ExponentSign | ExponentDigits if byte.is_ascii_digit() => ExponentDigits,
                // A number has no last byte of its own: the byte behind it is looked at again.
                Zero | Integer | Fraction | ExponentDigits if self.scalar_then != Start => {
                    self.state = self.scalar_then;
                    continue;
                }
                Zero | Integer | Fraction | ExponentDigits if is_ws(byte) => {
                    self.state = Start;
                    return Step::EndBefore;
                }
                // true / false / null
                T if byte == b'r' => Tr,
                Tr if byte == b'u' => Tru,
                F if byte == b'a' => Fa,
                Fa if byte == b'l' => Fal,
                Fal if byte == b's' => Fals,
                N if byte == b'u' => Nu,
                Nu if byte == b'l' => Nul,
                Tru | Fals if byte == b'e' => return self.end_scalar(),
                Nul if byte == b'l' => return self.end_scalar(),
                // object = { [ member *( , member ) ] }   member = string : value
                FirstName | Name if byte == b'"' => {
                    self.scalar_then = Colon;
                    Text
                }
                Colon if byte == b':' => {
                    self.scalar_then = AfterMember;
                    return self.separator(Value);
                }
                AfterMember | ClosedMember if byte == b',' => return self.separator(Name),
                FirstName | AfterMember | ClosedMember if byte == b'}' => return self.close(),
                // array = [ [ value *( , value ) ] ]
                AfterElement | ClosedElement if byte == b',' => return self.separator(Value),
                FirstElement | AfterElement | ClosedElement if byte == b']' => return self.close(),
                // value = false / null / true / object / array / number / string
                Start | FirstElement | Value => {
                    let step = if self.state == Start { Step::Begin } else { Step::Inside };
                    self.state = match byte {
                        b'{' | b'[' => return if self.open(byte).is_some() { step } else { Step::Misfit },
                        b'"' => Text,
                        b'-' => Minus,
                        b'0' => Zero,
                        b'1'..=b'9' => Integer,
                        b't' => T,
                        b'f' => F,
                        b'n' => N,
                        // EF BB BF, the byte order mark.
                        0xEF if self.state == Start => return self.skip(BomBb),
                        _ => return blank(byte),
                    };
                    return step;
                }
                FirstName | Name | Colon | AfterMember | ClosedMember | AfterElement | ClosedElement => {
                    return blank(byte);
                }
                BomBb if byte == 0xBB => return self.skip(BomBf),
                BomBf if byte == 0xBF => return self.skip(Start),
                Noise | Dropped | DroppedCloser if byte != SENTINEL => return self.dropped(byte),
                _ => return Step::Misfit,
            };
            return Step::Inside;
        }
    }

    /// The index behind the bytes at `at` that change nothing: plain characters of a string, digits of a number.
    #[inline]
    pub(crate) fn skip_run(&self, bytes: &[u8], at: usize) -> usize {
        match self.state {
            State::Text => skip_plain(bytes, at),
            State::Integer => skip_one_by_one(bytes, at, |byte| byte.is_ascii_digit()),
            _ => at,
        }
    }

    /// Whether a frame has begun and neither ended nor broken.
    pub(crate) const fn is_open(&self) -> bool {
        use State::*;
        !matches!(self.state, Start | BomBb | BomBf | Noise | Dropped | DroppedCloser)
    }

    /// Whether the last frame ended, so that the next byte may begin another.
    pub(crate) const fn is_between(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Goes on behind a byte that the grammar has no place for. If it broke the frame, it is also the first of the bytes
    /// that are dropped, or of the next frame.
    #[cold]
    pub(crate) fn recover(&mut self, byte: u8) -> Recovery {
        use State::*;
        if byte == SENTINEL {
            *self = Self::new();
            return Recovery::Sentinel;
        }
        let too_deep = matches!(self.state, FirstElement | Value) && matches!(byte, b'{' | b'[');
        let (error, next) = match self.state {
            _ if too_deep => (FrameError::TooDeep, Dropped),
            Start | BomBb | BomBf => (FrameError::Noise, Noise),
            _ if self.nesting.depth() == 0 => (FrameError::Syntax, Noise),
            ClosedMember | ClosedElement => (FrameError::Syntax, DroppedCloser),
            _ => (FrameError::Syntax, Dropped),
        };
        *self = Self { state: next, ..Self::new() };
        match self.dropped(byte) {
            Step::Begin => Recovery::BrokenBegin(error),
            _ => Recovery::Broken(error),
        }
    }

    /// Bytes are missing here, so that whatever comes may be the middle of something.
    pub(crate) fn lost(&mut self) {
        *self = Self { state: State::Dropped, ..Self::new() };
    }

    /// Noise lasts until `{` or `[`. A broken frame lasts until `}{` or `]{`, where JSON has no place for either: what
    /// stands between the two brackets may be anything but printable ASCII.
    fn dropped(&mut self, byte: u8) -> Step {
        use State::*;
        match (self.state, byte) {
            (Noise, b'{' | b'[') | (DroppedCloser, b'{') => {
                self.open(byte);
                Step::Begin
            }
            (Dropped | DroppedCloser, b'}' | b']') => self.skip(DroppedCloser),
            (DroppedCloser, b'!'..=b'~') => self.skip(Dropped),
            (state, _) => self.skip(state),
        }
    }

    fn skip(&mut self, next: State) -> Step {
        self.state = next;
        Step::Skip
    }

    /// The closing quote, or a keyword's last letter.
    fn end_scalar(&mut self) -> Step {
        self.state = self.scalar_then;
        if self.state == State::Start { Step::End } else { Step::Inside }
    }

    fn separator(&mut self, next: State) -> Step {
        self.state = next;
        if self.nesting.depth() == 1 { Step::Separator } else { Step::Inside }
    }

    /// `None`: that is too deep, and nothing has changed.
    fn open(&mut self, byte: u8) -> Option<()> {
        use State::*;
        let (container, first, then) = match byte {
            b'{' => (Container::Object, FirstName, AfterMember),
            _ => (Container::Array, FirstElement, AfterElement),
        };
        self.nesting.open(container)?;
        (self.state, self.scalar_then) = (first, then);
        Some(())
    }

    fn close(&mut self) -> Step {
        use State::*;
        (self.state, self.scalar_then) = match self.nesting.close() {
            Some(Container::Object) => (ClosedMember, AfterMember),
            Some(Container::Array) => (ClosedElement, AfterElement),
            None => (Start, Start),
        };
        if self.state == Start { Step::End } else { Step::Inside }
    }
}

const fn blank(byte: u8) -> Step {
    if is_ws(byte) { Step::Skip } else { Step::Misfit }
}

/// ws of RFC 8259 section 2.
const fn is_ws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// unescaped of RFC 8259 section 7, as far as it is ASCII.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7F) && !matches!(byte, b'"' | b'\\')
}

/// Eight at a time, while there are eight.
#[inline]
fn skip_plain(bytes: &[u8], mut at: usize) -> usize {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((word, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        let less = |limit: u8, word: u64| word.wrapping_sub(EACH.wrapping_mul(limit as u64));
        let equal = |byte: u8| less(1, word ^ EACH.wrapping_mul(byte as u64));
        let odd = (word | less(0x20, word) | equal(b'"') | equal(b'\\')) & EACH << 7;
        if odd != 0 {
            return at.wrapping_add(odd.trailing_zeros() as usize / 8);
        }
        at = at.wrapping_add(8);
        rest = behind;
    }
    skip_one_by_one(bytes, at, is_plain)
}

#[inline]
fn skip_one_by_one(bytes: &[u8], at: usize, is_one: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at.wrapping_add(rest.iter().take_while(|byte| is_one(**byte)).count())
}
