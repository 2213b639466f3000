//! Change of a server's private key: two keys open tokens for a while, and none is refused.

use std::cell::Cell;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::crafted::{Forger, NOW, deliver, drain, start, start_with};
use crate::network::{EPOCH, PROTOCOL, Ticket, World, client_address, config, key, storage};
use netcode_core::client::ClientState;
use netcode_core::crypto::{Crypto, Key, RustCrypto, Unauthentic};
use netcode_core::server::{PreviousKey, Server};
use netcode_core::{ClientId, Dropped, Instant, UnixTime};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

fn new_key() -> Key {
    Key::from_bytes([0x5a; 32])
}

/// Date until which the old key is valid in these tests.
const UNTIL: UnixTime = EPOCH.saturating_add_secs(30);

/// Client with id `n`, whose token is sealed under a key.
fn client(n: u64, key: &Key) -> Forger {
    Forger {
        token: Ticket::new(n).mint_with(PROTOCOL, key),
        from: client_address(usize::try_from(n).unwrap()),
    }
}

/// Server that has changed its key.
fn rotated() -> Server<'static> {
    let mut server = start();
    assert!(server.rotate_key(new_key(), UNTIL));
    server
}

#[test]
fn tokens_under_both_keys_connect_until_the_date_and_then_those_under_the_new_one() {
    let mut server = rotated();
    client(1, &key()).connect(&mut server, NOW).unwrap();
    client(2, &new_key()).connect(&mut server, NOW).unwrap();
    let last = EPOCH.saturating_add_secs(29);
    server.set_unix_time(NOW, last);
    client(3, &key()).connect(&mut server, NOW).unwrap();
    server.set_unix_time(NOW, UNTIL);
    let late = client(4, &key());
    assert_eq!(
        late.connect(&mut server, NOW),
        Err(Dropped::TokenUnauthentic)
    );
    client(4, &new_key()).connect(&mut server, NOW).unwrap();
}

#[test]
fn the_date_counts_without_being_told_anew() {
    let mut server = rotated();
    let mut now = NOW;
    for _ in 0..29 {
        now = now.saturating_add(Duration::from_secs(1));
        drain(&mut server, now);
    }
    client(1, &key()).connect(&mut server, now).unwrap();
    let later = now.saturating_add(Duration::from_secs(1));
    let late = client(2, &key()).connect(&mut server, later);
    assert_eq!(late, Err(Dropped::TokenUnauthentic));
}

#[test]
fn the_old_key_is_wiped_on_its_date_and_an_earlier_date_does_not_bring_it_back() {
    let mut server = rotated();
    let previous = server.config().previous_key.as_ref().unwrap();
    assert_eq!((&previous.key, previous.valid_until), (&key(), UNTIL));
    server.set_unix_time(NOW, UNTIL);
    assert!(server.config().previous_key.is_none());
    server.set_unix_time(NOW, EPOCH);
    let late = client(1, &key()).connect(&mut server, NOW);
    assert_eq!(late, Err(Dropped::TokenUnauthentic));
}

#[test]
fn a_token_under_neither_key_never_connects() {
    let mut server = rotated();
    let forged = client(1, &Key::from_bytes([1; 32]));
    for _ in 0..2 {
        let dropped = forged.connect(&mut server, NOW);
        assert_eq!(dropped, Err(Dropped::TokenUnauthentic));
        server.set_unix_time(NOW, UNTIL);
    }
    let mut changed = client(2, &key()).request();
    changed[100] ^= 1;
    let dropped = deliver(&mut server, NOW, client_address(2), &changed);
    assert_eq!(dropped, Err(Dropped::TokenUnauthentic));
    assert_eq!(server.stats().datagrams_out, 0);
}

