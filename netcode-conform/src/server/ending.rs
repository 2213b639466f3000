//! Timeouts and disconnects. (Standard: *Connect Token Structure* for the timeout, *Connection
//! Disconnect Packet*.)

use std::time::{Duration, Instant};

use super::player::Player;
use super::trial::{Trial, check, payload};
use crate::check::{Check, Checked, Finding, missing, unobservable};
use crate::wire::{Seal, Token, kind};

const TIMEOUT: &str = "Connect Token Structure";
const DISCONNECT: &str = "Connection Disconnect Packet";

/// Payload upon which a harness disconnects its sender.
pub const DISCONNECT_ME: &[u8] = b"netcode conform: disconnect me";

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "timeout.ends",
        TIMEOUT,
        "silence for the token's timeout ends the session",
        |it| {
            let mut player = it.connected_with_timeout("client", 1)?;
            player.keeps_alive = false;
            player.listen(Duration::from_millis(2200));
            player.session_has_ended(Duration::from_millis(600))
        },
    )
    .seconds(3),
    check(
        "timeout.not-early",
        TIMEOUT,
        "silence for less than the timeout does not",
        |it| {
            let mut player = it.connected_with_timeout("client", 2)?;
            player.keeps_alive = false;
            player.listen(Duration::from_millis(1300));
            player.is_still_connected()?;
            player.send_keep_alive();
            player.listen(Duration::from_millis(1300));
            player.is_still_connected()
        },
    )
    .seconds(4),
    check(
        "timeout.negative",
        TIMEOUT,
        "a negative timeout means none",
        |it| {
            let mut player = it.connected_with_timeout("client", -1)?;
            player.send_keep_alive();
            player.keeps_alive = false;
            player.listen(Duration::from_millis(3000));
            player.is_still_connected()
        },
    )
    .seconds(4),
    check(
        "timeout.most-negative",
        TIMEOUT,
        "every negative timeout means none",
        |it| {
            let mut player = it.connected_with_timeout("client", i32::MIN)?;
            player.send_keep_alive();
            player.keeps_alive = false;
            player.listen(Duration::from_millis(1500));
            player.is_still_connected()
        },
    )
    .seconds(2),
    check(
        "timeout.zero",
        TIMEOUT,
        "a timeout of zero ends no session that is kept alive",
        |it| {
            let mut player = it.connected_with_timeout("client", 0)?;
            player.listen(Duration::from_millis(1200));
            player.is_still_connected()
        },
    )
    .seconds(2),
    check(
        "timeout.largest",
        TIMEOUT,
        "the largest timeout does not overflow",
        |it| {
            let mut player = it.connected_with_timeout("client", i32::MAX)?;
            player.keeps_alive = false;
            player.listen(Duration::from_millis(1500));
            player.is_still_connected()
        },
    )
    .seconds(2),
    check(
        "timeout.payloads-keep",
        TIMEOUT,
        "payloads alone keep a session",
        |it| {
            let mut player = it.connected_with_timeout("client", 1)?;
            player.keeps_alive = false;
            for _ in 0..8 {
                let datagram = player.seal(kind::PAYLOAD, &payload("sign of life", 20));
                player.send("payload", &datagram);
                player.listen(Duration::from_millis(300));
            }
            player.is_still_connected()
        },
    )
    .seconds(3),
    check(
        "timeout.forged-keeps-nothing",
        TIMEOUT,
        "what does not open is no sign of life",
        |it| {
            let mut player = it.connected_with_timeout("client", 1)?;
            player.keeps_alive = false;
            let end = Instant::now() + Duration::from_millis(2500);
            while Instant::now() < end {
                let mut forged = player.seal(kind::KEEP_ALIVE, &[0; 8]);
                if let Some(last) = forged.last_mut() {
                    *last ^= 1;
                }
                player.send("forged keep-alive", &forged);
                let request = player.request.clone();
                player.send("connection request", &request);
                player.listen(Duration::from_millis(200));
            }
            player.session_has_ended(Duration::from_millis(600))
        },
    )
    .seconds(4),
    check(
        "timeout.frees-the-id",
        TIMEOUT,
        "after a timeout the client id may connect again",
        |it| {
            let mut player = it.connected_with_timeout("client", 1)?;
            player.keeps_alive = false;
            player.connected = false;
            player.listen(Duration::from_millis(2300));
            connects_again(it, player.token.client_id)
        },
    )
    .seconds(3)
    .slots(2),
    check(
        "disconnect.ends",
        DISCONNECT,
        "a disconnect packet ends the session",
        |it| {
            let mut player = it.connected("client")?;
            player.leave();
            player.session_has_ended(Duration::from_millis(600))
        },
    )
    .seconds(1),
    check(
        "disconnect.one-is-enough",
        DISCONNECT,
        "one disconnect packet of the ten is enough",
        |it| {
            let mut player = it.connected("client")?;
            let datagram = player.seal(kind::DISCONNECT, &[]);
            player.send("disconnect", &datagram);
            player.connected = false;
            player.listen(Duration::from_millis(150));
            if player
                .listen(Duration::from_millis(600))
                .iter()
                .any(|it| it.kind != kind::DISCONNECT)
            {
                // The one may have been lost.
                return missing("the session went on after a disconnect packet");
            }
            Ok(())
        },
    )
    .seconds(1),
    check(
        "disconnect.frees-the-id",
        DISCONNECT,
        "the client id may connect again at once",
        |it| {
            let mut player = it.connected("client")?;
            let id = player.token.client_id;
            player.leave();
            connects_again(it, id)
        },
    )
    .slots(2),
    check(
        "disconnect.frees-the-address",
        DISCONNECT,
        "the address may connect again at once",
        |it| {
            let mut player = it.connected("client")?;
            player.leave();
            let token = it.token();
            player.begin_again(token, it.key());
            player.connect()
        },
    )
    .slots(2),
    check(
        "disconnect.forged",
        DISCONNECT,
        "a disconnect packet that does not open ends nothing",
        |it| {
            let mut player = it.connected("client")?;
            let key = player.token.keys.server_to_client;
            let other_way = Seal::new(it.protocol_id(), kind::DISCONNECT, 77, &[]).seal(&key);
            let mut flipped = player.seal(kind::DISCONNECT, &[]);
            if let Some(last) = flipped.last_mut() {
                *last ^= 0x80;
            }
            for _ in 0..5 {
                player.send("disconnect under the server's key", &other_way);
                player.send("disconnect with a changed MAC", &flipped);
            }
            player.listen(Duration::from_millis(150));
            player.is_still_connected()
        },
    ),
    check(
        "disconnect.other-address",
        DISCONNECT,
        "a disconnect packet from another address ends nothing",
        |it| {
            let mut player = it.connected("client")?;
            let datagram = player.seal(kind::DISCONNECT, &[]);
            it.drops_all(&[(
                "a client's disconnect packet from another address".to_owned(),
                datagram,
            )])?;
            player.listen(Duration::from_millis(150));
            player.is_still_connected()
        },
    ),
    check(
        "disconnect.replayed-type",
        DISCONNECT,
        "a disconnect packet counts once for its sequence",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            player.echo(&payload("window", 40))?;
            // Its sequence was used by a payload already.
            let used = player.sequence - 1;
            let datagram = player.seal_at(used, kind::DISCONNECT, &[]);
            player.send("disconnect with a used sequence", &datagram);
            player.listen(Duration::from_millis(150));
            player.is_still_connected()
        },
    ),
    check(
        "disconnect.body-length",
        DISCONNECT,
        "a disconnect packet with a body is dropped",
        |it| {
            let mut player = it.connected("client")?;
            for len in [1, 8, 100] {
                let datagram = player.seal(kind::DISCONNECT, &vec![0; len]);
                player.send("disconnect with a body", &datagram);
            }
            player.listen(Duration::from_millis(150));
            player.is_still_connected()
        },
    ),
    check(
        "disconnect.before-response",
        DISCONNECT,
        "a disconnect packet of a client that is not connected changes nothing",
        |it| {
            let mut player = it.player("client")?;
            let challenge = player.challenge()?;
            let datagram = player.seal(kind::DISCONNECT, &[]);
            player.send("disconnect before the response", &datagram);
            player.hears_nothing(it.quiet())?;
            player.respond(&challenge)
        },
    ),
    check(
        "disconnect.leaves-others",
        DISCONNECT,
        "a client that leaves does not end others' sessions",
        |it| {
            let mut stays = it.connected("client that stays")?;
            let mut leaves = it.connected("client that leaves")?;
            leaves.leave();
            leaves.listen(Duration::from_millis(150));
            stays.listen(Duration::from_millis(100));
            stays.is_still_connected()
        },
    )
    .slots(2),
    check(
        "disconnect.redundant",
        DISCONNECT,
        "a server that ends a session sends ten disconnect packets",
        |it| {
            let (_, packets) = disconnected_by_server(it)?;
            match packets.len() {
                // A network may lose some.
                count @ 0..8 => missing(format!("{count} disconnect packets instead of 10")),
                _ => Ok(()),
            }
        },
    )
    .seconds(1),
    check(
        "disconnect.by-server-ends",
        DISCONNECT,
        "after its disconnect packets the server is silent",
        |it| {
            let (mut player, _) = disconnected_by_server(it)?;
            player.session_has_ended(Duration::from_millis(600))
        },
    )
    .seconds(1),
];

