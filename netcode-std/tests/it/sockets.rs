//! The shell over real sockets: what it adds to the core.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::pair::{PROTOCOL_ID, client_turn, config, connect, server, token, turn, until, v4};
use netcode_std::core::address::AddressList;
use netcode_std::core::client::{self, ClientState};
use netcode_std::core::server::{DisconnectReason, Event};
use netcode_std::core::{ClientId, ClientIndex, Dropped, Sequence};
use netcode_std::{
    BindError, Client, DATAGRAMS_PER_TURN, Link, RECEIVE_BUFFER_BYTES, SendError, Server,
    SocketOptions, UdpLink,
};

#[test]
fn one_server_serves_both_families_at_once() {
    let mut server = Server::bind(&[v4(), v6()], config(4)).unwrap();
    let addresses = server.local_addresses();
    assert!(addresses[0].is_ipv4() && addresses[1].is_ipv6());
    assert!(addresses.iter().all(|address| address.port() != 0));
    for (id, address) in (1..).zip(addresses) {
        let mut client = Client::new().unwrap();
        client.connect(&token(id, &[address], &[])).unwrap();
        until("connecting", || {
            client_turn(&mut client);
            turn(&mut server);
            client.is_connected()
        });
        assert_eq!(client.core().server_address(), Some(address));
        let index = server.core().find_by_id(ClientId(id)).unwrap();
        let seen = server.core().client(index).unwrap().address.unwrap();
        assert_eq!(seen.is_ipv4(), address.is_ipv4());
        client.send(&[9; 1200]).unwrap();
        until("a payload", || {
            turn(&mut server).payloads == [(index, vec![9; 1200])]
        });
        server.send(index, b"back").unwrap();
        until("its answer", || client_turn(&mut client) == [b"back"]);
    }
}

#[test]
fn behind_nat_a_server_is_named_by_an_address_it_is_not_bound_to() {
    let internal = "10.1.2.3:40000".parse().unwrap();
    let mut config = config(4);
    config.addresses = AddressList::new(&[internal]).unwrap();
    let mut server = Server::bind(&[v4()], config).unwrap();
    let bound = server.local_addresses();

    let mut second = Client::new().unwrap();
    second.connect(&token(1, &bound, &[])).unwrap();
    until("the refusal", || {
        client_turn(&mut second);
        turn(&mut server);
        server.core().stats().dropped.get(Dropped::NotOurAddress) > 0
    });

    let mut client = Client::new().unwrap();
    client.connect(&token(2, &bound, &[internal])).unwrap();
    until("connecting", || {
        client_turn(&mut client);
        turn(&mut server);
        client.is_connected()
    });
}

#[test]
fn a_failed_bind_is_an_error_with_the_reason() {
    assert!(UdpLink::bind(&[], &SocketOptions::default()).is_err());
    assert!(UdpLink::bind(&[v4(), v4()], &SocketOptions::default()).is_err());
    let taken = UdpSocket::bind(v4()).unwrap().local_addr().unwrap();
    let holder = UdpSocket::bind(taken).unwrap();
    let Err(refused) = Server::bind(&[taken], config(4)) else {
        panic!("bound twice")
    };
    assert!(matches!(refused, BindError::Link(_)));
    assert!(
        refused.to_string().contains(&taken.to_string()),
        "{refused}"
    );
    drop(holder);
    // No client can dial all interfaces: the address for tokens has to be given.
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let nameless = Server::bind(&[everywhere], config(4));
    assert!(matches!(nameless, Err(BindError::Unspecified(_))));
    let mut named = config(4);
    named.addresses.push(everywhere).unwrap();
    assert!(Server::bind(&[everywhere], named).is_ok());
    let without_slots = Server::bind(&[v4()], config(0));
    assert!(matches!(without_slots, Err(BindError::Config(_))));
}

#[test]
fn an_empty_datagram_or_one_that_is_too_long_does_not_end_a_drain() {
    let mut server = server(4);
    let mut client = Client::new().unwrap();
    connect(&mut server, &mut client, 1);
    let unknown = UdpSocket::bind(v4()).unwrap();
    let to = server.local_addresses()[0];
    unknown.send_to(&[], to).unwrap();
    unknown.send_to(&[4; 4000], to).unwrap();
    client.send(b"still here").unwrap();
    let payloads = turn(&mut server).payloads;
    assert_eq!(payloads, [(ClientIndex(0), b"still here".to_vec())]);
}

