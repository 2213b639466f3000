//! Refusals of the bridge, and their close codes.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::world::{BOTH, Browser, Visit, listener, request};
use netcode_bridge::{
    AllowList, Bridge, BridgeConfig, BridgeError, BridgeEvent, Limits, MIN_BUFFER_BYTES, Transport,
};
use netcode_std::core::bridge::CloseCode;
use netcode_std::core::standard::CONNECTION_REQUEST_BYTES;

fn visit(transport: Transport, bridge: &Bridge, server: SocketAddr) -> Visit {
    Visit::new(transport, bridge.addresses(), server)
}

/// Checks that nothing was forwarded: the next datagram at the server is our own.
fn nothing_arrived(server: &UdpSocket, address: SocketAddr) {
    let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
    probe.send_to(b"probe", address).unwrap();
    let mut buffer = [0; 2000];
    let (len, _) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"probe");
}

#[test]
fn a_bridge_does_not_start_with_an_unusable_configuration() {
    let refused = |change: fn(&mut BridgeConfig)| {
        let mut config = crate::world::config(&["127.0.0.1:1".parse().unwrap()]);
        change(&mut config);
        matches!(Bridge::start(config), Err(BridgeError::Config(_)))
    };
    assert!(refused(|config| config.listen.clear()));
    assert!(refused(|config| config.allow = AllowList::default()));
    assert!(refused(
        |config| config.limits.buffer_bytes = MIN_BUFFER_BYTES - 1
    ));
    assert!(!refused(
        |config| config.limits.buffer_bytes = MIN_BUFFER_BYTES
    ));
}

#[test]
fn a_session_must_begin_with_a_plausible_connection_request() {
    let (server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let good = request(address);
    let mut expired = good.clone();
    expired[22..30].copy_from_slice(&1u64.to_le_bytes());
    let mut old = good.clone();
    old[1..14].copy_from_slice(b"NETCODE 1.01\0");
    let cases = [
        (vec![0x15; 100], CloseCode::NotARequest),
        (
            good[..CONNECTION_REQUEST_BYTES - 1].to_vec(),
            CloseCode::NotARequest,
        ),
        (vec![0x07, 0, 0, 1], CloseCode::NotARequest),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), CloseCode::NotARequest),
        (old, CloseCode::Version),
        (expired, CloseCode::TokenExpired),
    ];
    for transport in BOTH {
        for (message, code) in &cases {
            let browser = Browser::open(visit(transport, &bridge, address));
            browser.send(message);
            assert_eq!(browser.end(), Some(*code), "{transport}");
        }
    }
    nothing_arrived(&server, address);
}

#[test]
fn only_servers_on_the_list_are_reached() {
    let (server, address) = listener();
    let (other, elsewhere) = listener();
    let bridge = crate::world::start(&[address]);
    for transport in BOTH {
        for path in [
            format!("/netcode/{elsewhere}"),
            "/netcode/".to_owned() + "x",
            format!("/netcode/{address}/.."),
            format!("/netcode/localhost:{}", address.port()),
            "/netcode/0.0.0.0:0".to_owned(),
        ] {
            let visit = Visit {
                path: path.clone(),
                ..visit(transport, &bridge, address)
            };
            let browser = Browser::open(visit);
            browser.send(&request(elsewhere));
            let code = browser.end();
            assert_eq!(
                code,
                Some(CloseCode::ServerNotAllowed),
                "{transport} {path}"
            );
        }
    }
    nothing_arrived(&server, address);
    nothing_arrived(&other, elsewhere);
}

