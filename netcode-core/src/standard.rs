//! Constants of netcode 1.02, each with its section of the standard.
//!
//! None of them is configurable: a peer with another value does not speak netcode 1.02. Sizes are
//! in bytes.

use core::time::Duration;

/// Version string at the start of every connect token and connection request and of all associated
/// data: ASCII `NETCODE 1.02` and a zero byte. (Standard: *Connect Token*.)
pub const VERSION_INFO: [u8; 13] = *b"NETCODE 1.02\0";

/// Length of a connect token. (*Connect Token*.)
pub const CONNECT_TOKEN_BYTES: usize = 2048;
/// Length of a connect token's private part, which only backend and servers can read, including its
/// MAC. (*Private Connect Token Data*.)
pub const PRIVATE_TOKEN_BYTES: usize = 1024;
/// Length of a challenge token, including its MAC. (*Challenge Token*.)
pub const CHALLENGE_TOKEN_BYTES: usize = 300;
/// Length of a challenge token's padding, between user data and MAC. (*Challenge Token*.)
pub const CHALLENGE_PADDING_BYTES: usize = CHALLENGE_TOKEN_BYTES - 8 - USER_DATA_BYTES - MAC_BYTES;

/// Length of every key.
pub const KEY_BYTES: usize = 32;
/// Length of the Poly1305 tag that follows every encrypted body.
pub const MAC_BYTES: usize = 16;
/// Length of the nonce of a connect token's private part (XChaCha20-Poly1305).
pub const TOKEN_NONCE_BYTES: usize = 24;
/// Length of the nonce of packets and challenge tokens (ChaCha20-Poly1305, RFC 8439).
pub const PACKET_NONCE_BYTES: usize = 12;

/// Length of the user data that a backend passes to a server in a token. (*Private Connect Token
/// Data*.)
pub const USER_DATA_BYTES: usize = 256;
/// Largest number of server addresses in a token; at least one is required.
pub const MAX_SERVER_ADDRESSES: usize = 32;

/// Largest payload. The smallest is one byte. (*Connection Payload Packet*.)
pub const MAX_PAYLOAD_BYTES: usize = 1200;
/// Length of a connection request: type, version, protocol id, expire timestamp, nonce, private
/// part. (*Connection Request Packet*.)
pub const CONNECTION_REQUEST_BYTES: usize =
    1 + 13 + 8 + 8 + TOKEN_NONCE_BYTES + PRIVATE_TOKEN_BYTES;
/// Shortest encrypted packet: prefix, one sequence byte, MAC. (*Reading Encrypted Packets*.)
pub const MIN_SEALED_BYTES: usize = 1 + 1 + MAC_BYTES;
/// Largest overhead of an encrypted packet over its body: prefix, eight sequence bytes, MAC.
pub const MAX_OVERHEAD_BYTES: usize = 1 + 8 + MAC_BYTES;
/// Longest encrypted packet: the largest payload with eight sequence bytes. Every datagram of the
/// protocol fits into as many bytes.
pub const MAX_DATAGRAM_BYTES: usize = MAX_PAYLOAD_BYTES + MAX_OVERHEAD_BYTES;

/// Size of the replay protection window, in packets. (*Replay Protection*.)
pub const REPLAY_WINDOW: u64 = 256;

/// Interval between two requests, responses or keep-alives: 10 Hz. (*Client State Machine*.)
pub const SEND_INTERVAL: Duration = Duration::from_millis(100);
/// Number of disconnect packets sent to end a session; redundant, because any of them may be lost.
/// (*Connection Disconnect Packet*.)
pub const REDUNDANT_DISCONNECTS: u8 = 10;
