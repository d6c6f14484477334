//! Whole numbers as agents built on cJSON spell them, on the host's end: cJSON has doubles only, and prints 15 digits.

mod exchange;
mod random;

use exchange::{error, exchange};
use guestwire::commands::{DeviceId, DeviceInfo, Exec, FileSystem, GetDevices, GetFsinfo, GetTime, List, Schema};
use guestwire::json::Value;
use guestwire::message::ArgumentError;
use guestwire::{Agent, Decoder, Event};
use random::Random;

/// What `read` makes of a value, or why it does not.
fn read<T>(text: &str, read: impl for<'a> Fn(Value<'a>) -> Result<T, ArgumentError<'a>>) -> Result<T, String> {
    let mut decoder: Decoder<512> = Decoder::new();
    // A number at top level ends at whitespace.
    let bytes = format!("{text}\n").into_bytes();
    let (_, Ok(Some(Event::Frame(frame)))) = decoder.push_slice(&bytes) else { panic!("{text} is a frame") };
    read(frame.value()).map_err(|error| error.to_string())
}

/// Signed and unsigned, as a host without types reads them.
fn whole(text: &str) -> (Option<i64>, Option<u64>) {
    read(text, |value| Ok((value.whole(), value.whole_unsigned()))).unwrap()
}

#[test]
fn a_time_with_an_exponent_is_read_if_it_is_whole() {
    let time = |text| read(text, |value| GetTime::returned(value));
    assert_eq!(time("1781043766640330000"), Ok(1_781_043_766_640_330_000));
    assert_eq!(time("1.78104376664033e+18"), Ok(1_781_043_766_640_330_000));
    assert_eq!(time("-1.5e1"), Ok(-15));
    for not_whole in ["1.78104376664033e+3", "1e19", "-1e19", "1e999999999999999999999", "0.5", "true", "\"1\"", "null"]
    {
        assert_eq!(time(not_whole), Err("Invalid parameter type for '', expected: integer".into()), "{not_whole}");
    }
}

#[test]
fn an_error_names_the_member() {
    let pid = |text| read(text, |value| Ok(Exec::returned(value)?.pid));
    assert_eq!(pid("{\"pid\": 1.0e3}"), Ok(1000));
    assert_eq!(pid("{\"pid\": 1.5}"), Err("Invalid parameter type for 'pid', expected: integer".into()));
    let total = |text: &str| {
        let file_system = format!(r#"[{{"name":"a","mountpoint":"/","type":"ext4","disk":[],"total-bytes":{text}}}]"#);
        read(&file_system, |value| {
            let list: List<'_, FileSystem<'_>> = GetFsinfo::returned(value)?;
            Ok(list.iter().next().and_then(|file_system| file_system.total_bytes))
        })
    };
    assert_eq!(total("1.84467440737095e+19"), Ok(Some(18_446_744_073_709_500_000)));
    for outside in ["1.84467440737096e+19", "-1e0", "0.1"] {
        assert_eq!(total(outside), Err("Parameter '[0].total-bytes' expects uint64".into()), "{outside}");
    }
}

#[test]
fn numbers_of_16_bits_are_read_alike() {
    let vendor = |text| {
        let devices = format!(r#"[{{"driver-name":"a","id":{{"type":"pci","vendor-id":{text},"device-id":1}}}}]"#);
        read(&devices, |value| {
            let list: List<'_, DeviceInfo<'_>> = GetDevices::returned(value)?;
            match list.iter().next().and_then(|device| device.id) {
                Some(DeviceId::Pci(id)) => Ok(id.vendor_id),
                other => panic!("{other:?}"),
            }
        })
    };
    for (text, due) in [("4096", 4096), ("4.096e3", 4096), ("65535.0", 65535), ("-0", 0)] {
        assert_eq!(vendor(text), Ok(due), "{text}");
    }
    for outside in ["65536", "6.5536e4", "-1", "0.5"] {
        assert!(vendor(outside).unwrap_err().starts_with("Parameter '[0].id.vendor-id' expects uint"), "{outside}");
    }
}

#[test]
fn serde_reads_the_same() {
    let number = |text| read(text, |value| value.deserialize::<i64>());
    assert_eq!(number("1.78104376664033e+18"), Ok(1_781_043_766_640_330_000));
    assert_eq!(number("12.5"), Err("Invalid parameter type for '', expected: integer".into()));
    assert_eq!(read("2.55e2", |value| value.deserialize::<u8>()), Ok(255));
    assert_eq!(read("2.56e2", |value| value.deserialize::<u8>()), Err("Parameter '' expects uint8_t".into()));
}

/// As qemu-ga.
#[test]
fn an_argument_is_an_integer_without_fraction_and_exponent() {
    let mut agent: Agent<(), 256, 512> = Agent::new(());
    for id in ["1.0", "1e3", "1.78104376664033e+18"] {
        let answer =
            exchange(&mut agent, format!(r#"{{"execute":"guest-sync","arguments":{{"id":{id}}}}}"#).as_bytes());
        assert_eq!(answer, error("GenericError", "Invalid parameter type for 'id', expected: integer").as_bytes());
    }
}

#[test]
fn zeros_and_limits() {
    for (text, due) in [
        ("0", (Some(0), Some(0))),
        ("-0", (Some(0), Some(0))),
        ("-0.0e-999999999999999999999999", (Some(0), Some(0))),
        ("0.00000000000000000000000000000000000000001e41", (Some(1), Some(1))),
        ("10000000000000000000000000000000000000000e-40", (Some(1), Some(1))),
        ("9223372036854775807.000", (Some(i64::MAX), Some(i64::MAX as u64))),
        ("9223372036854775808", (None, Some(1 << 63))),
        ("-9223372036854775808e0", (Some(i64::MIN), None)),
        ("-9223372036854775809", (None, None)),
        ("1.8446744073709551615E19", (None, Some(u64::MAX))),
        ("18446744073709551616", (None, None)),
        ("1e-1", (None, None)),
        ("1e9223372036854775807", (None, None)),
        ("1e-9223372036854775808", (None, None)),
        ("\"1\"", (None, None)),
        ("[1]", (None, None)),
        ("false", (None, None)),
    ] {
        assert_eq!(whole(text), due, "{text}");
    }
}

/// Moves the point and makes up for it with the exponent.
#[test]
fn every_spelling_of_a_whole_number_is_read() {
    let mut random = Random(5);
    for _ in 0..20_000 {
        let number = (random.next() >> random.below(64)).max(1);
        let zeros = "0".repeat(random.below(4));
        let digits = format!("{number}{zeros}");
        let places = random.below(digits.len());
        let (before, after) = digits.split_at(digits.len() - places);
        let fraction = if after.is_empty() { String::new() } else { format!(".{after}") };
        let exponent = places as i64 - zeros.len() as i64;
        let sign = if exponent < 0 { "" } else { "+" };
        let text = format!("{before}{fraction}e{sign}{exponent}");
        let signed = i64::try_from(number).ok();
        assert_eq!(whole(&text), (signed, Some(number)), "{text}");
        assert_eq!(whole(&format!("-{text}")).0, 0_i64.checked_sub_unsigned(number), "-{text}");
        if !number.is_multiple_of(10) {
            let not_whole = format!("{before}{fraction}e{}", exponent - 1);
            assert_eq!(whole(&not_whole), (None, None), "{not_whole}");
        }
    }
}
