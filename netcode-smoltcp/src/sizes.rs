//! Sizes of socket buffers.

use netcode_core::server::ServerConfig;
use netcode_core::standard::{
    CHALLENGE_TOKEN_BYTES, MAX_DATAGRAM_BYTES, MAX_OVERHEAD_BYTES, REDUNDANT_DISCONNECTS,
};

use crate::error::ConfigError;

/// Maximum length of a disconnect packet.
const DISCONNECT_BYTES: usize = MAX_OVERHEAD_BYTES;

/// Length of the buffer for `next_event`, bytes: the longest netcode datagram.
pub const BUFFER_BYTES: usize = MAX_DATAGRAM_BYTES;

/// Datagrams queued for a client's next turn: the entries of its receive metadata.
pub const CLIENT_RX_PACKETS: usize = 8;

/// Bytes of a client's receive buffer: two full datagrams, or many short ones. Double it if the
/// server sends bursts.
pub const CLIENT_RX_BYTES: usize = 2 * MAX_DATAGRAM_BYTES;

/// Minimum of a client's receive buffer, bytes: enough for a loop that takes in one frame
/// (`poll_ingress_single`) and drains the client before the next.
pub const CLIENT_RX_MIN_BYTES: usize = MAX_DATAGRAM_BYTES;

/// Entries of such a buffer: a datagram, and the padding smoltcp may put in front of it.
pub const CLIENT_RX_MIN_PACKETS: usize = 2;

/// Datagrams queued for the interface: the entries of a client's transmit metadata. All of its
/// disconnect packets fit, and a payload or two.
pub const CLIENT_TX_PACKETS: usize = REDUNDANT_DISCONNECTS as usize + 2;

/// Bytes of a client's transmit buffer: a full datagram, and all disconnect packets.
pub const CLIENT_TX_BYTES: usize =
    MAX_DATAGRAM_BYTES + REDUNDANT_DISCONNECTS as usize * DISCONNECT_BYTES;

/// Number of a server's sockets: one that receives and answers handshakes, and one for each client,
/// which only sends.
pub const fn server_sockets(slots: usize) -> usize {
    slots.saturating_add(1)
}

/// Entries of the receive metadata of a server's first socket: two datagrams from each client
/// between two turns, and a few from unknown senders.
pub const fn server_rx_packets(slots: usize) -> usize {
    slots.saturating_mul(2).saturating_add(4)
}

/// Bytes of the receive buffer of a server's first socket: one full datagram from each client, and
/// a request.
pub const fn server_rx_bytes(slots: usize) -> usize {
    slots.saturating_add(1).saturating_mul(MAX_DATAGRAM_BYTES)
}

/// Entries of the transmit metadata of a server's first socket, which carries replies alone. It
/// holds replies to one host at a time; a client without a reply repeats its packet a tenth of a
/// second later.
pub const REPLY_TX_PACKETS: usize = 4;

/// Bytes of the transmit buffer of a server's first socket: the longest reply, a challenge, twice.
pub const REPLY_TX_BYTES: usize = 2 * (MAX_OVERHEAD_BYTES + 8 + CHALLENGE_TOKEN_BYTES);

/// Entries of the transmit metadata of each other socket of a server: as a client's.
pub const SESSION_TX_PACKETS: usize = CLIENT_TX_PACKETS;

/// Bytes of the transmit buffer of each other socket of a server: a full datagram to a client, and
/// all disconnect packets. Give it more for bursts.
pub const SESSION_TX_BYTES: usize = CLIENT_TX_BYTES;

/// Rejects a server with too few sockets.
pub(crate) const fn check_sockets(count: usize, config: &ServerConfig) -> Result<(), ConfigError> {
    let needed = server_sockets(config.max_clients as usize);
    if count < needed {
        return Err(ConfigError::TooFewSockets { needed });
    }
    Ok(())
}