#[test]
fn pages_of_other_origins_and_requests_without_an_origin_are_refused() {
    let (_server, address) = listener();
    let mut config = crate::world::config(&[address]);
    config.origins = vec!["https://game.example".to_owned()];
    let bridge = Bridge::start(config).unwrap();
    for transport in BOTH {
        for origin in [
            None,
            Some("https://evil.example"),
            Some("https://game.example.evil"),
        ] {
            let visit = Visit {
                origin: origin.map(str::to_owned),
                ..visit(transport, &bridge, address)
            };
            let code = Browser::open(visit).end();
            assert_eq!(code, Some(CloseCode::OriginNotAllowed), "{transport}");
        }
        let visit = Visit {
            origin: Some("https://game.example".to_owned()),
            ..visit(transport, &bridge, address)
        };
        let browser = Browser::open(visit);
        browser.send(&[0x15; 100]);
        assert_eq!(browser.end(), Some(CloseCode::NotARequest), "{transport}");
    }
}

#[test]
fn an_address_has_its_share_of_sessions_and_the_bridge_its_total() {
    let (_server, address) = listener();
    for (limits, code) in [
        (
            Limits {
                sessions_per_address: 2,
                ..Limits::default()
            },
            CloseCode::TooManyFromAddress,
        ),
        (
            Limits {
                sessions: 2,
                ..Limits::default()
            },
            CloseCode::Full,
        ),
    ] {
        for transport in BOTH {
            let mut config = crate::world::config(&[address]);
            config.limits = limits;
            let bridge = Bridge::start(config).unwrap();
            let held: Vec<_> = (0..2)
                .map(|_| {
                    let browser = Browser::open(visit(transport, &bridge, address));
                    browser.send(&request(address));
                    let opened = bridge.wait_event(Duration::from_secs(20));
                    assert!(matches!(opened, Some(BridgeEvent::Opened(_))), "{opened:?}");
                    browser
                })
                .collect();
            let refused = Browser::open(visit(transport, &bridge, address));
            assert_eq!(refused.end(), Some(code), "{transport}");
            drop(held);
            // Their places are free again.
            for _ in 0..2 {
                let ended = loop {
                    match bridge.wait_event(Duration::from_secs(20)) {
                        Some(BridgeEvent::Refused { .. }) => {}
                        event => break event,
                    }
                };
                assert!(
                    matches!(ended, Some(BridgeEvent::Ended { .. })),
                    "{ended:?}"
                );
            }
            let browser = Browser::open(visit(transport, &bridge, address));
            browser.send(&[0x15; 100]);
            assert_eq!(browser.end(), Some(CloseCode::NotARequest), "{transport}");
        }
    }
}

#[test]
fn silence_ends_sessions_before_and_after_the_request() {
    let (_server, address) = listener();
    let mut config = crate::world::config(&[address]);
    config.limits.handshake_timeout = Duration::from_millis(1500);
    config.limits.idle_timeout = Duration::from_millis(300);
    let bridge = Bridge::start(config).unwrap();
    for transport in BOTH {
        let browser = Browser::open(visit(transport, &bridge, address));
        assert_eq!(
            browser.end(),
            Some(CloseCode::HandshakeTimedOut),
            "{transport}"
        );
        let browser = Browser::open(visit(transport, &bridge, address));
        browser.send(&request(address));
        assert_eq!(browser.end(), Some(CloseCode::Idle), "{transport}");
    }
}

#[test]
fn a_draining_bridge_admits_no_session_and_closes_the_open_ones_with_its_code() {
    for transport in BOTH {
        let (server, address) = listener();
        let bridge = crate::world::start(&[address]);
        let held = Browser::open(visit(transport, &bridge, address));
        held.send(&request(address));
        let mut buffer = [0; 2000];
        server.recv_from(&mut buffer).unwrap();
        bridge.drain();
        let late = Browser::open(visit(transport, &bridge, address));
        assert_eq!(late.end(), Some(CloseCode::Draining), "{transport}");
        // Those it holds go on until they are ended.
        held.send(&[0x15; 50]);
        let (len, _) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(len, 50);
        bridge.end_sessions();
        assert_eq!(held.end(), Some(CloseCode::Draining), "{transport}");
    }
}
