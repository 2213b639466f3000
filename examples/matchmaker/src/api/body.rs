//! JSON bodies, with a refusal for each way in which one can be wrong.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::{Code, Refusal};

/// Body of a request, from JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        // An object first: by itself, a structure would also be read from an array of its fields.
        let fields = Json::<Map<String, Value>>::from_request(request, state).await;
        let Json(fields) = fields.map_err(|error| refusal(&error))?;
        let body = T::deserialize(Value::Object(fields));
        let invalid = |error: serde_json::Error| {
            Refusal::new(Code::InvalidRequest, format!("malformed body: {error}"))
        };
        Ok(Self(body.map_err(invalid)?))
    }
}

fn refusal(error: &JsonRejection) -> Refusal {
    // A body that is JSON and not of the schema is as wrong as one that is no JSON.
    let code = match error.status() {
        StatusCode::UNPROCESSABLE_ENTITY => Code::InvalidRequest,
        status => Code::of_status(status),
    };
    Refusal::new(code, error.body_text())
}
