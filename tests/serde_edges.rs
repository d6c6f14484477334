//! The limits of serde's types: ranges, lengths, variants, and the type of an untyped number.

mod arguments;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use arguments::arguments;
use guestwire::json::{Encoder, Text};
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

/// Reads one argument.
fn argument<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let mut arguments = arguments::<HashMap<String, T>>(&format!("{{\"x\": {json}}}"))?;
    Ok(arguments.remove("x").unwrap())
}

/// The least and the greatest number are taken, the next ones refused with the type's name in QAPI (QEMU 7.2,
/// qapi/qapi-visit-core.c), and so is what is no whole number.
#[test]
fn every_whole_number_type_takes_its_range_and_names_itself() {
    macro_rules! check {
        ($($type:ty: $less:literal $greater:literal $other:literal,)*) => {$(
            for number in [<$type>::MIN, 0, 1, <$type>::MAX / 2, <$type>::MAX] {
                assert_eq!(argument::<$type>(&number.to_string()), Ok(number), "{}", stringify!($type));
            }
            let (less, greater) = (i128::from(<$type>::MIN) - 1, i128::from(<$type>::MAX) + 1);
            assert_eq!(argument::<$type>(&less.to_string()), Err($less.into()), "{less}");
            assert_eq!(argument::<$type>(&greater.to_string()), Err($greater.into()), "{greater}");
            for other in ["1.0", "1e1", "\"1\"", "true", "null", "[1]", "{}"] {
                assert_eq!(argument::<$type>(other), Err($other.into()), "{} of {other}", stringify!($type));
            }
        )*};
    }
    check! {
        i8: "Parameter 'x' expects int8_t" "Parameter 'x' expects int8_t"
            "Invalid parameter type for 'x', expected: integer",
        i16: "Parameter 'x' expects int16_t" "Parameter 'x' expects int16_t"
            "Invalid parameter type for 'x', expected: integer",
        i32: "Parameter 'x' expects int32_t" "Parameter 'x' expects int32_t"
            "Invalid parameter type for 'x', expected: integer",
        i64: "Invalid parameter type for 'x', expected: integer" "Invalid parameter type for 'x', expected: integer"
            "Invalid parameter type for 'x', expected: integer",
        u8: "Parameter 'x' expects uint64" "Parameter 'x' expects uint8_t" "Parameter 'x' expects uint64",
        u16: "Parameter 'x' expects uint64" "Parameter 'x' expects uint16_t" "Parameter 'x' expects uint64",
        u32: "Parameter 'x' expects uint64" "Parameter 'x' expects uint32_t" "Parameter 'x' expects uint64",
        u64: "Parameter 'x' expects uint64" "Parameter 'x' expects uint64" "Parameter 'x' expects uint64",
    }
}

/// Which of serde's methods a number without a type was given to, and the number.
#[derive(Debug, PartialEq)]
enum Untyped {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

impl<'de> Deserialize<'de> for Untyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Which;

