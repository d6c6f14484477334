//! Strings that come in pieces: what the readers give is what `serde_json` and `base64` make of the whole.

mod random;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use guestwire::json::{Base64, NotBase64, Unescape};
use guestwire::{Decoder, Event, commands::Bytes};
use random::Random;

const STRINGS: usize = 50_000;

/// RFC 8259 section 7: what has an escape of two characters, and the second one.
const SHORT: [(char, char); 8] =
    [('"', '"'), ('\\', '\\'), ('/', '/'), ('\u{8}', 'b'), ('\u{C}', 'f'), ('\n', 'n'), ('\r', 'r'), ('\t', 't')];

/// A string's content, each character as itself or escaped.
fn escaped(text: &str, random: &mut Random) -> String {
    let mut content = String::new();
    for character in text.chars() {
        let short = SHORT.iter().find(|(meaning, _)| *meaning == character);
        match short {
            Some((_, letter)) if random.one_in(2) => content.extend(['\\', *letter]),
            _ if character >= ' ' && !matches!(character, '"' | '\\') && random.below(3) > 0 => content.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let digits = if random.one_in(2) { format!("{unit:04x}") } else { format!("{unit:04X}") };
                    content.push_str(&format!("\\u{digits}"));
                }
            }
        }
    }
    content
}

fn meaning(content: &str) -> String {
    serde_json::from_str(&format!("\"{content}\"")).unwrap()
}

/// A string's content in pieces of any length, 0 too.
fn cut<'a>(mut content: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let most = random.pick(&[1, 2, 5, 20]);
    let mut pieces = Vec::new();
    while !content.is_empty() {
        let (piece, rest) = content.split_at(random.below(most + 1).min(content.len()));
        pieces.push(piece);
        content = rest;
    }
    pieces
}

fn unescaped(pieces: &[&[u8]]) -> Vec<u8> {
    let mut unescape = Unescape::new();
    pieces.iter().flat_map(|piece| unescape.read(piece).collect::<Vec<_>>()).collect()
}

/// All bytes that are given, and whether the string is base64 as a whole.
fn decoded(pieces: &[&[u8]]) -> (Vec<u8>, Result<(), NotBase64>) {
    let mut base64 = Base64::new();
    let mut bytes = Vec::new();
    let mut verdict = Ok(());
    for piece in pieces {
        for byte in base64.read(piece) {
            match byte {
                Ok(byte) => {
                    assert_eq!(verdict, Ok(()), "a byte after an error");
                    bytes.push(byte);
                }
                Err(error) => verdict = Err(error),
            }
        }
    }
    if verdict.is_err() {
        assert_eq!(base64.end(), verdict, "the error is forgotten");
    }
    (bytes, base64.end())
}

/// What a command is given that takes the string as a whole.
fn decoded_whole(content: &str) -> Option<Vec<u8>> {
    let mut decoder = Decoder::<1024>::new();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(format!("\"{content}\"").as_bytes()) else {
        panic!("not a string: {content}")
    };
    let text = frame.value().string().unwrap();
    Bytes::Received(text).decoded().ok().map(Iterator::collect)
}

#[test]
fn pieces_mean_what_the_string_means() {
    let mut random = Random(1);
    for _ in 0..STRINGS {
        let characters =
            ['a', '0', 'u', '/', '"', '\\', '\0', '\n', '\t', '\u{8}', '\u{7F}', 'é', '€', '\u{FFFF}', '😀'];
        let text: String = (0..random.below(20)).map(|_| random.pick(&characters)).collect();
        let content = escaped(&text, &mut random);
        assert_eq!(meaning(&content), text, "{content}");
        let pieces = cut(content.as_bytes(), &mut random);
        assert_eq!(unescaped(&pieces), text.as_bytes(), "{content} {pieces:?}");
    }
}

#[test]
fn a_string_is_cut_anywhere() {
    for content in [
        r"\ud83d\ude00",
        r"\uD83D\uDE00\u00e9\n",
        "a😀€é",
        r"\\\\\u005c\\",
        r"\uDBFF\uDFFF\uD800\uDC00",
        r#"\b\f\n\r\t\/\""#,
    ] {
        let due = meaning(content).into_bytes();
        let bytes = content.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(unescaped(&pieces), due, "{content} {first} {second}");
            }
        }
    }
}

