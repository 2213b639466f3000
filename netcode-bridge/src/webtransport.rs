//! WebTransport: sessions of HTTP/3, whose datagrams become UDP's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use netcode_core::bridge::CloseCode;
use tokio::time::{sleep_until, timeout};
use web_transport_quinn::http::HeaderValue;
use web_transport_quinn::quinn::crypto::rustls::QuicServerConfig;
use web_transport_quinn::quinn::{
    Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use web_transport_quinn::{ALPN, Request, SessionError, WebTransportError};

use super::admission::{Admission, Place};
use super::certificate::Loaded;
use super::config::{Backpressure, Limits};
use super::context::{Context, Visitor};
use super::error::BridgeError;
use super::event::{EndCause, Transport};
use super::limit::{Limit, Resource};
use super::session::Session;
use netcode_std::SocketOptions;

/// How long a browser has to hear why its session ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// With QUIC's own overhead a full netcode datagram (1225 bytes) fits, from the first on.
const INITIAL_MTU: u16 = 1280;

/// A session needs one stream, and HTTP/3 three of its own.
const STREAMS: u32 = 4;

/// What all of a connection's streams may hold, bytes: they carry headers and little else.
const STREAM_BYTES: u32 = 16 * 1024;

/// What HTTP/3 puts before each datagram, bytes at most.
const SESSION_ID_BYTES: usize = 8;

/// How QUIC is spoken under `certificate`.
pub(super) fn server_config(
    certificate: &Loaded,
    limits: &Limits,
) -> Result<ServerConfig, BridgeError> {
    let tls = certificate.server_config(&[ALPN.as_bytes()])?;
    let tls = QuicServerConfig::try_from(tls)
        .map_err(|error| BridgeError::Certificate(error.to_string()))?;
    let mut transport = TransportConfig::default();
    transport
        .initial_mtu(INITIAL_MTU)
        .max_concurrent_bidi_streams(STREAMS.into())
        .max_concurrent_uni_streams(STREAMS.into())
        .stream_receive_window(STREAM_BYTES.into())
        .receive_window(STREAM_BYTES.into())
        .datagram_receive_buffer_size(Some(limits.buffer_bytes))
        .datagram_send_buffer_size(limits.buffer_bytes);
    // The session's own timeout comes first, and says why.
    let idle = limits.idle_timeout + Duration::from_secs(10);
    let idle = u32::try_from(idle.as_millis()).unwrap_or(u32::MAX);
    transport.max_idle_timeout(Some(VarInt::from_u32(idle.min(1 << 29)).into()));
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Listens at `address`. Needs a runtime around it.
pub(super) fn listen(
    address: SocketAddr,
    config: ServerConfig,
) -> Result<(Endpoint, SocketAddr), BridgeError> {
    let bind = || {
        let socket = SocketOptions::default().bind(address)?;
        let bound = socket.local_addr()?;
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime)?;
        Ok((endpoint, bound))
    };
    bind().map_err(|error| BridgeError::Listen { address, error })
}

/// Accepts connections until the endpoint is closed.
pub(super) async fn accept(endpoint: Endpoint, context: Arc<Context>) {
    while let Some(incoming) = endpoint.accept().await {
        match admit(&incoming, &context) {
            Admitted::Place(place) => {
                tokio::spawn(connect(incoming, place, Arc::clone(&context)));
            }
            Admitted::Retry => {
                context.counters.quic_retries.inc();
                // What could not be sent is asked for again.
                let _ = incoming.retry();
            }
            Admitted::No(limit) => {
                context.counters.limited(limit);
                // Whoever means it asks again in a moment.
                incoming.ignore();
            }
        }
    }
}

/// What becomes of a newcomer.
enum Admitted {
    /// It has a place for its handshake.
    Place(Place),
    /// It has to show that it receives at its address.
    Retry,
    No(Limit),
}

/// Whoever has not shown its address may be anybody: it gets a place only while there are plenty,
/// so that forged addresses use up neither the places nor anybody's share of them.
fn admit(incoming: &Incoming, context: &Context) -> Admitted {
    let address = incoming.remote_address().ip();
    let Admission {
        quic_handshakes,
        quic_arrivals,
        quic_strangers,
        ..
    } = &context.admission;
    let now = Instant::now();
    if incoming.remote_address_validated() || !incoming.may_retry() {
        if let Err(exhausted) = quic_arrivals.take(now, address) {
            return Admitted::No(Resource::Arrivals.limit(exhausted));
        }
    } else if quic_handshakes.is_crowded(address) || quic_strangers.take(now, address).is_err() {
        return Admitted::Retry;
    }
    match quic_handshakes.take(address) {
        Ok(place) => Admitted::Place(place),
        Err(exhausted) => Admitted::No(Resource::QuicHandshakes.limit(exhausted)),
    }
}

/// One connection, to its end. `place` is its own until it has a session's.
async fn connect(incoming: Incoming, place: Place, context: Arc<Context>) {
    let limit = context.config.limits.quic_handshake_timeout;
    match timeout(limit, handshake(incoming)).await {
        Ok(Some(request)) => {
            let connection = request.conn().clone();
            serve(request, place, &context).await;
            // Whatever became of it, nothing of it stays.
            connection.close(VarInt::from_u32(0), b"");
        }
        Ok(None) => {}
        Err(_) => context.counters.limited(Limit::QuicHandshakeTimeout),
    }
}

/// Up to the browser's request for a session.
async fn handshake(incoming: Incoming) -> Option<Request> {
    Request::accept(incoming.await.ok()?).await.ok()
}

/// One session, from the request to its end.
async fn serve(request: Request, place: Place, context: &Arc<Context>) {
    let origin = request.headers.get("origin");
    let visitor = Visitor {
        transport: Transport::WebTransport,
        client: request.conn().remote_address(),
        origin: origin.map(HeaderValue::as_bytes),
        path: request.url.path(),
    };
    let opened = match context.invite(&visitor) {
        Ok(guest) => context.open(guest).await,
        Err(code) => Err(code),
    };
    // A refused session is accepted and closed: of a refusal by status a page learns nothing.
    let limit = context.config.limits.quic_handshake_timeout;
    let Ok(Ok(browser)) = timeout(limit, request.ok()).await else {
        return;
    };
    match opened {
        Ok(mut session) => {
            drop(place);
            let cause = carry(&browser, &mut session).await;
            if let EndCause::Bridge(code) = cause {
                close(&browser, code).await;
            }
            session.finish(cause);
        }
        // It keeps the handshake's place until it is gone.
        Err(code) => close(&browser, code).await,
    }
}

/// Carries datagrams both ways until the session ends.
async fn carry(browser: &web_transport_quinn::Session, session: &mut Session) -> EndCause {
    let backpressure = session.backpressure();
    let alarm = sleep_until(session.deadline().0.into());
    let end = session.bridge_ends();
    tokio::pin!(alarm, end);
    loop {
        tokio::select! {
            message = browser.read_datagram() => match message {
                Ok(message) => {
                    if let Err(code) = session.uplink(&message) {
                        return EndCause::Bridge(code);
                    }
                }
                Err(error) => return end_of(&error),
            },
            () = session.server_speaks() => {
                let most = browser.max_datagram_size();
                session.downlink(most, |message| send(browser, message, backpressure));
            }
            // The deadline moves on with every message; the alarm follows when it rings.
            () = &mut alarm => {
                let (due, code) = session.deadline();
                if due <= Instant::now() {
                    return EndCause::Bridge(code);
                }
                alarm.as_mut().reset(due.into());
            }
            () = &mut end => return EndCause::Bridge(CloseCode::Draining),
        }
    }
}

/// Whether there was room for the message.
fn send(
    browser: &web_transport_quinn::Session,
    message: &[u8],
    backpressure: Backpressure,
) -> bool {
    let room = browser.datagram_send_buffer_space() >= message.len() + SESSION_ID_BYTES;
    // Without room, QUIC itself drops what has waited longest.
    let goes = room || backpressure == Backpressure::DropOldest;
    goes && browser
        .send_datagram(Bytes::copy_from_slice(message))
        .is_ok()
        && room
}

fn end_of(error: &SessionError) -> EndCause {
    use web_transport_quinn::quinn::ConnectionError as Quic;
    match error {
        SessionError::WebTransportError(WebTransportError::Closed(..))
        | SessionError::ConnectionError(
            Quic::ApplicationClosed(_) | Quic::ConnectionClosed(_) | Quic::LocallyClosed,
        ) => EndCause::Browser,
        _ => EndCause::Lost,
    }
}

/// Tells the browser why, and waits until it knows or is gone, but not for ever.
async fn close(browser: &web_transport_quinn::Session, code: CloseCode) {
    // The close code is given up with the connection if a busy browser does not answer it soon;
    // so it goes ahead as a message, too.
    let message = code.to_message();
    let _ = browser.send_datagram(Bytes::copy_from_slice(&message));
    browser.close(code.number(), code.as_str().as_bytes());
    let _ = timeout(FAREWELL, browser.closed()).await;
}
