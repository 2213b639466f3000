//! HTTP routes of a bridge: WebRTC offers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use netcode_core::bridge::{CloseCode, PATH_PREFIX};
use tower_http::cors::{Any, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;

use super::proxy::browser_address;
use crate::context::Visitor;
use crate::event::Transport;
use crate::webrtc::{Offers, Unanswered};

/// Maximum length of an offer. A browser's offer of one data channel takes about a kilobyte.
const MAX_OFFER_BYTES: usize = 16 * 1024;

/// Route of offers. CORS permits any page, so that a page of a refused origin can read the reason.
pub(crate) fn offers(offers: Arc<Offers>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .max_age(Duration::from_secs(3600));
    Router::new()
        .route(&format!("{PATH_PREFIX}{{*server}}"), post(answer))
        .layer(RequestBodyLimitLayer::new(MAX_OFFER_BYTES))
        .layer(cors)
        .with_state(offers)
}

async fn answer(
    State(offers): State<Arc<Offers>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    offer: String,
) -> Response {
    // A task of its own: a panic caused by an offer ends that task alone.
    let answered = tokio::spawn(async move {
        let origin = headers.get(header::ORIGIN);
        let visitor = Visitor {
            transport: Transport::WebRtc,
            client: browser_address(offers.config(), from, &headers),
            origin: origin.map(HeaderValue::as_bytes),
            path: uri.path(),
        };
        offers.answer(&visitor, &offer)
    });
    match answered.await.unwrap_or(Err(Unanswered::BadOffer)) {
        Ok(answer) => {
            let sdp = [(header::CONTENT_TYPE, "application/sdp")];
            (StatusCode::CREATED, sdp, answer).into_response()
        }
        Err(Unanswered::Refused(code)) => refusal(code),
        Err(Unanswered::BadOffer) => {
            let text = "not an SDP offer of one data channel";
            (StatusCode::BAD_REQUEST, text).into_response()
        }
    }
}

fn refusal(code: CloseCode) -> Response {
    let status = match code {
        CloseCode::ServerNotAllowed | CloseCode::OriginNotAllowed => StatusCode::FORBIDDEN,
        CloseCode::TooManyFromAddress => StatusCode::TOO_MANY_REQUESTS,
        CloseCode::Unavailable => StatusCode::BAD_GATEWAY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = serde_json::json!({
        "code": code.number(), "name": code.name(), "reason": code.as_str(),
    });
    (status, axum::Json(body)).into_response()
}
