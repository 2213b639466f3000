//! Attackers with valid tokens: their own, or a client's.

use std::net::{Ipv6Addr, SocketAddr};

use rand::RngExt;

use super::Scene;
use crate::backend::{Defect, EPOCH, Order, PROTOCOL};
use crate::ledger::Maker;
use crate::network::Leg;
use crate::plan::{Attack, SECOND, internal_address, server_address};
use crate::wire;

fn order(scene: &Scene<'_>, server: usize, client_id: u64) -> Order {
    let plan = &scene.plan.servers[server];
    let internal = if plan.internal {
        internal_address(server)
    } else {
        server_address(server)
    };
    Order {
        client_id,
        created: EPOCH + scene.g.time / SECOND,
        lifetime: plan.refuse_older.map_or(20, |longest| longest - 1),
        timeout: 2,
        public: vec![server_address(server)],
        internal: vec![internal],
        defect: Defect::None,
    }
}

/// Mints a token for an attacker.
fn own_token(scene: &mut Scene<'_>, server: usize, client_id: u64) -> usize {
    let order = order(scene, server, client_id);
    let ticket = scene.g.backend.mint(&order);
    scene.g.backend.tickets[ticket].stolen = true;
    ticket
}

/// Seals a packet with the keys of a token that the attacker has.
fn seal(scene: &mut Scene<'_>, ticket: usize, kind: u8, sequence: u64, body: &[u8]) -> Vec<u8> {
    let key = scene.g.backend.tickets[ticket].to_server;
    let bytes = wire::seal(&key, PROTOCOL, kind, sequence, body);
    scene
        .g
        .ledger
        .borrow_mut()
        .record_packet(Maker::Attacker, &key, PROTOCOL, &bytes, body);
    bytes
}

/// Bodies of the challenges sent to an address and sealed for a token, as its holder reads them.
fn challenges(scene: &Scene<'_>, ticket: usize, at: SocketAddr) -> Vec<Vec<u8>> {
    let key = scene.g.backend.tickets[ticket].to_client;
    let tape = scene.g.network.tape.as_deref().unwrap_or_default();
    let own = tape.iter().filter(|flight| {
        flight.leg == Leg::Open
            && flight.to == at
            && flight
                .bytes
                .first()
                .is_some_and(|byte| byte & 15 == wire::CHALLENGE)
    });
    own.filter_map(|flight| Some(wire::open(&key, PROTOCOL, &flight.bytes)?.1))
        .collect()
}

/// Two tokens of one id: the challenge of one, answered for the other from a victim's address.
pub(super) fn two_tokens(scene: &mut Scene<'_>, attack: &Attack) {
    let server = server_address(attack.server);
    let id = 700 + u64::from(attack.strength % 3);
    let own = SocketAddr::from((
        [203, 0, 113, 9],
        700 + u16::try_from(attack.strength % 3).unwrap_or(0),
    ));
    let victim = scene.clients[attack.victim].address;
    // The tokens of an earlier strike of this attacker, whose challenges have come back since.
    let mine = |it: &crate::backend::Ticket| {
        it.stolen && it.order.client_id == id && it.order.public.contains(&server)
    };
    let found: Vec<_> = (0..scene.g.backend.tickets.len())
        .filter(|&it| mine(&scene.g.backend.tickets[it]))
        .collect();
    let (one, other) = match found[..] {
        [one, other, ..] => (one, other),
        _ => (
            own_token(scene, attack.server, id),
            own_token(scene, attack.server, id),
        ),
    };
    scene.g.coverage.note("attack: two tokens");
    let request =
        |scene: &Scene<'_>, ticket: usize| scene.g.backend.tickets[ticket].request.clone();
    let (first, second) = (request(scene, one), request(scene, other));
    scene.send(own, server, first, 0);
    scene.send(victim, server, second.clone(), 10_000);
    for challenge in challenges(scene, one, own) {
        let sequence = scene.rng.random_range(0..100);
        let forged = seal(scene, other, wire::RESPONSE, sequence, &challenge);
        scene.send(victim, server, forged, 250_000);
        let keep = seal(scene, other, wire::KEEP_ALIVE, sequence + 1, &[0; 8]);
        scene.send(victim, server, keep, 400_000);
        if scene.rng.random() {
            let honest = seal(scene, one, wire::RESPONSE, sequence, &challenge);
            scene.send(own, server, honest, 300_000);
        }
    }
}

/// Many tokens of many ids from the addresses of one /64, and many of one id.
pub(super) fn subnet(scene: &mut Scene<'_>, attack: &Attack) {
    let server = server_address(attack.server);
    let one_id = scene.rng.random_range(0..3) == 0;
    for n in 0..u64::from(attack.strength) {
        scene.g.coverage.note("attack: subnet");
        let id = if one_id { 800 } else { 800 + n };
        let ticket = own_token(scene, attack.server, id);
        let low = u16::try_from(n).unwrap_or(0);
        // One id comes from many hosts, many ids from one; some of them from one address.
        let (host, own, port) = match (one_id, n % 3) {
            (true, _) => (low, low, 9_000),
            (false, 0) => (0, 0, 9_000),
            (false, _) => (0, low, 9_000 + low),
        };
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, host, 1, 2, 3, own);
        let request = scene.g.backend.tickets[ticket].request.clone();
        scene.send((ip, port).into(), server, request, n * 5_000);
    }
}

/// Session with the token of a client: its request from elsewhere, and its packets forged.
pub(super) fn thief(scene: &mut Scene<'_>, attack: &Attack) {
    let Some(ticket) = scene.clients[attack.victim].ticket else {
        return;
    };
    scene.g.coverage.note("attack: thief");
    scene.g.backend.tickets[ticket].stolen = true;
    let server = server_address(attack.server);
    let victim = scene.clients[attack.victim].address;
    let own = SocketAddr::from(([203, 0, 113, 66], 6_000));
    let request = scene.g.backend.tickets[ticket].request.clone();
    scene.send(own, server, request, 0);
    for n in 0..u64::from(attack.strength) {
        let kind = *[
            wire::KEEP_ALIVE,
            wire::PAYLOAD,
            wire::PAYLOAD,
            wire::DISCONNECT,
            wire::RESPONSE,
        ]
        .get(scene.rng.random_range(0..5))
        .unwrap_or(&wire::PAYLOAD);
        let body: &[u8] = match kind {
            wire::KEEP_ALIVE => &[0; 8],
            wire::PAYLOAD => &[1; 20],
            wire::RESPONSE => &[2; 308],
            _ => &[],
        };
        // Also around the edges of the replay window, and at the end of all sequences.
        let near = scene.rng.random_range(0..1_200);
        let sequence = match scene.rng.random_range(0..8) {
            0 => u64::MAX - near,
            1 => (1 << 63) + near,
            _ => near,
        };
        if kind == wire::DISCONNECT && scene.rng.random_range(0..4) > 0 {
            continue;
        }
        let bytes = seal(scene, ticket, kind, sequence, body);
        let from = if scene.rng.random_range(0..4) == 0 {
            own
        } else {
            victim
        };
        scene.send(from, server, bytes, n * 20_000);
    }
}
