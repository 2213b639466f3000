//! Challenges and responses. (Standard: *Connection Challenge Packet*, *Processing Connection
//! Response Packets*.)

use super::player::Player;
use super::trial::{Form, Trial, check};
use crate::check::{Check, Checked, Finding, missing, wrong};
use crate::wire::{Challenge, Seal, kind};

const CHALLENGE: &str = "Connection Challenge Packet";
const RESPONSE: &str = "Processing Connection Response Packets";
const SEALED: &str = "Encrypted Packet Structure";

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "challenge.form",
        CHALLENGE,
        "a challenge is sealed for the client and holds 308 bytes",
        |it| {
            let mut player = it.player("client")?;
            player.challenge()?;
            match player.oddities.unreadable {
                Some(len) => wrong(format!("a datagram of {len} bytes does not open")),
                None => Ok(()),
            }
        },
    ),
    check(
        "challenge.global-sequence",
        SEALED,
        "packets before a session have sequences of the top half",
        |it| {
            let mut player = it.player("client")?;
            let sequence = challenge_packet_sequence(&mut player)?;
            if sequence >> 63 == 0 {
                return wrong(format!(
                    "the challenge has sequence {sequence}, which a packet of the session has too: one \
                 nonce seals two packets"
                ));
            }
            Ok(())
        },
    ),
    check(
        "challenge.sequences-differ",
        CHALLENGE,
        "each challenge has a challenge sequence of its own",
        |it| {
            let mut player = it.player("client")?;
            let mut sequences = Vec::new();
            for _ in 0..4 {
                let sequence = player.challenge()?.sequence;
                if sequences.contains(&sequence) {
                    return wrong(format!("challenge sequence {sequence} was used twice"));
                }
                sequences.push(sequence);
            }
            Ok(())
        },
    ),
    check(
        "challenge.tokens-differ",
        CHALLENGE,
        "two clients have two challenge tokens",
        |it| {
            let first = it.player("client")?.challenge()?;
            let second = it.player("other client")?.challenge()?;
            if first.token == second.token {
                return wrong("two clients got the same challenge token");
            }
            Ok(())
        },
    )
    .slots(2),
    check(
        "challenge.older-is-valid",
        RESPONSE,
        "the challenge before the latest is valid too",
        |it| {
            let mut player = it.player("client")?;
            let first = player.challenge()?;
            player.challenge()?;
            player.respond(&first)
        },
    ),
    check(
        "response.accepted",
        RESPONSE,
        "a response is answered by a keep-alive with a slot",
        |it| {
            let player = it.connected("client")?;
            match player.place {
                Some((index, slots)) if index < slots => Ok(()),
                Some((index, slots)) => wrong(format!("client index {index} of {slots} slots")),
                None => wrong("the first keep-alive has no body of 8 bytes"),
            }
        },
    ),
    check(
        "response.slots-differ",
        RESPONSE,
        "two clients have two slots",
        |it| {
            let (first, second) = (it.connected("client")?, it.connected("other client")?);
            if first.place.is_some() && first.place == second.place {
                return wrong("two connected clients have the same client index");
            }
            Ok(())
        },
    )
    .slots(2),
    check(
        "response.repeated",
        RESPONSE,
        "a response that is repeated changes nothing",
        |it| {
            let mut player = it.player("client")?;
            let challenge = player.challenge()?;
            player.respond(&challenge)?;
            let place = player.place;
            for _ in 0..3 {
                let again = player.seal(kind::RESPONSE, &challenge.body());
                player.send("response again", &again);
            }
            player.is_still_connected()?;
            player.listen(it.quiet() * 3);
            if player.place != place {
                return wrong("its client index changed");
            }
            Ok(())
        },
    ),
    sequence_bytes("response.1-sequence-byte", |it| with_sequence(it, 1)),
    sequence_bytes("response.2-sequence-bytes", |it| with_sequence(it, 2)),
    sequence_bytes("response.3-sequence-bytes", |it| with_sequence(it, 3)),
    sequence_bytes("response.4-sequence-bytes", |it| with_sequence(it, 4)),
    sequence_bytes("response.5-sequence-bytes", |it| with_sequence(it, 5)),
    sequence_bytes("response.6-sequence-bytes", |it| with_sequence(it, 6)),
    sequence_bytes("response.7-sequence-bytes", |it| with_sequence(it, 7)),
    sequence_bytes("response.8-sequence-bytes", |it| with_sequence(it, 8)),
    check(
        "response.flipped",
        SEALED,
        "a response with a changed bit is dropped",
        |it| {
            refuses(it, |player, challenge| {
                let whole = response(player, challenge);
                let places = [0, 1, 2, 10, 100, 200, 300, 309, 310, 325];
                places
                    .into_iter()
                    .filter(|&at| at < whole.len())
                    .map(|at| {
                        let mut changed = whole.clone();
                        if let Some(byte) = changed.get_mut(at) {
                            // The lowest bit of the type would make a keep-alive of it: also dropped.
                            *byte ^= 1 << (at % 8);
                        }
                        (format!("a response with byte {at} changed"), changed)
                    })
                    .collect()
            })
        },
    ),
    check(
        "response.other-key",
        SEALED,
        "a response sealed with the other direction's key is dropped",
        |it| {
            refuses(it, |player, challenge| {
                let body = challenge.body();
                let packet = Seal::new(player.token.protocol_id, kind::RESPONSE, 7, &body);
                let key = player.token.keys.server_to_client;
                vec![(
                    "a response under the server's key".to_owned(),
                    packet.seal(&key),
                )]
            })
        },
    ),
    check(
        "response.associated-data",
        SEALED,
        "version and protocol id are part of what is sealed",
        |it| {
            refuses(it, |player, challenge| {
                let body = challenge.body();
                let packet = Seal::new(player.token.protocol_id, kind::RESPONSE, 7, &body);
                let key = player.token.keys.client_to_server;
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
                vec![
                    ("a response sealed for another version".to_owned(), version),
                    (
                        "a response sealed for another protocol id".to_owned(),
                        protocol_id,
                    ),
                ]
            })
        },
    ),
    check(
        "response.challenge-changed",
        RESPONSE,
        "a changed challenge token does not open",
        |it| {
            refuses(it, |player, challenge| {
                let places = [0, 8, 100, 200, 283, 284, 299];
                places
                    .into_iter()
                    .map(|at| {
                        let mut changed = challenge.clone();
                        if let Some(byte) = changed.token.get_mut(at) {
                            *byte ^= 0x20;
                        }
                        let text = format!("a challenge token with byte {at} changed");
                        (text, response(player, &changed))
                    })
                    .collect()
            })
        },
    ),
    check(
        "response.challenge-sequence-changed",
        RESPONSE,
        "a challenge token opens with its own sequence alone",
        |it| {
            refuses(it, |player, challenge| {
                [1, 1 << 32, 1 << 63]
                    .into_iter()
                    .map(|bit| {
                        let sequence = challenge.sequence ^ bit;
                        let changed = Challenge {
                            sequence,
                            ..challenge.clone()
                        };
                        let text = format!("a challenge sequence changed by {bit:#x}");
                        (text, response(player, &changed))
                    })
                    .collect()
            })
        },
    ),
    check(
        "response.invented-challenge",
        RESPONSE,
        "a challenge token that the server did not seal is dropped",
        |it| {
            refuses(it, |player, challenge| {
                let (id, data) = (player.token.client_id, player.token.user_data);
                let zero_key = Challenge::seal(&[0; 32], challenge.sequence, id, &data);
                let session_key = player.token.keys.client_to_server;
                let own_key = Challenge::seal(&session_key, challenge.sequence, id, &data);
                vec![
                    (
                        "a challenge token under a key of zeros".to_owned(),
                        response(player, &zero_key),
                    ),
                    (
                        "a challenge token under a session key".to_owned(),
                        response(player, &own_key),
                    ),
                ]
            })
        },
    ),
    check(
        "response.body-length",
        SEALED,
        "a response whose body is not 308 bytes long is dropped",
        |it| {
            refuses(it, |player, challenge| {
                [0, 8, 307, 309, 600]
                    .into_iter()
                    .map(|len| {
                        let mut body = challenge.body();
                        body.resize(len, 0);
                        let text = format!("a response with a body of {len} bytes");
                        (text, player.seal(kind::RESPONSE, &body))
                    })
                    .collect()
            })
        },
    ),
    check(
        "response.without-request",
        RESPONSE,
        "a response from an address without a request is dropped",
        |it| {
            let mut player = it.player("client")?;
            let challenge = player.challenge()?;
            let datagram = response(&mut player, &challenge);
            it.drops_all(&[(
                "a response from another address than its request".to_owned(),
                datagram,
            )])
        },
    ),
    check(
        "response.payload-instead",
        RESPONSE,
        "a challenge is answered by a response and nothing else",
        |it| {
            refuses(it, |player, challenge| {
                let body = challenge.body();
                [
                    kind::KEEP_ALIVE,
                    kind::PAYLOAD,
                    kind::DISCONNECT,
                    kind::CHALLENGE,
                    kind::DENIED,
                ]
                .into_iter()
                .map(|kind| {
                    let text = format!("the challenge's body in a {}", kind::name(kind));
                    (text, player.seal(kind, &body))
                })
                .collect()
            })
        },
    ),
];

