//! Security rules beyond the standard: cost of unauthenticated datagrams, and protection of
//! secrets. Each was violated by some implementation. Each rule removed from the code makes its
//! test fail. The rules about tokens, nonces and handshakes are tested in `token_use`, `nonces` and
//! `half_open`.

use std::cell::Cell;
use std::time::Duration;

use crate::crafted::{Forger, NOW, Opened, deliver, start, start_with};
use crate::network::{EPOCH, PROTOCOL, Ticket, World, address, client_address, config, storage};
use netcode_core::crypto::{Crypto, Key, RustCrypto, SessionKeys, Unauthentic};
use netcode_core::packet::PacketType;
use netcode_core::server::Server;
use rand::SeedableRng;
use rand::rngs::StdRng;

// Rule 1: datagrams that can be rejected without a key are rejected before decryption.

/// Crypto that counts decryptions.
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
    let reply = forger.answer(&mut server, NOW, &response).unwrap();
    assert!(reply.len() < response.len());
    // The server is full: the denial is shorter still.
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
    let unauthentic = Forger {
        token,
        from: client_address(3),
    };
    assert!(deliver(&mut server, NOW, unauthentic.from, &unauthentic.request()).is_err());
    assert_eq!(server.stats().datagrams_out, sent);
}

// Rule 9 (bounded work of a poll) applies to the shells: the core yields a bounded number of
// datagrams.

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
    // Cipher state of the default crypto, derived from a key on the stack.
    wiped_when_dropped::<chacha20poly1305::ChaCha20Poly1305>();
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

// Rules 11 and 12 are tested in `server_lifecycle` and `client_states`; the part common to both
// roles follows.

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

#[test]
fn debug_output_shows_no_content_of_a_token() {
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let private = netcode_core::token::PublicToken::parse(&forger.token)
        .unwrap()
        .open_private(&RustCrypto, &crate::network::key())
        .unwrap();
    let public = netcode_core::token::PublicToken::parse(&forger.token).unwrap();
    let mut request = forger.request();
    request[54..].copy_from_slice(&private[..]);
    let opened = netcode_core::packet::ConnectionRequest::parse(&mut request).unwrap();
    let printed = [
        format!("{public:?}"),
        format!("{:?}", forger.token),
        format!("{opened:?}"),
        format!("{:?}", netcode_core::UserData([171; 256])),
        format!(
            "{:?}",
            netcode_core::token::PrivateToken::parse(&private).unwrap()
        ),
    ];
    let keys = forger.keys();
    for text in printed {
        for secret in [
            keys.client_to_server.as_bytes(),
            keys.server_to_client.as_bytes(),
        ] {
            let listed = format!("{:?}", &secret[..4]);
            assert!(!text.contains(&listed[1..listed.len() - 1]), "{text}");
        }
        assert!(!text.contains("171, 171"), "{text}");
        assert!(!text.contains("user_data"), "{text}");
    }
}
