//! The framing rules of docs/wire-format.md, a table each. Expected outcomes are `frame`, `Error` or `FF`, separated by
//! `|`.

mod reference;

use guestwire::{
    Decoder, Event,
    frame::{FrameError, MAX_DEPTH},
};
use reference::{Due, Input};

/// The outcomes of `bytes` in a decoder of 64 bytes.
fn outcome(bytes: &[u8]) -> String {
    outcome_in(&mut Decoder::<64>::new(), bytes)
}

fn outcome_in<const N: usize>(decoder: &mut Decoder<N>, bytes: &[u8]) -> String {
    let mut outcomes = Vec::new();
    for byte in bytes {
        outcomes.extend(shown(decoder.push(*byte)));
    }
    unescaped(&outcomes.join(" | "))
}

fn outcome_in_slice<const N: usize>(decoder: &mut Decoder<N>, bytes: &[u8]) -> String {
    let mut rest = bytes;
    let mut outcomes = Vec::new();
    while !rest.is_empty() {
        let (taken, event) = decoder.push_slice(rest);
        rest = &rest[taken..];
        outcomes.extend(shown(event));
    }
    unescaped(&outcomes.join(" | "))
}

fn shown(outcome: Result<Option<Event<'_>>, FrameError>) -> Option<String> {
    match outcome {
        Ok(None) => None,
        Ok(Some(Event::Sentinel)) => Some("FF".to_owned()),
        Ok(Some(Event::Frame(frame))) => Some(frame.as_bytes().escape_ascii().to_string()),
        Err(error) => Some(format!("{error:?}")),
    }
}

fn unescaped(shown: &str) -> String {
    shown.replace("\\\"", "\"").replace("\\\\", "\\")
}

#[track_caller]
fn check<B: AsRef<[u8]>>(cases: &[(B, &str)]) {
    for (bytes, due) in cases {
        let bytes = bytes.as_ref();
        assert_eq!(outcome(bytes), *due, "{}", bytes.escape_ascii());
        assert_eq!(by_reference(&[Input::Bytes(bytes)]), *due, "the reference, {}", bytes.escape_ascii());
    }
}

