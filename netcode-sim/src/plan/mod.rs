//! Plan of a world: everything that is decided before it begins, from one seed.
//!
//! Each actor draws from a generator of its own, so that the shrinker can take one away and leave
//! the others as they are.

mod draw;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::backend::Defect;
use crate::network::Weather;

pub(crate) const MILLI: u64 = 1_000;
pub(crate) const SECOND: u64 = 1_000_000;
/// Client id of the client that joins when all is calm.
pub(crate) const LATECOMER: u64 = 9_999;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Time until all troubles end and the latecomer must connect.
    pub(crate) duration: u64,
    pub(crate) weather: Weather,
    pub(crate) servers: Vec<ServerPlan>,
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) attacks: Vec<Attack>,
    pub(crate) troubles: Vec<Trouble>,
}

#[derive(Clone, Debug)]
pub(crate) struct ServerPlan {
    pub(crate) max_clients: u32,
    pub(crate) half_open: usize,
    pub(crate) tokens: usize,
    /// Longest token lifetime where older tokens are refused, seconds.
    pub(crate) refuse_older: Option<u64>,
    pub(crate) replace: bool,
    pub(crate) host_limit: bool,
    pub(crate) opens_per_second: Option<u32>,
    pub(crate) handshake: u64,
    /// Datagrams that the shell processes before it drains.
    pub(crate) turn: u32,
    pub(crate) send_every: u64,
    /// Knows itself by another address than the one clients dial.
    pub(crate) internal: bool,
    pub(crate) clock: ClockPlan,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockPlan {
    pub(crate) origin: u64,
    pub(crate) drift_ppm: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Ours,
    /// Model of the reference's client.
    Reference,
    /// Ours on a device, whose tokens come sealed to it.
    Device(DeviceMemory),
}

/// Means by which a device tells a new token from a recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceMemory {
    Nonce,
    NewestToken,
    Date,
}

/// Behaviour of a client after its attempt or session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Nothing,
    NewToken,
    SameToken,
}

#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    /// `false` once the shrinker has taken it away.
    pub(crate) takes_part: bool,
    pub(crate) kind: ClientKind,
    pub(crate) client_id: u64,
    pub(crate) address: SocketAddr,
    /// Servers in its tokens, in order.
    pub(crate) servers: Vec<usize>,
    /// Addresses in front of them that no server has.
    pub(crate) dead_addresses: u8,
    pub(crate) joins: u64,
    pub(crate) leaves: Option<u64>,
    pub(crate) afterwards: Afterwards,
    pub(crate) timeout: i32,
    pub(crate) lifetime: u64,
    pub(crate) defect: Defect,
    /// Largest datagram of its bridge session, if it is behind a bridge.
    pub(crate) bridge: Option<usize>,
    pub(crate) send_every: u64,
    pub(crate) long_payloads: bool,
    pub(crate) skips: bool,
    pub(crate) clock: ClockPlan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttackKind {
    /// Single datagrams of the recording.
    Replay,
    /// Everything that a client sent, in order.
    ReplaySession,
    /// Forged datagrams from addresses of clients and servers.
    Spoof,
    /// Changed copies of real datagrams.
    Mutate,
    /// Requests with tokens that do not open.
    Flood,
    /// Two tokens of one id, one presented from a victim's address.
    TwoTokens,
    /// Many tokens from the addresses of one /64.
    Subnet,
    /// Session with the token of a client.
    Thief,
    /// Recorded sealed token, given to the device again.
    StolenSealedToken,
}

#[derive(Clone, Debug)]
pub(crate) struct Attack {
    pub(crate) takes_part: bool,
    pub(crate) kind: AttackKind,
    pub(crate) at: u64,
    pub(crate) victim: usize,
    pub(crate) server: usize,
    pub(crate) strength: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Server(usize),
    Client(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum TroubleKind {
    Restart {
        server: usize,
        memory: bool,
    },
    Kick {
        server: usize,
    },
    /// All servers change their private key, and the backend does when the trouble ends. The old key
    /// is valid for `overlap` seconds.
    Rotate {
        overlap: u64,
    },
    /// The server is closed to new clients.
    Close {
        server: usize,
    },
    Date {
        server: usize,
        by: i64,
    },
    Reboot {
        client: usize,
    },
    Rebind {
        client: usize,
    },
    PartitionClient {
        client: usize,
    },
    PartitionServer {
        server: usize,
    },
    OneWay {
        client: usize,
        server: usize,
        up: bool,
    },
    /// An observer holds a client's datagrams back.
    Held {
        client: usize,
        by: u64,
    },
    ClockJump {
        host: Host,
        by: i64,
    },
    ClockStop {
        host: Host,
    },
    /// The process does not run; its socket's buffer fills up.
    Suspend {
        host: Host,
        buffer: usize,
    },
    /// Buffers lent for datagrams are too short.
    ShortBuffers {
        host: Host,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) takes_part: bool,
    pub(crate) kind: TroubleKind,
    pub(crate) at: u64,
    pub(crate) lasts: u64,
}

/// Generator of one actor of a world.
pub(crate) fn generator(seed: u64, actor: u64) -> StdRng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&actor.to_le_bytes());
    StdRng::from_seed(key)
}

pub(crate) fn server_address(server: usize) -> SocketAddr {
    let n = u8::try_from(server).unwrap_or(0) + 1;
    if server == 2 {
        return (
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)),
            40_000,
        )
            .into();
    }
    ([10, 0, 0, n], 40_000).into()
}

pub(crate) fn internal_address(server: usize) -> SocketAddr {
    let n = u8::try_from(server).unwrap_or(0) + 1;
    ([192, 168, 0, n], 40_001).into()
}

pub(crate) fn client_address(client: usize, number: u16) -> SocketAddr {
    let n = u16::try_from(client).unwrap_or(0);
    if client % 3 == 2 {
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 1, n, 0, 0, 0, 1);
        return (ip, 50_000 + number).into();
    }
    let [_, low] = n.to_be_bytes();
    (Ipv4Addr::new(10, 1, 0, low), 50_000 + number).into()
}
