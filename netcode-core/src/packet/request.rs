//! Connection request packet, type 0 (standard: *Connection Request Packet*).

use core::fmt;

use heapless::Vec;

use crate::drop_reason::Dropped;
use crate::identity::{ProtocolId, TokenNonce};
use crate::standard::{CONNECTION_REQUEST_BYTES, PRIVATE_TOKEN_BYTES, VERSION_INFO};
use crate::time::UnixTime;
use crate::wire::{Reader, Writer};

/// Clear fields of a connection request that seal the token's private part: its nonce and the data
/// that it authenticates. A connect token carries the same fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Protocol id.
    pub protocol_id: ProtocolId,
    /// Expire timestamp of the token.
    pub expires: UnixTime,
    /// Nonce of the private part.
    pub nonce: TokenNonce,
}

impl RequestHeader {
    /// Reads the header of a connection request, given as the whole datagram.
    ///
    /// # Errors
    /// [`Dropped::RequestLength`], [`Dropped::Type`] or [`Dropped::Version`], in that order.
    pub fn parse(datagram: &[u8]) -> Result<Self, Dropped> {
        let datagram: &[u8; CONNECTION_REQUEST_BYTES] =
            datagram.try_into().map_err(|_| Dropped::RequestLength)?;
        let mut fields = Reader::new(datagram);
        if fields.u8() != Some(0) {
            return Err(Dropped::Type);
        }
        if fields.array() != Some(&VERSION_INFO) {
            return Err(Dropped::Version);
        }
        Self::read(&mut fields).ok_or(Dropped::RequestLength)
    }

    fn read(fields: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            protocol_id: ProtocolId(fields.u64()?),
            expires: UnixTime::from_secs(fields.u64()?),
            nonce: TokenNonce(*fields.array()?),
        })
    }

    /// `version info · protocol id · expire timestamp`. (*Private Connect Token Data*.)
    pub(crate) fn associated_data(&self) -> Vec<u8, 29> {
        let mut data = Vec::from_array(VERSION_INFO);
        // The fields, 13, 8 and 8 bytes, fit into 29.
        let _ = data.extend_from_slice(&self.protocol_id.0.to_le_bytes());
        let _ = data.extend_from_slice(&self.expires.as_secs().to_le_bytes());
        data
    }
}

/// Connection request whose private part can be opened in place.
#[derive(PartialEq, Eq)]
pub struct ConnectionRequest<'d> {
    /// Clear fields.
    pub header: RequestHeader,
    /// Private part, sealed by the backend for the server.
    pub private: &'d mut [u8; PRIVATE_TOKEN_BYTES],
}

// Once opened, the private part contains the session's keys.
impl fmt::Debug for ConnectionRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionRequest")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl<'d> ConnectionRequest<'d> {
    /// Reads a whole datagram. [`RequestHeader::parse`] reads the header of an immutable one.
    ///
    /// # Errors
    /// As for [`RequestHeader::parse`].
    pub fn parse(datagram: &'d mut [u8]) -> Result<Self, Dropped> {
        let header = RequestHeader::parse(datagram)?;
        let private = datagram.last_chunk_mut().ok_or(Dropped::RequestLength)?;
        Ok(Self { header, private })
    }

    /// Writes a connection request to the front of `out` and returns it: 1078 bytes. `None` if
    /// `out` is shorter.
    pub fn write<'b>(
        header: &RequestHeader,
        private: &[u8; PRIVATE_TOKEN_BYTES],
        out: &'b mut [u8],
    ) -> Option<&'b mut [u8]> {
        let mut out = Writer::new(out.get_mut(..CONNECTION_REQUEST_BYTES)?);
        out.u8(0)?;
        out.put(&VERSION_INFO)?;
        out.u64(header.protocol_id.0)?;
        out.u64(header.expires.as_secs())?;
        out.put(&header.nonce.0)?;
        out.put(private)?;
        Some(out.finish())
    }
}
