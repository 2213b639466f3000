//! WebTransport: sessions of HTTP/3, whose datagrams are forwarded over UDP.

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

/// Time for a browser to receive the close code.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// QUIC's initial MTU: a full netcode datagram (1225 bytes) fits, with QUIC's own overhead.
const INITIAL_MTU: u16 = 1280;

/// Streams of a connection: one for the session, three for HTTP/3.
const STREAMS: u32 = 4;

/// Bytes in all streams of a connection together: they carry headers and little else.
const STREAM_BYTES: u32 = 16 * 1024;

/// Maximum length of the HTTP/3 prefix of each datagram, bytes.
const SESSION_ID_BYTES: usize = 8;

/// QUIC configuration under `certificate`.
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
    // The session's own timeout comes first, and sends a close code.
    let idle = limits.idle_timeout + Duration::from_secs(10);
    let idle = u32::try_from(idle.as_millis()).unwrap_or(u32::MAX);
    transport.max_idle_timeout(Some(VarInt::from_u32(idle.min(1 << 29)).into()));
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Listens at `address`. Needs an entered runtime.
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
                // A Retry that cannot be sent is repeated by the browser's next attempt.
                let _ = incoming.retry();
            }
            Admitted::No(limit) => {
                context.limited(limit, incoming.remote_address().ip());
                // A real browser repeats its packet soon.
                incoming.ignore();
            }
        }
    }
}

/// Admission of a new connection.
enum Admitted {
    /// The connection has a place for its handshake.
    Place(Place),
    /// The connection has to validate its address.
    Retry,
    No(Limit),
}

/// Admits a connection. An unvalidated address may be forged: it gets a place only
/// while half of them are free, so that forged addresses exhaust neither the total nor the share
/// of another address.
fn admit(incoming: &Incoming, context: &Context) -> Admitted {
    let address = incoming.remote_address().ip();
    let Admission {
        quic_handshakes,
        quic_arrivals,
        quic_unvalidated_arrivals,
        ..
    } = &context.admission;
    let now = Instant::now();
    if incoming.remote_address_validated() || !incoming.may_retry() {
        if let Err(exhausted) = quic_arrivals.take(now, address) {
            return Admitted::No(Resource::Arrivals.limit(exhausted));
        }
    } else if quic_handshakes.is_crowded(address)
        || quic_unvalidated_arrivals.take(now, address).is_err()
    {
        return Admitted::Retry;
    }
    match quic_handshakes.take(address) {
        Ok(place) => Admitted::Place(place),
        Err(exhausted) => Admitted::No(Resource::QuicHandshakes.limit(exhausted)),
    }
}

/// Runs one connection to its end. `place` is held by the handshake until a session has its own.
async fn connect(incoming: Incoming, place: Place, context: Arc<Context>) {
    let limit = context.config.limits.quic_handshake_timeout;
    let client = incoming.remote_address().ip();
    match timeout(limit, handshake(incoming)).await {
        Ok(Some(request)) => {
            let connection = request.conn().clone();
            serve(request, place, &context).await;
            // The connection is closed, whatever the result.
            connection.close(VarInt::from_u32(0), b"");
        }
        Ok(None) => {}
        Err(_) => context.limited(Limit::QuicHandshakeTimeout, client),
    }
}

/// Runs the handshake up to the browser's request for a session.
async fn handshake(incoming: Incoming) -> Option<Request> {
    Request::accept(incoming.await.ok()?).await.ok()
}

/// Runs one session, from the request to its end.
async fn serve(request: Request, place: Place, context: &Arc<Context>) {
    let origin = request.headers.get("origin");
    let visitor = Visitor {
        transport: Transport::WebTransport,
        client: request.conn().remote_address(),
        origin: origin.map(HeaderValue::as_bytes),
        path: request.url.path(),
    };
    let opened = match context.invite(&visitor) {
        Ok(guest) => Session::open(context, guest).await,
        Err(code) => Err(code),
    };
    // A refused session is accepted and closed: a page cannot see the reason of a refusal by
    // status.
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
        // The handshake's place is held until the connection is closed.
        Err(code) => close(&browser, code).await,
    }
}

/// Forwards datagrams in both directions until the session ends.
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
            // The deadline moves with every message; the alarm is set again when it fires.
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

/// Sends a message. `true` if there was room for it.
fn send(
    browser: &web_transport_quinn::Session,
    message: &[u8],
    backpressure: Backpressure,
) -> bool {
    let room = browser.datagram_send_buffer_space() >= message.len() + SESSION_ID_BYTES;
    // Without room, QUIC drops its oldest datagrams.
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

/// Sends the close code, and waits a limited time until the browser has it or is gone.
async fn close(browser: &web_transport_quinn::Session, code: CloseCode) {
    // A busy browser that answers late loses the close code with the connection, so the code is
    // sent as a message first.
    let message = code.to_message();
    let _ = browser.send_datagram(Bytes::copy_from_slice(&message));
    browser.close(code.number(), code.as_str().as_bytes());
    let _ = timeout(CLOSE_TIMEOUT, browser.closed()).await;
}
