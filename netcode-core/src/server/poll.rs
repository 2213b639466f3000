//! Polling: datagrams that are due, the next deadline, events.

use core::net::SocketAddr;

use super::Server;
use super::event::{DisconnectReason, Event};
use super::slot::SlotState;
use crate::crypto::Crypto;
use crate::packet::Packet;
use crate::standard::SEND_INTERVAL;
use crate::time::{Instant, Local, micros};
use crate::transmit::Transmit;

impl<C: Crypto> Server<'_, C> {
    /// Writes the next datagram that is due into `out`, which needs at most
    /// [`MAX_DATAGRAM_BYTES`](crate::standard::MAX_DATAGRAM_BYTES). Call it until it returns
    /// `None`. A datagram that does not fit into a shorter buffer is skipped, as if it were lost in
    /// transit.
    ///
    /// This call also detects timeouts and ends half-open connections. It yields at most one
    /// datagram per client and 100 ms, and ten for a client that is disconnected.
    pub fn poll_transmit<'b>(&mut self, now: Instant, out: &'b mut [u8]) -> Option<Transmit<'b>> {
        let local = self.clock.advance(now);
        self.half_open.expire(local);
        while let Some(id) = self.slots.table.due(local) {
            if let Some((to, len)) = self.transmit_due(local, id, out) {
                self.stats.sent(len);
                let datagram = out.get(..len)?;
                return Some(Transmit { to, datagram });
            }
        }
        None
    }

    /// Performs the action that slot `id` is due for and sets its next deadline.
    fn transmit_due(
        &mut self,
        now: Local,
        id: usize,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let handshake = micros(self.config.handshake_timeout);
        let protocol_id = self.config.protocol_id;
        let keep_alive = self.keep_alive(id);
        let slot = self.slots.table.get_mut(id)?;
        let to = slot.session.peer.address();
        match slot.state {
            SlotState::Leaving { disconnects_left } => {
                slot.state = SlotState::Leaving {
                    disconnects_left: disconnects_left.saturating_sub(1),
                };
                let packet = Packet::Disconnect;
                let written = slot.write(&self.crypto, protocol_id, now, &packet, out);
                self.slots.settle(id);
                Some((to?, written.ok()?.len()))
            }
            SlotState::Connected { .. } => {
                if slot.times_out_at(handshake).is_some_and(|at| at <= now) {
                    self.slots.leave(now, id, DisconnectReason::TimedOut);
                    return None;
                }
                let mut written = None;
                if slot.keep_alive_at <= now {
                    let sealed = slot.write(&self.crypto, protocol_id, now, &keep_alive, out);
                    written = sealed.ok().map(|datagram| datagram.len());
                    // A keep-alive that could not be written is not retried at once.
                    slot.keep_alive_at = now.after(const { micros(SEND_INTERVAL) });
                }
                let due = slot.due_at(handshake);
                self.slots.table.set_due(id, due);
                Some((to?, written?))
            }
            SlotState::Free | SlotState::Left => {
                self.slots.table.cancel_due(id);
                None
            }
        }
    }

    /// Time of the next call of [`poll_transmit`](Self::poll_transmit) if no datagram arrives.
    /// Never late; sometimes early.
    pub fn next_deadline(&self) -> Option<Instant> {
        let slots = self.slots.table.first_due();
        let due = slots.into_iter().chain(self.half_open.first_due());
        Some(self.clock.to_caller(due.min()?))
    }

    /// Next event caused by time or a command. Call it until it returns `None`, before the next
    /// datagram is processed: a slot is not given to another client until its last event was taken.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.slots.next_event()
    }
}
