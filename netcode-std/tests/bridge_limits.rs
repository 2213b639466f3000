//! Floods, hostile pieces, and many sessions at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]
#![allow(
    dead_code,
    reason = "each test program uses its own part of what they share"
)]

mod bridge;
mod pair;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bridge::{BOTH, Browser, Visit, listener, request};
use netcode_std::bridge::{Bridge, DropCause, FlowStats, Transport};
use pair::until;

fn dropped(flow: &FlowStats, cause: DropCause) -> u64 {
    flow.dropped
        .iter()
        .find_map(|(it, count)| (*it == cause).then_some(*count))
        .unwrap()
}

/// An open session, and where the server sees it.
fn open(transport: Transport, bridge: &Bridge, server: &UdpSocket) -> (Browser, SocketAddr) {
    let address = server.local_addr().unwrap();
    let browser = Browser::open(Visit::new(transport, bridge.addresses(), address));
    browser.send(&request(address));
    let mut buffer = [0; 2000];
    let (_, seen) = server.recv_from(&mut buffer).unwrap();
    (browser, seen)
}

#[test]
fn a_flood_from_a_browser_is_cut_to_its_rate() {
    for transport in BOTH {
        let (server, address) = listener();
        let mut config = bridge::config(&[address]);
        config.limits.datagrams_per_second = 20;
        let bridge = Bridge::start(config).unwrap();
        let (browser, _) = open(transport, &bridge, &server);
        let flood = || (0..100).for_each(|_| browser.send(&[0x15; 30]));
        until("some are dropped", || {
            flood();
            dropped(&bridge.stats().to_server, DropCause::Rate) > 500
        });
        // Two seconds' worth at once, and what the seconds since brought.
        let passed = bridge.stats().to_server.datagrams;
        assert!((20..500).contains(&passed), "{passed}");
    }
}

#[test]
fn a_flood_from_a_server_is_cut_to_its_rate() {
    for transport in BOTH {
        let (server, address) = listener();
        let mut config = bridge::config(&[address]);
        config.limits.datagrams_per_second = 20;
        let bridge = Bridge::start(config).unwrap();
        let (_browser, seen) = open(transport, &bridge, &server);
        until("some are dropped", || {
            for _ in 0..20 {
                server.send_to(&[0x15; 30], seen).unwrap();
            }
            dropped(&bridge.stats().to_browser, DropCause::Rate) > 500
        });
        let passed = bridge.stats().to_browser.datagrams;
        assert!((20..500).contains(&passed), "{passed}");
    }
}

#[test]
fn hostile_messages_reach_no_server_and_end_no_session() {
    for transport in BOTH {
        let (server, address) = listener();
        let bridge = bridge::start(&[address]);
        let (browser, _) = open(transport, &bridge, &server);
        // A back without a front, three fronts, a piece of nothing, close marks, unknown marks.
        let hostile: [&[u8]; 7] = [
            &[0x17, 1, 0, 9],
            &[0x07, 2, 0, 9, 9],
            &[0x07, 2, 0, 9, 9],
            &[0x07, 3, 0],
            &[0x08, 1],
            &[0x0f; 400],
            &[0x27, 0, 0, 1],
        ];
        let malformed = || dropped(&bridge.stats().to_server, DropCause::Malformed);
        until("all of them are dropped", || {
            // Slowly, or the session's rate would drop them.
            hostile.iter().for_each(|message| browser.send(message));
            browser.receive(Duration::from_millis(10));
            malformed() >= 50
        });
        browser.send(b"\x15 still here");
        let mut buffer = [0; 2000];
        let (len, _) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"\x15 still here");
    }
}

#[test]
fn what_no_netcode_server_sends_reaches_no_browser() {
    for transport in BOTH {
        let (server, address) = listener();
        let bridge = bridge::start(&[address]);
        let (browser, seen) = open(transport, &bridge, &server);
        for datagram in [&[0x08, 1][..], &[0x07, 0, 0, 1], &[], &[0x15; 1226]] {
            server.send_to(datagram, seen).unwrap();
        }
        server.send_to(b"\x15 good", seen).unwrap();
        let first = browser.receive(Duration::from_secs(20));
        assert_eq!(first.as_deref(), Some(&b"\x15 good"[..]), "{transport}");
        assert_eq!(dropped(&bridge.stats().to_browser, DropCause::Malformed), 4);
    }
}

#[test]
fn a_thousand_sessions_at_once_each_keep_to_themselves() {
    let (server, address) = listener();
    let mut config = bridge::config(&[address]);
    config.limits.sessions_per_address = 1000;
    config.limits.idle_timeout = Duration::from_secs(120);
    let bridge = Bridge::start(config).unwrap();
    server
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let request = request(address);
    let mut browsers = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut buffer = [0; 2000];
    while browsers.len() < 1000 {
        let first = browsers.len();
        browsers.extend((first..first + 50).map(|number| {
            Browser::open(Visit::new(BOTH[number % 2], bridge.addresses(), address))
        }));
        // As clients do, each repeats its request until it has been heard.
        until("these have been heard", || {
            browsers[first..].iter().for_each(|it| it.send(&request));
            while let Ok((_, from)) = server.recv_from(&mut buffer) {
                seen.insert(from);
            }
            seen.len() == browsers.len()
        });
    }
    server
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert_eq!(bridge.stats().sessions, 1000);
    for (number, browser) in browsers.iter().enumerate() {
        let message = format!("\x15{number}");
        browser.send(message.as_bytes());
        let (len, from) = loop {
            let (len, from) = server.recv_from(&mut buffer).unwrap();
            if buffer[..len] != request[..] {
                break (len, from);
            }
        };
        assert_eq!(&buffer[..len], message.as_bytes());
        server.send_to(&buffer[..len], from).unwrap();
        let echo = browser.receive(Duration::from_secs(20));
        assert_eq!(echo.as_deref(), Some(message.as_bytes()));
    }
    drop(browsers);
    until("all are gone", || bridge.stats().sessions == 0);
}
