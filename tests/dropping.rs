//! Rule 4 as a table: in each of the five states of dropping, each of the 256 bytes leads to the state it should. A
//! state shows in what can begin a frame from there.

use embedded_hal_nb::serial::{self, ErrorKind};
use guestwire::{Agent, Decoder, frame::FrameError};

/// What came last while bytes are dropped, or what a dropped byte led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropping {
    /// JSON would go on.
    GoesOn,
    Closer,
    Word,
    Line,
    CloserLine,
    /// Dropped up to `{`.
    Prompt,
    /// A frame is open.
    Frame,
}

use Dropping::*;

/// Where a frame has just broken, and what has come since.
const PLACES: [(&[u8], Dropping); 13] = [
    (b"{,", GoesOn),
    (b"[1,}", Closer),
    (b"{,}", Closer),
    (b"{,]", Closer),
    (b"{,x", Word),
    (b"{\"a\":1x", Word),
    (b"{\"a\n", Line),
    (b"{,x\n", Line),
    (b"{,x \r", Line),
    (b"{,}\n", CloserLine),
    (b"{,} \x80\r", CloserLine),
    (b"{,}\nx", Prompt),
    (b"[root@", Prompt),
];

/// The table, but for the prompt, which ends at `{` only.
fn next(state: Dropping, byte: u8) -> Dropping {
    match (state, byte) {
        (Closer | Line | CloserLine | Prompt, b'{') | (CloserLine, b'[') => Frame,
        (Prompt, _) => Prompt,
        (_, b'}' | b']') => Closer,
        (_, b'{' | b'[' | b',' | b':' | b'"') => GoesOn,
        (Closer | CloserLine, b'\n' | b'\r') => CloserLine,
        (Word | Line, b'\n' | b'\r') => Line,
        (GoesOn, b'\n' | b'\r') => GoesOn,
        (CloserLine, b' ' | b'\t') => CloserLine,
        (CloserLine, _) => Prompt,
        (Line, _) => Word,
        (_, 0x21..=0x7E) => Word,
        _ => state,
    }
}

/// Whether a frame is open: a control character breaks one, and nothing else draws an error here.
fn is_open(decoder: &Decoder<64>) -> bool {
    decoder.clone().push(0x01) == Err(FrameError::Syntax)
}

/// The state, by what begins a frame.
fn state(decoder: &Decoder<64>) -> Dropping {
    if is_open(decoder) {
        return Frame;
    }
    let begins = [&b"{"[..], b"[", b"\n{", b"x{", b" {"].map(|bytes| {
        let mut decoder = decoder.clone();
        bytes.iter().for_each(|byte| assert_eq!(decoder.push(*byte), Ok(None), "{}", bytes.escape_ascii()));
        is_open(&decoder)
    });
    match begins {
        [false, false, false, false, false] => GoesOn,
        [false, false, true, false, false] => Word,
        [true, false, true, false, true] => Closer,
        [true, false, true, false, false] => Line,
        [true, true, true, true, true] => CloserLine,
        [true, false, true, true, true] => Prompt,
        other => panic!("no state lets these begin a frame: {other:?}"),
    }
}

#[test]
fn each_byte_leads_to_its_state() {
    for (before, due) in PLACES {
        let mut decoder: Decoder<64> = Decoder::new();
        let errors = before.iter().filter(|byte| decoder.push(**byte).is_err()).count();
        assert_eq!((state(&decoder), errors), (due, 1), "{}", before.escape_ascii());
        for byte in 0..0xFF {
            let mut decoder = decoder.clone();
            assert_eq!(decoder.push(byte), Ok(None));
            assert_eq!(state(&decoder), next(due, byte), "{} then {byte:#04x}", before.escape_ascii());
        }
    }
}

/// The byte that breaks a frame is the first that is dropped, after the place where it broke.
#[test]
fn the_byte_that_breaks_a_frame_counts() {
    for (before, place) in [
        (&b"{"[..], GoesOn),
        (b"{\"a\"", GoesOn),
        (b"{\"a\":", GoesOn),
        (b"[1,", GoesOn),
        (b"{\"a\":[]", Closer),
        (b"[0,{}", Closer),
        (b"{\"a", Word),
        (b"[0,\"\\", Word),
        (b"[0,1", Word),
        (b"{\"a\":tr", Word),
    ] {
        for byte in 0..0xFF {
            let mut decoder: Decoder<64> = Decoder::new();
            assert_eq!(decoder.push_slice(before).1, Ok(None));
            if decoder.push(byte) == Err(FrameError::Syntax) {
                assert_eq!(state(&decoder), next(place, byte), "{} then {byte:#04x}", before.escape_ascii());
            }
        }
    }
}

/// A byte known to be wrong is a byte, a lost one is a gap.
#[test]
fn a_uart_tells_wrong_bytes_from_lost_ones() {
    struct Uart(Vec<u8>, ErrorKind, bool);

    impl serial::ErrorType for Uart {
        type Error = ErrorKind;
    }

    impl serial::Read for Uart {
        fn read(&mut self) -> nb::Result<u8, ErrorKind> {
            match self.0.pop() {
                Some(byte) => Ok(byte),
                None if std::mem::replace(&mut self.2, true) => Err(nb::Error::WouldBlock),
                None => Err(nb::Error::Other(self.1)),
            }
        }
    }

    impl serial::Write for Uart {
        fn write(&mut self, _: u8) -> nb::Result<(), ErrorKind> {
            Err(nb::Error::WouldBlock)
        }

        fn flush(&mut self) -> nb::Result<(), ErrorKind> {
            Ok(())
        }
    }

    for (kind, error) in [
        (ErrorKind::Overrun, FrameError::Lost),
        (ErrorKind::FrameFormat, FrameError::Syntax),
        (ErrorKind::Parity, FrameError::Syntax),
        (ErrorKind::Noise, FrameError::Syntax),
    ] {
        let mut agent: Agent<(), 256, 512> = Agent::new(());
        agent.poll_nb(&mut Uart(b"{\"execute\"".iter().rev().copied().collect(), kind, false)).unwrap();
        let answer = String::from_utf8(agent.transmit().to_vec()).unwrap();
        assert!(answer.contains(error.desc()), "{kind:?}: {answer}");
    }
}
