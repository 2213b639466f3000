//! Neighbours that do not answer: whoever cannot be reached costs nobody else anything.

use std::net::{Ipv4Addr, SocketAddr};

use crate::world::{SLOTS, World};
use netcode_smoltcp::core::client::ClientState;
use netcode_smoltcp::smoltcp::wire::EthernetAddress;

/// On the servers' own network, and nobody's.
const DEAD: &str = "10.0.0.200:40000";
/// On no network that anybody has a route to.
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
    let client = &mut world.players[n].client;
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

/// Connects four clients, and takes from `dead` of them power, and their place among the
/// neighbours.
fn four_clients_of_whom_the_first_die(world: &mut World, dead: usize) {
    for _ in 0..SLOTS {
        world.connect();
    }
    world.run(1000);
    for player in &mut world.players[..dead] {
        player.dead = true;
    }
    world.run(100);
    crowd(world, u8::try_from(NEIGHBOURS - (SLOTS - dead)).unwrap());
}

/// The server sends everybody a payload each 20 ms for `millis`; gives how many were sent to each.
fn server_sends_for(world: &mut World, millis: u32) -> usize {
    let rounds = millis / 20;
    for round in 0..rounds {
        for player in 0..world.players.len() {
            let living = &world.players[player];
            if let Some(index) = living.client.core().client_index().filter(|_| !living.dead) {
                let _ = world.server_sends(index, &round.to_le_bytes());
            }
        }
        world.run(20);
    }
    usize::try_from(rounds).unwrap()
}

fn assert_each_received(world: &World, players: std::ops::Range<usize>, sent: usize) {
    for player in &world.players[players] {
        assert_eq!(player.payloads.len(), sent, "payloads received");
        assert!(player.client.is_connected());
    }
}

#[test]
fn a_client_goes_on_to_the_next_server_when_the_first_does_not_answer_for_its_address() {
    let mut world = World::new();
    let n = join_after(&mut world, &[DEAD]);
    world.run(5000);
    assert_eq!(world.players[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_client_goes_on_to_the_next_server_when_there_is_no_route_to_the_first() {
    let mut world = World::new();
    let n = join_after(&mut world, &[FAR]);
    world.run(5000);
    assert_eq!(world.players[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_client_reaches_the_last_of_many_servers_within_the_shortest_timeout_there_is() {
    let mut world = World::new();
    world.timeout = 1;
    let n = join_after(&mut world, &[DEAD, FAR, "10.0.0.201:40000"]);
    world.run(5000);
    assert_eq!(world.players[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_new_token_for_another_server_works_while_datagrams_wait_for_a_dead_one() {
    let mut world = World::new();
    let n = world.join();
    let now = world.now;
    let token = world.token_for(&[address(DEAD)], 90, 90);
    world.players[n].client.disconnect(now);
    world.players[n].client.connect(now, &token).unwrap();
    world.run(500);
    let now = world.now;
    let token = world.token(91, 91);
    world.players[n].client.disconnect(now);
    world.players[n].client.connect(now, &token).unwrap();
    world.run(1500);
    assert_eq!(world.players[n].client.state(), ClientState::Connected);
    world.exchange(n);
}

#[test]
fn a_forged_source_on_the_servers_network_silences_it_for_nobody() {
    let mut world = World::new();
    let players = 0..3;
    for _ in players.clone() {
        world.connect();
    }
    world.run(1000);
    spoof(&mut world, "10.0.0.200:50000", 90);
    world.run(5);
    let sent = server_sends_for(&mut world, 4000);
    assert_each_received(&world, players, sent);
}

#[test]
fn a_newcomer_is_let_in_while_requests_come_from_a_forged_source() {
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
    assert_eq!(world.players[n].client.state(), ClientState::Connected);
}

#[test]
fn a_client_that_loses_its_power_and_is_forgotten_costs_the_others_nothing() {
    let mut world = World::new();
    world.timeout = 8;
    four_clients_of_whom_the_first_die(&mut world, 1);
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
    four_clients_of_whom_the_first_die(&mut world, SLOTS - 1);
    let sent = server_sends_for(&mut world, 6000);
    assert_each_received(&world, SLOTS - 1..SLOTS, sent);
}

#[test]
fn a_client_that_was_forgotten_is_found_again_among_dead_ones() {
    let mut world = World::new();
    world.timeout = 8;
    four_clients_of_whom_the_first_die(&mut world, SLOTS - 1);
    world.run(500);
    world.node.forget_neighbours();
    world.run(3000);
    let sent = server_sends_for(&mut world, 2000);
    assert_each_received(&world, SLOTS - 1..SLOTS, sent);
}

#[test]
fn the_slot_of_a_dead_client_serves_the_next() {
    let mut world = World::new();
    four_clients_of_whom_the_first_die(&mut world, 1);
    world.run(4000);
    assert_eq!(world.server.core().connected_count() as usize, SLOTS - 1);
    let n = world.connect();
    let sent = server_sends_for(&mut world, 1000);
    assert_eq!(world.players[n].payloads.len(), sent);
}
