//! Events of a client: those of a datagram, returned by its call, and those of time and commands.

use std::time::Duration;

use crate::crafted::NOW;
use crate::network::{Ticket, client_address, server_address};
use netcode_core::client::{Client, ClientState, Event, Received};
use netcode_core::server::{self, Server};
use netcode_core::{ClientIndex, Instant};

/// A connecting client and its server.
struct Pair {
    server: Server<'static>,
    client: Client,
}

impl Pair {
    fn connecting() -> Self {
        let mut client = Client::new();
        client.connect(NOW, &Ticket::new(1).mint()).unwrap();
        let server = crate::crafted::start();
        Self { server, client }
    }

    /// Delivers the client's next datagram to the server; returns the answer: a reply, or the
    /// datagram due once the client has connected.
    fn answer(&mut self, now: Instant) -> Vec<u8> {
        let mut out = [0; 1300];
        let sent = self.client.poll_transmit(now, &mut out).unwrap();
        let mut datagram = sent.datagram.to_vec();
        match self
            .server
            .handle_datagram(now, client_address(1), &mut datagram)
        {
            Ok(server::Received::Reply(reply)) => reply.datagram.to_vec(),
            Ok(server::Received::Event(_)) => {
                let due = self.server.poll_transmit(now, &mut out).unwrap();
                due.datagram.to_vec()
            }
            other => unreachable!("no answer: {other:?}"),
        }
    }

    fn receive(&mut self, datagram: &mut [u8]) -> Received {
        let received = self.client.handle_datagram(NOW, server_address(), datagram);
        received.unwrap()
    }
}

fn entered(state: ClientState) -> Received {
    Received::Event(Event::StateChanged(state))
}

#[test]
fn the_event_of_a_datagram_is_returned_by_the_call_that_processed_it() {
    let mut pair = Pair::connecting();
    let begun = Event::StateChanged(ClientState::SendingConnectionRequest);
    assert_eq!(pair.client.poll_event(), Some(begun));
    assert_eq!(pair.client.poll_event(), None);

    let mut challenge = pair.answer(NOW);
    let answering = entered(ClientState::SendingConnectionResponse);
    assert_eq!(pair.receive(&mut challenge), answering);
    let mut keep_alive = pair.answer(NOW);
    assert_eq!(
        pair.receive(&mut keep_alive),
        entered(ClientState::Connected)
    );

    let mut out = [0; 1300];
    let payload = b"welcome";
    let sent = pair.server.send(NOW, ClientIndex(0), payload, &mut out);
    let sent: Vec<_> = IntoIterator::into_iter(sent.unwrap().unwrap())
        .map(|transmit| transmit.datagram.to_vec())
        .collect();
    let [mut again, mut payload] = sent.try_into().unwrap();
    assert_eq!(pair.receive(&mut again), Received::Handled);
    let Received::Event(event) = pair.receive(&mut payload) else {
        unreachable!("a payload is an event");
    };
    let expected = Event::Payload {
        sequence: netcode_core::Sequence(2),
        payload: &b"welcome"[..],
    };
    assert_eq!(event.map_payload(|place| &payload[place]), expected);
    assert_eq!(pair.client.poll_event(), None);
}

#[test]
fn a_change_that_a_datagram_has_overtaken_is_not_reported_after_it() {
    let mut pair = Pair::connecting();
    let mut challenge = pair.answer(NOW);
    // The event of the attempt's start was not taken.
    let answering = entered(ClientState::SendingConnectionResponse);
    assert_eq!(pair.receive(&mut challenge), answering);
    assert_eq!(pair.client.poll_event(), None);
}

#[test]
fn events_of_time_and_commands_wait_for_poll_event() {
    let mut pair = Pair::connecting();
    pair.client.disconnect(NOW);
    let states: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).collect();
    let expected = [
        ClientState::SendingConnectionRequest,
        ClientState::Disconnected,
    ];
    assert_eq!(states, expected.map(Event::StateChanged));
    let mut out = [0; 1300];
    while pair.client.poll_transmit(NOW, &mut out).is_some() {}

    pair.client.connect(NOW, &Ticket::new(1).mint()).unwrap();
    let mut now = NOW;
    while pair.client.state().is_active() {
        now = now.saturating_add(Duration::from_millis(100));
        while pair.client.poll_transmit(now, &mut out).is_some() {}
    }
    let states: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).collect();
    let expected = [
        ClientState::SendingConnectionRequest,
        ClientState::ConnectionRequestTimedOut,
    ];
    assert_eq!(states, expected.map(Event::StateChanged));
}

#[test]
fn the_last_event_is_the_present_state_however_many_were_not_taken() {
    let token = Ticket::new(1).mint();
    let mut client = Client::new();
    for _ in 0..10 {
        client.connect(NOW, &token).unwrap();
        client.disconnect(NOW);
    }
    let last = std::iter::from_fn(|| client.poll_event()).last();
    assert_eq!(last, Some(Event::StateChanged(ClientState::Disconnected)));
}

#[test]
fn sending_before_the_connection_sends_nothing_and_is_no_error() {
    let mut pair = Pair::connecting();
    let mut out = [0; 1300];
    assert_eq!(pair.client.send(NOW, b"early", &mut out), Ok(None));
    assert_eq!(Client::new().send(NOW, b"early", &mut out), Ok(None));
    assert_eq!(pair.client.stats().payloads_out, 0);
    // The length of a payload is checked in every state.
    assert!(pair.client.send(NOW, &[], &mut out).is_err());
}
