//! Keep-alives and payloads of a session. (Standard: *Connection Keep-Alive Packet*, *Connection
//! Payload Packet*, *Server-Side Connection Process*.)

use std::time::{Duration, Instant};

use super::handshake::sequence_of;
use super::player::Player;
use super::trial::{Trial, check, payload};
use crate::check::{Check, Checked, missing, unobservable, wrong};
use crate::wire::{MAX_PAYLOAD_BYTES, Seal, kind};

const KEEP_ALIVE: &str = "Connection Keep-Alive Packet";
const PAYLOAD: &str = "Connection Payload Packet";
const SEALED: &str = "Encrypted Packet Structure";
const PROCESS: &str = "Server-Side Connection Process";

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "keep-alive.body",
        KEEP_ALIVE,
        "a keep-alive holds the client index and the number of slots",
        |it| {
            let mut player = it.connected("client")?;
            let place = player.place;
            let end = Instant::now() + Duration::from_millis(450);
            while let Some(packet) = player.receive(end) {
                if packet.kind == kind::KEEP_ALIVE && packet.body.len() != 8 {
                    return wrong(format!(
                        "a keep-alive with a body of {} bytes",
                        packet.body.len()
                    ));
                }
            }
            if player.place != place || place.is_none() {
                return wrong("the client index or the number of slots changed");
            }
            Ok(())
        },
    ),
    check(
        "keep-alive.rate",
        KEEP_ALIVE,
        "keep-alives are sent ten times a second",
        |it| {
            let mut player = it.connected("client")?;
            player.listen(Duration::from_millis(200));
            let packets = player.listen(Duration::from_secs(2));
            match packets
                .iter()
                .filter(|it| it.kind == kind::KEEP_ALIVE)
                .count()
            {
                // A server's turn may add up to a hundredth to each interval, and a network may lose.
                count @ 0..14 => missing(format!("{count} keep-alives in 2 s instead of 20")),
                14..=24 => Ok(()),
                count => missing(format!("{count} keep-alives in 2 s instead of 20")),
            }
        },
    )
    .seconds(3),
    check(
        "keep-alive.keeps",
        PROCESS,
        "keep-alives alone keep a session",
        |it| {
            let mut player = it.connected_with_timeout("client", 1)?;
            player.listen(Duration::from_millis(2500));
            player.is_still_connected()
        },
    )
    .seconds(3),
    check(
        "keep-alive.wrong-length",
        KEEP_ALIVE,
        "a keep-alive whose body is not 8 bytes long is no sign of life",
        |it| {
            let mut player = it.connected_with_timeout("client", 1)?;
            player.keeps_alive = false;
            let end = Instant::now() + Duration::from_millis(2500);
            while Instant::now() < end {
                for body in [&[0; 7][..], &[0; 9], &[]] {
                    let datagram = player.seal(kind::KEEP_ALIVE, body);
                    player.send("keep-alive of a wrong length", &datagram);
                }
                player.listen(Duration::from_millis(200));
            }
            player.session_has_ended(Duration::from_millis(600))
        },
    )
    .seconds(4),
    check(
        "keep-alive.before-confirmed",
        PROCESS,
        "until the client is confirmed, a keep-alive precedes each payload",
        |it| {
            let mut player = it.player("client")?;
            let challenge = player.challenge()?;
            player.keeps_alive = false;
            player.connected = true;
            let datagram = player.seal(kind::RESPONSE, &challenge.body());
            player.send("response", &datagram);
            let packets = player.listen(Duration::from_millis(700));
            let kinds: Vec<u8> = packets.iter().map(|packet| packet.kind).collect();
            if !kinds.contains(&kind::PAYLOAD) {
                return unobservable(
                    "the server sent no payload to a client that was silent: it would show if the \
                 server greeted every client with a payload",
                );
            }
            let preceded = |at: usize| {
                at.checked_sub(1).and_then(|it| kinds.get(it)) == Some(&kind::KEEP_ALIVE)
            };
            let payloads = (0..kinds.len()).filter(|&at| kinds.get(at) == Some(&kind::PAYLOAD));
            match payloads.filter(|&at| !preceded(at)).count() {
                0 => Ok(()),
                count => wrong(format!(
                    "{count} payloads were sent without a keep-alive before"
                )),
            }
        },
    )
    .seconds(1),
    check(
        "payload.1-byte",
        PAYLOAD,
        "a payload has at least 1 byte",
        |it| {
            it.needs_echo()?;
            it.connected("client")?.echo(&[0x5a])
        },
    ),
    check(
        "payload.100-bytes",
        PAYLOAD,
        "payloads of usual lengths are carried",
        |it| echoes(it, 100),
    ),
    check(
        "payload.1183-bytes",
        PAYLOAD,
        "a payload may have 1183 bytes",
        |it| echoes(it, 1183),
    ),
    check(
        "payload.1199-bytes",
        PAYLOAD,
        "a payload may have 1199 bytes",
        |it| echoes(it, 1199),
    ),
    check(
        "payload.1200-bytes",
        PAYLOAD,
        "a payload may have 1200 bytes",
        |it| echoes(it, MAX_PAYLOAD_BYTES),
    ),
    check(
        "payload.zeros",
        PAYLOAD,
        "the content of a payload is the application's",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            player.echo(&[0; 64])?;
            player.echo(&[0xff; 65])
        },
    ),
    check(
        "payload.empty",
        PAYLOAD,
        "a payload of 0 bytes is dropped",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let datagram = player.seal(kind::PAYLOAD, &[]);
            player.send("empty payload", &datagram);
            let marker = payload("after an empty one", 40);
            let mut empties = 0;
            player.exchange(
                "payload after an empty one",
                |player| player.seal(kind::PAYLOAD, &marker),
                "payload after an empty one",
                |packet| {
                    empties += u32::from(packet.kind == kind::PAYLOAD && packet.body.is_empty());
                    (packet.kind == kind::PAYLOAD && packet.body == marker).then_some(())
                },
            )?;
            if empties > 0 {
                return wrong("an empty payload came back");
            }
            player.is_still_connected()
        },
    ),
    check(
        "payload.1201-bytes",
        PAYLOAD,
        "a payload of more than 1200 bytes is dropped",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let mut forms = Vec::new();
            for len in [1201, 1300, 4000] {
                let datagram = player.seal(kind::PAYLOAD, &payload("too long", len));
                forms.push((format!("a payload of {len} bytes"), datagram));
            }
            it.drops_payloads(&mut player, &forms)
        },
    ),
    sequence_bytes("payload.1-sequence-byte", |it| with_sequence(it, 1)),
    sequence_bytes("payload.2-sequence-bytes", |it| with_sequence(it, 2)),
    sequence_bytes("payload.3-sequence-bytes", |it| with_sequence(it, 3)),
    sequence_bytes("payload.4-sequence-bytes", |it| with_sequence(it, 4)),
    sequence_bytes("payload.5-sequence-bytes", |it| with_sequence(it, 5)),
    sequence_bytes("payload.6-sequence-bytes", |it| with_sequence(it, 6)),
    sequence_bytes("payload.7-sequence-bytes", |it| with_sequence(it, 7)),
    sequence_bytes("payload.8-sequence-bytes", |it| with_sequence(it, 8)),
    check(
        "payload.no-sequence-bytes",
        SEALED,
        "a packet without a sequence byte is dropped",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let body = payload("no sequence bytes", 40);
            let packet = Seal::new(it.protocol_id(), kind::PAYLOAD, 0, &body);
            let packet = Seal {
                sequence_bytes: Some(0),
                ..packet
            };
            let datagram = packet.seal(&player.token.keys.client_to_server);
            it.drops_payloads(
                &mut player,
                &[("a payload with sequence 0 in no byte".to_owned(), datagram)],
            )
        },
    ),
    check(
        "payload.flipped",
        SEALED,
        "a payload with a changed bit is dropped",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let body = payload("flipped", 40);
            let mut forms = Vec::new();
            for at in [0, 1, 2, 10, 30, 41, 42, 50, 57] {
                let mut datagram = player.seal(kind::PAYLOAD, &body);
                let at = at.min(datagram.len() - 1);
                if let Some(byte) = datagram.get_mut(at) {
                    *byte ^= 0x10;
                }
                forms.push((format!("a payload with byte {at} changed"), datagram));
            }
            it.drops_payloads(&mut player, &forms)
        },
    ),
    check(
        "payload.other-key",
        SEALED,
        "a payload sealed with the other direction's key is dropped",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let body = payload("other key", 40);
            let packet = Seal::new(it.protocol_id(), kind::PAYLOAD, 5000, &body);
            let server_key = packet.seal(&player.token.keys.server_to_client);
            let private_key = packet.seal(it.key());
            it.drops_payloads(
                &mut player,
                &[
                    ("a payload under the server's key".to_owned(), server_key),
                    ("a payload under the private key".to_owned(), private_key),
                ],
            )
        },
    ),
    check(
        "payload.associated-data",
        SEALED,
        "version, protocol id and prefix are part of what is sealed",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let body = payload("associated", 40);
            let key = player.token.keys.client_to_server;
            let packet = Seal::new(it.protocol_id(), kind::PAYLOAD, 5000, &body);
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
            let mut keep_alive = Seal {
                kind: kind::KEEP_ALIVE,
                ..packet
            }
            .seal(&key);
            if let Some(prefix) = keep_alive.first_mut() {
                *prefix = (*prefix & 0xf0) | kind::PAYLOAD;
            }
            it.drops_payloads(
                &mut player,
                &[
                    ("a payload sealed for another version".to_owned(), version),
                    (
                        "a payload sealed for another protocol id".to_owned(),
                        protocol_id,
                    ),
                    (
                        "a payload sealed under another prefix".to_owned(),
                        keep_alive,
                    ),
                ],
            )
        },
    ),
    check(
        "payload.other-address",
        PROCESS,
        "a client's packets from another address are dropped",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let datagram = player.seal(kind::PAYLOAD, &payload("elsewhere", 40));
            it.drops_all(&[("a payload from another address".to_owned(), datagram)])?;
            it.drops_payloads(&mut player, &[])
        },
    ),
    check(
        "payload.before-response",
        PROCESS,
        "a payload of a client that is not connected is dropped",
        |it| {
            it.needs_echo()?;
            let mut player = it.player("client")?;
            let challenge = player.challenge()?;
            let datagram = player.seal(kind::PAYLOAD, &payload("early", 40));
            player.send("payload before the response", &datagram);
            player.hears_nothing(it.quiet() * 2)?;
            player.respond(&challenge)?;
            it.drops_payloads(&mut player, &[])
        },
    ),
    check(
        "payload.other-types",
        PROCESS,
        "types that no client sends are dropped",
        |it| {
            let mut player = it.connected("client")?;
            for kind in [kind::DENIED, kind::CHALLENGE, 7, 8, 15] {
                let text = format!("packet of type {kind}");
                for body in [Vec::new(), vec![0; 8], vec![0; 308]] {
                    let datagram = player.seal(kind, &body);
                    player.send(&text, &datagram);
                }
            }
            it.control()?;
            player.is_still_connected()
        },
    ),
    check(
        "packet.minimal-sequence",
        SEALED,
        "the server leaves out the high zero bytes of a sequence, and writes one byte at least",
        |it| {
            let player = after_traffic(it)?;
            match player.oddities.not_minimal {
                Some(prefix) => wrong(format!(
                    "a packet with prefix {prefix:#04x} has not as few sequence bytes as it needs, or none"
                )),
                None => Ok(()),
            }
        },
    ),
    check(
        "packet.nonce-once",
        SEALED,
        "no sequence seals two packets",
        |it| {
            let player = after_traffic(it)?;
            match player.oddities.nonce_reused {
                Some(sequence) => {
                    wrong(format!("sequence {sequence} sealed two different packets"))
                }
                None => Ok(()),
            }
        },
    ),
    check(
        "packet.sequence-rises",
        SEALED,
        "sequences of a session rise by one",
        |it| {
            let mut player = it.connected("client")?;
            let packets = player.listen(Duration::from_millis(700));
            let mut sequences: Vec<u64> = packets.iter().map(|it| it.sequence).collect();
            sequences.sort_unstable();
            let (Some(first), Some(last)) = (sequences.first(), sequences.last()) else {
                return missing("no keep-alives");
            };
            if last - first >= sequences.len() as u64 + 4 {
                return wrong(format!(
                    "{} packets have sequences {first} to {last}",
                    sequences.len()
                ));
            }
            Ok(())
        },
    )
    .seconds(1),
    check(
        "packet.all-open",
        SEALED,
        "every packet of the server opens with the session's key",
        |it| {
            let player = after_traffic(it)?;
            match player.oddities.unreadable {
                Some(len) => wrong(format!("a datagram of {len} bytes does not open")),
                None => Ok(()),
            }
        },
    ),
];

