//! Counts what sealing and opening a packet costs: to be run under emulation, where an
//! instruction takes a nanosecond (`-icount shift=0`).
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use firmware::board::CLOCK_HZ;
use firmware::clock;
use netcode_core::crypto::{Key, RustCrypto};
use netcode_core::packet::{Header, Packet, Role, seal};
use netcode_core::{ProtocolId, Sequence};
use semihosting::println;

const ROUNDS: u32 = 64;
const PROTOCOL_ID: ProtocolId = ProtocolId(1);

#[entry]
fn main() -> ! {
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        clock::start(peripherals.SYST);
    }
    let key = Key::from_bytes([7; 32]);
    let payload = [1; 1200];
    let mut datagram = [0; 1225];
    for len in [64, 1200] {
        let packet = Packet::Payload(payload.get(..len).unwrap_or_default());
        let mut sealing = || {
            let sealed = seal(
                &packet,
                &RustCrypto,
                &key,
                PROTOCOL_ID,
                Sequence(300),
                &mut datagram,
            );
            black_box(sealed).unwrap_or(0)
        };
        let sealing = instructions(&mut sealing);
        // What is opened must have been sealed, each time anew.
        let mut both = || {
            let sealed = seal(
                &packet,
                &RustCrypto,
                &key,
                PROTOCOL_ID,
                Sequence(300),
                &mut datagram,
            );
            let bytes = datagram.get_mut(..sealed.unwrap_or(0)).unwrap_or_default();
            let header = Header::parse(bytes, Role::Server);
            let opened = header.map(|it| it.open(&RustCrypto, &key, PROTOCOL_ID, bytes).is_ok());
            black_box(opened).is_ok_and(|opened| opened).into()
        };
        let both = instructions(&mut both);
        println!("{len} {sealing} {}", both.wrapping_sub(sealing));
    }
    semihosting::process::exit(0)
}

/// Nanoseconds of emulated time, and so instructions, of one call.
fn instructions(call: &mut impl FnMut() -> usize) -> u32 {
    let before = clock::ticks();
    for _ in 0..ROUNDS {
        black_box(call());
    }
    let nanoseconds_a_tick = 1_000_000_000 / CLOCK_HZ;
    (clock::ticks().wrapping_sub(before)).wrapping_mul(nanoseconds_a_tick) / ROUNDS
}
