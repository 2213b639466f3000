//! Events on standard output: lines for people, or JSON, one object on each line. Figures over time
//! come from the metrics.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netcode_bridge::{
    Bridge, BridgeError, BridgeEvent, BridgeStats, FlowStats, Limit, SessionInfo,
};
use serde_json::{Value, json};

pub(crate) struct Report {
    pub(crate) json: bool,
}

/// Prints a line. A closed reader is an error, not a panic.
fn print(line: fmt::Arguments<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_fmt(line)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn print_json(value: &Value) -> Result<()> {
    print(format_args!("{value}"))
}

impl Report {
    pub(crate) fn listening(&self, bridge: &Bridge) -> Result<()> {
        let addresses = bridge.addresses();
        let hash = BASE64_STANDARD.encode(addresses.certificate_hash);
        if self.json {
            return print_json(&json!({
                "event": "bridge_listening",
                "webtransport": texts(&addresses.webtransport),
                "http": texts(&addresses.http),
                "rtc": texts(&addresses.rtc),
                "metrics": addresses.metrics.map(|address| address.to_string()),
                "certificate_hash": hash,
            }));
        }
        let list = |addresses: &[SocketAddr]| texts(addresses).join(" and ");
        print(format_args!(
            "WebTransport at {} (UDP)",
            list(&addresses.webtransport)
        ))?;
        if !addresses.rtc.is_empty() {
            print(format_args!(
                "WebRTC at {} (UDP), offers at {} (TCP)",
                list(&addresses.rtc),
                list(&addresses.http)
            ))?;
        }
        if let Some(address) = addresses.metrics {
            print(format_args!("counters at http://{address}/metrics"))?;
        }
        print(format_args!("certificate hash (SHA-256, base64): {hash}"))
    }

    /// Takes and prints all pending events.
    pub(crate) fn events(&self, bridge: &Bridge) -> Result<()> {
        while let Some(event) = bridge.poll_event() {
            self.event(&event)?;
        }
        Ok(())
    }

    pub(crate) fn event(&self, event: &BridgeEvent) -> Result<()> {
        match event {
            BridgeEvent::Opened(session) if self.json => {
                print_json(&with(session_json(session), "event", "session_opened"))
            }
            BridgeEvent::Opened(session) => print(format_args!(
                "session {} opened: {} over {} to {}",
                session.id, session.client, session.transport, session.server
            )),
            BridgeEvent::Ended { session, cause } if self.json => {
                let session = with(session_json(session), "event", "session_ended");
                print_json(&with(session, "cause", cause.name()))
            }
            BridgeEvent::Ended { session, cause } => print(format_args!(
                "session {} ended: {cause}; {} datagrams in, {} out",
                session.id, session.datagrams[0], session.datagrams[1]
            )),
            BridgeEvent::Refused {
                transport,
                client,
                code,
                limit,
            } => {
                if self.json {
                    return print_json(&json!({
                        "event": "session_refused", "transport": transport.name(),
                        "client": client.to_string(), "cause": code.name(),
                        "limit": limit.map(Limit::name),
                    }));
                }
                let reason = limit.map_or(code.as_str(), Limit::as_str);
                print(format_args!("{client} over {transport} refused: {reason}"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn reloaded(&self, reloaded: &Result<[u8; 32], BridgeError>) -> Result<()> {
        match reloaded {
            Ok(hash) => {
                let hash = BASE64_STANDARD.encode(hash);
                if self.json {
                    return print_json(&json!({
                        "event": "certificate_reloaded", "certificate_hash": hash,
                    }));
                }
                print(format_args!("certificate read again; its hash is {hash}"))
            }
            Err(error) => {
                // The error repeats unchanged until the files are corrected.
                if self.json {
                    return print_json(&json!({
                        "event": "certificate_kept", "reason": error.to_string(),
                    }));
                }
                print(format_args!("{error}; the one in use stays"))
            }
        }
    }

    pub(crate) fn draining(&self, bridge: &Bridge) -> Result<()> {
        let sessions = bridge.stats().sessions;
        if self.json {
            return print_json(&json!({ "event": "draining", "sessions": sessions }));
        }
        print(format_args!(
            "draining: new sessions are refused; {sessions} sessions are still open"
        ))
    }

    pub(crate) fn stopped(&self, bridge: &Bridge) -> Result<()> {
        let stats = bridge.stats();
        if self.json {
            return print_json(&with(stats_json(&stats), "event", "bridge_stopped"));
        }
        print(format_args!(
            "stopped: {} sessions, {} refused; {} datagrams to servers, {} to browsers",
            stats.opened, stats.refused, stats.to_server.datagrams, stats.to_browser.datagrams
        ))
    }
}

fn texts(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

fn with(mut object: Value, name: &str, value: &str) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
    object
}

fn session_json(session: &SessionInfo) -> Value {
    json!({
        "id": session.id, "transport": session.transport.name(),
        "client": session.client.to_string(), "server": session.server.to_string(),
        "origin": session.origin,
        "datagrams_in": session.datagrams[0], "datagrams_out": session.datagrams[1],
        "bytes_in": session.bytes[0], "bytes_out": session.bytes[1],
    })
}

fn stats_json(stats: &BridgeStats) -> Value {
    let flow = |flow: &FlowStats| {
        let dropped: serde_json::Map<_, _> = flow
            .dropped
            .iter()
            .map(|(cause, count)| (cause.name().to_owned(), (*count).into()))
            .collect();
        json!({ "datagrams": flow.datagrams, "bytes": flow.bytes, "dropped": dropped })
    };
    let limited: serde_json::Map<_, _> = stats
        .limited
        .iter()
        .map(|(limit, count)| (limit.name().to_owned(), (*count).into()))
        .collect();
    json!({
        "opened": stats.opened, "refused": stats.refused, "limited": limited,
        "to_server": flow(&stats.to_server), "to_browser": flow(&stats.to_browser),
    })
}
