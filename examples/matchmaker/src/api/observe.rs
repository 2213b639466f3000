//! A log line and a measurement of each request, and the limit of requests at a time.
//!
//! A line has method, path, status and duration. It has no header, no query and no body: those
//! carry credentials and tokens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::problem::{Code, Refusal, is_problem};
use crate::service::Service;

/// Requests that are answered at a time; more are refused at once.
const MAX_REQUESTS: usize = 4096;

#[derive(Clone)]
pub(super) struct Observer {
    service: Arc<Service>,
    room: Arc<Semaphore>,
}

impl Observer {
    pub(super) fn new(service: Arc<Service>) -> Self {
        Self {
            service,
            room: Arc::new(Semaphore::new(MAX_REQUESTS)),
        }
    }
}

pub(super) async fn observe(
    State(observer): State<Observer>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = match observer.room.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => overloaded().into_response(),
    };
    let response = with_problem(response);
    let took = began.elapsed();
    let code = response.extensions().get::<Code>().copied();
    observer.service.metrics.request(took, code);
    tracing::info!(
        %method,
        path,
        status = response.status().as_u16(),
        code = code.map(Code::as_str),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    response
}

fn overloaded() -> Refusal {
    Refusal::new(Code::Unavailable, "too many requests at once; try again")
        .retry_after(Duration::from_secs(1))
}

/// Gives a refusal of a layer, which has text or nothing for a body, a problem body.
fn with_problem(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_problem(&response) {
        return response;
    }
    let code = Code::of_status(status);
    let detail = status.canonical_reason().unwrap_or("refused");
    let mut problem = Refusal::new(code, detail).into_response();
    // Such as `Allow`, of a refused method.
    for (name, value) in response.headers() {
        if !problem.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}
