//! Replay protection. (Standard: *Replay Protection*.)

use std::time::{Duration, Instant};

use super::player::Player;
use super::trial::{Trial, check, payload};
use crate::check::{Check, Checked, missing, wrong};
use crate::wire::{REPLAY_WINDOW, kind};

const SECTION: &str = "Replay Protection";

/// Highest sequence that the checks of the window's edges send.
const TOP: u64 = 10_000;

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "replay.payload",
        SECTION,
        "a payload is delivered once",
        |it| sequence(it, &[(TOP, true), (TOP, false), (TOP, false)]),
    ),
    check(
        "replay.out-of-order",
        SECTION,
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
        "replay.old-payload",
        SECTION,
        "a payload inside the window is delivered once",
        |it| {
            sequence(
                it,
                &[
                    (TOP - 100, true),
                    (TOP, true),
                    (TOP - 100, false),
                    (TOP - 1, true),
                ],
            )
        },
    ),
    check(
        "replay.inner-edge",
        SECTION,
        "255 packets behind the most recent one is inside the window",
        |it| sequence(it, &[(TOP, true), (TOP + 1 - REPLAY_WINDOW, true)]),
    ),
    check(
        "replay.outer-edge",
        SECTION,
        "256 packets behind the most recent one is outside the window",
        |it| sequence(it, &[(TOP, true), (TOP - REPLAY_WINDOW, false)]),
    ),
    check(
        "replay.far-behind",
        SECTION,
        "a packet far behind the window is dropped",
        |it| {
            sequence(
                it,
                &[
                    (TOP, true),
                    (TOP - REPLAY_WINDOW - 1, false),
                    (100, false),
                    (50, false),
                ],
            )
        },
    ),
    check(
        "replay.edge-once",
        SECTION,
        "a payload at the edge of the window is delivered once",
        |it| {
            let edge = TOP + 1 - REPLAY_WINDOW;
            sequence(it, &[(TOP, true), (edge, true), (edge, false)])
        },
    ),
    check(
        "replay.jump",
        SECTION,
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
        "replay.multiple-of-the-window",
        SECTION,
        "sequences that differ by the window's size are told apart",
        |it| {
            let next = TOP + REPLAY_WINDOW;
            sequence(
                it,
                &[(TOP, true), (next, true), (TOP, false), (next, false)],
            )
        },
    ),
    check(
        "replay.near-the-top",
        SECTION,
        "the largest sequences do not overflow the window",
        |it| {
            let top = u64::MAX - 64;
            let rows = [
                (top, true),
                (top - 255, true),
                (top - 256, false),
                (top, false),
                (top + 8, true),
            ];
            sequence(it, &rows)
        },
    ),
    check(
        "replay.first-packets",
        SECTION,
        "below 256 nothing is too old",
        |it| sequence(it, &[(200, true), (30, true), (30, false), (31, true)]),
    ),
    check(
        "replay.forged-moves-nothing",
        SECTION,
        "the window moves only for packets that open",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let mut forged = player.seal_at(1 << 40, kind::PAYLOAD, &payload("forged", 40));
            if let Some(last) = forged.last_mut() {
                *last ^= 1;
            }
            let true_one = player.seal_at(TOP, kind::PAYLOAD, &payload("true", 40));
            let rows = [
                ("forged payload of a far sequence", &*forged),
                ("payload", &*true_one),
            ];
            player.sequence = TOP + 1;
            let came = it.deliver(&mut player, rows.into_iter())?;
            if came.is_empty() {
                return missing("a payload behind a forged one's sequence was dropped");
            }
            Ok(())
        },
    ),
    check(
        "replay.forged-marks-nothing",
        SECTION,
        "a forged packet does not use up its sequence",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let true_one = player.seal_at(TOP, kind::PAYLOAD, &payload("true", 40));
            let mut forged = true_one.clone();
            if let Some(last) = forged.last_mut() {
                *last ^= 1;
            }
            let rows = [
                ("forged payload", &*forged),
                ("payload of the same sequence", &*true_one),
            ];
            player.sequence = TOP + 1;
            let came = it.deliver(&mut player, rows.into_iter())?;
            if came.is_empty() {
                return missing("a payload was dropped because a forged one had its sequence");
            }
            Ok(())
        },
    ),
    check(
        "replay.all-types",
        SECTION,
        "keep-alives and payloads share one window",
        |it| {
            it.needs_echo()?;
            let mut player = it.connected("client")?;
            let keep_alive = player.seal_at(TOP, kind::KEEP_ALIVE, &[0; 8]);
            let same = player.seal_at(TOP, kind::PAYLOAD, &payload("same sequence", 40));
            let rows = [
                ("keep-alive", &*keep_alive),
                ("payload of its sequence", &*same),
            ];
            player.sequence = TOP + 1;
            if it.deliver(&mut player, rows.into_iter())?.is_empty() {
                return Ok(());
            }
            wrong("a payload was delivered whose sequence a keep-alive had used")
        },
    ),
    check(
        "replay.keep-alive",
        SECTION,
        "a keep-alive that is repeated is no sign of life",
        |it| {
            let mut player = it.connected_with_timeout("client", 1)?;
            player.keeps_alive = false;
            let recorded = player.seal(kind::KEEP_ALIVE, &[0; 8]);
            player.send("keep-alive", &recorded);
            let end = Instant::now() + Duration::from_millis(2500);
            while Instant::now() < end {
                player.send("the same keep-alive", &recorded);
                player.listen(Duration::from_millis(200));
            }
            player.session_has_ended(Duration::from_millis(600))
        },
    )
    .seconds(4),
    check(
        "replay.new-session",
        SECTION,
        "a new session begins with an empty window",
        |it| {
            it.needs_echo()?;
            let mut first = it.connected("client")?;
            first.sequence = 1 << 33;
            first.echo(&payload("first session", 40))?;
            let id = first.token.client_id;
            first.leave();
            first.listen(it.quiet());
            let token = it.token();
            let token = crate::wire::Token {
                client_id: id,
                ..token
            };
            let mut second = it.player_with("client again", token)?;
            second.connect()?;
            second.echo(&payload("second session", 40))
        },
    )
    .slots(2),
];