        impl Visitor<'_> for Which {
            type Value = Untyped;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Untyped, E> {
                Ok(Untyped::Signed(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Untyped, E> {
                Ok(Untyped::Unsigned(number))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Untyped, E> {
                Ok(Untyped::Float(number))
            }
        }

        deserializer.deserialize_any(Which)
    }
}

/// A whole number without a type loses no digit: from 2^63 on it is unsigned.
#[test]
fn a_number_without_a_type_is_exact_up_to_64_bits() {
    for (json, due) in [
        ("0", Untyped::Signed(0)),
        ("-1", Untyped::Signed(-1)),
        ("-9223372036854775808", Untyped::Signed(i64::MIN)),
        ("9223372036854775807", Untyped::Signed(i64::MAX)),
        ("9223372036854775808", Untyped::Unsigned(1 << 63)),
        ("9223372036854775809", Untyped::Unsigned((1 << 63) + 1)),
        ("18446744073709551615", Untyped::Unsigned(u64::MAX)),
        ("18446744073709551616", Untyped::Float(18_446_744_073_709_551_616.0)),
        ("-9223372036854775809", Untyped::Float(-9_223_372_036_854_775_808.0)),
        ("1.0", Untyped::Float(1.0)),
        ("1e2", Untyped::Float(100.0)),
    ] {
        assert_eq!(argument::<Untyped>(json), Ok(due), "{json}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(i64),
    Tuple(i64, bool),
    Struct { side: i64 },
}

/// An enum has exactly one name and one content.
#[test]
fn an_enum_is_one_variant_with_its_content() {
    for (json, shape) in [
        ("\"Unit\"", Shape::Unit),
        ("{\"Newtype\": 1}", Shape::Newtype(1)),
        ("{\"Tuple\": [1, true]}", Shape::Tuple(1, true)),
        ("{\"Struct\": {\"side\": 1}}", Shape::Struct { side: 1 }),
    ] {
        assert_eq!(argument::<Shape>(json), Ok(shape), "{json}");
    }
    for json in [
        "{\"Newtype\": 1, \"Unit\": null}",
        "{\"Newtype\": 1, \"Newtype\": 2}",
        "{\"Newtype\": 1, \"x\": 2}",
        "{\"Struct\": {\"side\": 1}, \"Tuple\": [1, true]}",
        "{}",
        // A variant's content where it has none, and none where it has.
        "{\"Unit\": 1}",
        "{\"Unit\": {}}",
        "{\"Unit\": []}",
        "{\"Unit\": \"Unit\"}",
        "\"Newtype\"",
        "\"Tuple\"",
        "\"Struct\"",
        "{\"Newtype\": \"1\"}",
        "{\"Tuple\": [1]}",
        "{\"Tuple\": [1, true, 2]}",
        "{\"Struct\": {\"side\": 1, \"x\": 1}}",
        "{\"unit\": 1}",
        "\"unit\"",
        "\"Uni\"",
        "\"Units\"",
        "\"\"",
        "1",
        "null",
    ] {
        assert!(argument::<Shape>(json).is_err(), "{json}");
    }
}

/// Strings are unescaped on the stack into 256 bytes, counted in UTF-8, not as escaped.
#[test]
fn a_string_with_escapes_is_read_up_to_256_bytes() {
    for (one, meaning) in [("\\n", "\n"), ("\\u00e9", "é"), ("\\ud83d\\ude00", "😀"), ("\\\\", "\\")] {
        let most = 256 / meaning.len();
        let read = |count: usize| argument::<String>(&format!("\"{}\"", one.repeat(count)));
        assert_eq!(read(most), Ok(meaning.repeat(most)));
        assert_eq!(read(most + 1), Err("Invalid parameter 'x'".into()));
    }
    let one_escape = |length: usize| argument::<String>(&format!("\"\\n{}\"", "x".repeat(length - 1)));
    assert_eq!(one_escape(256).map(|text| text.len()), Ok(256));
    assert_eq!(one_escape(257), Err("Invalid parameter 'x'".into()));
    // Without escapes there is no limit but the buffer's.
    assert_eq!(argument::<String>(&format!("\"{}\"", "x".repeat(60_000))).map(|text| text.len()), Ok(60_000));
}

/// Each member is counted, and those of a struct have one bit each.
#[test]
fn a_struct_has_as_many_members_as_can_be_counted() {
    macro_rules! structs {
        ($($name:ident $($field:ident)*;)*) => {$(
            #[derive(Debug, PartialEq, Deserialize)]
            struct $name { $($field: u8),* }
        )*};
    }
    structs! {
        Most a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1;
        More a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1 d2;
    }
    let names = (0..33).map(|number| format!("\"{}{}\": {number}", char::from(b'a' + number / 10), number % 10));
    let names: Vec<_> = names.collect();
    let read = arguments::<Most>(&format!("{{{}}}", names[..32].join(", "))).unwrap();
    assert_eq!((read.a0, read.c9, read.d1), (0, 29, 31));
    let more = arguments::<More>(&format!("{{{}}}", names.join(", ")));
    assert_eq!(more, Err("Parameter 'd2' is unexpected".into()));
}

/// What `value` is written as.
fn written<T: Serialize + ?Sized>(value: &T) -> Result<String, String> {
    let mut buffer = [0; 512];
    let mut encoder = Encoder::new(&mut buffer);
    encoder.value().serialize(value).map_err(|error| error.to_string())?;
    Ok(str::from_utf8(encoder.as_bytes()).unwrap().into())
}

/// The numbers up to 64 bits, whatever their type.
#[test]
fn every_type_of_serde_is_written_as_serde_json_writes_it() {
    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Newtype(i8);

    macro_rules! check {
        ($($value:expr),* $(,)?) => {$(
            let due = serde_json::to_string(&$value).unwrap().replace(',', ", ").replace(':', ": ");
            assert_eq!(written(&$value), Ok(due), "{}", stringify!($value));
        )*};
    }
    check! {
        true, i8::MIN, i16::MIN, i32::MIN, i64::MIN, u8::MAX, u16::MAX, u32::MAX, u64::MAX,
        i128::from(i64::MIN), i128::from(i64::MAX) + 1, i128::from(u64::MAX), u128::from(u64::MAX), 0.5_f32, -0.5_f64,
        'a', "a", Some("a"), None::<i8>, (), Unit, Newtype(1), [1, 2], (1, "a"), BTreeMap::from([("a", 1), ("b", 2)]),
        Shape::Unit, Shape::Newtype(1), Shape::Tuple(1, true), Shape::Struct { side: 1 },
    }
    let too_wide = "A number of more than 64 bits has no form here";
    for number in [i128::from(i64::MIN) - 1, i128::from(u64::MAX) + 1] {
        assert_eq!(written(&number), Err(too_wide.into()), "{number}");
    }
    assert_eq!(written(&(u128::from(u64::MAX) + 1)), Err(too_wide.into()));
}

/// A type may catch the error of a part of it, and go on. It is told what is wrong.
#[test]
fn an_error_that_a_type_catches_says_what_is_wrong() {
    #[derive(Debug, PartialEq)]
    struct Caught(String);

    impl<'de> Deserialize<'de> for Caught {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Self(i8::deserialize(deserializer).map_or_else(|error| error.to_string(), |number| number.to_string())))
        }
    }

    assert_eq!(argument("127"), Ok(Caught("127".into())));
    assert_eq!(argument("128"), Ok(Caught("Parameter 'x' expects int8_t".into())));
    assert_eq!(argument("[]"), Ok(Caught("Invalid parameter type for 'x', expected: integer".into())));

    struct Catches<T>(T, RefCell<String>);

    impl<T: Serialize> Serialize for Catches<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut array = serializer.serialize_seq(None)?;
            *self.1.borrow_mut() = array.serialize_element(&self.0).unwrap_err().to_string();
            array.end()
        }
    }

