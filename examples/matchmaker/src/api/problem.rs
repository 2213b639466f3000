//! Refusals: each a problem body of RFC 9457 with a stable code.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response};
use utoipa::{IntoResponses, ToSchema};

use crate::store::StoreError;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Kind of a refusal. The text of a code never changes its meaning: clients may compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is malformed, or a field has an invalid value.
    InvalidRequest,
    /// No credential, or one that is not accepted.
    Unauthenticated,
    /// The credential is accepted, and does not permit this.
    Forbidden,
    /// No resource has this path.
    NotFound,
    /// The device is not registered with this public key.
    UnknownDevice,
    /// The resource does not support this method.
    MethodNotAllowed,
    /// The request did not arrive in time.
    RequestTimeout,
    /// An address of the server belongs to another server that is alive.
    AddressInUse,
    /// The name is taken.
    NameTaken,
    /// The body is too long.
    BodyTooLarge,
    /// The body is not of the type that the operation reads.
    UnsupportedMediaType,
    /// The caller, or its address, sends too many requests.
    TooManyRequests,
    /// The service failed. Its log says why.
    Internal,
    /// No server with these labels has a free slot.
    NoFreeSlot,
    /// State, keys or the allocator cannot be reached, or the service is overloaded or ends.
    Unavailable,
}

impl Code {
    /// HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownDevice => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::AddressInUse | Self::NameTaken => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoFreeSlot | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Text in `code`, and at the end of `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::UnknownDevice => "unknown-device",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::AddressInUse => "address-in-use",
            Self::NameTaken => "name-taken",
            Self::BodyTooLarge => "body-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::TooManyRequests => "too-many-requests",
            Self::Internal => "internal",
            Self::NoFreeSlot => "no-free-slot",
            Self::Unavailable => "unavailable",
        }
    }

    /// Code of an error that a layer below the handlers answered with this status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::InvalidRequest,
            _ => Self::Internal,
        }
    }
}

/// Refusal of a request.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Kind.
    pub code: Code,
    /// Sentence for a person, without secrets.
    pub detail: String,
    /// Earliest time to try again.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Refusal with a sentence that names its remedy.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// Sets the time to wait.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Refusal because a part of the service cannot be reached. The cause goes to the log alone.
    pub fn unavailable(part: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(part, %cause, "unavailable");
        Self::new(
            Code::Unavailable,
            format!("{part} cannot be reached; try again"),
        )
        .retry_after(Duration::from_secs(2))
    }

    /// Refusal because of a fault of the service itself. The cause goes to the log alone.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::Internal, "the service failed; its log says why")
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::unavailable("the state", &error)
    }
}

/// Problem body (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `/problems/` and the code.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "/problems/no-free-slot")]
    kind: String,
    /// HTTP status in words.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// Sentence for a person.
    detail: String,
    /// Stable code, for programs.
    #[schema(example = "no-free-slot")]
    code: &'static str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let code = self.code.as_str();
        let problem = Problem {
            kind: format!("/problems/{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail,
            code,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        if let Some(wait) = self.retry_after {
            // Rounded up: a client that waits for so long is not refused again for it.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self.code);
        response
    }
}

/// `true` if a response has a problem body.
pub(super) fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE) == Some(&CONTENT_TYPE)
}

impl IntoResponses for Refusal {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let all = [
            (400, "The request is malformed: `invalid-request`"),
            (401, "No accepted credential: `unauthenticated`"),
            (403, "The credential does not permit this: `forbidden`"),
            (404, "`not-found`, `unknown-device`"),
            (405, "`method-not-allowed`"),
            (408, "The request did not arrive in time: `request-timeout`"),
            (409, "`address-in-use`, `name-taken`"),
            (413, "`body-too-large`"),
            (415, "`unsupported-media-type`"),
            (429, "`too-many-requests`; wait for `Retry-After`"),
            (500, "`internal`"),
            (503, "`no-free-slot`, `unavailable`; wait for `Retry-After`"),
        ];
        let response = |(status, description): (u16, &str)| {
            let mut response = ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content.clone());
            if matches!(status, 429 | 503) {
                let seconds = HeaderBuilder::new()
                    .description(Some("Seconds to wait"))
                    .build();
                response = response.header("Retry-After", seconds);
            }
            (status.to_string(), response.build().into())
        };
        all.into_iter().map(response).collect()
    }
}
