//! Clients of a server on a terminal, redrawn below the log.

use netcode_std::Server;
use netcode_std::core::server::ClientInfo;

use crate::live::Live;
use crate::network::Network;
use crate::table::{Column, fit};
use crate::text::show_millis;

const COLUMNS: [Column; 7] = [
    Column {
        name: "slot",
        importance: 3,
    },
    Column {
        name: "client",
        importance: 7,
    },
    Column {
        name: "address",
        importance: 4,
    },
    Column {
        name: "in",
        importance: 6,
    },
    Column {
        name: "out",
        importance: 5,
    },
    Column {
        name: "lost",
        importance: 2,
    },
    Column {
        name: "handshake",
        importance: 1,
    },
];

pub(super) struct View(Live);

impl View {
    pub(super) fn new(live: Live) -> Self {
        Self(live)
    }

    /// Draws the clients, if it is time to.
    pub(super) fn draw(&self, server: &Server<Network>) {
        let Some(room) = self.0.due() else {
            return;
        };
        let clients = server.core().clients();
        let rows = clients.map(|info| row(&info));
        let count = server.core().connected_count();
        self.0.draw(&fit(&COLUMNS, count, rows, room));
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

fn row(info: &ClientInfo<'_>) -> [String; COLUMNS.len()] {
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
