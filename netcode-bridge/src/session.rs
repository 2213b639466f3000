//! Session: its rules and its socket to the server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use netcode_core::bridge::CloseCode;
use tokio::net::UdpSocket;

use super::admission::Place;
use super::config::{Backpressure, Limits};
use super::context::{Context, Guest, Offer};
use super::counters::DropCause;
use super::event::{EndCause, SessionInfo};
use super::relay::{Downlink, Relay, Uplink, UplinkError};
use super::traffic::{TO_BROWSER, TO_SERVER, Traffic};
use netcode_std::RECEIVE_BUFFER_BYTES;
use netcode_std::unix_time;

/// Datagrams read from the server before the browser's turn.
const DATAGRAMS_PER_TURN: usize = 32;

/// Open session. Dropping it ends it.
pub(super) struct Session {
    context: Arc<Context>,
    info: SessionInfo,
    traffic: Arc<Traffic>,
    /// Cause of the end, once it is known.
    end: EndCause,
    relay: Relay,
    upstream: UdpSocket,
    /// Place among sessions, held until the end.
    place: Option<Place>,
}

impl Session {
    /// Opens the session of a guest.
    pub(super) async fn open(context: &Arc<Context>, guest: Guest) -> Result<Self, CloseCode> {
        let seat = context.open(guest).await?;
        Ok(Self {
            relay: Relay::new(context.config.limits, Instant::now()),
            context: Arc::clone(context),
            info: seat.info,
            traffic: seat.traffic,
            end: EndCause::Lost,
            upstream: seat.upstream,
            place: Some(seat.place),
        })
    }

    /// Opens the session of an offer whose data channel is open, with the browser at `client`. The
    /// offer's place is held until then.
    pub(super) async fn accept(offer: Offer, client: SocketAddr) -> Result<Self, CloseCode> {
        Self::open(offer.context(), offer.guest_at(client)).await
    }

    /// Forwards a message from the browser to the server, if the rules permit it.
    ///
    /// # Errors
    /// The close code, if the session has to end.
    pub(super) fn uplink(&mut self, message: &[u8]) -> Result<(), CloseCode> {
        let flow = &self.context.counters.to_server;
        let passed = self.relay.uplink(Instant::now(), unix_time(), message);
        match passed {
            Ok(Uplink::Datagram(datagram)) => match self.upstream.try_send(datagram) {
                Ok(_) => {
                    flow.passed(datagram.len());
                    self.traffic.passed(TO_SERVER, datagram.len());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    flow.dropped(DropCause::Buffer);
                }
                // The server is unreachable (ICMP): it may come back, and netcode has timeouts.
                Err(_) => {}
            },
            Ok(Uplink::Nothing) => {}
            Err(UplinkError::Dropped(cause)) => flow.dropped(cause),
            Err(UplinkError::Closed(code)) => return Err(code),
        }
        Ok(())
    }

    /// Waits until a datagram from the server may be available.
    pub(super) async fn server_speaks(&self) {
        // Transport errors surface on the next read, which ends the session.
        let _ = self.upstream.readable().await;
    }

    /// Passes the server's datagrams to `deliver`, in messages of up to `most` bytes; `deliver`
    /// returns `true` if there was room.
    pub(super) fn downlink(&mut self, most: usize, mut deliver: impl FnMut(&[u8]) -> bool) {
        let flow = &self.context.counters.to_browser;
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        for _ in 0..DATAGRAMS_PER_TURN {
            let len = match self.upstream.try_recv(&mut buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Reported for an earlier datagram (ICMP).
                Err(_) => continue,
            };
            let datagram = buffer.get(..len).unwrap_or_default();
            let delivered = match self.relay.downlink(Instant::now(), datagram, most) {
                Ok(Downlink::Whole(message)) => deliver(message),
                Ok(Downlink::Fragments([front, back])) => deliver(front) && deliver(back),
                Err(cause) => {
                    flow.dropped(cause);
                    continue;
                }
            };
            if delivered {
                flow.passed(len);
                self.traffic.passed(TO_BROWSER, len);
            } else {
                flow.dropped(DropCause::Buffer);
            }
        }
    }

    /// Time at which the session ends if nothing comes from the browser, and its close code.
    pub(super) fn deadline(&self) -> (Instant, CloseCode) {
        self.relay.deadline()
    }

    /// Choice of the message to drop when the browser receives slower than the server sends.
    pub(super) fn backpressure(&self) -> Backpressure {
        self.context.config.backpressure
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.context.config.limits
    }

    /// Waits until every session has to end.
    pub(super) fn bridge_ends(&self) -> impl Future<Output = ()> + Send + use<> {
        self.context.ends()
    }

    /// Ends the session with this cause.
    pub(super) fn finish(mut self, cause: EndCause) {
        self.end = cause;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The place is free before the end is reported.
        self.place = None;
        self.context.ended(&self.info, self.end);
    }
}
