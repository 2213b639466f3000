//! The rules that go beyond the standard, each broken in some implementation once. Take a rule
//! out of the code, and its test here fails.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop where they fail"
)]

mod crafted;
mod network;

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use crafted::{Forger, Opened, deliver, sealed};
use netcode_core::client::ClientState;
use netcode_core::crypto::{Crypto, Key, RustCrypto, SessionKeys, Unauthentic};
use netcode_core::packet::{Packet, PacketType};
use netcode_core::server::{Server, ServerConfig, StaticStorage};
use netcode_core::{ClientIndex, Dropped, Instant, UnixTime};
use network::{
    EPOCH, PROTOCOL, STORM, Ticket, World, address, client_address, config, server_address, storage,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

const NOW: Instant = Instant::ZERO;

fn start_with(config: ServerConfig, unix: UnixTime, seed: u64) -> Server<'static> {
    let mut server = Server::new(storage(), config).unwrap();
    server
        .start(NOW, unix, &mut StdRng::seed_from_u64(seed))
        .unwrap();
    server
}

fn start() -> Server<'static> {
    start_with(config(4), EPOCH, 1)
}

/// Lets the server forget what its clients are owed.
fn drain(server: &mut Server<'static>, now: Instant) {
    let mut out = [0; 1300];
    while server.poll_transmit(now, &mut out).is_some() {}
    while server.poll_event().is_some() {}
}

// Rule 1: what needs no key to be refused is refused before one is touched.

/// Counts how often something is opened.
struct Counting<'c>(&'c Cell<u32>);

impl Crypto for Counting<'_> {
    fn seal(&self, key: &Key, nonce: &[u8; 12], data: &[u8], body_and_tag: &mut [u8]) {
        RustCrypto.seal(key, nonce, data, body_and_tag);
    }

    fn open(
        &self,
        key: &Key,
        nonce: &[u8; 12],
        data: &[u8],
        body_and_tag: &mut [u8],
    ) -> Result<(), Unauthentic> {
        self.0.set(self.0.get() + 1);
        RustCrypto.open(key, nonce, data, body_and_tag)
    }
}

#[test]
fn no_key_is_touched_for_a_datagram_that_is_malformed() {
    let opened = Cell::new(0);
    let mut server = Server::with_crypto(storage(), config(4), Counting(&opened)).unwrap();
    server
        .start(NOW, EPOCH, &mut StdRng::seed_from_u64(1))
        .unwrap();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    assert!(
        server
            .handle_datagram(NOW, forger.from, &mut forger.request())
            .is_ok()
    );
    opened.set(0);
    for prefix in 0..=255_u8 {
        let (kind, nibble) = (prefix & 0x0f, prefix >> 4);
        let fits = kind == 3 && (1..=8).contains(&nibble);
        for len in (0..1300).filter(|len| !(fits && (326..=333).contains(len))) {
            let mut datagram = vec![prefix; len];
            let result = server.handle_datagram(NOW, forger.from, &mut datagram);
            assert!(result.is_err(), "prefix {prefix:#04x}, {len} bytes");
        }
    }
    assert_eq!(opened.get(), 0);
}

// Rule 2: one session for each token.

#[test]
fn a_recorded_session_cannot_be_played_again() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.client_sends(n, b"pay 100 gold");
    world.run_for(Duration::from_secs(1));
    let recorded: Vec<_> = world
        .tape
        .iter()
        .filter(|(from, ..)| *from == client_address(n))
        .cloned()
        .collect();
    world.players[n].client.disconnect(world.now);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.server.connected_count(), 0);
    world.payloads.clear();
    for from in [client_address(n), client_address(50)] {
        for (_, _, datagram) in &recorded {
            assert!(world.deliver_to_server(from, datagram).is_err());
        }
    }
    assert_eq!(world.server.connected_count(), 0);
    assert_eq!(world.payloads, []);
    assert!(world.drops.contains(&Dropped::TokenConsumed));
}

#[test]
fn a_pending_token_may_be_shown_again_from_the_same_address_only() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.ask(&mut server, NOW).unwrap();
    let elsewhere = Forger {
        token: forger.token,
        from: client_address(2),
    };
    assert_eq!(
        elsewhere.ask(&mut server, NOW).unwrap_err(),
        Dropped::TokenElsewhere
    );
    let other_port = Forger {
        token: forger.token,
        from: address("10.1.0.1:50001"),
    };
    assert_eq!(
        other_port.ask(&mut server, NOW).unwrap_err(),
        Dropped::TokenElsewhere
    );
    forger.connect(&mut server, NOW).unwrap();
    assert_eq!((server.token_count(), server.connected_count()), (1, 1));
}

