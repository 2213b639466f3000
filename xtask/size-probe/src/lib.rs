//! Objects of the measurement: sizes of types, and the roots that keep a role's code in the program.
#![no_std]

use core::mem::size_of;

use netcode_core::client::Client;
use netcode_core::server::{Server, StaticStorage};

const ONE_OF_EACH: usize = size_of::<StaticStorage<1, 1, 1>>();

/// Name and bytes of each type.
pub const TYPES: [(&str, usize); 5] = [
    ("client", size_of::<Client>()),
    (
        "client slot",
        size_of::<StaticStorage<2, 1, 1>>() - ONE_OF_EACH,
    ),
    (
        "half-open entry",
        size_of::<StaticStorage<1, 2, 1>>() - ONE_OF_EACH,
    ),
    (
        "token entry",
        size_of::<StaticStorage<1, 1, 2>>() - ONE_OF_EACH,
    ),
    ("server", size_of::<Server<'_>>()),
];

/// The address of a function: referencing it keeps the function, and inlines nothing.
#[repr(transparent)]
pub struct Root(pub *const ());

// SAFETY: the pointer is only ever looked at as a number.
unsafe impl Sync for Root {}

/// A panic handler and an entry point that holds `$roots`.
#[macro_export]
macro_rules! program {
    ($($root:expr),* $(,)?) => {
        static ROOTS: &[$crate::Root] = &[$($crate::Root($root as *const ())),*];

        #[unsafe(no_mangle)]
        extern "C" fn _start() -> ! {
            core::hint::black_box(ROOTS);
            loop {}
        }

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            loop {}
        }
    };
}
