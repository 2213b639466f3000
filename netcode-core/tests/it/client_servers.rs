//! Tokens with several servers: the order and time in which a client tries them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::client_states::{assert_a_new_token_connects, seconds};
use crate::network::{Ticket, World, address, config, server_address, storage};
use netcode_core::client::ClientState;

fn dead_servers(count: u8) -> Vec<SocketAddr> {
    (1..=count)
        .map(|n| SocketAddr::from(([10, 9, 9, n], 40000)))
        .collect()
}

#[test]
fn every_address_is_tried_in_order_for_the_timeout() {
    let mut world = World::new(4);
    let servers = dead_servers(32);
    let ticket = Ticket {
        servers: servers.clone(),
        timeout: 1,
        lifetime: 600,
        ..Ticket::new(1)
    };
    let n = world.join(&ticket);
    world.run_for(seconds(40));
    assert_eq!(world.state(n), ClientState::ConnectionRequestTimedOut);
    let mut tried: Vec<SocketAddr> = world.tape.iter().map(|(_, to, _)| *to).collect();
    tried.dedup();
    assert_eq!(tried, servers);
}

#[test]
fn the_attempt_s_time_runs_over_all_addresses() {
    let mut world = World::new(4);
    let ticket = Ticket {
        servers: dead_servers(3),
        timeout: 2,
        lifetime: 5,
        ..Ticket::new(1)
    };
    let n = world.join(&ticket);
    world.run_for(Duration::from_millis(4900));
    assert_eq!(world.state(n), ClientState::SendingConnectionRequest);
    assert_eq!(
        world.clients[n].client.server_address(),
        Some(dead_servers(3)[2])
    );
    world.run_for(Duration::from_millis(200));
    assert_eq!(world.state(n), ClientState::ConnectTokenExpired);
}

#[test]
fn a_request_that_times_out_goes_to_the_next_address() {
    let mut world = World::new(4);
    let servers = [dead_servers(2), vec![server_address()]].concat();
    let n = world.connect(&Ticket {
        servers,
        ..Ticket::new(1)
    });
    assert_eq!(
        world.clients[n].client.server_address(),
        Some(server_address())
    );
}

/// A server with two addresses, one of which works at a time.
fn moving_world(max_clients: u32) -> (World, Ticket) {
    let second = address("10.0.0.2:40000");
    let mut config = config(max_clients);
    config.addresses.push(second).unwrap();
    let ticket = Ticket {
        servers: vec![server_address(), second],
        ..Ticket::new(2)
    };
    (World::with(storage(), config), ticket)
}

#[test]
fn a_response_that_times_out_goes_to_the_next_address() {
    let (mut world, ticket) = moving_world(4);
    let n = world.join(&ticket);
    world.run_until(|world| world.state(n) == ClientState::SendingConnectionResponse);
    world.server_at = ticket.servers[1];
    world.run_until(|world| world.state(n) == ClientState::Connected);
    assert_eq!(
        world.clients[n].client.server_address(),
        Some(ticket.servers[1])
    );
}

#[test]
fn a_denial_goes_to_the_next_address() {
    let (mut world, ticket) = moving_world(1);
    world.connect(&Ticket::new(1));
    let n = world.join(&ticket);
    world.run_until(|world| world.clients[n].client.server_address() == Some(ticket.servers[1]));
    world.server.disconnect_all(world.now);
    world.drain();
    world.server_at = ticket.servers[1];
    world.run_until(|world| world.state(n) == ClientState::Connected);
    assert!(
        !world.clients[n]
            .states
            .contains(&ClientState::ConnectionDenied)
    );
}

#[test]
fn a_server_that_is_skipped_is_given_up_at_once() {
    let mut world = World::new(4);
    let addresses = [dead_servers(1), vec![server_address()]].concat();
    let n = world.join(&Ticket {
        servers: addresses,
        ..Ticket::new(1)
    });
    world.run_for(Duration::from_millis(200));
    let now = world.now;
    world.clients[n].client.skip_server(now);
    let tried = world.clients[n].client.server_address();
    assert_eq!(tried, Some(server_address()));
    world.run_until(|world| world.state(n) == ClientState::Connected);
    let now = world.now;
    world.clients[n].client.skip_server(now);
    assert_eq!(world.state(n), ClientState::Connected);
}

#[test]
fn a_server_that_is_skipped_after_its_challenge_is_given_up_too() {
    let (mut world, ticket) = moving_world(4);
    let n = world.join(&ticket);
    world.run_until(|world| world.state(n) == ClientState::SendingConnectionResponse);
    let now = world.now;
    world.clients[n].client.skip_server(now);
    let client = &world.clients[n].client;
    assert_eq!(client.server_address(), Some(ticket.servers[1]));
    assert_eq!(client.state(), ClientState::SendingConnectionRequest);
    world.clients[n].client.skip_server(now);
    assert_eq!(world.state(n), ClientState::ConnectionRequestTimedOut);
}

#[test]
fn skipping_the_last_server_ends_the_attempt() {
    let mut world = World::new(4);
    world.cut.push(server_address());
    let n = world.join(&Ticket::new(1));
    world.run_for(seconds(1));
    let now = world.now;
    world.clients[n].client.skip_server(now);
    assert_eq!(world.state(n), ClientState::ConnectionRequestTimedOut);
    assert_a_new_token_connects(&mut world, n);
}

#[test]
fn silence_ends_a_connection_and_tries_no_other_server() {
    let mut world = World::new(4);
    let ticket = Ticket {
        servers: [vec![server_address()], dead_servers(1)].concat(),
        ..Ticket::new(1)
    };
    let n = world.connect(&ticket);
    world.cut.push(server_address());
    world.run_for(seconds(6));
    assert_eq!(world.state(n), ClientState::ConnectionTimedOut);
    assert_a_new_token_connects(&mut world, n);
}
