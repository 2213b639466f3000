//! Payloads of a session. (Standard: *Connection Payload Packet*, *Encrypted Packet Structure*.)

use super::handshake::sequence_of;
use super::trial::{Trial, check, payload};
use crate::check::{Check, Checked, wrong};
use crate::wire::{MAX_PAYLOAD_BYTES, Seal, kind};

const PAYLOAD: &str = "Connection Payload Packet";
const SEALED: &str = "Encrypted Packet Structure";
const PROCESS: &str = "Server-Side Connection Process";

pub(super) const CHECKS: &[Check<Trial>] = &[
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
