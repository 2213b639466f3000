//! Tells the linker what memory the board has.

use std::path::PathBuf;

fn main() {
    let board = |name: &str| std::env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let memory = match (board("LM3S6965EVB"), board("MPS2_AN385")) {
        (true, false) => {
            "MEMORY { FLASH : ORIGIN = 0x00000000, LENGTH = 256K RAM : ORIGIN = 0x20000000, LENGTH = 64K }"
        }
        (false, true) => {
            "MEMORY { FLASH : ORIGIN = 0x00000000, LENGTH = 4M RAM : ORIGIN = 0x20000000, LENGTH = 4M }"
        }
        _ => panic!("name one board: --features lm3s6965evb or --features mps2-an385"),
    };
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(out.join("memory.x"), memory).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