fn connects_again(it: &mut Trial, client_id: u64) -> Checked {
    let token = Token {
        client_id,
        ..it.token()
    };
    let mut again = it.player_with("client again", token)?;
    match again.connect() {
        Err(Finding::Missing(text)) => missing(format!("{text}, with a new token of its id")),
        other => other,
    }
}

/// A client that asked the server's harness to be disconnected, and its disconnect packets.
fn disconnected_by_server(it: &mut Trial) -> Checked<(Player, Vec<u64>)> {
    let mut player = it.connected("client")?;
    let mut sequences = Vec::new();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end && sequences.is_empty() {
        let datagram = player.seal(kind::PAYLOAD, DISCONNECT_ME);
        player.send("payload that asks to be disconnected", &datagram);
        let packets = player.listen(Duration::from_millis(200));
        let ended = packets.iter().filter(|it| it.kind == kind::DISCONNECT);
        sequences.extend(ended.map(|it| it.sequence));
    }
    if sequences.is_empty() {
        return unobservable(format!(
            "the server does not disconnect a client that sends the payload {:?}: have the harness \
             do so",
            String::from_utf8_lossy(DISCONNECT_ME)
        ));
    }
    player.connected = false;
    let more = player.listen(Duration::from_millis(100)).into_iter();
    sequences.extend(
        more.filter(|it| it.kind == kind::DISCONNECT)
            .map(|it| it.sequence),
    );
    Ok((player, sequences))
}
