//! Client states: how each is entered, and left with a new token.

use std::time::Duration;

use crate::network::{FINE, Ticket, Weather, World, server_address};
use netcode_core::address::AddressError;
use netcode_core::client::{ClientState, ConnectError};
use netcode_core::token::TokenError;
use netcode_core::{ClientIndex, SendError};

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Checks that the client can connect again with a new token.
pub(crate) fn assert_a_new_token_connects(world: &mut World, n: usize) {
    world.cut.clear();
    world.server.disconnect_all(world.now);
    world.run_for(seconds(1));
    let test_client = &mut world.clients[n];
    let token = Ticket {
        seed: 999,
        ..Ticket::new(999)
    }
    .mint();
    test_client.client.connect(world.now, &token).unwrap();
    world.run_until(|world| world.state(n) == ClientState::Connected);
}

#[test]
fn states_have_the_numbers_and_names_of_the_standard() {
    let states = [
        ClientState::ConnectTokenExpired,
        ClientState::InvalidConnectToken,
        ClientState::ConnectionTimedOut,
        ClientState::ConnectionResponseTimedOut,
        ClientState::ConnectionRequestTimedOut,
        ClientState::ConnectionDenied,
        ClientState::Disconnected,
        ClientState::SendingConnectionRequest,
        ClientState::SendingConnectionResponse,
        ClientState::Connected,
    ];
    let codes: Vec<i8> = states.iter().map(|state| state.code()).collect();
    assert_eq!(codes, (-6..=3).collect::<Vec<i8>>());
    let names = states.map(|state| state.to_string());
    assert_eq!(
        names,
        [
            "connect token expired",
            "invalid connect token",
            "connection timed out",
            "connection response timed out",
            "connection request timed out",
            "connection denied",
            "disconnected",
            "sending connection request",
            "sending connection response",
            "connected",
        ]
    );
    assert!(
        states
            .iter()
            .all(|state| state.is_error() == (state.code() < 0)
                && state.is_active() == (state.code() > 0))
    );
}

#[test]
fn without_an_answer_a_request_times_out() {
    let mut world = World::new(4);
    world.cut.push(server_address());
    let n = world.join(&Ticket::new(1));
    world.run_for(seconds(4));
    assert_eq!(world.state(n), ClientState::SendingConnectionRequest);
    world.run_for(seconds(2));
    assert_eq!(world.state(n), ClientState::ConnectionRequestTimedOut);
    assert_eq!(world.clients[n].client.next_deadline(), None);
    assert_a_new_token_connects(&mut world, n);
}

#[test]
fn requests_and_responses_are_repeated_ten_times_a_second() {
    let mut world = World::new(4);
    world.cut.push(server_address());
    world.join(&Ticket::new(1));
    world.run_for(Duration::from_millis(3950));
    let requests = world.tape.iter().filter(|(_, _, bytes)| bytes[0] == 0);
    assert_eq!(requests.count(), 40);
}

#[test]
fn without_an_answer_a_response_times_out() {
    let mut world = World::new(4);
    let n = world.join(&Ticket::new(1));
    world.run_until(|world| world.state(n) == ClientState::SendingConnectionResponse);
    world.cut.push(server_address());
    world.run_for(seconds(6));
    assert_eq!(world.state(n), ClientState::ConnectionResponseTimedOut);
    assert_a_new_token_connects(&mut world, n);
}

#[test]
fn a_full_server_denies() {
    let mut world = World::new(1);
    world.connect(&Ticket::new(1));
    let n = world.join(&Ticket::new(2));
    world.run_for(seconds(1));
    assert_eq!(world.state(n), ClientState::ConnectionDenied);
    assert_eq!(world.server.stats().denied, 1);
    assert_a_new_token_connects(&mut world, n);
}

#[test]
fn a_server_that_fills_up_during_the_handshake_denies_the_response() {
    let mut world = World::new(1);
    let first = world.join(&Ticket::new(1));
    let second = world.join(&Ticket::new(2));
    world.run_for(seconds(1));
    assert_eq!(world.state(first), ClientState::Connected);
    assert_eq!(world.state(second), ClientState::ConnectionDenied);
    assert!(
        world.clients[second]
            .states
            .contains(&ClientState::SendingConnectionResponse)
    );
}

#[test]
fn the_token_expires_for_an_attempt_without_timeout() {
    for timeout in [0, -1, i32::MIN] {
        let mut world = World::new(4);
        world.cut.push(server_address());
        let n = world.join(&Ticket {
            timeout,
            lifetime: 20,
            ..Ticket::new(1)
        });
        world.run_for(seconds(19));
        assert_eq!(world.state(n), ClientState::SendingConnectionRequest);
        world.run_for(seconds(2));
        assert_eq!(world.state(n), ClientState::ConnectTokenExpired);
        assert_a_new_token_connects(&mut world, n);
    }
}

#[test]
fn a_token_that_lives_no_second_is_expired_at_once() {
    let mut world = World::new(4);
    let n = world.join(&Ticket {
        lifetime: 0,
        ..Ticket::new(1)
    });
    assert_eq!(world.state(n), ClientState::ConnectTokenExpired);
    assert!(world.tape.is_empty(), "no request was sent");
}

