//! Limits over TCP: bytes, time, connections, and the address that counts behind a proxy.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::pair::until;
use crate::world::raw_peer::{
    ELSEWHERE, connect, connect_from, head, offer, post, read_to_end, status,
};
use crate::world::{BOTH, Browser, Visit, listener, request};
use netcode_bridge::{Bridge, BridgeConfig, BridgeEvent, Limit, MAX_ORIGIN_BYTES, ProxyHeader};
use netcode_std::core::bridge::CloseCode;

/// A bridge to a server that only listens.
fn start(change: impl FnOnce(&mut BridgeConfig)) -> (Bridge, SocketAddr, SocketAddr) {
    let server = "127.0.0.1:9".parse().unwrap();
    let mut config = crate::world::config(&[server]);
    config.limits.request_timeout = Duration::from_secs(600);
    config.limits.offer_timeout = Duration::from_secs(600);
    change(&mut config);
    let bridge = Bridge::start(config).unwrap();
    let http = bridge.addresses().http[0];
    (bridge, http, server)
}

fn short(config: &mut BridgeConfig) {
    config.limits.request_timeout = Duration::from_millis(300);
}

#[test]
fn a_request_that_takes_too_long_is_closed_at_any_stage() {
    let (bridge, http, server) = start(|config| {
        short(config);
        config.limits.connections_per_address = 6;
    });
    let path = format!("/netcode/{server}");
    let whole = head(&path, "", 1000);
    let beginnings = [
        "",
        "POST /net",
        &whole[..whole.len() - 1],
        &whole,
        &format!("{whole}v=0"),
    ];
    let mut held: Vec<TcpStream> = beginnings
        .iter()
        .map(|beginning| {
            let mut stream = connect(http);
            stream.write_all(beginning.as_bytes()).unwrap();
            stream
        })
        .collect();
    // One that is never silent.
    let mut slow = connect(http);
    slow.write_all(head(&path, "", 16_000).as_bytes()).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    until("it is cut off", || {
        let closed = slow.read(&mut [0; 100]).is_ok();
        slow.write_all(b"v").is_err() || closed
    });
    for stream in &mut held {
        assert_eq!(read_to_end(stream), b"");
    }
    until("all places are free", || bridge.stats().connections == 0);
    assert_eq!(bridge.stats().limited(Limit::RequestTimeout), 6);
    let answered = post(&mut connect(http), server, "", &offer());
    assert_eq!(status(&answered), Some(201), "{answered}");
}

#[test]
fn a_silent_tls_handshake_is_closed() {
    let (bridge, http, _) = start(|config| {
        short(config);
        config.plain_http = false;
    });
    for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00"] {
        let mut stream = connect(http);
        stream.write_all(beginning).unwrap();
        assert_eq!(read_to_end(&mut stream), b"");
    }
    until("both are counted", || {
        bridge.stats().limited(Limit::RequestTimeout) == 2
    });
}

#[test]
fn a_connection_carries_one_request_and_is_closed() {
    let (_bridge, http, server) = start(|_| ());
    let mut stream = connect(http);
    let answered = post(&mut stream, server, "Connection: keep-alive\r\n", &offer());
    assert_eq!(status(&answered), Some(201), "{answered}");
    assert!(
        answered
            .to_lowercase()
            .contains("\r\nconnection: close\r\n")
    );
}

#[test]
fn an_address_has_its_share_of_connections_and_leaves_others_theirs() {
    let (bridge, http, server) = start(|config| config.limits.connections_per_address = 4);
    let mut held: Vec<_> = (0..4).map(|_| connect_from(ELSEWHERE, http)).collect();
    for stream in &mut held {
        let head = head("/netcode/x", "", 1000);
        stream.write_all(head.as_bytes()).unwrap();
    }
    assert_eq!(read_to_end(&mut connect_from(ELSEWHERE, http)), b"");
    assert_eq!(bridge.stats().limited(Limit::ConnectionsPerAddress), 1);
    let answered = post(&mut connect(http), server, "", &offer());
    assert_eq!(status(&answered), Some(201), "{answered}");
    drop(held);
    until("its places are free again", || {
        let answered = post(&mut connect_from(ELSEWHERE, http), server, "", &offer());
        status(&answered) == Some(201)
    });
}

#[test]
fn connections_are_limited_in_total() {
    let (bridge, http, server) = start(|config| config.limits.connections = 3);
    let held: Vec<_> = (2..5)
        .map(|last| connect_from(&format!("127.0.0.{last}"), http))
        .collect();
    assert_eq!(read_to_end(&mut connect(http)), b"");
    assert_eq!(bridge.stats().limited(Limit::Connections), 1);
    drop(held);
    until("their places are free again", || {
        let answered = post(&mut connect(http), server, "", &offer());
        status(&answered) == Some(201)
    });
}

#[test]
fn new_tcp_connections_over_the_rate_are_closed() {
    let (bridge, http, server) = start(|config| {
        config.limits.arrivals_per_second_per_address = 5;
    });
    until("connections are refused", || {
        drop(connect_from(ELSEWHERE, http));
        bridge.stats().limited(Limit::ArrivalsPerAddress) >= 10
    });
    let answered = post(&mut connect(http), server, "", &offer());
    assert_eq!(status(&answered), Some(201), "{answered}");
}

