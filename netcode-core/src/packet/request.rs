//! The connection request, type 0 (standard: *Connection Request Packet*).

use core::fmt;

use crate::drop_reason::Dropped;
use crate::identity::{ProtocolId, TokenNonce};
use crate::standard::{CONNECTION_REQUEST_BYTES, PRIVATE_TOKEN_BYTES, VERSION_INFO};
use crate::time::UnixTime;
use crate::wire::{Reader, Writer};

/// Bytes in front of the private part.
const HEADER_BYTES: usize = CONNECTION_REQUEST_BYTES - PRIVATE_TOKEN_BYTES;

/// The fields in front of the private part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The application the client wants to speak to.
    pub protocol_id: ProtocolId,
    /// When the token ends; also part of what its private part authenticates.
    pub expires: UnixTime,
    /// Nonce of the private part.
    pub nonce: TokenNonce,
}

/// A connection request: what a client shows to a server first.
#[derive(PartialEq, Eq)]
pub struct ConnectionRequest<'d> {
    /// The fields in the clear.
    pub header: RequestHeader,
    /// The private part, sealed by the backend for the server; opened here, in place.
    pub private: &'d mut [u8; PRIVATE_TOKEN_BYTES],
}

// The private part holds the session's keys once it is opened.
impl fmt::Debug for ConnectionRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionRequest")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl<'d> ConnectionRequest<'d> {
    /// Reads a whole datagram.
    ///
    /// # Errors
    /// [`Dropped::RequestLength`], [`Dropped::Type`] or [`Dropped::Version`], in that order.
    pub fn parse(datagram: &'d mut [u8]) -> Result<Self, Dropped> {
        if datagram.len() != CONNECTION_REQUEST_BYTES {
            return Err(Dropped::RequestLength);
        }
        let (front, private) = datagram
            .split_last_chunk_mut::<PRIVATE_TOKEN_BYTES>()
            .ok_or(Dropped::RequestLength)?;
        let mut fields = Reader::new(front);
        if fields.u8() != Some(0) {
            return Err(Dropped::Type);
        }
        if fields.array() != Some(&VERSION_INFO) {
            return Err(Dropped::Version);
        }
        let header = Self::header(&mut fields).ok_or(Dropped::RequestLength)?;
        Ok(Self { header, private })
    }

    fn header(fields: &mut Reader<'_>) -> Option<RequestHeader> {
        Some(RequestHeader {
            protocol_id: ProtocolId(fields.u64()?),
            expires: UnixTime::from_secs(fields.u64()?),
            nonce: TokenNonce(*fields.array()?),
        })
    }

    /// Writes the datagram; returns its length, always 1078, or `None` if `out` is shorter.
    pub fn write(
        header: &RequestHeader,
        private: &[u8; PRIVATE_TOKEN_BYTES],
        out: &mut [u8],
    ) -> Option<usize> {
        let mut out = Writer::new(out.get_mut(..CONNECTION_REQUEST_BYTES)?);
        out.u8(0)?;
        out.put(&VERSION_INFO)?;
        out.u64(header.protocol_id.0)?;
        out.u64(header.expires.as_secs())?;
        out.put(&header.nonce.0)?;
        debug_assert_eq!(out.written(), HEADER_BYTES);
        out.put(private)?;
        Some(out.written())
    }
}
