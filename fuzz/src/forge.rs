//! Packets and tokens of a fuzzer that holds every key. They are laid out here from the standard,
//! without code of the core, so that every field can be wrong before and after sealing.

use arbitrary::{Result, Unstructured};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};

pub const VERSION: [u8; 13] = *b"NETCODE 1.02\0";
pub const PROTOCOL_ID: u64 = 0x1122_3344_5566_7788;
pub const PRIVATE_KEY: [u8; 32] = [7; 32];
/// Private key of servers that change keys.
pub const OTHER_KEY: [u8; 32] = [9; 32];
/// Date at which every run begins.
pub const UNIX: u64 = 1_700_000_000;

pub const DENIED: u8 = 1;
pub const CHALLENGE: u8 = 2;
pub const RESPONSE: u8 = 3;
pub const KEEP_ALIVE: u8 = 4;
pub const PAYLOAD: u8 = 5;
pub const DISCONNECT: u8 = 6;

/// Number from 0 to `below - 1`, from one byte of the input.
pub fn choose(input: &mut Unstructured<'_>, below: u8) -> Result<u8> {
    Ok(input.arbitrary::<u8>()? % below.max(1))
}

/// Change of some bytes.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Xor { at: u16, with: u8 },
    Set { at: u16, byte: u8 },
    Cut { to: u16 },
    Extend { by: u8, byte: u8 },
}

impl Edit {
    fn decode(input: &mut Unstructured<'_>) -> Result<Self> {
        Ok(match choose(input, 4)? {
            0 => Self::Xor {
                at: input.arbitrary()?,
                with: input.arbitrary()?,
            },
            1 => Self::Set {
                at: input.arbitrary()?,
                byte: input.arbitrary()?,
            },
            2 => Self::Cut {
                to: input.arbitrary()?,
            },
            _ => Self::Extend {
                by: input.arbitrary()?,
                byte: input.arbitrary()?,
            },
        })
    }

    fn apply(self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        let place = |at: u16| usize::from(at) % len.max(1);
        match self {
            Self::Xor { at, with } => {
                if let Some(byte) = bytes.get_mut(place(at)) {
                    *byte ^= with;
                }
            }
            Self::Set { at, byte } => {
                if let Some(old) = bytes.get_mut(place(at)) {
                    *old = byte;
                }
            }
            Self::Cut { to } => bytes.truncate(place(to)),
            Self::Extend { by, byte } => bytes.resize(len + usize::from(by), byte),
        }
    }
}

/// Up to three changes of some bytes; mostly none.
#[derive(Clone, Copy, Debug)]
pub struct Edits([Option<Edit>; 3]);

impl Edits {
    pub const NONE: Self = Self([None; 3]);

    pub fn decode(input: &mut Unstructured<'_>) -> Result<Self> {
        let count = match input.arbitrary::<u8>()? {
            0xf0..=0xf9 => 1,
            0xfa..=0xfc => 2,
            0xfd.. => 3,
            _ => 0,
        };
        let mut edits = Self::NONE;
        for edit in edits.0.iter_mut().take(count) {
            *edit = Some(Edit::decode(input)?);
        }
        Ok(edits)
    }

    /// Changes `bytes`; returns `true` if they differ afterwards.
    pub fn apply(self, bytes: &mut Vec<u8>) -> bool {
        if self.0.iter().all(Option::is_none) {
            return false;
        }
        let before = bytes.clone();
        for edit in self.0.into_iter().flatten() {
            edit.apply(bytes);
        }
        *bytes != before
    }
}

/// Encrypted packet before it is sealed.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Low nibble of the prefix.
    pub kind: u8,
    pub sequence: u64,
    /// High nibble of the prefix. `None`: as many bytes as the sequence needs.
    pub sequence_bytes: Option<u8>,
    pub body: Vec<u8>,
}

/// Associated data of packets: version info, protocol id, prefix. (*Encrypted Packets*.)
fn associated_data(protocol_id: u64, prefix: u8) -> Vec<u8> {
    [&VERSION[..], &protocol_id.to_le_bytes(), &[prefix]].concat()
}

fn nonce(sequence: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&sequence.to_le_bytes());
    nonce
}

impl Packet {
    /// Bytes of the sequence that are written.
    fn sequence_len(&self) -> u8 {
        let needed = 8 - u8::try_from(self.sequence.leading_zeros() / 8).unwrap();
        self.sequence_bytes.unwrap_or(needed.max(1))
    }

    /// Sequence that a receiver reads: high bytes may have been left out.
    pub fn sequence_read(&self) -> u64 {
        match self.sequence_len() {
            len @ 0..8 => self.sequence & ((1 << (8 * u32::from(len))) - 1),
            _ => self.sequence,
        }
    }

    /// `true` if a receiver can read the sealed packet: its type is known, the sequence has 1 to 8
    /// bytes, and the body's length is its type's.
    pub fn is_well_formed(&self) -> bool {
        let fits = match self.kind {
            DENIED | DISCONNECT => self.body.is_empty(),
            CHALLENGE | RESPONSE => self.body.len() == 308,
            KEEP_ALIVE => self.body.len() == 8,
            PAYLOAD => (1..=1200).contains(&self.body.len()),
            _ => false,
        };
        fits && (1..=8).contains(&self.sequence_len())
    }

    pub fn seal(&self, key: &[u8; 32], protocol_id: u64) -> Vec<u8> {
        let len = self.sequence_len() & 0x0f;
        let prefix = (self.kind & 0x0f) | (len << 4);
        let mut datagram = vec![prefix];
        let sequence = self.sequence.to_le_bytes();
        let bytes = sequence.into_iter().chain([0; 8]);
        datagram.extend(bytes.take(usize::from(len)));
        let sealed = ChaCha20Poly1305::new(key.into()).encrypt(
            &nonce(self.sequence_read()).into(),
            Payload {
                msg: &self.body,
                aad: &associated_data(protocol_id, prefix),
            },
        );
        datagram.extend(sealed.expect("bodies are short"));
        datagram
    }

    /// Opens a datagram. `None` if it is not sealed under this key.
    pub fn open(key: &[u8; 32], protocol_id: u64, datagram: &[u8]) -> Option<Self> {
        let (&prefix, rest) = datagram.split_first()?;
        let (bytes, sealed) = rest.split_at_checked(usize::from(prefix >> 4))?;
        let mut sequence = [0; 8];
        sequence.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let sequence = u64::from_le_bytes(sequence);
        let body = ChaCha20Poly1305::new(key.into()).decrypt(
            &nonce(sequence).into(),
            Payload {
                msg: sealed,
                aad: &associated_data(protocol_id, prefix),
            },
        );
        Some(Self {
            kind: prefix & 0x0f,
            sequence,
            sequence_bytes: Some(prefix >> 4),
            body: body.ok()?,
        })
    }
}

/// Seals the 1008 bytes of a token's private part. (*Private Connect Token Data*.)
pub fn seal_private(
    key: &[u8; 32],
    plain: &[u8],
    nonce: &[u8; 24],
    protocol_id: u64,
    expires: u64,
) -> Vec<u8> {
    let data = [
        &VERSION[..],
        &protocol_id.to_le_bytes(),
        &expires.to_le_bytes(),
    ]
    .concat();
    let payload = Payload {
        msg: plain,
        aad: &data,
    };
    XChaCha20Poly1305::new(key.into())
        .encrypt(nonce.into(), payload)
        .expect("private parts are short")
}
