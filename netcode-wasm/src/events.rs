//! Events of a client, and the queue from which the application takes them.

use std::collections::VecDeque;

use netcode_core::Sequence;
use netcode_core::client::{self, ClientState};

use crate::failure::TransportFailure;

/// Number of payloads that a client keeps for its application. One more, and the oldest is dropped:
/// in a game the newest is worth most.
pub const INBOX_PAYLOADS: usize = 256;

/// Event of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The client entered a state.
    StateChanged(ClientState),
    /// A payload arrived from the server.
    Payload {
        /// Sequence of its packet. Payloads arrive in any order; a higher sequence was sent later.
        sequence: Sequence,
        /// The payload, 1 to 1200 bytes.
        payload: Box<[u8]>,
    },
    /// A session with the bridge failed. The client continues if it can: over WebRTC if
    /// WebTransport did not open, or with the token's next server. Otherwise its last change of
    /// state follows, and [`Client::failure`](crate::Client::failure) returns this failure.
    TransportFailed(TransportFailure),
}

impl Event {
    const fn is_payload(&self) -> bool {
        matches!(self, Self::Payload { .. })
    }
}

/// Events that the application has not taken, in the order in which they became true.
///
/// Bounded: payloads by [`INBOX_PAYLOADS`], everything else by the addresses in a token, each of
/// which is tried once over each transport.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    events: VecDeque<Event>,
    payloads: usize,
    untaken: u32,
    has_news: bool,
}

impl EventQueue {
    pub(crate) fn push(&mut self, event: Event) {
        if event.is_payload() {
            if self.payloads >= INBOX_PAYLOADS {
                self.drop_oldest_payload();
            }
            self.payloads = self.payloads.saturating_add(1);
        }
        self.events.push_back(event);
        self.has_news = true;
    }

    /// Adds an event of the core.
    pub(crate) fn push_core(&mut self, event: client::Event<&[u8]>) {
        match event {
            client::Event::StateChanged(state) => self.push(Event::StateChanged(state)),
            client::Event::Payload { sequence, payload } => self.push(Event::Payload {
                sequence,
                payload: payload.into(),
            }),
            // The core has no other yet.
            _ => {}
        }
    }

    fn drop_oldest_payload(&mut self) {
        let oldest = self.events.iter().position(Event::is_payload);
        if oldest.and_then(|at| self.events.remove(at)).is_some() {
            self.payloads = self.payloads.saturating_sub(1);
            self.untaken = self.untaken.saturating_add(1);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if event.is_payload() {
            self.payloads = self.payloads.saturating_sub(1);
        }
        Some(event)
    }

    /// Payloads that were dropped because the application did not take them.
    pub(crate) fn untaken(&self) -> u32 {
        self.untaken
    }

    /// `true` if an event was added since this was last asked.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(sequence: u64) -> Event {
        Event::Payload {
            sequence: Sequence(sequence),
            payload: [1].into(),
        }
    }

    #[test]
    fn events_are_taken_in_the_order_in_which_they_became_true() {
        let mut queue = EventQueue::default();
        let events = [
            Event::StateChanged(ClientState::Connected),
            payload(1),
            payload(0),
            Event::StateChanged(ClientState::Disconnected),
        ];
        events.iter().cloned().for_each(|event| queue.push(event));
        let taken: Vec<Event> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(taken, events);
    }

    #[test]
    fn a_full_queue_drops_its_oldest_payload_and_no_change_of_state() {
        let mut queue = EventQueue::default();
        queue.push(Event::StateChanged(ClientState::Connected));
        for sequence in 0..=INBOX_PAYLOADS as u64 {
            queue.push(payload(sequence));
        }
        queue.push(Event::StateChanged(ClientState::Disconnected));
        assert_eq!(queue.untaken(), 1);

        let connected = Event::StateChanged(ClientState::Connected);
        assert_eq!(queue.pop(), Some(connected));
        assert_eq!(queue.pop(), Some(payload(1)));
        let rest: Vec<Event> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest.len(), INBOX_PAYLOADS);
        let end = Event::StateChanged(ClientState::Disconnected);
        assert_eq!(rest.last(), Some(&end));
    }

    #[test]
    fn payloads_that_were_taken_make_room_for_others() {
        let mut queue = EventQueue::default();
        for sequence in 0..2 * INBOX_PAYLOADS as u64 {
            queue.push(payload(sequence));
            assert_eq!(queue.pop(), Some(payload(sequence)));
        }
        assert_eq!(queue.untaken(), 0);
    }

    #[test]
    fn an_event_is_news_once() {
        let mut queue = EventQueue::default();
        assert!(!queue.take_news());
        queue.push(payload(0));
        assert!(queue.take_news());
        assert!(!queue.take_news());
    }
}
