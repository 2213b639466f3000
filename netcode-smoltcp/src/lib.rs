//! netcode 1.02 on smoltcp: a microcontroller with Ethernet or Wi-Fi becomes a client, or a
//! server, of encrypted and authenticated datagrams. No `std`, no allocator, no `unsafe`.
//!
//! The application keeps its own interface, socket set and loop; this crate drives UDP sockets of
//! that set. Each turn of the loop: let the interface take in a few frames and
//! [`receive`](Client::receive) after each, [`poll`](Client::poll) until it is idle, let the
//! interface send, and sleep until the earlier of the two deadlines. A turn is bounded: a flood
//! never leaves the card empty, and who waited for that would answer nobody.
//!
//! ```
//! use netcode_smoltcp::core::client::Event;
//! use netcode_smoltcp::smoltcp::iface::PollIngressSingleResult::None as NoFrame;
//! use netcode_smoltcp::smoltcp::iface::{Interface, SocketSet};
//! use netcode_smoltcp::smoltcp::phy::Device;
//! use netcode_smoltcp::smoltcp::socket::udp;
//! use netcode_smoltcp::smoltcp::time::{Duration, Instant};
//! use netcode_smoltcp::{
//!     BUFFER_BYTES, CLIENT_RX_BYTES, CLIENT_RX_PACKETS, CLIENT_TX_BYTES, CLIENT_TX_PACKETS,
//!     Client, check_mtu,
//! };
//!
//! /// Taken in between two times that something is sent.
//! const FRAMES_A_TURN: usize = 4;
//!
//! /// Sends a reading ten times a second, and obeys what the server says. Call it again with the
//! /// next token when it returns.
//! fn run(
//!     device: &mut impl Device,
//!     iface: &mut Interface,
//!     token: &[u8],
//!     clock: impl Fn() -> Instant,
//!     sleep: impl Fn(Option<Duration>),
//!     measure: impl Fn() -> [u8; 4],
//!     obey: impl Fn(&[u8]),
//! ) {
//!     // On a device these are `static`s.
//!     let (mut rx, mut tx) = ([0; CLIENT_RX_BYTES], [0; CLIENT_TX_BYTES]);
//!     let mut rx_packets = [udp::PacketMetadata::EMPTY; CLIENT_RX_PACKETS];
//!     let mut tx_packets = [udp::PacketMetadata::EMPTY; CLIENT_TX_PACKETS];
//!     let mut socket = udp::Socket::new(
//!         udp::PacketBuffer::new(&mut rx_packets[..], &mut rx[..]),
//!         udp::PacketBuffer::new(&mut tx_packets[..], &mut tx[..]),
//!     );
//!     socket.bind(50000).unwrap();
//!     let mut storage = [const { netcode_smoltcp::smoltcp::iface::SocketStorage::EMPTY }; 1];
//!     let mut sockets = SocketSet::new(&mut storage[..]);
//!     let mut client = Client::new(sockets.add(socket));
//!
//!     client.connect(clock(), token).unwrap();
//!     let server = client.core().server_address().unwrap();
//!     check_mtu(device.capabilities().ip_mtu(), server.ip()).unwrap();
//!     let mut buffer = [0; BUFFER_BYTES];
//!     let mut reading_due = clock();
//!     // Until it fails, or the server says goodbye: both ask for a new token.
//!     while client.state().is_active() {
//!         let now = clock();
//!         iface.poll_maintenance(now);
//!         let idle = (0..FRAMES_A_TURN).any(|_| {
//!             let frame = iface.poll_ingress_single(now, device, &mut sockets);
//!             while let Some(event) = client.next_arrived(now, &mut sockets, &mut buffer) {
//!                 if let Event::Payload { payload, .. } = event {
//!                     obey(payload);
//!                 }
//!             }
//!             frame == NoFrame
//!         });
//!         while let Some(event) = client.next_event(now, &mut sockets, &mut buffer) {
//!             if let Event::Payload { payload, .. } = event {
//!                 obey(payload);
//!             }
//!         }
//!         let netcode_due = client.next_deadline();
//!         if client.is_connected() && now >= reading_due {
//!             reading_due = now + Duration::from_millis(100);
//!             // A full buffer means the link is slow: this reading is lost, the next is newer.
//!             let _ = client.send(now, &mut sockets, &measure());
//!         }
//!         iface.poll_egress(now, device, &mut sockets);
//!         // While frames wait there is no time to sleep.
//!         if idle {
//!             let interface_due = iface.poll_at(now, &sockets);
//!             let due = [netcode_due, interface_due].into_iter().flatten().min();
//!             sleep(due.map(|due| if due > now { due - now } else { Duration::ZERO }));
//!         }
//!     }
//! }
//! ```
//!
//! The clock must never start again while the program runs: count in 64 bits.
//!
//! A server is the same with [`Server::poll`], which says who sent a payload, and three things
//! more: randomness at its start, the date, and a socket for each client ([`server_sockets`]), so
//! that one that cannot be reached holds up nobody else.
//!
//! # What may go wrong, and what happens then
//!
//! | what | what happens |
//! | --- | --- |
//! | a socket's transmit buffer is full | [`SendError::BufferFull`] for a payload; anything else is lost and counted in [`SocketStats`], as if on the way: requests, responses and keep-alives are repeated ten times a second, and of the ten disconnect packets one is enough |
//! | its receive buffer is full | smoltcp drops what does not fit: use [`poll_ingress_single`] and poll in between, or a larger buffer |
//! | the interface has no address yet | smoltcp drops what is sent; requests are repeated ten times a second until the token expires |
//! | a neighbour does not answer, or there is no route | smoltcp keeps a datagram at the head of its socket for as long as that lasts. Here it waits for nine tenths of a second, is thrown away and counted ([`SocketStats::unreachable`]), and the host is tried again later: a client goes on to its token's next server after the timeout, a server's other clients notice nothing |
//! | more neighbours than smoltcp remembers | it forgets the one it has not heard of for longest, and asks for one a second: set `iface-neighbor-cache-count` to more than a server's clients on its own network, and the router |
//! | the interface's MTU is below [`MIN_IPV4_MTU`] or [`MIN_IPV6_MTU`] | smoltcp drops long datagrams, and only a timeout is seen of it: [`check_mtu`] says so beforehand |
//! | a device loses its power | its session ends after the timeout; when it comes back it asks for a new token. Never keep a token across a reset: its keys would be used a second time, from the same sequences on, and whoever recorded both runs could read and forge packets |
//! | a turn comes late | all that has arrived is read before a timeout is judged |
//! | the link is down | silence: the session ends after its token's timeout, with `ConnectionTimedOut`; a new token starts a new one |
//! | DHCP changes the address | the server does not know the new one: as when the link is down |
//! | the socket is closed, or not in the set | [`SendError::Unaddressable`] for a payload; everything else is counted in [`SocketStats`] |
//!
//! [`poll_ingress_single`]: smoltcp::iface::Interface::poll_ingress_single
//!
//! # Randomness
//!
//! A client needs none: its keys come in its token. A server draws the key of its challenges and
//! the base of its sequences from what [`Server::start`] is given. If those bytes repeat after a
//! reset, so do nonces under the sessions' keys, and whoever recorded both runs can read and forge
//! the packets they sealed; if they can be guessed, so can challenges. Time, serial numbers and
//! floating pins are no randomness. Nor is the RP2040's ring oscillator alone: its bits are biased and
//! follow one another, and its makers say that it is not for cryptography. Hash many thousands of
//! them together with a secret that was written to that device alone and a count that is stored
//! before each start, or take a chip with a generator.
//!
//! Use the chip's generator. Most `embassy`, `esp` and `stm32` crates hand it out as a `rand_core`
//! generator for [`Server::start`]; where its version of `rand_core` is another, let it fill 32
//! bytes for [`Server::start_with_seed`]. Without such a crate, on an STM32 (reference manual,
//! chapter *True random number generator*), it is this:
//!
//! ```
//! /// 32 bytes from the `RNG` of an STM32, its clock on and `RNGEN` set. `status` and `data` read
//! /// the registers `SR`, offset 4, and `DR`, offset 8. `None` if the generator is found broken.
//! fn seed(status: impl Fn() -> u32, data: impl Fn() -> u32) -> Option<[u8; 32]> {
//!     const READY: u32 = 1 << 0;
//!     const CLOCK_OR_SEED_ERROR: u32 = 1 << 6 | 1 << 5 | 1 << 2 | 1 << 1;
//!     let word = || {
//!         loop {
//!             match status() {
//!                 it if it & CLOCK_OR_SEED_ERROR != 0 => return None,
//!                 it if it & READY != 0 => return Some(data()),
//!                 _ => core::hint::spin_loop(),
//!             }
//!         }
//!     };
//!     // The manual: the first word is not for use, and two alike in a row are a failure.
//!     let mut last = word()?;
//!     let mut seed = [0; 32];
//!     for bytes in seed.chunks_exact_mut(4) {
//!         let next = word().filter(|next| *next != last)?;
//!         bytes.copy_from_slice(&next.to_le_bytes());
//!         last = next;
//!     }
//!     Some(seed)
//! }
//! # let count = core::cell::Cell::new(0);
//! # assert!(seed(|| 1, || { count.set(count.get() + 1); count.get() }).is_some());
//! # assert!(seed(|| 1, || 7).is_none() && seed(|| 1 << 6, || 7).is_none());
//! ```
//!
//! # Features
//!
//! | feature | default | what it does |
//! | --- | --- | --- |
//! | `proto-ipv4`, `proto-ipv6` | the first | families that can be dialled; turns on smoltcp's |
//! | `medium-ethernet`, `medium-ip` | the first | turns on smoltcp's |
//! | `embassy-net` | no | [`embassy`]: the same on embassy-net's sockets |
//! | `defmt` | no | `defmt::Format` for events, payloads, errors and counts |
#![no_std]
#![forbid(unsafe_code)]

mod client;
mod convert;
#[cfg(feature = "embassy-net")]
pub mod embassy;
mod error;
mod lanes;
mod link;
mod mtu;
mod server;
mod sizes;
mod stats;

pub use netcode_core as core;
pub use smoltcp;

pub use self::client::Client;
pub use self::error::{ConfigError, SendError};
pub use self::mtu::{MIN_IPV4_MTU, MIN_IPV6_MTU, MtuTooSmall, check_mtu};
pub use self::server::Server;
pub use self::sizes::*;
pub use self::stats::SocketStats;

/// Examples of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
