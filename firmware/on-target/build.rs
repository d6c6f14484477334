use std::env::var;

fn main() {
    let folder = var("CARGO_MANIFEST_DIR").unwrap();
    let arch = var("CARGO_CFG_TARGET_ARCH").unwrap();
    println!("cargo::rerun-if-changed=memory");
    println!("cargo::rustc-link-search={folder}/memory/{arch}");
    #[cfg(feature = "peers")]
    cc::Build::new()
        .file("src/bin/peers/jsmn.c")
        // Debian's: headers of the host stay out of sight.
        .define("JSMN", "\"/usr/include/jsmn.h\"")
        .compile("jsmn");
    if arch == "riscv32" {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
