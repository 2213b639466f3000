//! How large a socket's buffers should be.

use netcode_core::standard::{MAX_DATAGRAM_BYTES, MAX_OVERHEAD_BYTES, REDUNDANT_DISCONNECTS};

/// A disconnect packet at its longest.
const DISCONNECT_BYTES: usize = MAX_OVERHEAD_BYTES;

/// The buffer to lend to `poll`, bytes: the longest netcode datagram.
pub const BUFFER_BYTES: usize = MAX_DATAGRAM_BYTES;

/// Datagrams that may wait for a client to be polled: the entries of its receive metadata.
pub const CLIENT_RX_PACKETS: usize = 8;

/// Bytes of a client's receive buffer: two full datagrams, or many short ones. Double it if the
/// server sends bursts.
pub const CLIENT_RX_BYTES: usize = 2 * MAX_DATAGRAM_BYTES;

/// The least a client's receive buffer can be, bytes: enough for a loop that takes in one frame
/// (`poll_ingress_single`) and polls the client before it takes in another.
pub const CLIENT_RX_MIN_BYTES: usize = MAX_DATAGRAM_BYTES;

/// The entries of such a buffer: a datagram, and the padding smoltcp may put in front of it.
pub const CLIENT_RX_MIN_PACKETS: usize = 2;

/// Datagrams that may wait for the interface: the entries of a client's transmit metadata. All
/// of its disconnect packets fit, and a payload or two.
pub const CLIENT_TX_PACKETS: usize = REDUNDANT_DISCONNECTS as usize + 2;

/// Bytes of a client's transmit buffer: a full datagram, and all disconnect packets.
pub const CLIENT_TX_BYTES: usize =
    MAX_DATAGRAM_BYTES + REDUNDANT_DISCONNECTS as usize * DISCONNECT_BYTES;

/// Entries of a server's receive metadata: two datagrams from each client between two polls, and
/// a few strangers.
pub const fn server_rx_packets(slots: usize) -> usize {
    slots.saturating_mul(2).saturating_add(4)
}

/// Bytes of a server's receive buffer: one full datagram from each client, and a request.
pub const fn server_rx_bytes(slots: usize) -> usize {
    slots.saturating_add(1).saturating_mul(MAX_DATAGRAM_BYTES)
}

/// Entries of a server's transmit metadata: all disconnect packets of all clients fit, so that a
/// stop is told to everybody at once.
pub const fn server_tx_packets(slots: usize) -> usize {
    slots.saturating_mul(REDUNDANT_DISCONNECTS as usize)
}

/// Bytes of a server's transmit buffer: one full datagram to each client, and those disconnect
/// packets.
pub const fn server_tx_bytes(slots: usize) -> usize {
    let farewells = server_tx_packets(slots).saturating_mul(DISCONNECT_BYTES);
    server_rx_bytes(slots).saturating_add(farewells)
}
