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

/// Of two and of three bytes on the wire: the body behind it begins inside a word, or with one,
/// which makes a difference to a copy of it.
const SEQUENCES: [Sequence; 2] = [Sequence(300), Sequence(70_000)];

#[repr(align(4))]
struct Datagram([u8; 1225]);

#[entry]
fn main() -> ! {
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        clock::start(peripherals.SYST);
    }
    for sequence in SEQUENCES {
        for len in [64, 1200] {
            count(sequence, len);
        }
    }
    semihosting::process::exit(0)
}

/// Prints the payload's length, the number of the packet, and the instructions to seal and open.
fn count(sequence: Sequence, len: usize) {
    let key = Key::from_bytes([7; 32]);
    let payload = [1; 1200];
    let mut datagram = Datagram([0; 1225]);
    let packet = Packet::Payload(payload.get(..len).unwrap_or_default());
    let sealed = |datagram: &mut Datagram| {
        let out = &mut datagram.0;
        let sealed = seal(&packet, &RustCrypto, &key, PROTOCOL_ID, sequence, out);
        black_box(sealed).map_or(0, |datagram| datagram.len())
    };
    let sealing = instructions(&mut || sealed(&mut datagram));
    // A packet to open must have been sealed, each time anew.
    let both = instructions(&mut || {
        let len = sealed(&mut datagram);
        let bytes = datagram.0.get_mut(..len).unwrap_or_default();
        let header = Header::parse(bytes, Role::Server);
        let opened = header.map(|it| it.open(&RustCrypto, &key, PROTOCOL_ID, bytes).is_ok());
        black_box(opened).is_ok_and(|opened| opened).into()
    });
    let opening = both.wrapping_sub(sealing);
    println!("{len} {} {sealing} {opening}", sequence.0);
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
