//! The numbers of netcode 1.02, each where the standard puts it.
//!
//! Nothing here is a choice of ours: a peer that disagrees with a value in this file does not
//! speak netcode 1.02. Sizes are bytes.

/// Version string in front of every connect token and connection request, and in all associated
/// data: ASCII `NETCODE 1.02` and a zero byte. (Standard: *Connect Token*.)
pub const VERSION_INFO: [u8; 13] = *b"NETCODE 1.02\0";

/// A connect token as it travels from the web backend to a client. (*Connect Token*.)
pub const CONNECT_TOKEN_BYTES: usize = 2048;
/// The part of a connect token only backend and servers can read, its MAC included.
/// (*Private Connect Token Data*.)
pub const PRIVATE_TOKEN_BYTES: usize = 1024;
/// A challenge token, its MAC included. (*Challenge Token*.)
pub const CHALLENGE_TOKEN_BYTES: usize = 300;
/// Padding of a challenge token, between its user data and its MAC. (*Challenge Token*.)
pub const CHALLENGE_PADDING_BYTES: usize = CHALLENGE_TOKEN_BYTES - 8 - USER_DATA_BYTES - MAC_BYTES;

/// Every key of the protocol is this long.
pub const KEY_BYTES: usize = 32;
/// The Poly1305 tag behind everything that is sealed.
pub const MAC_BYTES: usize = 16;
/// The nonce of a connect token's private part (XChaCha20-Poly1305).
pub const TOKEN_NONCE_BYTES: usize = 24;
/// The nonce of packets and challenge tokens (ChaCha20-Poly1305, RFC 8439).
pub const PACKET_NONCE_BYTES: usize = 12;

/// Opaque bytes a backend hands to a server through a token. (*Private Connect Token Data*.)
pub const USER_DATA_BYTES: usize = 256;
/// Server addresses one token can name; at least one is required.
pub const MAX_SERVER_ADDRESSES: usize = 32;

/// The largest payload. The smallest is one byte. (*Connection Payload Packet*.)
pub const MAX_PAYLOAD_BYTES: usize = 1200;
/// A connection request, exactly: type, version, protocol id, expiry, nonce, private part.
/// (*Connection Request Packet*.)
pub const CONNECTION_REQUEST_BYTES: usize =
    1 + 13 + 8 + 8 + TOKEN_NONCE_BYTES + PRIVATE_TOKEN_BYTES;
/// The shortest sealed datagram: prefix, one sequence byte, MAC. (*Reading Encrypted Packets*.)
pub const MIN_SEALED_BYTES: usize = 1 + 1 + MAC_BYTES;
/// What sealing adds to a body at most: prefix, eight sequence bytes, MAC.
pub const MAX_OVERHEAD_BYTES: usize = 1 + 8 + MAC_BYTES;
/// The longest datagram of the protocol: a full payload under a full sequence.
pub const MAX_DATAGRAM_BYTES: usize = MAX_PAYLOAD_BYTES + MAX_OVERHEAD_BYTES;

/// Packets behind the newest one that can still be told from a replay. (*Replay Protection*.)
pub const REPLAY_WINDOW: u64 = 256;

/// Between two requests, responses or keep-alives: 10 Hz. Microseconds. (*Client State Machine*.)
pub const SEND_INTERVAL_MICROS: u64 = 100_000;
/// Disconnect packets sent to end a session, because any of them may be lost.
/// (*Connection Disconnect Packet*.)
pub const REDUNDANT_DISCONNECTS: u8 = 10;
