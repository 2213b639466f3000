//! Sessions between a client and a server on microcontrollers' network stacks.

use crate::wire::Sizes;
use crate::world::{CLIENT_SIZES, SERVER_SIZES, SLOTS, World, cidr};
use netcode_smoltcp::SendError;
use netcode_smoltcp::core::ClientIndex;
use netcode_smoltcp::core::client::ClientState;
use netcode_smoltcp::core::server::{DisconnectReason, Event};
use netcode_smoltcp::smoltcp::iface::SocketSet;
use netcode_smoltcp::smoltcp::phy::Medium;
use netcode_smoltcp::smoltcp::socket::udp;
use netcode_smoltcp::smoltcp::time::Duration;
use netcode_smoltcp::smoltcp::wire::IpEndpoint;

#[test]
fn payloads_of_every_size_cross_over_ethernet_and_ipv4() {
    let mut world = World::new();
    let n = world.connect();
    world.exchange(n);
}

#[test]
fn payloads_of_every_size_cross_over_ethernet_and_ipv6() {
    let mut world = World::with(Medium::Ethernet, "fd00::1/64", "[fd00::1]:40000");
    let n = world.connect();
    world.exchange(n);
}

#[test]
fn payloads_of_every_size_cross_without_ethernet() {
    let mut world = World::with(Medium::Ip, "10.0.0.1/8", "10.0.0.1:40000");
    let n = world.connect();
    world.exchange(n);
}

#[test]
fn payloads_of_every_size_cross_without_ethernet_over_ipv6() {
    let mut world = World::with(Medium::Ip, "fd00::1/64", "[fd00::1]:40000");
    let n = world.connect();
    world.exchange(n);
}

#[test]
fn a_silent_session_is_kept_alive_past_its_timeout() {
    let mut world = World::new();
    let n = world.connect();
    world.run(10_000);
    assert!(world.clients[n].client.is_connected());
    assert_eq!(world.server.core().connected_count(), 1);
}

#[test]
fn either_side_can_leave() {
    let mut world = World::new();
    let n = world.connect();
    let now = world.now;
    world.clients[n].client.disconnect(now);
    world.run(100);
    assert_eq!(world.server.core().connected_count(), 0);
    assert!(matches!(
        world.events.last(),
        Some(Event::Disconnected {
            reason: DisconnectReason::ByClient,
            ..
        })
    ));
    let other = world.connect();
    assert!(world.server.disconnect(world.now, ClientIndex(0)));
    world.run(100);
    assert_eq!(
        world.clients[other].states.last(),
        Some(&ClientState::Disconnected)
    );
}

#[test]
fn a_full_server_denies_the_fifth() {
    let mut world = World::new();
    for _ in 0..SLOTS {
        world.connect();
    }
    let fifth = world.join();
    world.run(500);
    assert_eq!(
        world.clients[fifth].client.state(),
        ClientState::ConnectionDenied
    );
    assert_eq!(world.server.core().connected_count() as usize, SLOTS);
}

#[test]
fn a_wire_that_loses_and_reorders_delays_but_does_not_break() {
    let mut world = World::new();
    // Frames that ask for a neighbour are lost as well, and asked again once a second.
    world.timeout = 20;
    {
        let mut wire = world.wire.borrow_mut();
        wire.loss = 0.2;
        wire.jitter = Duration::from_millis(50);
    }
    let clients: Vec<usize> = (0..SLOTS).map(|_| world.connect()).collect();
    for round in 0..200_u32 {
        for &n in &clients {
            world.client_sends(n, &round.to_le_bytes()).unwrap();
        }
        world.run(10);
    }
    world.run(500);
    for &n in &clients {
        let client = world.clients[n].client.core().client_index().unwrap();
        let mut arrived: Vec<_> = world
            .payloads
            .iter()
            .filter(|(from, _)| *from == client)
            .collect();
        assert!(
            (130..=190).contains(&arrived.len()),
            "about 80 % of 200: {}",
            arrived.len()
        );
        assert!(!arrived.is_sorted(), "some overtook others");
        arrived.sort();
        arrived.dedup();
        assert!((130..=190).contains(&arrived.len()), "each once");
        assert!(world.clients[n].client.is_connected());
    }
}

#[test]
fn a_link_that_is_down_for_longer_than_the_timeout_ends_the_session_and_a_new_token_begins_another()
{
    let mut world = World::new();
    let n = world.connect();
    world.wire.borrow_mut().cut = true;
    world.run(2000);
    assert!(
        world.clients[n].client.is_connected(),
        "shorter than the timeout is nothing"
    );
    world.run(2000);
    assert_eq!(
        world.clients[n].client.state(),
        ClientState::ConnectionTimedOut
    );
    assert_eq!(world.server.core().connected_count(), 0);
    world.wire.borrow_mut().cut = false;
    let token = world.token(0, 77);
    let now = world.now;
    world.clients[n].client.connect(now, &token).unwrap();
    world.run_until("coming back", |world| {
        world.clients[n].client.is_connected()
    });
    world.exchange(n);
}

#[test]
fn a_short_interruption_ends_nothing() {
    let mut world = World::new();
    let n = world.connect();
    world.wire.borrow_mut().cut = true;
    world.run(2500);
    world.wire.borrow_mut().cut = false;
    world.run(5000);
    world.exchange(n);
}

