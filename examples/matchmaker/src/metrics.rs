//! Counters, in the format of Prometheus.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::api::Code;
use crate::store::ServerState;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    kind: TokenKind,
}

/// Kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the names are those of the label")]
pub enum TokenKind {
    /// For a player, over TLS.
    plain,
    /// Sealed to a device.
    sealed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    code: Code,
}

impl EncodeLabelValue for Code {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

/// Counters of the service.
pub struct Metrics {
    registry: Registry,
    tokens: Family<Of, Counter>,
    refusals: Family<By, Counter>,
    heartbeats: Counter,
    seconds: Histogram,
    servers: Gauge,
    slots: Gauge,
    connected: Gauge,
    reserved: Gauge,
    free: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("matchmaker");
        let seconds = [
            0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0,
        ];
        let metrics = Self {
            tokens: Family::default(),
            refusals: Family::default(),
            heartbeats: Counter::default(),
            seconds: Histogram::new(seconds),
            servers: Gauge::default(),
            slots: Gauge::default(),
            connected: Gauge::default(),
            reserved: Gauge::default(),
            free: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("tokens", "Tokens handed out", metrics.tokens.clone());
        registry.register(
            "refusals",
            "Requests refused, by code",
            metrics.refusals.clone(),
        );
        registry.register(
            "heartbeats",
            "Heartbeats stored",
            metrics.heartbeats.clone(),
        );
        registry.register_with_unit(
            "request",
            "Time from request to answer",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register(
            "servers",
            "Servers that accept players",
            metrics.servers.clone(),
        );
        registry.register("slots", "Slots of all servers", metrics.slots.clone());
        registry.register(
            "connected",
            "Slots that are taken",
            metrics.connected.clone(),
        );
        registry.register(
            "reserved",
            "Slots kept for tokens",
            metrics.reserved.clone(),
        );
        registry.register("free", "Slots free for new players", metrics.free.clone());
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// Counts a token.
    pub fn token(&self, kind: TokenKind) {
        self.tokens.get_or_create(&Of { kind }).inc();
    }

    /// Counts a heartbeat.
    pub fn heartbeat(&self) {
        self.heartbeats.inc();
    }

    /// Counts a request, and its refusal.
    pub fn request(&self, took: Duration, refused: Option<Code>) {
        self.seconds.observe(took.as_secs_f64());
        if let Some(code) = refused {
            self.refusals.get_or_create(&By { code }).inc();
        }
    }

    /// Number of refusals of each code that occurred.
    pub fn refusals(&self, code: Code) -> u64 {
        self.refusals.get_or_create(&By { code }).get()
    }

    /// All counters as text, with the state of the fleet.
    pub fn text(&self, servers: &[ServerState], silent_after: Duration) -> String {
        let accepting = || servers.iter().filter(|it| it.accepts(silent_after));
        let sum =
            |count: fn(&ServerState) -> u32| servers.iter().map(|it| i64::from(count(it))).sum();
        self.servers
            .set(i64::try_from(accepting().count()).unwrap_or(i64::MAX));
        self.slots.set(sum(|it| it.heartbeat.capacity));
        self.connected.set(sum(|it| it.heartbeat.connected));
        self.reserved.set(sum(|it| it.reserved));
        self.free
            .set(accepting().map(|it| i64::from(it.free())).sum());
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
