//! Sessions between a client and a server on embassy-net's sockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests stop where they fail"
)]

mod executor;
#[path = "../it/frames/mod.rs"]
mod frames;
mod neighbours;
mod rig;
mod wire;

use std::net::SocketAddr;

use embassy_futures::join::join;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_time::{Duration, Instant, MockDriver, Timer};
use netcode_smoltcp::core::client::{self, ClientState};
use netcode_smoltcp::core::server::{self, DisconnectReason};
use netcode_smoltcp::embassy::{Client, Server};
use netcode_smoltcp::{BUFFER_BYTES, SendError};
use rig::{Family, SLOT, SOCKETS, client_on, device, server_on, token};
use wire::{SharedWire, wire};

/// Both ends of a session, and the wire between them.
struct Pair {
    wire: SharedWire,
    address: SocketAddr,
    server: Server<'static, SOCKETS>,
    client: Client<'static>,
}

/// Runs `script` with a client that is connecting to a server, over `family`.
fn with_pair<F: Future<Output = ()>>(family: Family, script: impl FnOnce(Pair) -> F) {
    let _clock = executor::clock();
    let wire = wire();
    let (server_stack, mut server_runner) = device(&wire, family, 1);
    let (client_stack, mut client_runner) = device(&wire, family, 2);
    let address = family.server();
    let mut pair = Pair {
        wire,
        address,
        server: server_on(server_stack, address),
        client: client_on(client_stack),
    };
    pair.client.connect(&token(address, 1)).unwrap();
    let network = join(server_runner.run(), client_runner.run());
    executor::run(network, script(pair));
}

impl Pair {
    /// Both sides run until the client's state is `wanted`; gives what the server saw meanwhile.
    async fn until(&mut self, wanted: ClientState) -> Vec<server::Event<()>> {
        let mut events = vec![];
        let (mut ours, mut theirs) = ([0; BUFFER_BYTES], [0; BUFFER_BYTES]);
        while self.client.state() != wanted {
            let client = self.client.next_event(&mut ours);
            let server = self.server.next_event(&mut theirs);
            match select(client, server).await {
                Either::First(client::Event::StateChanged(state)) => {
                    assert!(!state.is_error() || state == wanted, "{}", state.as_str());
                }
                Either::First(_) => {}
                Either::Second(server::Event::Payload { .. }) => {}
                Either::Second(event) => events.push(event.map_payload(|_| ())),
            }
        }
        events
    }

    /// Both sides run for a while; gives the payloads that each received, and the server's events.
    async fn pass(&mut self, millis: u64) -> Passed {
        let mut passed = Passed::default();
        let (mut ours, mut theirs) = ([0; BUFFER_BYTES], [0; BUFFER_BYTES]);
        let end = Instant::now() + Duration::from_millis(millis);
        loop {
            let client = self.client.next_event(&mut ours);
            let server = self.server.next_event(&mut theirs);
            match select3(client, server, Timer::at(end)).await {
                Either3::First(client::Event::Payload { payload, .. }) => {
                    passed.client.push(payload.to_vec());
                }
                Either3::First(_) => {}
                Either3::Second(server::Event::Payload { payload, .. }) => {
                    passed.server.push(payload.to_vec());
                }
                Either3::Second(event) => passed.events.push(event.map_payload(|_| ())),
                Either3::Third(()) => return passed,
            }
        }
    }

    /// Payloads of each size cross in both directions, whole.
    async fn exchange(&mut self) {
        for len in [1, 100, 1200] {
            let (up, down) = (vec![7; len], vec![9; len]);
            self.client.send(&up).unwrap();
            self.server.send(SLOT, &down).unwrap();
            let passed = self.pass(10).await;
            assert_eq!(passed.server, [up]);
            assert_eq!(passed.client, [down]);
        }
    }
}

#[derive(Default)]
struct Passed {
    client: Vec<Vec<u8>>,
    server: Vec<Vec<u8>>,
    events: Vec<server::Event<()>>,
}

impl Passed {
    fn reason(&self) -> Option<DisconnectReason> {
        self.events.iter().find_map(|event| match event {
            server::Event::Disconnected { reason, .. } => Some(*reason),
            _ => None,
        })
    }
}

#[test]
fn payloads_of_every_size_cross_over_ipv4() {
    with_pair(Family::V4, async |mut pair| {
        let events = pair.until(ClientState::Connected).await;
        assert!(matches!(events[..], [server::Event::Connected { .. }]));
        pair.exchange().await;
    });
}

#[test]
fn payloads_of_every_size_cross_over_ipv6() {
    with_pair(Family::V6, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.exchange().await;
    });
}

#[test]
fn a_silent_session_is_kept_alive_past_its_timeout() {
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.pass(10_000).await;
        assert!(pair.client.is_connected());
        assert_eq!(pair.server.core().connected_count(), 1);
    });
}

#[test]
fn a_client_that_leaves_is_seen_to_leave() {
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.client.disconnect();
        let passed = pair.pass(100).await;
        assert_eq!(passed.reason(), Some(DisconnectReason::ByClient));
        assert_eq!(pair.client.state(), ClientState::Disconnected);
        assert_eq!(pair.server.core().connected_count(), 0);
    });
}