const fn sequence_bytes(id: &'static str, run: fn(&mut Trial) -> Checked) -> Check<Trial> {
    check(id, SEALED, "a sequence of this many bytes is read", run)
}

/// A client's response has a sequence that needs so many bytes.
fn with_sequence(it: &mut Trial, bytes: u32) -> Checked {
    let mut player = it.player("client")?;
    let challenge = player.challenge()?;
    player.sequence = sequence_of(bytes);
    player.respond(&challenge)
}

/// A sequence that needs so many bytes, each of them another.
pub(crate) fn sequence_of(bytes: u32) -> u64 {
    0x0102_0304_0506_0708 >> (64 - 8 * bytes.min(8))
}

/// Sequence of the packet that carries a challenge.
fn challenge_packet_sequence(player: &mut Player) -> Checked<u64> {
    player.exchange(
        "challenge after a connection request",
        |player| player.request.clone(),
        "connection request",
        |packet| (packet.kind == kind::CHALLENGE).then_some(packet.sequence),
    )
}

fn response(player: &mut Player, challenge: &Challenge) -> Vec<u8> {
    player.seal(kind::RESPONSE, &challenge.body())
}

/// Passes if none of these datagrams connects a client that was challenged, and a response does.
fn refuses(it: &mut Trial, make: impl Fn(&mut Player, &Challenge) -> Vec<Form>) -> Checked {
    let mut player = it.player("client")?;
    let challenge = player.challenge()?;
    for (text, datagram) in make(&mut player, &challenge) {
        player.send(&text, &datagram);
        player.send(&text, &datagram);
        player
            .hears_nothing(it.quiet())
            .map_err(|finding| match finding {
                Finding::Wrong(what) => Finding::Wrong(format!("{what} after {text}")),
                other => other,
            })?;
    }
    player.sequence += 1000;
    match player.respond(&challenge) {
        Err(Finding::Missing(_)) => missing("the true response was not accepted afterwards"),
        other => other,
    }
}
