//! Encrypted packets, types 1 to 6 (standard: *Encrypted Packets*): `prefix · sequence · sealed
//! body · MAC`.

use core::ops::Range;

use heapless::Vec;

use crate::crypto::{Crypto, Key, packet_nonce};
use crate::drop_reason::Dropped;
use crate::identity::{ClientIndex, ProtocolId, Sequence};
use crate::standard::{
    CHALLENGE_TOKEN_BYTES, MAC_BYTES, MAX_PAYLOAD_BYTES, MIN_SEALED_BYTES, VERSION_INFO,
};
use crate::transmit::SendError;
use crate::wire::{Reader, Writer};

/// Packet type: low nibble of the prefix byte. (*Packets*.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum PacketType {
    /// Server to client: no slot is free.
    Denied = 1,
    /// Server to client: a challenge to prove that the client receives packets at its address.
    Challenge = 2,
    /// Client to server: the challenge, returned unchanged.
    Response = 3,
    /// Both directions: keeps the connection alive. From a server it also carries the client's
    /// slot.
    KeepAlive = 4,
    /// Both directions: 1 to 1200 bytes of the application.
    Payload = 5,
    /// Both directions: the session has ended.
    Disconnect = 6,
}

impl PacketType {
    const fn from_nibble(nibble: u8) -> Option<Self> {
        Some(match nibble {
            1 => Self::Denied,
            2 => Self::Challenge,
            3 => Self::Response,
            4 => Self::KeepAlive,
            5 => Self::Payload,
            6 => Self::Disconnect,
            _ => return None,
        })
    }

    /// Returns `true` if a body of this type can be `len` bytes long.
    const fn fits_body(self, len: usize) -> bool {
        match self {
            Self::Denied | Self::Disconnect => len == 0,
            Self::Challenge | Self::Response => len == 8 + CHALLENGE_TOKEN_BYTES,
            Self::KeepAlive => len == 8,
            Self::Payload => len >= 1 && len <= MAX_PAYLOAD_BYTES,
        }
    }

    /// Returns `true` if the type is subject to replay protection. (*Replay Protection*.)
    pub const fn is_replay_protected(self) -> bool {
        matches!(self, Self::KeepAlive | Self::Payload | Self::Disconnect)
    }
}

/// Role of the receiver, which determines the packet types it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Accepts types 1, 2, 4, 5 and 6.
    Client,
    /// Accepts types 3, 4, 5 and 6 (and 0, which is not encrypted).
    Server,
}

impl Role {
    const fn accepts(self, kind: PacketType) -> bool {
        match kind {
            PacketType::Denied | PacketType::Challenge => matches!(self, Self::Client),
            PacketType::Response => matches!(self, Self::Server),
            PacketType::KeepAlive | PacketType::Payload | PacketType::Disconnect => true,
        }
    }
}

/// Clear header of an encrypted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type of the packet.
    pub kind: PacketType,
    /// Sequence of the packet.
    pub sequence: Sequence,
    prefix: u8,
    len: u8,
}

impl Header {
    /// Reads the header of `datagram` and makes every check that needs no key, in the standard's
    /// order.
    ///
    /// The length of the body is also checked here: it is known before decryption, and a cheap
    /// check comes before an expensive one.
    ///
    /// # Errors
    /// [`Dropped::TooShort`], [`Dropped::Type`], [`Dropped::SequenceLength`] or
    /// [`Dropped::BodyLength`].
    pub fn parse(datagram: &[u8], role: Role) -> Result<Self, Dropped> {
        if datagram.len() < MIN_SEALED_BYTES {
            return Err(Dropped::TooShort);
        }
        let mut fields = Reader::new(datagram);
        let prefix = fields.u8().ok_or(Dropped::TooShort)?;
        let kind = PacketType::from_nibble(prefix & 0x0f)
            .filter(|&kind| role.accepts(kind))
            .ok_or(Dropped::Type)?;
        let sequence_len = prefix >> 4;
        if !(1..=8).contains(&sequence_len) {
            return Err(Dropped::SequenceLength);
        }
        let bytes = fields
            .take(usize::from(sequence_len))
            .ok_or(Dropped::TooShort)?;
        let sequence = bytes
            .iter()
            .rev()
            .fold(0, |value, &byte| (value << 8) | u64::from(byte));
        let body = fields
            .rest()
            .len()
            .checked_sub(MAC_BYTES)
            .ok_or(Dropped::TooShort)?;
        if !kind.fits_body(body) {
            return Err(Dropped::BodyLength);
        }
        Ok(Self {
            kind,
            sequence: Sequence(sequence),
            prefix,
            len: sequence_len.saturating_add(1),
        })
    }

