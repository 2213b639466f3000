//! Tells the linker what memory the board has.

use std::path::PathBuf;

fn main() {
    let board = |name: &str| std::env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let boards = ["LM3S6965EVB", "MPS2_AN385", "MPS2_AN386"].map(board);
    let memory = match boards {
        [true, false, false] => {
            "MEMORY { FLASH : ORIGIN = 0x00000000, LENGTH = 256K RAM : ORIGIN = 0x20000000, LENGTH = 64K }"
        }
        [false, true, false] | [false, false, true] => {
            "MEMORY { FLASH : ORIGIN = 0x00000000, LENGTH = 4M RAM : ORIGIN = 0x20000000, LENGTH = 4M }"
        }
        _ => panic!("name one board: --features lm3s6965evb, mps2-an385 or mps2-an386"),
    };
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(out.join("memory.x"), memory).expect("OUT_DIR can be written");
    // Names of interrupt handlers: there are none.
    std::fs::write(out.join("device.x"), "").expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
