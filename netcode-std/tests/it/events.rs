//! One ordered stream of events, and sending from within it.

use std::time::{Duration, Instant};

use netcode_std::core::ClientIndex;
use netcode_std::core::server::Event;
use netcode_std::{Admission, Client, ClientState, RECEIVE_BUFFER_BYTES, Server};

use crate::pair::{client_turn, connect, server, token, turn, until};

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
