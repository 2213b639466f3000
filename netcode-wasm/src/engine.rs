//! Driver of the core's client: its session with a bridge, its timer, and its events.

use js_sys::Uint8Array;
use netcode_core::bridge::{CloseCode, MessageKind};
use netcode_core::client::{Client, ClientState, Received};
use netcode_core::standard::{MAX_DATAGRAM_BYTES, MAX_PAYLOAD_BYTES};
use netcode_core::{Instant, SendError};

use crate::clock::Timer;
use crate::event_loop::EventLoop;
use crate::events::{Event, EventQueue};
use crate::failure::{FailureCause, TransportFailure, TransportKind};
use crate::link::Link;
use crate::options::Options;
use crate::stats::LinkStats;
use crate::transport::Callbacks;

/// Most bytes that netcode adds to a payload: prefix, eight bytes of sequence, tag.
const OVERHEAD_BYTES: usize = MAX_DATAGRAM_BYTES - MAX_PAYLOAD_BYTES;

pub(crate) struct Engine {
    core: Client,
    options: Options,
    callbacks: Callbacks,
    timer: Timer,
    event_loop: EventLoop,
    /// Transport in use. One that failed is not tried again for the next server.
    transport: TransportKind,
    link: Option<Link>,
    out: [u8; MAX_DATAGRAM_BYTES],
    message: [u8; MAX_DATAGRAM_BYTES],
    events: EventQueue,
    /// Failure that ended the client; `None` if the server or the application did.
    failure: Option<TransportFailure>,
    left_page: bool,
    stats: LinkStats,
}

impl Engine {
    pub(crate) fn new(
        now: Instant,
        core: Client,
        transport: TransportKind,
        options: Options,
        callbacks: Callbacks,
    ) -> Self {
        Self {
            core,
            options,
            callbacks,
            timer: Timer::default(),
            event_loop: EventLoop::new(now),
            transport,
            link: None,
            out: [0; MAX_DATAGRAM_BYTES],
            message: [0; MAX_DATAGRAM_BYTES],
            events: EventQueue::default(),
            failure: None,
            left_page: false,
            stats: LinkStats::default(),
        }
    }