/// The outcomes in `reference`, so that the tables here check it, too.
fn by_reference(inputs: &[Input<'_>]) -> String {
    let shown = |(_, due): (usize, Due)| match due {
        Due::Sentinel => "FF".to_owned(),
        Due::Frame(text) => text.escape_ascii().to_string(),
        Due::Error(fault) => format!("{fault:?}"),
    };
    unescaped(&reference::due(inputs, 64).into_iter().map(shown).collect::<Vec<_>>().join(" | "))
}

#[test]
fn rule_1_a_frame_is_one_value() {
    check(&[
        (r#"{"a":[1,{}]}"#, r#"{"a":[1,{}]}"#),
        (r#"{}[]"x"true false"#, r#"{} | [] | "x" | true | false"#),
        (" \t\r\n{ \t\r\n\"a\" \n:\r 1 , \"b\":\t[ ] } \n", r#"{"a":1,"b":[]}"#),
        ("\"a b\"", "\"a b\""),
        ("truenull", "true | null"),
        ("1", ""),
        ("1 ", "1"),
        ("-0.5e+10\n2\t3\r", "-0.5e+10 | 2 | 3"),
        ("0e5 ", "0e5"),
        ("12", ""),
        ("1\"a\"", "Syntax"),
        ("1,{}", "Syntax | {}"),
        ("tru{}", "Syntax | {}"),
        ("01 {}", "Syntax | {}"),
        ("-00 {}", "Syntax | {}"),
    ]);
}

#[test]
fn rule_1_numbers() {
    for good in
        ["0", "-0", "7", "-10", "0.0", "1.25", "1e5", "1E-5", "0.1e+09", "123456789012345678901234567890", "1e999"]
    {
        assert_eq!(outcome(format!("{good} ").as_bytes()), good);
        assert_eq!(outcome(format!("[{good},{good}]").as_bytes()), format!("[{good},{good}]"));
        assert_eq!(outcome(format!("{{\"a\":{good}}}").as_bytes()), format!("{{\"a\":{good}}}"));
    }
    for bad in
        ["+1", ".5", "1.", "1.e1", "1e", "1e+", "--1", "00", "-", "-a", "0x1", "1_0", "NaN", "Infinity", "-Infinity"]
    {
        assert_eq!(outcome(format!("[{bad}]").as_bytes()), "Syntax", "{bad}");
    }
}

#[test]
fn debug_shows_the_text_of_a_frame() {
    let mut decoder = Decoder::<64>::new();
    let event = decoder.push_slice(b"{ \"a\": [1] }").1;
    assert_eq!(format!("{event:?}"), r#"Ok(Some(Frame(Frame({"a":[1]}))))"#);
}

#[test]
fn rule_1_whitespace_is_four_bytes() {
    for byte in 0..=b' ' {
        let due = if b" \t\r\n".contains(&byte) { "[]" } else { "Syntax" };
        assert_eq!(outcome(&[b'[', byte, b']']), due, "{byte:#x}");
    }
}

#[test]
fn rule_1_every_letter_of_a_keyword_counts() {
    for word in ["true", "false", "null"] {
        assert_eq!(outcome(format!("[{word}]").as_bytes()), format!("[{word}]"));
        for at in 0..word.len() {
            let mut letters = word.to_owned();
            letters.replace_range(at..=at, "x");
            assert_eq!(outcome(format!("[{letters}]").as_bytes()), "Syntax", "{letters}");
        }
    }
}

#[test]
fn rule_2_the_sentinel_drops_what_is_pending() {
    for pending in [
        "",
        "{",
        "{\"a",
        "{\"a\\",
        "{\"a\\u12",
        "\"\u{e9}",
        "[1",
        "[1.",
        "tr",
        "-",
        "1",
        "[[[",
        "{\"a\":[]",
        "{\"\\ud800\\u",
    ] {
        assert_eq!(outcome(&[pending.as_bytes(), b"\xFF{}"].concat()), "FF | {}", "{pending}");
    }
    check(&[
        (&b"\xFF\xFF\xFF"[..], "FF | FF | FF"),
        (b"x\xFFx\xFF", "Noise | FF | Noise | FF"),
        (b"{,\xFF1 ", "Syntax | FF | 1"),
        (b"\xEF\xBB\xFF{}", "FF | {}"),
        (b"\"\xE4\xB8\xFF{}", "FF | {}"),
        (b"{\"a\":1,\xFF\"b\" ", "FF | \"b\""),
    ]);
}

#[test]
fn rule_3_noise_between_frames_is_one_error() {
    check(&[
        (&b"login: root\n{}"[..], "Noise | {}"),
        (b",:}]\0\x01\xFE {} ", "Noise | {}"),
        (b"}[1]", "Noise | [1]"),
        (b"{}x1 \"a\" true [2]", "{} | Noise | [2]"),
        (b"\xEF\xBB\xBF{}", "{}"),
        (b"\n\xEF\xBB\xBF \xEF\xBB\xBF1 ", "1"),
        (b"\xEF\xBB{}", "Noise | {}"),
        (b"\xEF{}", "Noise | {}"),
        (b"\xEFx[]", "Noise | []"),
        (b"\xEF\xEF\xBB\xBF{}", "Noise | {}"),
        (b"True", "Noise"),
        (b"'a'", "Noise"),
        (b"\x7F\x80\xC0", "Noise"),
    ]);
}

#[test]
fn rule_4_a_broken_frame_is_one_error_and_nothing_in_it_is_served() {
    check(&[
        (r#"{"execute": @ {"execute":"x"}, "id": {"execute":"x"} "#, "Syntax"),
        ("{,{\"a\":1}", "Syntax"),
        ("{a:1}\n{}", "Syntax | {}"),
        ("[1,]{}", "Syntax | {}"),
        ("{\"a\":1,}{}", "Syntax | {}"),
        ("{\"a\" 1}{}", "Syntax | {}"),
        ("[1 2]{}", "Syntax | {}"),
        ("[}{}", "Syntax | {}"),
        ("{]{}", "Syntax | {}"),
        ("{\"a\":1]{}", "Syntax | {}"),
    ]);
}

/// `}{` and `]{` are not JSON, whatever unprintable bytes are between the brackets.
#[test]
fn rule_4_a_closer_then_a_brace_begins_the_next_frame() {
    check(&[
        (&b"{\"a\":{}{}"[..], "Syntax | {}"),
        (b"{\"a\":[] \t\r\n{}", "Syntax | {}"),
        (b"{\"a\":[]\0{}", "Syntax | {}"),
        (b"[[]\x7F\x80\xFE{}", "Syntax | {}"),
        (b"{,]{}", "Syntax | {}"),
        (b"{,} \0\xFE\x7F\n{}", "Syntax | {}"),
        // With a printable byte between, it is not the boundary.
        (b"{,}x{}", "Syntax"),
        (b"{,}{,}", "Syntax | Syntax"),
        (b"{\"a\":{}x{}{}", "Syntax | {}"),
        (b"[[],!{}", "Syntax"),
        // What the string of the frame holds does not count, what was dropped does.
        (b"{\"}\0{}", "Syntax"),
        (b"{\"}\0{}{}", "Syntax | {}"),
        (b"{,\"}{}", "Syntax | {}"),
        // `[` begins none.
        (b"{,}[{}", "Syntax"),
        (b"{,}[1]{}", "Syntax | {}"),
        // The breaking byte counts.
        (b"{\"\\}{}", "Syntax | {}"),
        (b"1{}", "Syntax | {}"),
        (b"-[1]", "Syntax | [1]"),
        (b"\"\x01[1]", "Syntax | [1]"),
    ]);
}

/// What rules 3 and 4 cannot tell from a request.
#[test]
fn the_known_limit_an_object_inside_a_damaged_request() {
    check(&[
        // The head is lost, unnoticed.
        (&br#"guest-exec","arguments":{"execute":"x"}}"#[..], r#"Noise | {"execute":"x"} | Noise"#),
        // A quote is lost, and a text holds `}{}`.
        (
            br#"{"execute":"a,"arguments":{"t":"}{}x","o":{"execute":"x"}}}"#,
            r#"Syntax | {} | Noise | {"execute":"x"} | Noise"#,
        ),
        (
            br#"{"execute":"a,"arguments":{"t":"}{}","o":{"execute":"x"}}}"#,
            r#"Syntax | {} | "," | Noise | {"execute":"x"} | Noise"#,
        ),
        // Without the text, or with half of it, nothing of the request is served.
        (br#"{"execute":"a,"arguments":{"t":"","o":{"execute":"x"}}}"#, "Syntax"),
        (br#"{"execute":"a,"arguments":{"t":"}{x","o":{"execute":"x"}}}"#, "Syntax | Syntax"),
    ]);
}

#[test]
fn rule_4_strings() {
    for good in [
        "\"\"",
        "\"\u{7f}\"",
        "\"é中😀\u{fffe}\u{10ffff}\"",
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0000\uABcd\ud7ff\ue000\uFFFF""#,
        r#""\ud800\udc00\uDBFF\uDFFF""#,
    ] {
        assert_eq!(outcome_in(&mut Decoder::<64>::new(), good.as_bytes()), {
            good.as_bytes().escape_ascii().to_string().replace("\\\"", "\"").replace("\\\\", "\\")
        });
    }
    for bad in [
        &b"\x00"[..],
        b"\x1f",
        b"\n",
        b"\t",
        b"\\x",
        b"\\'",
        b"\\ug",
        b"\\u1g",
        b"\\u12g",
        b"\\u123g",
        br"\udg",
        br"\ud8g",
        br"\ud80g",
        b"\\U",
        b"\\a",
        b"\\\n",
        br"\ud800x",
        br"\ud800\n",
        br"\ud800\u0",
        br"\ud800\ud8",
        br"\ud800\ue",
        br"\udc",
        br"\uDF",
        b"\x80",
        b"\xBF",
        b"\xC0",
        b"\xC1",
        b"\xC3\x28",
        b"\xE0\x9F",
        b"\xE2\x28",
        b"\xE2\x82\x28",
        b"\xED\xA0",
        b"\xF0\x8F",
        b"\xF0\x90\x28",
        b"\xF0\x90\x80\x28",
        b"\xF4\x90",
        b"\xF5",
        b"\xF8",
        b"\xFE",
    ] {
        let mut decoder = Decoder::<64>::new();
        let open = [b"[\"", &bad[..bad.len() - 1]].concat();
        assert_eq!(outcome_in(&mut decoder, &open), "", "{} may still become a string", open.escape_ascii());
        assert_eq!(decoder.push(*bad.last().unwrap()), Err(FrameError::Syntax), "at its last byte");
    }
}

/// Every sequence of UTF-8, and every byte that breaks one, as the standard library has it.
#[test]
#[cfg_attr(miri, ignore = "takes too long there")]
fn rule_4_utf_8_exhausted() {
    fn go_on(text: &mut Vec<u8>, before: &Decoder<8>, characters: &mut usize) {
        let first = if text.is_empty() { 0x80 } else { b' ' };
        for byte in first..=0xFE {
            let mut decoder = before.clone();
            text.push(byte);
            let outcome = decoder.push(byte);
            match std::str::from_utf8(text) {
                Ok(_) => {
                    assert_eq!(outcome, Ok(None), "{}", text.escape_ascii());
                    assert!(matches!(decoder.push(b'"'), Ok(Some(Event::Frame(_)))), "{}", text.escape_ascii());
                    *characters += 1;
                }
                Err(error) if error.error_len().is_none() => {
                    assert_eq!(outcome, Ok(None), "{}", text.escape_ascii());
                    go_on(text, &decoder, characters);
                }
                Err(_) => assert_eq!(outcome, Err(FrameError::Syntax), "{}", text.escape_ascii()),
            }
            text.pop();
        }
    }
    let mut decoder = Decoder::new();
    assert_eq!(decoder.push(b'"'), Ok(None));
    let mut characters = 0;
    go_on(&mut Vec::new(), &decoder, &mut characters);
    assert_eq!(characters, 0x11_0000 - 0x80 - 0x800, "all of Unicode but ASCII and surrogates");
}

/// Strings are read many bytes at a time: every byte is noticed at every place.
#[test]
#[cfg_attr(miri, ignore = "takes too long there")]
fn rule_4_every_byte_at_every_place_in_a_slice() {
    for byte in 0..=0xFF {
        for fill in *b" !a~\x7F" {
            for before in (0..40).chain([127, 128, 150, 200]) {
                let bytes = [b"\"", vec![fill; before].as_slice(), &[byte, 0x80], &[fill; 150], b"\"{} "].concat();
                let due = outcome_in(&mut Decoder::<400>::new(), &bytes);
                assert_eq!(outcome_in_slice(&mut Decoder::<400>::new(), &bytes), due, "{}", bytes.escape_ascii());
            }
        }
    }
}

/// Escapes and characters that are not at the end of a slice are read as a whole, if they are whole and right.
#[test]
#[cfg_attr(miri, ignore = "takes too long there")]
fn rule_4_escapes_and_characters_with_any_byte_in_the_middle_of_a_slice() {
    let mut refused = 0;
    let escapes = [r"\n", r"\u00gg", r"\u00e9", r"\ud7FF", r"\uD83d\uDE00", r"\udBFF\udFFF", r"\uE000"];
    let characters =
        ["\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{50000}", "\u{10FFFF}"];
    for right in escapes.into_iter().chain(characters) {
        for at in 0..right.len() {
            for byte in 0..=0xFF {
                let mut text = right.as_bytes().to_vec();
                text[at] = byte;
                let bytes = [b"[\"x", text.as_slice(), b"0123456789abcdef\"] "].concat();
                let due = by_reference(&[Input::Bytes(&bytes)]);
                assert_eq!(outcome_in_slice(&mut Decoder::<64>::new(), &bytes), due, "{}", bytes.escape_ascii());
                refused += usize::from(due.contains("Syntax"));
            }
        }
    }
    assert!(refused > 5000, "{refused}");
}

/// A blank inside it breaks the mark, also where a slice skips many blanks at once.
#[test]
fn a_byte_order_mark_in_a_slice_is_in_one_piece() {
    for bytes in [&b"\xEF\xBB\xBF {} "[..], b"\xEF \xBB\xBF{} ", b"\xEF\xBB  \xBF{} ", b" \xEF\n\xBB\xBF{} "] {
        let due = by_reference(&[Input::Bytes(bytes)]);
        assert_eq!(outcome_in_slice(&mut Decoder::<64>::new(), bytes), due, "{}", bytes.escape_ascii());
    }
}

#[test]
fn rule_5_a_frame_that_does_not_fit_is_one_error_when_it_ends() {
    let four = |bytes: &[u8]| outcome_in(&mut Decoder::<4>::new(), bytes);
    assert_eq!(four(b"[12]"), "[12]");
    assert_eq!(four(b"[123] {}"), "Overflow | {}");
    assert_eq!(four(b"[ 1 , 2 ]"), "Overflow");
    assert_eq!(four(b"[ 1    2 ]"), "Syntax");
    assert_eq!(four(b"1234 12345 1 "), "1234 | Overflow | 1");
    assert_eq!(four(b"\"12\"\"123\"true"), "\"12\" | Overflow | true");
    assert_eq!(four(b"false true"), "Overflow | true");
    // Its tail is never taken for a frame, and a break after it overflowed is no second error.
    assert_eq!(four(br#"{"a":{},"b":{}}{}"#), "Overflow | {}");
    assert_eq!(four(b"[12345,,{}]{}"), "Overflow | {}");
    assert_eq!(four(b"123456x{}"), "Overflow | {}");
    assert_eq!(four(b"{\"a\":[]{}"), "Overflow | {}");
    // The breaking byte itself takes no room.
    assert_eq!(four(b"[123,,"), "Overflow");
    assert_eq!(four(b"[12,,"), "Syntax");
    assert_eq!(four(b"[12345\xFFx{}"), "FF | Noise | {}");
    assert_eq!(four(&[&b"[12345,"[..], &b"[".repeat(MAX_DEPTH)].concat()), "Overflow");
    assert_eq!(outcome_in(&mut Decoder::<1>::new(), b"1 {} 2 "), "1 | Overflow | 2");
}

#[test]
#[cfg_attr(miri, ignore = "takes too long there")]
fn rule_5_the_longest_frame() {
    let longest = [&b"\""[..], &b"x".repeat(65533), b"\""].concat();
    let mut decoder = Box::new(Decoder::<65535>::new());
    assert_eq!(outcome_in(&mut decoder, &longest).len(), 65535);
    assert_eq!(outcome_in(&mut decoder, &[&b"\"x"[..], &longest[1..]].concat()), "Overflow");
}

#[test]
fn rule_5_nesting_has_a_limit() {
    let mut decoder = Decoder::<256>::new();
    let mut deep = |open: &str, close: &str, depth: usize| {
        decoder.reset();
        let frame = [open.repeat(depth), close.repeat(depth)].concat();
        let outcome = outcome_in(&mut decoder, frame.as_bytes());
        if outcome == frame { "whole".to_owned() } else { outcome }
    };
    assert_eq!(deep("[", "]", MAX_DEPTH), "whole");
    assert_eq!(deep("[", "]", MAX_DEPTH + 1), "TooDeep");
    assert_eq!(deep("{\"\":", "}", MAX_DEPTH), "Syntax");
    let object = |depth: usize| format!("{}{{}}{}", "{\"\":".repeat(depth - 1), "}".repeat(depth - 1));
    let mut decoder = Decoder::<512>::new();
    assert_eq!(outcome_in(&mut decoder, object(MAX_DEPTH).as_bytes()), object(MAX_DEPTH));
    let deeper = format!("{}{{}}", object(MAX_DEPTH + 1));
    assert_eq!(outcome_in(&mut decoder, deeper.as_bytes()), "TooDeep | {}", "one error, then the next frame");
}

/// The table of rule 4: for each state a way into it, and where each kind of byte leads.
#[test]
fn rule_4_what_is_dropped_has_five_states() {
    const BYTES: [&[u8]; 8] = [b"{", b"[", b"}]", b"\n\r", b",:\"", b"ax0-!~\\", b" \t", b"\x00\x1F\x7F\x80\xFE"];
    let table: [(&str, &[u8], [&str; 8]); 5] = [
        ("Dropped", b"{,", ["Dropped", "Dropped", "Closer", "Dropped", "Dropped", "Word", "Dropped", "Dropped"]),
        ("Closer", b"{,}", ["begin", "Dropped", "Closer", "CloserLine", "Dropped", "Word", "Closer", "Closer"]),
        ("Word", b"{,x", ["Dropped", "Dropped", "Closer", "Line", "Dropped", "Word", "Word", "Word"]),
        ("Line", b"{,x\n", ["begin", "Dropped", "Closer", "Line", "Dropped", "Word", "Word", "Word"]),
        (
            "CloserLine",
            b"{,}\n",
            ["begin", "begin", "Closer", "CloserLine", "Dropped", "prompt", "CloserLine", "prompt"],
        ),
    ];
    for (state, way, row) in table {
        assert_eq!(state_after(way), state);
        for (bytes, leads_to) in BYTES.iter().zip(row) {
            for byte in *bytes {
                assert_eq!(state_after(&[way, &[*byte]].concat()), leads_to, "{state} {}", byte.escape_ascii());
            }
        }
    }
}

/// No two states begin a frame after the same bytes.
fn state_after(way: &[u8]) -> &'static str {
    let mut decoder = Decoder::<64>::new();
    outcome_in(&mut decoder, way);
    if decoder.is_receiving() {
        return "begin";
    }
    let begins = [&b"{"[..], b"[", b"\n{", b"\n[", b"x{"].map(|bytes| {
        let mut decoder = decoder.clone();
        outcome_in(&mut decoder, bytes);
        decoder.is_receiving()
    });
    match begins {
        [false, false, false, false, false] => "Dropped",
        [true, false, true, true, false] => "Closer",
        [false, false, true, false, false] => "Word",
        [true, false, true, false, false] => "Line",
        [true, true, true, true, true] => "CloserLine",
        [true, false, true, false, true] => "prompt",
        [true, true, true, true, false] => "noise",
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_4_a_line_break_then_a_brace_begins_the_next_frame() {
    check(&[
        (&b"{x\n{}"[..], "Syntax | {}"),
        (b"{x\r{}", "Syntax | {}"),
        (b"{x \t\0\n\r\n{}", "Syntax | {}"),
        (b"{\"execute\":\"guest-ping}\n{}", "Syntax | {}"),
        (b"{,} x\n{}", "Syntax | {}"),
        // Directly after it.
        (b"{x\n {}", "Syntax"),
        (b"{x\n\0{}", "Syntax"),
        // `[` begins none.
        (b"{x\n[1]", "Syntax"),
        // After these JSON goes on in the next line.
        (b"{,\n{}", "Syntax"),
        (b"{x{\n{}", "Syntax"),
        (b"{x[\n{}", "Syntax"),
        (b"{x: \n{}", "Syntax"),
        (b"{x\"\n{}", "Syntax"),
        // It goes on where a frame breaks between tokens, but not where a token breaks.
        (b"{\0\n{}", "Syntax"),
        (b"{\"a\":\"b\"\0\n{}", "Syntax"),
        (b"{\"a\":true\0\n{}", "Syntax"),
        (b"{\"a\":1 \0\n{}", "Syntax"),
        (b"{\"a\":tru\0\n{}", "Syntax | {}"),
        (b"{\"a\":1\0\n{}", "Syntax | {}"),
        (b"{\"a\":\"b\0\n{}", "Syntax | {}"),
    ]);
}

#[test]
fn rule_4_a_line_that_ended_in_a_closer_is_followed_by_a_frame_or_a_prompt() {
    check(&[
        (&b"{,}\n[1]"[..], "Syntax | [1]"),
        (b"{,} \r\n \t[1]", "Syntax | [1]"),
        (b"{,}\n$ {}", "Syntax | {}"),
        (b"{,}\n\x1B[0m{}", "Syntax | {}"),
        (b"{,}\n1 {}", "Syntax | {}"),
        // A prompt has ended before `{`, and `[` is part of it.
        (b"{,}\n$ [1]{}", "Syntax | {}"),
        // JSON may go on like this.
        (b"{,}\n,{}", "Syntax"),
        (b"{,}\n}\n\"x\n{}", "Syntax | {}"),
        (b"{,}\n:[1]", "Syntax"),
        // Only the line breaks that were dropped count.
        (b"{\"a\":{}\0\n[1]", "Syntax | [1]"),
        (b"{\"a\":{}\n[1]", "Syntax"),
        (b"{\"a\":{}\nx{}", "Syntax"),
    ]);
}

#[test]
fn rule_4_an_array_that_breaks_at_its_first_value_or_in_a_keyword_is_a_prompt() {
    check(&[
        (&b"[root@vm ~]# {}"[..], "Syntax | {}"),
        (b"[fedora@vm ~]$ {}", "Syntax | {}"),
        (b"[  OK  ] Started a.\n{}", "Syntax | {}"),
        (b"[\n\x1B{}", "Syntax | {}"),
        (b"[}{}", "Syntax | {}"),
        (b"[t{}", "Syntax | {}"),
        (b"[1,nu{}", "Syntax | {}"),
        (b"[root@vm [1]{}", "Syntax | {}"),
        // At a later value it is not, nor in a string or a number, nor in an array that is not at top level.
        (b"[1 x{}", "Syntax"),
        (b"[true x{}", "Syntax"),
        (b"[1,x{}", "Syntax"),
        (b"[1x{}", "Syntax"),
        (b"[\"a\0{}", "Syntax"),
        (b"[\"a\"x{}", "Syntax"),
        (b"[{}x{}", "Syntax"),
        (b"[[x{}", "Syntax"),
        (b"{\"a\":[x{}", "Syntax"),
        (b"[[t{}", "Syntax"),
        (b"{\"a\":t{}", "Syntax"),
    ]);
}

/// What `after` gives, after what `call` gives, after what `before` gives, with `/` between.
#[track_caller]
fn check_calls(call: Input<'static>, cases: &[(&[u8], &[u8], &str)]) {
    for (before, after, due) in cases {
        let mut decoder = Decoder::<64>::new();
        let before_it = outcome_in(&mut decoder, before);
        let is_open = decoder.is_receiving();
        let outcome = if let Input::Lost = call { decoder.lost() } else { decoder.corrupted() };
        assert!(!decoder.is_receiving() && (!is_open || outcome.is_err()));
        let at_once = outcome.map_or_else(|error| format!("{error:?}"), |()| "-".to_owned());
        let after_it = outcome_in(&mut decoder, after);
        let shown = format!("{} .. {}", before.escape_ascii(), after.escape_ascii());
        assert_eq!(format!("{before_it} / {at_once} / {after_it}"), *due, "{shown}");
        let due = due.split([' ', '/', '|', '-']).filter(|outcome| !outcome.is_empty()).collect::<Vec<_>>().join(" | ");
        let by_reference = by_reference(&[Input::Bytes(before), call, Input::Bytes(after)]);
        assert_eq!(by_reference, due, "the reference, {shown}");
    }
}

#[test]
fn rule_6_lost() {
    check_calls(
        Input::Lost,
        &[
            // The rest of an open frame is dropped without a further error.
            (b"{\"a\":", b"{\"x\":{}},\"b\":{}}\n{}", " / Lost / {}"),
            (b"1", b"2 {}{}", " / Lost / {}"),
            (b"[", b"2 {}{}", " / Lost / {}"),
            (b"{\"a", b"\"}\xFF{}", " / Lost / FF | {}"),
            // With none open the first printable byte dropped draws it.
            (b"", b"{} {}", " / - / Lost | {}"),
            (b"", b"\n \0\x80{}\n{}", " / - / Lost | {}"),
            (b"", b"\n \0\x80\xFF{}", " / - / FF | {}"),
            (b"", b"x\n{}", " / - / Lost | {}"),
            (b"{}\n", b"{}{}", "{} / - / Lost | {}"),
            (b"\xEF\xBB", b"\xBF{}{}", " / - / Lost | {}"),
            (b"#noise", b"{}{}", "Noise / - / Lost | {}"),
            (b"[root@", b"{}{}", "Syntax / - / Lost | {}"),
            (b"{,}", b"{}{}", "Syntax / - / Lost | {}"),
            (b"{,}\n", b"{}{}", "Syntax / - / Lost | {}"),
            // But not where a request was being dropped.
            (b"{,", b"{}{}", "Syntax / - / {}"),
            (b"{,x", b"{}{}", "Syntax / - / {}"),
            (b"{,x\n", b"{}{}", "Syntax / - / {}"),
            // A line break at once does not help, the next one does.
            (b"", b"\n{}\n{}", " / - / Lost | {}"),
            (b"{,x", b"\n{}", "Syntax / - / "),
            (b"{,x", b"\nx\n{}", "Syntax / - / {}"),
        ],
    );
    let mut decoder = Decoder::<4>::new();
    assert_eq!(outcome_in(&mut decoder, b"[1234"), "");
    assert_eq!(decoder.lost(), Err(FrameError::Lost), "of a frame that overflowed, too");
    assert_eq!(decoder.lost(), Ok(()));
    assert_eq!(outcome_in(&mut decoder, b"{}{}"), "{}");
    decoder.reset();
    assert_eq!(outcome_in(&mut decoder, b"{}"), "{}");
    assert_eq!((decoder.lost(), decoder.lost()), (Ok(()), Ok(())));
    assert_eq!(outcome_in(&mut decoder, b"{}{}"), "Lost | {}", "once, and not never");
    assert_eq!((decoder.lost(), decoder.corrupted()), (Ok(()), Ok(())));
    assert_eq!(outcome_in(&mut decoder, b"{}{}"), "Lost | {}", "it is still owed");
}

#[test]
fn rule_6_corrupted() {
    check_calls(
        Input::Corrupted,
        &[
            // Between frames it is noise.
            (b"", b"{}", " / Noise / {}"),
            (b"", b"#[] {}", " / Noise / {}"),
            (b"", b"\n[]", " / Noise / []"),
            // It may have been the `{` of a request.
            (b"", b"\"a\":{\"b\":{}}}\n{}", " / Noise / {}"),
            (b"", b"\n\"a\":{\"b\":{}}}\n{}", " / Noise / {}"),
            (b"{}\n", b"{}", "{} / Noise / {}"),
            (b"#", b"[]", "Noise / - / []"),
            (b"[root@", b"[{}", "Syntax / - / {}"),
            (b"\xEF\xBB", b"\xBF{}", " / Noise / {}"),
            // It breaks an open frame.
            (b"1", b"[]", " / Syntax / []"),
            (b"[", b"[{}", " / Syntax / {}"),
            (b"{\"a", b"\n{}{}", " / Syntax / {}"),
            (b"{\"a\":1", b"}\n[1]", " / Syntax / [1]"),
            // It may have been the comma of `},{`.
            (b"{\"a\":[{}", b"{}]}\n{}", " / Syntax / {}"),
            (b"[{}\n", b"{}]\n{}", " / Syntax / {}"),
            (b"{,[{}", b"{}]}\n{}", "Syntax / - / {}"),
            (b"{,}", b"{}{}", "Syntax / - / {}"),
            // At the start of a line it is not.
            (b"{,}\n", b"{}", "Syntax / - / {}"),
            // Or the line break that a word ends with.
            (b"{,x", b"\n{}{}", "Syntax / - / {}"),
        ],
    );
    let mut decoder = Decoder::<4>::new();
    assert_eq!(outcome_in(&mut decoder, b"[1234"), "");
    assert_eq!(decoder.corrupted(), Err(FrameError::Overflow), "of a frame that overflowed the only error");
}

#[test]
fn is_receiving_says_whether_a_frame_is_open() {
    for (bytes, open) in [
        (&b""[..], false),
        (b" \n", false),
        (b"\xEF\xBB", false),
        (b"{", true),
        (b"1", true),
        (b"\"", true),
        (b"{} ", false),
        (b"{}1 ", false),
        (b"#", false),
        (b"{,", false),
        (b"{,}{", true),
        (b"{\xFF", false),
        (b"[12345678", true),
    ] {
        let mut decoder = Decoder::<8>::new();
        outcome_in(&mut decoder, bytes);
        assert_eq!(decoder.is_receiving(), open, "{}", bytes.escape_ascii());
    }
}
