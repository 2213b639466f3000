//! Other implementations, and ours, behind two small traits; so that every scenario runs with
//! any client and any server.
//!
//! | peer | what is run with it | where it differs (asserted in its own test file) |
//! | --- | --- | --- |
//! | `netcode-official` 1.0 | everything, both roles | a panic |
//! | `renetcode` 2.0 | everything, both roles | its public token; sequence 0 has no sequence bytes; a denial ends it; one disconnect packet; a panic |
//! | `netcode-rs` 1.4 | everything but long payloads and a full server of its own (it has 256 slots, always) | IPv6 addresses; payloads above about 1182 bytes |

mod netcode_rs_peer;
mod official_peer;
mod ours;
mod renet_peer;
pub(crate) mod scenarios;
#[macro_use]
mod suite;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_std::core::crypto::Key;
use netcode_std::core::token::{TokenSpec, mint};
use netcode_std::core::{ClientId, ProtocolId, Timeout, UserData};
use netcode_std::{generator, unix_time};

pub(crate) use netcode_rs_peer::{NetcodeRsClient, NetcodeRsServer};
pub(crate) use official_peer::{OfficialClient, OfficialServer};
pub(crate) use ours::{OurClient, OurServer};
pub(crate) use renet_peer::{RenetClient, RenetServer, with_client_id};

pub(crate) const PROTOCOL_ID: u64 = 0x1122_3344_5566_7788;
pub(crate) const KEY: [u8; 32] = [0x42; 32];
pub(crate) const USER_DATA: [u8; 256] = [0x17; 256];

/// Longer than anything here takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// State of a client, in terms common to all implementations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Connecting,
    Connected,
    Denied,
    TimedOut,
    Disconnected,
}

pub(crate) trait AnyClient {
    /// Receives, answers, keeps alive; gives the payloads that came.
    fn turn(&mut self) -> Vec<Vec<u8>>;
    fn stands(&self) -> Stands;
    fn send(&mut self, payload: &[u8]);
    fn disconnect(&mut self);
}

pub(crate) trait AnyServer {
    fn address(&self) -> SocketAddr;
    /// Receives, answers, keeps alive; gives the payloads that came, by client id.
    fn turn(&mut self) -> Vec<(u64, Vec<u8>)>;
    fn is_connected(&self, id: u64) -> bool;
    fn user_data(&self, id: u64) -> Option<[u8; 256]>;
    fn send(&mut self, id: u64, payload: &[u8]);
    fn disconnect(&mut self, id: u64);
}

impl AnyServer for Box<dyn AnyServer> {
    fn address(&self) -> SocketAddr {
        (**self).address()
    }

    fn turn(&mut self) -> Vec<(u64, Vec<u8>)> {
        (**self).turn()
    }

    fn is_connected(&self, id: u64) -> bool {
        (**self).is_connected(id)
    }

    fn user_data(&self, id: u64) -> Option<[u8; 256]> {
        (**self).user_data(id)
    }

    fn send(&mut self, id: u64, payload: &[u8]) {
        (**self).send(id, payload);
    }

    fn disconnect(&mut self, id: u64) {
        (**self).disconnect(id);
    }
}

/// A token minted by us: for these servers, with this timeout in seconds.
pub(crate) fn our_token(id: u64, servers: &[SocketAddr], timeout: i32) -> [u8; 2048] {
    let now = unix_time();
    let user_data = UserData(USER_DATA);
    let spec = TokenSpec::new(ProtocolId(PROTOCOL_ID), ClientId(id), servers, now)
        .with_lifetime(Duration::from_secs(60))
        .with_timeout(Timeout::from_secs(timeout))
        .with_user_data(&user_data);
    let key = Key::from_bytes(KEY);
    let token = mint(&spec, &key, &mut generator().unwrap()).unwrap();
    *token.as_bytes()
}

/// Repeats `step` until it says that it is done.
pub(crate) fn until(what: &str, mut step: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !step() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// Time for peers that want seconds since they began.
pub(crate) struct Seconds(Instant);

impl Seconds {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
