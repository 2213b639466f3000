//! The core's client, its session with a bridge, and what waits for the application.

use std::collections::VecDeque;
use std::net::SocketAddr;

use js_sys::Uint8Array;
use netcode_core::bridge::{CloseCode, MessageKind};
use netcode_core::client::{Client, ClientEvent, ClientState, Received};
use netcode_core::standard::{MAX_DATAGRAM_BYTES, MAX_PAYLOAD_BYTES};
use netcode_core::{ConnectionStats, DropCounts, Instant, SendError};

use crate::client::{Event, LinkStats};
use crate::clock::Timer;
use crate::event_loop::EventLoop;
use crate::failure::{FailureCause, TransportFailure, TransportKind};
use crate::inbox::{Inbox, Payload};
use crate::link::Link;
use crate::options::Options;
use crate::transport::Callbacks;

/// The most that netcode adds to a payload: a prefix, eight bytes of sequence, a tag.
const OVERHEAD_BYTES: usize = MAX_DATAGRAM_BYTES - MAX_PAYLOAD_BYTES;

pub(crate) struct Engine {
    core: Client,
    options: Options,
    callbacks: Callbacks,
    timer: Timer,
    event_loop: EventLoop,
    /// The way in use. One that failed is not tried again for the next server.
    kind: TransportKind,
    link: Option<Link>,
    out: [u8; MAX_DATAGRAM_BYTES],
    message: [u8; MAX_DATAGRAM_BYTES],
    inbox: Inbox,
    events: VecDeque<Event>,
    /// What ended it, if it was not the server or the application.
    failure: Option<TransportFailure>,
    left_page: bool,
    stats: LinkStats,
    /// Whether something came that the application has not been told of.
    news: bool,
}

impl Engine {
    pub(crate) fn new(
        now: Instant,
        core: Client,
        kind: TransportKind,
        options: Options,
        callbacks: Callbacks,
    ) -> Self {
        Self {
            core,
            options,
            callbacks,
            timer: Timer::default(),
            event_loop: EventLoop::new(now),
            kind,
            link: None,
            out: [0; MAX_DATAGRAM_BYTES],
            message: [0; MAX_DATAGRAM_BYTES],
            inbox: Inbox::default(),
            events: VecDeque::new(),
            failure: None,
            left_page: false,
            stats: LinkStats::default(),
            news: false,
        }
    }

