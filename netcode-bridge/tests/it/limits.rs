//! Floods, slow browsers, hostile pieces, and many sessions at once.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use crate::pair::until;
use crate::world::{BOTH, Browser, Visit, listener, request};
use netcode_bridge::{Backpressure, Bridge, DropCause, FlowStats, Transport};
use tokio::runtime::{self, Runtime};

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
    let seen = greet(&browser, server);
    (browser, seen)
}

/// Sends the request; where the server sees the session.
fn greet(browser: &Browser, server: &UdpSocket) -> SocketAddr {
    browser.send(&request(server.local_addr().unwrap()));
    let mut buffer = [0; 2000];
    server.recv_from(&mut buffer).unwrap().1
}

#[test]
fn a_flood_from_a_browser_is_cut_to_its_rate() {
    for transport in BOTH {
        let (server, address) = listener();
        let mut config = crate::world::config(&[address]);
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
        let mut config = crate::world::config(&[address]);
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
        let bridge = crate::world::start(&[address]);
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
fn a_datagram_that_is_no_netcode_packet_reaches_no_browser() {
    for transport in BOTH {
        let (server, address) = listener();
        let bridge = crate::world::start(&[address]);
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

const BUFFER_BYTES: usize = 32 * 1024;
const NUMBERED_BYTES: usize = 1000;

/// A datagram that a server might send, with a number to know it by.
fn numbered(number: u32) -> Vec<u8> {
    let mut datagram = vec![0x15; NUMBERED_BYTES];
    datagram[1..5].copy_from_slice(&number.to_le_bytes());
    datagram
}

fn number_of(datagram: &[u8]) -> u32 {
    u32::from_le_bytes(datagram[1..5].try_into().unwrap())
}

/// Stops all that runs there until the sender is dropped.
fn freeze(runtime: &Runtime) -> mpsc::Sender<()> {
    let (thaw, thawed) = mpsc::channel();
    let (on_frozen, frozen) = mpsc::channel();
    runtime.spawn(async move {
        on_frozen.send(()).unwrap();
        // On the only thread there is.
        let _ = thawed.recv();
    });
    frozen.recv().unwrap();
    thaw
}

/// Sends to a browser that reads nothing until 50 datagrams were dropped; then lets it read. Returns
/// the numbers that it received, and the number of datagrams sent.
fn overrun(transport: Transport, backpressure: Backpressure) -> (BTreeSet<u32>, u32) {
    let (server, address) = listener();
    let mut config = crate::world::config(&[address]);
    config.backpressure = backpressure;
    config.limits.buffer_bytes = BUFFER_BYTES;
    config.limits.datagrams_per_second = 1_000_000;
    config.limits.bytes_per_second = 1_000_000_000;
    let bridge = Bridge::start(config).unwrap();
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let visit = Visit::new(transport, bridge.addresses(), address);
    let browser = Browser::open_on(&runtime, visit);
    let seen = greet(&browser, &server);

    let thaw = freeze(&runtime);
    let mut sent = 0;
    until("there is no room", || {
        server.send_to(&numbered(sent), seen).unwrap();
        sent += 1;
        until("it is sent on or dropped", || {
            let flow = bridge.stats().to_browser;
            flow.datagrams + dropped(&flow, DropCause::Buffer) == u64::from(sent)
        });
        dropped(&bridge.stats().to_browser, DropCause::Buffer) == 50
    });
    drop(thaw);

    let mut received = BTreeSet::new();
    until("the browser has caught up", || {
        match browser.receive(Duration::from_millis(20)) {
            Some(datagram) => received.insert(number_of(&datagram)),
            // One at a time, or these would take the room of those before.
            None => server.send_to(&numbered(sent), seen).is_err(),
        };
        received.remove(&sent)
    });
    (received, sent)
}

#[test]
fn a_slow_browser_misses_the_newest_or_the_oldest_messages_as_configured() {
    // Half of WebRTC's is SCTP's, which drops nothing.
    let room = u32::try_from(BUFFER_BYTES / NUMBERED_BYTES).unwrap();
    for transport in BOTH {
        let (received, sent) = overrun(transport, Backpressure::DropNewest);
        let missing = (0..sent).filter(|number| !received.contains(number));
        let first = missing.min().expect("50 had no room");
        assert!(first >= room, "{transport}: {first} had room");

        let (received, sent) = overrun(transport, Backpressure::DropOldest);
        let missing = (0..sent).filter(|number| !received.contains(number));
        let last = missing.max().expect("50 made room for others");
        assert!(
            last < sent - room / 2,
            "{transport}: {last} should have replaced others"
        );
    }
}

#[test]
fn a_thousand_concurrent_sessions_do_not_mix() {
    let (server, address) = listener();
    let mut config = crate::world::config(&[address]);
    config.limits.sessions_per_address = 1000;
    // On a busy machine a handshake may take longer than the default limits allow.
    let long = Duration::from_secs(120);
    config.limits.idle_timeout = long;
    config.limits.handshake_timeout = long;
    config.limits.offer_timeout = long;
    config.limits.quic_handshake_timeout = long;
    let bridge = Bridge::start(config).unwrap();
    server
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut browsers = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut buffer = [0; 2000];
    while browsers.len() < 1000 {
        let first = browsers.len();
        // Of a token that is fresh: a slow machine takes longer for all than one lives.
        let request = request(address);
        browsers.extend((first..first + 50).map(|number| {
            Browser::open(Visit::new(BOTH[number % 2], bridge.addresses(), address))
        }));
        // Nor do QUIC's clients stay in silence for longer than half a minute.
        browsers[..first].iter().for_each(|it| it.send(b"\x15"));
        // As clients do, each repeats its request until it has been heard.
        until("these have been heard", || {
            browsers[first..].iter().for_each(|it| it.send(&request));
            while let Ok((_, from)) = server.recv_from(&mut buffer) {
                seen.insert(from);
            }
            seen.len() == browsers.len()
        });
    }
    assert_eq!(bridge.stats().sessions, 1000);
    for (number, browser) in browsers.iter().enumerate() {
        let message = format!("\x15{number}");
        // A busy machine loses datagrams, so it is repeated until its echo arrives.
        until("the echo arrives", || {
            browser.send(message.as_bytes());
            while let Ok((len, from)) = server.recv_from(&mut buffer) {
                // Earlier datagrams may arrive late.
                if buffer[..len] == *message.as_bytes() {
                    server.send_to(&buffer[..len], from).unwrap();
                    break;
                }
            }
            let echo = browser.receive(Duration::from_millis(100));
            assert!(echo.is_none() || echo.as_deref() == Some(message.as_bytes()));
            echo.is_some()
        });
    }
    drop(browsers);
    until("all are gone", || bridge.stats().sessions == 0);
}
