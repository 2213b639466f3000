//! Payloads and the replay window of a client. (Standard: *Connection Payload Packet*, *Encrypted
//! Packet Structure*, *Replay Protection*.)

use super::connecting::flip;
use super::trial::{Trial, check};
use crate::check::{Check, Checked, missing, wrong};
use crate::server::{payload, sequence_of};
use crate::wire::{MAX_PAYLOAD_BYTES, REPLAY_WINDOW, Seal, kind};

const PAYLOAD: &str = "Connection Payload Packet";
const SEALED: &str = "Encrypted Packet Structure";
const REPLAY: &str = "Replay Protection";
const STATES: &str = "Client State Machine";

/// Highest sequence that the checks of the window's edges send.
const TOP: u64 = 10_000;

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "client.payload.1-byte",
        PAYLOAD,
        "a payload has at least 1 byte",
        |it| echoes(it, &[0x5a]),
    ),
    check(
        "client.payload.1183-bytes",
        PAYLOAD,
        "a payload may have 1183 bytes",
        |it| echoes(it, &payload("length", 1183)),
    ),
    check(
        "client.payload.1200-bytes",
        PAYLOAD,
        "a payload may have 1200 bytes",
        |it| echoes(it, &payload("length", MAX_PAYLOAD_BYTES)),
    ),
    check(
        "client.payload.1201-bytes",
        PAYLOAD,
        "a payload of more than 1200 bytes is dropped",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let forms = [1201, 1300].map(|len| {
                (
                    format!("payload of {len} bytes"),
                    server.seal(kind::PAYLOAD, &payload("long", len)),
                )
            });
            it.drops_payloads(&mut server, &forms)
        },
    ),
    sequence_bytes("client.payload.1-sequence-byte", |it| with_sequence(it, 1)),
    sequence_bytes("client.payload.2-sequence-bytes", |it| with_sequence(it, 2)),
    sequence_bytes("client.payload.3-sequence-bytes", |it| with_sequence(it, 3)),
    sequence_bytes("client.payload.4-sequence-bytes", |it| with_sequence(it, 4)),
    sequence_bytes("client.payload.5-sequence-bytes", |it| with_sequence(it, 5)),
    sequence_bytes("client.payload.6-sequence-bytes", |it| with_sequence(it, 6)),
    sequence_bytes("client.payload.7-sequence-bytes", |it| with_sequence(it, 7)),
    sequence_bytes("client.payload.8-sequence-bytes", |it| with_sequence(it, 8)),
    check(
        "client.payload.no-sequence-bytes",
        SEALED,
        "a packet without a sequence byte is dropped",
        |it| {
            it.needs_echo()?;
            let (mut server, _running) = it.connected_quietly()?;
            let body = payload("no sequence bytes", 40);
            let packet = Seal::new(server.token.protocol_id, kind::PAYLOAD, 0, &body);
            let packet = Seal {
                sequence_bytes: Some(0),
                ..packet
            };
            let datagram = packet.seal(&server.token.keys.server_to_client);
            it.drops_payloads(
                &mut server,
                &[("payload with sequence 0 in no byte".to_owned(), datagram)],
            )
        },
    ),
    check(
        "client.payload.flipped",
        SEALED,
        "a payload with a changed bit is dropped",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let body = payload("flipped", 40);
            let forms = [0, 1, 2, 30, 42, 57].map(|at| {
                let mut datagram = server.seal(kind::PAYLOAD, &body);
                flip(&mut datagram, at);
                (format!("payload with byte {at} changed"), datagram)
            });
            it.drops_payloads(&mut server, &forms)
        },
    ),
    check(
        "client.payload.other-key",
        SEALED,
        "a payload sealed with the other direction's key is dropped",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let body = payload("other key", 40);
            let packet = Seal::new(server.token.protocol_id, kind::PAYLOAD, 5000, &body);
            let datagram = packet.seal(&server.token.keys.client_to_server);
            it.drops_payloads(
                &mut server,
                &[("payload under the client's key".to_owned(), datagram)],
            )
        },
    ),
    check(
        "client.payload.associated-data",
        SEALED,
        "version and protocol id are part of what is sealed",
        |it| {
            let (mut server, _running) = it.connected(|_| ())?;
            let body = payload("associated", 40);
            let packet = Seal::new(server.token.protocol_id, kind::PAYLOAD, 5000, &body);
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
            it.drops_payloads(
                &mut server,
                &[
                    ("payload sealed for another version".to_owned(), version),
                    (
                        "payload sealed for another protocol id".to_owned(),
                        protocol_id,
                    ),
                ],
            )
        },
    ),
    check(
        "client.payload.other-address",
        STATES,
        "a payload from another address is dropped",
        |it| {
            it.needs_echo()?;
            let (mut server, _running) = it.connected(|_| ())?;
            let datagram = server.seal(kind::PAYLOAD, &payload("elsewhere", 40));
            it.send_from_elsewhere(&server, "payload", &datagram)?;
            it.drops_payloads(&mut server, &[])
        },
    ),
    check(
        "client.payload.before-connected",
        STATES,
        "a payload before the client is connected is dropped",
        |it| {
            it.needs_echo()?;
            let (mut server, _running) = it.responding(|_| ())?;
            let datagram = server.seal(kind::PAYLOAD, &payload("early", 40));
            server.send("payload before the keep-alive", &datagram);
            server.goes_on_with(kind::RESPONSE)?;
            server.accept()?;
            it.drops_payloads(&mut server, &[])
        },
    )
    .seconds(1),
    check(
        "client.replay.payload",
        REPLAY,
        "a payload is delivered once",
        |it| sequence(it, &[(TOP, true), (TOP, false)]),
    ),
    check(
        "client.replay.out-of-order",
        REPLAY,
        "payloads may overtake each other",
        |it| {
            sequence(
                it,
                &[
                    (TOP, true),
                    (TOP - 1, true),
                    (TOP - 3, true),
                    (TOP - 2, true),
                ],
            )
        },
    ),
    check(
        "client.replay.old-payload",
        REPLAY,
        "a payload inside the window is delivered once",
        |it| sequence(it, &[(TOP - 100, true), (TOP, true), (TOP - 100, false)]),
    ),
    check(
        "client.replay.inner-edge",
        REPLAY,
        "255 packets behind the most recent one is inside the window",
        |it| sequence(it, &[(TOP, true), (TOP + 1 - REPLAY_WINDOW, true)]),
    ),
    check(
        "client.replay.outer-edge",
        REPLAY,
        "256 packets behind the most recent one is outside the window",
        |it| sequence(it, &[(TOP, true), (TOP - REPLAY_WINDOW, false)]),
    ),
    check(
        "client.replay.jump",
        REPLAY,
        "a jump ahead empties the window and keeps its marks right",
        |it| {
            let far = TOP + 5 * REPLAY_WINDOW;
            sequence(
                it,
                &[
                    (TOP, true),
                    (far, true),
                    (far - 1, true),
                    (far, false),
                    (TOP, false),
                ],
            )
        },
    ),
    check(
        "client.replay.near-the-top",
        REPLAY,
        "the largest sequences do not overflow the window",
        |it| {
            let top = u64::MAX - 64;
            sequence(
                it,
                &[
                    (top, true),
                    (top - 255, true),
                    (top - 256, false),
                    (top, false),
                ],
            )
        },
    ),
    check(
        "client.replay.forged-moves-nothing",
        REPLAY,
        "the window moves only for packets that open",
        |it| {
            it.needs_echo()?;
            let (mut server, _running) = it.connected(|_| ())?;
            let mut forged = server.seal_at(1 << 40, kind::PAYLOAD, &payload("forged", 40));
            flip(&mut forged, 50);
            let true_one = server.seal_at(TOP, kind::PAYLOAD, &payload("true", 40));
            server.sequence = TOP + 1;
            let forms = [
                ("forged payload of a far sequence".to_owned(), forged),
                ("payload".to_owned(), true_one),
            ];
            match it.deliver(&mut server, &forms)?.is_empty() {
                true => missing("a payload behind a forged one's sequence was dropped"),
                false => Ok(()),
            }
        },
    ),
];