/// Nothing of a string is left in the reader, so that the next one may follow.
#[test]
fn a_reader_is_as_new_after_a_string() {
    let mut unescape = Unescape::new();
    for content in [r"\ud83d\ude00", r"\u00e9", r"\n", "é"] {
        assert!(unescape.read(content.as_bytes()).eq(meaning(content).into_bytes()), "{content}");
    }
}

#[test]
fn pieces_are_base64_where_the_string_is() {
    let mut random = Random(2);
    let (mut valid, mut invalid) = (0, 0);
    for _ in 0..STRINGS * 4 {
        // Mostly groups of four, so that more than the short ones are valid.
        let groups = ["Qg==", "aGk=", "aH==", "aGl=", "////", "+A0z", "a", "=", "\n", "==", " ", "-", "é", "\0"];
        let usual = random.pick(&[6, groups.len(), groups.len()]);
        let text: String = (0..random.below(8)).map(|_| random.pick(&groups[..usual])).collect();
        let content = escaped(&text, &mut random);
        let pieces = cut(content.as_bytes(), &mut random);
        let (bytes, verdict) = decoded(&pieces);
        match decoded_whole(&content) {
            Some(due) => {
                valid += 1;
                assert_eq!((bytes, verdict), (due, Ok(())), "{content} {pieces:?}");
            }
            None => {
                invalid += 1;
                assert_eq!(verdict, Err(NotBase64), "{content} {pieces:?}");
            }
        }
    }
    assert!(valid > STRINGS && invalid > STRINGS, "{valid} {invalid}");
}

/// The bytes before an error are those of all digits before it.
#[test]
fn bytes_are_given_up_to_the_first_wrong_digit() {
    for (text, due) in [
        ("aGVs*", &b"hel"[..]),
        ("aGVsb*", b"hel"),
        ("aGVsbG*", b"hell"),
        ("aGVsbG8*", b"hello"),
        ("aGVsbA=A", b"hell"),
        ("aGVsbA==bG8g*", b"helllo "),
        // They end too soon.
        ("aGVsb", b"hel"),
        ("aGVsbG", b"hell"),
        ("aGVsbG8", b"hello"),
        ("aGVsbA=", b"hell"),
        // What follows is not looked at.
        ("*aGVs", b""),
        ("=\n\n", b""),
    ] {
        for length in 1..=text.len() {
            let pieces: Vec<_> = text.as_bytes().chunks(length).collect();
            assert_eq!(decoded(&pieces), (due.to_vec(), Err(NotBase64)), "{text} {length}");
        }
    }
}

#[test]
fn pieces_are_decoded_as_the_base64_crate_does() {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
    let reference = GeneralPurpose::new(&STANDARD, config);
    let mut random = Random(3);
    for _ in 0..STRINGS {
        let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.next() as u8).collect();
        let mut digits = reference.encode(&bytes).into_bytes();
        if !digits.is_empty() && random.one_in(2) {
            let place = random.below(digits.len());
            digits[place] = random.pick(b"Aq5+/=*");
        }
        let text = String::from_utf8(digits).unwrap();
        let due = reference.decode(&text).ok();
        // The crate takes neither line feeds nor a second text.
        let lines: String =
            text.chars().flat_map(|digit| [Some(digit), random.one_in(9).then_some('\n')]).flatten().collect();
        let content = escaped(&lines, &mut random);
        let (bytes, verdict) = decoded(&cut(content.as_bytes(), &mut random));
        let has_padding_inside = text.trim_end_matches('=').contains('=') || text.ends_with("====");
        match due {
            Some(due) => assert_eq!((bytes, verdict), (due, Ok(())), "{content}"),
            None => assert!(verdict.is_err() || has_padding_inside, "{content}"),
        }
    }
}

/// They are kept beside a buffer for each string that is streamed.
#[test]
fn readers_are_small() {
    assert!(size_of::<Unescape>() <= 12 && size_of::<Base64>() <= 12);
}
