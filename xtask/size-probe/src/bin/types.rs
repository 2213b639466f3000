//! The sizes of types: printed on a host, left in a symbol on a microcontroller.
#![cfg_attr(target_os = "none", no_std, no_main)]

use size_probe::TYPES;

#[cfg(target_os = "none")]
mod device {
    use super::TYPES;

    #[unsafe(no_mangle)]
    static TYPE_BYTES: [u32; TYPES.len()] = {
        let mut bytes = [0; TYPES.len()];
        let mut at = 0;
        while at < TYPES.len() {
            bytes[at] = TYPES[at].1 as u32;
            at += 1;
        }
        bytes
    };

    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        core::hint::black_box(&TYPE_BYTES);
        loop {}
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        loop {}
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    for (name, bytes) in TYPES {
        println!("{bytes} {name}");
    }
}
