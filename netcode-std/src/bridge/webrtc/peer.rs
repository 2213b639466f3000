//! One peer connection, from the answer to its end.

use std::pin::Pin;
use std::time::{Duration, Instant};

use netcode_core::bridge::{CHANNEL_LABEL, CloseCode};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};

use super::demux::{Packet, Route};
use super::outbox::{Outbox, on_its_way};
use crate::bridge::event::EndCause;
use crate::bridge::session::Session;

/// Nothing is sent again over these channels, so a farewell is said more than once.
const FAREWELLS: u32 = 3;
const BETWEEN_FAREWELLS: Duration = Duration::from_millis(50);

/// Datagrams taken from the browser before the server's are looked at again.
const PACKETS_PER_TURN: usize = 64;

/// A peer connection and the session it carries.
pub(super) struct Peer {
    rtc: Rtc,
    routes: Vec<Route>,
    packets: mpsc::Receiver<Packet>,
    session: Session,
    outbox: Outbox,
    /// The client's one channel, once it is open.
    channel: Option<ChannelId>,
}

impl Peer {
    pub(super) fn new(
        rtc: Rtc,
        routes: Vec<Route>,
        packets: mpsc::Receiver<Packet>,
        session: Session,
    ) -> Self {
        let buffer_bytes = session.limits().buffer_bytes;
        let outbox_bytes = buffer_bytes - on_its_way(buffer_bytes);
        Self {
            outbox: Outbox::new(session.backpressure(), outbox_bytes),
            rtc,
            routes,
            packets,
            session,
            channel: None,
        }
    }

    /// Carries messages both ways until the session ends.
    pub(super) async fn run(mut self) {
        let end = self.session.bridge_ends();
        tokio::pin!(end);
        let cause = loop {
            match self.turn(end.as_mut()).await {
                Ok(()) => {}
                Err(cause) => break cause,
            }
        };
        if let EndCause::Bridge(code) = cause {
            // If the browser is gone meanwhile, so be it.
            let _ = self.say_farewell(code).await;
        }
        self.close();
        self.session.finish(cause);
    }

    /// Mutate, then drain: one thing happens, and all that comes of it.
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
            packet = self.packets.recv() => match packet {
                Some(packet) => self.receive(&packet)?,
                None => return Err(EndCause::Lost),
            },
            () = self.session.server_speaks() => {
                let outbox = &mut self.outbox;
                self.session
                    .downlink(MAX_DATAGRAM_BYTES, |message| outbox.push(message));
            }
            () = sleep_until(due.min(deadline).into()) => self.time_passes()?,
            () = bridge_ends => return Err(EndCause::Bridge(CloseCode::Draining)),
        }
        Ok(())
    }

    /// Takes in datagrams of the browser's. Each is drained before the next: that is the contract.
    fn receive(&mut self, first: &Packet) -> Result<(), EndCause> {
        self.take_in(first)?;
        for _ in 1..PACKETS_PER_TURN {
            let Ok(packet) = self.packets.try_recv() else {
                break;
            };
            self.drain()?;
            self.take_in(&packet)?;
        }
        Ok(())
    }

    fn take_in(&mut self, packet: &Packet) -> Result<(), EndCause> {
        // What is nothing of WebRTC's is no reason to end.
        let Ok(receive) = Receive::new(Protocol::Udp, packet.from, packet.to, &packet.bytes) else {
            return Ok(());
        };
        let input = Input::Receive(Instant::now(), receive);
        self.rtc.handle_input(input).map_err(|_| EndCause::Lost)
    }

    fn time_passes(&mut self) -> Result<(), EndCause> {
        let input = Input::Timeout(Instant::now());
        self.rtc.handle_input(input).map_err(|_| EndCause::Lost)
    }

    /// Takes out what the connection has for us; says when it wants to be called again.
    fn drain(&mut self) -> Result<Instant, EndCause> {
        loop {
            match self.rtc.poll_output().map_err(|_| EndCause::Lost)? {
                Output::Timeout(due) => return Ok(due),
                Output::Transmit(transmit) => {
                    let of_family = |route: &&Route| {
                        route.demux().bound().is_ipv4() == transmit.destination.is_ipv4()
                    };
                    if let Some(route) = self.routes.iter().find(of_family) {
                        route.demux().send(transmit.destination, &transmit.contents);
                    }
                }
                Output::Event(event) => self.handle(event)?,
            }
            if !self.rtc.is_alive() {
                return Err(EndCause::Browser);
            }
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), EndCause> {
        match event {
            Event::ChannelOpen(id, label) if label == CHANNEL_LABEL && self.channel.is_none() => {
                self.channel = Some(id);
            }
            Event::ChannelData(message) if self.channel == Some(message.id) => self
                .session
                .uplink(&message.data)
                .map_err(EndCause::Bridge)?,
            Event::ChannelClose(id) if self.channel == Some(id) => return Err(EndCause::Browser),
            Event::Closed => return Err(EndCause::Browser),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                return Err(EndCause::Lost);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes out what the connection has for us, and puts in what waits for the browser, one
    /// message at a time, until there is no more room; says when to be called again.
    fn settle(&mut self) -> Result<Instant, EndCause> {
        loop {
            let due = self.drain()?;
            if !self.write_next()? {
                return Ok(due);
            }
        }
    }

    /// Whether a message that waited is on its way.
    fn write_next(&mut self) -> Result<bool, EndCause> {
        let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else {
            return Ok(false);
        };
        let Some(message) = self.outbox.front() else {
            return Ok(false);
        };
        let written = channel.write(true, message).map_err(|_| EndCause::Lost)?;
        if written {
            self.outbox.pop();
        }
        Ok(written)
    }

    /// A data channel closes without a code: the code is a message.
    async fn say_farewell(&mut self, code: CloseCode) -> Result<(), EndCause> {
        for _ in 0..FAREWELLS {
            self.outbox.push(&code.to_message());
            self.settle()?;
            sleep(BETWEEN_FAREWELLS).await;
            while let Ok(packet) = self.packets.try_recv() {
                self.take_in(&packet)?;
                self.drain()?;
            }
            self.time_passes()?;
        }
        Ok(())
    }

    /// Tells the browser that the connection is over, if it can still be told.
    fn close(&mut self) {
        if self.rtc.close().is_ok() {
            // What comes of it is sent; there is nobody left to tell of an error.
            let _ = self.drain();
        }
    }
}
