//! The code of a server that does everything over a network.
#![no_std]
#![no_main]

use core::convert::Infallible;

use netcode_core::server::{Server, StartError};
use netcode_core::{Instant, UnixTime};
use rand_core::{TryCryptoRng, TryRng};

type Probed = Server<'static>;

/// A device's own generator has a size of its own; this stands for it at nearly none.
struct Outside;

#[inline(never)]
fn random() -> u64 {
    core::hint::black_box(0)
}

impl TryRng for Outside {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(random() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(random())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| random() as u8);
        Ok(())
    }
}

impl TryCryptoRng for Outside {
    // Not random at all: this is measured and never run.
}

fn start(server: &mut Probed, now: Instant, unix: UnixTime) -> Result<(), StartError> {
    server.start(now, unix, &mut Outside)
}

size_probe::program![
    Probed::new,
    start,
    Probed::stop,
    Probed::set_unix_time,
    Probed::rotate_key,
    Probed::set_admission,
    Probed::handle_datagram,
    Probed::send,
    Probed::poll_transmit,
    Probed::poll_event,
    Probed::next_deadline,
    Probed::disconnect,
];
