//! Clients and servers over embassy-net's UDP sockets.
//!
//! embassy-net uses a smoltcp of another version than this crate's, and does not expose its
//! interface. So this module drives the core by awaiting a socket and a timer.
//!
//! A task awaits [`Client::next_event`], which receives, answers and keeps the session alive until
//! there is an event. Dropping that future loses nothing, so it can be raced against other futures
//! of the task, to send in between:
//!
//! ```
//! use embassy_futures::select::{Either, select};
//! use embassy_net::Stack;
//! use embassy_net::udp::{PacketMetadata, UdpSocket};
//! use embassy_time::{Duration, Ticker};
//! use netcode_smoltcp::core::client::Event;
//! use netcode_smoltcp::embassy::{Client, embassy_net};
//! use netcode_smoltcp::{
//!     BUFFER_BYTES, CLIENT_RX_BYTES, CLIENT_RX_PACKETS, CLIENT_TX_BYTES, CLIENT_TX_PACKETS,
//! };
//!
//! /// Sends a reading ten times a second, and obeys the server. Call it again with the
//! /// next token when it returns. `stack` runs in another task: `runner.run().await`.
//! async fn run(
//!     stack: Stack<'_>,
//!     token: &[u8],
//!     measure: impl Fn() -> [u8; 4],
//!     obey: impl Fn(&[u8]),
//! ) {
//!     // On a device these are `static`s.
//!     let (mut rx, mut tx) = ([0; CLIENT_RX_BYTES], [0; CLIENT_TX_BYTES]);
//!     let mut rx_packets = [PacketMetadata::EMPTY; CLIENT_RX_PACKETS];
//!     let mut tx_packets = [PacketMetadata::EMPTY; CLIENT_TX_PACKETS];
//!     let mut socket =
//!         UdpSocket::new(stack, &mut rx_packets, &mut rx, &mut tx_packets, &mut tx);
//!     stack.wait_config_up().await;
//!     // Port 0 is any port; it is bound once, so this cannot fail.
//!     if socket.bind(0).is_err() {
//!         return;
//!     }
//!
//!     let mut client = Client::new(socket);
//!     if client.connect(token).is_err() {
//!         return;
//!     }
//!     let mut buffer = [0; BUFFER_BYTES];
//!     let mut readings = Ticker::every(Duration::from_millis(100));
//!     // An error or the server's disconnect packet: both require a new token.
//!     while client.state().is_active() {
//!         match select(client.next_event(&mut buffer), readings.next()).await {
//!             Either::First(Event::Payload { payload, .. }) => obey(payload),
//!             Either::First(_) => {}
//!             // Not connected yet, or no room: this reading is lost, the next is newer.
//!             Either::Second(()) => drop(client.send(&measure())),
//!         }
//!     }
//! }
//! ```
//!
//! A server is used likewise with [`Server::next_event`], whose events name the client, and needs
//! three more things: randomness at its start, the date, and a socket for each client
//! ([`server_sockets`](crate::server_sockets)). Failures are handled as the crate's front page
//! describes for smoltcp, with two differences. embassy-net moves whole bursts between the card and
//! the socket, so the receive buffer needs room for a burst; and dropping a socket drops the
//! datagrams queued in it.
//!
//! embassy-net needs a critical section (feature `critical-section-single-core` of `cortex-m`, or
//! a chip crate's) and a time driver (a chip crate's) at link time, as always.

mod client;
mod server;
mod socket;

pub use embassy_net;

pub use self::client::Client;
pub use self::server::Server;
