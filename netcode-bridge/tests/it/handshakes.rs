//! Resources held before a session exists: WebRTC offers and QUIC handshakes.
#![cfg(target_os = "linux")]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::pair::until;
use crate::world::raw_peer::{ELSEWHERE, connect_from, offer, post, status};
use crate::world::silent::{Silent, closed, fill_streams};
use crate::world::{BOTH, Browser, Visit, listener, request};
use netcode_bridge::{Bridge, Limit, Limits, Transport};
use netcode_std::core::bridge::CloseCode;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

fn start(server: SocketAddr, limits: Limits) -> Bridge {
    let mut config = crate::world::config(&[server]);
    config.limits = limits;
    Bridge::start(config).unwrap()
}

/// An open session of a browser that means it.
fn open(transport: Transport, bridge: &Bridge, server: &UdpSocket) -> Browser {
    let address = server.local_addr().unwrap();
    let browser = Browser::open(Visit::new(transport, bridge.addresses(), address));
    browser.send(&request(address));
    let mut buffer = [0; 2000];
    server.recv_from(&mut buffer).unwrap();
    browser
}

fn offered(from: &str, bridge: &Bridge, server: SocketAddr) -> String {
    let mut stream = connect_from(from, bridge.addresses().http[0]);
    post(&mut stream, server, "", &offer())
}

