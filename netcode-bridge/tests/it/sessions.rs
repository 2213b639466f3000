//! Clients over WebTransport and WebRTC, through the bridge, with servers over UDP.

use std::net::UdpSocket;
use std::time::Duration;

use crate::pair::{client_turn, server, token, turn, until};
use crate::world::{BOTH, Browser, BrowserLink, Visit};
use netcode_bridge::{Bridge, BridgeEvent, EndCause, Transport};
use netcode_std::core::ClientId;
use netcode_std::core::client::ClientState;
use netcode_std::core::server::DisconnectReason;
use netcode_std::core::server::Event;
use netcode_std::{Client, Server};

fn connect(client: &mut Client<BrowserLink>, server: &mut Server, id: u64) {
    let addresses = server.local_addresses();
    client.connect(&token(id, &addresses, &[])).unwrap();
    until("connecting", || {
        client_turn(client);
        turn(server);
        client.wait(Duration::from_millis(1)).unwrap();
        client.is_connected()
    });
}

fn client(transport: Transport, bridge: &Bridge) -> Client<BrowserLink> {
    Client::with_link(BrowserLink::new(transport, bridge.addresses()))
}

/// A server, a bridge to it, and a client of this transport that is connected through it.
fn connected(transport: Transport) -> (Server, Bridge, Client<BrowserLink>) {
    let mut server = server(4);
    let bridge = crate::world::start(&server.local_addresses());
    let mut client = client(transport, &bridge);
    connect(&mut client, &mut server, 7);
    (server, bridge, client)
}

#[test]
fn payloads_of_every_length_go_both_ways_whole() {
    for transport in BOTH {
        let (mut server, bridge, mut client) = connected(transport);
        let index = server.core().find_by_id(ClientId(7)).unwrap();
        for len in [1, 100, 1135, 1186, 1200] {
            let payload: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
            client.send(&payload).unwrap();
            until("a payload", || {
                client_turn(&mut client);
                turn(&mut server).payloads == [(index, payload.clone())]
            });
            server.send(index, &payload).unwrap();
            until("its answer", || {
                turn(&mut server);
                client_turn(&mut client) == [payload.clone()]
            });
        }
        // A full payload does not fit into a browser's WebTransport datagram.
        let expected = transport == Transport::WebTransport;
        assert_eq!(client.link().in_pieces[0] > 0, expected, "{transport}");
        let session = &bridge.sessions()[0];
        assert_eq!(session.transport, transport);
        assert!(session.datagrams.iter().all(|count| *count >= 5));
    }
}

#[test]
fn either_side_disconnects_and_the_other_sees_it() {
    for transport in BOTH {
        let (mut server, _bridge, mut client) = connected(transport);
        let index = server.core().find_by_id(ClientId(7)).unwrap();
        server.disconnect(index).unwrap();
        until("the server's word", || {
            client_turn(&mut client);
            client.state() == ClientState::Disconnected
        });

        let (mut server, _bridge, mut client) = connected(transport);
        client.disconnect().unwrap();
        until("the client's word", || {
            turn(&mut server).events.iter().any(|event| {
                matches!(
                    event,
                    Event::Disconnected {
                        reason: DisconnectReason::ByClient,
                        ..
                    }
                )
            })
        });
    }
}

#[test]
fn a_client_goes_on_to_the_next_server_over_a_session_of_its_own() {
    for transport in BOTH {
        let mut full = server(1);
        let mut open = server(4);
        let servers = [full.local_addresses()[0], open.local_addresses()[0]];
        let bridge = crate::world::start(&servers);
        let mut guest = client(transport, &bridge);
        connect(&mut guest, &mut full, 1);
        let mut client = client(transport, &bridge);
        client.connect(&token(7, &servers, &[])).unwrap();
        until("the second server", || {
            client_turn(&mut client);
            client_turn(&mut guest);
            turn(&mut full);
            turn(&mut open);
            client.wait(Duration::from_millis(1)).unwrap();
            client.is_connected()
        });
        assert_eq!(client.core().server_address(), Some(servers[1]));
    }
}

