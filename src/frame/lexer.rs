//! One byte in, one [`Step`] out: RFC 8259, strict UTF-8 and the sentinel, without a buffer.
//!
//! The lexer knows where a frame begins, ends and breaks, and where the next one may begin. It stores no byte: what
//! to keep is the decoder's to say.

use core::num::Wrapping;

use super::nesting::{Container, Nesting};
use crate::error::FrameError;
use crate::offset::Offset;
use crate::target::FLASH_IS_SHORT;

/// What one byte meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A further byte of the frame.
    Inside,
    /// The same, a plain character of a string. On targets with flash to spare also the last byte of any other, and of an
    /// escape.
    Plain,
    /// The same, the quotation mark that begins a string.
    Quote,
    /// The same, a digit of an integer.
    Digit,
    /// Not part of a frame's text: whitespace between tokens, noise, dropped bytes, a byte order mark.
    Skip,
    /// A colon or comma.
    Separator,
    /// The first byte of a frame.
    Begin,
    /// The last byte of a string, keyword, array or object, and of the frame if that leaves none open.
    End,
    /// The frame, a number at top level, ended before this byte.
    EndBefore,
    /// Bytes are being dropped, and nothing has changed: [`Lexer::recover`] says whether this one is.
    Dropping,
    /// The grammar has no place for the byte, and nothing has changed: [`Lexer::recover`] says what now.
    Misfit,
}

/// What is expected next, or what the byte stream is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    // Between frames.
    Start,
    BomBb,
    BomBf,
    // While bytes are dropped, named after what came last, in an order that makes the tests for some of
    // them one comparison.
    /// As `Dropped`, and the first printable byte gives an error.
    Lost,
    /// A byte after which JSON goes on.
    Dropped,
    Word,
    /// Bytes between frames.
    Noise,
    Prompt,
    Closer,
    /// A line break after `Closer`.
    CloserLine,
    /// A line break after `Word`.
    Line,
    // Between the tokens of a frame.
    FirstName,
    Name,
    Colon,
    FirstElement,
    Value,
    AfterMember,
    AfterElement,
    // After a member or an element that a bracket closed.
    Closed,
    // Inside a string.
    String,
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

