//! `include/guestwire.h` is what cbindgen makes of the crate. `UPDATE=1 cargo test -p guestwire-c --test header` renews it.

use std::{env, fs};

use cbindgen::{Builder, Config};

const SOURCES: [&str; 6] = ["agent", "call", "writer", "value", "decoder", "client"];

#[test]
fn the_header_is_up_to_date() {
    let root = env!("CARGO_MANIFEST_DIR");
    let config = Config::from_file(format!("{root}/cbindgen.toml")).expect("cbindgen.toml can be read");
    let builder = Builder::new().with_config(config);
    let builder = SOURCES.iter().fold(builder, |builder, source| builder.with_src(format!("{root}/src/{source}.rs")));
    let mut made = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut made);
    let made = String::from_utf8(made).expect("it is UTF-8");
    let path = format!("{root}/include/guestwire.h");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &made).expect("it can be written");
    }
    let committed = fs::read_to_string(&path).expect("there is a header");
    assert!(made == committed, "the header is stale: UPDATE=1 cargo test -p guestwire-c --test header");
}

#[test]
fn another_version_does_not_link() {
    let header = include_str!("../include/guestwire.h");
    let version = concat!(env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR"));
    for kind in ["agent", "client", "decoder"] {
        assert!(header.contains(&format!("#define gw_{kind}_init gw_{kind}_init_{version}\n")), "{kind}");
        assert!(header.contains(&format!("bool gw_{kind}_init_{version}(")), "{kind}");
    }
}
