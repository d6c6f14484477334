//! What `misuse.c` does wrong is an error each time, and nothing more: under the sanitizers, in C and in C++.
#![cfg(target_os = "linux")]

mod c;

use c::{C99, CPP17, SANITIZED, compile};

#[test]
fn every_misuse_is_an_error() {
    for (language, name) in [(C99, "misuse-c99"), (CPP17, "misuse-cpp17")] {
        let run = compile("misuse.c", name, &[language, SANITIZED]).command().output().expect("it was compiled");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}
