//! Peer connection: its datagrams, their paths, and its one data channel.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use netcode_core::bridge::CHANNEL_LABEL;
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc};
use tokio::sync::mpsc;

use super::alerts::has_plaintext_alert;
use super::demux::{Packet, Route};
use super::paths::{Incoming, Paths, is_stun};
use crate::config::MAX_DATA_CHANNELS;
use crate::context::Context;
use crate::event::EndCause;
use crate::limit::Limit;

/// Messages kept until their session is open; further ones are lost, as datagrams may be.
const EARLY_MESSAGES: usize = 8;

/// Peer connection.
pub(super) struct Connection {
    rtc: Rtc,
    context: Arc<Context>,
    routes: Vec<Route>,
    packets: mpsc::Receiver<Packet>,
    paths: Paths,
    /// The session's data channel, once it is open.
    channel: Option<ChannelId>,
    /// Open channels, including those the session does not use.
    channels: usize,
    /// `true` once the DTLS handshake is complete.
    secure: bool,
    /// Messages from the channel that are not taken yet.
    received: VecDeque<Vec<u8>>,
}

impl Connection {
    pub(super) fn new(
        rtc: Rtc,
        context: Arc<Context>,
        routes: Vec<Route>,
        packets: mpsc::Receiver<Packet>,
        paths: Paths,
    ) -> Self {
        Self {
            rtc,
            context,
            routes,
            packets,
            paths,
            channel: None,
            channels: 0,
            secure: false,
            received: VecDeque::new(),
        }
    }

    /// Address at which the browser has answered a check, once its channel is open.
    pub(super) fn opened(&self) -> Option<SocketAddr> {
        self.channel.and(self.paths.current())
    }

    /// Waits for a datagram. `None` once no more can come.
    pub(super) async fn packet(&mut self) -> Option<Packet> {
        self.packets.recv().await
    }

    /// Next datagram that has arrived already.
    pub(super) fn next_packet(&mut self) -> Option<Packet> {
        self.packets.try_recv().ok()
    }

    /// Next message from the browser.
    pub(super) fn next_message(&mut self) -> Option<Vec<u8>> {
        self.received.pop_front()
    }

    /// Processes a datagram. The library requires a drain before the next one.
    pub(super) fn handle_packet(&mut self, packet: &Packet) -> Result<(), EndCause> {
        match self.paths.handle_datagram(packet.from, &packet.bytes) {
            Incoming::ForPeer => {}
            Incoming::Answer => {
                while let Some((to, datagram)) = self.paths.next() {
                    self.transmit(to, &datagram);
                }
                return Ok(());
            }
            Incoming::TooMany => {
                self.context.limited(Limit::PeerAddresses, packet.from.ip());
                return Ok(());
            }
        }
        if !self.secure && has_plaintext_alert(&packet.bytes) {
            return Ok(());
        }
        // A datagram that is not part of WebRTC does not end the connection.
        let Ok(receive) = Receive::new(Protocol::Udp, packet.from, packet.to, &packet.bytes) else {
            return Ok(());
        };
        let input = Input::Receive(Instant::now(), receive);
        self.rtc.handle_input(input).map_err(|_| EndCause::Lost)
    }

    pub(super) fn time_passes(&mut self) -> Result<(), EndCause> {
        let input = Input::Timeout(Instant::now());
        self.rtc.handle_input(input).map_err(|_| EndCause::Lost)
    }

    /// Drains the connection's output; returns the time at which it is due again.
    pub(super) fn drain(&mut self) -> Result<Instant, EndCause> {
        loop {
            match self.rtc.poll_output().map_err(|_| EndCause::Lost)? {
                Output::Timeout(due) => return Ok(due),
                Output::Transmit(transmit) => {
                    self.send(transmit.destination, transmit.contents.into());
                }
                Output::Event(event) => self.handle(event)?,
            }
            if !self.rtc.is_alive() {
                return Err(EndCause::Browser);
            }
        }
    }

    fn send(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        if is_stun(&datagram) {
            // The reply to a check with the right password: its sender belongs to this peer.
            for route in &self.routes {
                route.learn(to);
            }
        }
        if let Some((to, datagram)) = self.paths.send(to, datagram) {
            self.transmit(to, &datagram);
        }
    }

    fn transmit(&self, to: SocketAddr, datagram: &[u8]) {
        let of_family = |route: &&Route| route.demux().bound().is_ipv4() == to.is_ipv4();
        if let Some(route) = self.routes.iter().find(of_family) {
            route.demux().send(to, datagram);
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), EndCause> {
        match event {
            Event::Connected => self.secure = true,
            Event::ChannelOpen(id, label) => self.channel_opened(id, &label)?,
            Event::ChannelData(message) if self.channel == Some(message.id) => {
                self.received.push_back(message.data);
            }
            Event::ChannelClose(id) if self.channel == Some(id) => return Err(EndCause::Browser),
            Event::ChannelClose(_) => self.channels = self.channels.saturating_sub(1),
            Event::Closed => return Err(EndCause::Browser),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                return Err(EndCause::Lost);
            }
            _ => {}
        }
        Ok(())
    }

    fn channel_opened(&mut self, id: ChannelId, label: &str) -> Result<(), EndCause> {
        self.channels += 1;
        if self.channels > MAX_DATA_CHANNELS {
            // A channel opens over a path, so there is one.
            let client = self.paths.current().map_or([0; 4].into(), |it| it.ip());
            self.context.limited(Limit::DataChannels, client);
            return Err(EndCause::Lost);
        }
        if label == CHANNEL_LABEL && self.channel.is_none() {
            self.channel = Some(id);
        }
        Ok(())
    }

    /// Drops messages above [`EARLY_MESSAGES`].
    pub(super) fn keep_early_messages(&mut self) {
        self.received.truncate(EARLY_MESSAGES);
    }

    /// Writes a message to the channel. `false` if there is no room now.
    pub(super) fn write(&mut self, message: &[u8]) -> Result<bool, EndCause> {
        let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else {
            return Ok(false);
        };
        channel.write(true, message).map_err(|_| EndCause::Lost)
    }

    /// Closes the connection and notifies the browser if it can still be reached.
    pub(super) fn close(&mut self) {
        if self.rtc.close().is_ok() {
            // The output is sent; an error has no recipient any more.
            let _ = self.drain();
        }
    }
}
