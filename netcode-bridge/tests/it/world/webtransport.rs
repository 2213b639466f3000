//! A native WebTransport client that behaves like a browser.

use netcode_std::core::bridge::CloseCode;
use url::Url;
use web_transport_quinn::http::{HeaderName, HeaderValue};
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{ClientBuilder, Session, SessionError, WebTransportError};

use super::browser::{Ends, Visit};

/// Longest datagram of a stock Chromium; longer ones it drops silently.
const CHROMIUM: usize = 1211;

pub(super) async fn run(visit: Visit, mut ends: Ends) {
    let code = match connect(&visit).await {
        Some(session) => carry(&session, &mut ends).await,
        None => None,
    };
    ends.ended.set(code).expect("a session ends once");
}

pub(super) async fn connect(visit: &Visit) -> Option<Session> {
    let hash = visit.bridge.certificate_hash.to_vec();
    let client = ClientBuilder::new()
        .with_server_certificate_hashes(vec![hash])
        .unwrap();
    let url = format!("https://{}{}", visit.bridge.webtransport[0], visit.path);
    let mut request = ConnectRequest::new(url.parse::<Url>().unwrap());
    if let Some(origin) = &visit.origin {
        let value = HeaderValue::from_str(origin).unwrap();
        request = request.with_header(HeaderName::from_static("origin"), value);
    }
    client.connect(request).await.ok()
}

async fn carry(session: &Session, ends: &mut Ends) -> Option<CloseCode> {
    ends.most
        .set(session.max_datagram_size().min(CHROMIUM))
        .expect("a session opens once");
    loop {
        tokio::select! {
            message = session.read_datagram() => match message {
                Ok(message) => {
                    let _ = ends.received.send(message.to_vec());
                }
                Err(SessionError::WebTransportError(WebTransportError::Closed(code, _))) => {
                    return CloseCode::from_number(code);
                }
                Err(_) => return None,
            },
            message = ends.outgoing.recv() => match message {
                Some(message) => {
                    // One that is too long is dropped, as a browser does.
                    let _ = session.send_datagram(message.into());
                }
                None => {
                    session.close(0, b"");
                    session.closed().await;
                    return None;
                }
            },
        }
    }
}