/// The state machine. `scalar_then` is the state after the string, number or keyword being read, and after a closing
/// bracket.
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

    /// RFC 8259's grammar, quoted above its arms.
    #[cfg_attr(target_pointer_width = "64", inline(always))] // into the loop of each way in
    #[cfg_attr(target_pointer_width = "32", inline(never))] // one for push and push_slice: 1460 bytes of flash less
    pub(crate) fn step(&mut self, byte: u8) -> Step {
        use State::*;
        // string = quotation-mark *char quotation-mark
        if self.state == String {
            return self.string(byte);
        }
        self.state = match self.state {
            // unescaped = %x20-21 / %x23-5B / %x5D-10FFFF
            // Its further bytes in UTF-8 (RFC 3629 section 4).
            Tail1 if matches!(byte, 0x80..=0xBF) => String,
            Tail2 if matches!(byte, 0x80..=0xBF) => Tail1,
            Tail3 if matches!(byte, 0x80..=0xBF) => Tail2,
            TailE0 if matches!(byte, 0xA0..=0xBF) => Tail1,
            TailEd if matches!(byte, 0x80..=0x9F) => Tail1,
            TailF0 if matches!(byte, 0x90..=0xBF) => Tail2,
            TailF4 if matches!(byte, 0x80..=0x8F) => Tail2,
            // escape ( %x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74 / %x75 4HEXDIG )
            Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => String,
                b'u' => Hex1,
                _ => return Step::Misfit,
            },
            // A surrogate is half a character: D800-DBFF must be followed by an escaped DC00-DFFF (section 7).
            Hex1 if matches!(byte, b'd' | b'D') => HexD,
            Hex1 if byte.is_ascii_hexdigit() => Hex2,
            Hex2 if byte.is_ascii_hexdigit() => Hex3,
            Hex3 if byte.is_ascii_hexdigit() => Hex4,
            Hex4 if byte.is_ascii_hexdigit() => String,
            HexD if matches!(byte, b'0'..=b'7') => Hex3,
            HexD if matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B') => High3,
            High3 if byte.is_ascii_hexdigit() => High4,
            High4 if byte.is_ascii_hexdigit() => LowBackslash,
            LowBackslash if byte == b'\\' => LowU,
            LowU if byte == b'u' => Low1,
            Low1 if matches!(byte, b'd' | b'D') => Low2,
            Low2 if matches!(byte, b'c'..=b'f' | b'C'..=b'F') => Hex3,
            // number = [ minus ] int [ frac ] [ exp ]   int = zero / ( digit1-9 *DIGIT )
            Minus if byte == b'0' => Zero,
            Minus | Integer if byte.is_ascii_digit() => {
                self.state = Integer;
                return Step::Digit;
            }
            // frac = decimal-point 1*DIGIT
            Zero | Integer if byte == b'.' => Point,
            Point | Fraction if byte.is_ascii_digit() => Fraction,
            // exp = e [ minus / plus ] 1*DIGIT
            Zero | Integer | Fraction if matches!(byte, b'e' | b'E') => Exponent,
            Exponent if matches!(byte, b'+' | b'-') => ExponentSign,
            Exponent | ExponentSign | ExponentDigits if byte.is_ascii_digit() => ExponentDigits,
            // A number has no last byte of its own, it ends before the first that is not part of it.
            Zero | Integer | Fraction | ExponentDigits if is_ws(byte) => {
                self.state = self.scalar_then;
                return if self.state == Start { Step::EndBefore } else { Step::Skip };
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
            // object = begin-object [ member *( value-separator member ) ] end-object
            // member = string name-separator value
            FirstName | Name if byte == b'"' => {
                (self.state, self.scalar_then) = (String, Colon);
                return Step::Quote;
            }
            Colon if byte == b':' => {
                self.scalar_then = AfterMember;
                return self.separator(Value);
            }
            FirstName if byte == b'}' => return self.close(),
            // array = begin-array [ value *( value-separator value ) ] end-array
            FirstElement if byte == b']' => return self.close(),
            Zero | Integer | Fraction | ExponentDigits | AfterMember | AfterElement | Closed => {
                return match (self.scalar_then, byte) {
                    (AfterMember, b',') => self.separator(Name),
                    (AfterElement, b',') => self.separator(Value),
                    (AfterMember, b'}') | (AfterElement, b']') => self.close(),
                    _ => blank(byte),
                };
            }
            // EF BB BF, the byte order mark.
            Start if byte == 0xEF => return self.skip(BomBb),
            BomBb if byte == 0xBB => return self.skip(BomBf),
            BomBf if byte == 0xBF => return self.skip(Start),
            // value = false / null / true / object / array / number / string
            state @ (Start | FirstElement | Value) => {
                return match self.value(byte) {
                    Step::Inside | Step::Quote | Step::Digit if state == Start => Step::Begin,
                    step => step,
                };
            }
            FirstName | Name | Colon => return blank(byte),
            Lost | Dropped | Word | Noise | Prompt | Closer | CloserLine | Line => return Step::Dropping,
            _ => return Step::Misfit,
        };
        if !FLASH_IS_SHORT && self.state == String { Step::Plain } else { Step::Inside }
    }

    /// Whether the byte is a plain character of a string, which changes nothing.
    pub(crate) fn is_plain(&self, byte: u8) -> bool {
        self.state == State::String && is_plain(byte)
    }

    /// Whether the next byte is a string's, and not in the middle of an escape or a character.
    pub(crate) fn is_in_string(&self) -> bool {
        self.state == State::String
    }

    /// How many brackets are open.
    pub(crate) const fn depth(&self) -> usize {
        self.nesting.depth()
    }

    /// value = false / null / true / object / array / number / string
    fn value(&mut self, byte: u8) -> Step {
        use State::*;
        self.state = match byte {
            b'"' => {
                self.state = String;
                return Step::Quote;
            }
            b'{' => return self.open(Container::Object),
            b'[' => return self.open(Container::Array),
            b'-' => Minus,
            b'0' => Zero,
            b'1'..=b'9' => Integer,
            b't' => T,
            b'f' => F,
            b'n' => N,
            _ => return blank(byte),
        };
        Step::Inside
    }

    /// A byte inside a string: one of `*char`, or the closing quotation mark.
    #[inline(always)] // opt-level z would keep a call that is longer
    pub(crate) fn string(&mut self, byte: u8) -> Step {
        use State::*;
        self.state = match byte {
            b'"' => return self.end_scalar(),
            // char = unescaped / escape (...)   unescaped = %x20-21 / %x23-5B / %x5D-10FFFF
            b'\\' => Escape,
            0x20..=0x7F => return Step::Plain,
            0xC2..=0xDF => Tail1,
            0xE0 => TailE0,
            0xED => TailEd,
            0xE1..=0xEF => Tail2,
            0xF0 => TailF0,
            0xF1..=0xF3 => Tail3,
            0xF4 => TailF4,
            _ => return Step::Misfit,
        };
        Step::Inside
    }

    /// Whether a frame has begun and neither ended nor broken.
    pub(crate) const fn is_open(&self) -> bool {
        use State::*;
        !self.is_dropping() && !matches!(self.state, Start | BomBb | BomBf)
    }

    /// Whether the last frame ended, so that the next byte may begin another.
    pub(crate) const fn is_between(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Goes on with a byte that the grammar has no place for, other than the sentinel: the error that it makes, if any.
    ///
    /// The byte is dropped, or is the first of a frame, which is then open.
    pub(crate) fn recover(&mut self, byte: u8) -> Option<FrameError> {
        use State::*;
        let before = self.state;
        if !self.is_dropping() {
            *self = Self { state: self.broken(), ..Self::new() };
        }
        self.drop_byte(byte);
        match before {
            Lost if self.state != Lost => Some(FrameError::Lost),
            Lost | Dropped | Word | Noise | Prompt | Closer | CloserLine | Line => None,
            Start | BomBb | BomBf => Some(FrameError::Noise),
            FirstElement | Value if matches!(byte, b'{' | b'[') => Some(FrameError::TooDeep),
            _ => Some(FrameError::Syntax),
        }
    }

    const fn is_dropping(&self) -> bool {
        use State::*;
        matches!(self.state, Lost | Dropped | Word | Noise | Prompt | Closer | CloserLine | Line)
    }

    /// Takes a byte that is known to be wrong: it may have been any byte.
    pub(crate) fn corrupted(&mut self) -> Result<(), FrameError> {
        use State::*;
        let (result, state) = match self.state {
            Noise | Prompt | Lost | CloserLine => return Ok(()),
            Dropped | Word | Closer | Line => (Ok(()), Dropped),
            // If it was the `{` of a request, a name follows, and no object of that request may begin a frame.
            Start | BomBb | BomBf => (Err(FrameError::Noise), CloserLine),
            _ => match self.broken() {
                Closer | Word => (Err(FrameError::Syntax), Dropped),
                state => (Err(FrameError::Syntax), state),
            },
        };
        *self = Self { state, ..Self::new() };
        result
    }

    /// Bytes are missing here, so that whatever comes may be the middle of something.
    ///
    /// Reported once: now if a frame was open, or else with the first printable byte that is dropped, because a frame may
    /// have begun among the missing bytes.
    pub(crate) fn lost(&mut self) -> Result<(), FrameError> {
        use State::*;
        let (result, state) = match self.state {
            Dropped | Word | Line => (Ok(()), Dropped),
            Start | BomBb | BomBf | Lost | Noise | Prompt | Closer | CloserLine => (Ok(()), Lost),
            _ => (Err(FrameError::Lost), Dropped),
        };
        *self = Self { state, ..Self::new() };
        result
    }

    /// Where dropping starts if the frame breaks here.
    fn broken(&self) -> State {
        use State::*;
        if self.depth() == 0 {
            Noise
        } else if matches!(self.state, FirstElement | T | Tr | Tru | F | Fa | Fal | Fals | N | Nu | Nul)
            && self.in_outer_array()
        {
            Prompt
        } else if self.state == Closed {
            Closer
        } else if matches!(self.state, FirstName | Name | Colon | FirstElement | Value | AfterMember | AfterElement) {
            Dropped
        } else {
            Word
        }
    }

    fn in_outer_array(&self) -> bool {
        self.depth() == 1 && self.nesting.innermost() == Some(Container::Array)
    }

    /// Where the next frame may begin: after noise at `{` or `[`, after a prompt at `{`, after a broken frame
    ///
    /// * at a `{` with no printable byte between it and a `}` or `]` before it: JSON has no place for `}{`;
    /// * at a `{` directly after a line break, unless JSON would go on there;
    /// * after a line that ended in `}` or `]`, at a byte with which JSON cannot go on: `{` or `[` begin a frame, any
    ///   other is a prompt's first.
    fn drop_byte(&mut self, byte: u8) {
        use State::*;
        let dropped = self.state;
        let begins = match byte {
            b'{' => !matches!(dropped, Lost | Dropped | Word),
            b'[' => matches!(dropped, Noise | CloserLine),
            _ => false,
        };
        if begins {
            self.open(if byte == b'{' { Container::Object } else { Container::Array });
        } else if !matches!(dropped, Noise | Prompt) {
            self.state = match byte {
                b'}' | b']' => Closer,
                b'{' | b'[' | b',' | b':' | b'"' => Dropped,
                b'\n' | b'\r' if dropped == Closer => CloserLine,
                b'\n' | b'\r' if dropped == Word => Line,
                b'\n' | b'\r' => dropped,
                b' ' | b'\t' if dropped != Line => dropped,
                _ if dropped == CloserLine => Prompt,
                _ if dropped == Line || matches!(byte, b'!'..=b'~') => Word,
                _ => dropped,
            };
        }
    }

    fn skip(&mut self, next: State) -> Step {
        self.state = next;
        Step::Skip
    }

    /// The closing quote, or a keyword's last letter.
    fn end_scalar(&mut self) -> Step {
        self.state = self.scalar_then;
        Step::End
    }

    fn separator(&mut self, next: State) -> Step {
        self.state = next;
        Step::Separator
    }

    fn open(&mut self, container: Container) -> Step {
        use State::*;
        let (first, then) = match container {
            Container::Object => (FirstName, AfterMember),
            Container::Array => (FirstElement, AfterElement),
        };
        match self.nesting.open(container) {
            Some(()) => {
                (self.state, self.scalar_then) = (first, then);
                Step::Inside
            }
            None => Step::Misfit,
        }
    }

    fn close(&mut self) -> Step {
        use State::*;
        (self.state, self.scalar_then) = match self.nesting.close() {
            Some(Container::Object) => (Closed, AfterMember),
            Some(Container::Array) => (Closed, AfterElement),
            None => (Start, Start),
        };
        Step::End
    }
}

