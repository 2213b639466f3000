//! Destinations over WebRTC: no address is sent a stream that it did not ask for.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::pair::until;
use crate::world::raw_peer::{Victim, connect, is_stun, nomination, offer, post};
use crate::world::{Browser, Visit, listener, request};
use netcode_bridge::{Bridge, Limit, MAX_DATA_CHANNELS, MAX_PEER_ADDRESSES, Transport};

const PATIENCE: Duration = Duration::from_secs(20);

fn visit(bridge: &Bridge, server: SocketAddr) -> Visit {
    Visit::new(Transport::WebRtc, bridge.addresses(), server)
}

/// Opens the session; gives where the server sees it.
fn greet(browser: &Browser, server: &UdpSocket) -> SocketAddr {
    browser.send(&request(server.local_addr().unwrap()));
    let mut buffer = [0; 2000];
    server.recv_from(&mut buffer).unwrap().1
}

#[test]
fn a_forged_nomination_redirects_no_stream_to_a_victim() {
    let (server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let browser = Browser::open(visit(&bridge, address));
    let seen = greet(&browser, &server);

    // The page gives its names and passwords away, or forges the address itself.
    let [offer, answer] = browser.descriptions();
    let mut victim = Victim::new(bridge.addresses());
    for _ in 0..20 {
        victim.forge(&nomination(offer, answer));
    }
    let mut arrived = vec![victim.receive()];
    for number in 0..100 {
        let datagram = [0x15, number];
        server.send_to(&datagram, seen).unwrap();
        let received = browser.receive(PATIENCE);
        assert_eq!(received.as_deref(), Some(&datagram[..]), "it goes astray");
        victim.forge(&nomination(offer, answer));
    }
    arrived.extend(victim.received());
    let bytes: usize = arrived.iter().map(Vec::len).sum();
    assert!(bytes <= victim.forged, "{bytes} for {}", victim.forged);
    assert!(arrived.iter().all(|datagram| is_stun(datagram)));
}

#[test]
fn a_victim_gets_no_handshake_and_no_more_bytes_than_were_forged() {
    let (_server, address) = listener();
    let bridge = crate::world::start(&[address]);
    // The second asks the bridge to begin the handshake.
    let actpass = offer();
    let passive = actpass.replace("a=setup:actpass", "a=setup:passive");
    for offer in [actpass, passive] {
        let mut stream = connect(bridge.addresses().http[0]);
        let response = post(&mut stream, address, "", &offer);
        let (_, answer) = response.split_once("\r\n\r\n").unwrap();
        let mut victim = Victim::new(bridge.addresses());
        let mut arrived = Vec::new();
        for _ in 0..50 {
            victim.forge(&nomination(&offer, answer));
            // The beginning of a handshake.
            victim.forge(&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
            arrived.push(victim.receive());
        }
        let bytes: usize = arrived.iter().map(Vec::len).sum();
        assert!(bytes <= victim.forged, "{bytes} for {}", victim.forged);
        assert!(arrived.iter().all(|datagram| is_stun(datagram)));
    }
}

#[test]
fn the_addresses_of_a_peer_are_limited() {
    let (_server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let offer = offer();
    let response = post(
        &mut connect(bridge.addresses().http[0]),
        address,
        "",
        &offer,
    );
    let (_, answer) = response.split_once("\r\n\r\n").unwrap();
    let mut victims: Vec<_> = (0..MAX_PEER_ADDRESSES)
        .map(|_| Victim::new(bridge.addresses()))
        .collect();
    for victim in &mut victims {
        victim.forge(&nomination(&offer, answer));
        assert!(is_stun(&victim.receive()));
    }
    let mut another = Victim::new(bridge.addresses());
    another.forge(&nomination(&offer, answer));
    until("it is not heard", || {
        bridge.stats().limited(Limit::PeerAddresses) == 1
    });
    // Those that were heard still are.
    victims[0].forge(&nomination(&offer, answer));
    assert!(is_stun(&victims[0].receive()));
    assert!(another.received().is_empty());
}

#[test]
fn forged_alerts_end_no_handshake() {
    let (server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let browser = Browser::open(Visit {
        forged_alerts: true,
        ..visit(&bridge, address)
    });
    let seen = greet(&browser, &server);
    server.send_to(b"\x15 hello", seen).unwrap();
    assert_eq!(
        browser.receive(PATIENCE).as_deref(),
        Some(&b"\x15 hello"[..])
    );
}

#[test]
fn the_data_channels_of_a_peer_are_limited() {
    let (server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let few = Browser::open(Visit {
        extra_channels: MAX_DATA_CHANNELS - 1,
        ..visit(&bridge, address)
    });
    let seen = greet(&few, &server);
    let many = Browser::open(Visit {
        extra_channels: 200,
        ..visit(&bridge, address)
    });
    many.send(&request(address));
    assert_eq!(many.end(), None);
    until("it is counted", || {
        bridge.stats().limited(Limit::DataChannels) == 1
    });
    server.send_to(b"\x15 hello", seen).unwrap();
    assert_eq!(few.receive(PATIENCE).as_deref(), Some(&b"\x15 hello"[..]));
}
