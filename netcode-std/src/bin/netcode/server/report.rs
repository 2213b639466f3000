//! What a server shows: lines as things happen, and a live table on a terminal.

use std::time::{Duration, Instant};

use anyhow::Result;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use netcode_std::Server;
use netcode_std::core::server::{ClientInfo, ServerEvent};
use serde_json::json;

use crate::network::Network;
use crate::text::{print, print_json, show_millis};

/// Rows of the live table; a terminal has no room for thousands.
const MOST_ROWS: usize = 20;

pub(super) struct Report {
    json: bool,
    /// Hidden where standard error is no terminal.
    live: ProgressBar,
    drawn: Option<Instant>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        let target = if json {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(5)
        };
        let live = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            live.set_style(style);
        }
        Self {
            json,
            live,
            drawn: None,
        }
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
        self.line(&format!("listening on {}", addresses.join(" and ")))
    }

    /// Takes and shows every event that waits.
    pub(super) fn events(&mut self, server: &mut Server<Network>) -> Result<()> {
        while let Some(event) = server.poll_event() {
            self.event(server, event)?;
        }
        Ok(())
    }

    fn event(&mut self, server: &Server<Network>, event: ServerEvent) -> Result<()> {
        match event {
            ServerEvent::Connected { client, client_id } => {
                let from = server
                    .client(client)
                    .and_then(|info| info.address)
                    .map_or_else(|| "-".to_owned(), |address| address.to_string());
                if self.json {
                    return print_json(&json!({
                        "event": "connected", "slot": client.0, "client_id": client_id.0,
                        "address": from,
                    }));
                }
                self.line(&format!(
                    "client {client_id} connected from {from} to slot {client}"
                ))
            }
            ServerEvent::Disconnected {
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
                self.line(&format!("client {client_id} left slot {client}: {reason}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn stopped(&mut self, server: &Server<Network>) -> Result<()> {
        self.live.finish_and_clear();
        let stats = server.stats();
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

    /// Prints above the live table.
    fn line(&self, text: &str) -> Result<()> {
        self.live.suspend(|| print(format_args!("{text}")))
    }

    /// Draws the live table a few times a second.
    pub(super) fn draw(&mut self, server: &Server<Network>) {
        let now = Instant::now();
        let soon = |drawn: Instant| now.duration_since(drawn) < Duration::from_millis(200);
        if self.live.is_hidden() || self.drawn.is_some_and(soon) {
            return;
        }
        self.drawn = Some(now);
        self.live.set_message(table(server));
    }
}

fn table(server: &Server<Network>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "slot",
        "client",
        "address",
        "in",
        "out",
        "lost",
        "handshake",
    ]);
    for info in server.clients().take(MOST_ROWS) {
        table.add_row(row(&info));
    }
    let unseen = server.connected_count().saturating_sub(MOST_ROWS);
    let more = if unseen > 0 {
        format!("\n… and {unseen} more")
    } else {
        String::new()
    };
    format!("{table}{more}")
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
