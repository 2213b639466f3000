//! Connecting. (Standard: *Client State Machine*, *Client-Side Connection Process*, *Connect Token
//! Structure*.)

use std::time::Duration;

use super::played::Played;
use super::target::Running;
use super::trial::{QUIET, Trial, check, elsewhere, elsewhere_v6};
use crate::check::{Check, Checked, missing, unobservable, wrong};
use crate::wire::{Challenge, Seal, Token, kind};

const TOKEN: &str = "Connect Token Structure";
const PROCESS: &str = "Client-Side Connection Process";
const STATES: &str = "Client State Machine";
const SEALED: &str = "Encrypted Packet Structure";

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
    check(
        "client.challenge.response",
        PROCESS,
        "a response carries the challenge as it came",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            let wanted = server.challenge.body();
            let response = server.response()?;
            if response.body != wanted {
                return wrong(format!(
                    "a response with another body, of {} bytes",
                    response.body.len()
                ));
            }
            Ok(())
        },
    ),
    check(
        "client.challenge.response-rate",
        PROCESS,
        "responses are sent ten times a second",
        |it| {
            let (mut server, _running) = it.responding(|_| ())?;
            at_ten_hertz(&mut server, kind::RESPONSE)
        },
    )
    .seconds(2),
    check(
        "client.challenge.any-sequence",
        SEALED,
        "the sequence of a challenge packet may be any",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            server.global_sequence = 5;
            server.response().map(|_| ())
        },
    ),
    check(
        "client.challenge.flipped",
        SEALED,
        "a challenge with a changed bit is dropped",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            let body = server.challenge.body();
            for at in [0, 1, 8, 9, 17, 100, 300, 320, 332] {
                let mut datagram = server.seal_global(kind::CHALLENGE, &body);
                flip(&mut datagram, at);
                server.send(&format!("challenge with byte {at} changed"), &datagram);
            }
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.challenge.other-key",
        SEALED,
        "a challenge sealed with the other direction's key is dropped",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            let body = server.challenge.body();
            let packet = Seal::new(server.token.protocol_id, kind::CHALLENGE, 1 << 63, &body);
            let datagram = packet.seal(&server.token.keys.client_to_server);
            server.send("challenge under the client's key", &datagram);
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.challenge.associated-data",
        SEALED,
        "version and protocol id are part of what is sealed",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            let body = server.challenge.body();
            let packet = Seal::new(server.token.protocol_id, kind::CHALLENGE, 1 << 63, &body);
            let key = server.token.keys.server_to_client;
            let version = Seal {
                version: b"NETCODE 1.01\0",
                ..packet
            }
            .seal(&key);
            let protocol_id = Seal {
                protocol_id: !packet.protocol_id,
                ..packet
            }
            .seal(&key);
            server.send("challenge sealed for another version", &version);
            server.send("challenge sealed for another protocol id", &protocol_id);
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.challenge.body-length",
        SEALED,
        "a challenge whose body is not 308 bytes long is dropped",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            for len in [0, 8, 307, 309, 600] {
                let mut body = server.challenge.body();
                body.resize(len, 0);
                let datagram = server.seal_global(kind::CHALLENGE, &body);
                server.send(&format!("challenge with a body of {len} bytes"), &datagram);
            }
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.challenge.other-address",
        PROCESS,
        "packets from other addresses than the server's are dropped",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            let body = server.challenge.body();
            let datagram = server.seal_global(kind::CHALLENGE, &body);
            it.send_from_elsewhere(&server, "challenge", &datagram)?;
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.challenge.later",
        STATES,
        "a later challenge does not replace the one that is answered",
        |it| {
            let (mut server, _running) = it.responding(|_| ())?;
            let wanted = server.challenge.body();
            let later =
                Challenge::seal(&[9; 32], 8, server.token.client_id, &server.token.user_data);
            let datagram = server.seal_global(kind::CHALLENGE, &later.body());
            server.send("another challenge", &datagram);
            server.listen(Duration::from_millis(150));
            let responses = server.listen(Duration::from_millis(350));
            if responses
                .iter()
                .any(|it| it.kind == kind::RESPONSE && it.body != wanted)
            {
                return wrong("the client answers the later challenge");
            }
            Ok(())
        },
    ),
    check(
        "client.response.times-out",
        STATES,
        "responses end after the timeout, after the last address",
        |it| {
            let (mut server, running) = it.responding(|token| token.timeout = 1)?;
            server.listen(Duration::from_millis(1700));
            server.is_silent(Duration::from_millis(600))?;
            it.ends_in(&running, -3)
        },
    )
    .seconds(3),
    check(
        "client.response.next-address",
        STATES,
        "after a timeout of responses the next address is tried",
        |it| {
            let (mut first, mut second, _running) = two_servers(it, 1)?;
            first.response()?;
            second.wait_for(kind::REQUEST, Duration::from_millis(2500))?;
            connects(&mut second)
        },
    )
    .seconds(2),
    check(
        "client.denied.request",
        STATES,
        "a denied request ends the attempt, after the last address",
        |it| {
            let (mut server, running) = it.requesting(|_| ())?;
            deny(&mut server);
            server.is_silent(Duration::from_millis(500))?;
            it.ends_in(&running, -1)
        },
    ),
    check(
        "client.denied.response",
        STATES,
        "a denied response ends the attempt, after the last address",
        |it| {
            let (mut server, running) = it.responding(|_| ())?;
            deny(&mut server);
            server.is_silent(Duration::from_millis(500))?;
            it.ends_in(&running, -1)
        },
    ),
    check(
        "client.denied.next-address",
        STATES,
        "a denied client tries the next address",
        |it| {
            let (mut first, mut second, _running) = two_servers(it, 5)?;
            deny(&mut first);
            second.wait_for(kind::REQUEST, Duration::from_secs(1))?;
            connects(&mut second)
        },
    ),
    check(
        "client.denied.response-next-address",
        STATES,
        "a client whose response is denied tries the next address",
        |it| {
            let (mut first, mut second, _running) = two_servers(it, 5)?;
            first.response()?;
            deny(&mut first);
            second.wait_for(kind::REQUEST, Duration::from_secs(1))?;
            connects(&mut second)
        },
    ),
    check(
        "client.denied.forged",
        SEALED,
        "a denied packet that does not open is dropped",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            for at in [0, 1, 9, 24] {
                let mut datagram = server.seal_global(kind::DENIED, &[]);
                flip(&mut datagram, at);
                server.send(&format!("denied with byte {at} changed"), &datagram);
            }
            let long = server.seal_global(kind::DENIED, &[0; 4]);
            server.send("denied with a body", &long);
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.denied.other-address",
        PROCESS,
        "a denied packet from another address is dropped",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            let datagram = server.seal_global(kind::DENIED, &[]);
            it.send_from_elsewhere(&server, "denied", &datagram)?;
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.accept.keep-alive",
        STATES,
        "a keep-alive after the response connects the client",
        |it| {
            let (mut server, running) = it.connected(|_| ())?;
            server.listen(QUIET);
            it.ends_in(&running, 3)
        },
    ),
    check(
        "client.accept.early",
        STATES,
        "a keep-alive before the challenge does not",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            server.send_keep_alive();
            server.goes_on_with(kind::REQUEST)
        },
    ),
    check(
        "client.accept.wrong-length",
        SEALED,
        "a keep-alive whose body is not 8 bytes long is dropped",
        |it| {
            let (mut server, _running) = it.responding(|_| ())?;
            for body in [&[0; 7][..], &[0; 9], &[]] {
                let datagram = server.seal(kind::KEEP_ALIVE, body);
                server.send("keep-alive of a wrong length", &datagram);
            }
            server.goes_on_with(kind::RESPONSE)
        },
    ),
    check(
        "client.accept.flipped",
        SEALED,
        "a keep-alive with a changed bit is dropped",
        |it| {
            let (mut server, _running) = it.responding(|_| ())?;
            for at in [0, 1, 2, 9, 10, 25] {
                let mut datagram = server.seal(kind::KEEP_ALIVE, &[1, 0, 0, 0, 8, 0, 0, 0]);
                flip(&mut datagram, at);
                server.send(&format!("keep-alive with byte {at} changed"), &datagram);
            }
            server.goes_on_with(kind::RESPONSE)
        },
    ),
    check(
        "client.accept.other-address",
        PROCESS,
        "a keep-alive from another address is dropped",
        |it| {
            let (mut server, _running) = it.responding(|_| ())?;
            let datagram = server.seal(kind::KEEP_ALIVE, &[1, 0, 0, 0, 8, 0, 0, 0]);
            it.send_from_elsewhere(&server, "keep-alive", &datagram)?;
            server.goes_on_with(kind::RESPONSE)
        },
    ),
    check(
        "client.hardening.two-servers-one-nonce",
        "Hardening: nonces",
        "a client repeats no nonce from one server of a token to the next",
        |it| {
            let (mut first, mut second, _running) = two_servers(it, 1)?;
            first.response()?;
            second.wait_for(kind::REQUEST, Duration::from_millis(2500))?;
            second.challenge =
                Challenge::seal(&[8; 32], 9, second.token.client_id, &second.token.user_data);
            second.response()?;
            match first.shares_nonce_with(&second) {
                Some(sequence) => {
                    wrong(format!("sequence {sequence} sealed two different packets"))
                }
                None => Ok(()),
            }
        },
    )
    .hardening()
    .seconds(2),
];

