//! Attackers without a key: forged datagrams from any address, and floods.

use rand::{Rng, RngExt};

use super::Scene;
use crate::backend::{EPOCH, PROTOCOL};
use crate::ledger::Maker;
use crate::plan::{Attack, SECOND, server_address};
use crate::wire;

/// Packets of every type under keys of its own, between clients and servers; garbage among them.
pub(super) fn spoof(scene: &mut Scene<'_>, attack: &Attack) {
    let mut key = [0; 32];
    scene.rng.fill_bytes(&mut key);
    let victim = scene.clients[attack.victim].address;
    let server = server_address(attack.server);
    for _ in 0..attack.strength {
        scene.g.coverage.note("attack: spoof");
        let kind = scene.rng.random_range(0..10);
        let right = match kind {
            wire::CHALLENGE | wire::RESPONSE => 308,
            wire::KEEP_ALIVE => 8,
            wire::PAYLOAD => 100,
            _ => 0,
        };
        let len = if scene.rng.random_range(0..5) == 0 {
            scene.rng.random_range(0..1300)
        } else {
            right
        };
        let mut body = vec![0; len];
        scene.rng.fill_bytes(&mut body);
        let bits = scene.rng.random_range(0..64);
        let sequence = scene.rng.next_u64() >> bits;
        let mut bytes = wire::seal(&key, PROTOCOL, kind & 15, sequence, &body);
        if scene.rng.random_range(0..6) == 0 {
            bytes[0] = scene.rng.random_range(0..=255);
        }
        if scene.rng.random_range(0..10) == 0 {
            bytes.truncate(scene.rng.random_range(0..=bytes.len()));
        }
        scene
            .g
            .ledger
            .borrow_mut()
            .record_packet(Maker::Attacker, &key, PROTOCOL, &bytes, &body);
        let up = scene.rng.random();
        let (from, to) = if up {
            (victim, server)
        } else {
            (server, victim)
        };
        let after = scene.rng.random_range(0..500_000);
        scene.send(from, to, bytes, after);
    }
}

/// Requests of the right form whose tokens do not open, from one host or from many.
pub(super) fn flood(scene: &mut Scene<'_>, attack: &Attack) {
    let server = server_address(attack.server);
    let one_host = scene.rng.random::<bool>();
    let victim = scene.clients[attack.victim].address;
    for n in 0..u64::from(attack.strength) * 8 {
        scene.g.coverage.note("attack: flood");
        let mut bytes = vec![0; wire::REQUEST_BYTES];
        scene.rng.fill_bytes(&mut bytes);
        bytes[0] = wire::REQUEST;
        bytes[1..14].copy_from_slice(wire::VERSION);
        bytes[14..22].copy_from_slice(&PROTOCOL.to_le_bytes());
        let expires = EPOCH + scene.g.time / SECOND + scene.rng.random_range(0..40);
        bytes[22..30].copy_from_slice(&expires.to_le_bytes());
        if scene.rng.random_range(0..20) == 0 {
            bytes.truncate(scene.rng.random_range(1..wire::REQUEST_BYTES));
        }
        let from = match (one_host, scene.rng.random_range(0..10)) {
            (_, 0) => victim,
            (true, _) => ([203, 0, 113, 7], scene.rng.random_range(1000..60_000)).into(),
            (false, _) => (scene.rng.next_u32().to_le_bytes(), 7000).into(),
        };
        scene.send(from, server, bytes, n * 2_000);
    }
}
