//! Sealed packets. (Standard: *Encrypted Packet Structure*.)

use super::{Key, MAC_BYTES, VERSION, nonce_of, open_chacha, seal_chacha};

/// A packet to seal. Every field can be set to what no implementation would write.
#[derive(Clone, Copy)]
pub(crate) struct Seal<'a> {
    pub(crate) version: &'a [u8],
    pub(crate) protocol_id: u64,
    pub(crate) kind: u8,
    pub(crate) sequence: u64,
    /// Number of sequence bytes; `None` for as few as the sequence needs.
    pub(crate) sequence_bytes: Option<u8>,
    pub(crate) body: &'a [u8],
}

impl<'a> Seal<'a> {
    pub(crate) fn new(protocol_id: u64, kind: u8, sequence: u64, body: &'a [u8]) -> Self {
        Self {
            version: VERSION,
            protocol_id,
            kind,
            sequence,
            sequence_bytes: None,
            body,
        }
    }

    /// The datagram.
    pub(crate) fn seal(&self, key: &Key) -> Vec<u8> {
        let count = self.sequence_bytes.unwrap_or(needed(self.sequence));
        let prefix = self.kind | count << 4;
        let mut datagram = vec![prefix];
        let sequence = self.sequence.to_le_bytes();
        datagram.extend(sequence.iter().take(usize::from(count)));
        let associated = associated_data(self.version, self.protocol_id, prefix);
        let nonce = nonce_of(self.sequence);
        datagram.extend(seal_chacha(key, &nonce, &associated, self.body));
        datagram
    }
}

/// Number of bytes that a sequence needs: at least one.
pub(crate) fn needed(sequence: u64) -> u8 {
    match sequence.leading_zeros() {
        64 => 1,
        zeros => u8::try_from((64 - zeros).div_ceil(8)).unwrap_or(8),
    }
}

fn associated_data(version: &[u8], protocol_id: u64, prefix: u8) -> Vec<u8> {
    let mut data = version.to_vec();
    data.extend(protocol_id.to_le_bytes());
    data.push(prefix);
    data
}

/// A packet that was opened.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) kind: u8,
    pub(crate) sequence: u64,
    /// Number of sequence bytes in the datagram.
    pub(crate) sequence_bytes: u8,
    pub(crate) body: Vec<u8>,
}

impl Opened {
    /// `true` if the sequence is written with its high zero bytes left out, in one byte at least.
    pub(crate) fn is_minimal(&self) -> bool {
        self.sequence_bytes == needed(self.sequence)
    }
}

/// Reason for which a datagram is no packet of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// The form is not that of a sealed packet.
    Form,
    /// It does not open with the key.
    Authentic,
}

/// Opens a datagram.
///
/// Sequence 0 is accepted without a sequence byte, so that a peer that leaves it out can be told
/// what is wrong; [`Opened::is_minimal`] is `false` then.
pub(crate) fn open(datagram: &[u8], key: &Key, protocol_id: u64) -> Result<Opened, OpenError> {
    let (&prefix, rest) = datagram.split_first().ok_or(OpenError::Form)?;
    let (kind, count) = (prefix & 0xf, prefix >> 4);
    let (bytes, sealed) = rest
        .split_at_checked(usize::from(count))
        .ok_or(OpenError::Form)?;
    if kind == 0 || count > 8 || sealed.len() < MAC_BYTES {
        return Err(OpenError::Form);
    }
    let mut sequence = [0; 8];
    for (to, from) in sequence.iter_mut().zip(bytes) {
        *to = *from;
    }
    let sequence = u64::from_le_bytes(sequence);
    let associated = associated_data(VERSION, protocol_id, prefix);
    let body = open_chacha(key, &nonce_of(sequence), &associated, sealed);
    Ok(Opened {
        kind,
        sequence,
        sequence_bytes: count,
        body: body.ok_or(OpenError::Authentic)?,
    })
}
