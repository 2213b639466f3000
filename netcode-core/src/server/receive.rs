//! A datagram's way into the server. (Standard: *Reading Encrypted Packets*, *Server-Side
//! Connection Process*.)

use core::net::SocketAddr;

use super::Server;
use super::event::DisconnectReason;
use crate::crypto::Crypto;
use crate::drop_reason::Dropped;
use crate::identity::{ClientIndex, Sequence};
use crate::packet::{Header, Packet, PacketType, Role};
use crate::time::{Instant, Local};
use crate::transmit::Transmit;

/// What a datagram was good for.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'d> {
    /// A client sent a payload; it stands, opened, in the datagram's buffer.
    Payload {
        /// Whose.
        client: ClientIndex,
        /// The number of its packet. Payloads arrive in any order; this tells which is newer.
        sequence: Sequence,
        /// The bytes, 1 to 1200.
        payload: &'d [u8],
    },
    /// An answer, written over the datagram it answers: send it now. It is always shorter.
    Reply(Transmit<'d>),
    /// Taken in; there is nothing to do.
    Handled,
}

impl<C: Crypto> Server<'_, C> {
    /// Takes in a datagram that arrived at `now` from `from`, in place.
    ///
    /// `datagram` is exactly what arrived, of any length. Afterwards it holds the payload or the
    /// reply that is returned, or nothing of use.
    ///
    /// # Errors
    /// [`Dropped`] says which rule refused the datagram. It is counted; there is nothing to do.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let local = self.clock.advance(now);
        self.stats.received(datagram.len());
        self.dispatch(local, from, datagram)
            .inspect_err(|&reason| self.stats.dropped.count(reason))
            .inspect(|received| self.count_received(received))
    }

    fn count_received(&mut self, received: &Received<'_>) {
        match received {
            Received::Payload { .. } => {
                self.stats.payloads_in = self.stats.payloads_in.saturating_add(1);
            }
            Received::Reply(reply) => self.stats.sent(reply.datagram.len()),
            Received::Handled => {}
        }
    }

    fn dispatch<'d>(
        &mut self,
        now: Local,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        if !self.running {
            return Err(Dropped::Inactive);
        }
        match datagram.first() {
            None => Err(Dropped::TooShort),
            Some(0) => self.handle_request(now, from, datagram),
            Some(_) => self.handle_sealed(now, from, datagram),
        }
    }

    fn handle_sealed<'d>(
        &mut self,
        now: Local,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let header = Header::parse(datagram, Role::Server)?;
        match (self.slots.find_by_address(&from), header.kind) {
            (Some(_), PacketType::Response) => Err(Dropped::AddressConnected),
            (Some(id), _) => self.handle_session(now, id, &header, datagram),
            (None, PacketType::Response) => self.handle_response(now, from, &header, datagram),
            (None, _) => Err(Dropped::UnknownSender),
        }
    }

    /// A packet from a connected client.
    fn handle_session<'d>(
        &mut self,
        now: Local,
        id: usize,
        header: &Header,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let slot = self.slots.connected_mut(id).ok_or(Dropped::UnknownSender)?;
        if slot.replay.is_replay(header.sequence) {
            slot.traffic.replayed = slot.traffic.replayed.saturating_add(1);
            return Err(Dropped::Replayed);
        }
        let len = datagram.len();
        let key = &slot.keys.client_to_server;
        let packet = header
            .open(&self.crypto, key, self.config.protocol_id, datagram)
            .inspect_err(|_| {
                slot.traffic.unauthentic = slot.traffic.unauthentic.saturating_add(1);
            })?;
        slot.traffic
            .received(len, header.sequence, slot.replay.most_recent());
        slot.replay.mark(header.sequence);
        slot.last_received = now;
        match packet {
            Packet::Payload(payload) => {
                slot.confirmed = true;
                slot.traffic.payloads_in = slot.traffic.payloads_in.saturating_add(1);
                let client = ClientIndex::of_slot(id);
                Ok(Received::Payload {
                    client,
                    sequence: header.sequence,
                    payload,
                })
            }
            Packet::KeepAlive { .. } => {
                slot.confirmed = true;
                Ok(Received::Handled)
            }
            Packet::Disconnect => {
                self.slots.leave(id, DisconnectReason::ByClient, 0);
                Ok(Received::Handled)
            }
            _ => Err(Dropped::State),
        }
    }
}
