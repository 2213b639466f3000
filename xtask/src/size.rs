//! How many bytes things take: the aims are part of the design.

use std::mem::size_of;

use anyhow::{Result, bail};
use netcode_core::client::Client;
use netcode_core::server::{Server, StaticStorage};
use serde_json::json;

use crate::run::Tally;

struct Row {
    name: &'static str,
    bytes: usize,
    aim: Option<usize>,
    what: &'static str,
}

fn rows() -> Vec<Row> {
    let base = size_of::<StaticStorage<1, 1, 1>>();
    let row = |name, bytes, aim, what| Row {
        name,
        bytes,
        aim,
        what,
    };
    vec![
        row(
            "client",
            size_of::<Client>(),
            Some(2457),
            "1024 sealed private token, 612 addresses, 300 challenge, 64 keys, 40 replay window, \
             64 traffic, 104 drop counts, the rest clock, state, events",
        ),
        row(
            "client slot",
            size_of::<StaticStorage<2, 1, 1>>() - base,
            Some(512),
            "256 user data, 64 keys, 40 replay window, 56 traffic, 23 address, 32 indexes and \
             timer, the rest id, sequence, times, state",
        ),
        row(
            "half-open entry",
            size_of::<StaticStorage<1, 2, 1>>() - base,
            None,
            "64 keys, 23 address, 16 token MAC, 24 index and timer, the rest id, time, timeout",
        ),
        row(
            "token entry",
            size_of::<StaticStorage<1, 1, 2>>() - base,
            None,
            "16 MAC, 23 address, 1 state, 24 index and timer (its expiry among them)",
        ),
        row(
            "server",
            size_of::<Server<'_>>(),
            None,
            "without its tables; 612 are addresses",
        ),
    ]
}

pub(crate) fn run(as_json: bool) -> Result<Tally> {
    let rows = rows();
    if as_json {
        let list: Vec<_> = rows
            .iter()
            .map(|row| json!({"name": row.name, "bytes": row.bytes, "aim": row.aim}))
            .collect();
        println!("{}", serde_json::to_string_pretty(&list)?);
    } else {
        println!("bytes (64-bit pointers)");
        for row in &rows {
            let aim = row.aim.map_or(String::new(), |aim| format!("aim {aim}"));
            println!("{:<16} {:>6}  {aim:<9} {}", row.name, row.bytes, row.what);
        }
    }
    let missed: Vec<_> = rows
        .iter()
        .filter(|row| row.aim.is_some_and(|aim| row.bytes > aim))
        .collect();
    if let Some(row) = missed.first() {
        bail!("{} takes {} bytes, above its aim", row.name, row.bytes);
    }
    Ok(Tally::ONE)
}
