//! Options of the command line. Keys come from files or the environment alone: every user of a
//! machine can read its command lines.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use axum::http::HeaderValue;
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use matchmaker::identity::{JwtConfig, KeySource};
use matchmaker::limits::Rate;
use matchmaker::mint::Mint;
use matchmaker::placement::{AgonesConfig, FleetConfig};
use matchmaker::serve::TlsFiles;
use matchmaker::store::Bridge;
use netcode_service::{LogArgs, parse_protocol_id};
use netcode_std::core::sealed::SealerSecret;
use netcode_std::{Key, KeyFile, ProtocolId, Timeout};

/// A web backend for netcode: from a website to a dedicated server with a free slot
#[derive(Parser)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve
    ///
    /// At SIGHUP it reads the file of the private key again.
    Serve(Box<Serve>),
    /// Print a new API key, and its entry for the file of credentials
    Key(KeyArgs),
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    /// Name of the account. A server's key speaks for the servers with its name, or its name and a
    /// hyphen in front
    #[arg(long, default_value = "NAME")]
    pub(crate) name: String,
    /// Role of the account
    #[arg(long, default_value = "player", value_parser = ["player", "server", "admin"])]
    pub(crate) role: String,
    /// New file for the key that only its owner can read; only the entry is printed then
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Clone)]
pub(crate) struct Serve {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080", env = "MATCHMAKER_LISTEN")]
    pub(crate) listen: SocketAddr,
    /// State: a file, or redis://HOST:PORT/DB for many backends
    #[arg(long, default_value = "matchmaker.redb", env = "MATCHMAKER_STORE")]
    pub(crate) store: String,
    /// Serve the website, with accounts of its own. The folder is that of the npm package, as
    /// `cargo xtask web-package` builds it
    #[arg(long, value_name = "FOLDER", env = "MATCHMAKER_SITE")]
    pub(crate) site: Option<PathBuf>,
    /// File of API keys and devices; `matchmaker key` prints an entry
    #[arg(long, value_name = "FILE", env = "MATCHMAKER_CREDENTIALS")]
    pub(crate) credentials: Option<PathBuf>,
    /// Seconds to answer while reported as not ready, before the end
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    notice: u64,
    /// Certificate for HTTPS, PEM, with its chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Network of proxies whose header X-Forwarded-For is believed
    #[arg(long, value_name = "NETWORK")]
    pub(crate) trusted_proxy: Vec<IpNet>,
    /// Origin of a page on another host that may ask for tokens: https://game.example
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<HeaderValue>,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    jwt: JwtArgs,
    #[command(flatten)]
    bridge: BridgeArgs,
    /// Server of a fixed list, instead of those that send heartbeats
    #[arg(long, value_name = "ADDRESS", conflicts_with = "agones_fleet")]
    pub(crate) server: Vec<SocketAddr>,
    /// Servers that a token names besides the first. They share its session keys: more than 0 is
    /// for networks without attackers on the path (SECURITY.md)
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub(crate) alternatives: usize,
    /// Silence of a server after which it gets no more players, seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    silent_after: u64,
    #[command(flatten)]
    agones: AgonesArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Args, Clone)]
struct Tokens {
    /// File with the private key that the servers share, as `netcode keygen` writes it [or the key
    /// itself in the environment variable NETCODE_KEY]
    #[arg(long, value_name = "FILE", env = "NETCODE_KEY_FILE")]
    key: Option<PathBuf>,
    /// File with the X25519 key that seals tokens for devices, from `netcode keygen --x25519`
    #[arg(long, value_name = "FILE", env = "NETCODE_SEALER_KEY_FILE")]
    sealer_key: Option<PathBuf>,
    /// Application and version, the same as in servers: decimal, or hexadecimal behind `0x`
    #[arg(long, value_parser = parse_protocol_id)]
    protocol_id: u64,
    /// Lifetime of a token, seconds: at most the servers' --max-token-lifetime
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u64).range(5..=3600))]
    token_lifetime: u64,
    /// Timeout of a connection, seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=3600))]
    timeout: i32,
}

#[derive(Args, Clone)]
struct LimitArgs {
    /// Requests of an account in a minute
    #[arg(long, default_value = "120")]
    account_rate: NonZeroU32,
    /// Requests of an account at once
    #[arg(long, default_value = "20")]
    account_burst: NonZeroU32,
    /// Requests from an address in a minute
    #[arg(long, default_value = "600")]
    address_rate: NonZeroU32,
    /// Requests from an address at once
    #[arg(long, default_value = "100")]
    address_burst: NonZeroU32,
}

#[derive(Args, Clone)]
struct JwtArgs {
    /// Issuer of JSON Web Tokens
    #[arg(long, requires_all = ["jwt_audience", "jwt_keys"])]
    jwt_issuer: Option<String>,
    /// Audience of JSON Web Tokens
    #[arg(long)]
    jwt_audience: Option<String>,
    /// JWK Set of the issuer: a file or an HTTPS URL
    #[arg(long, value_name = "FILE|URL")]
    jwt_keys: Option<String>,
    /// Claim with the client id; without it, the id is made from issuer and subject
    #[arg(long, value_name = "CLAIM")]
    jwt_client_id: Option<String>,
}

