//! Both roles with a cryptography that does nothing: linked only if no panic can be reached, since
//! the panic handler calls a function that does not exist.
#![no_std]
#![no_main]

use core::convert::Infallible;

use netcode_core::client::Client;
use netcode_core::crypto::{Crypto, Key, Unauthentic};
use netcode_core::server::{Server, StartError};
use netcode_core::{Instant, UnixTime};
use rand_core::{TryCryptoRng, TryRng};

/// Stands for an AEAD, whose code is not ours.
struct Stub;

impl Crypto for Stub {
    fn seal(&self, _: &Key, _: &[u8; 12], _: &[u8], body_and_tag: &mut [u8]) {
        core::hint::black_box(body_and_tag);
    }

    fn open(&self, _: &Key, _: &[u8; 12], _: &[u8], bytes: &mut [u8]) -> Result<(), Unauthentic> {
        core::hint::black_box(bytes);
        Ok(())
    }
}

struct Outside;

impl TryRng for Outside {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(core::hint::black_box(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(core::hint::black_box(0))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        core::hint::black_box(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Outside {}

type AClient = Client<Stub>;
type AServer = Server<'static, Stub>;

fn start(server: &mut AServer, now: Instant, unix: UnixTime) -> Result<(), StartError> {
    server.start(now, unix, &mut Outside)
}

static ROOTS: &[size_probe::Root] = &[
    size_probe::Root(AClient::connect as *const ()),
    size_probe::Root(AClient::handle_datagram as *const ()),
    size_probe::Root(AClient::send as *const ()),
    size_probe::Root(AClient::poll_transmit as *const ()),
    size_probe::Root(AClient::poll_event as *const ()),
    size_probe::Root(AClient::next_deadline as *const ()),
    size_probe::Root(AClient::disconnect as *const ()),
    size_probe::Root(AServer::with_crypto as *const ()),
    size_probe::Root(start as *const ()),
    size_probe::Root(AServer::stop as *const ()),
    size_probe::Root(AServer::set_unix_time as *const ()),
    size_probe::Root(AServer::rotate_key as *const ()),
    size_probe::Root(AServer::set_admission as *const ()),
    size_probe::Root(AServer::handle_datagram as *const ()),
    size_probe::Root(AServer::send as *const ()),
    size_probe::Root(AServer::poll_transmit as *const ()),
    size_probe::Root(AServer::poll_event as *const ()),
    size_probe::Root(AServer::next_deadline as *const ()),
    size_probe::Root(AServer::disconnect as *const ()),
    size_probe::Root(AServer::disconnect_all as *const ()),
];

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    core::hint::black_box(ROOTS);
    loop {}
}

unsafe extern "C" {
    /// Undefined on purpose.
    fn a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: never called: the program does not link if it could be.
    unsafe { a_panic_can_be_reached() }
}
