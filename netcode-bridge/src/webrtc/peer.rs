//! WebRTC peer: one browser, from the answer to its offer to the session's end.

use std::pin::Pin;
use std::time::{Duration, Instant};

use netcode_core::bridge::CloseCode;
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use tokio::time::{sleep, sleep_until};

use super::connection::Connection;
use super::demux::Packet;
use super::outbox::{Outbox, on_its_way};
use crate::context::Offer;
use crate::event::EndCause;
use crate::session::Session;

/// Copies of the close message: these channels do not retransmit.
const CLOSE_MESSAGES: u32 = 3;
const CLOSE_MESSAGE_INTERVAL: Duration = Duration::from_millis(50);

/// Datagrams read from the browser before the server's turn.
const PACKETS_PER_TURN: usize = 64;

/// Runs an offer to its session, and the session to its end.
pub(super) async fn run(mut connection: Connection, offer: Offer) {
    match open(&mut connection, offer).await {
        Ok(session) => Peer::new(connection, session).run().await,
        // A data channel without a session gets the close code.
        Err(Some(code)) => {
            let _ = send_close_code(&mut connection, code).await;
            connection.close();
        }
        Err(None) => connection.close(),
    }
}

/// Waits for the data channel, and opens its session. The error is the close code to send, if any.
async fn open(connection: &mut Connection, offer: Offer) -> Result<Session, Option<CloseCode>> {
    let end = offer.context().ends();
    tokio::pin!(end);
    loop {
        let due = connection.drain().map_err(|_| None)?;
        connection.keep_early_messages();
        if let Some(client) = connection.opened() {
            return Session::accept(offer, client).await.map_err(Some);
        }
        if offer.deadline <= Instant::now() {
            offer.expired();
            return Err(None);
        }
        tokio::select! {
            packet = connection.packet() => {
                let packet = packet.ok_or(None)?;
                connection.handle_packet(&packet).map_err(|_| None)?;
            }
            () = sleep_until(due.min(offer.deadline).into()) => {
                connection.time_passes().map_err(|_| None)?;
            }
            () = &mut end => return Err(None),
        }
    }
}

/// Peer connection and its session.
struct Peer {
    connection: Connection,
    session: Session,
    outbox: Outbox,
}

impl Peer {
    fn new(connection: Connection, session: Session) -> Self {
        let buffer_bytes = session.limits().buffer_bytes;
        let outbox_bytes = buffer_bytes - on_its_way(buffer_bytes);
        Self {
            outbox: Outbox::new(session.backpressure(), outbox_bytes),
            connection,
            session,
        }
    }

    /// Forwards messages in both directions until the session ends.
    async fn run(mut self) {
        let end = self.session.bridge_ends();
        tokio::pin!(end);
        let cause = loop {
            match self.turn(end.as_mut()).await {
                Ok(()) => {}
                Err(cause) => break cause,
            }
        };
        if let EndCause::Bridge(code) = cause {
            // The browser may be gone meanwhile.
            let _ = send_close_code(&mut self.connection, code).await;
        }
        self.connection.close();
        self.session.finish(cause);
    }

    /// Mutate, then drain: processes one event and all its consequences.
    async fn turn(
        &mut self,
        bridge_ends: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), EndCause> {
        let due = self.settle()?;
        let (deadline, code) = self.session.deadline();
        if deadline <= Instant::now() {
            return Err(EndCause::Bridge(code));
        }
        tokio::select! {
            packet = self.connection.packet() => match packet {
                Some(packet) => self.receive(&packet)?,
                None => return Err(EndCause::Lost),
            },
            () = self.session.server_speaks() => {
                let outbox = &mut self.outbox;
                self.session
                    .downlink(MAX_DATAGRAM_BYTES, |message| outbox.push(message));
            }
            () = sleep_until(due.min(deadline).into()) => self.connection.time_passes()?,
            () = bridge_ends => return Err(EndCause::Bridge(CloseCode::Draining)),
        }
        Ok(())
    }

    /// Processes datagrams of the browser. The library requires a drain before the next one.
    fn receive(&mut self, first: &Packet) -> Result<(), EndCause> {
        self.connection.handle_packet(first)?;
        for _ in 1..PACKETS_PER_TURN {
            let Some(packet) = self.connection.next_packet() else {
                break;
            };
            self.drain()?;
            self.connection.handle_packet(&packet)?;
        }
        Ok(())
    }

    /// Drains the connection, and forwards its messages to the server.
    fn drain(&mut self) -> Result<Instant, EndCause> {
        let drained = self.connection.drain();
        while let Some(message) = self.connection.next_message() {
            self.session.uplink(&message).map_err(EndCause::Bridge)?;
        }
        drained
    }

    /// Drains the connection's output and writes queued messages, one at a time, until there is no
    /// more room; returns the time at which it is due again.
    fn settle(&mut self) -> Result<Instant, EndCause> {
        loop {
            let due = self.drain()?;
            let Some(message) = self.outbox.front() else {
                return Ok(due);
            };
            if !self.connection.write(message)? {
                return Ok(due);
            }
            self.outbox.pop();
        }
    }
}

/// Sends the close code as a message: a data channel closes without one.
async fn send_close_code(connection: &mut Connection, code: CloseCode) -> Result<(), EndCause> {
    for _ in 0..CLOSE_MESSAGES {
        connection.write(&code.to_message())?;
        connection.drain()?;
        sleep(CLOSE_MESSAGE_INTERVAL).await;
        while let Some(packet) = connection.next_packet() {
            connection.handle_packet(&packet)?;
            connection.drain()?;
        }
        connection.time_passes()?;
    }
    Ok(())
}