#[test]
fn after_a_leak_the_old_key_is_refused_at_once_and_its_sessions_go_on() {
    let mut server = start();
    let [inside, half_open] = [client(1, &key()), client(2, &key())];
    inside.connect(&mut server, NOW).unwrap();
    let challenge = half_open.ask(&mut server, NOW).unwrap();
    assert!(server.rotate_key(new_key(), UnixTime::from_secs(0)));
    assert!(server.config().previous_key.is_none());
    let stolen = client(3, &key()).connect(&mut server, NOW);
    assert_eq!(stolen, Err(Dropped::TokenUnauthentic));
    // Neither a session nor a handshake depends on the key.
    deliver(&mut server, NOW, inside.from, &inside.payload(1)).unwrap();
    let response = half_open.response(&challenge, 0);
    deliver(&mut server, NOW, half_open.from, &response).unwrap();
    assert_eq!(server.connected_count(), 2);
}

#[test]
fn a_token_used_before_the_change_is_not_accepted_after_it() {
    let mut server = start();
    let used = client(1, &key());
    used.connect(&mut server, NOW).unwrap();
    let leave = used.packet(&netcode_core::packet::Packet::Disconnect, 1);
    deliver(&mut server, NOW, used.from, &leave).unwrap();
    server.rotate_key(new_key(), UNTIL);
    let again = used.connect(&mut server, NOW);
    assert_eq!(again, Err(Dropped::TokenConsumed));
}

#[test]
fn the_current_key_given_again_changes_nothing() {
    let mut server = rotated();
    assert!(!server.rotate_key(new_key(), UnixTime::from_secs(0)));
    client(1, &key()).connect(&mut server, NOW).unwrap();
    client(2, &new_key()).connect(&mut server, NOW).unwrap();
}

#[test]
fn a_second_change_leaves_the_two_latest_keys() {
    let mut server = rotated();
    let newest = Key::from_bytes([3; 32]);
    assert!(server.rotate_key(newest.clone(), UNTIL));
    let oldest = client(1, &key()).connect(&mut server, NOW);
    assert_eq!(oldest, Err(Dropped::TokenUnauthentic));
    client(2, &new_key()).connect(&mut server, NOW).unwrap();
    client(3, &newest).connect(&mut server, NOW).unwrap();
}

#[test]
fn a_server_that_is_started_during_a_change_accepts_both_keys() {
    let with_previous = |previous| {
        let mut both = config(4);
        both.previous_key = Some(PreviousKey {
            key: previous,
            valid_until: UNTIL,
        });
        start_with(both, EPOCH, 1)
    };
    let mut server = with_previous(new_key());
    client(1, &key()).connect(&mut server, NOW).unwrap();
    client(2, &new_key()).connect(&mut server, NOW).unwrap();
    // The current key as its own predecessor would only make requests cost more.
    let server = with_previous(key());
    assert!(server.config().previous_key.is_none());
}

#[test]
fn keys_are_not_printed() {
    let server = rotated();
    let printed = format!("{server:?}");
    assert!(printed.contains("previous_key: Some"), "{printed}");
    for byte in ["7, 7", "90, 90", "5a5a", "0707"] {
        assert!(!printed.contains(byte), "{printed}");
    }
}

/// Crypto that counts decryptions, and destroys what does not open, as a provider may.
struct Destructive<'c> {
    opens: &'c Cell<u32>,
}

impl Crypto for Destructive<'_> {
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
        self.opens.set(self.opens.get() + 1);
        let opened = RustCrypto.open(key, nonce, data, body_and_tag);
        if opened.is_err() {
            body_and_tag.fill(0xee);
        }
        opened
    }
}

/// Asks as a client that is not told of drops.
fn asks(server: &mut Server<'_, Destructive<'_>>, now: Instant, client: &Forger) -> bool {
    let mut request = client.request();
    server
        .handle_datagram(now, client.from, &mut request)
        .is_ok()
}

