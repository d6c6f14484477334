//! The header's types have the sizes and alignments of the library's. That what the opaque ones hold fits, the crate itself
//! checks when it is compiled.
#![cfg(target_os = "linux")]

mod c;

use std::fmt::Write;

use c::{C99, CPP17, compile};
use guestwire_c::*;

macro_rules! sizes {
    ($($type:ident)*) => {{
        let mut sizes = String::new();
        $(writeln!(sizes, "{} {}", size_of::<$type>(), align_of::<$type>()).unwrap();)*
        sizes
    }};
}

#[test]
fn types_are_as_large_in_c() {
    let expected = sizes!(
        gw_agent gw_client gw_decoder gw_guest gw_command gw_value gw_text gw_reply gw_event gw_kind gw_reply_kind
    );
    for (language, name) in [(C99, "sizes-c99"), (CPP17, "sizes-cpp17")] {
        let run = compile("sizes.c", name, &[language]).command().output().expect("it was compiled");
        assert_eq!(String::from_utf8_lossy(&run.stdout), expected);
    }
}
