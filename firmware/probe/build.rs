//! defmt's strings are symbols that its linker script gathers.

fn main() {
    println!("cargo:rustc-link-arg-bin=agent-defmt=-Tdefmt.x");
    println!("cargo:rerun-if-changed=build.rs");
}