#[test]
fn a_token_costs_two_decryptions_only_if_the_current_key_does_not_open_it() {
    let opens = Cell::new(0);
    let crypto = Destructive { opens: &opens };
    let mut server = Server::with_crypto(storage(), config(4), crypto).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    server.start(NOW, EPOCH, &mut rng).unwrap();
    let cost = |server: &mut _, n, key: &Key| {
        opens.set(0);
        let answered = asks(server, NOW, &client(n, key));
        (answered, opens.get())
    };
    let forged = Key::from_bytes([1; 32]);
    assert_eq!(cost(&mut server, 1, &key()), (true, 1));
    assert_eq!(cost(&mut server, 2, &forged), (false, 1));
    server.rotate_key(new_key(), UNTIL);
    assert_eq!(cost(&mut server, 3, &new_key()), (true, 1));
    assert_eq!(cost(&mut server, 4, &key()), (true, 2));
    assert_eq!(cost(&mut server, 5, &forged), (false, 2));
    server.set_unix_time(NOW, UNTIL);
    assert_eq!(cost(&mut server, 6, &key()), (false, 1));
}

#[test]
fn a_flood_during_a_change_costs_no_more_than_the_budget_and_delays_a_client_by_less_than_four_seconds()
 {
    const BUDGET: u32 = 100;
    let opens = Cell::new(0);
    let crypto = Destructive { opens: &opens };
    let mut strict = config(4);
    strict.opens_per_second = NonZeroU32::new(BUDGET);
    let mut server = Server::with_crypto(storage(), strict, crypto).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    server.start(NOW, EPOCH, &mut rng).unwrap();
    server.rotate_key(new_key(), UNTIL);
    let honest = client(1, &key());
    let forged = client(2, &Key::from_bytes([1; 32]));
    let mut answered = None;
    for millis in 0..10_000 {
        let now = Instant::from_millis(millis);
        let mut request = forged.request();
        rng.fill_bytes(&mut request[54..]);
        let host: [u8; 4] = rng.random();
        let dropped = server.handle_datagram(now, (host, 1000).into(), &mut request);
        assert!(dropped.is_err());
        if millis >= 2_000 && millis % 100 == 0 && asks(&mut server, now, &honest) {
            answered.get_or_insert(millis - 2_000);
        }
    }
    assert!(opens.get() <= BUDGET * 11, "{} decryptions", opens.get());
    assert!(
        answered.is_some_and(|millis| millis < 4_000),
        "{answered:?}"
    );
}

#[test]
fn no_client_is_refused_while_the_keys_change_under_load() {
    let mut busy = config(16);
    busy.opens_per_second = NonZeroU32::new(400);
    let mut world = World::with(storage(), busy);
    world.weather = crate::network::STORM;
    let forged = client(2, &Key::from_bytes([1; 32])).request();
    // The backend changes its key a second after the server.
    let (server_changes, backend_changes, end) = (40, 50, 120);
    let mut players = Vec::new();
    for tenth in 0..end {
        if tenth == server_changes {
            let until = EPOCH.saturating_add_secs(backend_changes / 10 + 45);
            assert!(world.server.rotate_key(new_key(), until));
        }
        let key = if tenth < backend_changes {
            key()
        } else {
            new_key()
        };
        if tenth % 2 == 0 {
            let ticket = Ticket::new(1_000 + tenth);
            players.push(world.join_with(&ticket.mint_with(PROTOCOL, &key)));
        }
        for _ in 0..50 {
            let mut request = forged.clone();
            world.rng.fill_bytes(&mut request[54..]);
            let host: [u8; 4] = world.rng.random();
            let from = SocketAddr::from((host, 1000));
            let _ = world.deliver_to_server(from, &request);
        }
        world.run_for(Duration::from_millis(100));
        // Players come and go.
        for &player in &players {
            let connected = world.clients[player]
                .states
                .contains(&ClientState::Connected);
            let leaves = player % 4 > 0 || players.len() - player > 8;
            if connected && leaves {
                world.clients[player].client.disconnect(world.now);
            }
        }
    }
    world.run_for(Duration::from_secs(3));
    for &player in &players {
        let states = &world.clients[player].states;
        assert!(
            states.contains(&ClientState::Connected),
            "{player}: {states:?}"
        );
    }
    assert_eq!(world.server.stats().denied, 0);
    assert_eq!(world.server.find_by_id(ClientId(2)), None);
}
