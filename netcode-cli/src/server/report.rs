//! Output of a server: event lines, and a live table on a terminal.

use anyhow::Result;
use netcode_std::Server;
use netcode_std::core::server::{ClientInfo, Event};
use serde_json::json;

use crate::live::Live;
use crate::network::Network;
use crate::text::{print, print_json, show_millis};

pub(super) struct Report {
    json: bool,
    live: Live,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        let live = if json { Live::hidden() } else { Live::shown() };
        Self { json, live }
    }

    pub(super) fn listening(&mut self, server: &Server<Network>) -> Result<()> {
        let addresses: Vec<String> = server
            .local_addresses()
            .iter()
            .map(ToString::to_string)
            .collect();
        if self.json {
            return print_json(&json!({ "event": "listening", "addresses": addresses }));
        }
        self.live
            .line(&format!("listening on {}", addresses.join(" and ")))
    }

    /// Prints connected and disconnected clients; payloads are not printed.
    pub(super) fn event(&mut self, server: &Server<Network>, event: &Event<&[u8]>) -> Result<()> {
        match event {
            Event::Connected { client, client_id } => {
                let from = server
                    .core()
                    .client(*client)
                    .and_then(|info| info.address)
                    .map_or_else(|| "-".to_owned(), |address| address.to_string());
                if self.json {
                    return print_json(&json!({
                        "event": "connected", "slot": client.0, "client_id": client_id.0,
                        "address": from,
                    }));
                }
                self.live.line(&format!(
                    "client {client_id} connected from {from} to slot {client}"
                ))
            }
            Event::Disconnected {
                client,
                client_id,
                reason,
            } => {
                if self.json {
                    return print_json(&json!({
                        "event": "disconnected", "slot": client.0, "client_id": client_id.0,
                        "reason": reason.to_string(),
                    }));
                }
                self.live
                    .line(&format!("client {client_id} left slot {client}: {reason}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn stopped(&mut self, server: &Server<Network>) -> Result<()> {
        self.live.end();
        let stats = server.core().stats();
        let dropped: serde_json::Map<_, _> = stats
            .dropped
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| (reason.name().to_owned(), count.into()))
            .collect();
        if self.json {
            return print_json(&json!({
                "event": "stopped", "connects": stats.connects, "denied": stats.denied,
                "payloads_in": stats.payloads_in, "payloads_out": stats.payloads_out,
                "bytes_in": stats.bytes_in, "bytes_out": stats.bytes_out, "dropped": dropped,
            }));
        }
        print(format_args!(
            "stopped: {} connects, {} denied, {} payloads in, {} out",
            stats.connects, stats.denied, stats.payloads_in, stats.payloads_out
        ))?;
        for (reason, count) in stats.dropped.iter().filter(|(_, count)| *count > 0) {
            print(format_args!("dropped {count}: {reason}"))?;
        }
        Ok(())
    }

    /// Draws the live table.
    pub(super) fn draw(&mut self, server: &Server<Network>) {
        if !self.live.is_due() {
            return;
        }
        let header = [
            "slot",
            "client",
            "address",
            "in",
            "out",
            "lost",
            "handshake",
        ];
        let rows = server.core().clients().map(|info| row(&info));
        self.live
            .draw(header, server.core().connected_count(), rows);
    }
}

fn row(info: &ClientInfo<'_>) -> [String; 7] {
    let unknown = || "-".to_owned();
    [
        info.client.to_string(),
        info.client_id.to_string(),
        info.address
            .map_or_else(unknown, |address| address.to_string()),
        info.stats.payloads_in.to_string(),
        info.stats.payloads_out.to_string(),
        info.stats.lost.to_string(),
        info.stats
            .handshake_round_trip
            .map_or_else(unknown, show_millis),
    ]
}
