//! Neighbours that do not answer: an unreachable host delays no other session.

use std::net::{Ipv4Addr, SocketAddr};

use crate::world::{SLOTS, World};
use netcode_smoltcp::core::client::ClientState;
use netcode_smoltcp::smoltcp::wire::EthernetAddress;

/// An unused address on the servers' own network.
const DEAD: &str = "10.0.0.200:40000";
/// An address without a route.
const FAR: &str = "192.0.2.1:40000";

/// The hardware address of the server: the first on the wire.
const SERVER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 0]);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A client with a token for `servers` and then the world's own.
fn join_after(world: &mut World, servers: &[&str]) -> usize {
    let n = world.join();
    let now = world.now;
    let mut addresses: Vec<SocketAddr> = servers.iter().map(|text| address(text)).collect();
    addresses.push(world.address);
    let token = world.token_for(&addresses, 90, 90);
    let client = &mut world.clients[n].client;
    client.disconnect(now);
    client.connect(now, &token).unwrap();
    n
}

/// A request with a valid token, said to come from `source`, which does not answer for its address.
fn spoof(world: &mut World, source: &str, id: u64) {
    let request = crate::frames::request(&world.token(id, id));
    let to = (SERVER, crate::frames::v4(world.address));
    let frame = crate::frames::datagram(crate::frames::v4(address(source)), to, &request);
    let now = world.now;
    world.wire.borrow_mut().inject(now, &frame);
}

/// Fills the server's table of neighbours with others, so that it forgets those it has not heard
/// of for longest.
fn crowd(world: &mut World, others: u8) {
    for host in 0..others {
        let frame = crate::frames::arp_request(
            Ipv4Addr::new(10, 0, 1, host),
            *crate::frames::v4(world.address).ip(),
        );
        let now = world.now;
        world.wire.borrow_mut().inject(now, &frame);
    }
    world.run(2);
}

/// As many neighbours as smoltcp remembers, unless it is told otherwise.
const NEIGHBOURS: usize = 8;

/// Connects four clients; the first `dead` of them then lose power, and their neighbour entries.
fn four_clients_the_first_of_them_dead(world: &mut World, dead: usize) {
    for _ in 0..SLOTS {
        world.connect();
    }
    world.run(1000);
    for test_client in &mut world.clients[..dead] {
        test_client.dead = true;
    }
    world.run(100);
    crowd(world, u8::try_from(NEIGHBOURS - (SLOTS - dead)).unwrap());
}

/// The server sends every client a payload each 20 ms for `millis`; returns the number sent to each.
fn server_sends_for(world: &mut World, millis: u32) -> usize {
    let rounds = millis / 20;
    for round in 0..rounds {
        for test_client in 0..world.clients.len() {
            let living = &world.clients[test_client];
            if let Some(index) = living.client.core().client_index().filter(|_| !living.dead) {
                let _ = world.server_sends(index, &round.to_le_bytes());
            }
        }
        world.run(20);
    }
    usize::try_from(rounds).unwrap()
}

fn assert_each_received(world: &World, clients: std::ops::Range<usize>, sent: usize) {
    for test_client in &world.clients[clients] {
        assert_eq!(test_client.payloads.len(), sent, "payloads received");
        assert!(test_client.client.is_connected());
    }
}

#[test]
fn a_client_goes_on_to_the_next_server_when_the_first_does_not_answer_for_its_address() {
    let mut world = World::new();
    let n = join_after(&mut world, &[DEAD]);
    world.run(5000);
    assert_eq!(world.clients[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_client_goes_on_to_the_next_server_when_there_is_no_route_to_the_first() {
    let mut world = World::new();
    let n = join_after(&mut world, &[FAR]);
    world.run(5000);
    assert_eq!(world.clients[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_client_reaches_the_last_of_many_servers_within_the_shortest_timeout_there_is() {
    let mut world = World::new();
    world.timeout = 1;
    let n = join_after(&mut world, &[DEAD, FAR, "10.0.0.201:40000"]);
    world.run(5000);
    assert_eq!(world.clients[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_new_token_for_another_server_works_while_datagrams_wait_for_a_dead_one() {
    let mut world = World::new();
    let n = world.join();
    let now = world.now;
    let token = world.token_for(&[address(DEAD)], 90, 90);
    world.clients[n].client.disconnect(now);
    world.clients[n].client.connect(now, &token).unwrap();
    world.run(500);
    let now = world.now;
    let token = world.token(91, 91);
    world.clients[n].client.disconnect(now);
    world.clients[n].client.connect(now, &token).unwrap();
    world.run(1500);
    assert_eq!(world.clients[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_forged_source_on_the_servers_network_delays_no_other_client() {
    let mut world = World::new();
    let clients = 0..3;
    for _ in clients.clone() {
        world.connect();
    }
    world.run(1000);
    spoof(&mut world, "10.0.0.200:50000", 90);
    world.run(5);
    let sent = server_sends_for(&mut world, 4000);
    assert_each_received(&world, clients, sent);
}

#[test]
fn a_new_client_connects_while_requests_come_from_a_forged_source() {
    let mut world = World::new();
    world.connect();
    for _ in 0..30 {
        spoof(&mut world, "10.0.0.200:50000", 90);
        world.run(100);
    }
    let n = world.join();
    for _ in 0..20 {
        spoof(&mut world, "10.0.0.200:50000", 90);
        world.run(100);
    }
    assert_eq!(world.clients[n].client.state(), ClientState::Connected);
}

#[test]
fn a_client_that_loses_its_power_and_is_forgotten_costs_the_others_nothing() {
    let mut world = World::new();
    world.timeout = 8;
    four_clients_the_first_of_them_dead(&mut world, 1);
    let sent = server_sends_for(&mut world, 6000);
    assert_each_received(&world, 1..SLOTS, sent);
    assert_eq!(
        world.server.core().connected_count(),
        SLOTS.try_into().unwrap(),
        "the dead one too"
    );
}

#[test]
fn clients_that_lose_their_power_together_cost_the_last_one_nothing() {
    let mut world = World::new();
    world.timeout = 8;
    four_clients_the_first_of_them_dead(&mut world, SLOTS - 1);
    let sent = server_sends_for(&mut world, 6000);
    assert_each_received(&world, SLOTS - 1..SLOTS, sent);
}

#[test]
fn a_live_client_is_resolved_again_after_the_neighbour_cache_is_cleared() {
    let mut world = World::new();
    world.timeout = 8;
    four_clients_the_first_of_them_dead(&mut world, SLOTS - 1);
    world.run(500);
    world.node.forget_neighbours();
    world.run(3000);
    let sent = server_sends_for(&mut world, 2000);
    assert_each_received(&world, SLOTS - 1..SLOTS, sent);
}

#[test]
fn the_slot_of_a_dead_client_serves_the_next() {
    let mut world = World::new();
    four_clients_the_first_of_them_dead(&mut world, 1);
    world.run(4000);
    assert_eq!(world.server.core().connected_count() as usize, SLOTS - 1);
    let n = world.connect();
    let sent = server_sends_for(&mut world, 1000);
    assert_eq!(world.clients[n].payloads.len(), sent);
}
