//! Strangers' bytes in front of the bridge's WebRTC library: offers, alerts, the assignment of
//! datagrams to browsers, and the paths to a browser, whose password the fuzzer knows. Until an
//! address has answered a check, it gets no more bytes than came from it, and nothing of the stream.

mod routes;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use arbitrary::{Result, Unstructured};
use netcode_bridge::fuzzing::{FuzzedPaths, Taken, has_plaintext_alert, offered};
use str0m::change::SdpOffer;
use str0m::config::CryptoProvider;
use str0m::ice::{StunMessage, TransId};

use crate::forge::{Edits, choose};
use crate::take_steps;

const PASSWORD: &str = "the password of the browser";

/// Steps of one run, at most.
const MOST_STEPS: usize = 128;

/// Runs one input.
pub fn stun_sdp(data: &[u8]) {
    has_plaintext_alert(data);
    let _ = StunMessage::parse(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = SdpOffer::from_sdp_string(text);
        if let Some((name, password)) = offered(text) {
            assert!(text.contains(&name) && text.contains(&password));
            assert!(!name.contains('\n') && !password.contains('\n'));
        }
    }
    let mut input = Unstructured::new(data);
    let mut world = World::new();
    take_steps(&mut input, MOST_STEPS, |input| {
        world.step(input)?;
        world.check();
        Ok(())
    });
    // The same steps again: both state machines begin with them.
    routes::routes(data);
}

/// More than a peer may have.
fn address(number: u8) -> SocketAddr {
    ([192, 0, 2, number % 10], 5000).into()
}

/// Message with a code that this password gives.
fn sealed(crypto: &CryptoProvider, message: StunMessage<'_>, password: &str) -> Vec<u8> {
    let hmac = crypto.sha1_hmac_provider;
    let mut bytes = vec![0; 512];
    let written = message.to_bytes(Some(password.as_bytes()), &mut bytes, |key, parts| {
        hmac.sha1_hmac(key, parts)
    });
    bytes.truncate(written.expect("it is short"));
    bytes
}

struct World {
    crypto: CryptoProvider,
    paths: FuzzedPaths,
    came: HashMap<SocketAddr, usize>,
    went: HashMap<SocketAddr, usize>,
    /// Latest check that each address was sent.
    checks: HashMap<SocketAddr, Vec<u8>>,
    answered: HashSet<SocketAddr>,
}

impl World {
    fn new() -> Self {
        Self {
            crypto: str0m::crypto::from_feature_flags(),
            paths: FuzzedPaths::new("bridge", "browser", PASSWORD),
            came: HashMap::new(),
            went: HashMap::new(),
            checks: HashMap::new(),
            answered: HashSet::new(),
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let from = address(input.arbitrary()?);
        match choose(input, 8)? {
            0 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let datagram = input.bytes(len)?.to_vec();
                has_plaintext_alert(&datagram);
                self.arrive(from, &datagram, false);
            }
            // A check of the browser's, and the library's reply to it.
            1 | 2 => {
                let number = TransId::new();
                let check =
                    StunMessage::binding_request("bridge:browser", number, true, 1, 2, true);
                let mut check = sealed(&self.crypto, check, "ours");
                Edits::decode(input)?.apply(&mut check);
                self.arrive(from, &check, false);
                let reply = sealed(
                    &self.crypto,
                    StunMessage::binding_reply(number, from),
                    "ours",
                );
                let sent = self.paths.send(from, reply);
                self.leave(sent);
            }
            3..=5 => self.answer(from, input)?,
            // The stream, for an address that the browser chose.
            6 => {
                let len = usize::from(input.arbitrary::<u16>()? % 1400);
                let first = 20 + choose(input, 44)?;
                let sent = self.paths.send(from, vec![first; len.max(1)]);
                self.leave(sent);
            }
            _ => {
                let sent = self.paths.next();
                self.leave(sent);
            }
        }
        Ok(())
    }

    /// An answer to the latest check of an address, right or wrong, from there or elsewhere.
    fn answer(&mut self, from: SocketAddr, input: &mut Unstructured<'_>) -> Result<()> {
        let of = match choose(input, 4)? {
            0 => address(input.arbitrary()?),
            _ => from,
        };
        let Some(check) = self.checks.get(&of) else {
            return Ok(());
        };
        let number = StunMessage::parse(check)
            .expect("the bridge's own")
            .trans_id();
        let flaw = choose(input, 8)?;
        let password = match flaw {
            0 => "another password",
            _ => PASSWORD,
        };
        let message = match flaw {
            1 => StunMessage::binding_request("browser:bridge", number, true, 1, 2, false),
            _ => StunMessage::binding_reply(number, from),
        };
        let mut answer = sealed(&self.crypto, message, password);
        let changed = Edits::decode(input)?.apply(&mut answer);
        let right = of == from && flaw > 1 && !changed;
        self.arrive(from, &answer, right);
        Ok(())
    }

    fn arrive(&mut self, from: SocketAddr, datagram: &[u8], answers: bool) {
        *self.came.entry(from).or_default() += datagram.len();
        let first = answers && !self.answered.contains(&from);
        match self.paths.handle_datagram(from, datagram) {
            // Bytes after the message's integrity are not covered by it.
            Taken::Answer => {
                assert!(self.checks.contains_key(&from), "an answer to no check");
                self.answered.insert(from);
            }
            Taken::ForPeer => assert!(!first, "a right answer is not taken"),
            Taken::TooMany => assert!(!first && !self.went.contains_key(&from)),
        }
    }

    fn leave(&mut self, sent: Option<(SocketAddr, Vec<u8>)>) {
        let Some((to, datagram)) = sent else {
            return;
        };
        *self.went.entry(to).or_default() += datagram.len();
        if self.answered.contains(&to) {
            return;
        }
        let message = StunMessage::parse(&datagram);
        assert!(
            message.is_ok_and(|message| message.is_binding_request()),
            "an address that has not answered gets checks alone"
        );
        self.checks.insert(to, datagram);
    }

    fn check(&self) {
        for (to, went) in &self.went {
            let came = self.came.get(to).copied().unwrap_or(0);
            assert!(self.answered.contains(to) || *went <= came);
        }
        if let Some(current) = self.paths.current() {
            assert!(self.answered.contains(&current));
        }
    }
}
