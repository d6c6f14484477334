//! Compiles jsmn, which is C.

fn main() {
    #[cfg(feature = "peers")]
    cc::Build::new().file("src/peers/jsmn.c").compile("jsmn");
    println!("cargo::rerun-if-changed=src/peers/jsmn.c");
}
