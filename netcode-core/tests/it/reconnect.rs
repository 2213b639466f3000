//! Tests of the reconnect rule: a connected client id presents another token. Each rule removed
//! from the code makes its test fail.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use crate::crafted::{Forger, NOW, Opened, deliver, drain, start_with};
use crate::network::{EPOCH, Ticket, World, client_address, config, server_address};
use netcode_core::client::ClientState;
use netcode_core::server::{
    DisconnectReason, Event, Received, ReconnectRule, Server, ServerConfig,
};
use netcode_core::{ClientId, ClientIndex, Dropped, UserData};

const SLOT: ClientIndex = ClientIndex(0);
const CONNECTED: Event = Event::Connected {
    client: SLOT,
    client_id: ClientId(1),
};
const REPLACED: Event = Event::Disconnected {
    client: SLOT,
    client_id: ClientId(1),
    reason: DisconnectReason::Replaced,
};

fn replacing(max_clients: u32) -> ServerConfig {
    let mut config = config(max_clients);
    config.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
    config
}

/// A server with one slot and its client. The client's token has a lifetime of 45 seconds.
fn with_client() -> (Server<'static>, Forger) {
    let mut server = start_with(replacing(1), EPOCH, 1);
    let old = forger(45, 1);
    old.connect(&mut server, NOW).unwrap();
    (server, old)
}

/// The same client id with a token of another lifetime, at its own address.
fn forger(lifetime: u64, from: usize) -> Forger {
    forger_at(lifetime, client_address(from))
}

fn forger_at(lifetime: u64, from: SocketAddr) -> Forger {
    let ticket = Ticket {
        lifetime,
        seed: seed_of(lifetime, from),
        ..Ticket::new(1)
    };
    Forger::new(&ticket, from)
}

fn seed_of(lifetime: u64, from: SocketAddr) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (lifetime, from).hash(&mut hasher);
    hasher.finish()
}

