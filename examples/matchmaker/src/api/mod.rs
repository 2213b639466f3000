//! HTTP interface.
//!
//! | file | contents |
//! | --- | --- |
//! | `connect` | tokens for players |
//! | `device` | sealed tokens for devices |
//! | `account` | accounts of the site itself |
//! | `servers` | heartbeats and the list of servers |
//! | `health` | health, readiness, metrics |
//! | `problem` | refusals |
//! | `body` | JSON bodies |
//! | `caller` | the caller of a request, and its limits |
//! | `observe` | a log line and a measurement of each request |

mod account;
mod body;
mod caller;
mod connect;
mod device;
mod health;
mod observe;
mod problem;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, header};
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::problem::{Code, Problem, Refusal};
use crate::service::Service;

/// Longest time from a request's head to its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest body, bytes. A heartbeat names up to 16,384 clients.
const MAX_BODY_BYTES: usize = 8 * 1024;
const MAX_HEARTBEAT_BYTES: usize = 512 * 1024;

/// Description of the interface.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Matchmaker",
        description = "From a website to a dedicated netcode server with a free slot. \
                       Every refusal is a problem body (RFC 9457) with a stable `code`."
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("API key or JSON Web Token"))
            .build();
        if let Some(components) = &mut description.components {
            components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        }
    }
}

/// Routes of the service.
pub fn router(service: &Arc<Service>) -> Router {
    let limited = OpenApiRouter::new()
        .routes(routes!(connect::connect))
        .routes(routes!(device::connect))
        .routes(routes!(account::sign_up))
        .routes(routes!(account::who, account::sign_in, account::sign_out))
        .layer(middleware::from_fn_with_state(
            Arc::clone(service),
            caller::limit_address,
        ));
    let heartbeats = OpenApiRouter::new()
        .routes(routes!(servers::heartbeat))
        .layer(DefaultBodyLimit::max(MAX_HEARTBEAT_BYTES));
    let (routes, description) = OpenApiRouter::with_openapi(Description::openapi())
        .merge(limited)
        .merge(heartbeats)
        .routes(routes!(servers::list))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .split_for_parts();
    let description = axum::Json(description);
    routes
        .route("/openapi.json", get(move || async { description }))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            TIMEOUT,
        ))
        .layer(cors(service))
        .layer(middleware::from_fn_with_state(
            observe::Observer::new(Arc::clone(service)),
            observe::observe,
        ))
        .with_state(Arc::clone(service))
}

/// Permission for pages of other hosts, which send a bearer token.
fn cors(service: &Service) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(service.origins.clone())
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER])
}