#[test]
fn a_client_without_an_address_waits_for_one() {
    let mut world = World::new();
    let n = world.join_from(&[], CLIENT_SIZES);
    world.run(1000);
    assert_eq!(
        world.clients[n].client.state(),
        ClientState::SendingConnectionRequest
    );
    world.clients[n].node.iface.update_ip_addrs(|list| {
        list.push(cidr("10.0.0.9/8")).unwrap();
    });
    world.run_until("connecting", |world| world.clients[n].client.is_connected());
    world.exchange(n);
}

#[test]
fn a_client_whose_address_changes_needs_a_new_token() {
    let mut world = World::new();
    let n = world.connect();
    world.clients[n].node.iface.update_ip_addrs(|list| {
        list.clear();
        list.push(cidr("10.0.0.99/8")).unwrap();
    });
    world.run(4000);
    assert_eq!(
        world.clients[n].client.state(),
        ClientState::ConnectionTimedOut
    );
    let token = world.token(0, 78);
    let now = world.now;
    world.clients[n].client.connect(now, &token).unwrap();
    world.run_until("coming back", |world| {
        world.clients[n].client.is_connected()
    });
}

#[test]
fn a_neighbour_that_does_not_answer_fills_the_buffer_and_time_passes_all_the_same() {
    let mut world = World::new();
    world.wire.borrow_mut().cut = true;
    let n = world.join();
    world.run(2900);
    assert_eq!(
        world.clients[n].client.state(),
        ClientState::SendingConnectionRequest
    );
    world.run(300);
    assert_eq!(
        world.clients[n].client.state(),
        ClientState::ConnectionRequestTimedOut
    );
}

#[test]
fn a_full_buffer_is_said_and_loses_nothing_that_was_taken() {
    let mut world = World::new();
    let n = world.connect();
    world.run(200);
    let taken = (0..)
        .take_while(|&byte| world.client_sends(n, &[byte; 1200]).is_ok())
        .count();
    assert!((1..=2).contains(&taken));
    assert_eq!(
        world.client_sends(n, &[0; 1200]),
        Err(SendError::BufferFull)
    );
    world.run(50);
    assert_eq!(world.payloads.len(), taken);
    world.client_sends(n, &[0; 1200]).unwrap();
    world.run(50);
    assert_eq!(world.payloads.len(), taken + 1);
}

#[test]
fn a_receive_buffer_that_overflows_costs_datagrams_and_no_session() {
    let mut world = World::new();
    let tiny = Sizes {
        rx: (400, 2),
        tx: CLIENT_SIZES.tx,
    };
    let n = world.join_from(&[cidr("10.0.0.9/8")], tiny);
    world.run_until("connecting", |world| world.clients[n].client.is_connected());
    let index = world.clients[n].client.core().client_index().unwrap();
    world.run(200);
    for byte in 0..10 {
        world.server_sends(index, &[byte; 100]).unwrap();
    }
    world.run(50);
    let arrived = world.clients[n].payloads.len();
    assert!((1..10).contains(&arrived), "some were lost: {arrived}");
    world.run(5000);
    assert!(world.clients[n].client.is_connected());
}

#[test]
fn a_socket_that_is_closed_or_gone_is_an_error_and_no_panic() {
    let mut world = World::new();
    let n = world.connect();
    let test_client = &mut world.clients[n];
    test_client
        .node
        .sockets
        .get_mut::<udp::Socket<'_>>(test_client.handle)
        .close();
    assert_eq!(world.client_sends(n, b"x"), Err(SendError::Unaddressable));
    world.clients[n].node.sockets = SocketSet::new(vec![]);
    assert_eq!(world.client_sends(n, b"x"), Err(SendError::Unaddressable));
    world.run(4000);
    assert_eq!(
        world.clients[n].client.state(),
        ClientState::ConnectionTimedOut
    );
}

#[test]
fn other_sockets_of_the_application_are_left_alone() {
    let mut world = World::new();
    let n = world.connect();
    let own = world.clients[n].node.udp(7777, CLIENT_SIZES);
    let peer = world.node.udp(7777, SERVER_SIZES);
    let to = IpEndpoint::new("10.0.0.1".parse().unwrap(), 7777);
    let socket = world.clients[n]
        .node
        .sockets
        .get_mut::<udp::Socket<'_>>(own);
    socket.send_slice(b"not netcode", to).unwrap();
    world.run(20);
    let socket = world.node.sockets.get_mut::<udp::Socket<'_>>(peer);
    assert_eq!(socket.recv().unwrap().0, b"not netcode");
    world.exchange(n);
}

#[test]
fn a_payload_right_after_the_handshake_follows_the_connect_event() {
    let mut world = World::new();
    world.greeting = Some(b"welcome");
    let n = world.join();
    world.run_until("a response", |world| {
        world.clients[n].client.state() == ClientState::SendingConnectionResponse
    });
    // The client's next turn comes late, and finds all that the server had to say.
    world.clients[n].dead = true;
    world.run(50);
    world.clients[n].dead = false;
    world.run(1);
    assert_eq!(world.clients[n].payloads, [b"welcome"]);
}