/// Answers a challenge to `new`; returns the reply and its destination.
fn replace(server: &mut Server<'_>, new: &Forger) -> Result<(SocketAddr, Vec<u8>), Dropped> {
    let challenge = new.ask(server, NOW)?;
    let mut response = new.response(&challenge, 0);
    match server.handle_datagram(NOW, new.from, &mut response)? {
        Received::Reply(reply) => Ok((reply.to, reply.datagram.to_vec())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_newer_token_takes_over_the_slot_of_its_client_id_on_a_full_server_too() {
    let (mut server, old) = with_client();
    let new = forger(46, 2);
    let (to, disconnect) = replace(&mut server, &new).unwrap();
    assert_eq!(to, old.from);
    assert_eq!(old.open(&disconnect), Opened::Disconnect);
    assert_eq!(server.connected_count(), 1);
    assert_eq!(server.client(SLOT).unwrap().address, Some(new.from));

    let events: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    assert_eq!(events, [REPLACED, CONNECTED]);
    let mut out = [0; 1300];
    let first = server.poll_transmit(NOW, &mut out).unwrap();
    assert_eq!(
        (first.to, new.open(first.datagram)),
        (new.from, Opened::KeepAlive)
    );
    let sent = server.send(NOW, SLOT, b"hello", &mut out);
    assert_eq!(sent.unwrap().unwrap().to, new.from);
    assert_eq!(server.stats().denied, 0);
}

#[test]
fn a_new_session_has_no_event_before_its_connect_event_was_taken() {
    let (mut server, _) = with_client();
    let new = forger(46, 2);
    replace(&mut server, &new).unwrap();
    let leave = new.packet(&netcode_core::packet::Packet::Disconnect, 9);
    for early in [&new.payload(1), &leave] {
        assert_eq!(
            deliver(&mut server, NOW, new.from, early),
            Err(Dropped::State)
        );
    }
    assert_eq!(server.poll_event(), Some(REPLACED));
    assert_eq!(
        deliver(&mut server, NOW, new.from, &new.payload(1)),
        Err(Dropped::State)
    );
    assert_eq!(server.poll_event(), Some(CONNECTED));
    let mut datagram = new.payload(1);
    let received = server
        .handle_datagram(NOW, new.from, &mut datagram)
        .unwrap();
    assert!(matches!(
        received,
        Received::Event(Event::Payload { client: SLOT, .. })
    ));
}

#[test]
fn the_next_replacement_waits_until_the_events_of_the_last_were_taken() {
    let (mut server, _) = with_client();
    let (second, third) = (forger(46, 2), forger(47, 3));
    replace(&mut server, &second).unwrap();
    assert_eq!(replace(&mut server, &third), Err(Dropped::SlotDraining));
    drain(&mut server, NOW);
    let (to, _) = replace(&mut server, &third).unwrap();
    assert_eq!(to, second.from);
}

#[test]
fn the_event_of_a_command_right_after_a_replacement_comes_last() {
    let (mut server, _) = with_client();
    replace(&mut server, &forger(46, 2)).unwrap();
    assert!(server.disconnect(NOW, SLOT));
    let ended = Event::Disconnected {
        client: SLOT,
        client_id: ClientId(1),
        reason: DisconnectReason::ByServer,
    };
    let events: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    assert_eq!(events, [REPLACED, CONNECTED, ended]);
    drain(&mut server, NOW);
    forger(47, 3).connect(&mut server, NOW).unwrap();
}

#[test]
fn an_older_token_one_of_equal_expiry_and_a_used_one_never_replace() {
    let (mut server, old) = with_client();
    for (lifetime, from) in [(44, 2), (45, 3)] {
        let refused = replace(&mut server, &forger(lifetime, from));
        assert_eq!(refused, Err(Dropped::IdConnected), "{lifetime}");
    }
    let new = forger(46, 4);
    replace(&mut server, &new).unwrap();
    drain(&mut server, NOW);
    for (used, address) in [
        (&old, old.from),
        (&old, client_address(5)),
        (&new, new.from),
    ] {
        let again = Forger {
            token: used.token.clone(),
            from: address,
        };
        assert_eq!(replace(&mut server, &again), Err(Dropped::TokenConsumed));
    }
    assert_eq!(server.client(SLOT).unwrap().address, Some(new.from));
    assert_eq!(server.poll_event(), None);
}

#[test]
fn of_two_handshakes_under_way_the_older_token_loses_in_either_order() {
    for older_first in [true, false] {
        let (mut server, _) = with_client();
        let (older, newer) = (forger(46, 2), forger(47, 3));
        let challenges = [older.ask(&mut server, NOW), newer.ask(&mut server, NOW)];
        let [for_older, for_newer] = challenges.map(|challenge| challenge.unwrap());
        let answers = [
            (&older, older.response(&for_older, 0)),
            (&newer, newer.response(&for_newer, 0)),
        ];
        let order = if older_first { [0, 1] } else { [1, 0] };
        for n in order {
            let (forger, response) = &answers[n];
            let _ = deliver_anywhere(&mut server, forger.from, response);
            drain(&mut server, NOW);
        }
        assert_eq!(server.client(SLOT).unwrap().address, Some(newer.from));
    }
}

/// Variant of [`deliver`] for replies to another address.
fn deliver_anywhere(
    server: &mut Server<'_>,
    from: SocketAddr,
    datagram: &[u8],
) -> Result<(), Dropped> {
    let mut datagram = datagram.to_vec();
    server.handle_datagram(NOW, from, &mut datagram).map(|_| ())
}

#[test]
fn without_the_setting_a_newer_token_is_refused() {
    let mut server = start_with(config(2), EPOCH, 1);
    let old = forger(45, 1);
    let here = forger_at(46, old.from);
    let challenge = here.ask(&mut server, NOW).unwrap();
    old.connect(&mut server, NOW).unwrap();
    let late = deliver(&mut server, NOW, here.from, &here.response(&challenge, 0));
    assert_eq!(late, Err(Dropped::AddressConnected));
    assert_eq!(
        replace(&mut server, &forger(46, 2)),
        Err(Dropped::IdConnected)
    );
    assert_eq!(replace(&mut server, &here), Err(Dropped::AddressConnected));
    assert_eq!(server.client(SLOT).unwrap().address, Some(old.from));
}

#[test]
fn a_request_from_a_forged_address_evicts_no_client() {
    let (mut server, old) = with_client();
    // The token is valid, but the challenge goes to an address without its keys.
    for from in [client_address(2), old.from] {
        forger_at(46, from).ask(&mut server, NOW).unwrap();
        assert_eq!(server.client(SLOT).unwrap().address, Some(old.from));
    }
    let other = Forger::new(&Ticket::new(9), client_address(2));
    let guessed = other
        .ask(&mut start_with(replacing(1), EPOCH, 2), NOW)
        .unwrap();
    let response = forger(46, 2).response(&guessed, 0);
    let refused = deliver(&mut server, NOW, client_address(2), &response);
    assert_eq!(refused, Err(Dropped::ChallengeUnauthentic));
    deliver(&mut server, NOW, old.from, &old.payload(1)).unwrap();
    assert_eq!(server.poll_event(), None);
    assert_eq!(server.client(SLOT).unwrap().stats.payloads_in, 1);
}

#[test]
fn packets_of_a_replaced_session_are_refused() {
    let (mut server, old) = with_client();
    let recorded = [old.payload(1), old.payload(2)];
    deliver(&mut server, NOW, old.from, &recorded[0]).unwrap();
    replace(&mut server, &forger(46, 2)).unwrap();
    drain(&mut server, NOW);
    for datagram in &recorded {
        for (from, refusal) in [
            (old.from, Dropped::UnknownSender),
            (client_address(2), Dropped::Unauthentic),
        ] {
            assert_eq!(deliver(&mut server, NOW, from, datagram), Err(refusal));
        }
    }
}

#[test]
fn a_client_that_crashed_comes_back_from_the_address_that_it_had() {
    let (mut server, old) = with_client();
    let new = forger_at(46, old.from);
    let (to, _) = replace(&mut server, &new).unwrap();
    assert_eq!(to, old.from);
    drain(&mut server, NOW);
    assert_eq!(
        deliver(&mut server, NOW, old.from, &old.payload(5)),
        Err(Dropped::Unauthentic)
    );
    deliver(&mut server, NOW, new.from, &new.payload(1)).unwrap();
    assert_eq!(server.find_by_address(new.from), Some(SLOT));
    // Its own late response finds no handshake under way.
    let late = new.response(&forger(47, 3).ask(&mut server, NOW).unwrap(), 1);
    assert_eq!(
        deliver(&mut server, NOW, new.from, &late),
        Err(Dropped::AddressConnected)
    );
}

#[test]
fn another_client_id_does_not_connect_from_a_connected_address() {
    let (mut server, old) = with_client();
    let other = Forger::new(&Ticket::new(2), old.from);
    let refused = deliver(&mut server, NOW, other.from, &other.request());
    assert_eq!(refused, Err(Dropped::AddressConnected));
}

#[test]
fn a_loopback_client_is_not_replaced() {
    let mut server = start_with(replacing(2), EPOCH, 1);
    let client = server
        .connect_loopback(NOW, ClientId(1), &UserData::ZERO)
        .unwrap();
    assert_eq!(
        replace(&mut server, &forger(45, 1)),
        Err(Dropped::IdConnected)
    );
    assert_eq!(server.client(client).unwrap().address, None);
}

#[test]
fn a_client_that_reloads_its_page_is_back_at_once_in_the_same_slot() {
    let mut world = World::with(crate::network::storage(), replacing(1));
    let old = world.connect(&Ticket::new(1));
    world.run_for(Duration::from_secs(1));
    let new = world.connect(&Ticket {
        lifetime: 46,
        seed: 2,
        ..Ticket::new(1)
    });
    world.client_sends(new, b"back again");
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.state(new), ClientState::Connected);
    assert_eq!(world.state(old), ClientState::Disconnected);
    assert_eq!(world.events, [CONNECTED, REPLACED, CONNECTED]);
    assert_eq!(world.payloads, [(SLOT, b"back again".to_vec())]);
    assert_eq!(world.server_at, server_address());
}