#[derive(Args, Clone)]
struct BridgeArgs {
    /// WebTransport URL of the bridge, for servers that name none
    #[arg(long, value_name = "URL")]
    bridge_webtransport: Option<String>,
    /// WebRTC URL of the bridge
    #[arg(long, value_name = "URL")]
    bridge_webrtc: Option<String>,
    /// SHA-256 of the bridge's certificate, in base64, for development
    #[arg(long, value_name = "HASH")]
    bridge_certificate_hash: Vec<String>,
}

#[derive(Args, Clone)]
struct AgonesArgs {
    /// Fleet of Agones game servers, instead of servers that send heartbeats
    #[arg(long, value_name = "NAME")]
    agones_fleet: Option<String>,
    /// Namespace of the fleet
    #[arg(long, default_value = "default")]
    agones_namespace: String,
    /// Counter of taken slots
    #[arg(long, default_value = "players")]
    agones_counter: String,
    /// Name of the UDP port, if it is not the first
    #[arg(long)]
    agones_port: Option<String>,
    /// URL of the Kubernetes interface
    #[arg(long, default_value = "https://kubernetes.default.svc")]
    kubernetes_url: String,
    /// Folder with the service account's `token` and `ca.crt`
    #[arg(long, default_value = "/var/run/secrets/kubernetes.io/serviceaccount")]
    kubernetes_account: PathBuf,
}

impl Serve {
    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_certificate.clone()?,
            key: self.tls_key.clone()?,
        })
    }

    pub(crate) fn notice(&self) -> Duration {
        Duration::from_secs(self.notice)
    }

    pub(crate) fn silent_after(&self) -> Duration {
        Duration::from_secs(self.silent_after.max(1))
    }

    pub(crate) fn account_rate(&self) -> Rate {
        Rate {
            burst: self.limits.account_burst,
            per_minute: self.limits.account_rate,
        }
    }

    pub(crate) fn address_rate(&self) -> Rate {
        Rate {
            burst: self.limits.address_burst,
            per_minute: self.limits.address_rate,
        }
    }

    pub(crate) fn bridge(&self) -> Bridge {
        Bridge {
            webtransport: self.bridge.bridge_webtransport.clone(),
            webrtc: self.bridge.bridge_webrtc.clone(),
            certificate_hashes: self.bridge.bridge_certificate_hash.clone(),
        }
    }

    pub(crate) fn fleet(&self) -> FleetConfig {
        FleetConfig {
            token_lifetime: Duration::from_secs(self.tokens.token_lifetime),
            silent_after: self.silent_after(),
            alternatives: self.alternatives,
        }
    }

    pub(crate) fn mint(&self) -> Result<Mint> {
        let sealer = self.tokens.sealer_key.as_ref().map(key_file).transpose()?;
        Ok(Mint {
            protocol_id: ProtocolId(self.tokens.protocol_id),
            key: self.key()?.into(),
            sealer: sealer.map(|key| SealerSecret::from_bytes(*key.as_bytes())),
            lifetime: Duration::from_secs(self.tokens.token_lifetime),
            timeout: Timeout::from_secs(self.tokens.timeout),
        })
    }

    /// Private key that the servers share.
    pub(crate) fn key(&self) -> Result<Key> {
        self.tokens.key()
    }

    pub(crate) fn jwt(&self) -> Result<Option<JwtConfig>> {
        let JwtArgs {
            jwt_issuer: Some(issuer),
            jwt_audience: Some(audience),
            jwt_keys: Some(keys),
            jwt_client_id,
        } = &self.jwt
        else {
            return Ok(None);
        };
        let keys = if keys.starts_with("https://") {
            KeySource::Url(keys.clone())
        } else if keys.starts_with("http://") {
            bail!(
                "--jwt-keys: keys that arrive over plain HTTP can be anyone's: give an HTTPS URL"
            );
        } else {
            KeySource::File(keys.into())
        };
        Ok(Some(JwtConfig {
            issuer: issuer.clone(),
            audience: audience.clone(),
            keys,
            client_id_claim: jwt_client_id.clone(),
        }))
    }

    pub(crate) fn agones(&self) -> Result<Option<AgonesConfig>> {
        let Some(fleet) = &self.agones.agones_fleet else {
            return Ok(None);
        };
        let file = |name| self.agones.kubernetes_account.join(name);
        Ok(Some(AgonesConfig {
            url: self.agones.kubernetes_url.clone(),
            namespace: self.agones.agones_namespace.clone(),
            labels: BTreeMap::from([("agones.dev/fleet".into(), fleet.clone())]),
            counter: self.agones.agones_counter.clone(),
            port: self.agones.agones_port.clone(),
            token_file: Some(file("token")),
            ca_file: Some(file("ca.crt")),
        }))
    }
}

impl Tokens {
    fn key(&self) -> Result<Key> {
        if let Some(file) = &self.key {
            return key_file(file);
        }
        let text = std::env::var("NETCODE_KEY").map_err(|_| {
            anyhow!(
                "no private key: make one with `netcode keygen --out game.key` and name it with \
                 `--key game.key`, or put it into the environment variable NETCODE_KEY"
            )
        })?;
        Key::from_hex(text.trim()).context("the environment variable NETCODE_KEY")
    }
}

fn key_file(path: &PathBuf) -> Result<Key> {
    let read = KeyFile::read(path);
    let read = read.with_context(|| format!("the key file {}", path.display()))?;
    if read.readable_by_others {
        tracing::warn!(
            "the key file {} can be read by others than its owner: chmod 600 it",
            path.display()
        );
    }
    Ok(read.key)
}