    /// Range of the body in a datagram of `len` bytes.
    pub const fn body(&self, len: usize) -> Range<usize> {
        self.len as usize..len.saturating_sub(MAC_BYTES)
    }

    /// Opens the packet in place. `datagram` is the one that this header was read from.
    ///
    /// # Errors
    /// [`Dropped::Unauthentic`]; the body is then lost.
    pub fn open<'d>(
        &self,
        crypto: &impl Crypto,
        key: &Key,
        protocol_id: ProtocolId,
        datagram: &'d mut [u8],
    ) -> Result<Packet<'d>, Dropped> {
        let body_and_tag = datagram
            .get_mut(usize::from(self.len)..)
            .ok_or(Dropped::TooShort)?;
        crypto
            .open(
                key,
                &packet_nonce(self.sequence.0),
                &associated_data(protocol_id, self.prefix),
                body_and_tag,
            )
            .map_err(|_| Dropped::Unauthentic)?;
        let (body, _) = body_and_tag
            .split_last_chunk::<MAC_BYTES>()
            .ok_or(Dropped::TooShort)?;
        Packet::read(self.kind, body).ok_or(Dropped::BodyLength)
    }
}

/// Body of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'p> {
    /// No slot is free.
    Denied,
    /// A challenge token and the sequence that forms its nonce.
    Challenge {
        /// Nonce of the token; not the packet's sequence.
        sequence: Sequence,
        /// Challenge token, sealed by the server for itself.
        token: &'p [u8; CHALLENGE_TOKEN_BYTES],
    },
    /// The fields of the challenge, unchanged.
    Response {
        /// Nonce of the token; not the packet's sequence.
        sequence: Sequence,
        /// Challenge token.
        token: &'p [u8; CHALLENGE_TOKEN_BYTES],
    },
    /// Keeps the connection alive. Clients send zeros.
    KeepAlive {
        /// Index of the receiving client.
        client_index: ClientIndex,
        /// Number of the server's slots.
        max_clients: u32,
    },
    /// Payload of the application.
    Payload(&'p [u8]),
    /// The session has ended.
    Disconnect,
}

impl<'p> Packet<'p> {
    /// Packet type in the prefix byte.
    pub const fn kind(&self) -> PacketType {
        match self {
            Self::Denied => PacketType::Denied,
            Self::Challenge { .. } => PacketType::Challenge,
            Self::Response { .. } => PacketType::Response,
            Self::KeepAlive { .. } => PacketType::KeepAlive,
            Self::Payload(_) => PacketType::Payload,
            Self::Disconnect => PacketType::Disconnect,
        }
    }

    const fn body_len(&self) -> usize {
        match self {
            Self::Denied | Self::Disconnect => 0,
            Self::Challenge { .. } | Self::Response { .. } => 8 + CHALLENGE_TOKEN_BYTES,
            Self::KeepAlive { .. } => 8,
            Self::Payload(payload) => payload.len(),
        }
    }