    fn caught<T: Serialize>(value: T) -> String {
        let catches = Catches(value, RefCell::default());
        assert!(written(&catches).is_err());
        catches.1.into_inner()
    }

    assert_eq!(caught(f64::NAN), "A number that is not finite has no form in JSON");
    assert_eq!(caught("x".repeat(512)), "does not fit the buffer");
}

/// The first wrong element is named, not the one after it, which has not been read.
#[test]
fn a_wrong_element_is_named_though_others_follow() {
    let error = argument::<Vec<u8>>("[1, \"two\", 3]").unwrap_err();
    assert_eq!(error, "Parameter 'x[1]' expects uint64");
    let error = argument::<(u8, u8)>("[1, 256, 3]").unwrap_err();
    assert_eq!(error, "Parameter 'x[1]' expects uint8_t");
}

/// A name is a `Text` like any other string, and no other format has one.
#[test]
fn a_text_is_read_as_a_name_and_by_guestwire_alone() {
    #[derive(Debug, PartialEq)]
    struct Names(Vec<String>);

    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Each;

            impl<'de> Visitor<'de> for Each {
                type Value = Names;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Names, M::Error> {
                    let mut names = Vec::new();
                    while let Some((name, _)) = map.next_entry::<Text<'de>, i64>()? {
                        names.push(name.to_string());
                    }
                    Ok(Names(names))
                }
            }

            deserializer.deserialize_map(Each)
        }
    }

    let names = arguments(r#"{"plain": 1, "\u00e9\ud83d\ude00": 2}"#);
    assert_eq!(names, Ok(Names(vec!["plain".into(), "é😀".into()])));
    let error = serde_json::from_str::<Text<'_>>("\"a\"").unwrap_err().to_string();
    assert!(error.contains("expected a string received by guestwire"), "{error}");
}