#[test]
fn browsers_and_desktops_are_alike_to_a_server() {
    let mut server = server(4);
    let addresses = server.local_addresses();
    let bridge = crate::world::start(&addresses);
    let mut browsers = BOTH.map(|transport| client(transport, &bridge));
    for (id, browser) in (1..).zip(&mut browsers) {
        connect(browser, &mut server, id);
    }
    let mut desktop = Client::new().unwrap();
    crate::pair::connect(&mut server, &mut desktop, 3);
    assert_eq!(server.core().connected_count(), 3);
    let indices: Vec<_> = server.core().clients().map(|info| info.client).collect();
    for index in indices {
        server.send(index, b"to all").unwrap();
    }
    let mut heard = [false; 3];
    until("every client has received it", || {
        turn(&mut server);
        heard[0] |= client_turn(&mut browsers[0]) == [b"to all"];
        heard[1] |= client_turn(&mut browsers[1]) == [b"to all"];
        heard[2] |= client_turn(&mut desktop) == [b"to all"];
        heard == [true; 3]
    });
}

#[test]
fn a_server_that_comes_back_is_reached_over_the_same_session() {
    for transport in BOTH {
        let (mut server, bridge, mut client) = connected(transport);
        let addresses = server.local_addresses();
        drop(server);
        // Datagrams sent meanwhile cause ICMP errors; they end no session.
        for _ in 0..10 {
            client.send(b"payload").unwrap();
        }
        let sent = bridge.stats().to_server;
        until("the bridge has tried", || {
            client.send(b"payload").unwrap();
            bridge.stats().to_server != sent
        });
        server = Server::bind(&addresses, crate::pair::config(4)).unwrap();
        client.disconnect().unwrap();
        connect(&mut client, &mut server, 8);
        assert_eq!(bridge.stats().opened, 1);
    }
}

#[test]
fn a_new_certificate_leaves_sessions_as_they_are() {
    for transport in BOTH {
        let (mut server, mut bridge, mut client) = connected(transport);
        let before = bridge.addresses().certificate_hash;
        let after = bridge.reload_certificate().unwrap();
        assert_ne!(before, after);
        client.send(b"still here").unwrap();
        until("a payload", || !turn(&mut server).payloads.is_empty());

        let mut second = Client::with_link(BrowserLink::new(transport, bridge.addresses()));
        connect(&mut second, &mut server, 8);
        let mut stale = bridge.addresses().clone();
        stale.certificate_hash = before;
        if transport == Transport::WebTransport {
            let server = server.local_addresses()[0];
            let visit = Visit::new(transport, &stale, server);
            assert_eq!(Browser::open(visit).end(), None);
        }
    }
}

#[test]
fn nothing_from_anywhere_but_the_server_reaches_a_browser() {
    for transport in BOTH {
        let (mut server, bridge, mut client) = connected(transport);
        let index = server.core().find_by_id(ClientId(7)).unwrap();
        let seen = server.core().client(index).unwrap().address.unwrap();
        let dropped = client.core().dropped().total();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            // The bridge's socket is connected to its server alone, so this may be an error.
            let _ = other.send_to(&[0x15; 40], seen);
        }
        let before = bridge.stats().to_browser;
        server.send(index, b"mine").unwrap();
        until("the server's own", || client_turn(&mut client) == [b"mine"]);
        assert_eq!(client.core().dropped().total(), dropped, "{transport}");
        assert_eq!(bridge.stats().to_browser.dropped, before.dropped);
    }
}

#[test]
fn events_report_every_session_from_its_start_to_its_end() {
    for transport in BOTH {
        let (_server, bridge, client) = connected(transport);
        let limit = Duration::from_secs(20);
        let Some(BridgeEvent::Opened(opened)) = bridge.wait_event(limit) else {
            panic!("no beginning");
        };
        assert_eq!(opened.transport, transport);
        drop(client);
        let Some(BridgeEvent::Ended { session, cause }) = bridge.wait_event(limit) else {
            panic!("no end");
        };
        assert_eq!(session.id, opened.id);
        assert_eq!(cause, EndCause::Browser);
        assert!(session.datagrams[0] >= 2, "request and response at least");
        assert_eq!(bridge.stats().sessions, 0);
        let text = bridge.monitor().metrics();
        let line = format!("netcode_bridge_sessions_opened_total{{transport=\"{transport}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }
}
