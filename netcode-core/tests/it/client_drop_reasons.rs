//! Drop reasons of a client: each is returned and counted, and the client's state does not change.

use std::time::Duration;

use crate::crafted::{Forger, sealed};
use crate::network::{PROTOCOL, Ticket, World, client_address, server_address};
use netcode_core::client::ClientState;
use netcode_core::packet::Packet;
use netcode_core::{ClientIndex, Dropped};

#[test]
pub(crate) fn a_client_drops_a_payload_before_it_is_connected() {
    let mut world = World::new(4);
    let ticket = Ticket::new(1);
    let n = world.join(&ticket);
    let keys = Forger::new(&ticket, client_address(n)).keys();
    let mut early = sealed(
        &Packet::Payload(b"early"),
        &keys.server_to_client,
        PROTOCOL,
        0,
    );
    let client = &mut world.clients[n].client;
    let dropped = client.handle_datagram(world.now, server_address(), &mut early);
    assert_eq!(dropped, Err(Dropped::State));
    assert_eq!(client.dropped().get(Dropped::State), 1);
    assert_eq!(client.dropped().total(), 1);
    assert_eq!(client.state(), ClientState::SendingConnectionRequest);
}

#[test]
fn a_client_drops_for_the_reasons_it_shares_with_a_server() {
    let ticket = Ticket::new(1);
    let keys = Forger::new(&ticket, client_address(77)).keys();
    let to_client = |packet, sequence| sealed(&packet, &keys.server_to_client, PROTOCOL, sequence);
    let keep_alive = Packet::KeepAlive {
        client_index: ClientIndex(0),
        max_clients: 4,
    };
    let response = Packet::Response {
        sequence: netcode_core::Sequence(0),
        token: &[0; 300],
    };
    let own = sealed(
        &Packet::Payload(b"x"),
        &keys.client_to_server,
        PROTOCOL,
        900,
    );
    let cases = [
        (server_address(), vec![], Dropped::TooShort),
        (server_address(), vec![0x15; 17], Dropped::TooShort),
        (server_address(), vec![0; 1078], Dropped::Type),
        (server_address(), to_client(response, 900), Dropped::Type),
        (server_address(), vec![0x95; 64], Dropped::SequenceLength),
        (server_address(), vec![0x16; 19], Dropped::BodyLength),
        (server_address(), own, Dropped::Unauthentic),
        (
            server_address(),
            to_client(Packet::Denied, 900),
            Dropped::State,
        ),
        (
            client_address(77),
            to_client(keep_alive, 900),
            Dropped::UnknownSender,
        ),
    ];
    let mut world = World::new(4);
    let n = world.connect(&ticket);
    world.run_for(Duration::from_secs(1));
    for (from, mut datagram, reason) in cases {
        let client = &mut world.clients[n].client;
        let before = client.dropped().get(reason);
        let dropped = client.handle_datagram(world.now, from, &mut datagram);
        assert_eq!(dropped, Err(reason));
        assert_eq!(client.dropped().get(reason), before + 1);
        assert_eq!(client.state(), ClientState::Connected);
    }
    let mut again = to_client(Packet::Payload(b"once"), 900);
    let mut twice = again.clone();
    let client = &mut world.clients[n].client;
    assert!(
        client
            .handle_datagram(world.now, server_address(), &mut again)
            .is_ok()
    );
    let dropped = client.handle_datagram(world.now, server_address(), &mut twice);
    assert_eq!(dropped, Err(Dropped::Replayed));
    client.disconnect(world.now);
    let mut late = to_client(Packet::Payload(b"late"), 901);
    let dropped = client.handle_datagram(world.now, server_address(), &mut late);
    assert_eq!(dropped, Err(Dropped::Inactive));
}