const fn blank(byte: u8) -> Step {
    if is_ws(byte) { Step::Skip } else { Step::Misfit }
}

/// ws = *( %x20 / %x09 / %x0A / %x0D )
pub(crate) const fn is_ws(byte: u8) -> bool {
    const WS: u64 = 1 << b'\t' | 1 << b'\n' | 1 << b'\r' | 1 << b' ';
    WS.unbounded_shr(byte as u32) & 1 != 0
}

/// unescaped of RFC 8259 section 7, as far as it is ASCII.
pub(crate) const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7F) && !matches!(byte, b'"' | b'\\')
}

/// How many bytes of whole characters and escapes there are from `at` on, but for some near the end of the bytes.
///
/// In a string, none of them changes the lexer's state. What is not whole, or wrong, is left to [`Lexer::string`].
#[inline(never)] // the caller's loop wants all registers
pub(crate) fn whole_from(bytes: &[u8], at: usize) -> usize {
    const LONGEST: usize = 12;
    let from = bytes.get(at..).unwrap_or_default();
    let mut rest = from;
    while let Some(ahead) = rest.first_chunk::<LONGEST>() {
        let length = match *ahead {
            [b'"', ..] => break,
            [b'\\', ..] => escape(ahead),
            [0x80..=0xFF, ..] => beyond_ascii(rest),
            _ => match plain_in_words(ahead.first_chunk::<WORD>().map_or(&[], |word| word)) {
                WORD => plain_from(rest, 0),
                few => few,
            },
        };
        if length == 0 {
            break;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Offset::of_rest(rest, from).index()
}

/// How long the escape is that comes first, or 0.
fn escape(ahead: &[u8; 12]) -> usize {
    match *ahead {
        // escape ( %x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74 / %x75 4HEXDIG )
        [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
        [
            b'\\',
            b'u',
            b'd' | b'D',
            b'8' | b'9' | b'a' | b'b' | b'A' | b'B',
            a,
            b,
            b'\\',
            b'u',
            b'd' | b'D',
            b'c'..=b'f' | b'C'..=b'F',
            c,
            d,
        ] if are_hex([a, b, c, d]) => 12,
        [b'\\', b'u', b'd' | b'D', b'0'..=b'7', a, b, ..] if are_hex([b'0', b'0', a, b]) => 6,
        [b'\\', b'u', a, b, c, d, ..] if !matches!(a, b'd' | b'D') && are_hex([a, b, c, d]) => 6,
        _ => 0,
    }
}

/// How long the character beyond ASCII is that comes first, with more of its kind if that has three bytes, or 0.
fn beyond_ascii(bytes: &[u8]) -> usize {
    match bytes {
        // RFC 3629 section 4
        [0xC2..=0xDF, 0x80..=0xBF, ..] => 2,
        [0xE0..=0xEF, ..] => of_three_bytes(bytes),
        [0xF0, 0x90..=0xBF, 0x80..=0xBF, 0x80..=0xBF, ..] => 4,
        [0xF1..=0xF3, 0x80..=0xBF, 0x80..=0xBF, 0x80..=0xBF, ..] => 4,
        [0xF4, 0x80..=0x8F, 0x80..=0xBF, 0x80..=0xBF, ..] => 4,
        _ => 0,
    }
}

/// How many bytes of whole characters of three bytes come first: Chinese and Japanese text is made of them.
fn of_three_bytes(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some(ahead) = rest.first_chunk::<4>() {
        let word = u32::from_le_bytes(*ahead);
        // RFC 3629 section 4: 1110xxxx 10xxxxxx 10xxxxxx. E0 is followed by A0-BF, and ED by 80-9F.
        let is_character = word & 0xC0_C0F0 == 0x80_80E0;
        let is_usual = 0xDFFE_u16.unbounded_shr(word & 0xF) & 1 != 0;
        if !is_character || !is_usual && !matches!(word & 0x200F, 0x2000 | 0x000D) {
            break;
        }
        rest = rest.get(3..).unwrap_or_default();
    }
    Offset::of_rest(rest, bytes).index()
}

fn are_hex(digits: [u8; 4]) -> bool {
    digits.iter().fold(true, |hex, digit| hex & digit.is_ascii_hexdigit())
}

const WORD: usize = size_of::<usize>();

/// How many plain characters there are from `at` on, but for some near the end of the bytes.
#[cfg_attr(target_pointer_width = "64", inline)]
pub(crate) fn plain_from(bytes: &[u8], at: usize) -> usize {
    const NEAR: usize = 4 * WORD;
    let rest = bytes.get(at..);
    if FLASH_IS_SHORT {
        return plain_in_words(rest.unwrap_or_default());
    }
    match rest.and_then(<[u8]>::first_chunk::<NEAR>).map(|near| plain_in_words(near)) {
        Some(plain) if plain < NEAR => plain,
        _ => plain_in_pieces(rest.unwrap_or_default()),
    }
}

/// The same for a long string, and near the end of the bytes.
#[inline(never)]
fn plain_in_pieces(bytes: &[u8]) -> usize {
    const PIECE: usize = 16 * WORD;
    let mut rest = bytes;
    while let Some((piece, after)) = rest.split_first_chunk::<PIECE>() {
        // Each byte of it without a branch: that becomes vector instructions.
        if !piece.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
            break;
        }
        rest = after;
    }
    rest = rest.get(plain_in_words(rest)..).unwrap_or_default();
    while let Some((byte, after)) = rest.split_first() {
        if !is_plain(*byte) {
            break;
        }
        rest = after;
    }
    Offset::of_rest(rest, bytes).index()
}

/// The same, but for the bytes after the last whole word.
#[inline]
fn plain_in_words(bytes: &[u8]) -> usize {
    let words = bytes.chunks_exact(WORD).filter_map(<[u8]>::first_chunk).map(odd_bytes);
    let odd = (0..).step_by(WORD).zip(words).find(|(_, odd)| *odd != 0);
    match odd {
        Some((at, odd)) => at | (odd.trailing_zeros() as usize / 8),
        None => bytes.len() & !(WORD - 1),
    }
}

/// The high bit of each byte of a word that is not a plain character, exact up to the first.
fn odd_bytes(word: &[u8; WORD]) -> usize {
    const EACH: Wrapping<usize> = Wrapping(usize::MAX / 0xFF);
    let word = Wrapping(usize::from_le_bytes(*word));
    let below = |limit: usize, word: Wrapping<usize>| word - EACH * Wrapping(limit);
    // 0x20 and less, the quote too, are 0x20 and less once bit 1 is turned.
    let odd = word | below(0x21, word ^ (EACH << 1)) | below(1, word ^ (EACH * Wrapping(b'\\' as usize)));
    (odd & (EACH << 7)).0
}
