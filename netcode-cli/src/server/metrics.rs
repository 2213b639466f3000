//! Figures of a server for Prometheus. `docs/operating.md` explains each.
//!
//! The main loop publishes a snapshot of the core's counters once in a turn, and never waits for a
//! reader; the endpoint's thread writes them out.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use netcode_std::core::Dropped;
use netcode_std::core::server::{Admission, Capacity, DisconnectReason, ServerStats};
use netcode_std::{Server, SocketStats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::heartbeats::Figures;
use super::losses::Losses;
use crate::network::Network;

type Labels = [(&'static str, &'static str); 1];

/// Requests and responses that were answered with nothing. The client tries again, or has to come
/// with another token.
const REFUSALS: [Dropped; 17] = [
    Dropped::RequestLength,
    Dropped::Version,
    Dropped::ProtocolId,
    Dropped::TokenExpired,
    Dropped::TokenLifetime,
    Dropped::TokenBeforeStart,
    Dropped::TokenConsumed,
    Dropped::TokenElsewhere,
    Dropped::HostLimit,
    Dropped::OverBudget,
    Dropped::TokenUnauthentic,
    Dropped::TokenMalformed,
    Dropped::NotOurAddress,
    Dropped::IdConnected,
    Dropped::IdLimit,
    Dropped::HistoryFull,
    Dropped::HalfOpenFull,
];

const REASONS: [DisconnectReason; 5] = [
    DisconnectReason::ByClient,
    DisconnectReason::ByServer,
    DisconnectReason::TimedOut,
    DisconnectReason::ServerStopped,
    DisconnectReason::Replaced,
];

/// Figures, as the main loop writes them.
pub(super) struct Metrics {
    registry: Arc<Registry>,
    published: Arc<Mutex<Snapshot>>,
    losses: Losses,
    /// Time spent with sending when the last turn ended.
    sending: Duration,
    turns: Histogram,
    sends: Histogram,
    disconnects: Family<Vec<(&'static str, &'static str)>, Counter>,
}

/// Figures, as the endpoint's thread reads them.
pub(super) struct Page(Arc<Registry>);

impl Page {
    /// All figures in the OpenMetrics text format.
    pub(super) fn text(&self) -> String {
        let mut page = String::new();
        // Writing to a `String` cannot fail.
        let _ = text::encode(&mut page, &self.0);
        page
    }
}

impl Metrics {
    /// Figures of a server, and of its heartbeats if it sends any.
    pub(super) fn new(server: &Server<Network>, heartbeats: Option<Arc<Figures>>) -> Self {
        let snapshot = Snapshot::of(server, 0);
        let published = Arc::new(Mutex::new(snapshot));
        // From 10 µs to 0.3 s.
        let times = || Histogram::new(exponential_buckets(1e-5, 2.0, 16));
        let (turns, sends) = (times(), times());
        let disconnects = Family::<Vec<_>, Counter>::default();
        // Zero from the start, for alerts that expect the series to exist.
        for reason in REASONS {
            disconnects.get_or_create_owned(&of_reason(reason));
        }
        let mut registry = Registry::with_prefix("netcode_server");
        registry.register(
            "build",
            "Version of the program",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register_with_unit(
            "start_time",
            "Time of the start, since 1970",
            Unit::Seconds,
            ConstGauge::new(since_1970()),
        );
        registry.register_with_unit(
            "turn",
            "Time of a turn of the main loop, without waiting",
            Unit::Seconds,
            turns.clone(),
        );
        registry.register_with_unit(
            "send",
            "Time that a turn spent with sending datagrams",
            Unit::Seconds,
            sends.clone(),
        );
        registry.register(
            "disconnects",
            "Sessions that ended, by reason",
            disconnects.clone(),
        );
        registry.register_collector(Box::new(Published(Arc::clone(&published))));
        if let Some(figures) = heartbeats {
            registry.register_collector(Box::new(OfHeartbeats(figures)));
        }
        Self {
            registry: Arc::new(registry),
            published,
            losses: Losses::default(),
            sending: Duration::ZERO,
            turns,
            sends,
            disconnects,
        }
    }

    pub(super) fn page(&self) -> Page {
        Page(Arc::clone(&self.registry))
    }

    /// Counts a session that ended.
    pub(super) fn left(&self, reason: DisconnectReason) {
        self.disconnects
            .get_or_create_owned(&of_reason(reason))
            .inc();
    }

    /// Publishes the figures after a turn that took so long.
    pub(super) fn turn(&mut self, server: &Server<Network>, took: Duration) {
        let sending = server.link().sending();
        self.turns.observe(took.as_secs_f64());
        let sent = sending.saturating_sub(self.sending);
        self.sends.observe(sent.as_secs_f64());
        self.sending = sending;
        self.losses.sample(Instant::now(), server.core().clients());
        // A reader delays the figures, and not the loop.
        if let Ok(mut published) = self.published.try_lock() {
            *published = Snapshot::of(server, self.losses.total());
        }
    }
}

fn of_reason(reason: DisconnectReason) -> Vec<(&'static str, &'static str)> {
    vec![("reason", reason.name())]
}

fn since_1970() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

/// Figures of the core and of the sockets after a turn.
#[derive(Clone, Debug)]
struct Snapshot {
    stats: ServerStats,
    sockets: SocketStats,
    lost: u64,
    clients: u32,
    slots: u32,
    open: bool,
    half_open: usize,
    tokens: usize,
}

impl Snapshot {
    fn of(server: &Server<Network>, lost: u64) -> Self {
        let core = server.core();
        Self {
            stats: core.stats().clone(),
            sockets: server.link().socket_stats(),
            lost,
            clients: core.connected_count(),
            slots: core.config().max_clients,
            open: core.is_running() && core.admission() == Admission::Open,
            half_open: core.half_open_count(),
            tokens: core.token_count(),
        }
    }

    fn encode(&self, to: &mut Encoder<'_>) -> fmt::Result {
        let room = Capacity::for_clients(self.slots);
        to.gauge("clients", "Connected clients", self.clients.into())?;
        to.gauge("slots", "Maximum number of clients", self.slots.into())?;
        let help = "1 while open to new clients";
        to.gauge("open", help, self.open.into())?;
        to.gauge("half_open", "Half-open connections", count(self.half_open))?;
        let help = "Maximum number of half-open connections";
        to.gauge("half_open_limit", help, count(room.half_open))?;
        to.gauge("tokens", "Tokens in the history", count(self.tokens))?;
        let help = "Maximum number of tokens in the history";
        to.gauge("tokens_limit", help, count(room.tokens))?;

        let stats = &self.stats;
        let of = |reason: &Dropped| u64::from(stats.dropped.get(*reason));
        let refused = REFUSALS.iter().map(of).sum();
        let help = "Handshakes, by outcome";
        let outcomes = [
            ("connected", stats.connects),
            ("denied", stats.denied),
            ("refused", refused),
        ];
        to.counters("handshakes", help, "outcome", outcomes)?;
        to.counter("challenges", "Challenges sent", stats.challenges)?;
        let both = |inward, outward| [("in", inward), ("out", outward)];
        let payloads = both(stats.payloads_in, stats.payloads_out);
        to.counters("payloads", "Payloads of clients", "direction", payloads)?;
        let datagrams = both(stats.datagrams_in, stats.datagrams_out);
        let help = "Datagrams, dropped ones included";
        to.counters("datagrams", help, "direction", datagrams)?;
        let bytes = both(stats.bytes_in, stats.bytes_out);
        to.counters("bytes", "Bytes of those datagrams", "direction", bytes)?;
        let dropped = stats.dropped.iter();
        let dropped = dropped.map(|(reason, count)| (reason.name(), u64::from(count)));
        to.counters("dropped", "Datagrams dropped", "reason", dropped)?;
        let help = "Datagrams of clients that have not arrived";
        to.counter("lost_datagrams", help, self.lost)?;
        let sockets = &self.sockets;
        let errors = [
            ("send_blocked", sockets.send_blocked),
            ("send_failed", sockets.send_failed),
            ("unreachable", sockets.unreachable),
        ];
        to.counters("socket_errors", "Errors of the sockets", "kind", errors)
    }
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// Writer of a published snapshot.
#[derive(Debug)]
struct Published(Arc<Mutex<Snapshot>>);

impl Collector for Published {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let published = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = published.clone();
        drop(published);
        snapshot.encode(&mut Encoder(encoder))
    }
}

/// Writer of the outcomes of heartbeats.
#[derive(Debug)]
struct OfHeartbeats(Arc<Figures>);

impl Collector for OfHeartbeats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let age = ConstGauge::new(self.0.age());
        let help = "Time since a heartbeat was accepted";
        let kind = age.metric_type();
        let name = "heartbeat_age";
        age.encode(encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?)?;
        let help = "Heartbeats, by outcome";
        Encoder(encoder).counters("heartbeats", help, "outcome", self.0.outcomes())
    }
}

struct Encoder<'a>(DescriptorEncoder<'a>);

impl Encoder<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        let kind = gauge.metric_type();
        gauge.encode(self.0.encode_descriptor(name, help, None, kind)?)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        let kind = counter.metric_type();
        counter.encode(self.0.encode_descriptor(name, help, None, kind)?)
    }

    /// Counters of one name, told apart by a label.
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> fmt::Result {
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (value, count) in values {
            let labels: Labels = [(label, value)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