#[test]
fn a_disconnect_by_the_server_reaches_the_client() {
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        assert!(pair.server.disconnect(SLOT));
        pair.until(ClientState::Disconnected).await;
    });
}

#[test]
fn a_server_that_stops_disconnects_every_client() {
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.server.stop();
        pair.until(ClientState::Disconnected).await;
    });
}

#[test]
fn a_silent_server_is_given_up_after_the_timeout_and_not_before() {
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.pass(500).await;
        let began = Instant::now();
        let mut buffer = [0; BUFFER_BYTES];
        // The server is not polled: it is silent, and the client is woken by its timer alone.
        let event = pair.client.next_event(&mut buffer).await;
        let end = client::Event::StateChanged(ClientState::ConnectionTimedOut);
        assert_eq!(event, end);
        let waited = began.elapsed().as_millis();
        assert!((2_800..=3_100).contains(&waited), "{waited} ms");
    });
}

#[test]
fn a_link_that_is_down_for_longer_than_the_timeout_ends_the_session_and_a_new_token_begins_another()
{
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.wire.borrow_mut().cut();
        pair.pass(2_000).await;
        assert!(pair.client.is_connected(), "shorter than the timeout");
        let passed = pair.pass(2_000).await;
        assert_eq!(pair.client.state(), ClientState::ConnectionTimedOut);
        assert_eq!(passed.reason(), Some(DisconnectReason::TimedOut));
        pair.wire.borrow_mut().mend();
        pair.client.connect(&token(pair.address, 2)).unwrap();
        pair.until(ClientState::Connected).await;
        pair.exchange().await;
    });
}

#[test]
fn a_wire_that_loses_delays_but_does_not_break() {
    with_pair(Family::V4, async |mut pair| {
        pair.wire.borrow_mut().loss = 0.2;
        pair.until(ClientState::Connected).await;
        let mut arrived = 0;
        for round in 0..200_u32 {
            pair.client.send(&round.to_le_bytes()).unwrap();
            arrived += pair.pass(10).await.server.len();
        }
        assert!(
            (130..=190).contains(&arrived),
            "about 80 % of 200: {arrived}"
        );
        assert!(pair.client.is_connected());
    });
}

#[test]
fn a_full_buffer_is_said_and_loses_nothing_that_was_taken() {
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.pass(200).await;
        let taken = (0..)
            .take_while(|&byte| pair.client.send(&[byte; 1200]).is_ok())
            .count();
        assert!((1..=2).contains(&taken));
        assert_eq!(pair.client.send(&[0; 1200]), Err(SendError::BufferFull));
        assert_eq!(pair.client.socket_stats().tx_full, 2);
        assert_eq!(pair.pass(50).await.server.len(), taken);
        pair.client.send(&[0; 1200]).unwrap();
        assert_eq!(pair.pass(50).await.server.len(), 1);
    });
}

#[test]
fn a_full_server_denies_the_next() {
    let _clock = executor::clock();
    let wire = wire();
    let address = Family::V4.server();
    let (server_stack, mut server_runner) = device(&wire, Family::V4, 1);
    let mut server = server_on(server_stack, address);
    let (stack, mut runner) = device(&wire, Family::V4, 2);
    let mut clients = [1, 2, 3, 4].map(|_| client_on(stack));
    let network = join(server_runner.run(), runner.run());
    let serve = async {
        let mut buffer = [0; BUFFER_BYTES];
        loop {
            let _ = server.next_event(&mut buffer).await;
        }
    };
    let connect = async {
        let mut buffer = [0; BUFFER_BYTES];
        let mut ends = vec![];
        for (seed, client) in (1..).zip(&mut clients) {
            client.connect(&token(address, seed)).unwrap();
            while !client.is_connected() && client.core().server_address().is_some() {
                let _ = client.next_event(&mut buffer).await;
            }
            ends.push(client.state());
        }
        ends
    };
    let ends = match executor::run(network, select(serve, connect)) {
        Either::First(never) => never,
        Either::Second(ends) => ends,
    };
    use ClientState::{Connected, ConnectionDenied};
    assert_eq!(ends, [Connected, Connected, Connected, ConnectionDenied]);
}

#[test]
fn a_late_turn_reads_arrived_datagrams_before_it_evaluates_timeouts() {
    with_pair(Family::V4, async |mut pair| {
        pair.until(ClientState::Connected).await;
        pair.pass(500).await;
        let mut buffer = [0; BUFFER_BYTES];
        // The server is silent for a little less than the timeout.
        let silence = Timer::after(Duration::from_millis(2500));
        let silence = select(pair.client.next_event(&mut buffer), silence).await;
        assert!(matches!(silence, Either::Second(())));
        // It sends at last, and then no side has a turn for long.
        pair.server.send(SLOT, b"here").unwrap();
        MockDriver::get().advance(Duration::from_secs(5));
        match pair.client.next_event(&mut buffer).await {
            client::Event::Payload { payload, .. } => assert_eq!(payload, b"here"),
            event => panic!("{event:?}"),
        }
    });
}
