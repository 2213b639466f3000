//! Late turns, while datagrams wait: they are read before timeouts are evaluated.

use std::net::SocketAddr;

use crate::world::World;
use netcode_smoltcp::BUFFER_BYTES;
use netcode_smoltcp::core::ClientIndex;
use netcode_smoltcp::smoltcp::iface::PollIngressSingleResult::None as NoFrame;
use netcode_smoltcp::smoltcp::time::Duration;
use netcode_smoltcp::smoltcp::wire::EthernetAddress;

const SLOT: ClientIndex = ClientIndex(0);

/// A session with the shortest timeout there is, and then a hitch that is longer. Meanwhile a
/// datagram of each side is on its way to the other, behind one of an unknown sender.
fn after_a_hitch() -> (World, usize) {
    let mut world = World::new();
    world.timeout = 1;
    let n = world.connect();
    world.run(500);
    let unknown = crate::frames::v4("10.0.0.77:1".parse().unwrap());
    let client: SocketAddr = "10.0.0.2:50000".parse().unwrap();
    for (port, address) in [(0, world.address), (1, client)] {
        let to = (
            EthernetAddress([2, 0, 0, 0, 0, port]),
            crate::frames::v4(address),
        );
        let frame = crate::frames::datagram(unknown, to, b"nothing of netcode's");
        world.wire.borrow_mut().inject(world.now, &frame);
    }
    world.client_sends(n, b"up").unwrap();
    world.server_sends(SLOT, b"down").unwrap();
    world.node.egress(world.now);
    let now = world.now;
    world.clients[n].node.egress(now);
    world.now += Duration::from_secs(5);
    (world, n)
}

#[test]
fn a_late_turn_ends_no_session() {
    let (mut world, n) = after_a_hitch();
    world.step();
    assert_eq!(world.clients[n].payloads, [b"down"]);
    assert_eq!(world.payloads, [(SLOT, b"up".to_vec())]);
    world.run(500);
    assert!(world.clients[n].client.is_connected());
    assert_eq!(world.server.core().connected_count(), 1);
}

#[test]
fn a_late_turn_that_takes_frames_one_by_one_ends_no_session() {
    let (mut world, n) = after_a_hitch();
    let now = world.now;
    let mut buffer = [0; BUFFER_BYTES];
    let node = &mut world.node;
    while node
        .iface
        .poll_ingress_single(now, &mut node.card, &mut node.sockets)
        != NoFrame
    {
        while (world
            .server
            .next_arrived(now, &mut node.sockets, &mut buffer))
        .is_some()
        {}
    }
    let test_client = &mut world.clients[n];
    let node = &mut test_client.node;
    while node
        .iface
        .poll_ingress_single(now, &mut node.card, &mut node.sockets)
        != NoFrame
    {
        while (test_client
            .client
            .next_arrived(now, &mut node.sockets, &mut buffer))
        .is_some()
        {}
    }
    world.run(500);
    assert!(world.clients[n].client.is_connected());
    assert_eq!(world.server.core().connected_count(), 1);
}
