//! Plan of a world: everything that is decided before it begins, from one seed.
//!
//! Each actor draws from a generator of its own, so that the shrinker can take one away and leave
//! the others as they are.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

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

/// What a client does after its attempt or session ended.
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

impl Plan {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let rng = &mut generator(seed, 0);
        let duration = rng.random_range(6..=18) * SECOND;
        let servers: Vec<_> = (0..pick(rng, &[1, 1, 1, 2, 2, 3]))
            .map(|_| server(rng))
            .collect();
        let clients: Vec<_> = (0..pick(rng, &[1, 2, 2, 3, 3, 4, 5]))
            .map(|id| client(rng, id, &servers, duration))
            .collect();
        let mut plan = Self {
            seed,
            duration,
            weather: weather(rng),
            servers,
            clients,
            attacks: Vec::new(),
            troubles: Vec::new(),
        };
        let attacks = pick(rng, &[0, 0, 1, 2, 3, 5, 8]);
        plan.attacks = (0..attacks).map(|_| plan.attack(rng)).collect();
        let troubles = pick(rng, &[0, 0, 1, 2, 3, 5]);
        plan.troubles = (0..troubles).map(|_| plan.trouble(rng)).collect();
        plan
    }

    fn attack(&self, rng: &mut StdRng) -> Attack {
        use AttackKind as Kind;
        let kinds = [
            Kind::Replay,
            Kind::Replay,
            Kind::ReplaySession,
            Kind::ReplaySession,
            Kind::Spoof,
            Kind::Spoof,
            Kind::Mutate,
            Kind::Mutate,
            Kind::Flood,
            Kind::TwoTokens,
            Kind::Subnet,
            Kind::Thief,
            Kind::StolenSealedToken,
        ];
        let kind = pick(rng, &kinds);
        let is_device = |client: &ClientPlan| matches!(client.kind, ClientKind::Device(_));
        let device = self.clients.iter().position(is_device);
        let victim = rng.random_range(0..self.clients.len());
        Attack {
            takes_part: true,
            kind,
            at: rng.random_range(SECOND / 2..self.duration),
            victim: match kind {
                Kind::StolenSealedToken => device.unwrap_or(victim),
                _ => victim,
            },
            server: rng.random_range(0..self.servers.len()),
            strength: rng.random_range(1..=40),
        }
    }

    fn trouble(&self, rng: &mut StdRng) -> Trouble {
        let client = rng.random_range(0..self.clients.len());
        let server = rng.random_range(0..self.servers.len());
        let host = if rng.random() {
            Host::Client(client)
        } else {
            Host::Server(server)
        };
        let kind = match rng.random_range(0..17) {
            0 | 1 => TroubleKind::Restart {
                server,
                memory: true,
            },
            2 | 3 => TroubleKind::Restart {
                server,
                memory: false,
            },
            4 => TroubleKind::Kick { server },
            5 => TroubleKind::Date {
                server,
                by: pick(rng, &[-3600, -5, 2, 10, 60]),
            },
            6 => {
                let is_device = |client: &ClientPlan| matches!(client.kind, ClientKind::Device(_));
                let device = self.clients.iter().position(is_device);
                TroubleKind::Reboot {
                    client: device.unwrap_or(client),
                }
            }
            7 => TroubleKind::Rebind { client },
            8 => TroubleKind::PartitionClient { client },
            9 => TroubleKind::PartitionServer { server },
            10 => TroubleKind::OneWay {
                client,
                server,
                up: rng.random(),
            },
            11 => TroubleKind::Held {
                client,
                by: rng.random_range(SECOND / 10..3 * SECOND),
            },
            12 | 13 => TroubleKind::ClockJump {
                host,
                by: jump(rng),
            },
            14 => TroubleKind::ClockStop { host },
            15 => TroubleKind::Suspend {
                host,
                buffer: rng.random_range(0..60),
            },
            _ => TroubleKind::ShortBuffers { host },
        };
        // The latecomer comes some time after the last restart.
        let last = self.duration - 4 * SECOND;
        let at = rng.random_range(SECOND / 2..last);
        Trouble {
            takes_part: true,
            kind,
            at,
            lasts: rng.random_range(MILLI..(last - at).clamp(2 * MILLI, 4 * SECOND)),
        }
    }
}

pub(crate) fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

