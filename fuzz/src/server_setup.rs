//! Server, addresses and tickets of the target `server_datagrams`.

use std::net::SocketAddr;
use std::time::Duration;

use netcode_core::address::AddressList;
use netcode_core::crypto::Key;
use netcode_core::server::{PreviousKey, ReconnectRule, RestartRule, Server, ServerConfig};
use netcode_core::{ProtocolId, UnixTime};

use crate::forge::{OTHER_KEY, PRIVATE_KEY, PROTOCOL_ID, UNIX};
use crate::ticket::Ticket;

pub const SLOTS: usize = 2;

/// Configuration by the bits of `rules`.
pub fn config(rules: u8) -> ServerConfig {
    let restart_rule = if rules & 1 == 0 {
        RestartRule::AdmitAgain
    } else {
        RestartRule::RefuseOlder {
            max_token_lifetime: Duration::from_secs(60),
        }
    };
    let addresses = AddressList::new(&[server_address()]).expect("one address");
    let key = Key::from_bytes(PRIVATE_KEY);
    let mut config = ServerConfig::new(ProtocolId(PROTOCOL_ID), key, addresses, 2, restart_rule);
    if rules & 2 != 0 {
        config.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
    }
    if rules & 4 != 0 {
        config.opens_per_second = std::num::NonZeroU32::new(4);
    }
    if rules & 8 != 0 {
        config.previous_key = Some(PreviousKey {
            key: Key::from_bytes(OTHER_KEY),
            valid_until: UnixTime::from_secs(UNIX + 60),
        });
    }
    config
}

/// Private keys that open tokens at a server, at most.
pub fn keys(server: &Server<'_>) -> Vec<[u8; 32]> {
    let config = server.config();
    let previous = config.previous_key.as_ref().map(|previous| &previous.key);
    let keys = std::iter::once(&config.private_key).chain(previous);
    keys.map(|key| *key.as_bytes()).collect()
}

pub fn server_address() -> SocketAddr {
    ([10, 0, 0, 1], 40_000).into()
}

/// Two ports of one host, two networks of IPv6.
pub fn client_address(number: u8) -> SocketAddr {
    match number % 4 {
        0 => ([10, 0, 0, 2], 5000).into(),
        1 => ([10, 0, 0, 2], 5001).into(),
        2 => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5000).into(),
        _ => ([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1], 5000).into(),
    }
}

/// Eight tickets of four clients. Some have expired, name other servers too, or set no timeout. With
/// two keys, each client has a ticket under each.
pub fn tickets(two_keys: bool) -> Vec<Ticket> {
    let other = SocketAddr::from(([10, 0, 0, 9], 40_000));
    (0..8)
        .map(|number: u8| {
            let expires = match number {
                0..=6 => UNIX + 40 + 15 * u64::from(number),
                _ => UNIX,
            };
            let servers = match number % 4 {
                2 => vec![other, server_address()],
                _ => vec![server_address()],
            };
            let timeout = [5, -1, 0, 2, 5, 1, 30, 5][usize::from(number)];
            let client_id = u64::from(number / 2);
            let key = if two_keys && number % 2 == 1 {
                OTHER_KEY
            } else {
                PRIVATE_KEY
            };
            let ticket = Ticket::new(number + 1, client_id, expires, &servers);
            ticket.with_timeout(timeout).sealed_with(key)
        })
        .collect()
}