    fn read(kind: PacketType, body: &'p [u8]) -> Option<Self> {
        let mut fields = Reader::new(body);
        let packet = match kind {
            PacketType::Denied => Self::Denied,
            PacketType::Challenge => Self::Challenge {
                sequence: Sequence(fields.u64()?),
                token: fields.array()?,
            },
            PacketType::Response => Self::Response {
                sequence: Sequence(fields.u64()?),
                token: fields.array()?,
            },
            PacketType::KeepAlive => Self::KeepAlive {
                client_index: ClientIndex(fields.u32()?),
                max_clients: fields.u32()?,
            },
            PacketType::Payload => Self::Payload(fields.take(body.len())?),
            PacketType::Disconnect => Self::Disconnect,
        };
        fields.rest().is_empty().then_some(packet)
    }

    /// Writes a datagram of exactly this packet's length, except for its tag; returns the part to
    /// be sealed.
    fn write<'b>(
        &self,
        prefix: u8,
        sequence: Sequence,
        datagram: &'b mut [u8],
    ) -> Option<&'b mut [u8]> {
        let sequence_len = usize::from(prefix >> 4);
        let (clear, body_and_tag) = datagram.split_at_mut_checked(sequence_len.checked_add(1)?)?;
        let mut out = Writer::new(clear);
        out.u8(prefix)?;
        out.put(sequence.0.to_le_bytes().get(..sequence_len)?)?;
        self.write_body(&mut Writer::new(body_and_tag))?;
        Some(body_and_tag)
    }

    fn write_body(&self, out: &mut Writer<'_>) -> Option<()> {
        match self {
            Self::Denied | Self::Disconnect => Some(()),
            Self::Challenge { sequence, token } | Self::Response { sequence, token } => {
                out.u64(sequence.0)?;
                out.put(*token)
            }
            Self::KeepAlive {
                client_index,
                max_clients,
            } => {
                out.u32(client_index.0)?;
                out.u32(*max_clients)
            }
            Self::Payload(payload) => out.put(payload),
        }
    }
}

/// Writes and seals `packet` at the front of `out`; returns the datagram.
///
/// # Errors
/// [`SendError::PayloadLength`] for an empty payload or one above 1200 bytes;
/// [`SendError::BufferTooShort`] with the length the datagram needs. `out` is then unchanged.
pub fn seal<'b>(
    packet: &Packet<'_>,
    crypto: &impl Crypto,
    key: &Key,
    protocol_id: ProtocolId,
    sequence: Sequence,
    out: &'b mut [u8],
) -> Result<&'b mut [u8], SendError> {
    let body = packet.body_len();
    if !packet.kind().fits_body(body) {
        return Err(SendError::PayloadLength { len: body });
    }
    let needed = sealed_bytes(sequence, body);
    let too_short = SendError::BufferTooShort { needed };
    let datagram = out.get_mut(..needed).ok_or(too_short)?;
    let sequence_len = sequence_bytes(sequence);
    let prefix = packet.kind() as u8 | (sequence_len << 4);
    let body_and_tag = packet.write(prefix, sequence, datagram).ok_or(too_short)?;
    crypto.seal(
        key,
        &packet_nonce(sequence.0),
        &associated_data(protocol_id, prefix),
        body_and_tag,
    );
    Ok(datagram)
}

/// Length of the datagram for a body of `body` bytes.
pub(crate) fn sealed_bytes(sequence: Sequence, body: usize) -> usize {
    let around = 1usize
        .saturating_add(usize::from(sequence_bytes(sequence)))
        .saturating_add(MAC_BYTES);
    around.saturating_add(body)
}

/// Bytes of a sequence on the wire: high zero bytes are omitted, except for the last.
fn sequence_bytes(sequence: Sequence) -> u8 {
    let unused = u8::try_from(sequence.0.leading_zeros() / 8).unwrap_or(0);
    8u8.saturating_sub(unused).max(1)
}

/// `version info · protocol id · prefix`: the associated data of a packet.
fn associated_data(protocol_id: ProtocolId, prefix: u8) -> Vec<u8, 22> {
    let mut data = Vec::from_array(VERSION_INFO);
    // The fields, 13, 8 and 1 bytes, fit into 22.
    let _ = data.extend_from_slice(&protocol_id.0.to_le_bytes());
    let _ = data.push(prefix);
    data
}
