//! What all sessions of a bridge share.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netcode_core::bridge::CloseCode;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::admission::Admission;
use super::allow::Servers;
use super::config::BridgeConfig;
use super::counters::Counters;
use super::event::{BridgeEvent, EndCause, SessionInfo, Transport};
use super::session::{Session, Traffic};

/// Who asks for a session.
pub(super) struct Visitor<'p> {
    pub(super) transport: Transport,
    pub(super) client: SocketAddr,
    /// The page's origin, if it is a page.
    pub(super) origin: Option<&'p str>,
    /// The path that names the server.
    pub(super) path: &'p str,
}

pub(super) struct Context {
    pub(super) config: BridgeConfig,
    pub(super) servers: Servers,
    pub(super) admission: Admission,
    pub(super) counters: Counters,
    events: SyncSender<BridgeEvent>,
    live: Mutex<BTreeMap<u64, (SessionInfo, Arc<Traffic>)>>,
    next_id: AtomicU64,
    /// True once every session is to end.
    pub(super) ending: watch::Sender<bool>,
}

impl Context {
    pub(super) fn new(config: BridgeConfig, events: SyncSender<BridgeEvent>) -> Self {
        Self {
            servers: Servers::new(config.allow.clone()),
            admission: Admission::new(&config.limits),
            counters: Counters::new(),
            config,
            events,
            live: Mutex::default(),
            next_id: AtomicU64::new(1),
            ending: watch::Sender::new(false),
        }
    }

    /// Opens a session, or says why not.
    pub(super) async fn open(
        self: &Arc<Self>,
        visitor: &Visitor<'_>,
    ) -> Result<Session, CloseCode> {
        self.try_open(visitor).await.inspect_err(|&code| {
            self.counters.refused(visitor.transport, code);
            self.tell(BridgeEvent::Refused {
                transport: visitor.transport,
                client: visitor.client,
                code,
            });
        })
    }

    async fn try_open(self: &Arc<Self>, visitor: &Visitor<'_>) -> Result<Session, CloseCode> {
        if !self.config.serves(visitor.origin) {
            return Err(CloseCode::OriginNotAllowed);
        }
        let server = self.servers.find(visitor.path)?;
        let permit = self.admission.admit(visitor.client.ip())?;
        let upstream = connect(server).await.map_err(|_| CloseCode::Unavailable)?;
        let info = SessionInfo {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            transport: visitor.transport,
            client: visitor.client,
            server,
            origin: visitor.origin.map(str::to_owned),
            datagrams: [0; 2],
            bytes: [0; 2],
        };
        let traffic = Arc::new(Traffic::default());
        self.live()
            .insert(info.id, (info.clone(), Arc::clone(&traffic)));
        self.counters.opened(info.transport);
        self.tell(BridgeEvent::Opened(info.clone()));
        Ok(Session::new(
            Arc::clone(self),
            info,
            traffic,
            permit,
            upstream,
        ))
    }

    /// A session of [`open`](Self::open) is over.
    pub(super) fn ended(&self, info: &SessionInfo, cause: EndCause) {
        let Some((info, traffic)) = self.live().remove(&info.id) else {
            return;
        };
        self.counters.ended(info.transport, cause);
        self.tell(BridgeEvent::Ended {
            session: traffic.report(&info),
            cause,
        });
    }

    /// Every session at present, by age.
    pub(super) fn sessions(&self) -> Vec<SessionInfo> {
        self.live()
            .values()
            .map(|(info, traffic)| traffic.report(info))
            .collect()
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, (SessionInfo, Arc<Traffic>)>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events wait for their taker in bounded room: sessions never wait for it.
    fn tell(&self, event: BridgeEvent) {
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            self.counters.events_lost.inc();
        }
    }
}

/// A socket of its own for each session: to the server it is a client like any other, and
/// datagrams from elsewhere never reach it.
async fn connect(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket)?;
    // One just made takes nothing until the system has said that it does, and a session's first
    // message is the one that matters most.
    socket.writable().await?;
    Ok(socket)
}
