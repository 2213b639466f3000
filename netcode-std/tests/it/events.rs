//! One ordered stream of events, and sending from within it.

use std::time::{Duration, Instant};

use netcode_std::core::crypto::RustCrypto;
use netcode_std::core::server::Event;
use netcode_std::core::{ClientIndex, Dropped};
use netcode_std::{
    Admission, Client, ClientState, Crypto, Key, RECEIVE_BUFFER_BYTES, Server, SocketOptions,
    UdpLink, UnixTime, unix_time,
};

use crate::pair::{
    client_turn, config, connect, connect_with, key, server, token, token_under, turn, until, v4,
};

const CLIENTS: u32 = 3;

/// A server and three clients in its first three slots; a fourth slot is empty.
fn full_table() -> (Server, Vec<Client>) {
    let mut server = server(4);
    let clients = (1..=u64::from(CLIENTS)).map(|id| {
        let mut client = Client::new().unwrap();
        connect(&mut server, &mut client, id);
        client
    });
    let clients = clients.collect();
    (server, clients)
}

fn assert_receives(client: &mut Client, payload: &[u8]) {
    until("the payload", || {
        client.wait(Duration::from_millis(1)).unwrap();
        client_turn(client) == [payload]
    });
}

#[test]
fn a_broadcast_reaches_every_connected_client_but_the_excepted_one() {
    let (mut server, mut clients) = full_table();
    assert_eq!(server.broadcast(b"all").unwrap(), CLIENTS);
    for client in &mut clients {
        assert_receives(client, b"all");
    }
    let first = clients[0].core().client_index().unwrap();
    assert_eq!(
        server.broadcast_except(first, b"others").unwrap(),
        CLIENTS - 1
    );
    server.send(first, b"mine").unwrap();
    assert_receives(&mut clients[0], b"mine");
    assert_receives(&mut clients[1], b"others");
    assert!(server.broadcast(&[0; 1201]).is_err());
}

#[test]
fn a_server_can_send_and_disconnect_while_it_goes_through_its_slots() {
    let (mut server, mut clients) = full_table();
    let mut sent = Vec::new();
    for client in server.slots() {
        sent.push(server.send(client, b"last").unwrap());
        server.disconnect(client).unwrap();
    }
    assert_eq!(sent, [true, true, true, false]);
    assert_receives(&mut clients[2], b"last");
    assert_eq!(turn(&mut server).events.len(), 3);
}

#[test]
fn a_client_that_leaves_during_a_broadcast_ends_no_other_session() {
    let (mut server, mut clients) = full_table();
    let leaver = ClientIndex(0);
    clients[0].disconnect().unwrap();
    clients[1].send(b"news").unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let mut left = false;
    let mut heard = false;
    until("the payload and the end", || {
        server.update(Instant::now()).unwrap();
        while let Some(event) = server.next_event(&mut buffer).unwrap() {
            match event {
                Event::Payload { payload, .. } => {
                    heard = true;
                    server.broadcast(payload).unwrap();
                }
                Event::Disconnected { client, .. } => {
                    left = client == leaver;
                    assert!(!server.send(client, b"too late").unwrap());
                }
                _ => {}
            }
        }
        left && heard
    });
    assert_receives(&mut clients[2], b"news");
}

#[test]
fn a_closed_server_denies_a_new_client_and_keeps_the_others() {
    let (mut server, mut clients) = full_table();
    server.set_admission(Admission::Closed);
    let mut new = Client::new().unwrap();
    let token = token(9, &server.local_addresses(), &[]);
    new.connect(&token).unwrap();
    until("the denial", || {
        client_turn(&mut new);
        turn(&mut server);
        new.wait(Duration::from_millis(1)).unwrap();
        new.core().state() == ClientState::ConnectionDenied
    });
    assert_eq!(server.core().connected_count(), CLIENTS);
    assert_eq!(server.broadcast(b"all").unwrap(), CLIENTS);
    assert_receives(&mut clients[0], b"all");
    server.set_admission(Admission::Open);
    connect(&mut server, &mut new, 10);
}

/// Both keys open tokens, whatever the provider leaves of a token that the first does not open.
fn accepts_both_keys<C: Crypto>(crypto: C) {
    let link = UdpLink::bind(&[v4()], &SocketOptions::default()).unwrap();
    let mut server = Server::with_crypto(link, config(4), crypto).unwrap();
    let new_key = Key::from_bytes([0x5a; 32]);
    let date = unix_time().saturating_add_secs(60);
    assert!(server.rotate_key(new_key.clone(), date));
    let addresses = server.local_addresses();
    for (id, key) in [(1, &key()), (2, &new_key)] {
        let token = token_under(key, id, &addresses);
        connect_with(&mut server, &mut Client::new().unwrap(), &token);
    }
    assert_eq!(server.core().connected_count(), 2);
    // The date has come.
    assert!(server.rotate_key(key(), UnixTime::from_secs(0)));
    let mut late = Client::new().unwrap();
    late.connect(&token_under(&new_key, 3, &addresses)).unwrap();
    until("the refusal", || {
        client_turn(&mut late);
        turn(&mut server);
        late.wait(Duration::from_millis(1)).unwrap();
        let dropped = &server.core().stats().dropped;
        dropped.get(Dropped::TokenUnauthentic) > 0
    });
}

#[test]
fn a_server_on_pure_rust_crypto_accepts_both_keys_during_a_change() {
    accepts_both_keys(RustCrypto);
}

#[cfg(feature = "native-crypto")]
#[test]
fn a_server_on_native_crypto_accepts_both_keys_during_a_change() {
    accepts_both_keys(netcode_std::NativeCrypto);
}
