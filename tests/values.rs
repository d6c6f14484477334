//! The meaning of values, read and written: every character, every escape, numbers of every length, against the
//! standard library and serde_json.

mod random;

use guestwire::{
    Decoder, Event,
    json::{DoesNotFit, Encoder, Kind, Text, Value},
};
use random::Random;

/// Decodes one value and passes it on.
#[track_caller]
fn read<T>(json: &str, check: impl FnOnce(Value<'_>) -> T) -> T {
    let mut decoder: Decoder<512> = Decoder::new();
    match decoder.push_slice(format!("{json}\n").as_bytes()).1 {
        Ok(Some(Event::Frame(frame))) => check(frame.value()),
        other => panic!("{json}: {other:?}"),
    }
}

/// `text` is the text between the quotes, `meaning` what it means.
#[track_caller]
fn check_text(escaped: &str, meaning: &str) {
    read(&format!("\"{escaped}\""), |value| {
        let text = value.string().unwrap();
        assert!(text.chars().eq(meaning.chars()), "{escaped}");
        assert!(text == *meaning && text == meaning, "{escaped}");
        assert_eq!(text.as_escaped_bytes(), escaped.as_bytes());
        let is_plain = !escaped.contains('\\');
        assert_eq!(text.as_str(), is_plain.then_some(meaning));
    });
}

/// The same, and what takes longer.
#[track_caller]
fn check_text_closely(escaped: &str, meaning: &str) {
    check_text(escaped, meaning);
    read(&format!("\"{escaped}\""), |value| {
        let text = value.string().unwrap();
        assert_eq!(text.to_string(), meaning);
        assert_eq!(format!("{text:?}"), format!("{meaning:?}"));
        let mut buffer = vec![0xAA; meaning.len() + 1];
        assert_eq!(text.copy_to(&mut buffer), Ok(meaning));
        assert_eq!(buffer[meaning.len()], 0xAA, "nothing is written after it");
        assert_eq!(text.copy_to(&mut buffer[..meaning.len()]), Ok(meaning));
        if let Some(short) = meaning.len().checked_sub(1) {
            assert_eq!(text.copy_to(&mut buffer[..short]), Err(DoesNotFit));
        }
        for other in [format!("{meaning}x"), format!("x{meaning}"), format!("{meaning}\0"), format!("{meaning}\\")] {
            assert!(text != *other, "{escaped} is not {other}");
        }
        let shorter: String = meaning.chars().skip(1).collect();
        assert!(meaning.is_empty() || text != *shorter, "{escaped} is not {shorter}");
    });
}

#[test]
fn every_character() {
    for character in '\u{20}'..=char::MAX {
        if !matches!(character, '"' | '\\') {
            let text = character.to_string();
            check_text(&text, &text);
        }
    }
}

#[test]
fn every_escape() {
    for (escape, meaning) in
        [("\\\"", "\""), (r"\\", "\\"), (r"\/", "/"), (r"\b", "\u{8}"), (r"\f", "\u{c}"), (r"\n", "\n"), (r"\r", "\r")]
    {
        check_text_closely(escape, meaning);
    }
    check_text_closely(r"\t", "\t");
    for unit in 0..=u16::MAX {
        if let Some(character) = char::from_u32(unit.into()) {
            check_text(&format!("\\u{unit:04x}"), &character.to_string());
            check_text(&format!("\\u{unit:04X}"), &character.to_string());
        }
    }
    for character in '\u{10000}'..=char::MAX {
        let [high, low] = *character.encode_utf16(&mut [0; 2]) else { unreachable!("beyond 16 bits") };
        check_text(&format!("\\u{high:04x}\\u{low:04X}"), &character.to_string());
    }
}

/// Pieces of a text: each as it may come, and what it means.
const PIECES: &[(&str, &str)] = &[
    ("a", "a"),
    (r"\u0061", "a"),
    ("b", "b"),
    ("u", "u"),
    (r"\\", "\\"),
    (r"\u005c", "\\"),
    (r"\n", "\n"),
    ("n", "n"),
    ("\\\"", "\""),
    (r"\u0000", "\0"),
    ("é", "é"),
    (r"\u00E9", "é"),
    ("€", "€"),
    (r"\u20ac", "€"),
    ("😀", "😀"),
    (r"\ud83d\ude00", "😀"),
    (r"\uD83D\uDE01", "😁"),
    ("\u{7f}", "\u{7f}"),
];

fn text(pieces: &[(&'static str, &'static str)]) -> (String, String) {
    pieces.iter().copied().unzip()
}

/// The same text, escaped differently, sometimes with another piece.
fn respelled(pieces: &[(&'static str, &'static str)], random: &mut Random) -> Vec<(&'static str, &'static str)> {
    let respell = |(_, meaning): &(&str, &str)| loop {
        let piece = random.pick(PIECES);
        if piece.1 == *meaning || random.one_in(200) {
            return piece;
        }
    };
    pieces.iter().map(respell).collect()
}

#[test]
fn texts_mean_what_their_pieces_mean_and_are_compared_by_it() {
    let mut random = Random(29);
    let (mut same, mut different) = (0, 0);
    for _ in 0..20_000 {
        let pieces: Vec<_> = (0..random.below(6)).map(|_| random.pick(PIECES)).collect();
        let (one, meaning) = text(&pieces);
        let (other, other_meaning) = text(&respelled(&pieces, &mut random));
        check_text_closely(&one, &meaning);
        read(&format!("[\"{one}\",\"{other}\"]"), |value| {
            let texts: Vec<Text<'_>> = value.elements().unwrap().map(|element| element.string().unwrap()).collect();
            let is_same = meaning == other_meaning;
            assert_eq!(texts[0] == texts[1], is_same, "{one} and {other}");
            assert_eq!(texts[1] == texts[0], is_same, "{other} and {one}");
            assert_eq!(texts[0] == *other_meaning, is_same, "{one} and {other_meaning}");
            assert_eq!(texts[1] == *meaning, is_same, "{other} and {meaning}");
            same += usize::from(is_same && one != other);
            different += usize::from(!is_same);
        });
    }
    assert!(same > 1000 && different > 1000, "{same} spelled otherwise, {different} that mean something else");
}

#[test]
fn whole_numbers_of_every_length() {
    let mut numbers: Vec<i128> = (0..100).collect();
    for base in [2_i128, 10] {
        for power in (0..=70).map_while(|power| base.checked_pow(power)).take_while(|power| *power < 1 << 70) {
            numbers.extend([power - 1, power, power + 1, power * 9, power * 5, power * 7 / 3]);
        }
    }
    for number in numbers.iter().flat_map(|number| [*number, -number]) {
        let (integer, unsigned) = (i64::try_from(number).ok(), u64::try_from(number).ok());
        read(&number.to_string(), |value| {
            assert_eq!(
                (value.integer(), value.unsigned(), value.kind()),
                (integer, unsigned, Kind::Number),
                "{number}"
            );
        });
        if let Some(integer) = integer {
            assert_eq!(written(|encoder| encoder.value().integer(integer)), number.to_string());
            let sign = if integer < 0 { "-" } else { "" };
            let (whole, fraction) = (integer.unsigned_abs() / 1000, integer.unsigned_abs() % 1000);
            let thousandths = format!("{sign}{whole}.{fraction:03}");
            assert_eq!(written(|encoder| encoder.value().thousandths(integer)), thousandths);
        }
        if let Some(unsigned) = unsigned {
            assert_eq!(written(|encoder| encoder.value().unsigned(unsigned)), number.to_string());
        }
    }
    for no_whole_number in ["1.0", "1e2", "-0.5", "0e5", "\"1\"", "true", "null", "[1]", "{}"] {
        read(no_whole_number, |value| {
            assert_eq!((value.integer(), value.unsigned()), (None, None), "{no_whole_number}");
        });
    }
    read("-0", |value| assert_eq!((value.integer(), value.unsigned()), (Some(0), Some(0))));
}

fn written(write: impl FnOnce(&mut Encoder<'_>) -> Result<(), DoesNotFit>) -> String {
    let mut buffer = [0; 256];
    let mut encoder = Encoder::new(&mut buffer);
    write(&mut encoder).unwrap();
    String::from_utf8(encoder.into_bytes().to_vec()).unwrap()
}

/// The reference agent's format: printable ASCII as it is, the short escapes, all others as `\uXXXX`.
#[test]
fn every_character_is_written_in_ascii() {
    for character in '\0'..=char::MAX {
        let due = match character {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\u{8}' => "\\b".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            ' '..='~' => character.to_string(),
            _ => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
        };
        let text = character.to_string();
        assert_eq!(written(|encoder| encoder.value().string(&text)), format!("\"{due}\""));
        assert_eq!(written(|encoder| encoder.value().display(character)), format!("\"{due}\""));
    }
}

/// Members of a received object are written unchanged; any other value has none.
#[test]
fn received_members_are_written_among_others() {
    let among = |json| {
        read(json, |value| {
            written(|encoder| {
                encoder.value().object(|object| {
                    object.member("first").null()?;
                    object.received(value)?;
                    object.member("last").received(value)
                })
            })
        })
    };
    assert_eq!(among("{\"a\": [1, {}], \"b\": 2}"), r#"{"first": null, "a":[1,{}],"b":2, "last": {"a":[1,{}],"b":2}}"#);
    assert_eq!(among("{ }"), r#"{"first": null, "last": {}}"#);
    assert_eq!(among("[1]"), r#"{"first": null, "last": [1]}"#);
}

/// A value nested at random, as JSON.
fn json(random: &mut Random, depth: usize) -> String {
    let kinds = if depth < 4 { 8 } else { 5 };
    let content = |random: &mut Random, each: fn(&mut Random, usize) -> String| {
        (0..random.below(4)).map(|_| each(random, depth + 1)).collect::<Vec<_>>().join(",")
    };
    match random.below(kinds) {
        0 => "null".into(),
        1 => "true".into(),
        2 => "-1.5e3".into(),
        3 => random.below(1000).to_string(),
        4 => format!("\"{}\"", random.pick(&["", "]", "}", "a,b", "\\\"", "\\\\", "[{", ":"])),
        5 | 6 => format!("[{}]", content(random, json)),
        _ => {
            let names = ["\"\"", "\"a\"", "\"\\\"\"", "\"}\"", "\"b,\"", "\"\\\\\"", "\":\""];
            let mut members: Vec<String> =
                names.iter().map(|name| format!("{name}:{}", json(random, depth + 1))).collect();
            while random.below(members.len()) > 1 {
                members.remove(random.below(members.len()));
            }
            format!("{{{}}}", members.join(","))
        }
    }
}

fn compare(value: Value<'_>, due: &serde_json::Value) {
    assert_eq!(serde_json::from_slice::<serde_json::Value>(value.as_bytes()).unwrap(), *due);
    assert_eq!(value.as_str().as_bytes(), value.as_bytes());
    assert_eq!((value.to_string(), format!("{value:?}")), (value.as_str().to_owned(), value.as_str().to_owned()));
    let kind = match due {
        serde_json::Value::Null => Kind::Null,
        serde_json::Value::Bool(_) => Kind::Boolean,
        serde_json::Value::Number(_) => Kind::Number,
        serde_json::Value::String(_) => Kind::String,
        serde_json::Value::Array(_) => Kind::Array,
        serde_json::Value::Object(_) => Kind::Object,
    };
    assert_eq!(value.kind(), kind);
    assert_eq!(value.boolean(), due.as_bool());
    assert_eq!(value.string().map(|text| text.to_string()).as_deref(), due.as_str());
    assert_eq!(value.elements().map(Iterator::count), due.as_array().map(Vec::len));
    assert_eq!(value.members().map(Iterator::count), due.as_object().map(serde_json::Map::len));
    for (element, due) in value.elements().into_iter().flatten().zip(due.as_array().into_iter().flatten()) {
        compare(element, due);
    }
    for (name, member) in value.members().into_iter().flatten() {
        let name = name.to_string();
        compare(member, &due[&name]);
        assert_eq!(value.member(&name), Some(member));
    }
    assert_eq!(value.member("none of that name"), None);
}

#[test]
fn nested_values_are_read_as_by_serde_json() {
    let mut random = Random(31);
    let (mut same, mut different) = (0, 0);
    let mut last = "null".to_owned();
    while same + different < 20_000 {
        let json = json(&mut random, 0);
        if json.len() + last.len() > 500 {
            continue;
        }
        read(&format!("[{json},{last}]"), |pair| {
            compare(pair, &serde_json::from_str(pair.as_str()).unwrap());
            let both: Vec<Value<'_>> = pair.elements().unwrap().collect();
            assert_eq!(both[0] == both[1], json == last);
            *if json == last { &mut same } else { &mut different } += 1;
        });
        last = json;
    }
    assert!(same > 500 && different > 500, "{same} {different}");
}
