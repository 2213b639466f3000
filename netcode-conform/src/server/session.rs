//! Keep-alives of a session, and what holds for every packet of the server. (Standard: *Connection
//! Keep-Alive Packet*, *Encrypted Packet Structure*, *Server-Side Connection Process*.)

use std::time::{Duration, Instant};

use super::player::Player;
use super::trial::{Trial, check, payload};
use crate::check::{Check, Checked, missing, unobservable, wrong};
use crate::wire::kind;

const KEEP_ALIVE: &str = "Connection Keep-Alive Packet";
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
            if kinds.is_empty() {
                return missing("no keep-alive after a response");
            }
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
        "packet.minimal-sequence",
        SEALED,
        "the server leaves out the high zero bytes of a sequence, and writes one byte at least",
        |it| {
            let player = after_traffic(it)?;
            match player.oddities.not_minimal {
                Some(prefix) => wrong(format!(
                    "a packet with prefix {prefix:#04x} has not as few sequence bytes as it needs"
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
