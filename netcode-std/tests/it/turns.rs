//! Order within a turn: arrived datagrams are read before timeouts are evaluated, no payload precedes
//! its connect event, and every turn is bounded.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::pair::{client_turn, config, token, turn};
use netcode_std::core::client::ClientState;
use netcode_std::core::server::Event;
use netcode_std::core::{ClientId, ClientIndex, UserData, client};
use netcode_std::{Client, DATAGRAMS_PER_TURN, Link, RECEIVE_BUFFER_BYTES, Server};

/// A pair whose sessions end after a second of silence.
fn hasty_pair() -> (Server, Client) {
    let mut server = crate::pair::server(1);
    let mut client = Client::bind(&[crate::pair::v4()]).unwrap();
    let token = crate::pair::token_with_timeout(1, &server.local_addresses(), &[], 1);
    crate::pair::connect_with(&mut server, &mut client, &token);
    turn(&mut server);
    client_turn(&mut client);
    (server, client)
}

/// A little more than that second later.
fn after_a_hitch() -> Instant {
    Instant::now() + Duration::from_millis(1050)
}

#[test]
fn a_server_that_was_held_up_keeps_a_client_whose_packet_was_waiting() {
    let (mut server, mut client) = hasty_pair();
    client.send(b"still here").unwrap();
    server.update(after_a_hitch()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let event = server.next_event(&mut buffer).unwrap();
    assert!(matches!(event, Some(Event::Payload { payload, .. }) if payload == b"still here"));
    assert_eq!(server.next_event(&mut buffer).unwrap(), None);
    assert_eq!(server.core().connected_count(), 1);
}

#[test]
fn a_client_that_was_held_up_stays_with_a_server_whose_packet_was_waiting() {
    let (mut server, mut client) = hasty_pair();
    server.send(ClientIndex(0), b"still here").unwrap();
    client.update(after_a_hitch()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let event = client.next_event(&mut buffer).unwrap();
    assert!(
        matches!(event, Some(client::Event::Payload { payload, .. }) if payload == b"still here")
    );
    assert_eq!(client.next_event(&mut buffer).unwrap(), None);
    assert_eq!(client.state(), ClientState::Connected);
}

#[test]
fn a_turn_that_reads_nothing_finds_timeouts_all_the_same() {
    let (mut server, mut client) = hasty_pair();
    let late = after_a_hitch();
    // Neither asks for payloads: the next turn makes good for it.
    for now in [late, late] {
        server.update(now).unwrap();
        client.update(now).unwrap();
    }
    assert_eq!(server.core().connected_count(), 0);
    assert_eq!(client.state(), ClientState::ConnectionTimedOut);
}

/// A network on which a client answers at once: its payload is there in the very turn in which the
/// server lets it in.
struct Instantly {
    client: client::Client,
    inbox: VecDeque<Vec<u8>>,
}

const CLIENT: &str = "127.0.0.1:50000";
const SERVER: &str = "127.0.0.1:40000";

impl Instantly {
    fn joining() -> Self {
        let token = token(7, &[SERVER.parse().unwrap()], &[]);
        let mut client = client::Client::new();
        client
            .connect(netcode_std::core::Instant::ZERO, &token)
            .unwrap();
        let mut joining = Self {
            client,
            inbox: VecDeque::new(),
        };
        joining.transmit();
        joining
    }

    fn transmit(&mut self) {
        let mut out = [0; RECEIVE_BUFFER_BYTES];
        let now = netcode_std::core::Instant::ZERO;
        while let Some(transmit) = self.client.poll_transmit(now, &mut out) {
            self.inbox.push_back(transmit.datagram.to_vec());
        }
    }
}

impl Link for Instantly {
    fn turn(&mut self, _: Instant) {}

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        Ok(self.inbox.pop_front().map(|datagram| {
            buffer[..datagram.len()].copy_from_slice(&datagram);
            (datagram.len(), CLIENT.parse().unwrap())
        }))
    }

    fn send(&mut self, _: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let now = netcode_std::core::Instant::ZERO;
        let before = self.client.state();
        let mut datagram = datagram.to_vec();
        let _ = self
            .client
            .handle_datagram(now, SERVER.parse().unwrap(), &mut datagram);
        self.transmit();
        if before != ClientState::Connected && self.client.state() == ClientState::Connected {
            let mut out = [0; RECEIVE_BUFFER_BYTES];
            for payload in [b"one", b"two"] {
                let transmit = self.client.send(now, payload, &mut out).unwrap().unwrap();
                self.inbox.push_back(transmit.datagram.to_vec());
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wait(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        vec![SERVER.parse().unwrap()]
    }
}

#[test]
fn no_payload_precedes_its_client_s_connect_event() {
    let mut server = Server::with_link(Instantly::joining(), config(1)).unwrap();
    server.update(Instant::now()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let (client, client_id) = (ClientIndex(0), ClientId(7));
    let connected = Some(Event::Connected { client, client_id });
    assert_eq!(server.next_event(&mut buffer).unwrap(), connected);
    // The client receives its keep-alive at the turn's end, and answers at once.
    assert_eq!(server.next_event(&mut buffer).unwrap(), None);
    server.update(Instant::now()).unwrap();
    for expected in [b"one", b"two"] {
        let event = server.next_event(&mut buffer).unwrap();
        assert!(matches!(event, Some(Event::Payload { payload, .. }) if payload == expected));
    }
    assert_eq!(server.next_event(&mut buffer).unwrap(), None);
}

#[test]
fn a_turn_reads_a_bounded_number_of_payloads_of_a_loopback_client() {
    let mut server = crate::pair::server(1);
    let mut local = server.join_loopback(ClientId(1), &UserData::ZERO).unwrap();
    local.send(b"early").unwrap();
    let first = turn(&mut server);
    assert_eq!((first.payloads.len(), first.events.len()), (1, 1));
    for _ in 0..=2 * DATAGRAMS_PER_TURN {
        local.send(b"payload").unwrap();
    }
    let taken: Vec<usize> = (0..3).map(|_| turn(&mut server).payloads.len()).collect();
    assert_eq!(taken, [1024, 1024, 1]);
}
