//! Assignment of datagrams to browsers, compared with a model: a check finds the browser it names, all
//! else the one that has the address. An address keeps its browser until that leaves.

use std::collections::HashMap;
use std::net::SocketAddr;

use arbitrary::{Result, Unstructured};
use netcode_bridge::MAX_PEER_ADDRESSES;
use netcode_bridge::fuzzing::FuzzedRoutes;
use str0m::config::CryptoProvider;
use str0m::ice::{StunMessage, TransId};

use super::{MOST_STEPS, address, sealed};
use crate::forge::{Edits, choose};
use crate::take_steps;

/// Browsers that come and go.
const NAMES: [&str; 3] = ["a", "bb", "cc:d"];

/// Runs the steps of one input.
pub(super) fn routes(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut world = World {
        crypto: str0m::crypto::from_feature_flags(),
        routes: FuzzedRoutes::default(),
        present: HashMap::new(),
        addresses: HashMap::new(),
    };
    take_steps(&mut input, MOST_STEPS, |input| world.step(input));
}

struct World {
    crypto: CryptoProvider,
    routes: FuzzedRoutes,
    /// Browsers that are there, by name.
    present: HashMap<&'static str, u8>,
    addresses: HashMap<SocketAddr, u8>,
}

impl World {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let from = address(input.arbitrary()?);
        let number = choose(input, 3)?;
        let name = NAMES[usize::from(number)];
        match choose(input, 6)? {
            0 => self.check(from, name, input)?,
            1 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let mut datagram = input.bytes(len)?.to_vec();
                // First bytes of DTLS and of the others that are no STUN.
                if let Some(first) = datagram.first_mut() {
                    *first |= 4;
                }
                let found = self.routes.find(from, &datagram);
                assert_eq!(found, self.addresses.get(&from).copied());
            }
            2 | 3 => {
                self.routes.learn(name, from);
                let mine = |peer: &&u8| **peer == number;
                let held = self.addresses.values().filter(mine).count();
                if self.present.contains_key(name) && held < MAX_PEER_ADDRESSES {
                    self.addresses.entry(from).or_insert(number);
                }
            }
            4 => {
                if self.present.insert(name, number).is_none() {
                    self.routes.insert(name, number);
                }
            }
            _ => {
                self.routes.remove(name);
                self.present.remove(name);
                self.addresses.retain(|_, peer| *peer != number);
            }
        }
        Ok(())
    }

    /// A connectivity check, perhaps damaged.
    fn check(
        &self,
        from: SocketAddr,
        name: &'static str,
        input: &mut Unstructured<'_>,
    ) -> Result<()> {
        let user = format!("{name}:browser");
        let check = StunMessage::binding_request(&user, TransId::new(), true, 1, 2, true);
        let mut check = sealed(&self.crypto, check, "not checked here");
        let changed = Edits::decode(input)?.apply(&mut check);
        let found = self.routes.find(from, &check);
        if !changed {
            // A name ends at the first colon.
            let named = user.split(':').next().unwrap_or_default();
            assert_eq!(found, self.present.get(named).copied());
        }
        if let Some(found) = found {
            assert!(self.present.values().any(|peer| *peer == found));
        }
        Ok(())
    }
}
