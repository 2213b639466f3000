//! Connection requests that a server has to answer, and those of clients it knows already.
//! (Standard: *Processing Connection Requests*, *Connect Token Structure*.)

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::trial::{Trial, check, date};
use crate::check::{Check, Checked, missing, unobservable, wrong};
use crate::wire::{Token, kind};

const SECTION: &str = "Processing Connection Requests";
const TOKEN: &str = "Connect Token Structure";

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "request.accepted",
        SECTION,
        "a valid request with one address is answered, and the client connects",
        |it| {
            let token = it.token();
            connects(it, token)
        },
    ),
    check(
        "request.32-addresses",
        TOKEN,
        "a token may name 32 addresses, the server's last",
        |it| {
            let own = it.public_address();
            let token = with_addresses(it, (0..31).map(other).chain([own]));
            connects(it, token)
        },
    ),
    check(
        "request.first-of-32",
        TOKEN,
        "a token may name 32 addresses, the server's first",
        |it| {
            let own = it.public_address();
            let token = with_addresses(it, std::iter::once(own).chain((0..31).map(other)));
            connects(it, token)
        },
    ),
    check(
        "request.ipv6-in-list",
        TOKEN,
        "IPv6 addresses may stand before the server's",
        |it| {
            let own = it.public_address();
            let token = with_addresses(it, (0..3).map(other_v6).chain([own]));
            connects(it, token)
        },
    ),
    check(
        "request.ipv4-in-list",
        TOKEN,
        "IPv4 addresses may stand before the server's",
        |it| {
            let own = it.public_address();
            let token = with_addresses(it, (0..3).map(other).chain([own]));
            connects(it, token)
        },
    ),
    check(
        "request.32-ipv6-addresses",
        TOKEN,
        "a token may name 31 IPv6 addresses beside the server's",
        |it| {
            let own = it.public_address();
            let token = with_addresses(it, (0..31).map(other_v6).chain([own]));
            connects(it, token)
        },
    ),
    check(
        "request.ipv6",
        TOKEN,
        "a server with an IPv6 address finds it in the token",
        |it| {
            if it.public_address().is_ipv4() {
                return unobservable(
                    "the server has an IPv4 address: run the check against an IPv6 one",
                );
            }
            let token = it.token();
            connects(it, token)
        },
    ),
    check(
        "request.smallest-client-id",
        TOKEN,
        "client id 0 is a client id",
        |it| {
            let token = Token {
                client_id: 0,
                ..it.token()
            };
            connects(it, token)
        },
    ),
    check(
        "request.largest-client-id",
        TOKEN,
        "client id 2^64 - 1 is a client id",
        |it| {
            let token = Token {
                client_id: u64::MAX,
                ..it.token()
            };
            connects(it, token)
        },
    ),
    check(
        "request.creation-in-future",
        SECTION,
        "the server sees no creation time",
        |it| {
            let token = Token {
                created: date() + 1000,
                ..it.token()
            };
            connects(it, token)
        },
    ),
    check(
        "request.repeated",
        SECTION,
        "the same request from the same address is answered again",
        |it| {
            let mut player = it.player("client")?;
            player.challenge()?;
            player.challenge()?;
            player.connect()
        },
    ),
    check(
        "request.newer-token",
        SECTION,
        "a client may begin again with another token at its address",
        |it| {
            let mut player = it.player("client")?;
            player.challenge()?;
            let token = it.token();
            player.begin_again(token, it.key());
            player.connect()
        },
    ),
    check(
        "request.id-connected",
        SECTION,
        "a token of a client id that is connected is dropped",
        |it| {
            let mut first = it.connected("client")?;
            let token = Token {
                client_id: first.token.client_id,
                ..it.token()
            };
            it.drops_all(&[(
                "a second token of a connected client".to_owned(),
                token.request(it.key()),
            )])?;
            first.is_still_connected()
        },
    )
    .slots(2),
    check(
        "request.address-connected",
        SECTION,
        "a request from an address that is connected is dropped",
        |it| {
            let mut first = it.connected("client")?;
            let request = fresh(it);
            first.send("connection request with another token", &request);
            first.send("connection request with another token", &request);
            it.control()?;
            // An answer would be sealed with the other token's keys.
            first.listen(it.quiet());
            if first.oddities.unreadable.is_some() {
                return wrong("a connected address got an answer to another token's request");
            }
            first.is_still_connected()
        },
    ),
    check(
        "request.connected-repeats",
        SECTION,
        "a client's own request after it connected changes nothing",
        |it| {
            let mut first = it.connected("client")?;
            let request = first.request.clone();
            for _ in 0..3 {
                first.send("connection request again", &request);
            }
            for packet in first.listen(it.quiet()) {
                if !matches!(packet.kind, kind::KEEP_ALIVE | kind::PAYLOAD) {
                    return wrong(format!("it got a {}", kind::name(packet.kind)));
                }
            }
            first.is_still_connected()
        },
    ),
    check(
        "request.one-answer",
        SECTION,
        "one request has one answer",
        |it| {
            let mut player = it.player("client")?;
            let request = player.request.clone();
            player.send("connection request", &request);
            let answers = player.listen(it.quiet() * 4).len();
            match answers {
                0 => missing("no answer"),
                1 => Ok(()),
                _ => wrong(format!("{answers} answers to one request")),
            }
        },
    ),
];

/// Passes if a client with this token connects.
fn connects(it: &mut Trial, token: Token) -> Checked {
    it.player_with("client", token)?.connect()
}

pub(super) fn with_addresses(it: &mut Trial, addresses: impl Iterator<Item = SocketAddr>) -> Token {
    let addresses = addresses.collect();
    Token {
        addresses,
        ..it.token()
    }
}

/// An address that is not the server's: of a block for documentation.
pub(super) fn other(number: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, number), 40_000).into()
}

fn other_v6(number: u8) -> SocketAddr {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0x1122, 0x3344, 0, 0, 0, u16::from(number));
    (address, 40_000).into()
}

/// A valid request.
pub(super) fn fresh(it: &mut Trial) -> Vec<u8> {
    let token = it.token();
    token.request(it.key())
}