fn jump(rng: &mut StdRng) -> i64 {
    let by = pick(
        rng,
        &[
            1_000,
            400_000,
            999_999,
            1_000_000,
            1_000_001,
            5_000_000,
            3_600_000_000,
        ],
    );
    if rng.random() { by } else { -by }
}

fn weather(rng: &mut StdRng) -> Weather {
    Weather {
        loss: pick(rng, &[0, 0, 10, 50, 200, 400]),
        duplicates: pick(rng, &[0, 0, 20, 150]),
        corruption: pick(rng, &[0, 0, 5, 50]),
        latency: pick(rng, &[0, 1_000, 5_000, 20_000, 80_000]),
        jitter: pick(rng, &[0, 1_000, 30_000, 200_000]),
    }
}

fn clock(rng: &mut StdRng) -> ClockPlan {
    ClockPlan {
        origin: pick(rng, &[0, 1, 5_000_000, 1 << 40]),
        drift_ppm: pick(rng, &[0, 0, 100, -100, 20_000, -20_000]),
    }
}

fn server(rng: &mut StdRng) -> ServerPlan {
    ServerPlan {
        max_clients: pick(rng, &[1, 2, 3, 4, 4, 6]),
        half_open: pick(rng, &[2, 8, 16, 32]),
        tokens: pick(rng, &[3, 16, 64, 64]),
        refuse_older: pick(rng, &[None, Some(10), Some(30)]),
        replace: rng.random_bool(0.4),
        host_limit: rng.random_bool(0.7),
        opens_per_second: pick(rng, &[None, Some(10_000), Some(50)]),
        handshake: pick(rng, &[SECOND, 3 * SECOND, 10 * SECOND]),
        turn: pick(rng, &[1, 1, 1, 4, 12]),
        send_every: pick(rng, &[50, 100, 300, 1000]) * MILLI,
        internal: rng.random_bool(0.3),
        clock: clock(rng),
    }
}

fn client(rng: &mut StdRng, id: usize, servers: &[ServerPlan], duration: u64) -> ClientPlan {
    let kind = match rng.random_range(0..10) {
        0 | 1 => ClientKind::Reference,
        2 => {
            let memories = [
                DeviceMemory::Nonce,
                DeviceMemory::NewestToken,
                DeviceMemory::Date,
            ];
            ClientKind::Device(pick(rng, &memories))
        }
        _ => ClientKind::Ours,
    };
    let mut order: Vec<_> = (0..servers.len()).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, rng.random_range(0..=at));
    }
    order.truncate(rng.random_range(1..=order.len()));
    let longest = order
        .iter()
        .filter_map(|&server| servers[server].refuse_older)
        .min();
    // One more than allowed, now and then.
    let most = longest.unwrap_or(40) - u64::from(rng.random_range(0..8) > 0);
    let shortest = pick(rng, &[1, 1, 5, 20, 20]);
    let joins = rng.random_range(0..duration * 2 / 3);
    let lives = rng.random_range(SECOND / 5..duration);
    let same_id = id > 0 && rng.random_range(0..8) == 0;
    ClientPlan {
        takes_part: true,
        kind,
        client_id: if same_id { 100 } else { 100 + id as u64 },
        address: client_address(id, 0),
        servers: order,
        dead_addresses: pick(rng, &[0, 0, 0, 0, 0, 1, 2]),
        joins,
        leaves: rng.random_bool(0.5).then_some(joins + lives),
        afterwards: pick(
            rng,
            &[
                Afterwards::Nothing,
                Afterwards::NewToken,
                Afterwards::NewToken,
                Afterwards::SameToken,
            ],
        ),
        timeout: pick(rng, &[1, 1, 2, 3, 5, 0, -1]),
        lifetime: shortest
            .max(if rng.random() { most } else { most / 2 })
            .min(most.max(1)),
        defect: match rng.random_range(0..30) {
            0 => Defect::ForeignKey,
            1 => Defect::Malformed,
            2 => Defect::Protocol,
            3 => Defect::Public,
            _ => Defect::None,
        },
        bridge: rng.random_bool(0.2).then(|| pick(rng, &[620, 1000, 1200])),
        send_every: pick(rng, &[20, 50, 100, 300, 1000]) * MILLI,
        long_payloads: rng.random_bool(0.2),
        skips: rng.random_bool(0.05),
        clock: clock(rng),
    }
}
