//! Results of the demonstration.

use std::time::Duration;

use anyhow::Result;
use netcode_std::{Server, SimulatorStats};
use serde_json::json;

use super::Args;
use super::crowd::Crowd;
use crate::failure::Failure;
use crate::network::Network;
use crate::table::plain;
use crate::text::{print, print_json, show_millis};

pub(super) struct Summary {
    clients: u32,
    payload_bytes: u16,
    connects: u64,
    connecting: Duration,
    exchanging: Duration,
    sent: u64,
    echoed: u64,
    lost: u64,
    late: u64,
    damaged: u64,
    bytes: u64,
    network: SimulatorStats,
    unexplained: i128,
    handshake: Spread,
    round_trip: Spread,
}

impl Summary {
    pub(super) fn new(
        args: &Args,
        server: &Server<Network>,
        crowd: &Crowd,
        connecting: Duration,
        exchanging: Duration,
        unexplained: i128,
    ) -> Self {
        let totals = &crowd.totals;
        let round_trips = totals
            .round_trips
            .iter()
            .map(|&us| Duration::from_micros(us.into()));
        Self {
            clients: args.clients,
            payload_bytes: args.payload,
            connects: server.core().stats().connects,
            connecting,
            exchanging,
            sent: totals.sent,
            echoed: totals.echoed,
            lost: totals.lost,
            late: totals.late,
            damaged: totals.damaged,
            bytes: server.core().stats().bytes_in + server.core().stats().bytes_out,
            network: server.link().stats(),
            unexplained,
            handshake: Spread::of(crowd.handshakes()),
            round_trip: Spread::of(round_trips.collect()),
        }
    }

    /// Payloads through the server each second, both directions.
    fn rate(&self) -> f64 {
        (self.echoed * 2) as f64 / self.exchanging.as_secs_f64().max(1e-9)
    }

    pub(super) fn show(&self, json: bool) -> Result<()> {
        if json {
            self.show_json()
        } else {
            self.show_table()
        }
    }

    fn show_json(&self) -> Result<()> {
        print_json(&json!({
            "clients": self.clients,
            "connects": self.connects,
            "connecting_seconds": self.connecting.as_secs_f64(),
            "payload_bytes": self.payload_bytes,
            "payloads_sent": self.sent,
            "payloads_echoed": self.echoed,
            "payloads_lost": self.lost,
            "payloads_late": self.late,
            "payloads_damaged": self.damaged,
            "payloads_per_second": self.rate().round(),
            "bytes": self.bytes,
            "simulator": {
                "datagrams": self.network.entered,
                "lost": self.network.lost,
                "duplicated": self.network.duplicated,
            },
            "datagrams_lost_unexplained": self.unexplained.to_string().parse::<i64>().ok(),
            "handshake_ms": self.handshake.to_json(),
            "round_trip_ms": self.round_trip.to_json(),
        }))
    }

    fn show_table(&self) -> Result<()> {
        let mut table = plain();
        let rows = [
            (
                "clients connected",
                format!("{} of {}", self.connects, self.clients),
            ),
            ("  all within", show_millis(self.connecting)),
            ("  handshake round trip", self.handshake.to_string()),
            (
                "payloads there and back",
                format!("{} of {} bytes", self.echoed, self.payload_bytes),
            ),
            ("  per second, both ways", format!("{:.0}", self.rate())),
            ("  round trip", self.round_trip.to_string()),
            (
                "  lost, late, damaged",
                format!("{}, {}, {}", self.lost, self.late, self.damaged),
            ),
            (
                "bytes through the server",
                format!("{:.1} MB", self.bytes as f64 / 1e6),
            ),
            (
                "datagrams lost",
                format!(
                    "{} by the simulator, {} otherwise",
                    self.network.lost, self.unexplained
                ),
            ),
            (
                "  doubled",
                format!("{} by the simulator", self.network.duplicated),
            ),
        ];
        for (name, value) in rows {
            table.add_row([name.to_owned(), value]);
        }
        print(format_args!("{}", table.trim_fmt()))?;
        print(format_args!(
            " round trips in milliseconds: median, 99 % below, longest"
        ))
    }

    /// Fails if anything was lost that the simulator did not drop.
    pub(super) fn verdict(&self) -> Result<()> {
        if self.damaged > 0 {
            return lost(format!("{} payloads came back damaged", self.damaged));
        }
        if self.unexplained != 0 {
            return lost(format!(
                "{} datagrams were lost on the way",
                self.unexplained
            ));
        }
        if self.lost > self.network.lost {
            return lost(format!("{} payloads never came back", self.lost));
        }
        if self.echoed == 0 {
            return lost("no payload came back".to_owned());
        }
        Ok(())
    }
}

fn lost(text: String) -> Result<()> {
    Err(Failure::Lost(text).into())
}

/// Median, 99th percentile and maximum of durations.
struct Spread(Option<[Duration; 3]>);

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            times
                .get((times.len().saturating_sub(1) * percent) / 100)
                .copied()
        };
        Self(
            at(50)
                .zip(at(99))
                .zip(at(100))
                .map(|((median, high), most)| [median, high, most]),
        )
    }

    fn to_json(&self) -> serde_json::Value {
        let [median, high, most] = match self.0 {
            Some(times) => times.map(|time| time.as_micros() as f64 / 1000.0),
            None => return serde_json::Value::Null,
        };
        json!({ "p50": median, "p99": high, "max": most })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(times) => {
                let [median, high, most] = times.map(|time| time.as_secs_f64() * 1000.0);
                write!(f, "{median:.2}, {high:.2}, {most:.2}")
            }
            None => f.write_str("-"),
        }
    }
}