/// Sends payloads with these sequences in order; passes if those marked `true` come back, once, and
/// no other.
fn sequence(it: &mut Trial, rows: &[(u64, bool)]) -> Checked {
    it.needs_echo()?;
    let mut player = it.connected("client")?;
    player.keeps_alive = false;
    let named = |number: usize| payload(&format!("number {number:02}."), 40);
    let datagrams: Vec<(String, Vec<u8>)> = rows
        .iter()
        .enumerate()
        .map(|(number, &(sequence, _))| {
            // The same sequence is the same datagram, as a network or an attacker repeats it.
            let first = rows
                .iter()
                .position(|row| row.0 == sequence)
                .unwrap_or(number);
            let datagram = player.seal_at(sequence, kind::PAYLOAD, &named(first));
            (
                format!("payload number {number}, sequence {sequence}"),
                datagram,
            )
        })
        .collect();
    let highest = rows.iter().map(|row| row.0).max().unwrap_or(TOP);
    player.sequence = highest.saturating_add(1);
    let sent = datagrams.iter().map(|(text, it)| (text.as_str(), &**it));
    let came = it.deliver(&mut player, sent)?;
    verify(&player, rows, &came, named)
}

fn verify(
    player: &Player,
    rows: &[(u64, bool)],
    came: &[Vec<u8>],
    named: impl Fn(usize) -> Vec<u8>,
) -> Checked {
    for (number, &(sequence, _)) in rows.iter().enumerate() {
        if rows.iter().position(|row| row.0 == sequence) != Some(number) {
            continue;
        }
        let wanted = rows.iter().filter(|row| row.0 == sequence && row.1).count();
        let body = named(number);
        let found = came.iter().filter(|it| **it == body).count();
        if found > wanted {
            let sent = rows.iter().filter(|row| row.0 == sequence).count();
            return wrong(format!(
                "the payload with sequence {sequence}, sent {sent} times by {}, was delivered \
                 {found} times instead of {wanted}",
                player.name
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