const fn sequence_bytes(id: &'static str, run: fn(&mut Trial) -> Checked) -> Check<Trial> {
    check(id, SEALED, "a sequence of this many bytes is read", run)
}

fn echoes(it: &mut Trial, payload: &[u8]) -> Checked {
    it.needs_echo()?;
    let (mut server, _running) = it.connected(|_| ())?;
    server.echo(payload)
}

fn with_sequence(it: &mut Trial, bytes: u32) -> Checked {
    it.needs_echo()?;
    let (mut server, _running) = it.connected(|_| ())?;
    server.sequence = sequence_of(bytes).max(server.sequence);
    server.echo(&payload("sequence", 40))
}

/// Sends payloads with these sequences in order; passes if those marked `true` come back, once, and
/// no other.
fn sequence(it: &mut Trial, rows: &[(u64, bool)]) -> Checked {
    it.needs_echo()?;
    let (mut server, _running) = it.connected(|_| ())?;
    server.keeps_alive = false;
    let named = |number: usize| payload(&format!("number {number:02}."), 40);
    let first = |sequence: u64| {
        rows.iter()
            .position(|row| row.0 == sequence)
            .unwrap_or_default()
    };
    let forms: Vec<(String, Vec<u8>)> = rows
        .iter()
        .map(|&(sequence, _)| {
            let datagram = server.seal_at(sequence, kind::PAYLOAD, &named(first(sequence)));
            (format!("payload with sequence {sequence}"), datagram)
        })
        .collect();
    server.sequence = rows
        .iter()
        .map(|row| row.0)
        .max()
        .unwrap_or(TOP)
        .saturating_add(1);
    let came = it.deliver(&mut server, &forms)?;
    for (number, &(sequence, _)) in rows.iter().enumerate() {
        if first(sequence) != number {
            continue;
        }
        let wanted = rows.iter().filter(|row| row.0 == sequence && row.1).count();
        let found = came.iter().filter(|it| **it == named(number)).count();
        if found > wanted {
            return wrong(format!(
                "sequence {sequence} was delivered {found} times instead of {wanted}"
            ));
        }
        if found < wanted {
            return missing(format!(
                "the payload with sequence {sequence} was not delivered"
            ));
        }
    }
    Ok(())
}
