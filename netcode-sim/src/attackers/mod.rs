//! Attackers. Each strikes at a planned time, with what its place on the network gives it: a
//! recording, an address, a token, or a client's token.

mod forger;
mod replayer;
mod token_holder;

use std::net::SocketAddr;

use rand::rngs::StdRng;

use crate::clients::ClientHost;
use crate::ground::{Checked, Ground};
use crate::network::{Flight, Leg};
use crate::plan::{Attack, AttackKind, Plan};

/// An attacker's view of the world.
pub(crate) struct Scene<'w> {
    pub(crate) g: &'w mut Ground,
    pub(crate) plan: &'w Plan,
    pub(crate) clients: &'w mut [ClientHost],
    pub(crate) rng: &'w mut StdRng,
}

pub(crate) fn strike(scene: &mut Scene<'_>, attack: &Attack) -> Checked {
    match attack.kind {
        AttackKind::Replay => replayer::single(scene, attack),
        AttackKind::ReplaySession => replayer::session(scene, attack),
        AttackKind::Spoof => forger::spoof(scene, attack),
        AttackKind::Mutate => replayer::mutate(scene, attack),
        AttackKind::Flood => forger::flood(scene, attack),
        AttackKind::TwoTokens => token_holder::two_tokens(scene, attack),
        AttackKind::Subnet => token_holder::subnet(scene, attack),
        AttackKind::Thief => token_holder::thief(scene, attack),
        AttackKind::StolenSealedToken => {
            let which = attack.strength as usize;
            return scene.clients[attack.victim].replay_sealed(scene.g, which);
        }
    }
    Ok(())
}

impl Scene<'_> {
    /// Sends a datagram from an address that need not be the attacker's, after a delay.
    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, after: u64) {
        self.g.trace.line(self.g.time + after, "attacker", || {
            crate::trace::words(from, to, &bytes)
        });
        let flight = Flight {
            from,
            to,
            leg: Leg::Open,
            bytes,
        };
        self.g.network.send(self.g.time + after, &flight);
    }
}
