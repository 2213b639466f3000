//! Requests to the backend: blocking, with a limit on everything.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::crypto::aws_lc_rs;
use serde_json::Value;
use ureq::config::Config;
use ureq::http::{HeaderValue, Request, Response, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};
use zeroize::Zeroizing;

use super::failure::{Failure, shown};
use super::url::BaseUrl;

/// Maximum length of an answer. One with a token has 3 kB.
const LONGEST_ANSWER: u64 = 64 * 1024;
/// Maximum length of the head of an answer.
const LONGEST_HEAD: usize = 16 * 1024;

/// Backend, with the credential for it.
pub(crate) struct Backend {
    agent: Agent,
    url: BaseUrl,
    authorization: HeaderValue,
}

impl Backend {
    pub(super) fn new(url: BaseUrl, key: &str, timeout: Duration) -> Result<Self> {
        let bearer = Zeroizing::new(format!("Bearer {key}"));
        let mut authorization = HeaderValue::from_str(&bearer).context("the API key")?;
        authorization.set_sensitive(true);
        Ok(Self {
            agent: config(&url, timeout).new_agent(),
            url,
            authorization,
        })
    }

    pub(crate) fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Sends a body of JSON, and gives the body of the answer, an object.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, application/problem+json")
            .body(body.to_string());
        let request = request.map_err(|error| Failure::Malformed(error.to_string()))?;
        let mut response = self.agent.run(request).map_err(|error| failed(&error))?;
        let answer = read(&mut response)?;
        match response.status().as_u16() {
            200..=299 => match serde_json::from_slice(&answer) {
                Ok(answer @ Value::Object(_)) => Ok(answer),
                _ => Err(Failure::Malformed("no JSON object".to_owned())),
            },
            300..=399 => Err(redirected(&response)),
            status => {
                let retry_after = response.headers().get(header::RETRY_AFTER);
                let retry_after = retry_after.and_then(|it| it.to_str().ok());
                Err(Failure::refused(status, &answer, retry_after))
            }
        }
    }
}

fn config(url: &BaseUrl, timeout: Duration) -> Config {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build();
    // A proxy of the environment may forward what is encrypted, and nothing else.
    let proxy = url.is_encrypted().then(Proxy::try_from_env).flatten();
    Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        // The key is for this host alone.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(LONGEST_HEAD)
        .user_agent(concat!("netcode/", env!("CARGO_PKG_VERSION")))
        .build()
}

fn read(response: &mut Response<Body>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let body = response.body_mut().with_config().limit(LONGEST_ANSWER);
    match body.read_to_vec() {
        Ok(body) => Ok(Zeroizing::new(body)),
        Err(ureq::Error::BodyExceedsLimit(_)) => Err(Failure::Malformed(format!(
            "more than {LONGEST_ANSWER} bytes"
        ))),
        Err(error) => Err(failed(&error)),
    }
}

fn redirected(response: &Response<Body>) -> Failure {
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|it| it.to_str().ok()).unwrap_or_default();
    Failure::Malformed(format!(
        "a redirect to `{}`, where the API key is not sent",
        shown(location)
    ))
}

/// Failure of a request that got no answer.
fn failed(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Rustls(error) => Failure::Untrusted(error.to_string()),
        ureq::Error::Timeout(part) => Failure::Unreachable(format!("no answer in time ({part})")),
        ureq::Error::HostNotFound => Failure::Unreachable("its name does not resolve".to_owned()),
        ureq::Error::Protocol(error) => Failure::Malformed(error.to_string()),
        ureq::Error::LargeResponseHeader(..) => {
            Failure::Malformed(format!("a head of more than {LONGEST_HEAD} bytes"))
        }
        ureq::Error::Io(error) => match tls_error(error) {
            Some(error) => Failure::Untrusted(error.to_string()),
            None => Failure::Unreachable(error.to_string()),
        },
        error => Failure::Unreachable(error.to_string()),
    }
}

/// Error of TLS inside one of the stream that it protects.
fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner
        .downcast_ref()
        .or_else(|| inner.source().and_then(|source| source.downcast_ref()))
}