    /// Handles the opening of the session.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.event_loop.delivered(now);
        if let Some(link) = &mut self.link {
            self.stats.count_sent(link.opened());
        }
    }

    /// Processes a message of the session.
    pub(crate) fn received(&mut self, now: Instant, message: &Uint8Array) {
        self.event_loop.delivered(now);
        let Some(link) = &mut self.link else { return };
        let server = link.server;
        let len = usize::try_from(message.length()).unwrap_or(usize::MAX);
        let Some(bytes) = self.message.get_mut(..len) else {
            return self.stats.count_malformed();
        };
        message.copy_to(bytes);
        let datagram = match MessageKind::of(bytes) {
            Some(MessageKind::Datagram) => bytes,
            Some(MessageKind::Fragment) => match link.join(now, bytes) {
                Ok(Some(datagram)) => datagram,
                Ok(None) => return,
                Err(_) => return self.stats.count_malformed(),
            },
            Some(MessageKind::Close) => {
                return match CloseCode::from_message(bytes) {
                    Some(code) => self.failed(now, FailureCause::Closed(code), String::new()),
                    None => self.stats.count_malformed(),
                };
            }
            _ => return self.stats.count_malformed(),
        };
        // The core counts the datagrams that it drops.
        let Ok(received) = self.core.handle_datagram(now, server, datagram) else {
            return;
        };
        self.event_loop.heard(now);
        if let Received::Event(event) = received {
            let event = event.map_payload(|range| datagram.get(range).unwrap_or_default());
            self.events.push_core(event);
        }
    }

    /// Handles the failure of the session: continues over the other transport or with the next
    /// server, or ends.
    pub(crate) fn failed(&mut self, now: Instant, cause: FailureCause, detail: String) {
        let Some(link) = self.link.take() else { return };
        let failure = TransportFailure {
            transport: link.kind,
            cause,
            detail,
        };
        self.events.push(Event::TransportFailed(failure.clone()));
        match self.options.after(link.kind) {
            Some(transport) if cause.leaves_hope() => {
                self.transport = transport;
                let (options, callbacks) = (&self.options, &self.callbacks);
                let mut other = Link::open_session(transport, options, link.server, callbacks, now);
                link.hand_over(&mut other);
                self.link = Some(other);
            }
            _ => self.give_up_server(now, failure),
        }
    }

    /// Leaves the server that the failed session was for. While connecting, the token's next server
    /// is tried.
    fn give_up_server(&mut self, now: Instant, failure: TransportFailure) {
        if self.core.state() == ClientState::Connected {
            self.core.disconnect(now);
            // No session is left to carry the disconnect packets.
            while self.core.poll_transmit(now, &mut self.out).is_some() {}
        } else {
            self.core.skip_server(now);
        }
        if self.core.next_deadline().is_none() {
            self.failure = Some(failure);
        }
    }

    /// Ends a turn: sends the datagrams that are due, and sets the timer for the next deadline.
    pub(crate) fn end_turn(&mut self, now: Instant) {
        // `poll_transmit` evaluates timeouts, so it waits until everything was read.
        let waits = self.core.state().is_active() && !self.event_loop.is_current(now);
        if !waits {
            self.transmit(now);
        }
        while let Some(event) = self.core.poll_event() {
            // The payloads among the events come from `handle_datagram` alone.
            self.events.push_core(event.map_payload(|_| &[][..]));
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

    /// Evaluates timeouts, and sends the datagrams that are due.
    fn transmit(&mut self, now: Instant) {
        self.give_up_slow_opening(now);
        while let Some(transmit) = self.core.poll_transmit(now, &mut self.out) {
            if self.link.as_ref().map(|link| link.server) != Some(transmit.to) {
                // This also ends the session for the server before it, if there was one.
                let (options, callbacks) = (&self.options, &self.callbacks);
                let link = Link::open_session(self.transport, options, transmit.to, callbacks, now);
                self.link = Some(link);
            }
            if let Some(link) = &mut self.link {
                self.stats.count_sent(link.send(transmit.datagram));
            }
        }
    }

    /// Replaces a transport that neither opens nor fails in time by the other.
    fn give_up_slow_opening(&mut self, now: Instant) {
        let slow = |link: &Link| link.is_slow(now) && self.options.after(link.kind).is_some();
        if self.link.as_ref().is_some_and(slow) {
            let detail = "no answer for three seconds".to_owned();
            self.failed(now, FailureCause::NotOpened, detail);
        }
    }

    /// Handles the timer.
    pub(crate) fn woken(&mut self, now: Instant) {
        self.timer.fired();
        self.event_loop.woken(now);
    }

    pub(crate) fn send(&mut self, now: Instant, payload: &[u8]) -> Result<bool, SendError> {
        let Some(transmit) = self.core.send(now, payload, &mut self.out)? else {
            return Ok(false);
        };
        if let Some(link) = &mut self.link {
            self.stats.count_sent(link.send(transmit.datagram));
        }
        Ok(true)
    }

    pub(crate) fn disconnect(&mut self, now: Instant) {
        self.core.disconnect(now);
    }

    /// Disconnects because the page is left. The disconnect packets leave in this turn, the last.
    pub(crate) fn leave_page(&mut self, now: Instant) {
        self.left_page |= self.core.state().is_active();
        if let Some(link) = &self.link {
            link.leave_page();
        }
        self.core.disconnect(now);
    }

    pub(crate) fn events(&mut self) -> &mut EventQueue {
        &mut self.events
    }

    pub(crate) fn core(&self) -> &Client {
        &self.core
    }

    pub(crate) fn transport(&self) -> TransportKind {
        self.transport
    }

    pub(crate) fn failure(&self) -> Option<&TransportFailure> {
        self.failure.as_ref()
    }

    pub(crate) fn left_page(&self) -> bool {
        self.left_page
    }

    pub(crate) fn max_payload(&self) -> usize {
        let limit = match &self.link {
            Some(link) if link.is_open() => link.limit(),
            _ => 0,
        };
        limit.saturating_sub(OVERHEAD_BYTES).min(MAX_PAYLOAD_BYTES)
    }

    pub(crate) fn link_stats(&self) -> LinkStats {
        LinkStats {
            untaken: self.events.untaken(),
            ..self.stats
        }
    }
}
