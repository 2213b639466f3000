//! netcode 1.02 over smoltcp: encrypted and authenticated datagrams for clients and servers on
//! microcontrollers with Ethernet or Wi-Fi. No `std`, no allocator, no `unsafe`.
//!
//! The application keeps its own interface, socket set and loop; this crate drives UDP sockets of
//! that set. In each turn of the loop, let the interface take in a few frames and drain
//! [`next_arrived`](Client::next_arrived) after each, drain [`next_event`](Client::next_event), let
//! the interface send, and, if the interface is idle, sleep until the earlier of the two deadlines.
//! The number of frames is bounded because a flood never leaves the card empty: a loop that waits
//! for that never answers a client.
//!
//! ```
//! use netcode_smoltcp::smoltcp::iface::PollIngressSingleResult::None as NoFrame;
//! use netcode_smoltcp::smoltcp::iface::{Interface, SocketSet};
//! use netcode_smoltcp::smoltcp::phy::Device;
//! use netcode_smoltcp::smoltcp::socket::udp;
//! use netcode_smoltcp::smoltcp::time::{Duration, Instant};
//! use netcode_smoltcp::{
//!     BUFFER_BYTES, CLIENT_RX_BYTES, CLIENT_RX_PACKETS, CLIENT_TX_BYTES, CLIENT_TX_PACKETS,
//!     Client, ClientEvent, check_mtu,
//! };
//!
//! /// Taken in between two times that something is sent.
//! const FRAMES_A_TURN: usize = 4;
//!
//! /// Sends a reading ten times a second, and obeys the server. Call it again with the
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
//!     // Until it fails or the server disconnects it: both require a new token.
//!     while client.state().is_active() {
//!         let now = clock();
//!         iface.poll_maintenance(now);
//!         let idle = (0..FRAMES_A_TURN).any(|_| {
//!             let frame = iface.poll_ingress_single(now, device, &mut sockets);
//!             while let Some(event) = client.next_arrived(now, &mut sockets, &mut buffer) {
//!                 if let ClientEvent::Payload { payload, .. } = event {
//!                     obey(payload);
//!                 }
//!             }
//!             frame == NoFrame
//!         });
//!         while let Some(event) = client.next_event(now, &mut sockets, &mut buffer) {
//!             if let ClientEvent::Payload { payload, .. } = event {
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
//! The clock must not wrap while the program runs: count in 64 bits.
//!
//! A server is used likewise with [`Server::next_event`], whose events name the client, and needs
//! three more things: randomness at its start, the date, and a socket for each client
//! ([`server_sockets`]), so that an unreachable client delays no other client.
//!
//! # Failures
//!
//! | condition | behaviour |
//! | --- | --- |
//! | a socket's transmit buffer is full | [`SendError::BufferFull`] for a payload; any other packet is lost and counted in [`SocketStats`], as if lost on the network: requests, responses and keep-alives are repeated ten times a second, and one of the ten disconnect packets is enough |
//! | its receive buffer is full | smoltcp drops datagrams that do not fit: use [`poll_ingress_single`] and drain in between, or a larger buffer |
//! | the interface has no address yet | smoltcp drops outgoing datagrams; requests are repeated ten times a second until the token expires |
//! | a neighbour does not answer, or there is no route | smoltcp keeps a datagram at the head of its socket for as long as that lasts. Here it is dropped after nine tenths of a second and counted ([`SocketStats::unreachable`]), and the host is tried again later: a client goes on to its token's next server after the timeout, a server's other clients are not affected |
//! | more neighbours than smoltcp's cache holds | it evicts the one it has not heard from for longest, and requests one a second: set `iface-neighbor-cache-count` to more than a server's clients on its own network, and the router |
//! | the interface's MTU is below [`MIN_IPV4_MTU`] or [`MIN_IPV6_MTU`] | smoltcp drops long datagrams, and only a timeout shows it: [`check_mtu`] reports it beforehand |
//! | a device loses its power | its session ends after the timeout; after the restart it needs a new token. Never keep a token across a reset: its keys would be used a second time, with the same sequences, and an attacker who recorded both runs could read and forge packets |
//! | a turn is late | all that has arrived is read before a timeout is evaluated |
//! | the link is down | the session ends after its token's timeout, with `ConnectionTimedOut`; a new token starts a new one |
//! | DHCP changes the address | the server does not know the new address: the same as when the link is down |
//! | the socket is closed, or not in the set | [`SendError::Unaddressable`] for a payload; any other packet is counted in [`SocketStats`] |
//!
//! [`poll_ingress_single`]: smoltcp::iface::Interface::poll_ingress_single
//!
//! # Randomness
//!
//! A client needs none: its keys come in its token. A server derives the key of its challenges and
//! the base of its sequences from the argument of [`Server::start`]. If those bytes repeat after a
//! reset, nonces repeat under the sessions' keys, and an attacker who recorded both runs can read
//! and forge the packets they sealed; if they can be guessed, so can challenges. Time, serial
//! numbers and floating pins are not random. Nor is the RP2040's ring oscillator alone: its bits
//! are biased and correlated, and its manufacturer says that it is not for cryptography. Hash many
//! thousands of them together with a secret that was written to that device alone and a count that
//! is stored before each start, or choose a chip with a generator.
//!
//! Use the chip's generator. Most `embassy`, `esp` and `stm32` crates provide it as a `rand_core`
//! generator for [`Server::start`]; if its version of `rand_core` differs, let it fill 32 bytes for
//! [`Server::start_with_seed`]. Without such a crate, on an STM32 (reference manual, chapter *True
//! random number generator*):
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
//! | feature | default | effect |
//! | --- | --- | --- |
//! | `proto-ipv4`, `proto-ipv6` | the first | address families; turns on smoltcp's |
//! | `medium-ethernet`, `medium-ip` | the first | turns on smoltcp's |
//! | `embassy-net` | no | [`embassy`]: the same shell over embassy-net's sockets |
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
pub use netcode_core::address::AddressList;
pub use netcode_core::client::{ClientState, ConnectError, Event as ClientEvent};
pub use netcode_core::crypto::{Crypto, Key};
pub use netcode_core::server::{
    Admission, DisconnectReason, Event as ServerEvent, PreviousKey, ReconnectRule, RestartRule,
    ServerConfig, SourceLimit, StartError, StaticStorage,
};
pub use netcode_core::{ClientId, ClientIndex, ProtocolId, Sequence, Timeout, UnixTime, UserData};
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