#[test]
fn a_consumed_token_never_connects_again_even_after_a_stop() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    server.stop(NOW);
    drain(&mut server, NOW);
    server
        .start(NOW, EPOCH, &mut StdRng::seed_from_u64(2))
        .unwrap();
    assert_eq!(
        forger.ask(&mut server, NOW).unwrap_err(),
        Dropped::TokenConsumed
    );
}

// Rule 3: the history forgets nothing that lives.

#[test]
fn a_full_history_refuses_new_tokens_until_old_ones_expire() {
    let tables = Box::leak(Box::new(StaticStorage::<16, 32, 3>::new())).tables();
    let mut server = Server::new(tables, config(16)).unwrap();
    server
        .start(NOW, EPOCH, &mut StdRng::seed_from_u64(1))
        .unwrap();
    let forgers: Vec<Forger> = (1..=4)
        .map(|id| {
            Forger::new(
                &Ticket::new(id),
                client_address(usize::try_from(id).unwrap()),
            )
        })
        .collect();
    for forger in &forgers[..3] {
        forger.connect(&mut server, NOW).unwrap();
    }
    assert_eq!(
        forgers[3].ask(&mut server, NOW).unwrap_err(),
        Dropped::HistoryFull
    );
    server.disconnect_all(NOW);
    drain(&mut server, NOW);
    for forger in &forgers[..3] {
        assert_eq!(
            forger.ask(&mut server, NOW).unwrap_err(),
            Dropped::TokenConsumed
        );
    }
    // They expire after 45 seconds; a token minted then has room.
    server.set_unix_time(NOW, EPOCH.saturating_add_secs(45));
    let ticket = Ticket {
        created: EPOCH.as_secs() + 45,
        ..Ticket::new(9)
    };
    Forger::new(&ticket, client_address(9))
        .connect(&mut server, NOW)
        .unwrap();
}

// Rule 4: a restart does not open what was closed.

#[test]
fn a_server_that_restarted_refuses_tokens_from_before() {
    let mut config = config(4);
    config.max_token_lifetime = Some(60);
    let restart = EPOCH.saturating_add_secs(20);
    let mut server = start_with(config, restart, 2);
    let minted_at = |created| {
        let ticket = Ticket {
            created,
            lifetime: 60,
            seed: created,
            ..Ticket::new(1)
        };
        Forger::new(&ticket, client_address(1))
    };
    for created in [EPOCH.as_secs(), restart.as_secs()] {
        let refused = minted_at(created).ask(&mut server, NOW).unwrap_err();
        assert_eq!(refused, Dropped::TokenBeforeStart);
    }
    server.set_unix_time(NOW, restart.saturating_add_secs(1));
    minted_at(restart.as_secs() + 1)
        .connect(&mut server, NOW)
        .unwrap();
}

// Rule 5: no nonce repeats under a key.

#[test]
fn two_servers_and_two_runs_draw_different_global_sequences() {
    let first_reply = |seed| {
        let mut server = start_with(config(4), EPOCH, seed);
        let forger = Forger::new(&Ticket::new(1), client_address(1));
        deliver(&mut server, NOW, forger.from, &forger.request())
            .unwrap()
            .unwrap()
    };
    let (one, other) = (first_reply(1), first_reply(2));
    // Eight sequence bytes, of which the top bit is set.
    assert_eq!((one[0] >> 4, other[0] >> 4), (8, 8));
    assert!(one[8] & other[8] & 0x80 != 0);
    assert_ne!(one[1..9], other[1..9]);
}

/// Checks that every sealed datagram on the tape that shares its nonce and key with another is
/// that other, byte for byte.
fn assert_no_nonce_repeats(world: &World) {
    let mut seen = HashMap::new();
    let sealed = world.tape.iter().filter(|(_, _, bytes)| bytes[0] != 0);
    for (from, to, bytes) in sealed {
        let upwards = *to == server_address()
            || to.ip() != from.ip() && world.players.iter().any(|p| p.address == *from);
        let player = if upwards { from } else { to };
        let len = usize::from(bytes[0] >> 4);
        let mut sequence = [0; 8];
        sequence[..len].copy_from_slice(&bytes[1..=len]);
        let nonce = (upwards, *player, u64::from_le_bytes(sequence));
        let before = seen.insert(nonce, bytes);
        assert!(
            before.is_none_or(|before| before == bytes),
            "{nonce:?} sealed twice"
        );
    }
    assert!(seen.len() > 10);
}

