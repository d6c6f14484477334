//! Reads and writes a type of every shape that serde has without an allocator, except `f32` and `f64`, which a `Value`
//! may be: `core` reads and prints those, with paths that can panic.

use guestwire::json::Text;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
pub struct Shapes<'a> {
    signed: (i8, i16, i32, i64),
    unsigned: (u8, u16, u32, u64),
    long: (i128, u128),
    boolean: bool,
    character: char,
    borrowed: &'a str,
    #[serde(borrow)]
    text: Text<'a>,
    optional: Option<i64>,
    unit: (),
    array: [u8; 4],
    newtype: Newtype,
    variant: Variant,
    #[serde(default)]
    absent: bool,
}

#[derive(Deserialize, Serialize)]
struct Newtype(i64);

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Variant {
    Unit,
    Newtype(u8),
    Tuple(bool, i8),
    Struct { value: i64 },
}
