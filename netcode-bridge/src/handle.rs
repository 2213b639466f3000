//! Handle of a running bridge.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::ServerConfig;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::{error, info};
use web_transport_quinn::quinn::Endpoint;

use super::certificate::Loaded;
use super::config::{BridgeConfig, MIN_BUFFER_BYTES};
use super::context::Context;
use super::counters::BridgeStats;
use super::error::BridgeError;
use super::event::{BridgeEvent, SessionInfo};
use super::log;
use super::monitor::BridgeMonitor;
use super::webrtc::{Demux, Offers};
use super::{descriptors, http, webtransport};

/// Events queued for the reader; further ones are dropped and counted.
const WAITING_EVENTS: usize = 4096;

/// Interval of resolving the names of servers.
const LOOK_UP_EVERY: Duration = Duration::from_secs(30);

/// Pause after a certificate for development could not be renewed.
const AFTER_FAILED_RENEWAL: Duration = Duration::from_secs(600);

/// Running datagram bridge, on threads of its own, until it is dropped.
pub struct Bridge {
    context: Arc<Context>,
    events: Receiver<BridgeEvent>,
    endpoints: Vec<Endpoint>,
    tls: Option<watch::Sender<Arc<ServerConfig>>>,
    certificate: InUse,
    addresses: BridgeAddresses,
    /// Taken on drop.
    runtime: Option<Runtime>,
}

/// Certificate in use, and its source when it was last read.
struct InUse {
    expires: SystemTime,
    modified: Option<SystemTime>,
    /// Earliest time of a renewal, after one that failed.
    renewed_from: Instant,
}

/// Listening addresses of a bridge, with the ports the system chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BridgeAddresses {
    /// WebTransport sessions (UDP).
    pub webtransport: Vec<SocketAddr>,
    /// WebRTC offers (TCP); empty if WebRTC is disabled.
    pub http: Vec<SocketAddr>,
    /// WebRTC datagrams (UDP); empty if WebRTC is disabled.
    pub rtc: Vec<SocketAddr>,
    /// SHA-256 of the certificate, as a page passes it in `serverCertificateHashes`.
    pub certificate_hash: [u8; 32],
}

impl Bridge {
    /// Starts a bridge.
    ///
    /// If the process may not yet open as many descriptors as the configured sessions and
    /// connections may need, its soft limit (`RLIMIT_NOFILE`) is raised.
    ///
    /// # Errors
    /// See [`BridgeError`].
    pub fn start(config: BridgeConfig) -> Result<Self, BridgeError> {
        check(&config)?;
        descriptors::provide_for(&config)?;
        let certificate = config.certificate.load()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("netcode-bridge")
            .build()
            .map_err(BridgeError::Threads)?;
        let (events_in, events) = sync_channel(WAITING_EVENTS);
        let mut bridge = Self {
            context: Arc::new(Context::new(config, events_in)),
            events,
            endpoints: Vec::new(),
            tls: None,
            certificate: InUse {
                expires: certificate.expires,
                modified: certificate.modified,
                renewed_from: Instant::now(),
            },
            addresses: BridgeAddresses {
                certificate_hash: certificate.hash(),
                ..BridgeAddresses::default()
            },
            runtime: Some(runtime),
        };
        bridge
            .context
            .counters
            .certificate_expires(certificate.expires);
        bridge.listen(&certificate)?;
        bridge.log_addresses();
        Ok(bridge)
    }

    /// Opens every socket and starts the listeners.
    fn listen(&mut self, certificate: &Loaded) -> Result<(), BridgeError> {
        let Some(runtime) = self.runtime.take() else {
            return Ok(());
        };
        // Sockets register with the runtime entered when they are created.
        let around = runtime.enter();
        self.context.servers.look_up();
        self.listen_for_webtransport(certificate)?;
        self.listen_for_webrtc(certificate)?;
        if self.context.servers.has_names() {
            runtime.spawn(look_up_names(Arc::clone(&self.context)));
        }
        runtime.spawn(write_counted(Arc::clone(&self.context)));
        drop(around);
        self.runtime = Some(runtime);
        Ok(())
    }

    fn listen_for_webtransport(&mut self, certificate: &Loaded) -> Result<(), BridgeError> {
        let config = webtransport::server_config(certificate, &self.context.config.limits)?;
        for &address in &self.context.config.listen {
            let (endpoint, bound) = webtransport::listen(address, config.clone())?;
            self.addresses.webtransport.push(bound);
            self.endpoints.push(endpoint.clone());
            let context = Arc::clone(&self.context);
            tokio::spawn(webtransport::accept(endpoint, context));
        }
        Ok(())
    }

    fn listen_for_webrtc(&mut self, certificate: &Loaded) -> Result<(), BridgeError> {
        let config = &self.context.config;
        if config.rtc_listen.is_empty() {
            return Ok(());
        }
        let mut demuxes = Vec::new();
        for &address in &config.rtc_listen {
            let demux = Arc::new(Demux::bind(address, &config.rtc_public)?);
            self.addresses.rtc.push(demux.bound());
            tokio::spawn(Arc::clone(&demux).run());
            demuxes.push(demux);
        }
        if !config.plain_http {
            self.tls = Some(watch::Sender::new(http::tls_config(certificate)?));
        }
        let offers = Arc::new(Offers::new(Arc::clone(&self.context), demuxes)?);
        for &address in &config.listen {
            let (listener, bound) = http::listen(address)?;
            self.addresses.http.push(bound);
            let routes = http::offers(Arc::clone(&offers));
            let tls = self.tls.as_ref().map(watch::Sender::subscribe);
            tokio::spawn(http::serve(
                listener,
                routes,
                tls,
                Arc::clone(&self.context),
            ));
        }
        Ok(())
    }

