//! URL of the backend.

use std::fmt;
use std::net::IpAddr;

use anyhow::{Result, bail};
use ureq::http::Uri;

/// Base URL, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    text: String,
    encrypted: bool,
    loopback: bool,
}

impl BaseUrl {
    /// `true` if requests are encrypted, or stay on this machine.
    pub(super) fn is_private(&self) -> bool {
        self.encrypted || self.loopback
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses a base URL. A path is permitted, for a backend behind a proxy.
pub(super) fn base_url(text: &str) -> Result<BaseUrl> {
    let uri = match text.parse::<Uri>() {
        Ok(uri) => uri,
        Err(error) => bail!("not a URL such as https://play.example: {error}"),
    };
    let encrypted = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => bail!("write https://HOST, or http://HOST:PORT"),
    };
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
        bail!("write https://HOST, or http://HOST:PORT");
    };
    if authority.as_str().contains('@') {
        bail!("no user name or password belongs into it: the API key has an option of its own");
    }
    if uri.query().is_some() {
        bail!("a base URL ends before `?`");
    }
    Ok(BaseUrl {
        text: text.trim_end_matches('/').to_owned(),
        encrypted,
        loopback: is_loopback(host),
    })
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_private_on_this_machine_alone() {
        for (text, private) in [
            ("https://play.example", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080/", true),
            ("http://localhost", true),
            ("http://10.0.0.11:8080", false),
            ("http://localhost.example", false),
            ("http://matchmaker.netcode.svc:8080/eu", false),
        ] {
            assert_eq!(base_url(text).unwrap().is_private(), private, "{text}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for text in [
            "play.example",
            "ftp://play.example",
            "https://",
            "https://key@play.example",
            "https://play.example/?region=eu",
            "https://play example",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
        let url = base_url("https://play.example/eu/").unwrap();
        assert_eq!(url.to_string(), "https://play.example/eu");
    }
}
