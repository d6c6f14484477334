use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rustc-link-search={}", var("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
