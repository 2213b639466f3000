//! Plans drawn from seeds. Each world has its own share of everything that can go wrong, often
//! none of it.

use rand::RngExt;
use rand::rngs::StdRng;

use super::{
    Afterwards, Attack, AttackKind, ClientKind, ClientPlan, ClockPlan, DeviceMemory, Host, MILLI,
    Plan, SECOND, ServerPlan, Trouble, TroubleKind, client_address, generator,
};
use crate::backend::Defect;
use crate::network::Weather;

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
        plan.operation(&mut generator(seed, 7000));
        plan
    }

    /// Adds what an operator does: it closes a server for a while, and changes the private key.
    fn operation(&mut self, rng: &mut StdRng) {
        let server = rng.random_range(0..self.servers.len());
        if rng.random_bool(0.2) {
            self.troubles
                .push(self.lasting(rng, TroubleKind::Close { server }));
        }
        if rng.random_bool(0.2) {
            let overlap = pick(rng, &[0, 2, 5, 45]);
            self.troubles
                .push(self.lasting(rng, TroubleKind::Rotate { overlap }));
        }
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
        self.lasting(rng, kind)
    }

    /// Trouble that begins at some time and ends before the calm.
    fn lasting(&self, rng: &mut StdRng, kind: TroubleKind) -> Trouble {
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

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
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
