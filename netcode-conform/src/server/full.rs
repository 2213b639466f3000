//! A full server. (Standard: *Connection Denied Packet*, *Processing Connection Requests*,
//! *Processing Connection Response Packets*.)

use super::player::{PATIENCE, Player};
use super::trial::{Trial, check};
use crate::check::{Check, Checked, Finding, missing, unobservable, wrong};
use crate::wire::{Opened, kind};
use std::time::Duration;

const SECTION: &str = "Connection Denied Packet";
const REQUEST: &str = "Processing Connection Requests";
const RESPONSE: &str = "Processing Connection Response Packets";

/// Most slots that the checks fill.
const MOST_SLOTS: u32 = 300;

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "denied.request",
        REQUEST,
        "a full server answers a request with denied",
        |it| {
            let _crowd = fill(it)?;
            denied(&mut it.player("one too many")?)?;
            Ok(())
        },
    )
    .alone(),
    check(
        "denied.response",
        RESPONSE,
        "a server that became full answers a response with denied",
        |it| {
            let mut late = it.player("one too many")?;
            let challenge = late.challenge()?;
            let _crowd = fill(it)?;
            late.exchange(
                "denied after a response to a full server",
                |player| player.seal(kind::RESPONSE, &challenge.body()),
                "response",
                |packet| match packet.kind {
                    kind::DENIED => Some(Ok(())),
                    kind::KEEP_ALIVE => Some(wrong("a full server accepted a client")),
                    _ => None,
                },
            )?
        },
    )
    .alone(),
    check(
        "denied.form",
        SECTION,
        "a denied packet has no body",
        |it| {
            let _crowd = fill(it)?;
            match denied(&mut it.player("one too many")?)?.body.len() {
                0 => Ok(()),
                len => wrong(format!("a denied packet with a body of {len} bytes")),
            }
        },
    )
    .alone(),
    check(
        "denied.global-sequence",
        SECTION,
        "a denied packet has a sequence of the top half",
        |it| {
            let _crowd = fill(it)?;
            let packet = denied(&mut it.player("one too many")?)?;
            if packet.sequence >> 63 == 0 {
                return wrong(format!("it has sequence {}", packet.sequence));
            }
            Ok(())
        },
    )
    .alone(),
    check(
        "denied.bad-request",
        REQUEST,
        "a full server answers no request that it would drop",
        |it| {
            let _crowd = fill(it)?;
            let mut player = it.player("one too many")?;
            let mut request = player.request.clone();
            if let Some(last) = request.last_mut() {
                *last ^= 1;
            }
            player.send("connection request with a changed MAC", &request);
            player.hears_nothing(it.quiet())
        },
    )
    .alone(),
    check(
        "denied.changes-no-session",
        SECTION,
        "a denied client disturbs no session",
        |it| {
            let mut crowd = fill(it)?;
            denied(&mut it.player("one too many")?)?;
            match crowd.first_mut() {
                Some(first) => {
                    first.listen(Duration::from_millis(100));
                    first.is_still_connected()
                }
                None => Ok(()),
            }
        },
    )
    .alone(),
    check(
        "denied.place-again",
        REQUEST,
        "when a client has left, another is let in",
        |it| {
            let mut crowd = fill(it)?;
            denied(&mut it.player("one too many")?)?;
            if let Some(mut left) = crowd.pop() {
                left.leave();
                left.listen(it.quiet());
            }
            it.player("next client")?.connect()
        },
    )
    .alone(),
    check(
        "denied.every-slot",
        REQUEST,
        "as many clients connect as the keep-alive says",
        |it| {
            let crowd = fill(it)?;
            let mut indices: Vec<_> = crowd
                .iter()
                .filter_map(|it| it.place)
                .map(|it| it.0)
                .collect();
            indices.sort_unstable();
            indices.dedup();
            if indices.len() != crowd.len() {
                return wrong(format!(
                    "{} clients have {} indices",
                    crowd.len(),
                    indices.len()
                ));
            }
            Ok(())
        },
    )
    .alone(),
];

/// Connects clients until the server has no slot left.
fn fill(it: &mut Trial) -> Checked<Vec<Player>> {
    let slots = it.shared.known.max_clients;
    if slots > MOST_SLOTS {
        return unobservable(format!(
            "the server has {slots} slots: start it with at most {MOST_SLOTS} to see it full"
        ));
    }
    let mut crowd: Vec<Player> = Vec::new();
    for number in 0..slots {
        let token = it.token_with_timeout(30);
        let mut player = it.player_with("one of the crowd", token)?;
        player.connect().map_err(|finding| match finding {
            Finding::Missing(text) => {
                Finding::Missing(format!("client {} of {slots}: {text}", number + 1))
            }
            other => other,
        })?;
        crowd.push(player);
    }
    Ok(crowd)
}

fn denied(player: &mut Player) -> Checked<Opened> {
    let answer = player.exchange(
        "denied from a full server",
        |player| player.request.clone(),
        "connection request",
        |packet| Some((packet.kind == kind::DENIED).then(|| packet.clone())),
    )?;
    match answer {
        Some(packet) => Ok(packet),
        // Another client may have left in the meantime.
        None => missing(format!(
            "a challenge instead of denied, within {PATIENCE:?}"
        )),
    }
}