#[test]
fn in_a_storm_no_nonce_repeats_under_a_key() {
    let mut world = World::new(16);
    world.weather = STORM;
    let players: Vec<usize> = (0..16).map(|id| world.join(&Ticket::new(id))).collect();
    for _ in 0..100 {
        for &n in &players {
            if world.state(n) == ClientState::Connected {
                world.client_sends(n, b"up");
            }
        }
        let inside: Vec<ClientIndex> = world.server.clients().map(|info| info.client).collect();
        for client in inside {
            world.server_sends(client, b"down");
        }
        world.run_for(Duration::from_millis(20));
    }
    world.server.disconnect_all(world.now);
    world.run_for(Duration::from_secs(10));
    assert_no_nonce_repeats(&world);
}

#[test]
fn a_client_s_sequence_goes_on_from_address_to_address_and_with_the_same_token() {
    let mut config = config(4);
    let second = address("10.0.0.2:40000");
    config.addresses.push(second).unwrap();
    let mut world = World::with(storage(), config);
    let ticket = Ticket {
        servers: vec![server_address(), second],
        ..Ticket::new(1)
    };
    let n = world.join(&ticket);
    world.run_until(|world| world.state(n) == ClientState::SendingConnectionResponse);
    // The response goes to the first address, where nobody is any more.
    world.server_at = second;
    world.run_until(|world| world.state(n) == ClientState::Connected);
    world.players[n].client.disconnect(world.now);
    world.drain();
    // The same token again: the server will not have it, but the sequence must not start anew.
    world.players[n]
        .client
        .connect(world.now, &ticket.mint())
        .unwrap();
    world.players[n].client.disconnect(world.now);
    world.drain();
    let mut last = None;
    let sealed = world
        .tape
        .iter()
        .filter(|(from, _, bytes)| *from == client_address(n) && bytes[0] != 0);
    for (_, _, bytes) in sealed {
        assert!(
            last < Some(bytes[1]),
            "sequence {} after {last:?}",
            bytes[1]
        );
        last = Some(bytes[1]);
    }
}

// Rule 6: the replay window moves only for what is authentic, and does not overflow.

#[test]
fn a_forged_sequence_moves_no_replay_window() {
    let ticket = Ticket::new(1);
    let mut world = World::new(4);
    let n = world.connect(&ticket);
    let wrong = Key::from_bytes([1; 32]);
    for sequence in [300, u64::MAX >> 1, u64::MAX] {
        let mut forged = sealed(&Packet::Payload(b"forged"), &wrong, PROTOCOL, sequence);
        let dropped = world.deliver_to_server(client_address(n), &forged);
        assert_eq!(dropped, Err(Dropped::Unauthentic));
        let client = &mut world.players[n].client;
        let dropped = client.handle_datagram(world.now, server_address(), &mut forged);
        assert_eq!(dropped, Err(Dropped::Unauthentic));
    }
    world.client_sends(n, b"up");
    world.server_sends(ClientIndex(0), b"down");
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.payloads, [(ClientIndex(0), b"up".to_vec())]);
    assert_eq!(world.players[n].payloads, [b"down"]);
}

#[test]
fn the_end_of_the_sequences_neither_panics_nor_lets_anything_in_twice() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let mut send = |sequence| deliver(&mut server, NOW, forger.from, &forger.payload(sequence));
    assert_eq!(send(u64::MAX), Ok(None));
    assert_eq!(send(u64::MAX), Err(Dropped::Replayed));
    assert_eq!(send(u64::MAX - 255), Ok(None));
    assert_eq!(send(u64::MAX - 256), Err(Dropped::Replayed));
    assert_eq!(send(5), Err(Dropped::Replayed));
}

// Rule 7: half-open connections are bounded, short, and nobody's to overwrite.

#[test]
fn a_token_sent_from_a_victim_s_address_does_not_take_its_place() {
    let mut server = start();
    let victim = Forger::new(&Ticket::new(1), client_address(1));
    let challenge = victim.ask(&mut server, NOW).unwrap();
    for id in 2..=4 {
        let attacker = Forger::new(&Ticket::new(id), victim.from);
        attacker.ask(&mut server, NOW).unwrap();
    }
    let fifth = Forger::new(&Ticket::new(5), victim.from);
    assert_eq!(
        fifth.ask(&mut server, NOW).unwrap_err(),
        Dropped::HalfOpenFull
    );
    let reply = deliver(
        &mut server,
        NOW,
        victim.from,
        &victim.response(&challenge, 0),
    );
    assert_eq!(victim.open(&reply.unwrap().unwrap()), Opened::KeepAlive);
    assert_eq!(server.client(ClientIndex(0)).unwrap().client_id.0, 1);
}

