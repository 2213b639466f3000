//! Challenges, denials and the keep-alive that connects. (Standard: *Client State Machine*,
//! *Client-Side Connection Process*, *Encrypted Packet Structure*.)

use std::time::Duration;

use super::played::Played;
use super::target::Running;
use super::trial::{QUIET, Trial, check};
use crate::check::{Check, Checked, missing, unobservable, wrong};
use crate::wire::{Challenge, Seal, kind};

const PROCESS: &str = "Client-Side Connection Process";
const STATES: &str = "Client State Machine";
const SEALED: &str = "Encrypted Packet Structure";

pub(super) const CHECKS: &[Check<Trial>] = &[
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

pub(super) fn connects(server: &mut Played) -> Checked {
    server.response()?;
    server.accept()?;
    Ok(())
}