/// Place of the number of addresses in a token.
const COUNT: usize = 1089;

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

pub(super) fn flip(bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0x10;
    }
}

/// Passes if about ten packets of this type come in a second.
pub(super) fn at_ten_hertz(server: &mut Played, wanted: u8) -> Checked {
    server.listen(Duration::from_millis(150));
    let packets = server.listen(Duration::from_secs(2));
    match packets.iter().filter(|it| it.kind == wanted).count() {
        14..=24 => Ok(()),
        count => missing(format!(
            "{count} {}s in 2 s instead of 20",
            kind::name(wanted)
        )),
    }
}

fn deny(server: &mut Played) {
    for _ in 0..3 {
        let datagram = server.seal_global(kind::DENIED, &[]);
        server.send("denied", &datagram);
    }
}

/// A client that sends requests to the first of two servers.
fn two_servers(it: &mut Trial, timeout: i32) -> Checked<(Played, Played, Running)> {
    let (mut servers, key) = it.servers_with(2, |token| token.timeout = timeout)?;
    let (Some(second), Some(mut first)) = (servers.pop(), servers.pop()) else {
        return unobservable("no sockets");
    };
    let running = it.start(&first.token.public(&key))?;
    first.wait_for(kind::REQUEST, it.patience())?;
    Ok((first, second, running))
}

fn connects(server: &mut Played) -> Checked {
    server.response()?;
    server.accept()?;
    Ok(())
}
