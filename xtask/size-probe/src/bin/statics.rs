//! A client and a server's storage in statics, whose initial values are to take no flash.
#![no_std]
#![no_main]

use core::cell::UnsafeCell;

use netcode_core::client::Client;
use netcode_core::server::StaticStorage;

/// Memory that a program may change, as a `static_cell` is.
struct Memory<T>(UnsafeCell<T>);

// SAFETY: nothing ever looks into it.
unsafe impl<T> Sync for Memory<T> {}

#[unsafe(no_mangle)]
static STATIC_CLIENT: Memory<Client> = Memory(UnsafeCell::new(Client::new()));

#[unsafe(no_mangle)]
static STATIC_STORAGE: Memory<StaticStorage<4, 8, 32>> =
    Memory(UnsafeCell::new(StaticStorage::new()));

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    core::hint::black_box(STATIC_CLIENT.0.get());
    core::hint::black_box(STATIC_STORAGE.0.get());
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
