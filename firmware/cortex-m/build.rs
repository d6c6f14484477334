use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rustc-link-search={}", var("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    if var("CARGO_FEATURE_DEFMT").is_ok() {
        println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    }
}
