//! State shared by all sessions of a bridge.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use netcode_core::bridge::CloseCode;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::admission::{Admission, Place};
use super::allow::Servers;
use super::config::{BridgeConfig, MAX_ORIGIN_BYTES};
use super::counters::Counters;
use super::event::{BridgeEvent, EndCause, SessionInfo, Transport};
use super::limit::{Limit, Refusal, Resource};
use super::log::Log;
use super::traffic::Traffic;

/// Request for a session.
pub(super) struct Visitor<'p> {
    pub(super) transport: Transport,
    pub(super) client: SocketAddr,
    /// Origin of the page, if it is a page.
    pub(super) origin: Option<&'p [u8]>,
    /// Path that names the server.
    pub(super) path: &'p str,
}

/// Visitor that may have a session with this server.
#[derive(Clone)]
pub(super) struct Guest {
    transport: Transport,
    client: SocketAddr,
    origin: Option<String>,
    server: SocketAddr,
}

/// Room for one session: its place, its socket to the server, and its entry among the open ones.
pub(super) struct Seat {
    pub(super) info: SessionInfo,
    pub(super) traffic: Arc<Traffic>,
    pub(super) place: Place,
    pub(super) upstream: UdpSocket,
}

/// Answered WebRTC offer. It holds no session's place and no socket.
pub(super) struct Offer {
    context: Arc<Context>,
    guest: Guest,
    /// Place among offers, held until the offer ends.
    _place: Place,
    /// Time at which the offer is dropped.
    pub(super) deadline: Instant,
}

impl Offer {
    /// Guest of the offer, with the address that its data channel comes from.
    pub(super) fn guest_at(&self, client: SocketAddr) -> Guest {
        Guest {
            client,
            ..self.guest.clone()
        }
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Ends an offer whose data channel did not open in time.
    pub(super) fn expired(self) {
        let client = self.guest.client.ip();
        self.context.limited(Limit::OfferTimeout, client);
    }
}

pub(super) struct Context {
    pub(super) config: BridgeConfig,
    pub(super) servers: Servers,
    pub(super) admission: Admission,
    pub(super) counters: Counters,
    pub(super) log: Log,
    events: SyncSender<BridgeEvent>,
    live: Mutex<BTreeMap<u64, (SessionInfo, Arc<Traffic>)>>,
    next_id: AtomicU64,
    /// `true` once every session has to end.
    ending: watch::Sender<bool>,
}

impl Context {
    pub(super) fn new(config: BridgeConfig, events: SyncSender<BridgeEvent>) -> Self {
        Self {
            servers: Servers::new(config.allow.clone()),
            admission: Admission::new(&config.limits, Instant::now()),
            counters: Counters::new(),
            log: Log::new(Instant::now()),
            config,
            events,
            live: Mutex::default(),
            next_id: AtomicU64::new(1),
            ending: watch::Sender::new(false),
        }
    }

    /// Checks that the visitor may have a session.
    pub(super) fn invite(&self, visitor: &Visitor<'_>) -> Result<Guest, CloseCode> {
        let invited = self.try_invite(visitor);
        invited.map_err(|refusal| self.refuse(visitor.transport, visitor.client, refusal))
    }

    fn try_invite(&self, visitor: &Visitor<'_>) -> Result<Guest, Refusal> {
        let origin = visitor.origin.map(check_origin).transpose()?;
        if !self.config.serves(origin) {
            return Err(CloseCode::OriginNotAllowed.into());
        }
        let server = self.servers.find(visitor.path)?;
        if self.admission.is_closed() {
            return Err(CloseCode::Draining.into());
        }
        Ok(Guest {
            transport: visitor.transport,
            client: visitor.client,
            origin: origin.map(str::to_owned),
            server,
        })
    }

    /// Takes an offer's place, if one is free and a session's place would be free too.
    pub(super) fn offer(self: &Arc<Self>, guest: Guest) -> Result<Offer, CloseCode> {
        let address = guest.client.ip();
        let sessions = self.admission.sessions.room(address);
        let place = sessions
            .map_err(|exhausted| Resource::Sessions.limit(exhausted))
            .and_then(|()| {
                let place = self.admission.offers.take(address);
                place.map_err(|exhausted| Resource::Offers.limit(exhausted))
            })
            .map_err(|limit| self.refuse(guest.transport, guest.client, limit.into()))?;
        Ok(Offer {
            context: Arc::clone(self),
            guest,
            _place: place,
            deadline: Instant::now() + self.config.limits.offer_timeout,
        })
    }

