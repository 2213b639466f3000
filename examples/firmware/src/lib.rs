//! Common parts of this firmware's programs: a board, its clock, its network card, the fetch of a
//! token, and the source of keys.
//!
//! | file | contents |
//! | --- | --- |
//! | `board` | one file a board: its clock, its card, its addresses |
//! | `net` | one file a card: its registers |
//! | `clock` | milliseconds since the start |
//! | `counter` | 64-bit counter of the clock |
//! | `fetch` | a sealed token from the backend, over TCP |
//! | `head` | head of an HTTP answer |
//! | `interrupts` | table of the chip's interrupts |
//! | `network` | an interface with UDP sockets, in statics |
//! | `provision` | keys, the backend's address, the date, randomness: the seam to the world |
//! | `stack` | how deep the stack has been, and what the statics take |
//! | `text` | numbers and bytes in text |
#![no_std]

pub mod board;
pub mod clock;
pub mod counter;
pub mod fetch;
pub mod head;
mod interrupts;
pub mod net;
pub mod network;
pub mod provision;
pub mod stack;
pub mod text;

use core::panic::PanicInfo;

/// A panic is a bug. Say where, and end: on a real device a watchdog starts it again. A release
/// build does not say where: the places and the code to print them take 8 KB of flash.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if cfg!(debug_assertions) {
        semihosting::println!("{info}");
    } else {
        semihosting::println!("panic: build the dev profile to see where");
    }
    semihosting::process::exit(101)
}
