//! Options of a server that reports itself to a matchmaker.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use netcode_std::Server;
use serde_json::{Map, Value, json};

use super::{Figures, Heartbeats, Member};
use crate::matchmaker::MatchmakerArgs;
use crate::network::Network;
use crate::token::resolve;

/// Maximum number of addresses of a server.
const MOST_ADDRESSES: usize = 4;
/// Maximum length of a name.
const LONGEST_NAME: usize = 63;

/// Server of a matchmaker's fleet.
#[derive(clap::Args)]
#[command(next_help_heading = "Matchmaker")]
pub(in crate::server) struct MemberArgs {
    #[command(flatten)]
    matchmaker: MatchmakerArgs,
    /// Name of this server at the matchmaker: that of its API key, or with a hyphen and more behind
    /// it, such as eu-1 for the key `eu`
    #[arg(long, value_name = "NAME", value_parser = name, requires = "matchmaker")]
    server_name: Option<String>,
    /// Addresses at which clients reach this server, if the network translates them to those by
    /// which it knows itself (--public, or the bound ones): as many, in the same order
    #[arg(long, value_name = "HOST:PORT", requires = "matchmaker")]
    advertise: Vec<String>,
    /// WebTransport URL of the bridge to this server, for browsers
    #[arg(long, value_name = "URL", requires = "matchmaker")]
    bridge_webtransport: Option<String>,
    /// WebRTC URL of the bridge
    #[arg(long, value_name = "URL", requires = "matchmaker")]
    bridge_webrtc: Option<String>,
    /// SHA-256 of the bridge's certificate, in base64, for development
    #[arg(long, value_name = "HASH", requires = "matchmaker")]
    bridge_certificate_hash: Vec<String>,
}

fn name(text: &str) -> Result<String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let valid = text.len() <= LONGEST_NAME
        && text.bytes().next().is_some_and(letter)
        && text.bytes().all(|byte| letter(byte) || byte == b'-');
    ensure!(valid, "1 to 63 lowercase letters, digits and hyphens");
    Ok(text.to_owned())
}

impl MemberArgs {
    /// Checks the options, before anything is bound. `None`: no matchmaker was named.
    pub(in crate::server) fn check(&self) -> Result<Option<Membership<'_>>> {
        let Some(backend) = self.matchmaker.backend()? else {
            return Ok(None);
        };
        let Some(name) = &self.server_name else {
            bail!("--matchmaker needs the name of this server there: --server-name eu-1");
        };
        let advertised = resolve(&self.advertise).context("--advertise")?;
        Ok(Some(Membership {
            args: self,
            member: Member {
                backend,
                name: name.clone(),
                fixed: Map::new(),
            },
            advertised,
        }))
    }

    fn bridge(&self) -> Option<Value> {
        let Self {
            bridge_webtransport: webtransport,
            bridge_webrtc: webrtc,
            bridge_certificate_hash: hashes,
            ..
        } = self;
        let mut bridge = Map::new();
        for (field, url) in [("webtransport", webtransport), ("webrtc", webrtc)] {
            if let Some(url) = url {
                bridge.insert(field.to_owned(), json!(url));
            }
        }
        if !hashes.is_empty() {
            bridge.insert("certificateHashes".to_owned(), json!(hashes));
        }
        (!bridge.is_empty()).then_some(Value::Object(bridge))
    }
}

/// Options that were checked.
pub(in crate::server) struct Membership<'a> {
    args: &'a MemberArgs,
    member: Member,
    advertised: Vec<SocketAddr>,
}

impl Membership<'_> {
    /// Begins to send heartbeats of a server.
    pub(in crate::server) fn start(
        mut self,
        server: &Server<Network>,
        figures: Arc<Figures>,
    ) -> Result<Heartbeats> {
        let config = server.core().config();
        let own: Vec<SocketAddr> = config.addresses.iter().collect();
        let (public, internal) = addresses(self.advertised, own)?;
        let fixed = &mut self.member.fixed;
        let mut insert = |field: &str, value: Value| fixed.insert(field.to_owned(), value);
        insert("addresses", texts(&public));
        if !internal.is_empty() {
            insert("internalAddresses", texts(&internal));
        }
        insert("capacity", json!(config.max_clients));
        insert("labels", json!(self.args.matchmaker.labels()));
        if let Some(bridge) = self.args.bridge() {
            insert("bridge", bridge);
        }
        Heartbeats::start(self.member, self.args.matchmaker.timeout(), figures)
    }
}

/// Addresses that clients dial, and those by which the server knows itself if they differ.
fn addresses(
    advertised: Vec<SocketAddr>,
    own: Vec<SocketAddr>,
) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>)> {
    ensure!(
        own.len() <= MOST_ADDRESSES,
        "a matchmaker takes {MOST_ADDRESSES} addresses of a server, not {}: name them with --public",
        own.len()
    );
    if advertised.is_empty() {
        return Ok((own, Vec::new()));
    }
    ensure!(
        advertised.len() == own.len(),
        "--advertise has {} addresses, and the server {}: one is needed for each",
        advertised.len(),
        own.len()
    );
    Ok((advertised, own))
}

fn texts(addresses: &[SocketAddr]) -> Value {
    addresses.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ports: &[u16]) -> Vec<SocketAddr> {
        let address = |&port| SocketAddr::from(([192, 0, 2, 1], port));
        ports.iter().map(address).collect()
    }

    #[test]
    fn each_own_address_has_one_that_clients_dial() {
        let own = || list(&[1, 2]);
        assert_eq!(addresses(list(&[]), own()).unwrap(), (own(), list(&[])));
        let translated = addresses(list(&[3, 4]), own()).unwrap();
        assert_eq!(translated, (list(&[3, 4]), own()));
        assert!(addresses(list(&[3]), own()).is_err());
        assert!(addresses(list(&[]), list(&[1, 2, 3, 4, 5])).is_err());
    }

    #[test]
    fn a_name_is_one_that_a_matchmaker_accepts() {
        for (text, valid) in [
            ("eu-1", true),
            ("7", true),
            ("", false),
            ("-1", false),
            ("EU", false),
            ("eu/1", false),
            (&"a".repeat(64), false),
        ] {
            assert_eq!(name(text).is_ok(), valid, "{text}");
        }
    }
}
