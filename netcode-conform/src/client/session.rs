//! Keep-alives, timeouts and disconnects of a client, and its survival. (Standard: *Connection
//! Keep-Alive Packet*, *Connection Disconnect Packet*, *Client State Machine*.)

use std::time::{Duration, Instant};

use rand::{Rng as _, RngExt as _};

use super::connecting::{at_ten_hertz, flip};
use super::played::Played;
use super::trial::{QUIET, Trial, check};
use crate::check::{Check, Checked, missing, unobservable, wrong};
use crate::server::{DISCONNECT_ME, payload};
use crate::wire::kind;

const KEEP_ALIVE: &str = "Connection Keep-Alive Packet";
const SEALED: &str = "Encrypted Packet Structure";
const REPLAY: &str = "Replay Protection";
const STATES: &str = "Client State Machine";
const DISCONNECT: &str = "Connection Disconnect Packet";
const READING: &str = "Reading Encrypted Packets";

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "client.keep-alive.rate",
        KEEP_ALIVE,
        "keep-alives are sent ten times a second",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            at_ten_hertz(&mut server, kind::KEEP_ALIVE)
        },
    )
    .seconds(3),
    check(
        "client.keep-alive.body",
        KEEP_ALIVE,
        "a keep-alive has a body of 8 bytes",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let packet = server.wait_for(kind::KEEP_ALIVE, Duration::from_millis(500))?;
            match packet.body.len() {
                8 => Ok(()),
                len => wrong(format!("a keep-alive with a body of {len} bytes")),
            }
        },
    ),
    check(
        "client.packet.minimal-sequence",
        SEALED,
        "the client leaves out the high zero bytes of a sequence, and writes one byte at least",
        |it| match after_traffic(it)?.oddities.not_minimal {
            Some(prefix) => wrong(format!(
                "a packet with prefix {prefix:#04x} has not as few sequence bytes as it needs"
            )),
            None => Ok(()),
        },
    )
    .seconds(1),
    check(
        "client.packet.nonce-once",
        SEALED,
        "no sequence seals two packets",
        |it| match after_traffic(it)?.oddities.nonce_reused {
            Some(sequence) => wrong(format!("sequence {sequence} sealed two different packets")),
            None => Ok(()),
        },
    )
    .seconds(1),
    check(
        "client.packet.all-open",
        SEALED,
        "every packet of the client opens with the session's key",
        |it| match after_traffic(it)?.oddities.unreadable {
            Some(len) => wrong(format!("a datagram of {len} bytes does not open")),
            None => Ok(()),
        },
    )
    .seconds(1),
    check(
        "client.timeout.ends",
        STATES,
        "silence for the token's timeout ends the session",
        |it| {
            let (mut server, running) = it.connected(|token| token.timeout = 1)?;
            server.keeps_alive = false;
            server.listen(Duration::from_millis(1800));
            server.is_silent(Duration::from_millis(600))?;
            it.ends_in(&running, -4)
        },
    )
    .seconds(3),
    check(
        "client.timeout.not-early",
        STATES,
        "silence for less than the timeout does not",
        |it| {
            let (mut server, _running) = it.connected(|token| token.timeout = 2)?;
            server.keeps_alive = false;
            server.listen(Duration::from_millis(1300));
            server.is_still_connected()
        },
    )
    .seconds(2),
    check(
        "client.timeout.negative",
        STATES,
        "a negative timeout means none",
        |it| {
            let (mut server, _running) = it.connected(|token| token.timeout = -1)?;
            server.keeps_alive = false;
            server.listen(Duration::from_millis(2500));
            server.is_still_connected()
        },
    )
    .seconds(3),
    check(
        "client.timeout.zero",
        STATES,
        "a timeout of zero ends no session that is kept alive",
        |it| {
            let (mut server, _running) = it.connected(|token| token.timeout = 0)?;
            server.listen(Duration::from_millis(1200));
            server.is_still_connected()
        },
    )
    .seconds(2),
    check(
        "client.timeout.keep-alives-keep",
        STATES,
        "keep-alives alone keep a session",
        |it| {
            let (mut server, _running) = it.connected(|token| token.timeout = 1)?;
            server.listen(Duration::from_millis(2500));
            server.is_still_connected()
        },
    )
    .seconds(3),
    check(
        "client.timeout.forged-keeps-nothing",
        STATES,
        "what does not open is no sign of life",
        |it| {
            let (mut server, running) = it.connected(|token| token.timeout = 1)?;
            server.keeps_alive = false;
            let recorded = server.seal(kind::KEEP_ALIVE, &[1, 0, 0, 0, 8, 0, 0, 0]);
            server.send("keep-alive", &recorded);
            let end = Instant::now() + Duration::from_millis(2200);
            while Instant::now() < end {
                let mut forged = server.seal(kind::KEEP_ALIVE, &[1, 0, 0, 0, 8, 0, 0, 0]);
                flip(&mut forged, 12);
                server.send("forged keep-alive", &forged);
                server.send("keep-alive that was sent before", &recorded);
                server.listen(Duration::from_millis(200));
            }
            server.is_silent(Duration::from_millis(600))?;
            it.ends_in(&running, -4)
        },
    )
    .seconds(4),
    check(
        "client.disconnect.ends",
        DISCONNECT,
        "the server's disconnect packet ends the session",
        |it| {
            let (mut server, running) = it.connected(|_| ())?;
            server.connected = false;
            for _ in 0..10 {
                let datagram = server.seal(kind::DISCONNECT, &[]);
                server.send("disconnect", &datagram);
            }
            server.is_silent(Duration::from_millis(600))?;
            it.ends_in(&running, 0)
        },
    )
    .seconds(1),
    check(
        "client.disconnect.no-next-address",
        STATES,
        "a client that was connected tries no other server",
        |it| {
            let (mut servers, key) = it.servers_with(2, |_| ())?;
            let (Some(mut second), Some(mut first)) = (servers.pop(), servers.pop()) else {
                return unobservable("no sockets");
            };
            let _running = it.start(&first.token.public(&key))?;
            first.wait_for(kind::REQUEST, it.patience())?;
            first.response()?;
            first.accept()?;
            first.connected = false;
            for _ in 0..10 {
                let datagram = first.seal(kind::DISCONNECT, &[]);
                first.send("disconnect", &datagram);
            }
            match second.listen(Duration::from_millis(700)).is_empty() {
                true => Ok(()),
                false => wrong("the client sent a connection request to the next server"),
            }
        },
    )
    .seconds(1),
    check(
        "client.disconnect.forged",
        DISCONNECT,
        "a disconnect packet that does not open ends nothing",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            for at in [1, 5, 17] {
                let mut datagram = server.seal(kind::DISCONNECT, &[]);
                flip(&mut datagram, at);
                server.send("forged disconnect", &datagram);
            }
            server.listen(QUIET);
            server.is_still_connected()
        },
    ),
    check(
        "client.disconnect.body-length",
        DISCONNECT,
        "a disconnect packet with a body is dropped",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            for len in [1, 8] {
                let datagram = server.seal(kind::DISCONNECT, &vec![0; len]);
                server.send("disconnect with a body", &datagram);
            }
            server.listen(QUIET);
            server.is_still_connected()
        },
    ),
    check(
        "client.disconnect.other-address",
        DISCONNECT,
        "a disconnect packet from another address is dropped",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let datagram = server.seal(kind::DISCONNECT, &[]);
            it.send_from_elsewhere(&server, "disconnect", &datagram)?;
            server.listen(QUIET);
            server.is_still_connected()
        },
    ),
    check(
        "client.disconnect.replayed-sequence",
        REPLAY,
        "a disconnect packet with a used sequence is dropped",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let used = server.sequence - 1;
            let datagram = server.seal_at(used, kind::DISCONNECT, &[]);
            server.send("disconnect with the sequence of a keep-alive", &datagram);
            server.listen(QUIET);
            server.is_still_connected()
        },
    ),
    check(
        "client.disconnect.redundant",
        DISCONNECT,
        "a client that leaves sends ten disconnect packets",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            match leaving(&mut server)? {
                count @ 0..8 => missing(format!("{count} disconnect packets instead of 10")),
                _ => Ok(()),
            }
        },
    )
    .seconds(1),
    check(
        "client.disconnect.silence",
        DISCONNECT,
        "after its disconnect packets the client is silent",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            leaving(&mut server)?;
            server.is_silent(Duration::from_millis(500))
        },
    )
    .seconds(1),
    check(
        "client.denied.connected",
        STATES,
        "a denied packet ends no session",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let datagram = server.seal_global(kind::DENIED, &[]);
            server.send("denied", &datagram);
            server.listen(QUIET);
            server.is_still_connected()
        },
    ),
    check(
        "client.survival.requesting",
        READING,
        "a client that requests survives any datagram",
        |it| {
            let (mut server, _running) = it.requesting(|_| ())?;
            bombard(it, &mut server);
            server.response().map(|_| ())
        },
    )
    .seconds(1),
    check(
        "client.survival.responding",
        READING,
        "a client that responds survives any datagram",
        |it| {
            let (mut server, _running) = it.responding(|_| ())?;
            bombard(it, &mut server);
            server.accept()
        },
    )
    .seconds(1),
    check(
        "client.survival.connected",
        READING,
        "a connected client survives any datagram",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            bombard(it, &mut server);
            server.is_still_connected()
        },
    )
    .seconds(1),
    check(
        "client.survival.authentic",
        READING,
        "a connected client survives authentic packets of any type and length",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            for kind in [
                kind::REQUEST,
                kind::CHALLENGE,
                kind::RESPONSE,
                kind::KEEP_ALIVE,
                kind::PAYLOAD,
                7,
                15,
            ] {
                for len in [0, 1, 7, 8, 9, 300, 308, 309, 1200, 1201] {
                    let datagram = server.seal(kind, &vec![0; len]);
                    server.send(
                        &format!("a packet of type {kind} with a body of {len} bytes"),
                        &datagram,
                    );
                }
            }
            server.listen(QUIET);
            server.is_still_connected()
        },
    )
    .seconds(1),
];