const fn sequence_bytes(id: &'static str, run: fn(&mut Trial) -> Checked) -> Check<Trial> {
    check(id, SEALED, "a sequence of this many bytes is read", run)
}

fn echoes(it: &mut Trial, len: usize) -> Checked {
    it.needs_echo()?;
    it.connected("client")?.echo(&payload("length", len))
}

fn with_sequence(it: &mut Trial, bytes: u32) -> Checked {
    it.needs_echo()?;
    let mut player = it.connected("client")?;
    player.sequence = sequence_of(bytes).max(player.sequence);
    player.echo(&payload("sequence", 40))
}

/// A client after a handshake with repetitions, keep-alives and payloads.
fn after_traffic(it: &mut Trial) -> Checked<Player> {
    let mut player = it.player("client")?;
    for _ in 0..3 {
        player.challenge()?;
    }
    // A server whose challenges have low sequences comes to them again in the session.
    let first = player.lowest_sequence().unwrap_or_default();
    let payloads = if first < MOST_PAYLOADS {
        first + 20
    } else {
        40
    };
    player.connect()?;
    if it.shared.known.echo {
        for number in 0..payloads {
            player.echo(&payload(&format!("traffic {number} "), 40))?;
        }
    }
    player.listen(Duration::from_millis(350));
    Ok(player)
}

/// Most payloads that are sent to see a sequence again.
const MOST_PAYLOADS: u64 = 2000;