#[test]
fn an_address_without_a_listener_ends_no_loop() {
    let mut link = UdpLink::bind(&[v4()], &SocketOptions::default()).unwrap();
    let to = link.local_addresses()[0];
    let dead = UdpSocket::bind(v4()).unwrap().local_addr().unwrap();
    // Some systems report ICMP errors to every socket, Linux only to one that is connected.
    let handle = link.sockets().next().unwrap();
    let socket = socket2::SockRef::from(&handle);
    socket.connect(&dead.into()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    until("an error from the network", || {
        link.turn(Instant::now());
        link.send(dead, b"payload").unwrap();
        assert_eq!(link.receive(&mut buffer).unwrap(), None);
        link.stats().unreachable > 0
    });
    assert_eq!(link.local_addresses(), [to]);
}

#[test]
fn a_client_that_vanishes_keeps_no_other_client_out() {
    let mut server = server(4);
    let mut client = Client::bind(&[v4()]).unwrap();
    connect(&mut server, &mut client, 1);
    drop(client);
    for _ in 0..10 {
        server.send(ClientIndex(0), b"hello?").unwrap();
        turn(&mut server);
    }
    let mut other = Client::bind(&[v4()]).unwrap();
    connect(&mut server, &mut other, 2);
    assert!(other.is_connected());
}

#[test]
fn a_turn_takes_a_bounded_number_of_datagrams() {
    let mut link = UdpLink::bind(&[v4()], &SocketOptions::default()).unwrap();
    let to = link.local_addresses()[0];
    let flood = UdpSocket::bind(v4()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    link.turn(Instant::now());
    for _ in 0..DATAGRAMS_PER_TURN {
        flood.send_to(&[0], to).unwrap();
        assert!(link.receive(&mut buffer).unwrap().is_some());
    }
    flood.send_to(&[0], to).unwrap();
    assert_eq!(link.receive(&mut buffer).unwrap(), None);
    link.turn(Instant::now());
    assert!(link.receive(&mut buffer).unwrap().is_some());
}

#[test]
fn a_flood_on_one_family_leaves_the_other_its_share() {
    let mut link = UdpLink::bind(&[v4(), v6()], &SocketOptions::default()).unwrap();
    let to = link.local_addresses();
    let (flood, quiet) = (
        UdpSocket::bind(v4()).unwrap(),
        UdpSocket::bind(v6()).unwrap(),
    );
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    link.turn(Instant::now());
    for _ in 0..DATAGRAMS_PER_TURN {
        flood.send_to(&[0], to[0]).unwrap();
        assert!(link.receive(&mut buffer).unwrap().is_some());
    }
    // The flood goes on, and has had its share of the turn.
    flood.send_to(&[0], to[0]).unwrap();
    quiet.send_to(b"me too", to[1]).unwrap();
    let (len, from) = link.receive(&mut buffer).unwrap().unwrap();
    assert_eq!(
        (&buffer[..len], from),
        (&b"me too"[..], quiet.local_addr().unwrap())
    );
    assert_eq!(link.receive(&mut buffer).unwrap(), None);
    // Nothing is forgotten: a wait does not wait.
    link.wait(Duration::from_secs(600)).unwrap();
    link.turn(Instant::now());
    assert!(link.receive(&mut buffer).unwrap().is_some());
}

#[test]
fn two_families_under_flood_take_turns() {
    let mut link = UdpLink::bind(&[v4(), v6()], &SocketOptions::default()).unwrap();
    let to = link.local_addresses();
    let senders = [
        UdpSocket::bind(v4()).unwrap(),
        UdpSocket::bind(v6()).unwrap(),
    ];
    for _ in 0..10 {
        for (sender, to) in senders.iter().zip(&to) {
            sender.send_to(&[0], to).unwrap();
        }
    }
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    link.turn(Instant::now());
    for turn in 0..20 {
        let (_, from) = link.receive(&mut buffer).unwrap().unwrap();
        assert_eq!(from.is_ipv4(), turn % 2 == 0);
    }
}

#[test]
fn a_wait_ends_when_a_datagram_comes() {
    let mut link = UdpLink::bind(&[v4(), v6()], &SocketOptions::default()).unwrap();
    let to = link.local_addresses()[1];
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    link.turn(Instant::now());
    assert_eq!(link.receive(&mut buffer).unwrap(), None);
    let sender = UdpSocket::bind(v6()).unwrap();
    sender.send_to(b"wake up", to).unwrap();
    let began = Instant::now();
    link.wait(Duration::from_secs(600)).unwrap();
    assert!(began.elapsed() < Duration::from_secs(500));
    let (len, from) = link.receive(&mut buffer).unwrap().unwrap();
    assert_eq!(
        (&buffer[..len], from),
        (&b"wake up"[..], sender.local_addr().unwrap())
    );
}

#[cfg(unix)]
#[test]
fn datagrams_carry_the_mark_for_routers() {
    let options = SocketOptions {
        dscp: Some(46),
        ..SocketOptions::default()
    };
    let link = UdpLink::bind(&[v4(), v6()], &options).unwrap();
    let handles: Vec<_> = link.sockets().collect();
    let sockets: Vec<_> = handles.iter().map(socket2::SockRef::from).collect();
    assert_eq!(sockets[0].tos_v4().unwrap(), 46 << 2);
    assert_eq!(sockets[1].tclass_v6().unwrap(), 46 << 2);
}

#[test]
fn buffers_back_off_to_what_the_system_grants() {
    let options = SocketOptions {
        buffer_bytes: 1 << 34,
        ..SocketOptions::default()
    };
    let link = UdpLink::bind(&[v4()], &options).unwrap();
    let handle = link.sockets().next().unwrap();
    let socket = socket2::SockRef::from(&handle);
    assert!(socket.recv_buffer_size().unwrap() >= 64 * 1024);
    assert!(socket.send_buffer_size().unwrap() >= 64 * 1024);
}

#[test]
fn a_server_that_stops_disconnects_its_clients_and_can_start_again() {
    let mut server = server(4);
    let mut client = Client::new().unwrap();
    connect(&mut server, &mut client, 1);
    server.stop().unwrap();
    let events = turn(&mut server).events;
    assert_eq!(
        events,
        [Event::Disconnected {
            client: ClientIndex(0),
            client_id: ClientId(1),
            reason: DisconnectReason::ServerStopped,
        }]
    );
    until("the disconnect", || {
        client_turn(&mut client);
        !client.is_connected()
    });
    server.start().unwrap();
    connect(&mut server, &mut client, 1);
}

#[test]
fn a_payload_that_is_none_is_refused_before_it_is_sent() {
    let mut server = server(4);
    let mut client = Client::new().unwrap();
    assert!(!client.send(b"early").unwrap());
    connect(&mut server, &mut client, 1);
    for len in [0, 1201] {
        assert!(matches!(
            client.send(&vec![0; len]),
            Err(SendError::Payload(_))
        ));
        let refused = server.send(ClientIndex(0), &vec![0; len]);
        assert!(matches!(refused, Err(SendError::Payload(_))));
    }
    assert!(!server.send(ClientIndex(3), b"to a free slot").unwrap());
}

#[test]
fn a_loopback_client_plays_beside_clients_of_the_network() {
    let mut server = server(4);
    let user_data = netcode_std::core::UserData::ZERO;
    let mut host = server.join_loopback(ClientId(100), &user_data).unwrap();
    let mut guest = Client::new().unwrap();
    connect(&mut server, &mut guest, 1);
    assert_eq!(server.core().connected_count(), 2);

    let hosts = server.core().find_by_id(ClientId(100)).unwrap();
    let guests = server.core().find_by_id(ClientId(1)).unwrap();
    host.send(b"from the host").unwrap();
    assert_eq!(
        turn(&mut server).payloads,
        [(hosts, b"from the host".to_vec())]
    );
    guest.send(b"from the guest").unwrap();
    until("the guest", || {
        turn(&mut server).payloads == [(guests, b"from the guest".to_vec())]
    });
    server.send(hosts, b"to the host").unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let mut heard = || {
        host.next_event(&mut buffer)
            .map(|event| event.map_payload(<[u8]>::to_vec))
    };
    let state = |state| Some(client::Event::StateChanged(state));
    assert_eq!(heard(), state(ClientState::Connected));
    let payload = Some(client::Event::Payload {
        sequence: Sequence(0),
        payload: b"to the host".to_vec(),
    });
    assert_eq!(heard(), payload);
    assert_eq!(heard(), None);

    server.disconnect(hosts).unwrap();
    turn(&mut server);
    assert_eq!(heard(), state(ClientState::Disconnected));
    assert_eq!(heard(), None);
    assert!(!host.is_connected());
    assert!(!host.send(b"too late").unwrap());
    assert_eq!(host.client_index(), None);
    assert!(guest.is_connected());
    assert_eq!(config(1).protocol_id, PROTOCOL_ID);
}

fn v6() -> SocketAddr {
    "[::1]:0".parse().unwrap()
}

/// Polls the sockets of a link, as an event loop of a program's own does; `true` if one is readable.
#[cfg(unix)]
fn poll_sockets(link: &UdpLink, wait: Option<Duration>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec};

    let sockets = link.sockets();
    let mut ready: Vec<_> = sockets
        .map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN))
        .collect();
    let wait = wait.map(|wait| Timespec::try_from(wait).unwrap());
    rustix::event::poll(&mut ready, wait.as_ref()).unwrap() > 0
}

#[cfg(unix)]
#[test]
fn an_event_loop_of_the_program_s_own_waits_for_the_sockets_and_the_next_deadline() {
    let mut server = Server::bind(&[v4(), v6()], config(1)).unwrap();
    let mut client = Client::new().unwrap();
    // On IPv6, whose socket is the second of both.
    let address = server.local_addresses()[1];
    client.connect(&token(1, &[address], &[])).unwrap();
    assert!(!poll_sockets(server.link(), Some(Duration::ZERO)));
    let mut echoed = false;
    while !echoed {
        client.update(Instant::now()).unwrap();
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = client.next_event(&mut buffer).unwrap() {
            echoed |= matches!(event, client::Event::Payload { .. });
        }
        client.send(b"to the loop").unwrap();
        // The client has sent something, since its deadline had come or a datagram.
        if poll_sockets(server.link(), Some(Duration::from_millis(10))) {
            for (client, payload) in turn(&mut server).payloads {
                server.send(client, &payload).unwrap();
            }
        }
        let due = client.next_deadline().unwrap();
        let wait = due.saturating_duration_since(Instant::now());
        poll_sockets(client.link(), Some(wait));
    }
}
