//! Placement: the choice of a server for a player.
//!
//! | file | contents |
//! | --- | --- |
//! | `fleet` | servers that send heartbeats, with reserved slots |
//! | `fixed` | a fixed list of servers |
//! | `agones` | Agones, on Kubernetes |

mod agones;
mod fixed;
mod fleet;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use async_trait::async_trait;
use netcode_std::ClientId;

pub use self::agones::{Agones, AgonesConfig};
pub use self::fixed::FixedList;
pub use self::fleet::{Fleet, FleetConfig};
use crate::api::Refusal;
use crate::store::{Bridge, ServerId};

/// Choice of a server.
#[async_trait]
pub trait Placement: Send + Sync {
    /// Chooses a server with a free slot, and keeps the slot for as long as the token can be used.
    ///
    /// # Errors
    /// `no-free-slot`, or `unavailable` if it cannot be known; nothing is kept then.
    async fn place(&self, ask: &Ask) -> Result<Placed, Refusal>;

    /// Gives the slot back, for a token that was not delivered.
    async fn give_back(&self, ask: &Ask, placed: &Placed);
}

/// Request for a server.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Client that the slot is for.
    pub client: ClientId,
    /// Labels that the server must have.
    pub labels: BTreeMap<String, String>,
}

/// Servers for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Server that keeps the slot, if servers have names.
    pub server: Option<ServerId>,
    /// Addresses for the token: those of this server, then those of alternatives.
    pub addresses: Vec<Address>,
    /// Bridge to them. `None`: that of the configuration.
    pub bridge: Option<Bridge>,
}

/// Address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Address that clients send to.
    pub public: SocketAddr,
    /// Address by which the server recognizes itself in a token.
    pub internal: SocketAddr,
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self {
            public: address,
            internal: address,
        }
    }
}