    /// Listening addresses.
    pub fn addresses(&self) -> &BridgeAddresses {
        &self.addresses
    }

    fn log_addresses(&self) {
        let list = |addresses: &[SocketAddr]| {
            let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            (!texts.is_empty()).then(|| texts.join(","))
        };
        let addresses = &self.addresses;
        info!(
            webtransport = list(&addresses.webtransport),
            webrtc_offers = list(&addresses.http),
            webrtc = list(&addresses.rtc),
            certificate_hash = BASE64_STANDARD.encode(addresses.certificate_hash),
            "listening"
        );
    }

    /// `true` if the certificate's files have changed since they were last read, or if a
    /// certificate for development has to be renewed. [`reload_certificate`](Self::reload_certificate)
    /// does either. Looks at the files: call it every few seconds, not more often.
    pub fn certificate_is_outdated(&self) -> bool {
        let source = &self.context.config.certificate;
        let modified = source.modified();
        let has_changed = modified.is_some() && modified != self.certificate.modified;
        let may_renew = Instant::now() >= self.certificate.renewed_from;
        has_changed || (may_renew && source.is_due(self.certificate.expires))
    }

    /// Reads the certificate again, or makes a new one for development, for new sessions; open
    /// sessions go on. Returns its hash.
    ///
    /// # Errors
    /// [`BridgeError::Certificate`]; the bridge keeps its present certificate.
    pub fn reload_certificate(&mut self) -> Result<[u8; 32], BridgeError> {
        let before = self.addresses.certificate_hash;
        let reloaded = self.try_reload_certificate();
        match &reloaded {
            Ok(hash) if *hash == before => info!("certificate read again: unchanged"),
            Ok(hash) => info!(
                certificate_hash = BASE64_STANDARD.encode(hash),
                previous_certificate_hash = BASE64_STANDARD.encode(before),
                "certificate replaced"
            ),
            Err(error) => {
                self.certificate.modified = self.context.config.certificate.modified();
                self.certificate.renewed_from = Instant::now() + AFTER_FAILED_RENEWAL;
                error!("{error}; the one in use stays");
            }
        }
        reloaded
    }

    fn try_reload_certificate(&mut self) -> Result<[u8; 32], BridgeError> {
        let config = &self.context.config;
        let certificate = config.certificate.load()?;
        let quic = webtransport::server_config(&certificate, &config.limits)?;
        let tls = http::tls_config(&certificate)?;
        for endpoint in &self.endpoints {
            endpoint.set_server_config(Some(quic.clone()));
        }
        if let Some(current) = &self.tls {
            current.send_replace(tls);
        }
        let Loaded {
            expires, modified, ..
        } = certificate;
        self.certificate.expires = expires;
        self.certificate.modified = modified;
        self.context.counters.certificate_expires(expires);
        self.addresses.certificate_hash = certificate.hash();
        Ok(self.addresses.certificate_hash)
    }

    /// Next event. Call until `None`.
    pub fn poll_event(&self) -> Option<BridgeEvent> {
        self.events.try_recv().ok()
    }

    /// Next event, waiting for up to `limit`.
    pub fn wait_event(&self, limit: Duration) -> Option<BridgeEvent> {
        self.events.recv_timeout(limit).ok()
    }

    /// Counters since the start.
    pub fn stats(&self) -> BridgeStats {
        let context = &self.context;
        context.counters.stats(&context.admission)
    }

    /// Metrics and readiness, for other threads.
    pub fn monitor(&self) -> BridgeMonitor {
        BridgeMonitor(Arc::clone(&self.context))
    }

    /// Open sessions, oldest first.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.context.sessions()
    }

    /// Admits no further session. Open sessions go on.
    pub fn drain(&self) {
        self.context.admission.close();
        let sessions = self.context.admission.sessions.taken();
        info!(sessions, "draining: new sessions are refused");
    }

    /// Ends every session with a close code
    /// ([`CloseCode::Draining`](netcode_core::bridge::CloseCode)). Admits no further session.
    pub fn end_sessions(&self) {
        self.context.end();
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Works where blocking is forbidden, too; open connections are aborted.
            runtime.shutdown_background();
        }
        self.context.log.write_counted();
    }
}

fn check(config: &BridgeConfig) -> Result<(), BridgeError> {
    if config.listen.is_empty() {
        return Err(BridgeError::Config(
            "a bridge needs an address to listen at",
        ));
    }
    if config.allow.is_empty() {
        return Err(BridgeError::Config(
            "the list of allowed servers is empty: allow one server at least",
        ));
    }
    if config.limits.buffer_bytes < MIN_BUFFER_BYTES {
        return Err(BridgeError::Config(
            "a buffer for browsers needs 4096 bytes at least",
        ));
    }
    Ok(())
}

async fn look_up_names(context: Arc<Context>) {
    loop {
        tokio::time::sleep(LOOK_UP_EVERY).await;
        let context = Arc::clone(&context);
        // The system's resolver blocks.
        let _ = tokio::task::spawn_blocking(move || context.servers.look_up()).await;
    }
}

async fn write_counted(context: Arc<Context>) {
    loop {
        tokio::time::sleep(log::INTERVAL).await;
        context.log.write_counted();
    }
}