#[test]
fn abandoned_offers_hold_no_session_s_place() {
    let (server, address) = listener();
    let limits = Limits {
        sessions: 2,
        sessions_per_address: 2,
        offer_timeout: LONG,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    for _ in 0..20 {
        let answered = offered("127.0.0.1", &bridge, address);
        assert_eq!(status(&answered), Some(201), "{answered}");
    }
    assert_eq!((bridge.stats().offers, bridge.stats().sessions), (20, 0));
    let _held = BOTH.map(|transport| open(transport, &bridge, &server));
    assert_eq!(bridge.stats().sessions, 2);
}

#[test]
fn an_address_has_its_share_of_offers_and_leaves_others_theirs() {
    let (server, address) = listener();
    let limits = Limits {
        offers_per_address: 3,
        offer_timeout: LONG,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    for _ in 0..3 {
        assert_eq!(status(&offered(ELSEWHERE, &bridge, address)), Some(201));
    }
    let refused = offered(ELSEWHERE, &bridge, address);
    assert_eq!(status(&refused), Some(429), "{refused}");
    assert!(refused.contains(CloseCode::TooManyFromAddress.name()));
    assert_eq!(bridge.stats().limited(Limit::OffersPerAddress), 1);
    open(Transport::WebRtc, &bridge, &server);
}

#[test]
fn offers_are_limited_in_total_and_expire() {
    let (server, address) = listener();
    let limits = Limits {
        offers: 2,
        offer_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let bridge = start(address, limits);
    until("all places are taken", || {
        let answered = offered("127.0.0.1", &bridge, address);
        status(&answered) == Some(503)
    });
    assert!(bridge.stats().limited(Limit::Offers) > 0);
    until("they are forgotten", || bridge.stats().offers == 0);
    assert!(bridge.stats().limited(Limit::OfferTimeout) >= 2);
    open(Transport::WebRtc, &bridge, &server);
}

#[test]
fn an_offer_s_place_is_free_once_it_is_a_session() {
    let (server, address) = listener();
    let limits = Limits {
        offers: 1,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    let _held: Vec<_> = (0..3)
        .map(|_| open(Transport::WebRtc, &bridge, &server))
        .collect();
    assert_eq!((bridge.stats().offers, bridge.stats().sessions), (0, 3));
}

#[test]
fn silent_connections_of_one_address_keep_no_other_address_out() {
    let (server, address) = listener();
    let limits = Limits {
        quic_handshakes: 8,
        quic_handshakes_per_address: 4,
        quic_handshake_timeout: LONG,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    let attacker = Silent::at(ELSEWHERE);
    let at = bridge.addresses().webtransport[0];
    let held: Vec<_> = (0..10).filter_map(|_| attacker.open(at)).collect();
    assert_eq!((held.len(), bridge.stats().quic_handshakes), (4, 4));
    assert!(bridge.stats().limited(Limit::QuicHandshakesPerAddress) > 0);
    let _open: Vec<_> = (0..6)
        .map(|_| open(Transport::WebTransport, &bridge, &server))
        .collect();
    assert_eq!(bridge.stats().sessions, 6);
    // Half of the places are taken, so each of them had to show its address first.
    let retries = "netcode_bridge_quic_retries_total ";
    let metrics = bridge.monitor().metrics();
    let line = metrics.lines().find(|line| line.starts_with(retries));
    let retries: u64 = line.unwrap()[retries.len()..].parse().unwrap();
    assert!(retries >= 6, "{retries}");
}

#[test]
fn handshakes_are_limited_in_total() {
    let (_server, address) = listener();
    let limits = Limits {
        quic_handshakes: 3,
        quic_handshakes_per_address: 1,
        quic_handshake_timeout: LONG,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    let at = bridge.addresses().webtransport[0];
    let opened: Vec<_> = (2..6)
        .map(|last| Silent::at(&format!("127.0.0.{last}")).open(at))
        .collect();
    assert_eq!(opened.iter().flatten().count(), 3);
    assert!(bridge.stats().limited(Limit::QuicHandshakes) > 0);
}

#[test]
fn a_silent_connection_is_closed_in_time() {
    let (_server, address) = listener();
    let limits = Limits {
        quic_handshake_timeout: SHORT,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    let attacker = Silent::at(ELSEWHERE);
    let silent = attacker.open(bridge.addresses().webtransport[0]).unwrap();
    closed(&silent);
    until("its place is free", || bridge.stats().quic_handshakes == 0);
    assert_eq!(bridge.stats().limited(Limit::QuicHandshakeTimeout), 1);
}

#[test]
fn forged_addresses_take_half_of_a_share_at_most() {
    let (server, address) = listener();
    let limits = Limits {
        quic_handshakes: 64,
        quic_handshakes_per_address: 8,
        quic_handshake_timeout: LONG,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    let forged = Silent::at("127.0.0.1").first_datagrams(12);
    let victim = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in &forged {
        victim
            .send_to(datagram, bridge.addresses().webtransport[0])
            .unwrap();
    }
    let retries = "netcode_bridge_quic_retries_total 8";
    until("the others have to show theirs", || {
        bridge
            .monitor()
            .metrics()
            .lines()
            .any(|line| line == retries)
    });
    assert_eq!(bridge.stats().quic_handshakes, 4);
    // A client that really has that address is admitted.
    open(Transport::WebTransport, &bridge, &server);
}

#[test]
fn new_quic_connections_over_the_rate_are_refused() {
    let (_server, address) = listener();
    let limits = Limits {
        arrivals_per_second_per_address: 1,
        quic_handshake_timeout: SHORT,
        ..Limits::default()
    };
    let bridge = start(address, limits);
    let attacker = Silent::at(ELSEWHERE);
    until("it is refused", || {
        let _ = attacker.open(bridge.addresses().webtransport[0]);
        bridge.stats().limited(Limit::ArrivalsPerAddress) > 0
    });
}

#[test]
fn a_refused_session_leaves_nothing_behind() {
    let (_server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let elsewhere = "127.0.0.1:1".parse().unwrap();
    let visit = Visit::new(Transport::WebTransport, bridge.addresses(), elsewhere);
    let refused = Browser::open(visit).end();
    assert_eq!(refused, Some(CloseCode::ServerNotAllowed));
    until("its connection is gone", || {
        bridge.stats().quic_handshakes == 0
    });
}

#[test]
fn the_streams_of_a_session_hold_a_bounded_number_of_bytes() {
    let (_server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let visit = Visit::new(Transport::WebTransport, bridge.addresses(), address);
    let held = fill_streams(&visit);
    assert!((1..=16 * 1024).contains(&held), "{held}");
    assert_eq!(bridge.stats().opened, 1);
}