#[test]
fn malformed_token_bytes_are_an_invalid_connect_token() {
    let whole = Ticket::new(1).mint();
    let changed = |at: usize, bytes: &[u8]| {
        let mut token = whole.to_vec();
        token[at..at + bytes.len()].copy_from_slice(bytes);
        token
    };
    // After the private part: timeout, number of addresses, and their types.
    let count = 13 + 8 + 8 + 8 + 24 + 1024 + 4;
    let cases = [
        (vec![], TokenError::Length { len: 0 }),
        (whole[..2047].to_vec(), TokenError::Length { len: 2047 }),
        (
            [&whole[..], &[0]].concat(),
            TokenError::Length { len: 2049 },
        ),
        (changed(11, b"1"), TokenError::Version),
        (
            changed(21, &u64::MAX.to_le_bytes()),
            TokenError::ExpiresBeforeCreated,
        ),
        (
            changed(count, &[0]),
            TokenError::Addresses(AddressError::Count),
        ),
        (
            changed(count, &[33]),
            TokenError::Addresses(AddressError::Count),
        ),
        (
            changed(count + 4, &[0]),
            TokenError::Addresses(AddressError::UnknownType),
        ),
        (
            changed(count + 4, &[3]),
            TokenError::Addresses(AddressError::UnknownType),
        ),
    ];
    for (token, expected) in cases {
        let mut world = World::new(4);
        let n = world.join(&Ticket::new(1));
        world.clients[n].client.disconnect(world.now);
        world.drain();
        let refused = world.clients[n].client.connect(world.now, &token);
        assert_eq!(refused, Err(ConnectError::Token(expected)));
        assert_eq!(world.state(n), ClientState::InvalidConnectToken);
        world.run_for(seconds(1));
        assert_a_new_token_connects(&mut world, n);
    }
}

#[test]
fn an_active_client_takes_no_other_token() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    let token = Ticket::new(2).mint();
    let refused = world.clients[n].client.connect(world.now, &token);
    assert_eq!(refused, Err(ConnectError::Active));
    world.run_for(seconds(10));
    assert_eq!(world.state(n), ClientState::Connected);
}

#[test]
fn a_timeout_of_zero_or_less_never_ends_a_connection() {
    for timeout in [0, -1, i32::MIN] {
        let mut world = World::new(4);
        let n = world.connect(&Ticket {
            timeout,
            ..Ticket::new(1)
        });
        // Runs until the server has confirmed the client.
        world.run_for(seconds(1));
        world.cut.push(server_address());
        world.run_for(seconds(3600));
        assert_eq!(world.state(n), ClientState::Connected);
        assert_eq!(world.server.connected_count(), 1);
        world.cut.clear();
        world.run_for(seconds(1));
        world.client_sends(n, b"still here");
        world.run_for(seconds(1));
        assert_eq!(world.payloads, [(ClientIndex(0), b"still here".to_vec())]);
    }
}

#[test]
fn a_client_that_disconnects_while_connecting_sends_ten_disconnect_packets() {
    let mut world = World::new(4);
    world.weather = Weather {
        latency: seconds(1),
        ..FINE
    };
    let n = world.join(&Ticket::new(1));
    world.clients[n].client.disconnect(world.now);
    world.drain();
    let disconnects = world
        .tape
        .iter()
        .filter(|(_, _, bytes)| bytes[0] & 0x0f == 6);
    assert_eq!(disconnects.count(), 10);
    assert_eq!(world.state(n), ClientState::Disconnected);
    assert_eq!(world.clients[n].client.next_deadline(), None);
}

#[test]
fn a_disconnect_packet_that_does_not_fit_stays_due() {
    let mut world = World::new(1);
    let n = world.connect(&Ticket::new(1));
    let client = &mut world.clients[n].client;
    client.disconnect(world.now);
    for len in 0..18 {
        let mut short = vec![0; len];
        assert!(client.poll_transmit(world.now, &mut short).is_none());
    }
    let mut out = [0; 2048];
    let mut sent = 0;
    while client.poll_transmit(world.now, &mut out).is_some() {
        sent += 1;
    }
    assert_eq!(sent, 10);
}

#[test]
fn every_change_of_state_is_reported_once_and_in_order() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.run_for(seconds(2));
    world.server.disconnect(world.now, ClientIndex(0));
    world.run_for(seconds(1));
    assert_eq!(
        world.clients[n].states,
        [
            ClientState::SendingConnectionRequest,
            ClientState::SendingConnectionResponse,
            ClientState::Connected,
            ClientState::Disconnected,
        ]
    );
}

#[test]
fn send_size_is_the_length_of_the_datagram() {
    let mut world = World::new(4);
    let n = world.join(&Ticket::new(1));
    let early = world.clients[n].client.send_size(b"early");
    assert_eq!(early, Ok(None));
    world.run_until(|world| world.state(n) == ClientState::Connected);
    // After 256 packets a sequence takes one byte more on the wire.
    for len in (1..=300).chain([1200]) {
        let client = &mut world.clients[n].client;
        let payload = vec![7; len];
        let size = client.send_size(&payload).unwrap().unwrap();
        let mut out = vec![0; size.1];
        let sent = client.send(world.now, &payload, &mut out).unwrap().unwrap();
        assert_eq!(size, (sent.to, sent.datagram.len()));
    }
    let too_long = world.clients[n].client.send_size(&[0; 1201]);
    assert_eq!(too_long, Err(SendError::PayloadLength { len: 1201 }));
}