#[test]
fn http_2_is_not_spoken() {
    for plain_http in [true, false] {
        let (_bridge, http, _) = start(|config| {
            short(config);
            config.plain_http = plain_http;
        });
        let mut stream = connect(http);
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        stream
            .write_all(&[&preface[..], &settings].concat())
            .unwrap();
        let spoken = read_to_end(&mut stream);
        // A frame of HTTP/2 begins with its length, of three bytes.
        assert_ne!(spoken.first(), Some(&0), "{spoken:?}");
    }
}

#[test]
fn a_request_with_too_long_a_head_or_body_is_refused() {
    let (_bridge, http, server) = start(|_| ());
    let answered = post(&mut connect(http), server, "", &"v".repeat(17 * 1024));
    assert_eq!(status(&answered), Some(413), "{answered}");
    let long = format!("X: {}\r\n", "x".repeat(17 * 1024));
    let answered = post(&mut connect(http), server, &long, &offer());
    assert_eq!(status(&answered), Some(431), "{answered}");
}

#[test]
fn an_origin_that_no_page_has_is_refused_and_not_kept() {
    let (_server, address) = listener();
    let bridge = crate::world::start(&[address]);
    let origin = |len: usize| format!("https://{}", "x".repeat(len - "https://".len()));
    for (before, transport) in (0..).zip(BOTH) {
        let visit = |len| Visit {
            origin: Some(origin(len)),
            ..Visit::new(transport, bridge.addresses(), address)
        };
        let refused = Browser::open(visit(MAX_ORIGIN_BYTES + 1)).end();
        assert_eq!(refused, Some(CloseCode::OriginNotAllowed), "{transport}");
        assert_eq!(bridge.stats().limited(Limit::OriginBytes), before + 1);
        let event = bridge.wait_event(Duration::from_secs(20));
        let Some(BridgeEvent::Refused { limit, .. }) = event else {
            panic!("{event:?}");
        };
        assert_eq!(limit, Some(Limit::OriginBytes));

        let taken = Browser::open(visit(MAX_ORIGIN_BYTES));
        taken.send(&request(address));
        let event = bridge.wait_event(Duration::from_secs(20));
        let Some(BridgeEvent::Opened(session)) = event else {
            panic!("{event:?}");
        };
        assert_eq!(session.origin, Some(origin(MAX_ORIGIN_BYTES)));
        drop(taken);
        bridge.wait_event(Duration::from_secs(20));
    }
}

#[test]
fn behind_a_trusted_proxy_the_browser_s_address_counts() {
    for (header, name, of) in [
        (ProxyHeader::XForwardedFor, "X-Forwarded-For", ""),
        (ProxyHeader::Forwarded, "Forwarded", "for="),
    ] {
        let (bridge, http, server) = start(|config| {
            config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
            config.proxy_header = header;
            config.limits.offers_per_address = 1;
            config.limits.connections_per_address = 1;
            config.limits.arrivals_per_second_per_address = 1;
        });
        // The proxy is no browser: it may hold several connections.
        let _held = [connect(http), connect(http)];
        let offered = |from: &str, hops: &[&str]| {
            let hops: Vec<_> = hops.iter().map(|hop| format!("{of}{hop}")).collect();
            let headers = format!("{name}: {}\r\n", hops.join(", "));
            let answered = post(&mut connect_from(from, http), server, &headers, &offer());
            status(&answered)
        };
        assert_eq!(offered("127.0.0.1", &["192.0.2.1"]), Some(201));
        assert_eq!(offered("127.0.0.1", &["192.0.2.2"]), Some(201));
        assert_eq!(offered("127.0.0.1", &["192.0.2.1"]), Some(429));
        // Addresses before the last one may be invented by the browser.
        assert_eq!(offered("127.0.0.1", &["192.0.2.3", "192.0.2.2"]), Some(429));
        // No other proxy is trusted.
        assert_eq!(offered("127.0.0.3", &["192.0.2.4"]), Some(201));
        assert_eq!(bridge.stats().limited(Limit::OffersPerAddress), 2);
        assert_eq!(bridge.stats().offers, 3);
    }
}

#[test]
fn without_trusted_proxies_the_address_of_the_connection_counts() {
    let (_bridge, http, server) = start(|config| config.limits.offers_per_address = 1);
    for (browser, expected) in [("192.0.2.1", 201), ("192.0.2.2", 429)] {
        let headers = format!("X-Forwarded-For: {browser}\r\nForwarded: for={browser}\r\n");
        let answered = post(&mut connect(http), server, &headers, &offer());
        assert_eq!(status(&answered), Some(expected), "{answered}");
    }
}

#[test]
fn the_metrics_show_what_peers_hold_and_every_limit() {
    let (bridge, http, _) = start(|config| {
        config.limits.connections = 2;
        config.limits.arrivals_per_second = 2;
    });
    let _held = [connect(http), connect(http)];
    until("further connections are refused", || {
        drop(connect(http));
        bridge.stats().limited(Limit::Arrivals) > 0
    });
    let counters = bridge.monitor().metrics();
    for line in [
        "netcode_bridge_held{resource=\"connections\"} 2",
        "netcode_bridge_limited_total{limit=\"offer_timeout\"} 0",
        concat!(
            "netcode_bridge_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
    ] {
        assert!(counters.contains(line), "{line} in {counters}");
    }
}
