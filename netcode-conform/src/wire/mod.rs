//! The wire format of netcode 1.02, written for this tool alone.
//!
//! It shares no code with any implementation, ours included: a tool with the codec of one
//! implementation would share its errors. Everything here can also be written wrong on purpose,
//! which is what an implementation's own codec refuses to do.
//!
//! | file | contents |
//! | --- | --- |
//! | `address` | addresses in tokens |
//! | `token` | connect tokens, and the connection requests made from them |
//! | `packet` | sealed packets |
//! | `challenge` | challenge tokens |

mod address;
mod challenge;
pub(crate) mod packet;
#[cfg(test)]
mod tests;
pub(crate) mod token;

pub(crate) use address::write_address;
pub(crate) use challenge::Challenge;
pub(crate) use packet::{Opened, Seal, open};
pub(crate) use token::{PRIVATE_BYTES, PRIVATE_PLAIN_BYTES, REQUEST_BYTES, Token};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};

/// Version info: the first field of tokens, requests and associated data.
pub(crate) const VERSION: &[u8; 13] = b"NETCODE 1.02\0";

/// Length of a MAC.
pub(crate) const MAC_BYTES: usize = 16;

/// Longest payload.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1200;

/// Number of packets that the replay window holds.
pub(crate) const REPLAY_WINDOW: u64 = 256;

/// A 32-byte key.
pub(crate) type Key = [u8; 32];

/// User data of a connect token.
pub(crate) type UserData = [u8; 256];

/// Packet types.
pub(crate) mod kind {
    pub(crate) const REQUEST: u8 = 0;
    pub(crate) const DENIED: u8 = 1;
    pub(crate) const CHALLENGE: u8 = 2;
    pub(crate) const RESPONSE: u8 = 3;
    pub(crate) const KEEP_ALIVE: u8 = 4;
    pub(crate) const PAYLOAD: u8 = 5;
    pub(crate) const DISCONNECT: u8 = 6;

    /// Name of a packet type, for evidence.
    pub(crate) fn name(kind: u8) -> &'static str {
        match kind {
            REQUEST => "connection request",
            DENIED => "denied",
            CHALLENGE => "challenge",
            RESPONSE => "response",
            KEEP_ALIVE => "keep-alive",
            PAYLOAD => "payload",
            DISCONNECT => "disconnect",
            _ => "packet of an unknown type",
        }
    }
}

/// The two keys of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) client_to_server: Key,
    pub(crate) server_to_client: Key,
}

/// Seals with ChaCha20-Poly1305; the MAC follows the sealed bytes.
fn seal_chacha(key: &Key, nonce: &[u8; 12], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let sealed = ChaCha20Poly1305::new(key.into()).encrypt(nonce.into(), Payload { msg, aad });
    sealed.unwrap_or_default()
}

/// Opens with ChaCha20-Poly1305.
fn open_chacha(key: &Key, nonce: &[u8; 12], aad: &[u8], msg: &[u8]) -> Option<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher.decrypt(nonce.into(), Payload { msg, aad }).ok()
}

/// Seals with XChaCha20-Poly1305; the MAC follows the sealed bytes.
fn seal_xchacha(key: &Key, nonce: &[u8; 24], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let sealed = XChaCha20Poly1305::new(key.into()).encrypt(nonce.into(), Payload { msg, aad });
    sealed.unwrap_or_default()
}

/// Opens with XChaCha20-Poly1305.
#[cfg(test)]
fn open_xchacha(key: &Key, nonce: &[u8; 24], aad: &[u8], msg: &[u8]) -> Option<Vec<u8>> {
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt(nonce.into(), Payload { msg, aad }).ok()
}

/// Nonce of packets and challenge tokens: four zero bytes, then the sequence.
fn nonce_of(sequence: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    for (byte, from) in nonce.iter_mut().skip(4).zip(sequence.to_le_bytes()) {
        *byte = from;
    }
    nonce
}
