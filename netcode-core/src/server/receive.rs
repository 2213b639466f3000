//! Processing of received datagrams. (Standard: *Reading Encrypted Packets*, *Server-Side
//! Connection Process*.)

use core::net::SocketAddr;

use super::Server;
use super::config::ReconnectRule;
use super::event::{DisconnectReason, Event, Received};
use super::peer::Source;
use super::slot::SlotState;
use crate::crypto::Crypto;
use crate::drop_reason::Dropped;
use crate::identity::ClientIndex;
use crate::packet::{Header, Packet, PacketType, Role};
use crate::time::{Instant, Local};

impl<C: Crypto> Server<'_, C> {
    /// Processes a datagram that arrived at `now` from `from`, in place.
    ///
    /// `datagram` is exactly what arrived, of any length. Afterwards it holds the returned payload
    /// or reply, or nothing useful. Drain [`poll_event`](Self::poll_event) first: its events are
    /// older.
    ///
    /// # Errors
    /// [`Dropped`] names the rule that rejected the datagram. The drop is counted; there is nothing
    /// to do.
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
        // Connection requests are the only packets that are not encrypted.
        if datagram.first() == Some(&0) {
            return self.handle_request(now, from, datagram);
        }
        let header = Header::parse(datagram, Role::Server)?;
        let source = Source::new(from, self.hash_key);
        match (self.slots.find_by_source(&source), header.kind) {
            (Some(_), PacketType::Response) if !self.may_reconnect(&source) => {
                Err(Dropped::AddressConnected)
            }
            (_, PacketType::Response) => self.handle_response(now, &source, &header, datagram),
            (Some(id), _) => self.handle_session(now, id, &header, datagram),
            (None, _) => Err(self.without_session(now, &source)),
        }
    }

    /// Returns `true` if the address of a connected client has a half-open connection that may
    /// replace its session.
    fn may_reconnect(&self, source: &Source) -> bool {
        self.config.reconnect_rule == ReconnectRule::ReplaceByNewerToken
            && self.half_open.of_source(source).next().is_some()
    }

    /// Reason for which a packet is dropped whose sender has neither a session nor, for a response,
    /// a half-open connection.
    pub(super) fn without_session(&self, now: Local, source: &Source) -> Dropped {
        if self.slots.is_late(now, source) {
            Dropped::SessionEnded
        } else {
            Dropped::UnknownSender
        }
    }

    /// Processes a packet of the connected client in slot `id`.
    fn handle_session<'d>(
        &mut self,
        now: Local,
        id: usize,
        header: &Header,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        if self.slots.replaced() == Some(id) {
            // The *connected* event of this session has not been taken, and payloads must not
            // precede it.
            return Err(Dropped::State);
        }
        let slot = self.slots.table.get_mut(id).ok_or(Dropped::UnknownSender)?;
        if slot.replay.is_replay(header.sequence) {
            slot.traffic.replayed = slot.traffic.replayed.saturating_add(1);
            return Err(Dropped::Replayed);
        }
        let len = datagram.len();
        let key = &slot.session.keys.client_to_server;
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
            Packet::Disconnect => {
                let event = slot.disconnected(id, DisconnectReason::ByClient);
                self.slots.free(now, id);
                Ok(Received::Event(event))
            }
            Packet::Payload(_) => {
                slot.state = SlotState::Connected { confirmed: true };
                slot.traffic.payloads_in = slot.traffic.payloads_in.saturating_add(1);
                self.stats.payloads_in = self.stats.payloads_in.saturating_add(1);
                Ok(Received::Event(Event::Payload {
                    client: ClientIndex::of_slot(id),
                    sequence: header.sequence,
                    payload: header.body(len),
                }))
            }
            // A keep-alive: no other type is accepted in a session.
            _ => {
                slot.state = SlotState::Connected { confirmed: true };
                Ok(Received::Handled)
            }
        }
    }
}
