//! Attackers with a complete recording of the network.

use std::net::SocketAddr;

use rand::RngExt;

use super::Scene;
use crate::network::{Flight, Leg, corrupt};
use crate::plan::{Attack, server_address};

fn recorded(scene: &mut Scene<'_>) -> Option<Flight> {
    let tape = scene.g.network.tape.as_ref()?;
    let open = |flight: &Flight| flight.leg == Leg::Open;
    for _ in 0..8 {
        let at = scene.rng.random_range(0..tape.len().max(1));
        if let Some(flight) = tape.get(at).filter(|flight| open(flight)) {
            return Some(flight.clone());
        }
    }
    None
}

fn own_address(scene: &mut Scene<'_>) -> SocketAddr {
    ([203, 0, 113, scene.rng.random_range(1..250)], 666).into()
}

/// Datagrams again, from where they came or from elsewhere, to where they went or elsewhere.
pub(super) fn single(scene: &mut Scene<'_>, attack: &Attack) {
    for _ in 0..attack.strength {
        let Some(flight) = recorded(scene) else {
            return;
        };
        scene.g.coverage.note("attack: replay");
        let from = match scene.rng.random_range(0..6) {
            0 => own_address(scene),
            _ => flight.from,
        };
        let to = match scene.rng.random_range(0..6) {
            0 => server_address(attack.server),
            1 => flight.from,
            _ => flight.to,
        };
        let after = scene.rng.random_range(0..300_000);
        scene.send(from, to, flight.bytes, after);
    }
}

/// All that a client sent, or all that it received, in order and at its pace.
pub(super) fn session(scene: &mut Scene<'_>, attack: &Attack) {
    let victim = scene.clients[attack.victim].address;
    let elsewhere = scene.rng.random_range(0..3) == 0;
    let downwards = scene.rng.random_range(0..3) == 0;
    let other = own_address(scene);
    let tape = scene.g.network.tape.as_deref().unwrap_or_default();
    let is = |flight: &&Flight| {
        flight.leg == Leg::Open
            && if downwards {
                flight.to == victim
            } else {
                flight.from == victim
            }
    };
    let session: Vec<_> = tape.iter().filter(is).take(150).cloned().collect();
    if session.is_empty() {
        return;
    }
    scene.g.coverage.note("attack: replay of a session");
    let pace = scene.rng.random_range(100..20_000);
    for (at, flight) in session.into_iter().enumerate() {
        let from = if elsewhere && !downwards {
            other
        } else {
            flight.from
        };
        scene.send(from, flight.to, flight.bytes, pace * at as u64);
    }
}

/// Changed copies of recorded datagrams, ahead of and behind the originals.
pub(super) fn mutate(scene: &mut Scene<'_>, attack: &Attack) {
    for _ in 0..attack.strength {
        let Some(mut flight) = recorded(scene) else {
            return;
        };
        scene.g.coverage.note("attack: mutate");
        for _ in 0..scene.rng.random_range(1..3) {
            corrupt(scene.rng, &mut flight.bytes);
        }
        let after = scene.rng.random_range(0..200_000);
        scene.send(flight.from, flight.to, flight.bytes, after);
    }
}