#[test]
fn a_handshake_ends_soon_whatever_timeout_its_token_asks_for() {
    for timeout in [-1, 0, i32::MAX] {
        let mut world = World::new(4);
        let forger = Forger::new(
            &Ticket {
                timeout,
                ..Ticket::new(1)
            },
            client_address(1),
        );
        let challenge = forger.ask(&mut world.server, world.now).unwrap();
        assert_eq!(world.server.half_open_count(), 1);
        world.run_for(Duration::from_millis(10_100));
        assert_eq!(world.server.half_open_count(), 0);
        let late = forger.response(&challenge, 0);
        assert_eq!(
            world.deliver_to_server(forger.from, &late),
            Err(Dropped::UnknownSender)
        );
    }
}

// Rule 8: no amplification.

#[test]
fn a_reply_is_shorter_than_its_request_and_goes_only_to_tokens_that_open() {
    let mut server = start_with(config(1), EPOCH, 1);
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let request = forger.request();
    let reply = deliver(&mut server, NOW, forger.from, &request)
        .unwrap()
        .unwrap();
    assert!(reply.len() < request.len());
    let Opened::Challenge(challenge) = forger.open(&reply) else {
        panic!("no challenge")
    };
    let response = forger.response(&challenge, 0);
    let reply = deliver(&mut server, NOW, forger.from, &response)
        .unwrap()
        .unwrap();
    assert!(reply.len() < response.len());
    // Full now: the denial is shorter still.
    let second = Forger::new(&Ticket::new(2), client_address(2));
    let reply = deliver(&mut server, NOW, second.from, &second.request())
        .unwrap()
        .unwrap();
    assert_eq!(
        (second.open(&reply), reply.len()),
        (Opened::Denied, 1 + 8 + 16)
    );

    let sent = server.stats().datagrams_out;
    let other_key = Key::from_bytes([1; 32]);
    let token = Ticket::new(3).mint_with(PROTOCOL, &other_key);
    let stranger = Forger {
        token,
        from: client_address(3),
    };
    assert!(deliver(&mut server, NOW, stranger.from, &stranger.request()).is_err());
    assert_eq!(server.stats().datagrams_out, sent);
}

// Rule 9 (bounded work of a poll) is the shells': the core owes a bounded number of datagrams.

#[test]
fn a_server_owes_each_client_one_keep_alive_however_long_it_slept() {
    let mut world = World::new(16);
    for id in 0..16 {
        world.connect(&Ticket::new(id));
    }
    let later = world.now.saturating_add(Duration::from_secs(3600));
    let mut out = [0; 1300];
    let mut owed = 0;
    while world.server.poll_transmit(later, &mut out).is_some() {
        owed += 1;
    }
    assert_eq!(owed, 16);
}

// Rule 10: secrets are wiped, and not printed.

fn wiped_when_dropped<T: zeroize::ZeroizeOnDrop>() {}

#[test]
fn keys_are_wiped_when_dropped_and_never_printed() {
    wiped_when_dropped::<Key>();
    wiped_when_dropped::<SessionKeys>();
    let key = Key::from_bytes([0xab; 32]);
    let keys = SessionKeys {
        client_to_server: key.clone(),
        server_to_client: key.clone(),
    };
    for text in [
        format!("{key:?}"),
        format!("{keys:?}"),
        format!("{:?}", config(4)),
    ] {
        assert!(!text.contains("171") && !text.contains("ab, "), "{text}");
    }
}

#[test]
fn the_caller_s_buffer_keeps_no_session_key() {
    let mut server = start();
    let good = Forger::new(&Ticket::new(1), client_address(1));
    let refused = Ticket {
        servers: vec![address("10.0.0.9:1")],
        ..Ticket::new(2)
    };
    let refused = Forger::new(&refused, client_address(2));
    for forger in [good, refused] {
        let mut datagram = forger.request();
        let _ = server.handle_datagram(NOW, forger.from, &mut datagram);
        let keys = forger.keys();
        for key in [&keys.client_to_server, &keys.server_to_client] {
            assert!(!datagram.windows(32).any(|bytes| bytes == key.as_bytes()));
        }
    }
}

// Rules 11 and 12 are in `server_lifecycle` and `client_states`; what both roles share is here.

#[test]
fn types_that_count_in_the_replay_window_are_those_of_the_standard() {
    let protected = [
        (PacketType::Denied, false),
        (PacketType::Challenge, false),
        (PacketType::Response, false),
        (PacketType::KeepAlive, true),
        (PacketType::Payload, true),
        (PacketType::Disconnect, true),
    ];
    for (kind, expected) in protected {
        assert_eq!(kind.is_replay_protected(), expected);
    }
}
