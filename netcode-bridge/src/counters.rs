//! Counters of a bridge, for programs and for Prometheus.

use std::sync::atomic::AtomicI64;
use std::time::{SystemTime, UNIX_EPOCH};

use netcode_core::bridge::CloseCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::admission::Admission;
use super::event::{EndCause, Transport};
use super::limit::Limit;

/// Reason why a bridge dropped a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropCause {
    /// Above the session's datagrams or bytes a second.
    Rate,
    /// Neither a netcode datagram nor a fragment of one.
    Malformed,
    /// Too long for the session, even in two fragments.
    TooLong,
    /// The buffer of the session or of the system is full.
    Buffer,
}

impl DropCause {
    /// All causes.
    pub const ALL: [Self; 4] = [Self::Rate, Self::Malformed, Self::TooLong, Self::Buffer];

    /// Stable name for metrics, logs and JSON, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Buffer => "buffer",
        }
    }
}

/// Direction of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Direction {
    ToServer,
    ToBrowser,
}

/// Label whose values are fixed names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name(&'static str);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDirection {
    direction: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTransport {
    transport: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTransportAndCause {
    transport: Name,
    cause: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResource {
    resource: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLimit {
    limit: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDirectionAndCause {
    direction: Name,
    cause: Name,
}

impl Direction {
    const fn name(self) -> Name {
        match self {
            Self::ToServer => Name("to_server"),
            Self::ToBrowser => Name("to_browser"),
        }
    }
}

/// Counters of one direction, looked up once: counting a datagram needs no lookup.
#[derive(Debug)]
pub(super) struct Flow {
    datagrams: Counter,
    bytes: Counter,
    dropped: [Counter; DropCause::ALL.len()],
}

impl Flow {
    pub(super) fn passed(&self, bytes: usize) {
        self.datagrams.inc();
        self.bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(super) fn dropped(&self, cause: DropCause) {
        if let Some(counter) = self.dropped.get(cause as usize) {
            counter.inc();
        }
    }

    fn stats(&self) -> FlowStats {
        let dropped = |cause: DropCause| self.dropped.get(cause as usize).map_or(0, Counter::get);
        FlowStats {
            datagrams: self.datagrams.get(),
            bytes: self.bytes.get(),
            dropped: DropCause::ALL.map(|cause| (cause, dropped(cause))),
        }
    }
}

pub(super) struct Counters {
    registry: Registry,
    sessions: Family<ByTransport, Gauge<i64, AtomicI64>>,
    opened: Family<ByTransport, Counter>,
    ended: Family<ByTransportAndCause, Counter>,
    refused: Family<ByTransportAndCause, Counter>,
    pub(super) to_server: Flow,
    pub(super) to_browser: Flow,
    /// Resources held by peers without a session; read when displayed.
    held: Family<ByResource, Gauge<i64, AtomicI64>>,
    limited: [Counter; Limit::ALL.len()],
    /// End of the certificate's validity, in Unix seconds.
    certificate_expiry: Gauge<i64, AtomicI64>,
    /// QUIC Retry packets sent.
    pub(super) quic_retries: Counter,
    /// Events dropped because the queue was full.
    pub(super) events_lost: Counter,
}

impl Counters {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("netcode_bridge");
        let sessions = Family::<ByTransport, Gauge<i64, AtomicI64>>::default();
        let opened = Family::<ByTransport, Counter>::default();
        // Zero from the start, for alerts that expect the series to exist.
        for by in Transport::ALL.map(by_transport) {
            sessions.get_or_create_owned(&by);
            opened.get_or_create_owned(&by);
        }
        let ended = Family::default();
        let refused = Family::default();
        let datagrams = Family::<ByDirection, Counter>::default();
        let bytes = Family::<ByDirection, Counter>::default();
        let dropped = Family::<ByDirectionAndCause, Counter>::default();
        let events_lost = Counter::default();
        let held = Family::default();
        let limited = Family::<ByLimit, Counter>::default();
        let quic_retries = Counter::default();
        let certificate_expiry = Gauge::default();
        let about = &mut registry;
        about.register(
            "build",
            "Version of the bridge",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        about.register(
            "certificate_expiry_timestamp_seconds",
            "End of the validity of the TLS certificate in use, in Unix time",
            certificate_expiry.clone(),
        );
        about.register("sessions", "Sessions at present", sessions.clone());
        about.register("sessions_opened", "Sessions opened", opened.clone());
        about.register("sessions_ended", "Sessions that ended", ended.clone());
        about.register("sessions_refused", "Sessions refused", refused.clone());
        about.register("datagrams", "Datagrams forwarded", datagrams.clone());
        about.register("bytes", "Bytes forwarded", bytes.clone());
        about.register("dropped", "Messages dropped", dropped.clone());
        about.register(
            "held",
            "Connections, QUIC handshakes and offers held at present",
            held.clone(),
        );
        about.register(
            "limited",
            "Refusals and disconnections by a limit",
            limited.clone(),
        );
        about.register(
            "quic_retries",
            "QUIC Retry packets sent to validate an address",
            quic_retries.clone(),
        );
        about.register(
            "events_lost",
            "Events dropped because the queue was full",
            events_lost.clone(),
        );
        let flow = |direction: Direction| {
            let direction = direction.name();
            Flow {
                datagrams: datagrams.get_or_create_owned(&ByDirection { direction }),
                bytes: bytes.get_or_create_owned(&ByDirection { direction }),
                dropped: DropCause::ALL.map(|cause| {
                    let cause = Name(cause.name());
                    dropped.get_or_create_owned(&ByDirectionAndCause { direction, cause })
                }),
            }
        };
        Self {
            to_server: flow(Direction::ToServer),
            to_browser: flow(Direction::ToBrowser),
            limited: Limit::ALL.map(|limit| {
                let limit = Name(limit.name());
                limited.get_or_create_owned(&ByLimit { limit })
            }),
            held,
            certificate_expiry,
            quic_retries,
            registry,
            sessions,
            opened,
            ended,
            refused,
            events_lost,
        }
    }

    pub(super) fn opened(&self, transport: Transport) {
        let by = by_transport(transport);
        self.opened.get_or_create(&by).inc();
        self.sessions.get_or_create(&by).inc();
    }

    pub(super) fn ended(&self, transport: Transport, cause: EndCause) {
        self.sessions.get_or_create(&by_transport(transport)).dec();
        let by = by_cause(transport, cause.name());
        self.ended.get_or_create(&by).inc();
    }

    pub(super) fn refused(&self, transport: Transport, code: CloseCode) {
        let by = by_cause(transport, code.name());
        self.refused.get_or_create(&by).inc();
    }

    pub(super) fn limited(&self, limit: Limit) {
        if let Some(counter) = self.limited.get(limit as usize) {
            counter.inc();
        }
    }

    /// Records the end of the validity of the certificate in use.
    pub(super) fn certificate_expires(&self, at: SystemTime) {
        self.certificate_expiry.set(unix_seconds(at));
    }

    /// `true` once the certificate in use has expired.
    pub(super) fn certificate_has_expired(&self) -> bool {
        self.certificate_expiry.get() <= unix_seconds(SystemTime::now())
    }

    /// All counters in the Prometheus text format.
    pub(super) fn text(&self, admission: &Admission) -> String {
        for (resource, places) in [
            (Name("connections"), &admission.connections),
            (Name("quic_handshakes"), &admission.quic_handshakes),
            (Name("offers"), &admission.offers),
        ] {
            let taken = i64::try_from(places.taken()).unwrap_or(i64::MAX);
            self.held.get_or_create(&ByResource { resource }).set(taken);
        }
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    pub(super) fn stats(&self, admission: &Admission) -> BridgeStats {
        let limited = |limit: Limit| self.limited.get(limit as usize).map_or(0, Counter::get);
        let both = Transport::ALL.map(by_transport);
        BridgeStats {
            sessions: admission.sessions.taken(),
            offers: admission.offers.taken(),
            quic_handshakes: admission.quic_handshakes.taken(),
            connections: admission.connections.taken(),
            limited: Limit::ALL.map(|limit| (limit, limited(limit))),
            opened: both
                .iter()
                .map(|by| self.opened.get_or_create(by).get())
                .sum(),
            refused: Transport::ALL
                .into_iter()
                .flat_map(|transport| {
                    let refused = move |code: &CloseCode| by_cause(transport, code.name());
                    CloseCode::ALL.iter().map(refused)
                })
                .filter_map(|by| self.refused.get(&by).map(|counter| counter.get()))
                .sum(),
            to_server: self.to_server.stats(),
            to_browser: self.to_browser.stats(),
        }
    }
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

const fn by_transport(transport: Transport) -> ByTransport {
    ByTransport {
        transport: Name(transport.name()),
    }
}

const fn by_cause(transport: Transport, cause: &'static str) -> ByTransportAndCause {
    ByTransportAndCause {
        transport: Name(transport.name()),
        cause: Name(cause),
    }
}

impl BridgeStats {
    /// Number of times this limit refused or ended something.
    pub fn limited(&self, limit: Limit) -> u64 {
        let of = self.limited.iter().find(|(it, _)| *it == limit);
        of.map_or(0, |(_, count)| *count)
    }
}

/// Counters of a bridge since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeStats {
    /// Open sessions.
    pub sessions: usize,
    /// WebRTC offers that have no data channel yet.
    pub offers: usize,
    /// QUIC and HTTP/3 handshakes in progress.
    pub quic_handshakes: usize,
    /// Open TCP connections.
    pub connections: usize,
    /// Number of times each limit refused or ended something.
    pub limited: [(Limit, u64); Limit::ALL.len()],
    /// Sessions opened.
    pub opened: u64,
    /// Sessions refused.
    pub refused: u64,
    /// From browsers to servers.
    pub to_server: FlowStats,
    /// From servers to browsers.
    pub to_browser: FlowStats,
}

/// Counters of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowStats {
    /// Datagrams forwarded.
    pub datagrams: u64,
    /// Bytes of those datagrams.
    pub bytes: u64,
    /// Messages dropped, by cause.
    pub dropped: [(DropCause, u64); DropCause::ALL.len()],
}