    /// The session has opened.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.event_loop.delivered(now);
        if let Some(link) = &mut self.link
            && !link.opened()
        {
            self.stats.unsent = self.stats.unsent.saturating_add(1);
        }
    }

    /// Takes in a message of the session.
    pub(crate) fn received(&mut self, now: Instant, message: &Uint8Array) {
        self.event_loop.delivered(now);
        let Some(link) = &mut self.link else { return };
        let server = link.server;
        let len = usize::try_from(message.length()).unwrap_or(usize::MAX);
        let Some(bytes) = self.message.get_mut(..len) else {
            return self.drop_message();
        };
        message.copy_to(bytes);
        let datagram = match MessageKind::of(bytes) {
            Some(MessageKind::Datagram) => bytes,
            Some(MessageKind::Fragment) => match link.join(now, bytes) {
                Ok(Some(datagram)) => datagram,
                Ok(None) => return,
                Err(_) => return self.drop_message(),
            },
            Some(MessageKind::Close) => {
                return match CloseCode::from_message(bytes) {
                    Some(code) => self.failed(now, FailureCause::Closed(code), String::new()),
                    None => self.drop_message(),
                };
            }
            None => return self.drop_message(),
        };
        // A refusal is counted by the core, and nobody else's business.
        let Ok(received) = self.core.handle_datagram(now, server, datagram) else {
            return;
        };
        self.event_loop.heard(now);
        if let Received::Payload { sequence, payload } = received {
            self.inbox.put(sequence, payload);
            self.news = true;
        }
    }

    fn drop_message(&mut self) {
        self.stats.malformed = self.stats.malformed.saturating_add(1);
    }

    /// The session failed: on by another way, or to the next server, or to the end.
    pub(crate) fn failed(&mut self, now: Instant, cause: FailureCause, detail: String) {
        let Some(link) = self.link.take() else { return };
        let failure = TransportFailure {
            transport: link.kind,
            cause,
            detail,
        };
        self.tell(Event::TransportFailed(failure.clone()));
        match self.options.after(link.kind) {
            Some(kind) if cause.leaves_hope() => {
                self.kind = kind;
                let (options, callbacks) = (&self.options, &self.callbacks);
                let mut other = Link::open_session(kind, options, link.server, callbacks, now);
                link.hand_over(&mut other);
                self.link = Some(other);
            }
            _ => self.give_up_server(now, failure),
        }
    }

    /// The bridge behind `failure` will not do. While connecting, the token's next server may.
    fn give_up_server(&mut self, now: Instant, failure: TransportFailure) {
        if self.core.state() == ClientState::Connected {
            self.core.disconnect(now);
            // Nothing is left that could carry a goodbye.
            while self.core.poll_transmit(now, &mut self.out).is_some() {}
        } else {
            self.core.skip_server(now);
        }
        if self.core.next_deadline().is_none() {
            self.failure = Some(failure);
        }
    }

    /// Sends what is due, and sets the timer for what will be. Ends every turn.
    pub(crate) fn transmit(&mut self, now: Instant) {
        // Timeouts are judged where time passes, so it does not before everything was read.
        let waits = self.core.state().is_active() && !self.event_loop.is_current(now);
        if !waits {
            self.pass_time(now);
        }
        while let Some(ClientEvent::StateChanged(state)) = self.core.poll_event() {
            self.tell(Event::StateChanged(state));
        }
        let due = if waits {
            Some(self.event_loop.next_turn(now))
        } else {
            self.core.next_deadline()
        };
        match due {
            Some(due) => self.timer.arm(now, due, self.callbacks.woken()),
            None => {
                self.timer.disarm();
                self.link = None;
            }
        }
    }

    /// Finds timeouts, and sends what is due.
    fn pass_time(&mut self, now: Instant) {
        self.give_up_slow_opening(now);
        while let Some(transmit) = self.core.poll_transmit(now, &mut self.out) {
            if self.link.as_ref().map(|link| link.server) != Some(transmit.to) {
                // The session for the server before it, if there was one, ends here.
                let (options, callbacks) = (&self.options, &self.callbacks);
                let link = Link::open_session(self.kind, options, transmit.to, callbacks, now);
                self.link = Some(link);
            }
            if let Some(link) = &mut self.link
                && !link.send(transmit.datagram)
            {
                self.stats.unsent = self.stats.unsent.saturating_add(1);
            }
        }
    }

    /// A way that does not open and does not fail either makes room for the other.
    fn give_up_slow_opening(&mut self, now: Instant) {
        let slow = |link: &Link| link.is_slow(now) && self.options.after(link.kind).is_some();
        if self.link.as_ref().is_some_and(slow) {
            let detail = "no answer for three seconds".to_owned();
            self.failed(now, FailureCause::NotOpened, detail);
        }
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
        self.news = true;
    }

    /// The timer went off.
    pub(crate) fn woken(&mut self, now: Instant) {
        self.timer.fired();
        self.event_loop.woken(now);
    }

    pub(crate) fn send(&mut self, now: Instant, payload: &[u8]) -> Result<(), SendError> {
        let transmit = self.core.send(now, payload, &mut self.out)?;
        if let Some(link) = &mut self.link
            && !link.send(transmit.datagram)
        {
            self.stats.unsent = self.stats.unsent.saturating_add(1);
        }
        Ok(())
    }

    pub(crate) fn disconnect(&mut self, now: Instant) {
        self.core.disconnect(now);
    }

    /// The page is left: tells the server while that can be done.
    pub(crate) fn leave_page(&mut self, now: Instant) {
        self.left_page |= self.core.state().is_active();
        if let Some(link) = &self.link {
            link.leave_page();
        }
        self.core.disconnect(now);
    }

    pub(crate) fn left_page(&self) -> bool {
        self.left_page
    }

    pub(crate) fn take_payload(&mut self) -> Option<Payload> {
        self.inbox.take()
    }

    pub(crate) fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    pub(crate) fn state(&self) -> ClientState {
        self.core.state()
    }

    pub(crate) fn server_address(&self) -> Option<SocketAddr> {
        self.core.server_address()
    }

    pub(crate) fn transport(&self) -> TransportKind {
        self.kind
    }

    pub(crate) fn failure(&self) -> Option<&TransportFailure> {
        self.failure.as_ref()
    }

    pub(crate) fn max_payload(&self) -> usize {
        let limit = match &self.link {
            Some(link) if link.is_open() => link.limit(),
            _ => 0,
        };
        limit.saturating_sub(OVERHEAD_BYTES).min(MAX_PAYLOAD_BYTES)
    }

    pub(crate) fn stats(&self) -> ConnectionStats {
        self.core.stats()
    }

    pub(crate) fn dropped(&self) -> &DropCounts {
        self.core.dropped()
    }

    pub(crate) fn link_stats(&self) -> LinkStats {
        LinkStats {
            untaken: self.inbox.dropped(),
            ..self.stats
        }
    }
}