    /// Makes room for a session and reports it as open; [`ended`](Self::ended) has to follow.
    pub(super) async fn open(&self, guest: Guest) -> Result<Seat, CloseCode> {
        let (transport, client) = (guest.transport, guest.client);
        let opened = self.try_open(guest).await;
        opened.map_err(|refusal| self.refuse(transport, client, refusal))
    }

    async fn try_open(&self, guest: Guest) -> Result<Seat, Refusal> {
        if self.admission.is_closed() {
            return Err(CloseCode::Draining.into());
        }
        let place = self.admission.sessions.take(guest.client.ip());
        let place = place.map_err(|exhausted| Resource::Sessions.limit(exhausted))?;
        let upstream = connect(guest.server).await;
        let upstream = upstream.map_err(|_| CloseCode::Unavailable)?;
        let info = SessionInfo {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            transport: guest.transport,
            client: guest.client,
            server: guest.server,
            origin: guest.origin,
            datagrams: [0; 2],
            bytes: [0; 2],
        };
        let traffic = Arc::new(Traffic::default());
        self.live()
            .insert(info.id, (info.clone(), Arc::clone(&traffic)));
        self.counters.opened(info.transport);
        self.log.opened(Instant::now(), &info);
        self.tell(BridgeEvent::Opened(info.clone()));
        Ok(Seat {
            info,
            traffic,
            place,
            upstream,
        })
    }

    /// Counts and reports a refusal.
    fn refuse(&self, transport: Transport, client: SocketAddr, refusal: Refusal) -> CloseCode {
        let Refusal { code, limit } = refusal;
        self.counters.refused(transport, code);
        if let Some(limit) = limit {
            self.counters.limited(limit);
        }
        self.log.refused(refusal, client.ip());
        self.tell(BridgeEvent::Refused {
            transport,
            client,
            code,
            limit,
        });
        code
    }

    /// Counts and logs a refusal, or the end of a connection, that no browser is told of.
    pub(super) fn limited(&self, limit: Limit, client: IpAddr) {
        self.counters.limited(limit);
        self.log.refused(limit.into(), client);
    }

    /// Admits no further session, and ends the open ones.
    pub(super) fn end(&self) {
        self.admission.close();
        self.ending.send_replace(true);
    }

    /// Waits until every session has to end.
    pub(super) fn ends(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ending = self.ending.subscribe();
        async move {
            // The sender lives as long as the context.
            let _ = ending.wait_for(|ending| *ending).await;
        }
    }

    /// Records the end of a session of [`open`](Self::open).
    pub(super) fn ended(&self, info: &SessionInfo, cause: EndCause) {
        let Some((info, traffic)) = self.live().remove(&info.id) else {
            return;
        };
        let session = traffic.report(&info);
        self.counters.ended(session.transport, cause);
        self.log.ended(Instant::now(), &session, cause);
        self.tell(BridgeEvent::Ended { session, cause });
    }

    /// Open sessions, oldest first.
    pub(super) fn sessions(&self) -> Vec<SessionInfo> {
        self.live()
            .values()
            .map(|(info, traffic)| traffic.report(info))
            .collect()
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, (SessionInfo, Arc<Traffic>)>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event in bounded room: sessions never wait for the reader.
    fn tell(&self, event: BridgeEvent) {
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            self.counters.events_lost.inc();
        }
    }
}

/// Checks an origin: a scheme, a host and a port in ASCII, of limited length since a session stores
/// it.
fn check_origin(origin: &[u8]) -> Result<&str, Refusal> {
    if origin.len() > MAX_ORIGIN_BYTES {
        return Err(Limit::OriginBytes.into());
    }
    std::str::from_utf8(origin).map_err(|_| CloseCode::OriginNotAllowed.into())
}

/// Connects a socket for one session: the server sees an ordinary client, and datagrams from other
/// addresses never reach the session.
async fn connect(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket)?;
    // A new socket accepts nothing until the system has reported it writable, and a session's first
    // message, the connection request, must not be lost.
    socket.writable().await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::{AllowList, Certificate};

    #[test]
    fn unread_events_are_bounded_and_counted() {
        let config = BridgeConfig::new(AllowList::default(), Certificate::for_development());
        let (events, taken) = sync_channel(3);
        let context = Context::new(config, events);
        let visitor = Visitor {
            transport: Transport::WebRtc,
            client: SocketAddr::from(([192, 0, 2, 1], 1)),
            origin: None,
            path: "/netcode/x",
        };
        for _ in 0..10 {
            assert!(context.invite(&visitor).is_err());
        }
        assert_eq!(context.counters.events_lost.get(), 7);
        assert_eq!(taken.try_iter().count(), 3);
    }
}
