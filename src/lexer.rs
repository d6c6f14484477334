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
    /// Not part of a frame's text: whitespace between tokens, noise, dropped bytes, a byte order mark.
    Skip,
    /// The first byte of a frame.
    Begin,
    /// A further byte of the frame.
    Inside,
    /// A colon or comma between the members of the frame itself, not of something in it.
    Separator,
    /// The last byte of the frame.
    End,
    /// The frame, a number at top level, ended before this byte.
    EndBefore,
    /// The sentinel.
    Sentinel,
    /// The byte broke the frame, or is the first of a run of noise.
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
    AfterValue,
    AfterCloser,
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
    ///
    /// The sentinel fits no arm, so that [`broken`](Self::broken) and [`dropped`](Self::dropped) are where it is met.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8) -> Step {
        use State::*;
        self.state = match self.state {
            // string = quotation-mark *char quotation-mark
            Text => match byte {
                b'"' => return self.scalar_end(),
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
                _ => return self.broken(byte),
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
                _ => return self.broken(byte),
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
            Minus if byte.is_ascii_digit() => Integer,
            Integer if byte.is_ascii_digit() => return Step::Inside,
            Zero | Integer if byte == b'.' => Point,
            Point | Fraction if byte.is_ascii_digit() => Fraction,
            Zero | Integer | Fraction if matches!(byte, b'e' | b'E') => Exponent,
            Exponent if matches!(byte, b'+' | b'-') => ExponentSign,
            Exponent | ExponentSign | ExponentDigits if byte.is_ascii_digit() => ExponentDigits,
            Zero | Integer | Fraction | ExponentDigits => return self.number_end(byte),
            // true / false / null
            T if byte == b'r' => Tr,
            Tr if byte == b'u' => Tru,
            F if byte == b'a' => Fa,
            Fa if byte == b'l' => Fal,
            Fal if byte == b's' => Fals,
            N if byte == b'u' => Nu,
            Nu if byte == b'l' => Nul,
            Tru | Fals if byte == b'e' => return self.scalar_end(),
            Nul if byte == b'l' => return self.scalar_end(),
            // object = { [ member *( , member ) ] }   member = string : value   array = [ [ value *( , value ) ] ]
            Start | FirstName | Name | Colon | FirstElement | Value if is_ws(byte) => return Step::Skip,
            FirstName | Name if byte == b'"' => {
                self.scalar_then = Colon;
                Text
            }
            FirstName if byte == b'}' => return self.close(Container::Object, byte),
            Colon if byte == b':' => return self.separator(Value),
            FirstElement if byte == b']' => return self.close(Container::Array, byte),
            FirstElement | Value => return self.value(byte),
            AfterValue | AfterCloser => return self.after_value(byte),
            // Between frames. EF BB BF is the byte order mark.
            Start if byte == 0xEF => return self.skip(BomBb),
            BomBb if byte == 0xBB => return self.skip(BomBf),
            BomBf if byte == 0xBF => return self.skip(Start),
            Start => return self.value(byte),
            Noise | Dropped | DroppedCloser => return self.dropped(byte),
            _ => return self.broken(byte),
        };
        Step::Inside
    }

    /// Whether a frame has begun and neither ended nor broken.
    pub(crate) const fn is_open(&self) -> bool {
        use State::*;
        !matches!(self.state, Start | BomBb | BomBf | Noise | Dropped | DroppedCloser)
    }

    /// Bytes are missing here, so that whatever comes may be the middle of something.
    pub(crate) fn lost(&mut self) {
        *self = Self { state: State::Dropped, ..Self::new() };
    }

    /// value = false / null / true / object / array / number / string
    fn value(&mut self, byte: u8) -> Step {
        use State::*;
        let step = if self.state == Start { Step::Begin } else { Step::Inside };
        self.scalar_then = if self.nesting.depth() == 0 { Start } else { AfterValue };
        self.state = match byte {
            b'{' | b'[' => match self.open(byte) {
                Some(()) => return step,
                None => return self.too_deep(),
            },
            b'"' => Text,
            b'-' => Minus,
            b'0' => Zero,
            b'1'..=b'9' => Integer,
            b't' => T,
            b'f' => F,
            b'n' => N,
            _ => return self.broken(byte),
        };
        step
    }

    fn open(&mut self, byte: u8) -> Option<()> {
        let (container, next) = match byte {
            b'{' => (Container::Object, State::FirstName),
            _ => (Container::Array, State::FirstElement),
        };
        self.nesting.open(container)?;
        self.state = next;
        Some(())
    }

    /// The closing quote, or a keyword's last letter.
    fn scalar_end(&mut self) -> Step {
        self.state = self.scalar_then;
        if self.state == State::Start { Step::End } else { Step::Inside }
    }

    /// A number has no last byte of its own: it ends before a byte that may follow it.
    fn number_end(&mut self, byte: u8) -> Step {
        match self.scalar_then {
            State::Start if is_ws(byte) => {
                self.state = State::Start;
                Step::EndBefore
            }
            State::Start => self.broken(byte),
            then => {
                self.state = then;
                self.after_value(byte)
            }
        }
    }

    /// end-array / end-object / value-separator
    fn after_value(&mut self, byte: u8) -> Step {
        match (byte, self.nesting.innermost()) {
            (b' ' | b'\t' | b'\n' | b'\r', _) => Step::Skip,
            (b',', Some(Container::Object)) => self.separator(State::Name),
            (b',', _) => self.separator(State::Value),
            (b'}', _) => self.close(Container::Object, byte),
            (b']', _) => self.close(Container::Array, byte),
            _ => self.broken(byte),
        }
    }

    fn separator(&mut self, next: State) -> Step {
        self.state = next;
        if self.nesting.depth() == 1 { Step::Separator } else { Step::Inside }
    }

    fn close(&mut self, container: Container, byte: u8) -> Step {
        if self.nesting.close(container).is_none() {
            return self.broken(byte);
        }
        if self.nesting.depth() == 0 {
            self.state = State::Start;
            Step::End
        } else {
            self.state = State::AfterCloser;
            Step::Inside
        }
    }

    fn skip(&mut self, next: State) -> Step {
        self.state = next;
        Step::Skip
    }

    /// Noise lasts until `{` or `[`. A broken frame lasts until `}{` or `]{`, where JSON has no place for either: what
    /// stands between the two brackets may be anything but printable ASCII.
    fn dropped(&mut self, byte: u8) -> Step {
        use State::*;
        match (self.state, byte) {
            (_, SENTINEL) => self.sentinel(),
            (Noise, b'{' | b'[') | (DroppedCloser, b'{') => {
                self.open(byte);
                Step::Begin
            }
            (Dropped | DroppedCloser, b'}' | b']') => self.skip(DroppedCloser),
            (DroppedCloser, b'!'..=b'~') => self.skip(Dropped),
            (state, _) => self.skip(state),
        }
    }

    /// No arm fits. The byte that broke the frame is the first of those dropped, or of the next frame.
    #[cold]
    fn broken(&mut self, byte: u8) -> Step {
        let error = match self.state {
            State::Start | State::BomBb | State::BomBf => FrameError::Noise,
            _ => FrameError::Syntax,
        };
        self.state = match self.state {
            _ if self.nesting.depth() == 0 => State::Noise,
            State::AfterCloser => State::DroppedCloser,
            _ => State::Dropped,
        };
        self.nesting = Nesting::new();
        match self.dropped(byte) {
            Step::Sentinel => Step::Sentinel,
            Step::Begin => Step::BrokenBegin(error),
            _ => Step::Broken(error),
        }
    }

    #[cold]
    fn too_deep(&mut self) -> Step {
        self.lost();
        Step::Broken(FrameError::TooDeep)
    }

    fn sentinel(&mut self) -> Step {
        *self = Self::new();
        Step::Sentinel
    }
}

/// ws of RFC 8259 section 2.
const fn is_ws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
