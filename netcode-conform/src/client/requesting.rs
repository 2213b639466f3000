//! Tokens and connection requests of a client. (Standard: *Connect Token Structure*, *Client State
//! Machine*, *Client-Side Connection Process*.)

use std::time::Duration;

use super::connecting::{at_ten_hertz, connects};
use super::trial::{Trial, check, elsewhere, elsewhere_v6};
use crate::check::{Check, unobservable, wrong};
use crate::wire::{Token, kind};

const TOKEN: &str = "Connect Token Structure";
const PROCESS: &str = "Client-Side Connection Process";
const STATES: &str = "Client State Machine";

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "client.request.fields",
        PROCESS,
        "a connection request carries the token's fields",
        |it| {
            let (server, _running) = it.requesting(|_| ())?;
            match server.oddities.other_request {
                Some(len) => wrong(format!(
                    "a connection request of {len} bytes is not the token's"
                )),
                None => Ok(()),
            }
        },
    ),
    check(
        "client.request.rate",
        PROCESS,
        "requests are sent ten times a second",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            at_ten_hertz(&mut server, kind::REQUEST)
        },
    )
    .seconds(2),
    check(
        "client.request.public-list",
        TOKEN,
        "the client dials the addresses of the public part",
        |it| {
            let (mut server, key) = it.server_with(|_| ())?;
            let internal = Token {
                addresses: vec![elsewhere(1)],
                ..server.token.clone()
            };
            let mut bytes = server.token.public(&key);
            for (to, from) in bytes.iter_mut().skip(61).zip(internal.private(&key)) {
                *to = from;
            }
            let _running = it.start(&bytes)?;
            server.wait_for(kind::REQUEST, it.patience()).map(|_| ())
        },
    ),
    check(
        "client.request.32-addresses",
        TOKEN,
        "a token may name 32 addresses",
        |it| {
            it.requesting(|token| token.addresses.extend((0..31).map(elsewhere)))
                .map(|_| ())
        },
    ),
    check(
        "client.request.ipv6-in-list",
        TOKEN,
        "a token may name addresses of both families",
        |it| {
            it.requesting(|token| token.addresses.extend((0..31).map(elsewhere_v6)))
                .map(|_| ())
        },
    ),
    check(
        "client.request.ipv6",
        TOKEN,
        "the client dials an IPv6 address as the token spells it",
        |it| {
            if it.target.listen.is_ipv4() {
                return unobservable(
                    "the tool listens at an IPv4 address: run the check with --listen [::1]",
                );
            }
            it.requesting(|_| ()).map(|_| ())
        },
    ),
    check(
        "client.token.version",
        TOKEN,
        "a token of another version is refused",
        |it| it.sends_nothing(|bytes, _| set(bytes, 11, b'3')),
    )
    .seconds(1),
    check(
        "client.token.no-addresses",
        TOKEN,
        "a token without addresses is refused",
        |it| it.sends_nothing(|bytes, _| set(bytes, COUNT, 0)),
    )
    .seconds(1),
    check(
        "client.token.33-addresses",
        TOKEN,
        "a token with more than 32 addresses is refused",
        |it| it.sends_nothing(|bytes, _| set(bytes, COUNT, 33)),
    )
    .seconds(1),
    check(
        "client.token.address-type-0",
        TOKEN,
        "address type 0 is invalid",
        |it| it.sends_nothing(|bytes, _| set(bytes, COUNT + 4, 0)),
    )
    .seconds(1),
    check(
        "client.token.address-type-3",
        TOKEN,
        "address type 3 is invalid",
        |it| it.sends_nothing(|bytes, _| set(bytes, COUNT + 4, 3)),
    )
    .seconds(1),
    check(
        "client.token.expires-before-creation",
        TOKEN,
        "a token that expires before it was created is refused",
        |it| {
            it.sends_nothing(|bytes, token| {
                let expires = token.created - 10;
                for (to, from) in bytes.iter_mut().skip(29).zip(expires.to_le_bytes()) {
                    *to = from;
                }
            })
        },
    )
    .seconds(1),
    check(
        "client.request.times-out",
        STATES,
        "requests end after the timeout, after the last address",
        |it| {
            let (mut server, running) = it.requesting(|token| token.timeout = 1)?;
            server.listen(Duration::from_millis(1700));
            server.is_silent(Duration::from_millis(600))?;
            it.ends_in(&running, -2)
        },
    )
    .seconds(3),
    check(
        "client.request.negative-timeout",
        TOKEN,
        "with a negative timeout, requests go on",
        |it| {
            let (mut server, _running) = it.requesting(|token| token.timeout = -1)?;
            server.listen(Duration::from_millis(2000));
            server.goes_on_with(kind::REQUEST)
        },
    )
    .seconds(3),
    check(
        "client.request.next-address",
        STATES,
        "after the timeout the next address is tried",
        |it| {
            let (mut servers, key) = it.servers_with(2, |token| token.timeout = 1)?;
            let (Some(mut second), Some(mut first)) = (servers.pop(), servers.pop()) else {
                return unobservable("no sockets");
            };
            let _running = it.start(&first.token.public(&key))?;
            first.wait_for(kind::REQUEST, it.patience())?;
            second.wait_for(kind::REQUEST, Duration::from_millis(2500))?;
            connects(&mut second)
        },
    )
    .seconds(2),
    check(
        "client.request.lifetime",
        STATES,
        "an attempt lasts as long as the token lived at its creation, at most",
        |it| {
            let (mut server, running) = it.requesting(|token| {
                token.timeout = -1;
                token.expires = token.created + 2;
            })?;
            server.listen(Duration::from_millis(2600));
            server.is_silent(Duration::from_millis(600))?;
            it.ends_in(&running, -6)
        },
    )
    .seconds(4),
    check(
        "client.request.lifetime-over-all",
        STATES,
        "its lifetime runs over all addresses",
        |it| {
            let (mut servers, key) = it.servers_with(3, |token| {
                token.timeout = 1;
                token.expires = token.created + 2;
            })?;
            let Some(mut third) = servers.pop() else {
                return unobservable("no sockets");
            };
            let Some(first) = servers.first_mut() else {
                return unobservable("no sockets");
            };
            let running = it.start(&first.token.public(&key))?;
            first.wait_for(kind::REQUEST, it.patience())?;
            // The third would be tried after two seconds, when the attempt has ended.
            third.listen(Duration::from_millis(2700));
            third.is_silent(Duration::from_millis(600))?;
            it.ends_in(&running, -6)
        },
    )
    .seconds(4),
];

/// Place of the number of addresses in a token.
const COUNT: usize = 1089;

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}
