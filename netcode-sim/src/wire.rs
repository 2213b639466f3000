//! Wire format of netcode 1.02, written from the standard and independent of `netcode-core`, for the
//! model, the model of the reference's client and the attackers.

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};

pub(crate) const VERSION: &[u8; 13] = b"NETCODE 1.02\0";
pub(crate) const REQUEST_BYTES: usize = 1078;

pub(crate) const REQUEST: u8 = 0;
pub(crate) const DENIED: u8 = 1;
pub(crate) const CHALLENGE: u8 = 2;
pub(crate) const RESPONSE: u8 = 3;
pub(crate) const KEEP_ALIVE: u8 = 4;
pub(crate) const PAYLOAD: u8 = 5;
pub(crate) const DISCONNECT: u8 = 6;

/// Packet types in words, for traces.
pub(crate) const NAMES: [&str; 7] = [
    "request",
    "denied",
    "challenge",
    "response",
    "keep-alive",
    "payload",
    "disconnect",
];

/// Clear part of an encrypted packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clear {
    pub(crate) kind: u8,
    pub(crate) sequence: u64,
    /// Bytes before the body.
    pub(crate) header: usize,
}

/// Reads prefix and sequence as far as the bytes allow, without judging them.
pub(crate) fn clear(datagram: &[u8]) -> Option<Clear> {
    let (&prefix, rest) = datagram.split_first()?;
    let len = usize::from(prefix >> 4);
    if !(1..=8).contains(&len) || rest.len() < len {
        return None;
    }
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(&rest[..len]);
    Some(Clear {
        kind: prefix & 15,
        sequence: u64::from_le_bytes(bytes),
        header: 1 + len,
    })
}

/// Returns `true` if the sequence is written as the standard says: without its high zero bytes, but
/// with one byte at least.
pub(crate) fn is_shortest(datagram: &[u8]) -> bool {
    clear(datagram).is_some_and(|clear| clear.header == 2 || datagram[clear.header - 1] != 0)
}

/// Associated data of a packet: `version info · protocol id · prefix`.
pub(crate) fn packet_data(protocol_id: u64, prefix: u8) -> Vec<u8> {
    let mut data = VERSION.to_vec();
    data.extend(protocol_id.to_le_bytes());
    data.push(prefix);
    data
}

pub(crate) fn nonce(sequence: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&sequence.to_le_bytes());
    nonce
}

/// Seals a packet: `prefix · sequence · sealed body · MAC`.
pub(crate) fn seal(
    key: &[u8; 32],
    protocol_id: u64,
    kind: u8,
    sequence: u64,
    body: &[u8],
) -> Vec<u8> {
    let bytes = sequence.to_le_bytes();
    let len = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(1, |last| last + 1);
    let prefix = kind | (u8::try_from(len).unwrap_or(8) << 4);
    let mut datagram = vec![prefix];
    datagram.extend(&bytes[..len]);
    datagram.extend(body);
    let at = 1 + len;
    let tag = ChaCha20Poly1305::new(key.into()).encrypt_inout_detached(
        (&nonce(sequence)).into(),
        &packet_data(protocol_id, prefix),
        InOutBuf::from(&mut datagram[at..]),
    );
    datagram.extend_from_slice(&tag.map_or([0; 16], Into::into));
    datagram
}

/// Opens a packet; `None` if it is not authentic.
pub(crate) fn open(key: &[u8; 32], protocol_id: u64, datagram: &[u8]) -> Option<(Clear, Vec<u8>)> {
    let clear = clear(datagram)?;
    let (body, tag) = datagram.get(clear.header..)?.split_last_chunk::<16>()?;
    let mut body = body.to_vec();
    ChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(
            (&nonce(clear.sequence)).into(),
            &packet_data(protocol_id, datagram[0]),
            InOutBuf::from(&mut body[..]),
            tag.into(),
        )
        .ok()?;
    Some((clear, body))
}

/// Seals the private part of a connect token: 1008 bytes and their MAC.
pub(crate) fn seal_private(
    key: &[u8; 32],
    protocol_id: u64,
    expires: u64,
    nonce: &[u8; 24],
    plain: &[u8; 1024],
) -> [u8; 1024] {
    let mut data = VERSION.to_vec();
    data.extend(protocol_id.to_le_bytes());
    data.extend(expires.to_le_bytes());
    let mut sealed = *plain;
    let tag = XChaCha20Poly1305::new(key.into()).encrypt_inout_detached(
        nonce.into(),
        &data,
        InOutBuf::from(&mut sealed[..1008]),
    );
    let tag: [u8; 16] = tag.map_or([0; 16], Into::into);
    sealed[1008..].copy_from_slice(&tag);
    sealed
}

#[cfg(test)]
mod tests {
    use netcode_core::crypto::{Key, RustCrypto};
    use netcode_core::packet::{Header, Packet, Role, seal as seal_by_core};
    use netcode_core::{ProtocolId, Sequence};

    use super::*;

    #[test]
    fn packets_are_the_same_bytes_as_those_of_the_core() {
        for sequence in [0, 1, 255, 256, 1 << 32, u64::MAX] {
            let (key, body) = ([3; 32], [7; 90]);
            let datagram = seal(&key, 42, PAYLOAD, sequence, &body);
            let mut out = [0; 200];
            let of_core = seal_by_core(
                &Packet::Payload(&body),
                &RustCrypto,
                &Key::from_bytes(key),
                ProtocolId(42),
                Sequence(sequence),
                &mut out,
            );
            assert_eq!(of_core.unwrap(), datagram);
            assert!(is_shortest(&datagram));
            let (clear, opened) = open(&key, 42, &datagram).unwrap();
            assert_eq!((clear.sequence, opened.as_slice()), (sequence, &body[..]));
            let header = Header::parse(&datagram, Role::Server).unwrap();
            assert_eq!(header.sequence.0, sequence);
        }
    }

    #[test]
    fn a_changed_packet_does_not_open() {
        let datagram = seal(&[3; 32], 42, KEEP_ALIVE, 300, &[0; 8]);
        for at in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            assert!(open(&[3; 32], 42, &changed).is_none(), "byte {at}");
        }
    }
}