fn after_traffic(it: &mut Trial) -> Checked<Played> {
    let (mut server, running) = it.connected(|_| ())?;
    if it.echo {
        for number in 0..30 {
            server.echo(&payload("traffic", 20 + number))?;
        }
    }
    server.listen(Duration::from_millis(350));
    drop(running);
    Ok(server)
}

/// Number of disconnect packets of a client that was asked to leave.
fn leaving(server: &mut Played) -> Checked<usize> {
    let mut count = 0;
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end && count == 0 {
        let datagram = server.seal(kind::PAYLOAD, DISCONNECT_ME);
        server.send("payload that asks to leave", &datagram);
        let packets = server.listen(Duration::from_millis(200));
        count += packets
            .iter()
            .filter(|it| it.kind == kind::DISCONNECT)
            .count();
    }
    server.connected = false;
    let late = server.listen(Duration::from_millis(100));
    count += late.iter().filter(|it| it.kind == kind::DISCONNECT).count();
    if count == 0 {
        return unobservable(format!(
            "the client does not leave when it gets the payload {:?}: have the harness do so",
            String::from_utf8_lossy(DISCONNECT_ME)
        ));
    }
    Ok(count)
}

/// Sends datagrams of any form from the server's address.
fn bombard(it: &mut Trial, server: &mut Played) {
    server.send("empty datagram", &[]);
    for prefix in 0..=255 {
        for len in [1, 17, 18, 25, 60, 333] {
            let mut datagram = vec![prefix; len];
            it.rng.fill_bytes(datagram.get_mut(1..).unwrap_or_default());
            server.send(
                &format!("prefix {prefix:#04x} and {} random bytes", len - 1),
                &datagram,
            );
        }
        if prefix % 8 == 0 {
            // The client's receive buffer holds some hundred.
            std::thread::sleep(Duration::from_millis(3));
        }
    }
    for len in [1225, 1226, 2048, 9000, 60_000] {
        server.send(&format!("{len} bytes"), &vec![0x15; len]);
    }
    for _ in 0..100 {
        let mut datagram = vec![0; it.rng.random_range(0..1300)];
        it.rng.fill_bytes(&mut datagram);
        server.send("random datagram", &datagram);
    }
    server.listen(QUIET);
}
